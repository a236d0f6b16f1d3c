//! What the contract suite does not ask: resuming, reading back far, moderation, files, talks, pictures.

use std::time::Duration;

use sameroom_connector::contract::{Peer, Rig};
use sameroom_connector::{Command, Report, Resume, RoomReport};
use sameroom_markup::plain_text;
use sameroom_testkit::servers::prosody::ProsodyOptions;
use sameroom_types::action::{Action, OutboundFile, Outcome, Rendered};
use sameroom_types::event::{ContentKind, DeletionCause, FileRef, Inbound, MemberChange, Role, RoomEvent};
use sameroom_types::ids::SpoolId;
use sameroom_types::room::{Health, RoomKind};
use serde_json::json;

use crate::stage::{Server, XmppStage};

/// Small picture: the bytes do not matter.
const PICTURE: &str = "89504e470d0a1a0a0011";

async fn start() -> (XmppStage, Rig, RoomReport) {
    start_with(ProsodyOptions::default()).await
}

async fn start_with(options: ProsodyOptions) -> (XmppStage, Rig, RoomReport) {
    let stage = XmppStage::start(options).await;
    let mut rig = Rig::start(&stage, Vec::new()).expect("a session");
    let room = rig.join("lobby").await.expect("the room");
    (stage, rig, room)
}

fn posted(inbound: &Inbound) -> Option<String> {
    match &inbound.event {
        RoomEvent::Posted(post) => Some(plain_text(&post.content.text)),
        _ => None,
    }
}

async fn connected(rig: &mut Rig) {
    rig.wait("Connected", |report| matches!(report, Report::Health(Health::Connected)).then_some(()))
        .await
        .expect("connected");
}

#[tokio::test]
async fn a_broken_connection_is_taken_up_again_without_loss() {
    let (stage, mut rig, room) = start().await;
    connected(&mut rig).await;
    let mut ann = stage.person("ann").await;
    rig.forget();
    stage.proxy.cut_at_next_post();
    let delivery = rig.submit_text(&room.id, "sent into the cut").await.expect("submitted");
    rig.wait("Retrying", |report| matches!(report, Report::Health(Health::Retrying { .. })).then_some(()))
        .await
        .expect("told");
    ann.post("said meanwhile").await.expect("posted");
    stage.proxy.mend();
    connected(&mut rig).await;
    let outcome = rig.outcome(delivery).await.expect("an outcome");
    assert!(matches!(outcome, Outcome::Done { shown: true, .. }), "{outcome:?}");
    let history =
        rig.event("line", &room.id, |inbound| posted(inbound).map(|text| (text, inbound.history))).await;
    assert_eq!(history.expect("a line"), ("said meanwhile".to_owned(), false));
    ann.wait_for("sent into the cut").await.expect("seen");
    let times = ann.seen().await.expect("all").iter().filter(|seen| seen.text == "sent into the cut").count();
    assert_eq!(times, 1);
    let rejoined = rig.passed().iter().any(|report| matches!(report, Report::RoomFailed(_)));
    assert!(!rejoined);
    rig.stop().await.expect("stopped");
}

#[tokio::test]
async fn a_server_that_restarts_is_joined_again_and_read_back() {
    let (mut stage, mut rig, room) = start().await;
    connected(&mut rig).await;
    let mut ann = stage.person("ann").await;
    ann.post("before").await.expect("posted");
    rig.posted(&room.id, "before").await.expect("heard");
    stage.proxy.close();
    stage.proxy.cut();
    stage.server.stop().await;
    stage.server.start_again().await;
    let mut bob = stage.person("bob").await;
    bob.post("while away").await.expect("posted");
    bob.wait_for("while away").await.expect("seen");
    rig.forget();
    stage.proxy.mend();
    let (text, history) = rig
        .event("line", &room.id, |inbound| posted(inbound).map(|text| (text, inbound.history)))
        .await
        .expect("a line");
    assert_eq!((text.as_str(), history), ("while away", true));
    rig.stop().await.expect("stopped");
}

