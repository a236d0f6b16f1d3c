//! The size of load tests: what suits every change, or with `SAMEROOM_SCALE=full` that of a soak.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use sameroom_testkit::load::{Book, Flow, Speaker, irc, xmpp};
use sameroom_testkit::servers::prosody::{DOMAIN, Prosody, ProsodyOptions, ROOMS};

use crate::program::{PATIENCE, Program};

/// How large a run is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scale {
    /// Messages from each side of a ring.
    pub(crate) ring: u32,
    /// Messages around each kill.
    pub(crate) around_kill: u32,
    /// How long a server is away.
    pub(crate) away: Duration,
    /// Whether it is away so long that others are told meanwhile.
    pub(crate) is_told: bool,
}

impl Scale {
    pub(crate) fn of_run() -> Self {
        if std::env::var_os("SAMEROOM_SCALE").is_some_and(|scale| scale == "full") {
            Self { ring: 10_000, around_kill: 400, away: Duration::from_secs(180), is_told: true }
        } else {
            Self { ring: 500, around_kill: 120, away: Duration::from_secs(12), is_told: false }
        }
    }
}

/// How long nothing new may be heard.
pub(crate) const SILENCE: Duration = PATIENCE;

/// An XMPP server that does not hold small packets back.
pub(crate) async fn prosody(users: &[&str]) -> Prosody {
    let global = "network_settings = { nagle = false }\n".to_owned();
    let prosody = Prosody::start(ProsodyOptions { global, ..ProsodyOptions::default() }).await;
    let prosody = prosody.expect("prosody");
    for user in users {
        prosody.add_user(user).expect("user");
    }
    prosody
}

/// The bridge's account on an XMPP server.
pub(crate) fn xmpp_account(name: &str, addr: SocketAddr) -> String {
    format!(
        "[accounts.{name}]\nplatform = \"xmpp\"\njid = \"bridge@{DOMAIN}\"\npassword = \"pw\"\nmuc = \"{ROOMS}\"\nnick = \"sameroom\"\nserver = \"{addr}\"\ntls = \"off\"\n"
    )
}

/// The full address of an XMPP room.
pub(crate) fn muc(room: &str) -> String {
    format!("{room}@{ROOMS}")
}

/// Somebody who notes what is said in an IRC channel; the place is `name` and the room.
pub(crate) async fn on_irc(addr: SocketAddr, nick: &str, room: &str, book: &Arc<Book>) -> irc::Person {
    let prefix = format!("{nick} ");
    irc::enter(addr, nick, &[room.to_owned()], &prefix, book).await.expect("enter the channel")
}

/// Somebody who notes what is said in an XMPP room; the place is `name` and the room's address.
pub(crate) async fn on_xmpp(addr: SocketAddr, name: &str, room: &str, book: &Arc<Book>) -> xmpp::Person {
    let prefix = format!("{name} ");
    xmpp::enter(addr, DOMAIN, name, &[muc(room)], &prefix, book).await.expect("enter the room")
}

/// A stream of messages with the places where it must be heard.
pub(crate) fn flow(speaker: Speaker, room: &str, tag: &str, places: &[String], book: &Arc<Book>) -> Flow {
    Flow {
        speaker,
        room: room.to_owned(),
        tag: tag.to_owned(),
        places: places.to_vec(),
        book: Arc::clone(book),
    }
}

/// Fails unless each of these places heard all of a stream once and in order.
pub(crate) fn assert_whole(book: &Book, program: &Program, tag: &str, places: &[&str], count: u32) {
    for place in places {
        let verdict = book.verdict(place, tag, 0..count);
        assert_eq!(
            (verdict.lost, verdict.doubled, verdict.disordered),
            (0, 0, 0),
            "(lost, doubled, disordered) of {tag} at {place}; missing {:?}; {book}\n{}",
            book.missing(place, tag, 0..count),
            program.log()
        );
    }
}
