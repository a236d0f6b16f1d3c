//! What happens on networks: taken nicks, refused rooms, strange lines, people who come and go.

use sameroom_connector::contract::{Rig, Stage};
use sameroom_connector::{Command, Report};
use sameroom_testkit::irc_client::IrcClient;
use sameroom_types::action::{Outcome, RefusalKind};
use sameroom_types::capabilities::Support;
use sameroom_types::event::{ContentKind, MemberChange, Role, RoomEvent};
use sameroom_types::ids::RemoteRoomId;
use sameroom_types::room::{Health, RoomKind};
use sameroom_types::text::{Block, Inline, Text};
use serde_json::json;
use simulator_irc::{Capability, Mechanism, Options};

use crate::simulator_stage::SimulatorStage;

async fn joined(options: Options, extra: serde_json::Value) -> (SimulatorStage, Rig, RemoteRoomId) {
    let stage = SimulatorStage::start(options, extra);
    let mut rig = Rig::start(&stage, Vec::new()).unwrap();
    let room = rig.join("#lobby").await.unwrap();
    (stage, rig, room.id)
}

async fn text_of(rig: &mut Rig, room: &RemoteRoomId, text: &str) -> Text {
    rig.posted(room, text).await.unwrap().content.text
}

#[tokio::test]
async fn words_actions_notices_and_old_letters() {
    let (stage, mut rig, room) = joined(Options::default(), json!({})).await;
    let ann = stage.server.user("ann", "#lobby").unwrap();
    ann.says("plain \u{2}bold\u{2}").unwrap();
    let bold = Inline::Bold(vec![Inline::Text("bold".into())]);
    let expected = vec![Block::Paragraph(vec![Inline::Text("plain ".into()), bold])];
    assert_eq!(text_of(&mut rig, &room, "plain").await.blocks, expected);
    ann.acts("waves").unwrap();
    assert_eq!(rig.posted(&room, "waves").await.unwrap().content.kind, ContentKind::Action);
    ann.notices("no answer please").unwrap();
    assert_eq!(rig.posted(&room, "no answer").await.unwrap().content.kind, ContentKind::Notice);
    ann.says_bytes(b"gr\xfc\xdfe").unwrap();
    text_of(&mut rig, &room, "grüße").await;
    rig.stop().await.unwrap();
}

#[tokio::test]
async fn who_comes_goes_and_changes_name() {
    let (stage, mut rig, room) = joined(Options::default(), json!({})).await;
    let ann = stage.server.user("ann", "#lobby").unwrap();
    let mut change = async |what: &str| {
        rig.event(what, &room, |inbound| match &inbound.event {
            RoomEvent::MemberChanged { member, change } => Some((member.name.clone(), change.clone())),
            _ => None,
        })
        .await
        .unwrap()
    };
    assert_eq!(change("join").await, ("ann".into(), MemberChange::Joined));
    ann.renames("anna").unwrap();
    assert_eq!(change("rename").await, ("anna".into(), MemberChange::Renamed { from: "ann".into() }));
    ann.parts("bye").unwrap();
    assert_eq!(change("part").await, ("anna".into(), MemberChange::Left { reason: Some("bye".into()) }));
    // A netsplit and its end are nobody's coming and going.
    let bob = stage.server.user("bob", "#lobby").unwrap();
    assert_eq!(change("join").await.0, "bob");
    stage.server.netsplit(&["bob"]);
    stage.server.netjoin();
    bob.says("still here").unwrap();
    rig.posted(&room, "still here").await.unwrap();
    let moved = |report: &Report| matches!(report, Report::Event { inbound, .. } if matches!(inbound.event, RoomEvent::MemberChanged { .. }));
    assert!(!rig.passed().iter().any(moved));
    rig.stop().await.unwrap();
}

#[tokio::test]
async fn ranks_decide_the_role() {
    let (stage, mut rig, room) = joined(Options::default(), json!({})).await;
    let ann = stage.server.user("ann", "#lobby").unwrap();
    stage.server.set_mode("#lobby", "+o ann");
    ann.says("as operator").unwrap();
    assert_eq!(rig.posted(&room, "as operator").await.unwrap().author.role, Role::Moderator);
    stage.server.set_mode("#lobby", "-o ann");
    ann.says("as member").unwrap();
    assert_eq!(rig.posted(&room, "as member").await.unwrap().author.role, Role::Member);
    rig.stop().await.unwrap();
}