#[tokio::test]
async fn many_pages_are_read_back_in_order_and_none_twice() {
    let (stage, mut rig, room) = start().await;
    let mut ann = stage.person("ann").await;
    ann.post("start").await.expect("posted");
    let cursor =
        rig.event("start", &room.id, |inbound| inbound.cursor.clone().filter(|_| posted(inbound).is_some()));
    let cursor = cursor.await.expect("a cursor");
    rig.stop().await.expect("stopped");
    for number in 0..250 {
        ann.post(&format!("line {number}")).await.expect("posted");
    }
    ann.wait_for("line 249").await.expect("seen");
    let resume = Resume { room: room.id.clone(), cursor: Some(cursor), last_heard: None };
    let mut rig = Rig::start(&stage, vec![resume]).expect("a session");
    rig.join("lobby").await.expect("the room");
    ann.post("live").await.expect("posted");
    let mut heard = Vec::new();
    while heard.last().map(String::as_str) != Some("live") {
        heard.push(rig.event("line", &room.id, posted).await.expect("a line"));
    }
    let expected: Vec<String> =
        (0..250).map(|number| format!("line {number}")).chain(["live".to_owned()]).collect();
    assert_eq!(heard, expected);
    rig.stop().await.expect("stopped");
}

#[tokio::test]
async fn a_first_join_keeps_its_place_though_nothing_is_said() {
    let (stage, mut rig, room) = start().await;
    let mut ann = stage.person("ann").await;
    ann.post("too early").await.expect("posted");
    rig.posted(&room.id, "too early").await.expect("heard");
    rig.stop().await.expect("stopped");
    let mut rig = Rig::start(&stage, Vec::new()).expect("a session");
    rig.join("lobby").await.expect("the room");
    let cursor = rig
        .event("place", &room.id, |inbound| {
            matches!(inbound.event, RoomEvent::RightsChanged(_)).then(|| inbound.cursor.clone())
        })
        .await
        .expect("told");
    assert!(cursor.as_ref().is_some_and(|cursor| cursor.as_str().starts_with("a:")), "{cursor:?}");
    rig.stop().await.expect("stopped");
    ann.post("while away").await.expect("posted");
    let resume = Resume { room: room.id.clone(), cursor, last_heard: None };
    let mut rig = Rig::start(&stage, vec![resume]).expect("a session");
    rig.join("lobby").await.expect("the room");
    assert_eq!(rig.event("line", &room.id, posted).await.as_deref(), Ok("while away"));
    rig.stop().await.expect("stopped");
}

#[tokio::test]
async fn an_expired_cursor_falls_back_to_time() {
    let (stage, rig, room) = start().await;
    rig.stop().await.expect("stopped");
    let mut ann = stage.person("ann").await;
    ann.post("while away").await.expect("posted");
    ann.wait_for("while away").await.expect("seen");
    let now = sameroom_connector::contract::kit().clock.wall();
    let cursor = Some(format!("a:{}:no-such-id", now.0 - 1000).into());
    let resume = Resume { room: room.id.clone(), cursor, last_heard: None };
    let mut rig = Rig::start(&stage, vec![resume]).expect("a session");
    rig.join("lobby").await.expect("the room");
    assert_eq!(rig.event("line", &room.id, posted).await.as_deref(), Ok("while away"));
    rig.stop().await.expect("stopped");
}

