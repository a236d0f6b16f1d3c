//! Somebody on XMPP: RFC 6120, RFC 6121 and XEP-0045 over a bare socket, read by looking for the few
//! things that matter. For servers on this machine without TLS.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
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
pub struct Speaker {
    writer: Arc<Mutex<OwnedWriteHalf>>,
    next: Arc<AtomicU64>,
}

/// Somebody in rooms, who notes what is said there. Leaves when dropped.
#[derive(Debug)]
pub struct Person {
    /// Says things.
    pub speaker: Speaker,
    _hearing: JoinSet<()>,
}

impl Speaker {
    /// Says something in a room, by its full address. `text` holds nothing that XML would have escaped.
    ///
    /// # Errors
    /// Those of the socket.
    pub async fn say(&self, room: &str, text: &str) -> io::Result<()> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let stanza =
            format!("<message to='{room}' type='groupchat' id='l{id}'><body>{text}</body></message>");
        self.write(&stanza).await
    }

    /// Sends whole stanzas as they are.
    ///
    /// # Errors
    /// Those of the socket.
    pub async fn write(&self, xml: &str) -> io::Result<()> {
        self.writer.lock().await.write_all(xml.as_bytes()).await
    }
}

/// Logs in as `name` with the password `pw`, enters rooms by their full addresses, and notes what is
/// said there in the book, in the place `prefix` + room.
///
/// # Errors
/// Those of the socket, and when the server does not take us.
pub async fn enter(
    addr: SocketAddr,
    domain: &str,
    name: &str,
    rooms: &[String],
    prefix: &str,
    book: &Arc<Book>,
) -> io::Result<Person> {
    let stream = TcpStream::connect(addr).await?;
    stream.set_nodelay(true)?;
    let (reader, writer) = stream.into_split();
    let speaker = Speaker { writer: Arc::new(Mutex::new(writer)), next: Arc::default() };
    let mut stream = Stream { reader, buffer: String::new(), tail: Vec::new() };
    let hello = async {
        let open = format!(
            "<?xml version='1.0'?><stream:stream to='{domain}' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>"
        );
        speaker.write(&open).await?;
        stream.until("</stream:features>").await?;
        let plain = base64(format!("\0{name}\0pw").as_bytes());
        speaker
            .write(&format!(
                "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{plain}</auth>"
            ))
            .await?;
        stream.until("<success").await?;
        speaker.write(&open).await?;
        stream.until("</stream:features>").await?;
        speaker.write("<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>").await?;
        stream.until("</iq>").await?;
        speaker.write("<presence/>").await?;
        for room in rooms {
            let join = format!(
                "<presence to='{room}/{name}'><x xmlns='http://jabber.org/protocol/muc'><history maxstanzas='0'/></x></presence>"
            );
            speaker.write(&join).await?;
            // Every room shows us ourselves with this code, last of all who are there.
            stream.until("110").await?;
        }
        Ok::<(), io::Error>(())
    };
    timeout(PATIENCE, hello).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    let mut hearing = JoinSet::new();
    let (prefix, book, answers) = (prefix.to_owned(), Arc::clone(book), speaker.clone());
    hearing.spawn(async move {
        // The server may end the connection; then nothing more is heard.
        drop(stream.hear(&answers, &prefix, &book).await);
    });
    Ok(Person { speaker, _hearing: hearing })
}

struct Stream {
    reader: OwnedReadHalf,
    buffer: String,
    /// Bytes of a letter that is not whole yet.
    tail: Vec<u8>,
}

impl Stream {
    async fn more(&mut self) -> io::Result<()> {
        self.tail.reserve(64 * 1024);
        if self.reader.read_buf(&mut self.tail).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let whole = match std::str::from_utf8(&self.tail) {
            Ok(_) => self.tail.len(),
            Err(error) => error.valid_up_to(),
        };
        let bytes: Vec<u8> = self.tail.drain(..whole).collect();
        self.buffer.push_str(&String::from_utf8_lossy(&bytes));
        Ok(())
    }

    /// Reads past the first of this.
    async fn until(&mut self, end: &str) -> io::Result<()> {
        loop {
            if let Some((_, rest)) = self.buffer.split_once(end) {
                self.buffer = rest.to_owned();
                return Ok(());
            }
            if self.buffer.contains("<failure") || self.buffer.contains("type='error'") {
                return Err(io::Error::other(self.buffer.clone()));
            }
            self.more().await?;
        }
    }

    async fn hear(&mut self, speaker: &Speaker, prefix: &str, book: &Book) -> io::Result<()> {
        loop {
            let mut rest = self.buffer.as_str();
            while let Some((stanza, after)) = rest.split_once("</message>") {
                note(stanza, prefix, book);
                rest = after;
            }
            let rest = rest.len();
            if let Some(id) = pinged(&self.buffer) {
                speaker.write(&format!("<iq type='result' id='{id}'/>")).await?;
            }
            self.buffer.drain(..self.buffer.len() - rest);
            // Presences and the like between messages need not be kept.
            if !self.buffer.contains("<message") && self.buffer.ends_with('>') {
                self.buffer.clear();
            }
            self.more().await?;
        }
    }
}

fn note(stanza: &str, prefix: &str, book: &Book) {
    let Some((_, message)) = stanza.split_once("<message") else { return };
    let Some((head, inside)) = message.split_once('>') else { return };
    let Some(from) = attribute(head, "from") else { return };
    let room = from.split('/').next().unwrap_or(from);
    let Some((_, body)) = inside.split_once("<body>") else { return };
    let Some((body, _)) = body.split_once("</body>") else { return };
    book.heard_text(&format!("{prefix}{room}"), body);
}

/// The id of a question whether we are there.
fn pinged(xml: &str) -> Option<String> {
    let (before, _) = xml.split_once("urn:xmpp:ping")?;
    let (_, iq) = before.rsplit_once("<iq")?;
    attribute(iq, "id").map(str::to_owned)
}

fn attribute<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let (_, value) = head.split_once(&format!(" {name}="))?;
    let quote = value.chars().next()?;
    value.get(1..)?.split(quote).next()
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for three in bytes.chunks(3) {
        let word =
            three.iter().chain(&[0, 0]).take(3).fold(0_usize, |word, byte| word << 8 | usize::from(*byte));
        for place in 0..4 {
            let letter = LETTERS[word >> (18 - 6 * place) & 63];
            out.push(if place > three.len() { '=' } else { char::from(letter) });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_padded() {
        assert_eq!(base64(b"\0cleo\0pw"), "AGNsZW8AcHc=");
        assert_eq!(base64(b"abc"), "YWJj");
    }

    #[test]
    fn bodies_are_found_with_their_room() {
        let book = Book::default();
        let stanza = r#"<presence/><message id="l1" type="groupchat" from="r@x/ann"><body>load A-3</body><stanza-id/>"#;
        note(stanza, "x ", &book);
        assert_eq!(book.heard("x r@x", "A"), 1);
        assert_eq!(
            pinged("<iq id='p1' type='get'><ping xmlns='urn:xmpp:ping'/></iq>").as_deref(),
            Some("p1")
        );
    }
}
