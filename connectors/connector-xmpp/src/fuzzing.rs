//! What the fuzzers run, as plain functions that tests run over the kept corpus too.
//!
//! A check panics where a promise is broken. The `xmpp_session` check plays a whole session: each line of the
//! input is what a server sends, and lines that begin with a control character are what the engine asks meanwhile
//! (1 a post, 2 an edit, 3 a join, 4 a list of rooms, 5 a look at the clock, 6 a whisper, 7 a reaction,
//! 8 a broken connection and a new one).

use std::collections::HashMap;
use std::sync::Arc;

use sameroom_connector::{Command, Report, SessionLink};
use sameroom_markup::sanitise;
use sameroom_types::action::{Action, OutboundPost, Outcome, Rendered, SendRequest};
use sameroom_types::event::{Inbound, RoomEvent};
use sameroom_types::ids::{AccountId, DeliveryId, NativeIds, RoomId, Seq};
use sameroom_types::text::Emoji;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::client::{Client, End};
use crate::config::Config;
use crate::xml::{Element, Parsed, StreamParser};

/// A check and its name.
pub type FuzzTarget = (&'static str, fn(&[u8]));

/// Every check with its name, which is also that of its corpus folder.
pub const FUZZ_TARGETS: &[FuzzTarget] = &[("xmpp_stream", check_stream), ("xmpp_session", check_session)];

/// How a stream begins.
const OPENING: &[u8] =
    b"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";

/// The largest stanza taken here.
const MAX_BYTES: usize = 64 * 1024;

/// Reports that may wait: more than one stanza can make.
const REPORTS: usize = 1 << 16;

/// A stream reads the same however it was cut, and what was read can be written and read again.
fn check_stream(input: &[u8]) {
    let (whole, ended) = stanzas([input].into_iter());
    let (cut, ended_cut) = stanzas(input.chunks(7));
    assert_eq!((&whole, ended), (&cut, ended_cut), "how bytes arrive changes nothing");
    for xml in whole {
        let (again, _) = stanzas([xml.as_bytes()].into_iter());
        assert_eq!(again, [xml], "a stanza survives being written");
    }
}

/// The stanzas of a stream as XML, and whether it had to be given up.
fn stanzas<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<String>, bool) {
    let mut parser = StreamParser::new(MAX_BYTES);
    let mut found = Vec::new();
    for piece in [OPENING].into_iter().chain(pieces) {
        parser.feed(piece);
        loop {
            match parser.next() {
                Ok(Some(Parsed::Stanza(stanza))) => found.push(stanza.to_xml()),
                Ok(Some(Parsed::Open)) => {}
                Ok(Some(Parsed::Close)) => return (found, false),
                Ok(None) => break,
                Err(_) => return (found, true),
            }
        }
    }
    (found, false)
}

/// Plays a session, and another one after the connection broke.
fn check_session(input: &[u8]) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let mut play = Play::new(input.first() == Some(&b'!'));
        play.connect().await;
        for line in input.split_inclusive(|byte| *byte == b'\n') {
            play.take(line).await;
        }
        play.reconnect().await;
        assert!(play.open.is_empty(), "every send has an end once the session is over");
    });
}

struct Play {
    client: Client,
    reports: mpsc::Receiver<(AccountId, Report)>,
    /// Keeps the session's other queue open.
    _runtime: sameroom_connector::RuntimeEnd,
    parser: StreamParser,
    /// Reads what we send, as a server would.
    reader: StreamParser,
    sent: u64,
    /// Sends without an end; true once one was taken without having been shown.
    open: HashMap<DeliveryId, bool>,
}

impl Play {
    fn new(hipchat: bool) -> Self {
        let mut settings = serde_json::json!({
            "jid": "same@x.test", "password": "secret", "muc": "rooms.x.test", "nick": "same",
        });
        if hipchat && let Some(settings) = settings.as_object_mut() {
            settings.insert("preset".into(), "hipchat".into());
        }
        let config = Config::parse(settings.as_object().expect("an object")).expect("sound settings");
        let (sender, reports) = mpsc::channel(REPORTS);
        let account = AccountId::from("xmpp");
        let (link, runtime) =
            SessionLink::new(account, "abcd1234".into(), Vec::new(), sender, CancellationToken::new(), 1);
        let client = Client::new(Arc::new(config), sameroom_connector::contract::kit(), link);
        let (parser, reader) = (opened(), opened());
        Self { client, reports, _runtime: runtime, parser, reader, sent: 0, open: HashMap::new() }
    }

    async fn connect(&mut self) {
        let stopped = self.client.on_stream(None, true).await.is_err();
        assert!(!stopped, "a session begins");
        self.judge();
    }

    async fn reconnect(&mut self) {
        if self.client.on_lost().await.is_ok() && self.client.on_stream(None, true).await.is_ok() {
            self.judge();
            assert!(self.open.values().all(|taken| *taken), "what was under way is answered");
            self.open.clear();
        }
        self.parser = opened();
    }