#[tokio::test]
async fn moderators_remove_messages_and_so_do_we() {
    let (mut stage, mut rig, room) = start().await;
    let mut ann = stage.person("ann").await;
    ann.post("spam").await.expect("posted");
    let first = rig.posted(&room.id, "spam").await.expect("heard");
    let jid = stage.room_jid();
    let target = first.ids.primary.as_str();
    // The module speaks the old form only, slixmpp the new one: the iq is written out.
    let xml = format!(
        "<iq type='set' id='m1' to='{jid}'><apply-to xmlns='urn:xmpp:fasten:0' id='{target}'><moderate xmlns='urn:xmpp:message-moderate:0'><retract xmlns='urn:xmpp:message-retract:0'/></moderate></apply-to></iq>"
    );
    stage.owner.ask("raw", json!({"xml": xml})).await.expect("sent");
    let cause = rig
        .event("deletion", &room.id, |inbound| match &inbound.event {
            RoomEvent::Deleted(gone) if gone.messages.contains(&first.ids.primary) => Some(gone.cause),
            _ => None,
        })
        .await;
    assert_eq!(cause, Ok(DeletionCause::Moderator));

    let account = format!("bridge@{}", stage.options.domain);
    stage
        .owner
        .ask("affiliate", json!({"room": jid, "jid": account, "affiliation": "admin"}))
        .await
        .expect("made admin");
    rig.wait("rights", |report| match report {
        Report::Room(found) => found.capabilities.moderate.is_full().then_some(()),
        _ => None,
    })
    .await
    .expect("told");
    ann.post("more spam").await.expect("posted");
    let second = rig.posted(&room.id, "more spam").await.expect("heard");
    let outcome =
        rig.send(&room.id, Action::Delete { target: second.ids, moderate: true }).await.expect("an outcome");
    assert!(matches!(outcome, Outcome::Done { .. }), "{outcome:?}");
    ann.wait_gone("more spam").await.expect("gone");
    rig.stop().await.expect("stopped");
}

#[tokio::test]
async fn files_go_out_after_their_caption_and_come_in() {
    let stage = XmppStage::start(ProsodyOptions::default()).await;
    let kit = sameroom_connector::contract::kit();
    let id = SpoolId::new("out");
    let mut writer = kit.spool.create(&id).await.expect("a writer");
    writer.write(b"file content").await.expect("written");
    writer.finish().await.expect("finished");
    let mut rig = Rig::start_with(&stage, Vec::new(), &kit).expect("a session");
    let mut room = rig.join("lobby").await.expect("the room");
    while !matches!(
        room.capabilities.files,
        sameroom_types::capabilities::Files::Upload { max_bytes: 1_048_576, .. }
    ) {
        room = rig
            .wait("uploads", |report| match report {
                Report::Room(found) => Some(found.clone()),
                _ => None,
            })
            .await
            .expect("told of uploads");
    }
    let mut ann = stage.person("ann").await;
    let file = FileRef {
        source: String::new(),
        name: "notes ä.txt".into(),
        size_bytes: Some(12),
        media_type: Some("text/plain".into()),
        public_url: None,
        spool: Some(id),
    };
    let caption = Rendered { text: "[Bob] shares".into(), styled: false };
    let action = Action::File(OutboundFile {
        file,
        more: Vec::new(),
        author: None,
        caption,
        reply: None,
        thread: None,
    });
    let first = rig.submit(&room.id, action).await.expect("submitted");
    let second = rig.submit_text(&room.id, "after the file").await.expect("submitted");
    for delivery in [first, second] {
        let outcome = rig.outcome(delivery).await.expect("an outcome");
        assert!(matches!(outcome, Outcome::Done { shown: true, ids: Some(_) }), "{outcome:?}");
    }
    ann.wait_for("after the file").await.expect("seen");
    let seen: Vec<String> = ann.seen().await.expect("all").into_iter().map(|seen| seen.text).collect();
    assert_eq!(seen.len(), 3, "{seen:?}");
    assert_eq!((seen[0].as_str(), seen[2].as_str()), ("[Bob] shares", "after the file"));
    assert!(seen[1].starts_with("http://127.0.0.1"), "{seen:?}");
    let echoed = rig
        .passed()
        .iter()
        .any(|report| matches!(report, Report::Event { inbound, .. } if posted(inbound).is_some()));
    assert!(!echoed, "our own caption or file came back as somebody's");

    ann.upload("theirs.txt", b"their content").await.expect("uploaded");
    let file = rig
        .event("file", &room.id, |inbound| match &inbound.event {
            RoomEvent::Posted(post) => post.content.files.first().cloned(),
            _ => None,
        })
        .await
        .expect("a file");
    assert_eq!(file.name, "theirs.txt");
    let spool = SpoolId::new("in");
    rig.command(Command::Fetch { spool: spool.clone(), file: file.clone(), max_bytes: 100 })
        .await
        .expect("asked");
    assert_eq!(fetched(&mut rig, &spool).await, Ok(13));
    let small = SpoolId::new("small");
    rig.command(Command::Fetch { spool: small.clone(), file, max_bytes: 5 }).await.expect("asked");
    assert!(fetched(&mut rig, &small).await.is_err_and(|error| error.contains("larger than 5")));
    rig.stop().await.expect("stopped");
}

