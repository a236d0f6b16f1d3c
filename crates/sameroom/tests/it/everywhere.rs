//! Every command in an IRC channel, an XMPP room and a browser room: answered there, shown nowhere else.

use sameroom_testkit::irc_client::IrcClient;
use sameroom_testkit::servers::ngircd::{Ngircd, NgircdOptions};
use sameroom_testkit::servers::prosody::{Prosody, ProsodyOptions};
use sameroom_testkit::web_client::WebClient;

use crate::people::{Occupant, Stanza, web_everything, web_notice, xmpp_account};
use crate::program::{Program, heard, irc_account, person};

const DOMAIN: &str = "xmpp.test";

/// Somebody who gives commands in a room.
enum Commander {
    Irc(IrcClient),
    Xmpp(Occupant),
    Web(WebClient),
}

impl Commander {
    async fn say(&mut self, text: &str) {
        match self {
            Self::Irc(client) => client.say("#lobby", text).await.map(drop).expect("said"),
            Self::Xmpp(occupant) => drop(occupant.say(text).await),
            Self::Web(client) => drop(client.post(text).await.expect("said")),
        }
    }

    /// Waits for words of ours in this room.
    async fn told(&mut self, text: &str) {
        match self {
            Self::Irc(client) => drop(heard(client, text).await),
            Self::Xmpp(occupant) => {
                let own = format!("{}/sameroom", occupant.room);
                let is_it = |came: &Stanza| came.field("from") == own && came.text().contains(text);
                occupant.stanza(text, is_it).await;
            }
            Self::Web(client) => drop(web_notice(client, text).await),
        }
    }

    /// Waits for a relayed line.
    async fn hears(&mut self, text: &str) {
        match self {
            Self::Irc(client) => drop(heard(client, text).await),
            Self::Xmpp(occupant) => drop(occupant.hear(text).await),
            Self::Web(client) => drop(client.text(text).await.expect("heard")),
        }
    }

    /// Everything that came into this room, as text.
    async fn everything(&mut self) -> String {
        match self {
            Self::Irc(client) => {
                client.catch_up().await.expect("caught up");
                client.passed.iter().cloned().collect::<Vec<_>>().join("\n")
            }
            Self::Xmpp(occupant) => occupant.everything().join("\n"),
            Self::Web(client) => web_everything(client).await,
        }
    }
}

