//! `kill -9` under load, three times, with restart, seen from outside.

use std::sync::Arc;
use std::time::Duration;

use sameroom_testkit::load::{Book, Flow, Speaker, web::Visitor};
use sameroom_testkit::servers::ngircd::{Ngircd, NgircdOptions};
use tokio::time::Instant;

use crate::program::{Program, irc_account};
use crate::scale::{SILENCE, Scale, flow, muc, on_irc, on_xmpp, prosody, xmpp_account};

/// Between two messages of one side.
const PACE: Duration = Duration::from_millis(10);

/// What the source server relayed this long before a kill must arrive.
const SURELY_READ: Duration = Duration::from_millis(200);

/// How often the relay is killed.
const KILLS: u32 = 3;

/// What a person in a browser says, each acknowledged before the next.
async fn talk(visitor: &Visitor, book: &Book, count: u32) -> std::io::Result<()> {
    for number in 0..count {
        book.sent("W", number);
        visitor.say(&format!("w-{number}"), &format!("load W-{number}")).await?;
        tokio::time::sleep(PACE).await;
    }
    Ok(())
}

/// Where a browser room is, below the program's address.
async fn link(program: &Program, room: &str) -> String {
    let (fine, out) = program.ask(&["rooms", "list", "--json"]).await;
    assert!(fine, "{out}");
    let answer: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    let rooms = answer["rooms"].as_array().expect("rooms");
    let found = rooms.iter().find(|found| found["rooms"][0] == room).expect("the room is listed");
    let url = found["link"].as_str().expect("a link").trim_start_matches("http://");
    let (_, path) = url.split_once('/').expect("a path");
    format!("/{path}")
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_9_under_load_loses_nothing_between_xmpp_browser_and_irc_rooms() {
    let around = Scale::of_run().around_kill;
    let count = around * (KILLS + 1);
    let ngircd = Ngircd::start(&NgircdOptions::default()).await.expect("ngircd");
    let prosody = prosody(&["bridge", "cleo", "dora"]).await;
    let book = Arc::new(Book::default());
    let ann = on_irc(ngircd.addr(), "ann", "#lobby", &book).await;
    let _watcher = on_irc(ngircd.addr(), "watcher", "#lobby", &book).await;
    let cleo = on_xmpp(prosody.addr(), "cleo", "lobby", &book).await;
    let _dora = on_xmpp(prosody.addr(), "dora", "garden", &book).await;
    let config = [
        irc_account("net", ngircd.addr(), ""),
        xmpp_account("office", prosody.addr()),
        "[accounts.front]\nplatform = \"web\"\n".to_owned(),
        "[[tubes]]\nrooms = [\"net/#lobby\", \"office/lobby\", \"office/garden\", \"front/w\"]\n".to_owned(),
    ]
    .concat();
    let mut program = Program::start(&config);
    program.ready(6).await;
    let path = link(&program, "front/w").await;
    let eve = Visitor::enter(program.address, &path, "eve").await.expect("enter the browser room");

    let lobby = muc("lobby");
    let places = |places: &[&str]| places.iter().map(ToString::to_string).collect::<Vec<_>>();
    let irc_target = "watcher #lobby";
    let (xmpp_lobby, xmpp_garden) = (format!("cleo {lobby}"), format!("dora {}", muc("garden")));
    let from_irc = flow(Speaker::Irc(ann.speaker.clone()), "#lobby", "A", &[], &book);
    let to_xmpp = [irc_target, &xmpp_garden];
    let from_xmpp = flow(Speaker::Xmpp(cleo.speaker.clone()), &lobby, "C", &places(&to_xmpp), &book);

    // Three sides talk all the time; meanwhile the relay dies and comes back.
    let kills = async {
        let mut at = Vec::new();
        for kill in 1..=KILLS {
            let reached = |book: &Book| book.said_at("C", kill * around).is_some();
            while !reached(&book) {
                tokio::time::sleep(PACE).await;
            }
            program.kill().await;
            at.push(Instant::now());
            // What is said now is said while nobody listens.
            tokio::time::sleep(PACE * 30).await;
            program.start_again();
            program.ready(6).await;
        }
        Ok::<_, std::io::Error>(at)
    };
    let irc = from_irc.paced(0..count, PACE);
    let xmpp = from_xmpp.paced(0..count, PACE);
    let (killed, (), (), ()) =
        tokio::try_join!(kills, irc, xmpp, talk(&eve, &book, count)).expect("everybody talks");
    from_xmpp
        .wait(count as usize, SILENCE)
        .await
        .unwrap_or_else(|error| panic!("{error}\n{}", program.log()));

    // What surely was read on IRC: all but what was said shortly before a kill and until the return.
    let readable = must_arrive(&book, "watcher #lobby", &killed);
    let web = Flow { tag: "W".into(), places: places(&[irc_target, &xmpp_lobby, &xmpp_garden]), ..from_xmpp };
    web.wait(count as usize, SILENCE).await.unwrap_or_else(|error| panic!("{error}\n{}", program.log()));
    // A last one from IRC comes behind all that is still on its way into the XMPP rooms.
    let last = Flow { tag: "Z".into(), places: places(&[&xmpp_lobby, &xmpp_garden]), ..from_irc };
    last.windowed(0..1, 1, SILENCE).await.expect("the last one");
    last.wait(1, SILENCE).await.expect("the last one comes");
    read_until(&eve, &book, "front", "Z").await;

    // XMPP and browser rooms: all, once, in order.
    for (tag, place) in [("C", &*xmpp_garden), ("W", &*xmpp_lobby), ("W", &*xmpp_garden), ("C", "front")] {
        let verdict = book.verdict(place, tag, 0..count);
        let figures = (verdict.lost, verdict.doubled, verdict.disordered);
        assert_eq!(figures, (0, 0, 0), "{tag} at {place}: {book}\n{}", program.log());
    }
    // Into IRC: all, in order; a send whose outcome nobody knows may come twice.
    for tag in ["C", "W"] {
        let verdict = book.verdict(irc_target, tag, 0..count);
        assert_eq!((verdict.lost, verdict.disordered), (0, 0), "{tag}: {book}\n{}", program.log());
        assert!(verdict.doubled <= 64 * KILLS as usize, "{tag}: {verdict:?}");
    }
    // From IRC: what the server had told to others in time, once, in order.
    for place in [&*xmpp_lobby, &*xmpp_garden, "front"] {
        let missing = book.missing(place, "A", 0..count);
        let lost: Vec<_> = readable.iter().filter(|number| missing.contains(number)).collect();
        assert!(lost.is_empty(), "lost {lost:?} at {place}\n{}", program.log());
        let verdict = book.verdict(place, "A", 0..count);
        assert_eq!((verdict.doubled, verdict.disordered), (0, 0), "A at {place}: {book}");
    }
}

/// The numbers from IRC that a second client had heard long enough before the next kill, and that were
/// not said while the relay was down.
fn must_arrive(book: &Book, place: &str, kills: &[Instant]) -> Vec<u32> {
    let is_safe = |at: Instant| {
        kills.iter().all(|kill| {
            // Back at the latest after this time: it is then in the room, which the test waits for.
            let is_before = at + SURELY_READ < *kill;
            let is_after = at > *kill + Duration::from_secs(15);
            is_before || is_after
        })
    };
    // Between two kills only what came before the next one is judged.
    let list = book.list(place, "A");
    list.iter().filter(|heard| is_safe(heard.at)).map(|heard| heard.number).collect()
}

/// Reads a browser room again until the end is there.
async fn read_until(visitor: &Visitor, book: &Arc<Book>, place: &str, end: &str) {
    let deadline = Instant::now() + SILENCE;
    loop {
        let now = Book::default();
        visitor.read_all(place, &now).await.expect("read the history");
        if now.heard(place, end) > 0 {
            return visitor.read_all(place, book).await.expect("read the history");
        }
        assert!(Instant::now() < deadline, "the end does not come: {now}");
        tokio::time::sleep(PACE).await;
    }
}