async fn fetched(rig: &mut Rig, spool: &SpoolId) -> Result<u64, String> {
    rig.wait("fetch", |report| match report {
        Report::Fetched { spool: of, result } if of == spool => Some(result.clone()),
        _ => None,
    })
    .await?
    .map_err(|error| error.to_string())
}

#[tokio::test]
async fn talks_and_private_messages_are_rooms_of_two() {
    let (stage, mut rig, room) = start().await;
    connected(&mut rig).await;
    let mut ann = stage.person("ann").await;
    let bridge = format!("bridge@{}", stage.options.domain);
    ann.client
        .ask("post", json!({"to": bridge, "body": "-sameroom help", "kind": "chat"}))
        .await
        .expect("sent");
    let direct = rig.wait("talk", |report| match report {
        Report::Room(found) if found.kind == RoomKind::Direct => Some(found.clone()),
        _ => None,
    });
    let direct = direct.await.expect("a talk");
    assert_eq!((direct.id.as_str(), direct.asked), ("ann@xmpp.test", None));
    rig.posted(&direct.id, "-sameroom help").await.expect("heard");
    let delivery = rig.submit_text(&direct.id, "the commands").await.expect("submitted");
    let outcome = rig.outcome(delivery).await.expect("an outcome");
    assert!(matches!(outcome, Outcome::Done { shown: false, .. }), "{outcome:?}");
    ann.client.text("the commands").await.expect("answered");

    let private = format!("{}/sameroom", stage.room_jid());
    ann.client.ask("post", json!({"to": private, "body": "psst", "kind": "chat"})).await.expect("sent");
    let whispered = rig.wait("private talk", |report| match report {
        Report::Room(found) if found.kind == RoomKind::Direct => Some(found.id.clone()),
        _ => None,
    });
    let whispered = whispered.await.expect("a talk");
    assert_eq!(whispered.as_str(), format!("{}/ann", stage.room_jid()));
    let post = rig.posted(&whispered, "psst").await.expect("heard");
    let in_room = rig.passed().iter().any(|report| matches!(report, Report::Event { inbound, .. } if inbound.room == room.id && posted(inbound).is_some()));
    assert!(!in_room, "a private message was told as said in the room");

    let whisper = Command::Whisper { room: room.id.clone(), to: post.author.id, text: "only you".into() };
    rig.command(whisper).await.expect("asked");
    let heard = ann.client.text("only you").await.expect("heard");
    assert_eq!(heard.get("type").and_then(serde_json::Value::as_str), Some("chat"));
    rig.stop().await.expect("stopped");
}

