//! A target server that is away: everything arrives after its return, in order and marked; other tubes
//! are undisturbed, and people are told.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use sameroom_testkit::load::gate::Gate;
use sameroom_testkit::load::{Book, Flow, Speaker, irc, xmpp};
use sameroom_testkit::servers::ngircd::{Ngircd, NgircdOptions};

use crate::program::{Program, irc_account, tube};
use crate::scale::{SILENCE, Scale, flow, muc, on_irc, on_xmpp, prosody, xmpp_account};

/// Between two messages: 20 in a second.
const PACE: Duration = Duration::from_millis(50);

/// How long a message may take on the tubes that have nothing to do with it, at the worst.
const UNDISTURBED: Duration = Duration::from_secs(2);

/// What is said to a tube whose target is away, and to one that goes on.
struct Talk {
    program: Program,
    book: Arc<Book>,
    away: Flow,
    other: Flow,
    count: u32,
    _people: (irc::Person, irc::Person),
    _servers: (Ngircd, Ngircd),
}

impl Talk {
    /// `target` is the account and tube's end that will be away, `place` where it is heard.
    async fn start(account: String, end: &str, place: &str, book: Arc<Book>) -> Self {
        let source = Ngircd::start(&NgircdOptions::default()).await.expect("ngircd");
        let elsewhere = Ngircd::start(&NgircdOptions::default()).await.expect("ngircd");
        let rooms = ["#lobby".to_owned(), "#else".to_owned()];
        let ann = irc::enter(source.addr(), "ann", &rooms, "ann ", &book).await.expect("enter");
        let eve = on_irc(elsewhere.addr(), "eve", "#else", &book).await;
        let config = [
            irc_account("source", source.addr(), ""),
            irc_account("elsewhere", elsewhere.addr(), ""),
            account,
            tube("source/#lobby", end),
            tube("source/#else", "elsewhere/#else"),
        ]
        .concat();
        let program = Program::start(&config);
        program.ready(2).await;
        let speaker = Speaker::Irc(ann.speaker.clone());
        let away = flow(speaker.clone(), "#lobby", "A", &[place.to_owned()], &book);
        let other = flow(speaker, "#else", "E", &["eve #else".to_owned()], &book);
        away.windowed(0..5, 5, SILENCE).await.expect("it works at first");
        away.wait(5, SILENCE).await.expect("it works at first");
        let ticks = Scale::of_run().away.as_millis() / PACE.as_millis();
        let count = 5 + u32::try_from(ticks).expect("few");
        Self { program, book, away, other, count, _people: (ann, eve), _servers: (source, elsewhere) }
    }

    /// Talks for as long as the server is away.
    async fn talk(&self) {
        let both =
            tokio::try_join!(self.away.paced(5..self.count, PACE), self.other.paced(0..self.count, PACE));
        both.expect("talk");
        self.other.wait(self.count as usize, SILENCE).await.expect("the other tube goes on");
        let delays = self.book.delays("eve #else", "E", 0..self.count);
        let worst = delays.iter().max().expect("some");
        assert!(*worst < UNDISTURBED, "{worst:?}\n{}", self.program.log());
        if Scale::of_run().is_told {
            let told = self.book.event("can't be reached since", Duration::ZERO).await;
            let told = told.unwrap_or_else(|events| panic!("not told meanwhile: {events:?}"));
            assert!(told.starts_with("ann #lobby: ") && told.contains("is kept"), "{told}");
        }
    }

    /// Waits for the rest and looks at how it came.
    async fn judge(&self) {
        let place = &self.away.places[0];
        self.away
            .wait(self.count as usize, SILENCE)
            .await
            .unwrap_or_else(|error| panic!("{error}\n{}", self.program.log()));
        let verdict = self.book.verdict(place, "A", 0..self.count);
        let figures = (verdict.lost, verdict.doubled, verdict.disordered);
        assert_eq!(figures, (0, 0, 0), "{}\n{}", self.book, self.program.log());
        let late = verdict.late;
        assert!(late + 20 >= self.count as usize - 5, "late messages carry their time: {late}");
        if Scale::of_run().is_told {
            let told = self.book.event("This room was cut off from", SILENCE).await;
            let told = told.unwrap_or_else(|events| panic!("not told on return: {events:?}"));
            assert!(told.starts_with(place.as_str()), "{told}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_while_an_irc_server_is_away_arrives_in_order_and_marked() {
    let mut target = Ngircd::start(&NgircdOptions::default()).await.expect("ngircd");
    let mut gate = Gate::open(target.addr()).await.expect("gate");
    let book = Arc::new(Book::default());
    let bob = on_irc(target.addr(), "bob", "#lobby", &book).await;
    let account = irc_account("target", gate.addr(), "");
    let talk = Talk::start(account, "target/#lobby", "bob #lobby", Arc::clone(&book)).await;
    gate.close().await;
    target.stop().await.expect("stop");
    drop(bob);
    talk.talk().await;
    target.start_again().await.expect("start");
    let _bob = on_irc(target.addr(), "bob", "#lobby", &book).await;
    gate.reopen().await.expect("gate");
    talk.judge().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_while_an_xmpp_server_is_away_arrives_in_order_and_marked() {
    let mut target = prosody(&["bridge", "bob"]).await;
    let mut gate = Gate::open(target.addr()).await.expect("gate");
    let book = Arc::new(Book::default());
    let enter = async |addr: SocketAddr| -> xmpp::Person { on_xmpp(addr, "bob", "lobby", &book).await };
    let bob = enter(target.addr()).await;
    let account = xmpp_account("target", gate.addr());
    let place = format!("bob {}", muc("lobby"));
    let talk = Talk::start(account, "target/lobby", &place, Arc::clone(&book)).await;
    gate.close().await;
    target.stop().await.expect("stop");
    drop(bob);
    talk.talk().await;
    target.start_again().await.expect("start");
    let _bob = enter(target.addr()).await;
    gate.reopen().await.expect("gate");
    talk.judge().await;
}