    async fn take(&mut self, line: &[u8]) {
        let (mark, rest) = line.split_first().unwrap_or((&0, &[]));
        let text = String::from_utf8_lossy(rest);
        let text = text.trim_end_matches('\n');
        let done = match mark {
            1 | 2 | 7 => {
                let (room, text) = text.split_once(' ').unwrap_or(("lobby@rooms.x.test", text));
                let request = self.request(*mark, room, text);
                self.client.on_command(Command::Send(request)).await
            }
            3 => self.client.on_command(Command::Join { room: text.into() }).await,
            4 => self.client.on_command(Command::ListRooms).await,
            5 => self.client.on_tick().await,
            6 => {
                let (room, to) = text.split_once(' ').unwrap_or(("lobby@rooms.x.test", text));
                let whisper = Command::Whisper { room: room.into(), to: to.into(), text: text.to_owned() };
                self.client.on_command(whisper).await
            }
            8 => {
                self.reconnect().await;
                Ok(())
            }
            _ => self.receive(line).await,
        };
        self.judge();
        if done.is_err() {
            self.reconnect().await;
        }
    }

    async fn receive(&mut self, bytes: &[u8]) -> Result<(), End> {
        self.parser.feed(bytes);
        loop {
            match self.parser.next() {
                Ok(Some(Parsed::Stanza(stanza))) => self.client.on_stanza(&stanza).await?,
                Ok(Some(Parsed::Open)) => {}
                Ok(None) => return Ok(()),
                Ok(Some(Parsed::Close)) | Err(_) => {
                    self.parser = opened();
                    return Ok(());
                }
            }
        }
    }

    fn request(&mut self, mark: u8, room: &str, text: &str) -> SendRequest {
        self.sent += 1;
        let delivery = DeliveryId { event: Seq(self.sent), room: RoomId(1) };
        self.open.insert(delivery, false);
        let target = NativeIds::one("m1");
        let rendered = Rendered { text: text.to_owned(), styled: true };
        let action = match mark {
            2 => Action::Edit { target, text: rendered, author: None },
            7 => Action::React { target, emoji: Emoji::Unicode(text.to_owned()) },
            _ => {
                let reply = text.starts_with('>').then_some(target);
                Action::Post(OutboundPost {
                    text: rendered,
                    author: None,
                    reply,
                    thread: None,
                    notice: false,
                })
            }
        };
        let key = format!("sameroom-abcd1234-{}", self.sent).as_str().into();
        SendRequest { delivery, part: 0, room: room.into(), key, action }
    }

    /// Looks at all that the session said since the last look, to the engine and to the server.
    fn judge(&mut self) {
        while let Ok((_, report)) = self.reports.try_recv() {
            match report {
                Report::Event { inbound, .. } => check_event(&inbound),
                Report::Outcome { delivery, outcome, .. } => {
                    let known = self.open.remove(&delivery);
                    assert!(known.is_some(), "an outcome is of something under way, and told once");
                    if let Outcome::Done { shown: false, .. } = outcome {
                        assert_ne!(known, Some(true), "taken is told once");
                        self.open.insert(delivery, true);
                    }
                }
                Report::Room(room) => assert!(!room.id.as_str().is_empty(), "rooms have ids"),
                _ => {}
            }
        }
        let (first, second) = self.client.out.bytes.as_slices();
        self.reader.feed(first);
        self.reader.feed(second);
        let length = first.len() + second.len();
        self.client.out.advance(length);
        loop {
            match self.reader.next() {
                Ok(None) => break,
                Ok(Some(Parsed::Stanza(stanza))) => check_stanza(&stanza),
                Ok(Some(Parsed::Open)) => {}
                Ok(Some(Parsed::Close)) => panic!("nothing we carry closes our own stream"),
                Err(error) => panic!("what we send can be read: {error}"),
            }
        }
    }
}

/// A parser in the middle of a stream, as it is once a session is up.
fn opened() -> StreamParser {
    let mut parser = StreamParser::new(MAX_BYTES * 64);
    parser.feed(OPENING);
    parser
}

/// Nothing that we carry makes stanzas of its own.
fn check_stanza(stanza: &Element) {
    assert!(
        ["message", "presence", "iq", "r", "a", "enable"].contains(&stanza.name()),
        "<{}> is not what we send",
        stanza.name()
    );
}

/// What a room is told is fit to be carried on.
fn check_event(inbound: &Inbound) {
    assert!(!inbound.room.as_str().is_empty(), "an event has a room");
    match &inbound.event {
        RoomEvent::Posted(post) => {
            assert!(!post.ids.primary.as_str().is_empty(), "a message has an id");
            assert_eq!(sanitise(post.content.text.clone()), post.content.text, "text is clean");
        }
        RoomEvent::Reacted(reaction) => {
            assert!(!reaction.message.as_str().is_empty(), "a reaction has a target");
        }
        _ => {}
    }
}