#[tokio::test]
async fn people_come_go_type_act_and_have_roles_and_pictures() {
    let (mut stage, mut rig, room) = start().await;
    let mut ann = stage.client("ann").await;
    ann.ask("avatar", json!({"mime": "image/png", "content": PICTURE})).await.expect("a picture");
    let jid = stage.room_jid();
    ann.ask("join", json!({"room": jid, "nick": "ann"})).await.expect("joined");
    let came = rig.event("arrival", &room.id, |inbound| match &inbound.event {
        RoomEvent::MemberChanged { member, change: MemberChange::Joined } if member.name == "ann" => {
            Some(member.clone())
        }
        _ => None,
    });
    assert_eq!(came.await.expect("told").role, Role::Member);
    ann.ask("typing", json!({"to": jid})).await.expect("typing");
    rig.event("typing", &room.id, |inbound| matches!(inbound.event, RoomEvent::Typing { .. }).then_some(()))
        .await
        .expect("told");
    ann.ask("post", json!({"to": jid, "body": "/me waves"})).await.expect("posted");
    let act = rig.posted(&room.id, "waves").await.expect("heard");
    assert_eq!(
        (act.content.kind.clone(), plain_text(&act.content.text).as_str()),
        (ContentKind::Action, "waves")
    );
    let picture = act.author.avatar.expect("a picture");
    let spool = SpoolId::new("picture");
    rig.command(Command::Fetch { spool: spool.clone(), file: picture, max_bytes: 1000 })
        .await
        .expect("asked");
    assert_eq!(fetched(&mut rig, &spool).await, Ok(10));
    ann.ask("nick", json!({"room": jid, "nick": "anna"})).await.expect("renamed");
    rig.event("new nick", &room.id, |inbound| match &inbound.event {
        RoomEvent::MemberChanged { change: MemberChange::Renamed { from }, .. } => {
            (from == "ann").then_some(())
        }
        _ => None,
    })
    .await
    .expect("told");
    ann.ask("post", json!({"to": jid, "body": "still me"})).await.expect("posted");
    assert_eq!(rig.posted(&room.id, "still me").await.expect("heard").author.id, act.author.id);
    ann.ask("leave", json!({"room": jid, "nick": "anna"})).await.expect("left");
    rig.event("leaving", &room.id, |inbound| {
        matches!(inbound.event, RoomEvent::MemberChanged { change: MemberChange::Left { .. }, .. })
            .then_some(())
    })
    .await
    .expect("told");
    stage.owner.ask("post", json!({"to": jid, "body": "I own this"})).await.expect("posted");
    assert_eq!(rig.posted(&room.id, "I own this").await.expect("heard").author.role, Role::Owner);
    rig.stop().await.expect("stopped");
}

#[tokio::test]
async fn a_taken_nick_gets_a_suffix_and_refusals_are_explained() {
    let mut stage = XmppStage::start(ProsodyOptions::default()).await;
    let jid = stage.room_jid();
    let mut other = stage.client("other").await;
    other.ask("join", json!({"room": jid, "nick": "sameroom"})).await.expect("joined");
    let mut rig = Rig::start(&stage, Vec::new()).expect("a session");
    let room = rig.join("lobby").await.expect("the room");
    rig.submit_text(&room.id, "hello").await.expect("submitted");
    let heard = other.text("hello").await.expect("heard");
    assert!(
        heard
            .get("from")
            .and_then(serde_json::Value::as_str)
            .is_some_and(|from| from.ends_with("/sameroom_"))
    );

    for (name, fields) in [
        (
            "locked",
            json!({"muc#roomconfig_passwordprotectedroom": "1", "muc#roomconfig_roomsecret": "sesame"}),
        ),
        ("members", json!({"muc#roomconfig_membersonly": "1"})),
    ] {
        let closed = format!("{name}@{}", stage.options.rooms_domain);
        stage.owner.ask("join", json!({"room": closed, "nick": "owner"})).await.expect("joined");
        stage.owner.ask("configure", json!({"room": closed, "fields": fields})).await.expect("configured");
        rig.command(Command::Join { room: name.into() }).await.expect("asked");
        let failure = rig.wait("refusal", |report| match report {
            Report::RoomFailed(failure) if &*failure.asked == name => Some(failure.clone()),
            _ => None,
        });
        assert!(!failure.await.expect("told").retrying, "{name}");
    }
    rig.stop().await.expect("stopped");
    stage.extra.insert("room_passwords".into(), json!({"locked": "sesame"}));
    let mut rig = Rig::start(&stage, Vec::new()).expect("a session");
    assert_eq!(rig.join("locked").await.expect("the room").kind, RoomKind::Private);
    rig.command(Command::ListRooms).await.expect("asked");
    let rooms = rig.wait("rooms", |report| match report {
        Report::Rooms(rooms) => Some(rooms.iter().map(|room| room.id.to_string()).collect::<Vec<_>>()),
        _ => None,
    });
    let rooms = rooms.await.expect("a list");
    assert!(rooms.contains(&jid), "{rooms:?}");
    rig.stop().await.expect("stopped");
}

