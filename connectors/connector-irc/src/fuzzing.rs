//! What the fuzzers run, as plain functions that tests run over the kept corpus too.
//!
//! A check panics where a promise is broken. The `irc_session` check plays a whole connection: what stands
//! in the input is what a server sends, and lines that begin with a control character are what the engine asks
//! meanwhile (1 a post, 2 a file of lines as one post, 3 a join, 4 a question, 5 time that passes, 6 a whisper,
//! 7 a reaction, 8 a cut and a new connection).

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use sameroom_connector::{Clock, Command, Report};
use sameroom_markup::sanitise;
use sameroom_types::action::{Action, OutboundPost, Outcome, Rendered, SendRequest};
use sameroom_types::event::{Inbound, RoomEvent};
use sameroom_types::ids::{DeliveryId, NativeIds, RoomId, Seq};
use sameroom_types::text::Emoji;
use sameroom_types::time::Timestamp;
use tokio::time::Instant;

use crate::client::{Client, Effect};
use crate::config::Config;
use crate::connection::Lines;
use crate::decode::{Fallback, decode};
use crate::ids::MessageIds;
use crate::memory::Memory;
use crate::wire::Line;

/// A check and its name.
pub type FuzzTarget = (&'static str, fn(&[u8]));

/// Every check with its name, which is also that of its corpus folder.
pub const FUZZ_TARGETS: &[FuzzTarget] = &[("irc_line", check_line), ("irc_session", check_session)];

/// A line splits without loss of control: nothing in its parts ends a line that the line did not hold.
fn check_line(input: &[u8]) {
    for fallback in [Fallback::Cp1252, Fallback::Latin1, Fallback::Utf8] {
        let text = decode(input, fallback);
        let Some(line) = Line::parse(&text) else { continue };
        assert!(!line.command.is_empty() && !line.command.contains(' '), "a command is a word");
        assert!(line.params().len() <= 15, "no more parameters than there can be");
        let (last, others) =
            line.params().split_last().map_or((&"", [].as_slice()), |(last, rest)| (last, rest));
        assert!(others.iter().all(|word| !word.is_empty() && !word.contains(' ')), "parameters are words");
        assert!(
            text.ends_with(last) || text.trim_end_matches(' ').ends_with(last),
            "the last one ends the line"
        );
        for key in ["time", "msgid", "label", "+draft/reply", "account", "batch"] {
            if let Some(value) = line.tag(key) {
                assert!(value.len() <= text.len(), "unescaping never makes a value longer");
            }
        }
        assert!(line.source.starts_with(line.nick()), "a nick is part of the source");
    }
}

/// The same time and the same chance in every run.
struct Still;

impl Clock for Still {
    fn wall(&self) -> Timestamp {
        Timestamp(1_790_000_000_000)
    }

    fn random(&self) -> u128 {
        0x0123_4567_89ab_cdef
    }
}

/// Plays a connection, and another one after a cut.
fn check_session(input: &[u8]) {
    let settings = serde_json::json!({
        "server": "127.0.0.1:6667", "tls": false, "nick": "same", "pace": "off",
        "sasl": { "mechanism": "PLAIN", "username": "same", "password": "secret" },
    });
    let with_sasl = input.first() == Some(&b'!');
    let mut settings = settings.as_object().cloned().unwrap_or_default();
    if !with_sasl {
        settings.remove("sasl");
    }
    let config = Arc::new(Config::read(&settings).expect("sound settings"));
    let mut play = Play::new(config);
    for line in input.split_inclusive(|byte| *byte == b'\n') {
        play.take(line);
    }
    play.cut();
    assert!(play.open.is_empty(), "every send has an end once the connection is gone");
}

struct Play {
    config: Arc<Config>,
    client: Option<Client>,
    lines: Lines,
    now: Instant,
    sent: u64,
    /// Sends without an end; true once one was done without having been shown.
    open: HashMap<DeliveryId, bool>,
}

impl Play {
    fn new(config: Arc<Config>) -> Self {
        let now = Instant::now();
        let memory = Memory::new(&[], MessageIds::new(&Still));
        let client = Client::new(config.clone(), Arc::new(Still), memory, now);
        Self { config, client: Some(client), lines: Lines::default(), now, sent: 0, open: HashMap::new() }
    }

    /// Takes one line of the input.
    fn take(&mut self, line: &[u8]) {
        let Some(client) = self.client.as_mut() else { return };
        let (mark, rest) = line.split_first().unwrap_or((&0, &[]));
        let text = String::from_utf8_lossy(rest);
        let text = text.trim_end_matches('\n');
        match mark {
            1 | 2 | 7 => {
                let (room, text) = text.split_once(' ').unwrap_or(("#lobby", text));
                self.sent += 1;
                let delivery = DeliveryId { event: Seq(self.sent), room: RoomId(1) };
                let text = if *mark == 2 { text.replace('|', "\n") } else { text.to_owned() };
                let action = if *mark == 7 {
                    let emoji = Emoji::Unicode(text);
                    Action::React { target: NativeIds::one("m1"), emoji }
                } else {
                    let text = Rendered { text, styled: true };
                    Action::Post(OutboundPost {
                        text,
                        author: None,
                        reply: None,
                        thread: None,
                        notice: false,
                    })
                };
                let key = format!("sameroom-abcd1234-{}", self.sent).as_str().into();
                let request = SendRequest { delivery, part: 0, room: room.into(), key, action };
                self.open.insert(delivery, false);
                client.command(Command::Send(request), self.now);
            }
            3 => client.command(Command::Join { room: text.into() }, self.now),
            4 => client.command(Command::ListRooms, self.now),
            5 => {
                self.now += Duration::from_secs(20);
                client.tick(self.now);
            }
            6 => {
                let (room, to) = text.split_once(' ').unwrap_or(("#lobby", text));
                let whisper = Command::Whisper { room: room.into(), to: to.into(), text: text.to_owned() };
                client.command(whisper, self.now);
            }
            8 => return self.cut_and_return(),
            _ => {
                self.lines.buffer.extend_from_slice(line);
                client.heard(self.now);
                if self.lines.feed(client, self.now).is_err() {
                    return self.cut_and_return();
                }
            }
        }
        client.release(self.now);
        check_output(&client.out);
        client.out.clear();
        let effects = std::mem::take(&mut client.effects);
        let ended = client.end.is_some();
        self.judge(effects);
        if ended {
            self.cut_and_return();
        }
    }

    /// The connection is gone; the next one begins.
    fn cut_and_return(&mut self) {
        let Some(memory) = self.cut() else { return };
        self.now += Duration::from_secs(1);
        self.lines = Lines::default();
        self.client = Some(Client::new(self.config.clone(), Arc::new(Still), memory, self.now));
    }

    fn cut(&mut self) -> Option<Memory> {
        let (memory, effects) = self.client.take()?.into_memory("cut");
        self.judge(effects);
        assert!(
            self.open.values().all(|done| *done),
            "what is under way is answered when the connection ends"
        );
        self.open.clear();
        Some(memory)
    }

    fn judge(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Event(inbound) => check_event(&inbound),
                Effect::Report(Report::Outcome { delivery, outcome, .. }) => {
                    let known = self.open.remove(&delivery);
                    assert!(known.is_some(), "an outcome is of something under way, and told once");
                    if let Outcome::Done { shown: false, .. } = outcome {
                        assert_ne!(known, Some(true), "taken is told once");
                        self.open.insert(delivery, true);
                    }
                }
                Effect::Report(Report::Room(room)) => assert!(!room.id.as_str().is_empty(), "rooms have ids"),
                Effect::Report(_) => {}
            }
        }
    }
}

/// What goes to the server is whole lines, each of them one.
fn check_output(out: &[u8]) {
    assert!(out.is_empty() || out.ends_with(b"\r\n"), "only whole lines are released");
    for line in out.split(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        assert!(!line.iter().any(|byte| matches!(byte, 0 | b'\r')), "a line is one line");
    }
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
