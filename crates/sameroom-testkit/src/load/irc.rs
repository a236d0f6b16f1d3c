//! Somebody on IRC: RFC 1459 over a bare socket.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::Book;

/// How long connecting may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Says things.
#[derive(Clone, Debug)]
pub struct Speaker(Arc<Mutex<OwnedWriteHalf>>);

/// Somebody in rooms, who notes what is said there. Leaves when dropped.
#[derive(Debug)]
pub struct Person {
    /// Says things.
    pub speaker: Speaker,
    _hearing: JoinSet<()>,
}

impl Speaker {
    /// Says something in a room.
    ///
    /// # Errors
    /// Those of the socket.
    pub async fn say(&self, room: &str, text: &str) -> io::Result<()> {
        self.line(&format!("PRIVMSG {room} :{text}\r\n")).await
    }

    /// Sends whole lines as they are.
    ///
    /// # Errors
    /// Those of the socket.
    pub async fn line(&self, line: &str) -> io::Result<()> {
        self.0.lock().await.write_all(line.as_bytes()).await
    }

    /// Wakes a server that sits on a burst.
    ///
    /// # Errors
    /// Those of the socket.
    pub async fn nudge(&self) -> io::Result<()> {
        self.line("\r\n").await
    }
}

/// Connects, enters rooms, and notes what is said there in the book, in the place `prefix` + room.
///
/// # Errors
/// Those of the socket, and when the server does not take us.
pub async fn enter(
    addr: SocketAddr,
    nick: &str,
    rooms: &[String],
    prefix: &str,
    book: &Arc<Book>,
) -> io::Result<Person> {
    let stream = TcpStream::connect(addr).await?;
    stream.set_nodelay(true)?;
    let (reader, writer) = stream.into_split();
    let speaker = Speaker(Arc::new(Mutex::new(writer)));
    let mut lines = Lines { reader, buffer: Vec::new(), start: 0 };
    let hello = async {
        speaker.line(&format!("NICK {nick}\r\nUSER {nick} 0 * :{nick}\r\n")).await?;
        lines.until(&speaker, |line| line.contains(" 376 ") || line.contains(" 422 ")).await?;
        for some in rooms.chunks(10) {
            speaker.line(&format!("JOIN {}\r\n", some.join(","))).await?;
            for _ in some {
                lines.until(&speaker, |line| line.contains(" 366 ")).await?;
            }
        }
        Ok::<(), io::Error>(())
    };
    timeout(PATIENCE, hello).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    let mut hearing = JoinSet::new();
    let (prefix, book, answers) = (prefix.to_owned(), Arc::clone(book), speaker.clone());
    hearing.spawn(async move {
        // The server may end the connection; then nothing more is heard.
        drop(lines.hear(&answers, &prefix, &book).await);
    });
    Ok(Person { speaker, _hearing: hearing })
}

struct Lines {
    reader: OwnedReadHalf,
    buffer: Vec<u8>,
    start: usize,
}

impl Lines {
    /// The next line without its end.
    async fn next(&mut self) -> io::Result<String> {
        loop {
            let rest = self.buffer.get(self.start..).unwrap_or_default();
            if let Some(length) = rest.iter().position(|byte| *byte == b'\n') {
                let line = rest.get(..length).unwrap_or_default();
                let line = String::from_utf8_lossy(line).trim_end().to_owned();
                self.start += length + 1;
                return Ok(line);
            }
            self.buffer.drain(..self.start);
            self.start = 0;
            self.buffer.reserve(64 * 1024);
            if self.reader.read_buf(&mut self.buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    async fn until(&mut self, speaker: &Speaker, is_it: impl Fn(&str) -> bool) -> io::Result<()> {
        loop {
            let line = self.next().await?;
            if let Some(token) = line.strip_prefix("PING ") {
                speaker.line(&format!("PONG {token}\r\n")).await?;
            } else if line.contains(" 433 ") || line.starts_with("ERROR") {
                return Err(io::Error::other(line));
            } else if is_it(&line) {
                return Ok(());
            }
        }
    }

    async fn hear(&mut self, speaker: &Speaker, prefix: &str, book: &Book) -> io::Result<()> {
        loop {
            let line = self.next().await?;
            if let Some(token) = line.strip_prefix("PING ") {
                speaker.line(&format!("PONG {token}\r\n")).await?;
            } else if let Some((_, said)) =
                line.split_once(" PRIVMSG ").or_else(|| line.split_once(" NOTICE "))
                && let Some((room, text)) = said.split_once(" :")
            {
                book.heard_text(&format!("{prefix}{room}"), text);
            } else if let Some((who, kick)) = line.split_once(" KICK ") {
                book.happened(&format!("{prefix}{who} kicked {kick}"));
            }
        }
    }
}