#[tokio::test]
async fn a_room_that_forgot_us_is_noticed_and_entered_again() {
    let mut stage = XmppStage::start(ProsodyOptions { resumption: false, ..ProsodyOptions::default() }).await;
    stage.extra.insert("self_ping_secs".into(), json!(1));
    let mut rig = Rig::start(&stage, Vec::new()).expect("a session");
    let room = rig.join("lobby").await.expect("the room");
    let jid = stage.room_jid();
    // The kick never reaches the session: only asking the room brings it to light.
    stage.proxy.deafen(true);
    stage.owner.ask("kick", json!({"room": jid, "nick": "sameroom"})).await.expect("kicked");
    stage
        .owner
        .wait("leaving", |came| {
            let is_gone = came.get("type").and_then(serde_json::Value::as_str) == Some("unavailable");
            (is_gone
                && came.get("from").and_then(serde_json::Value::as_str) == Some(&format!("{jid}/sameroom")))
            .then_some(())
        })
        .await
        .expect("gone");
    // Others may be told before the one who is kicked.
    stage.proxy.has_swallowed("307").await;
    stage.proxy.deafen(false);
    rig.forget();
    let failure = rig.wait("failure", |report| match report {
        Report::RoomFailed(failure) => Some(failure.clone()),
        _ => None,
    });
    assert!(failure.await.expect("told").retrying);
    rig.wait("room", |report| matches!(report, Report::Room(found) if found.id == room.id).then_some(()))
        .await
        .expect("back");
    stage.owner.ask("destroy", json!({"room": jid})).await.expect("destroyed");
    rig.event("end", &room.id, |inbound| matches!(inbound.event, RoomEvent::Archived).then_some(()))
        .await
        .expect("told");
    rig.stop().await.expect("stopped");
}

#[tokio::test]
async fn logins_that_can_not_work_are_given_up_and_others_retried() {
    let mut stage = XmppStage::start(ProsodyOptions::default()).await;
    stage.extra.insert("password".into(), json!("wrong"));
    let mut rig = Rig::start(&stage, Vec::new()).expect("a session");
    rig.wait("NeedsRelink", |report| {
        matches!(report, Report::Health(Health::NeedsRelink { .. })).then_some(())
    })
    .await
    .expect("given up");
    stage.extra.clear();
    stage.extra.insert("tls".into(), json!("starttls"));
    let mut rig = Rig::start(&stage, Vec::new()).expect("a session");
    let why = rig.wait("Retrying", |report| match report {
        Report::Health(Health::Retrying { why, .. }) => Some(why.clone()),
        _ => None,
    });
    assert!(why.await.expect("told").contains("no TLS"));
    rig.stop().await.expect("stopped");
}

#[tokio::test]
async fn tls_is_checked_and_bound_to_the_login() {
    let options = ProsodyOptions { tls: true, ..ProsodyOptions::default() };
    let mut stage = XmppStage::start(options).await;
    let Server::Prosody(server) = &stage.server else { panic!("prosody") };
    let (direct, pem) =
        (server.direct_addr(), std::fs::read_to_string(server.ca_file()).expect("a certificate"));
    let works = async |stage: &XmppStage| {
        let mut rig = Rig::start(stage, Vec::new()).expect("a session");
        let health = rig.wait("health", |report| match report {
            Report::Health(Health::Connected) => Some(Ok(())),
            Report::Health(Health::Retrying { why, .. }) => Some(Err(why.clone())),
            _ => None,
        });
        let health = health.await.expect("told");
        rig.stop().await.expect("stopped");
        health
    };
    assert_eq!(works(&stage).await, Ok(()));
    stage.extra.insert("tls".into(), json!("direct"));
    stage.extra.insert("server".into(), json!(direct.to_string()));
    assert_eq!(works(&stage).await, Ok(()));
    // Without the file nobody vouches for the certificate; with its fingerprint nobody needs to.
    stage.extra.insert("ca_file".into(), serde_json::Value::Null);
    assert!(works(&stage).await.is_err_and(|why| why.contains("TLS failed")));
    use base64::Engine as _;
    let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    let der = base64::engine::general_purpose::STANDARD.decode(body).expect("base64");
    use sha2::Digest as _;
    let print: String = sha2::Sha256::digest(&der).iter().map(|byte| format!("{byte:02x}")).collect();
    stage.extra.insert("tls_fingerprint".into(), json!(print));
    assert_eq!(works(&stage).await, Ok(()));
    stage.extra.insert("tls_fingerprint".into(), json!("00".repeat(32)));
    assert!(works(&stage).await.is_err_and(|why| why.contains("TLS failed")));
}

