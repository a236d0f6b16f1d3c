//! An IRC client made of nothing but a socket, for looking at rooms from outside. It shares no code with any connector.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::{Instant, timeout_at};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(15);

/// A connected person. Lines are raw, without CR and LF; `PING` is answered while reading.
#[derive(Debug)]
pub struct IrcClient {
    reader: BufReader<OwnedReadHalf>,
    writer: OwnedWriteHalf,
    /// The nick in use.
    pub nick: String,
    /// Lines read past while waiting for others, oldest first.
    pub passed: VecDeque<String>,
    /// Whether own messages come back.
    pub echoes: bool,
}

impl IrcClient {
    /// Connects and registers, asking for those of `caps` that the server has.
    ///
    /// # Errors
    /// Those of the socket, and [`io::ErrorKind::TimedOut`].
    pub async fn connect(addr: SocketAddr, nick: &str, caps: &[&str]) -> io::Result<Self> {
        let stream = TcpStream::connect(addr).await?;
        stream.set_nodelay(true)?;
        let (reader, writer) = stream.into_split();
        let passed = VecDeque::new();
        let mut client =
            Self { reader: BufReader::new(reader), writer, nick: nick.to_owned(), passed, echoes: false };
        let start = if caps.is_empty() { String::new() } else { "CAP LS 302\r\n".to_owned() };
        client.send(&format!("{start}NICK {nick}\r\nUSER {nick} 0 * :{nick}")).await?;
        if !caps.is_empty() {
            let mut offered = String::new();
            loop {
                let line = client.expect(" LS ").await?;
                offered.push_str(line.rsplit(" :").next().unwrap_or_default());
                offered.push(' ');
                if !line.contains(" LS * ") {
                    break;
                }
            }
            let has =
                |cap: &&&str| offered.split_whitespace().any(|offer| offer.split('=').next() == Some(**cap));
            let wanted: Vec<&str> = caps.iter().filter(has).copied().collect();
            client.echoes = wanted.contains(&"echo-message");
            if !wanted.is_empty() {
                client.send(&format!("CAP REQ :{}", wanted.join(" "))).await?;
                client.expect(" ACK ").await?;
            }
            client.send("CAP END").await?;
        }
        client.expect_any(&[" 376 ", " 422 "]).await?;
        Ok(client)
    }

    /// Sends a raw line.
    ///
    /// # Errors
    /// Those of the socket.
    pub async fn send(&mut self, line: &str) -> io::Result<()> {
        self.send_bytes(format!("{line}\r\n").as_bytes()).await
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// Those of the socket.
    pub async fn send_bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.writer.write_all(bytes).await
    }

    /// Enters a room and reads to the end of its names.
    ///
    /// # Errors
    /// Those of the socket, and when the server does not let us in.
    pub async fn join(&mut self, room: &str) -> io::Result<()> {
        self.send(&format!("JOIN {room}")).await?;
        self.expect(" 366 ").await.map(|_| ())
    }

    /// Says something; gives the server's id of it where it tells one.
    ///
    /// # Errors
    /// Those of the socket.
    pub async fn say(&mut self, target: &str, text: &str) -> io::Result<Option<String>> {
        self.say_with("", target, text).await
    }

    /// Says something with tags, such as `+reply=abc`.
    ///
    /// # Errors
    /// Those of the socket.
    pub async fn say_with(&mut self, tags: &str, target: &str, text: &str) -> io::Result<Option<String>> {
        let tags = if tags.is_empty() { String::new() } else { format!("@{tags} ") };
        self.send(&format!("{tags}PRIVMSG {target} :{text}")).await?;
        if !self.echoes {
            return Ok(None);
        }
        let own = format!(":{}!", self.nick);
        let said = format!(" :{text}");
        let echo = self.wait(|line| body(line).starts_with(&own) && line.ends_with(&said)).await?;
        Ok(tag(&echo, "msgid").map(str::to_owned))
    }

    /// Waits for a line with this text in it, and gives it.
    ///
    /// # Errors
    /// Those of the socket, and [`io::ErrorKind::TimedOut`] with what came instead.
    pub async fn expect(&mut self, text: &str) -> io::Result<String> {
        self.expect_any(&[text]).await
    }

    /// Waits for a line with any of these texts in it, and gives it.
    ///
    /// # Errors
    /// Those of the socket, and [`io::ErrorKind::TimedOut`] with what came instead.
    pub async fn expect_any(&mut self, texts: &[&str]) -> io::Result<String> {
        self.wait(|line| texts.iter().any(|text| line.contains(text))).await
    }

    /// Waits for the first line of this kind, looking at those passed over before; the line is taken out.
    ///
    /// # Errors
    /// Those of the socket, and [`io::ErrorKind::TimedOut`] with what came instead.
    pub async fn wait(&mut self, mut is_it: impl FnMut(&str) -> bool) -> io::Result<String> {
        if let Some(index) = self.passed.iter().position(|line| is_it(line)) {
            return Ok(self.passed.remove(index).unwrap_or_default());
        }
        let deadline = Instant::now() + PATIENCE;
        loop {
            let line = self.next(deadline).await?;
            if is_it(&line) {
                return Ok(line);
            }
            self.passed.push_back(line);
        }
    }

    async fn next(&mut self, deadline: Instant) -> io::Result<String> {
        let mut bytes = Vec::new();
        let read = timeout_at(deadline, self.reader.read_until(b'\n', &mut bytes)).await;
        let late = |_| io::Error::new(io::ErrorKind::TimedOut, format!("came instead: {:#?}", self.passed));
        if read.map_err(late)?? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let line = String::from_utf8_lossy(&bytes).trim_end_matches(['\r', '\n']).to_owned();
        if let Some(token) = body(&line).strip_prefix("PING ") {
            let answer = format!("PONG {token}");
            self.send(&answer).await?;
        }
        Ok(line)
    }

    /// Reads everything that the server has sent until now.
    ///
    /// # Errors
    /// Those of the socket.
    pub async fn catch_up(&mut self) -> io::Result<()> {
        self.send("PING sync").await?;
        self.wait(|line| body(line).contains(" PONG ") && line.ends_with("sync")).await.map(|_| ())
    }
}

/// A line without its tags.
#[must_use]
pub fn body(line: &str) -> &str {
    if line.starts_with('@') { line.split_once(' ').map_or("", |(_, body)| body) } else { line }
}

/// The value of a tag on a line, escapes left as they are.
#[must_use]
pub fn tag<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    let tags = line.strip_prefix('@')?.split(' ').next()?;
    tags.split(';').find_map(|tag| tag.strip_prefix(key)?.strip_prefix('='))
}

/// Nick, target and text of a line that somebody said to a room or person.
#[must_use]
pub fn said(line: &str) -> Option<(&str, &str, &str)> {
    let (source, rest) = body(line).strip_prefix(':')?.split_once(' ')?;
    let rest = rest.strip_prefix("PRIVMSG ").or_else(|| rest.strip_prefix("NOTICE "))?;
    let (target, text) = rest.split_once(' ')?;
    let nick = source.split('!').next()?;
    Some((nick, target, text.strip_prefix(':').unwrap_or(text)))
}
