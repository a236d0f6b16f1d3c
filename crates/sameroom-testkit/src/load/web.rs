//! Somebody in a browser room: HTTP/1.1 over a bare socket. A write that is not acknowledged is tried
//! again under the same id, as the page does.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use super::Book;

/// How long one request may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a write is tried again.
const PERSISTENCE: Duration = Duration::from_secs(60);

/// Somebody with a room's link.
#[derive(Clone, Debug)]
pub struct Visitor {
    addr: SocketAddr,
    /// `/room/...`
    path: String,
    cookie: String,
}

/// An answer.
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Visitor {
    /// Enters the room behind a link under a name.
    ///
    /// # Errors
    /// Those of the socket, and when the server refuses.
    pub async fn enter(addr: SocketAddr, path: &str, name: &str) -> io::Result<Self> {
        let mut visitor = Self { addr, path: path.to_owned(), cookie: String::new() };
        let answer = visitor.insist("/name", &json!({ "name": name })).await?;
        let cookie = answer.head.lines().find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case("set-cookie").then(|| value.split(';').next().unwrap_or_default())
        });
        visitor.cookie = cookie.ok_or_else(|| io::Error::other("no cookie"))?.to_owned();
        Ok(visitor)
    }

    /// Says something, as often as it takes to have it acknowledged.
    ///
    /// # Errors
    /// When it is refused, or not acknowledged within a minute.
    pub async fn say(&self, id: &str, text: &str) -> io::Result<()> {
        self.insist("/messages", &json!({ "id": id, "text": text })).await.map(drop)
    }

    /// Notes everything that was ever said in the room in a book.
    ///
    /// # Errors
    /// Those of the socket.
    pub async fn read_all(&self, place: &str, book: &Book) -> io::Result<()> {
        let mut pages = Vec::new();
        let mut before = None;
        loop {
            let from = before.map_or_else(String::new, |id: String| format!("&before={id}"));
            let answer = self.once("GET", &format!("/history?limit=200{from}"), "").await?;
            let value: Value = serde_json::from_str(&answer.body)?;
            let messages = value["messages"].as_array().cloned().unwrap_or_default();
            before = messages.first().and_then(|first| first["id"].as_str()).map(str::to_owned);
            let is_over = value["more"] != true || before.is_none();
            pages.push(messages);
            if is_over {
                break;
            }
        }
        for message in pages.iter().rev().flatten() {
            book.heard_text(place, message["text"].as_str().unwrap_or_default());
        }
        Ok(())
    }

    async fn insist(&self, below: &str, body: &Value) -> io::Result<Answer> {
        let deadline = Instant::now() + PERSISTENCE;
        loop {
            let tried = self.once("POST", below, &body.to_string()).await;
            match tried {
                Ok(answer) if answer.status == 200 => return Ok(answer),
                Ok(answer) if !matches!(answer.status, 429 | 503) => {
                    return Err(io::Error::other(format!("{}: {}", answer.status, answer.body)));
                }
                // The room may be down, or want us to go slower.
                Ok(_) | Err(_) if Instant::now() < deadline => sleep(Duration::from_millis(50)).await,
                Ok(answer) => return Err(io::Error::other(answer.body)),
                Err(error) => return Err(error),
            }
        }
    }

    async fn once(&self, method: &str, below: &str, body: &str) -> io::Result<Answer> {
        timeout(PATIENCE, self.request(method, below, body))
            .await
            .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
    }

    async fn request(&self, method: &str, below: &str, body: &str) -> io::Result<Answer> {
        let mut stream = TcpStream::connect(self.addr).await?;
        let request = format!(
            "{method} {}{below} HTTP/1.1\r\nhost: {}\r\nx-sameroom: 1\r\ncookie: {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            self.path,
            self.addr,
            self.cookie,
            body.len()
        );
        stream.write_all(request.as_bytes()).await?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let (head, rest) = text.split_once("\r\n\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        let is_chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
        let body = if is_chunked { unchunk(rest) } else { rest.to_owned() };
        Ok(Answer { status, head: head.to_owned(), body })
    }
}

/// The body behind the chunked transfer coding (RFC 9112, section 7.1).
fn unchunk(mut rest: &str) -> String {
    let mut out = String::new();
    while let Some((size, after)) = rest.split_once("\r\n") {
        let Ok(size) = usize::from_str_radix(size.trim(), 16) else { break };
        let Some((piece, tail)) = after.split_at_checked(size) else { break };
        if size == 0 {
            break;
        }
        out.push_str(piece);
        rest = tail.trim_start_matches("\r\n");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_put_together() {
        assert_eq!(unchunk("3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"), "abcde");
    }
}