#[tokio::test]
async fn a_room_without_colours_takes_plain_text() {
    let (stage, mut rig, room) = joined(Options::default(), json!({})).await;
    stage.server.set_mode("#lobby", "+c");
    let formatting = rig
        .wait("room again", |report| match report {
            Report::Room(found)
                if found.id == room
                    && found.asked.is_none()
                    && found.capabilities.formatting == Support::Fallback =>
            {
                Some(())
            }
            _ => None,
        })
        .await;
    formatting.unwrap();
    rig.stop().await.unwrap();
}

#[tokio::test]
async fn the_text_budget_follows_our_mask() {
    let stage = SimulatorStage::start(Options::default(), json!({}));
    let mut rig = Rig::start(&stage, Vec::new()).unwrap();
    let room = rig.join("#lobby").await.unwrap();
    let before = room.capabilities.text.max;
    let text = "x".repeat(before as usize);
    let delivery = rig.submit_text(&room.id, &text).await.unwrap();
    rig.outcome(delivery).await.unwrap();
    let entry =
        stage.server.wait_for("#lobby", |entry| entry.by == "same" && entry.text().is_some()).await.unwrap();
    assert_eq!(entry.text(), Some(text.as_str()), "cut by the server");
    stage.server.change_host("same", "a.much.longer.host.of.this.account.example.org");
    let after = rig
        .wait("room again", |report| match report {
            Report::Room(found) if found.capabilities.text.max != before => Some(found.capabilities.text.max),
            _ => None,
        })
        .await
        .unwrap();
    assert!(after < before, "{after} is not below {before}");
    rig.stop().await.unwrap();
}

#[tokio::test]
async fn a_taken_nick_is_regained() {
    let stage = SimulatorStage::start(Options::default(), json!({}));
    let holder = stage.server.user("same", "#lobby").unwrap();
    let mut rig = Rig::start(&stage, Vec::new()).unwrap();
    rig.join("#lobby").await.unwrap();
    assert!(stage.server.members("#lobby").iter().any(|nick| nick == "same_"));
    holder.quit_if_there();
    stage
        .server
        .wait_for_members("#lobby", |nicks| nicks.iter().any(|nick| nick.trim_start_matches('@') == "same"))
        .await
        .unwrap();
    rig.stop().await.unwrap();
}

/// Leaving twice is not the test's concern.
trait QuitIfThere {
    fn quit_if_there(&self);
}

impl QuitIfThere for simulator_irc::User {
    fn quit_if_there(&self) {
        assert!(self.quits("bye").is_ok());
    }
}

#[tokio::test]
async fn refused_rooms_say_why() {
    let stage = SimulatorStage::start(Options::default(), json!({}));
    let mut rig = Rig::start(&stage, Vec::new()).unwrap();
    for (numeric, word, retrying) in [(474, "banned", false), (473, "invite", true), (471, "full", true)] {
        let room = format!("#room{numeric}");
        stage.server.refuse_next_join(&room, numeric);
        rig.command(Command::Join { room: room.as_str().into() }).await.unwrap();
        let failure = rig
            .wait("refusal", |report| match report {
                Report::RoomFailed(failure) if *failure.asked == *room => Some(failure.clone()),
                _ => None,
            })
            .await
            .unwrap();
        assert!(failure.why.contains(word), "{}", failure.why);
        assert_eq!(failure.retrying, retrying);
    }
    assert!(rig.join("no room at all").await.unwrap_err().contains("starts with #"));
    rig.stop().await.unwrap();
}

#[tokio::test]
async fn keys_open_rooms() {
    let stage = SimulatorStage::start(Options::default(), json!({"channel_keys": {"#Vault": "sesame"}}));
    let keeper = stage.server.user("keeper", "#vault").unwrap();
    keeper.sets_mode("+k sesame").unwrap();
    let mut rig = Rig::start(&stage, Vec::new()).unwrap();
    rig.join("#vault").await.unwrap();
    rig.stop().await.unwrap();
}

#[tokio::test]
async fn a_refused_message_is_the_right_one() {
    for options in [Options::default(), Options::plain()] {
        let (stage, mut rig, room) = joined(options, json!({})).await;
        stage.server.refuse_next_message("#lobby", 404);
        let refused = rig.submit_text(&room, "refused").await.unwrap();
        let outcome = rig.outcome(refused).await.unwrap();
        assert!(
            matches!(&outcome, Outcome::Refused(refusal) if refusal.kind == RefusalKind::Room),
            "{outcome:?}"
        );
        let taken = rig.submit_text(&room, "taken").await.unwrap();
        assert!(matches!(rig.outcome(taken).await.unwrap(), Outcome::Done { .. }));
        rig.stop().await.unwrap();
    }
}

