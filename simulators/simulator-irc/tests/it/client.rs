//! A client made of nothing but a socket.

use std::{collections::VecDeque, net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    time::timeout,
};

const PATIENCE: Duration = Duration::from_secs(10);

/// Reads and writes lines; remembers those read past.
pub(crate) struct Client {
    reader: BufReader<OwnedReadHalf>,
    writer: OwnedWriteHalf,
    pub(crate) passed: VecDeque<String>,
}

impl Client {
    pub(crate) async fn connect(addr: SocketAddr) -> Self {
        let (reader, writer) = TcpStream::connect(addr).await.unwrap().into_split();
        Self { reader: BufReader::new(reader), writer, passed: VecDeque::new() }
    }

    /// Connects and registers with these capabilities, given as in `CAP REQ`.
    pub(crate) async fn register(addr: SocketAddr, nick: &str, caps: &str) -> Self {
        let mut client = Self::connect(addr).await;
        if !caps.is_empty() {
            client.send(&format!("CAP REQ :{caps}")).await;
            client.expect(" ACK ").await;
        }
        client.send(&format!("NICK {nick}\r\nUSER {nick} 0 * :{nick} of the tests")).await;
        if !caps.is_empty() {
            client.send("CAP END").await;
        }
        client.expect(" 376 ").await;
        client
    }

    /// Joins a room and reads to the end of the names.
    pub(crate) async fn join(&mut self, room: &str) {
        self.send(&format!("JOIN {room}")).await;
        self.expect(" 366 ").await;
    }

    pub(crate) async fn send(&mut self, line: &str) {
        self.send_bytes(format!("{line}\r\n").as_bytes()).await;
    }

    pub(crate) async fn send_bytes(&mut self, bytes: &[u8]) {
        self.writer.write_all(bytes).await.unwrap();
    }

    /// The next line; `None` at the end.
    pub(crate) async fn next(&mut self) -> Option<String> {
        self.next_bytes().await.map(|line| String::from_utf8_lossy(&line).into_owned())
    }

    pub(crate) async fn next_bytes(&mut self) -> Option<Vec<u8>> {
        let mut line = Vec::new();
        match timeout(PATIENCE, self.reader.read_until(b'\n', &mut line)).await.expect("a line in time") {
            // A reset is an end too.
            Ok(0) | Err(_) => None,
            Ok(_) => {
                assert!(line.ends_with(b"\r\n"), "line without CR LF: {line:?}");
                line.truncate(line.len() - 2);
                Some(line)
            }
        }
    }

    /// Reads up to a line that holds this text.
    pub(crate) async fn expect(&mut self, text: &str) -> String {
        while let Some(line) = self.next().await {
            if line.contains(text) {
                return line;
            }
            self.passed.push_back(line);
        }
        panic!("the connection ended without {text:?}; read {:#?}", self.passed);
    }

    /// Sends a line and reads everything that comes before the answer to a `PING` after it.
    pub(crate) async fn ask(&mut self, line: &str) -> Vec<String> {
        self.send(line).await;
        self.rest().await
    }

    /// Everything that was sent up to now.
    pub(crate) async fn rest(&mut self) -> Vec<String> {
        self.send("PING up-to-here").await;
        let mut lines = Vec::new();
        while let Some(line) = self.next().await {
            if line.ends_with(":up-to-here") {
                return lines;
            }
            lines.push(line);
        }
        panic!("the connection ended; read {lines:#?}");
    }

    /// Reads to the end of the connection.
    pub(crate) async fn end(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        while let Some(line) = self.next().await {
            lines.push(line);
        }
        lines
    }
}
