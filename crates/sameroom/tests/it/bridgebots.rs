//! BridgeBots that are only invited, codes and portals, and who must agree to a tube that leaves our realms.

use std::time::Duration;

use sameroom_testkit::irc_client::IrcClient;
use sameroom_testkit::servers::ngircd::{Ngircd, NgircdOptions};
use sameroom_testkit::servers::prosody::{Prosody, ProsodyOptions};
use serde_json::json;
use tokio::time::Instant;

use crate::people::{Occupant, xmpp_account};
use crate::program::{PATIENCE, Program, heard, irc_account, person};

const DOMAIN: &str = "xmpp.test";

struct Stage {
    ngircd: Ngircd,
    prosody: Prosody,
    /// Operator of `#garden`.
    bob: IrcClient,
    /// Owner of `office`.
    ann: Occupant,
    program: Program,
}

async fn stage(server: &str, xmpp: &str, rooms: &str) -> Stage {
    let ngircd = Ngircd::start(&NgircdOptions::default()).await.expect("ngircd");
    let prosody = Prosody::start(ProsodyOptions::default()).await.expect("prosody");
    for user in ["bridge", "ann", "eve"] {
        prosody.add_user(user).expect("user");
    }
    let bob = person(ngircd.addr(), "bob", "#garden").await;
    let ann = Occupant::enter(prosody.addr(), "ann", DOMAIN, "office").await;
    let config = [
        irc_account("one", ngircd.addr(), "bridgebot = true"),
        xmpp_account("acme", prosody.addr(), DOMAIN, xmpp),
        rooms.to_owned(),
    ]
    .concat();
    let program = Program::start_with(server, &config);
    // Whoever is invited before being there is not invited.
    let deadline = Instant::now() + PATIENCE;
    loop {
        let (_, out) = program.ask(&["accounts", "list", "--json"]).await;
        if out.matches("\"state\": \"connected\"").count() == 2 {
            break;
        }
        assert!(Instant::now() < deadline, "{out}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Stage { ngircd, prosody, bob, ann, program }
}

impl Stage {
    /// Invites the bot into the channel; gives how often it greeted so far.
    async fn invite_on_irc(&mut self) {
        self.bob.send("INVITE sameroom #garden").await.expect("invited");
        heard(&mut self.bob, "Hello, I am Sameroom").await;
    }

    async fn invite_on_xmpp(&mut self) {
        let room = self.ann.room.clone();
        self.ann.ask("invite", json!({ "room": room, "jid": format!("bridge@{DOMAIN}") })).await;
        self.ann.told("Hello, I am Sameroom").await;
    }

    async fn code(&mut self) -> String {
        self.bob.say("#garden", "-sameroom open").await.expect("said");
        let line = heard(&mut self.bob, "-sameroom connect ").await;
        line.rsplit(' ').next().expect("a code").to_owned()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_irc_and_an_xmpp_bridgebot_only_invited_are_tied_by_a_code() {
    let mut stage = stage("", "bridgebot = true", "").await;
    stage.invite_on_irc().await;
    stage.invite_on_xmpp().await;
    let code = stage.code().await;
    assert!(code.len() == 5 && code.bytes().all(|letter| letter.is_ascii_uppercase()), "{code}");

    stage.ann.say("-sameroom connect WRONG").await;
    stage.ann.told("That code is not, or no longer, good.").await;
    let mut eve = Occupant::enter(stage.prosody.addr(), "eve", DOMAIN, "office").await;
    eve.say(&format!("-sameroom connect {code}")).await;
    eve.told("eve: only this room's moderators may do that here.").await;
    // As people type it.
    stage.ann.say(&format!("-sameroom connect {}", code.to_lowercase())).await;
    stage.ann.told("Connected to #garden on one (IRC)").await;
    heard(&mut stage.bob, "Connected to office on acme (XMPP)").await;
    stage.bob.say("#garden", "over to you").await.expect("said");
    stage.ann.hear("over to you").await;
    stage.ann.say("and back").await;
    heard(&mut stage.bob, "and back").await;

    // A code is good once, and the latest of a room alone.
    stage.ann.say(&format!("-sameroom connect {code}")).await;
    stage.ann.told("That code is not, or no longer, good.").await;
    let older = stage.code().await;
    let newer = stage.code().await;
    stage.ann.say(&format!("-sameroom connect {older}")).await;
    stage.ann.told("That code is not, or no longer, good.").await;
    stage.ann.say(&format!("-sameroom connect {newer}")).await;
    stage.ann.told("these two rooms are already connected").await;
    // Its own room is not another one.
    stage.bob.say("#garden", &format!("-sameroom connect {newer}")).await.expect("said");
    heard(&mut stage.bob, "that is this very room").await;

    // A passer-by's disable is refused, the moderator's works, and undo restores it.
    let mut mallory = person(stage.ngircd.addr(), "mallory", "#garden").await;
    mallory.say("#garden", "-sameroom disable").await.expect("said");
    heard(&mut mallory, "mallory: only this room's moderators may do that here.").await;
    eve.say("-sameroom disable").await;
    eve.stanza("refusal", |came| came.text().starts_with("eve: only this room's moderators")).await;
    stage.ann.say("-sameroom disable").await;
    stage.ann.told("Removed 1").await;
    heard(&mut stage.bob, "No longer connected to office").await;
    stage.ann.say("said while apart").await;
    stage.ann.say("-sameroom undo").await;
    stage.ann.told("Brought back 1").await;
    stage.ann.say("together again").await;
    heard(&mut stage.bob, "together again").await;
    assert!(!stage.bob.passed.iter().any(|line| line.contains("said while apart")));

    // Kicked it stays out and says so elsewhere; invited again it goes on, and both rooms hear of it.
    stage.bob.send("KICK #garden sameroom :enough").await.expect("kicked");
    stage.ann.told("is no longer connected: removed from the room by bob (enough)").await;
    stage.ann.say("nobody there hears this").await;
    // An answer behind it says that it was dealt with before the invitation.
    stage.ann.say("-sameroom version").await;
    stage.ann.told("Sameroom 0").await;
    stage.bob.send("INVITE sameroom #garden").await.expect("invited");
    heard(&mut stage.bob, "Connected to office on acme (XMPP)").await;
    stage.ann.told("Connected to #garden on one (IRC)").await;
    stage.ann.say("but this").await;
    heard(&mut stage.bob, "but this").await;
    assert!(!stage.bob.passed.iter().any(|line| line.contains("nobody there hears this")));
    let room = stage.ann.room.clone();
    stage.ann.ask("kick", json!({ "room": room, "nick": "sameroom", "reason": "enough" })).await;
    heard(&mut stage.bob, "is no longer connected: removed from the room by ann").await;

    // In private it helps everybody.
    stage.bob.say("sameroom", "help").await.expect("said");
    heard(&mut stage.bob, "these lines").await;
    let bridge = format!("bridge@{DOMAIN}");
    eve.ask("post", json!({ "to": bridge, "body": "help", "kind": "chat" })).await;
    let told =
        eve.stanza("help", |came| came.field("type") == "chat" && came.text().contains("these lines")).await;
    assert!(told.text().contains("undo — brings removed tubes back"), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_greeting_comes_once_and_not_with_every_start() {
    let mut stage = stage("", "bridgebot = true", "").await;
    stage.invite_on_irc().await;
    stage.invite_on_xmpp().await;
    stage.program.terminate().await;
    stage.program.start_again();
    stage.bob.expect(" QUIT ").await.expect("gone meanwhile");
    let deadline = Instant::now() + PATIENCE;
    loop {
        let (_, out) = stage.program.ask(&["rooms", "list", "--json"]).await;
        if out.matches("\"state\": \"usable\"").count() == 2 {
            break;
        }
        assert!(Instant::now() < deadline, "{out}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // It is still in both rooms, answers there, and had nothing to say before that.
    stage.bob.say("#garden", "-sameroom version").await.expect("said");
    heard(&mut stage.bob, "Sameroom 0").await;
    stage.ann.say("-sameroom version").await;
    stage.ann.told("Sameroom 0").await;
    assert!(!stage.bob.passed.iter().any(|line| line.contains("Hello, I am")), "{:?}", stage.bob.passed);
    let greetings = stage.ann.everything().iter().filter(|xml| xml.contains("Hello, I am")).count();
    assert_eq!(greetings, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_is_no_bridgebot_goes_nowhere_uninvited_by_its_owner() {
    let mut stage = stage("", "", "").await;
    let room = stage.ann.room.clone();
    stage.ann.ask("invite", json!({ "room": room, "jid": format!("bridge@{DOMAIN}") })).await;
    // The answer to a private message comes behind whatever the invitation led to.
    let bridge = format!("bridge@{DOMAIN}");
    stage.ann.ask("post", json!({ "to": bridge, "body": "hello?", "kind": "chat" })).await;
    stage
        .ann
        .stanza("help", |came| came.field("type") == "chat" && came.text().contains("these lines"))
        .await;
    stage.ann.say("is anybody here?").await;
    assert!(!stage.ann.everything().iter().any(|xml| xml.contains(&format!("{room}/sameroom"))));
}

#[tokio::test(flavor = "multi_thread")]
async fn portals_are_given_once_others_can_reach_them() {
    let mut stage = stage("public_url = \"https://chat.example.net/\"", "bridgebot = true", "").await;
    stage.invite_on_irc().await;
    stage.invite_on_xmpp().await;
    let mut urls = Vec::new();
    for command in ["portal", "portal", "portal new"] {
        stage.bob.say("#garden", &format!("-sameroom {command}")).await.expect("said");
        let line = heard(&mut stage.bob, "Whoever opens this can connect a room to this one: ").await;
        urls.push(line.rsplit(' ').next().expect("a URL").to_owned());
    }
    assert!(urls[0].starts_with("https://chat.example.net/portal/"), "{urls:?}");
    assert_eq!(urls[0], urls[1], "the same when asked again");
    assert_ne!(urls[0], urls[2]);
    stage.ann.say(&format!("-sameroom connect {}", urls[0])).await;
    stage.ann.told("Connected to #garden on one (IRC)").await;
    stage.bob.say("#garden", "by the portal").await.expect("said");
    stage.ann.hear("by the portal").await;
    stage.bob.say("#garden", "-sameroom map").await.expect("said");
    let line = heard(&mut stage.bob, "1 tube between 2 rooms").await;
    assert!(line.contains("https://chat.example.net/map/"), "{line}");

    // Ended, it connects nobody any more; its tube stays.
    stage.bob.say("#garden", "-sameroom portal revoke").await.expect("said");
    heard(&mut stage.bob, "portals are closed").await;
    stage.ann.say("still connected").await;
    heard(&mut stage.bob, "still connected").await;
    stage.ann.say("-sameroom disable").await;
    stage.ann.told("Removed 1").await;
    for url in [&urls[0], &urls[2]] {
        stage.ann.say(&format!("-sameroom connect {url}")).await;
        stage.ann.told("That code is not, or no longer, good.").await;
    }

    // A portal with approval asks a moderator of its room each time.
    let (fine, out) = stage.program.ask(&["portals", "add", "one/#garden", "--approval", "--json"]).await;
    assert!(fine, "{out}");
    let made: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    let url = made["portals"][0]["url"].as_str().expect("a URL").to_owned();
    let mut mallory = person(stage.ngircd.addr(), "mallory", "#garden").await;
    for (answer, outcome) in [("refuse", "to connect was refused"), ("accept", "Connected to #garden")] {
        stage.ann.say(&format!("-sameroom connect {url}")).await;
        let line =
            heard(&mut stage.bob, "ann wants to connect office on acme (XMPP) to this room. A moderator")
                .await;
        let id = line.split([' ', ':']).nth(1).expect("a number").to_owned();
        mallory.say("#garden", &format!("-sameroom {answer} {id}")).await.expect("said");
        heard(&mut mallory, "mallory: only this room's moderators may do that here.").await;
        stage.bob.say("#garden", &format!("-sameroom {answer} {id}")).await.expect("said");
        stage.ann.told(outcome).await;
    }
    stage.ann.say("approved").await;
    heard(&mut stage.bob, "approved").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tube_that_leaves_our_realms_waits_for_the_accounts_owner() {
    let rooms = "[rooms.\"one/#garden\"]\nowners = [\"bob\"]\n[rooms.\"acme/office\"]\nowners = [\"gil\"]\n";
    let mut stage = stage("", "outside = \"approve\"", rooms).await;
    stage.invite_on_irc().await;
    let (fine, out) = stage.program.ask(&["rooms", "add", "acme/office"]).await;
    assert!(fine, "{out}");
    stage
        .ann
        .client
        .wait("the bot", |came| {
            let from = came["from"].as_str().unwrap_or_default();
            (came["came"] == "presence" && from.ends_with("/sameroom")).then_some(())
        })
        .await
        .expect("entered");
    let code = stage.code().await;
    stage.ann.say(&format!("-sameroom connect {code}")).await;
    // Whose account wants to be asked is asked, in its room: neither its moderator nor the other side's owner may answer.
    let told =
        stage.ann.told("ann wants to connect #garden on one (IRC) to this room. The operator or").await;
    let id = told.text().split([' ', ':']).nth(1).expect("a number").to_owned();
    heard(&mut stage.bob, &format!("Request {id} to connect waits for an answer from the other side")).await;
    stage.bob.say("#garden", &format!("-sameroom accept {id}")).await.expect("said");
    heard(&mut stage.bob, "There is no such request in this room").await;
    stage.ann.say(&format!("-sameroom accept {id}")).await;
    stage.ann.told("the operator or this account's owner must agree").await;
    let (fine, out) = stage.program.ask(&["tubes", "accept", &id]).await;
    assert!(fine, "{out}");
    stage.ann.told("Connected to #garden on one (IRC)").await;
    stage.bob.say("#garden", "agreed").await.expect("said");
    stage.ann.hear("agreed").await;

    // The owner who is named can answer in the room.
    stage.ann.say("-sameroom disable").await;
    stage.ann.told("Removed 1").await;
    let mut gil = Occupant::enter_as(stage.prosody.addr(), "eve", DOMAIN, "office", "gil").await;
    for (answer, outcome) in [("refuse", "is refused"), ("accept", "Connected to #garden")] {
        let code = stage.code().await;
        stage.ann.say(&format!("-sameroom connect {code}")).await;
        let told = gil.told("The operator or this account's owner answers").await;
        let id = told.text().split([' ', ':']).nth(1).expect("a number").to_owned();
        gil.say(&format!("-sameroom {answer} {id}")).await;
        gil.told(outcome).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tube_that_may_not_leave_our_realms_is_refused() {
    let mut stage = stage("", "outside = \"deny\"", "").await;
    stage.invite_on_irc().await;
    let (fine, out) = stage.program.ask(&["rooms", "add", "acme/office"]).await;
    assert!(fine, "{out}");
    stage
        .ann
        .client
        .wait("the bot", |came| {
            let from = came["from"].as_str().unwrap_or_default();
            (came["came"] == "presence" && from.ends_with("/sameroom")).then_some(())
        })
        .await
        .expect("entered");
    let code = stage.code().await;
    stage.ann.say(&format!("-sameroom connect {code}")).await;
    stage.ann.told("Not connected: the operator allows no connections to outside rooms.").await;
    stage.ann.say("nobody elsewhere hears this").await;
    stage.bob.say("#garden", "-sameroom map").await.expect("said");
    heard(&mut stage.bob, "0 tubes between 1 room").await;
    assert!(!stage.bob.passed.iter().any(|line| line.contains("nobody elsewhere")));
}