#[tokio::test]
async fn private_words_open_a_direct_room() {
    let (stage, mut rig, _) = joined(Options::default(), json!({})).await;
    let ann = stage.server.user("Ann", "#lobby").unwrap();
    ann.says_to("same", "-sameroom help").unwrap();
    let direct = rig
        .wait("direct room", |report| match report {
            Report::Room(found) if found.kind == RoomKind::Direct => Some(found.id.clone()),
            _ => None,
        })
        .await
        .unwrap();
    assert_eq!(direct.as_str(), "ann");
    let post = rig.posted(&direct, "help").await.unwrap();
    let answer = rig.submit_text(&direct, "the commands are").await.unwrap();
    assert!(matches!(rig.outcome(answer).await.unwrap(), Outcome::Done { .. }));
    ann.wait_for(|entry| entry.text() == Some("the commands are")).await.unwrap();
    let whisper = Command::Whisper { room: direct, to: post.author.id, text: "only you\nsee this".into() };
    rig.command(whisper).await.unwrap();
    ann.wait_for(|entry| entry.text() == Some("see this")).await.unwrap();
    rig.stop().await.unwrap();
}

#[tokio::test]
async fn nothing_said_elsewhere_becomes_a_command() {
    let (stage, mut rig, room) = joined(Options::default(), json!({})).await;
    for text in ["a\r\nQUIT :gone", "\u{1}DCC SEND x\u{1}", ":colon first", "nul\0inside"] {
        let delivery = rig.submit_text(&room, text).await.unwrap();
        assert!(matches!(rig.outcome(delivery).await.unwrap(), Outcome::Done { .. }), "{text:?}");
    }
    let said: Vec<String> = stage
        .server
        .transcript("#lobby")
        .iter()
        .filter_map(|entry| entry.text().map(str::to_owned))
        .collect();
    assert_eq!(said, ["a  QUIT :gone", "DCC SEND x", ":colon first", "nulinside"]);
    rig.stop().await.unwrap();
}

#[tokio::test]
async fn every_login_works() {
    for (mechanism, name) in [
        (Mechanism::Plain, "PLAIN"),
        (Mechanism::ScramSha256, "SCRAM-SHA-256"),
        (Mechanism::External, "EXTERNAL"),
    ] {
        let mut options = Options::default().account("ana", "s3cret");
        options.mechanisms = vec![mechanism];
        options.external_account = Some("ana".into());
        let login = if name == "EXTERNAL" {
            json!({"sasl": {"mechanism": name}})
        } else {
            json!({"sasl": {"mechanism": name, "username": "ana", "password": "s3cret"}})
        };
        let (_stage, mut rig, _) = joined(options, login).await;
        let me = rig.wait("Connected", |report| match report {
            Report::Connected { me, .. } => Some(me.id.clone()),
            _ => None,
        });
        assert_eq!(me.await.unwrap().as_str(), "account:ana", "{name}");
        rig.stop().await.unwrap();
    }
}

#[tokio::test]
async fn a_login_that_is_asked_for_and_not_offered_is_waited_for() {
    let login = json!({"sasl": {"username": "ana", "password": "s3cret"}});
    let stage = SimulatorStage::start(Options::default().without(Capability::Sasl), login);
    let mut rig = Rig::start(&stage, Vec::new()).unwrap();
    let why = rig.wait("Retrying", |report| match report {
        Report::Health(Health::Retrying { why, .. }) => Some(why.clone()),
        _ => None,
    });
    assert!(why.await.unwrap().contains("SASL"));
    rig.stop().await.unwrap();
}

#[tokio::test]
async fn the_nickserv_of_old_knows_us() {
    let options = Options::default().account("same", "s3cret").without(Capability::Sasl);
    let (_stage, mut rig, _) = joined(options, json!({"nickserv_password": "s3cret"})).await;
    let me = rig.wait("Connected", |report| match report {
        Report::Connected { me, .. } => Some(me.id.clone()),
        _ => None,
    });
    assert_eq!(me.await.unwrap().as_str(), "account:same");
    rig.stop().await.unwrap();
}

