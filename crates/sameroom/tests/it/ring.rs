//! Three servers in a ring: everything arrives once and in order; where the bridge is kicked it stays
//! out, and the other two go on.

use std::sync::Arc;
use std::time::Duration;

use sameroom_testkit::load::{Book, Flow, Speaker, irc, xmpp};
use sameroom_testkit::servers::inspircd::{Inspircd, InspircdOptions};
use sameroom_testkit::servers::ngircd::{Ngircd, NgircdOptions};
use sameroom_testkit::servers::prosody::Prosody;

use crate::program::{Program, irc_account, tube};
use crate::scale::{SILENCE, Scale, assert_whole, flow, muc, on_irc, on_xmpp, prosody, xmpp_account};

/// Messages of each side that may be on their way.
const WINDOW: usize = 64;

/// Where each of the three hears.
const PLACES: [&str; 3] = ["ann #lobby", "bob #lobby", "cleo lobby@rooms.xmpp.test"];

/// Three servers, a person in the room of each, a relay between them.
struct Ring {
    program: Program,
    book: Arc<Book>,
    ann: irc::Person,
    bob: irc::Person,
    cleo: xmpp::Person,
    _ngircd: Ngircd,
    _inspircd: Inspircd,
    _prosody: Prosody,
}

impl Ring {
    async fn start(tubes: &str, count: usize) -> Self {
        let ngircd = Ngircd::start(&NgircdOptions::default()).await.expect("ngircd");
        let inspircd = Inspircd::start(&InspircdOptions::default()).await.expect("inspircd");
        let prosody = prosody(&["bridge", "cleo"]).await;
        let book = Arc::new(Book::default());
        // Whoever is first in a channel may kick.
        let ann = on_irc(ngircd.addr(), "ann", "#lobby", &book).await;
        let bob = on_irc(inspircd.addr(), "bob", "#lobby", &book).await;
        let cleo = on_xmpp(prosody.addr(), "cleo", "lobby", &book).await;
        let config = [
            irc_account("one", ngircd.addr(), ""),
            irc_account("two", inspircd.addr(), ""),
            xmpp_account("office", prosody.addr()),
            tubes.to_owned(),
        ]
        .concat();
        let program = Program::start(&config);
        program.ready(count).await;
        Self { program, book, ann, bob, cleo, _ngircd: ngircd, _inspircd: inspircd, _prosody: prosody }
    }

    /// What each of the three says, with the places where it must be heard.
    fn flows(&self, tags: [&str; 3]) -> [Flow; 3] {
        let others = |own: usize| {
            let places = (0..).zip(PLACES).filter(|(index, _)| *index != own);
            places.map(|(_, place)| place.to_owned()).collect::<Vec<_>>()
        };
        [
            flow(Speaker::Irc(self.ann.speaker.clone()), "#lobby", tags[0], &others(0), &self.book),
            flow(Speaker::Irc(self.bob.speaker.clone()), "#lobby", tags[1], &others(1), &self.book),
            flow(Speaker::Xmpp(self.cleo.speaker.clone()), &muc("lobby"), tags[2], &others(2), &self.book),
        ]
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ring_of_ngircd_inspircd_and_prosody_relays_once_and_in_order() {
    let count = Scale::of_run().ring;
    let tubes = [
        tube("one/#lobby", "two/#lobby"),
        tube("two/#lobby", "office/lobby"),
        tube("office/lobby", "one/#lobby"),
    ]
    .concat();
    let mut ring = Ring::start(&tubes, 3).await;
    let [ann, bob, cleo] = ring.flows(["A", "B", "C"]);
    let all = async |flow: &Flow| {
        flow.windowed(0..count, WINDOW, SILENCE).await?;
        flow.wait(count as usize, SILENCE).await
    };
    tokio::try_join!(all(&ann), all(&bob), all(&cleo))
        .unwrap_or_else(|error| panic!("{error}\n{}", ring.program.log()));
    // One more from each side comes behind everything else that was on its way.
    let last = async |flow: &Flow| flow.windowed(count..count + 1, 1, SILENCE).await;
    tokio::try_join!(last(&ann), last(&bob), last(&cleo)).expect("the last ones");
    for flow in [&ann, &bob, &cleo] {
        flow.wait(count as usize + 1, SILENCE).await.expect("the last ones come");
        let places: Vec<&str> = flow.places.iter().map(String::as_str).collect();
        assert_whole(&ring.book, &ring.program, &flow.tag, &places, count + 1);
    }
    // Nothing comes back to where it was said.
    assert_eq!((ring.book.heard(PLACES[0], "A"), ring.book.heard(PLACES[1], "B")), (0, 0));
    assert!(ring.program.terminate().await < Duration::from_secs(5));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_three_declared_rooms_two_go_on_when_the_bridge_is_kicked_from_one() {
    let count = Scale::of_run().ring;
    let rooms = "[[tubes]]\nrooms = [\"one/#lobby\", \"two/#lobby\", \"office/lobby\"]\n";
    let ring = Ring::start(rooms, 3).await;
    let [_, mut bob, mut cleo] = ring.flows(["A", "B", "C"]);
    bob.places = vec![PLACES[2].to_owned()];
    cleo.places = vec![PLACES[1].to_owned()];
    let all = async |flow: &Flow| {
        flow.windowed(0..count, WINDOW, SILENCE).await?;
        flow.wait(count as usize, SILENCE).await
    };
    let kick = async {
        // While both still talk, whichever is faster.
        tokio::select! {
            waited = bob.wait(count as usize / 3, SILENCE) => waited?,
            waited = cleo.wait(count as usize / 3, SILENCE) => waited?,
        }
        ring.ann.speaker.line("KICK #lobby sameroom :enough\r\n").await
    };
    tokio::try_join!(all(&bob), all(&cleo), kick)
        .unwrap_or_else(|error| panic!("{error}\n{}", ring.program.log()));
    assert_whole(&ring.book, &ring.program, "B", &[PLACES[2]], count);
    assert_whole(&ring.book, &ring.program, "C", &[PLACES[1]], count);
    // The room it was kicked from heard the beginning, in order and once, and nothing since.
    ring.book.event("kicked", SILENCE).await.expect("the kick is seen");
    let mut lost = 0;
    for tag in ["B", "C"] {
        let heard = ring.book.heard(PLACES[0], tag);
        let verdict = ring.book.verdict(PLACES[0], tag, 0..count);
        lost += verdict.lost;
        assert_eq!((verdict.doubled, verdict.disordered), (0, 0), "{tag}");
        let first: Vec<u32> = ring.book.list(PLACES[0], tag).iter().map(|heard| heard.number).collect();
        assert!(first.iter().copied().eq(0..u32::try_from(heard).expect("few")), "a beginning: {first:?}");
    }
    assert!(lost > 0, "{}", ring.book);
    bob.windowed(count..count + 10, WINDOW, SILENCE).await.expect("after the kick");
    bob.wait(count as usize + 10, SILENCE).await.expect("after the kick");
    let events = ring.book.events();
    let joins = events.iter().filter(|event| event.contains("sameroom joined")).count();
    assert!(joins <= 1, "it stays out: {events:?}");
    assert!(
        events.iter().any(|event| event.contains("no longer connected")),
        "the others are told: {events:?}"
    );
}