/// A command, and what is in its answer.
const COMMANDS: &[(&str, &str)] = &[
    ("-sameroom help", "these lines"),
    ("\u{2014}SameRoom HELP", "connects this room with rooms elsewhere"),
    ("\u{2013}sameroom ping", " ms"),
    ("--sameroom who", "(here): "),
    ("\u{2212} sameroom version", "Sameroom 0"),
    ("sameroom: map", "3 tubes between 3 rooms"),
    ("@sameroom, format", "Messages appear here as: default"),
    ("-sameroom conect", "Did you mean -sameroom connect?"),
    ("-sameroom xyzzyplugh", "-sameroom help lists them all"),
    ("-sameroom", "the round trip to every connected room"),
    ("-sameroom open", "Say this in the other room within two minutes: -sameroom connect "),
    ("-sameroom connect", "it answers with the code to put behind connect"),
    ("-sameroom connect QQQQQ", "That code is not, or no longer, good"),
    ("-sameroom portal", "the operator must set public_url"),
    ("-sameroom portal revoke", "portals are closed"),
    ("-sameroom accept 77", "There is no such request in this room"),
    ("-sameroom refuse 77", "There is no such request in this room"),
    ("-sameroom manage", "the operator must set public_url"),
    ("-sameroom undo", "There is nothing to bring back"),
    ("-sameroom disable", "declared in the configuration file (line "),
    ("-sameroom trace last", "accepted from "),
    ("-sameroom ^^^", "Put ^^^ before a message"),
    ("-sameroom pause", "Paused 2"),
    ("-sameroom resume", "Resumed 2"),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_command_is_answered_where_it_is_given_and_seen_nowhere_else() {
    let ngircd = Ngircd::start(&NgircdOptions::default()).await.expect("ngircd");
    let prosody = Prosody::start(ProsodyOptions::default()).await.expect("prosody");
    for user in ["bridge", "ann", "eve"] {
        prosody.add_user(user).expect("user");
    }
    let bob = person(ngircd.addr(), "bob", "#lobby").await;
    let ann = Occupant::enter(prosody.addr(), "ann", DOMAIN, "garden").await;
    let config = [
        irc_account("one", ngircd.addr(), ""),
        xmpp_account("acme", prosody.addr(), DOMAIN, ""),
        "[accounts.front]\nplatform = \"web\"\n".to_owned(),
        "[[tubes]]\nrooms = [\"one/#lobby\", \"acme/garden\", \"front/lounge\"]\n".to_owned(),
    ]
    .concat();
    let program = Program::start_with("", &config);
    program.ready(3).await;
    let link = program.link("front/lounge").await;
    let cleo = WebClient::enter(program.address, &link, "cleo").await.expect("entered");
    let mut rooms = [Commander::Irc(bob), Commander::Xmpp(ann), Commander::Web(cleo)];

    for here in 0..rooms.len() {
        rooms[here].say(&format!("hello from room {here}")).await;
        for there in (0..rooms.len()).filter(|there| *there != here) {
            rooms[there].hears(&format!("hello from room {here}")).await;
        }
        for (command, answer) in COMMANDS {
            rooms[here].say(command).await;
            rooms[here].told(answer).await;
        }
        rooms[here].say(&format!("^^^ hushed in room {here}")).await;
        // Behind this everything above was dealt with, everywhere.
        rooms[here].say(&format!("barrier of room {here}")).await;
        for there in (0..rooms.len()).filter(|there| *there != here) {
            rooms[there].hears(&format!("barrier of room {here}")).await;
            let all = rooms[there].everything().await;
            assert!(!all.contains(&format!("hushed in room {here}")), "{all}");
            // Rooms give the commands one after another: those of later rooms can't be known yet.
            if there > here {
                for (command, answer) in COMMANDS {
                    let given = format!(" {command}");
                    assert!(
                        !all.contains(&given) && !all.contains(answer),
                        "{command} in room {there}: {all}"
                    );
                }
            }
        }
    }
    // And no room holds a command under a relayed author.
    for (index, room) in rooms.iter_mut().enumerate() {
        let all = room.everything().await;
        for (command, _) in COMMANDS {
            for relayed in [format!("> {command}"), format!("] {command}")] {
                assert!(!all.contains(&relayed), "{relayed} in room {index}: {all}");
            }
        }
    }

    // A trace by reply is about the message answered.
    let [_, Commander::Xmpp(ann), Commander::Web(cleo)] = &mut rooms else { unreachable!("as above") };
    let first = ann.say("trace me").await;
    let copy = cleo.text("trace me").await.expect("heard");
    ann.say("and another one").await;
    cleo.text("and another one").await.expect("heard");
    ann.reply(&first, "-sameroom trace").await;
    let by_origin = ann.told("accepted from garden").await;
    cleo.reply(copy["id"].as_str().expect("an id"), "-sameroom trace").await.expect("said");
    let by_copy = web_notice(cleo, "accepted from").await;
    let number = |text: &str| {
        let rest = text.split_once("Message ").map(|(_, rest)| rest.to_owned()).expect("a number");
        rest.split(',').next().map(str::to_owned).expect("a number")
    };
    let traced = number(by_origin.text());
    let found = cleo
        .wait("the same trace", |message| {
            let text = message["text"].as_str().unwrap_or_default();
            text.contains(&format!("Message {traced},")).then(|| text.to_owned())
        })
        .await
        .expect("told");
    assert!(found.contains("after") && found.contains("#lobby"), "the way to each room: {found}");
    drop(by_copy);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passer_by_changes_nothing_and_sees_everything() {
    let ngircd = Ngircd::start(&NgircdOptions::default()).await.expect("ngircd");
    let prosody = Prosody::start(ProsodyOptions::default()).await.expect("prosody");
    for user in ["bridge", "ann", "eve"] {
        prosody.add_user(user).expect("user");
    }
    let bob = person(ngircd.addr(), "bob", "#lobby").await;
    let ann = Occupant::enter(prosody.addr(), "ann", DOMAIN, "garden").await;
    let config = [
        irc_account("one", ngircd.addr(), ""),
        xmpp_account("acme", prosody.addr(), DOMAIN, ""),
        "[accounts.front]\nplatform = \"web\"\n".to_owned(),
    ]
    .concat();
    let program = Program::start_with("", &config);
    // Tubes of the operator's, which commands may remove.
    for (a, b) in
        [("one/#lobby", "acme/garden"), ("acme/garden", "front/lounge"), ("front/lounge", "one/#lobby")]
    {
        let deadline = tokio::time::Instant::now() + crate::program::PATIENCE;
        loop {
            let (fine, out) = program.ask(&["tubes", "add", a, b]).await;
            if fine {
                break;
            }
            assert!(tokio::time::Instant::now() < deadline, "{out}");
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    }
    program.ready(3).await;
    let link = program.link("front/lounge").await;
    let cleo = WebClient::enter(program.address, &link, "cleo").await.expect("entered");
    let mut owners = [Commander::Irc(bob), Commander::Xmpp(ann), Commander::Web(cleo)];
    let mut strangers = [
        Commander::Irc(person(ngircd.addr(), "eve", "#lobby").await),
        Commander::Xmpp(Occupant::enter(prosody.addr(), "eve", DOMAIN, "garden").await),
        Commander::Web(WebClient::enter(program.address, &link, "eve").await.expect("entered")),
    ];
    for (index, stranger) in strangers.iter_mut().enumerate() {
        for word in [
            "disable",
            "pause",
            "resume",
            "undo",
            "open",
            "connect ABCDE",
            "portal",
            "portal new",
            "portal revoke",
            "accept 1",
            "refuse 1",
            "manage",
            "format none",
        ] {
            stranger.say(&format!("-sameroom {word}")).await;
            stranger.told("eve: only this room's moderators may do that here.").await;
        }
        stranger.say("-sameroom map").await;
        stranger.told("3 tubes between 3 rooms").await;
        owners[index].say(&format!("still here {index}")).await;
        for (_, owner) in owners.iter_mut().enumerate().filter(|(other, _)| *other != index) {
            owner.hears(&format!("still here {index}")).await;
        }
    }
    // The moderators' own works, and can be undone.
    for index in 0..owners.len() {
        owners[index].say("-sameroom disable").await;
        owners[index].told("Removed 2. -sameroom undo brings them back for 7 days.").await;
        let text = format!("said alone {index}");
        owners[index].say(&text).await;
        owners[index].say("-sameroom version").await;
        owners[index].told("Sameroom 0").await;
        owners[index].say("-sameroom undo").await;
        owners[index].told("Brought back 2.").await;
        let again = format!("together again {index}");
        owners[index].say(&again).await;
        for other in (0..owners.len()).filter(|other| *other != index) {
            owners[other].hears(&again).await;
            let all = owners[other].everything().await;
            assert!(!all.contains(&text), "{all}");
        }
    }
    let (_, audit) = program.ask(&["audit"]).await;
    for who in ["bob in one/#lobby", "ann in acme/garden", "cleo in front/lounge"] {
        assert!(audit.contains(who), "{audit}");
    }
    assert!(!audit.contains("eve in"), "refused commands change nothing: {audit}");
}