#[tokio::test]
async fn rooms_are_listed() {
    let (stage, mut rig, _) = joined(Options::default(), json!({})).await;
    stage.server.user("ann", "#garden").unwrap();
    rig.command(Command::ListRooms).await.unwrap();
    let rooms = rig.wait("list", |report| match report {
        Report::Rooms(rooms) => Some(rooms.iter().map(|room| room.id.to_string()).collect::<Vec<_>>()),
        _ => None,
    });
    let mut rooms = rooms.await.unwrap();
    rooms.sort();
    assert_eq!(rooms, ["#garden", "#lobby"]);
    rig.stop().await.unwrap();
}

#[tokio::test]
async fn a_busy_room_leaves_the_other_its_turn() {
    let stage = SimulatorStage::start(Options::default(), json!({"pace": {"burst": 8, "per_second": 20.0}}));
    let mut rig = Rig::start(&stage, Vec::new()).unwrap();
    let busy = rig.join("#busy").await.unwrap().id;
    let calm = rig.join("#calm").await.unwrap().id;
    for n in 0..40 {
        rig.submit_text(&busy, &format!("busy {n}")).await.unwrap();
    }
    let delivery = rig.submit_text(&calm, "calm").await.unwrap();
    assert!(matches!(rig.outcome(delivery).await.unwrap(), Outcome::Done { .. }));
    let before = stage.server.transcript("#busy").iter().filter(|entry| entry.text().is_some()).count();
    assert!(before < 25, "{before} lines of the busy room went first");
    rig.stop().await.unwrap();
}

#[tokio::test]
async fn a_thousand_lines_are_all_confirmed_in_order() {
    for options in [Options::default(), Options::plain()] {
        let (stage, mut rig, room) = joined(options, json!({})).await;
        let mut sent = Vec::new();
        for n in 0..1_000 {
            sent.push(rig.submit_text(&room, &format!("line {n}")).await.unwrap());
        }
        for delivery in sent {
            assert!(matches!(rig.outcome(delivery).await.unwrap(), Outcome::Done { .. }));
        }
        let said: Vec<String> = stage
            .server
            .transcript("#lobby")
            .iter()
            .filter_map(|entry| entry.text().map(str::to_owned))
            .collect();
        assert_eq!(said.len(), 1_000);
        assert!(said.iter().enumerate().all(|(n, text)| *text == format!("line {n}")));
        rig.stop().await.unwrap();
    }
}

#[tokio::test]
async fn what_the_bot_relays_is_told_by_its_own_name_where_it_may() {
    let stage = SimulatorStage::start(Options::default(), json!({}));
    let mut rig = Rig::start(&stage, Vec::new()).unwrap();
    let room = rig.join("#lobby").await.unwrap();
    // The first one in is operator, which is all that RELAYMSG asks for; the rank is learnt from NAMES.
    assert_eq!(room.capabilities.author, sameroom_types::capabilities::Authorship::Name);
    let author = sameroom_types::event::Author {
        id: "x".into(),
        name: "Zoë!".into(),
        username: None,
        avatar: None,
        is_bot: false,
        role: Role::Unknown,
    };
    let post = sameroom_types::action::OutboundPost {
        text: sameroom_types::action::Rendered { text: "relayed".into(), styled: false },
        author: Some(author),
        reply: None,
        thread: None,
        notice: false,
    };
    let outcome = rig.send(&room.id, sameroom_types::action::Action::Post(post)).await.unwrap();
    assert!(matches!(outcome, Outcome::Done { shown: true, .. }), "{outcome:?}");
    let entry = stage.server.wait_for("#lobby", |entry| entry.text() == Some("relayed")).await.unwrap();
    assert_eq!(entry.relayed_by.as_deref(), Some("same"));
    assert!(entry.by.ends_with("/sr"), "{}", entry.by);
    rig.stop().await.unwrap();
}

#[tokio::test]
async fn programs_are_told_who_we_are_but_not_too_often() {
    let (stage, rig, _) = joined(Options::default(), json!({})).await;
    let mut ann = IrcClient::connect(stage.server.addr(), "ann", &[]).await.unwrap();
    ann.send("PRIVMSG same :\u{1}VERSION\u{1}").await.unwrap();
    ann.expect("VERSION Sameroom").await.unwrap();
    ann.send("PRIVMSG same :\u{1}VERSION\u{1}").await.unwrap();
    ann.catch_up().await.unwrap();
    assert!(!ann.passed.iter().any(|line| line.contains("VERSION Sameroom")));
    rig.stop().await.unwrap();
    assert_eq!(stage.room(), "#Lobby");
}