#[tokio::test]
async fn hipchat_is_a_profile_with_fixed_names_and_little_else() {
    let options = ProsodyOptions {
        domain: "chat.hipchat.test",
        rooms_domain: "conf.hipchat.test",
        archive: false,
        resumption: false,
        upload: false,
        ..ProsodyOptions::default()
    };
    let mut stage = XmppStage::start(options).await;
    stage.extra.insert("preset".into(), json!("hipchat"));
    stage.extra.insert("jid".into(), json!("7_42@chat.hipchat.test"));
    stage.extra.insert("muc".into(), serde_json::Value::Null);
    stage.extra.insert("nick".into(), serde_json::Value::Null);
    let mut account = stage.client("7_42").await;
    let card = "<iq type='set' id='v1'><vCard xmlns='vcard-temp'><FN>Sam Room</FN></vCard></iq>";
    account.ask("raw", json!({"xml": card})).await.expect("a card");
    account.ask("quit", json!({})).await.expect("gone");
    let jid = "7_water_cooler@conf.hipchat.test";
    let mut ann = stage.client("7_1").await;
    ann.ask("join", json!({"room": jid, "nick": "Ann X"})).await.expect("joined");
    ann.ask("post", json!({"to": jid, "body": "old line"})).await.expect("posted");
    let mut rig = Rig::start(&stage, Vec::new()).expect("a session");
    let room = rig.join("Water Cooler").await.expect("the room");
    assert_eq!(room.id.as_str(), jid);
    assert!(!room.capabilities.edit.is_full() && !room.capabilities.heard.edits);
    let outcome = rig.submit_text(&room.id, "hello").await.expect("submitted");
    assert!(matches!(rig.outcome(outcome).await, Ok(Outcome::Done { shown: true, .. })));
    let heard = ann.text("hello").await.expect("heard");
    assert_eq!(
        heard.get("from").and_then(serde_json::Value::as_str),
        Some("7_water_cooler@conf.hipchat.test/Sam Room")
    );
    ann.ask("post", json!({"to": jid, "body": "new line"})).await.expect("posted");
    assert_eq!(rig.event("line", &room.id, posted).await.as_deref(), Ok("new line"));
    rig.stop().await.expect("stopped");
}

#[tokio::test]
async fn hundreds_of_sends_arrive_in_order_and_quickly() {
    let (stage, mut rig, room) = start().await;
    let mut ann = stage.person("ann").await;
    let mut deliveries = Vec::new();
    for number in 0..300 {
        deliveries.push(rig.submit_text(&room.id, &format!("burst {number}")).await.expect("submitted"));
    }
    for delivery in deliveries {
        let outcome =
            tokio::time::timeout(Duration::from_secs(10), rig.outcome(delivery)).await.expect("in time");
        assert!(matches!(outcome, Ok(Outcome::Done { shown: true, .. })), "{outcome:?}");
    }
    ann.wait_for("burst 299").await.expect("seen");
    let seen: Vec<String> = ann.seen().await.expect("all").into_iter().map(|seen| seen.text).collect();
    let expected: Vec<String> = (0..300).map(|number| format!("burst {number}")).collect();
    assert_eq!(seen, expected);
    rig.stop().await.expect("stopped");
}
