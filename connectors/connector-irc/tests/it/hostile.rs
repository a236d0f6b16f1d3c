//! A server that does what no server should.

use std::sync::Arc;

use connector_irc::IrcConnector;
use sameroom_connector::contract::{Peer, Problem, Rig, Stage};
use sameroom_connector::{Connector, Report, Settings};
use sameroom_types::room::Health;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// An account on whatever listens at an address.
pub(crate) struct AddressStage(pub(crate) Settings);

#[async_trait::async_trait]
impl Stage for AddressStage {
    fn connector(&self) -> Arc<dyn Connector> {
        Arc::new(IrcConnector)
    }

    fn settings(&self) -> Settings {
        self.0.clone()
    }

    fn room(&self) -> String {
        "#lobby".to_owned()
    }

    async fn peer(&mut self, _: &str) -> Result<Box<dyn Peer>, Problem> {
        Err("nobody is here".to_owned())
    }

    async fn cut_at_next_post(&mut self) -> Result<bool, Problem> {
        Ok(false)
    }
}

/// What the session says of a server that answers with these bytes.
async fn complaint(answer: &[u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let settings = serde_json::json!({"server": addr.to_string(), "tls": false, "nick": "same"});
    let mut rig = Rig::start(&AddressStage(settings.as_object().unwrap().clone()), Vec::new()).unwrap();
    let (mut stream, _) = listener.accept().await.unwrap();
    stream.write_all(answer).await.unwrap();
    let why = rig.wait("end", |report| match report {
        Report::Health(Health::Retrying { why, .. } | Health::NeedsRelink { why }) => Some(why.clone()),
        _ => None,
    });
    let why = tokio::select! {
        why = why => why.unwrap(),
        () = async {
            let mut sink = [0; 1024];
            while stream.read(&mut sink).await.is_ok_and(|count| count > 0) {}
            std::future::pending::<()>().await
        } => String::new(),
    };
    rig.stop().await.unwrap();
    why
}

#[tokio::test]
async fn endless_lines_end_the_connection() {
    let why = complaint(&vec![b'x'; 20_000]).await;
    assert!(why.contains("longer than IRC allows"), "{why}");
}

#[tokio::test]
async fn strange_lines_are_left_alone() {
    let mut bytes = Vec::new();
    for line in [
        "",
        " ",
        ":",
        "@",
        "@ ",
        "@=;=;= :x",
        ":a!b@c",
        "PING",
        "005",
        "353 a b",
        "CAP",
        "CAP * LS",
        "BATCH +",
        "BATCH -x",
        "@batch=none PRIVMSG #a :x",
        "MODE",
        "MODE #a +o",
        "NICK",
        "KICK #a",
        "JOIN",
        "001",
        "332",
        "FAIL",
        "ACCOUNT",
        "@time=99999999999-1-1T :a!b@c PRIVMSG same :\u{1}ACTION",
        "PRIVMSG same :\u{1}",
        "005 same PREFIX=( PREFIX=)( CHANMODES=,,,,,, :x",
        "396 same",
        "302",
        "AUTHENTICATE",
        "AUTHENTICATE %%%",
        "PONG sr-b99999999999999999999",
        "PONG sr-",
        "@label=sr18446744073709551616 ACK",
    ] {
        bytes.extend_from_slice(line.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend((0_u8..=255).filter(|byte| *byte != b'\n'));
    bytes.extend_from_slice(b"\nERROR :that was all\r\n");
    let why = complaint(&bytes).await;
    assert!(why.contains("that was all"), "{why}");
}

#[tokio::test]
async fn a_ban_is_not_run_against() {
    let why = complaint(b":s 465 * :You are banned\r\nERROR :Closing Link: (K-Lined)\r\n").await;
    assert!(why.contains("banned"), "{why}");
}
