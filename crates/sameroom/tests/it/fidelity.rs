//! Edits, deletions, reactions, replies and files between XMPP rooms and a browser room: native everywhere.

use sameroom_testkit::servers::ejabberd::Ejabberd;
use sameroom_testkit::servers::prosody::{Prosody, ProsodyOptions};
use sameroom_testkit::web_client::WebClient;

use crate::people::{Known, Occupant, Seat, xmpp_account};
use crate::program::Program;

/// The domain that both servers serve; each is a world of its own.
const DOMAIN: &str = "xmpp.test";

/// Two rooms on Prosody, one on ejabberd and a browser room, tied pairwise, with one person in each.
struct Stage {
    seats: Vec<Seat>,
    prosody: Prosody,
    _ejabberd: Ejabberd,
    _program: Program,
}

async fn stage() -> Stage {
    let (prosody, ejabberd) = tokio::join!(Prosody::start(ProsodyOptions::default()), Ejabberd::start());
    let (prosody, ejabberd) = (prosody.expect("prosody"), ejabberd.expect("ejabberd"));
    for user in ["bridge", "ann", "amy", "dan"] {
        prosody.add_user(user).expect("user");
    }
    for user in ["bridge", "bob"] {
        ejabberd.add_user(user).await.expect("user");
    }
    let (ann, dan, bob) = tokio::join!(
        Occupant::enter(prosody.addr(), "ann", DOMAIN, "garden"),
        Occupant::enter(prosody.addr(), "dan", DOMAIN, "yard"),
        Occupant::enter(ejabberd.addr(), "bob", DOMAIN, "office"),
    );
    let config = [
        xmpp_account("acme", prosody.addr(), DOMAIN, ""),
        xmpp_account("beta", ejabberd.addr(), DOMAIN, ""),
        "[accounts.front]\nplatform = \"web\"\n".to_owned(),
        "[[tubes]]\nrooms = [\"acme/garden\", \"acme/yard\", \"beta/office\", \"front/lounge\"]\n".to_owned(),
    ]
    .concat();
    let program = Program::start_with("", &config);
    program.ready(6).await;
    let link = program.link("front/lounge").await;
    let cleo = WebClient::enter(program.address, &link, "cleo").await.expect("entered");
    let seats = vec![Seat::Xmpp(ann), Seat::Xmpp(dan), Seat::Xmpp(bob), Seat::Web(cleo)];
    Stage { seats, prosody, _ejabberd: ejabberd, _program: program }
}

impl Stage {
    /// Somebody says something; gives how each room knows it.
    async fn say(&mut self, origin: usize, text: &str) -> Vec<Known> {
        let original = self.seats[origin].say(text).await;
        let mut known = Vec::new();
        for (index, seat) in self.seats.iter_mut().enumerate() {
            known.push(if index == origin { original.clone() } else { seat.hear(text).await });
        }
        known
    }

    /// Everybody but one sees just these emoji of people elsewhere on a message.
    async fn all_see(&mut self, known: &[Known], but: usize, emoji: &[&str]) {
        for (index, (seat, known)) in self.seats.iter_mut().zip(known).enumerate() {
            if index != but {
                seat.reacted(known, emoji).await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_done_to_a_message_is_done_natively_in_every_room() {
    let mut stage = stage().await;
    let count = stage.seats.len();
    for origin in 0..count {
        let known = stage.say(origin, &format!("first words of {origin}")).await;

        // The author changes it, twice.
        for round in ["second", "third"] {
            let text = format!("{round} words of {origin}");
            stage.seats[origin].edit(&known[origin], &text).await;
            for index in (0..count).filter(|index| *index != origin) {
                stage.seats[index].corrected(&known[index], &text).await;
            }
        }

        // Everybody answers, to the original and to copies; and somebody answers an answer.
        for answerer in 0..count {
            let text = format!("answer of {answerer} to {origin}");
            let own = stage.seats[answerer].reply(&known[answerer], &text).await;
            for index in (0..count).filter(|index| *index != answerer) {
                let copy = stage.seats[index].answered(&known[index], &text).await;
                if answerer == 0 && index == count - 1 {
                    let text = format!("answer to the answer about {origin}");
                    stage.seats[index].reply(&copy, &text).await;
                    stage.seats[answerer].answered(&own, &text).await;
                }
            }
        }

        // Everybody's reactions, on, off and on again.
        for reactor in 0..count {
            for (before, now) in [
                (&[] as &[&str], &["👍"] as &[&str]),
                (&["👍"], &["🎉", "👍"]),
                (&["🎉", "👍"], &["👍"]),
                (&["👍"], &[]),
                (&[], &["👍"]),
                (&["👍"], &[]),
            ] {
                stage.seats[reactor].react(&known[reactor], before, now).await;
                stage.all_see(&known, reactor, now).await;
            }
        }

        // The author takes it back.
        stage.seats[origin].delete(&known[origin]).await;
        for index in (0..count).filter(|index| *index != origin) {
            stage.seats[index].gone(&known[index]).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reaction_stays_until_the_last_one_takes_it_back() {
    let mut stage = stage().await;
    let mut amy = Occupant::enter(stage.prosody.addr(), "amy", DOMAIN, "garden").await;
    let known = stage.say(0, "who is for it?").await;
    let Known::Xmpp(original) = &known[0] else { unreachable!("said on XMPP") };
    amy.react(original, &["👍"]).await;
    amy.shows("amy", original, &["👍"]).await;
    stage.all_see(&known, 0, &["👍"]).await;
    stage.seats[0].react(&known[0], &[], &["👍"]).await;
    // The room puts the acts of several people in an order; each waits for the other's.
    amy.shows("ann", original, &["👍"]).await;
    // Amy's goes, Ann's keeps it up: nothing is shown until Ann adds another one.
    amy.react(original, &[]).await;
    amy.shows("amy", original, &[]).await;
    stage.seats[0].react(&known[0], &["👍"], &["👍", "🎉"]).await;
    stage.all_see(&known, 0, &["🎉", "👍"]).await;
    stage.seats[0].react(&known[0], &["👍", "🎉"], &[]).await;
    stage.all_see(&known, 0, &[]).await;
    // On again, and one exchanged for another in one go.
    amy.react(original, &["👍"]).await;
    stage.all_see(&known, 0, &["👍"]).await;
    amy.react(original, &["🎉"]).await;
    stage.all_see(&known, 0, &["🎉"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_arrive_byte_for_byte() {
    let mut stage = stage().await;
    let count = stage.seats.len();
    for origin in 0..count {
        let name = format!("minutes-{origin}.txt");
        let content: String = (0..20_000).map(|line| format!("{origin}:{line} äöü\n")).collect();
        stage.seats[origin].upload(&name, &content).await;
        for index in (0..count).filter(|index| *index != origin) {
            let came = stage.seats[index].file(&name).await;
            assert!(came == content.as_bytes(), "{name} in room {index}: {} bytes", came.len());
        }
    }
}
