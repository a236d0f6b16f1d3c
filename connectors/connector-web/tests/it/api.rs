//! The documented API: who may do what, and what comes back.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use sameroom_connector::contract::{self, Peer as _};
use sameroom_connector::{Clock, Command, Settings};
use sameroom_types::action::{Action, OutboundFile, Outcome, Rendered};
use sameroom_types::event::{DeletionCause, FileRef, Role, RoomEvent};
use sameroom_types::ids::SpoolId;
use sameroom_types::time::Timestamp;
use serde_json::{Value, json};

use crate::place::Place;
use crate::visitor::escape;

#[tokio::test]
async fn only_the_link_leads_into_a_room() {
    let place = Place::start().await;
    let (_rig, _) = place.session().await;
    let mut stranger = place.stranger();
    let page = stranger.get("").await;
    assert_eq!(page.status, 200);
    assert!(page.header("content-security-policy").contains("default-src 'none'"));
    assert_eq!(page.header("x-frame-options"), "DENY");
    assert_eq!(page.header("referrer-policy"), "no-referrer");
    assert_eq!(stranger.get("/state").await.json()["me"], Value::Null);
    let token = stranger.path.trim_start_matches("/room/").to_owned();
    assert_eq!(token.len(), 32, "128 bits");
    stranger.path = format!("/room/{}", token.chars().rev().collect::<String>());
    for below in ["", "/state", "/history", "/events"] {
        assert_eq!(stranger.get(below).await.status, 404, "{below}");
    }
    stranger.path = "/room".to_owned();
    assert_eq!(stranger.get("/assets/app.js").await.status, 200);
    assert_eq!(stranger.get("/assets/../Cargo.toml").await.status, 404);
    place.end().await;
}

#[tokio::test]
async fn a_repetition_is_not_doubled() {
    let place = Place::start().await;
    let (mut rig, room) = place.session().await;
    let ana = place.visitor("Ana").await;
    let bob = place.visitor("Bob").await;
    let first = ana.post_as("a1", "hello").await.message_id();
    assert_eq!(ana.post_as("a1", "hello").await.message_id(), first);
    assert_ne!(bob.post_as("a1", "mine").await.message_id(), first, "ids are each person's own");
    rig.posted(&room, "hello").await.expect("reported");
    rig.posted(&room, "mine").await.expect("reported");
    assert_eq!(ana.history().await.iter().filter(|message| message["kind"] == "message").count(), 2);
    place.end().await;
}

#[tokio::test]
async fn names_are_taken_once_and_can_change() {
    let place = Place::start().await;
    let (mut rig, room) = place.session().await;
    let mut ana = place.stranger();
    assert_eq!(ana.write("POST", "/messages", &json!({ "id": "1", "text": "x" })).await.status, 401);
    assert_eq!(ana.enter("Ana").await["owner"], true, "the first person owns the room");
    let bob = place.stranger();
    for (name, status) in [("aNA ", 409), ("Sameroom", 409), ("", 422), ("\u{200b}", 422)] {
        assert_eq!(bob.write("POST", "/name", &json!({ "name": name })).await.status, status, "{name:?}");
    }
    assert_eq!(ana.enter("Anna").await["owner"], true);
    assert_eq!(place.visitor("Ana").await.get("/state").await.json()["me"]["owner"], false);
    let is_renamed = rig.event("rename", &room, |inbound| match &inbound.event {
        RoomEvent::MemberChanged { member, .. } if member.name == "Anna" => Some(member.role),
        _ => None,
    });
    assert_eq!(is_renamed.await.expect("reported"), Role::Owner);
    place.end().await;
}

#[tokio::test]
async fn messages_belong_to_their_authors_and_the_owner_may_remove() {
    let mut settings = Settings::new();
    settings.insert("owners".to_owned(), json!(["Olga"]));
    let place = Place::start_with(contract::kit(), settings).await;
    let (mut rig, room) = place.session().await;
    let ana = place.visitor("Ana").await;
    let bob = place.visitor("Bob").await;
    let olga = place.visitor("Olga").await;
    let id = ana.post_as("1", "hello").await.message_id();
    let below = format!("/messages/{id}");
    assert_eq!(bob.write("PUT", &below, &json!({ "text": "bye" })).await.status, 403);
    assert_eq!(bob.call("DELETE", &below, Vec::new()).await.status, 403);
    assert_eq!(olga.write("PUT", &below, &json!({ "text": "bye" })).await.status, 403);
    assert_eq!(olga.call("DELETE", &below, Vec::new()).await.json()["message"]["deleted"], "moderator");
    let cause = rig.event("deletion", &room, |inbound| match &inbound.event {
        RoomEvent::Deleted(gone) => Some(gone.cause),
        _ => None,
    });
    assert_eq!(cause.await.expect("reported"), DeletionCause::Moderator);
    assert_eq!(ana.write("PUT", &below, &json!({ "text": "again" })).await.status, 404);
    for body in [json!({ "id": "2", "text": " " }), json!({ "id": "2", "text": "x".repeat(16_001) })] {
        assert_eq!(ana.write("POST", "/messages", &body).await.status, 422);
    }
    assert_eq!(ana.call("POST", "/messages", b"{".to_vec()).await.status, 400);
    place.end().await;
}

#[tokio::test]
async fn other_sites_can_write_nothing() {
    let place = Place::start().await;
    let (_rig, _) = place.session().await;
    let ana = place.visitor("Ana").await;
    let body = json!({ "id": "1", "text": "x" }).to_string().into_bytes();
    let mut bare = ana.request("POST", "/messages", body.clone());
    bare.headers_mut().remove("x-sameroom");
    assert_eq!(ana.answer(bare).await.status, 403);
    let mut foreign = ana.request("POST", "/messages", body);
    foreign.headers_mut().insert("origin", "https://evil.example".parse().expect("a header"));
    assert_eq!(ana.answer(foreign).await.status, 403);
    assert!(ana.history().await.iter().all(|message| message["kind"] != "message"));
    place.end().await;
}

#[tokio::test]
async fn files_are_capped_saved_and_sandboxed() {
    let mut settings = Settings::new();
    settings.insert("max_upload_bytes".to_owned(), json!(200_000));
    let place = Place::start_with(contract::kit(), settings).await;
    let (mut rig, room) = place.session().await;
    let mut ana = place.visitor("Ana").await;
    assert_eq!(place.stranger().call("POST", "/upload?id=1&name=a", vec![1]).await.status, 401);
    assert_eq!(ana.call("POST", "/upload?id=1&name=a", vec![1; 200_001]).await.status, 413);
    let content: Vec<u8> = (0..200_000_u32).map(|n| (n % 251) as u8).collect();
    let name = "<b>\"ä\"\r\n.html";
    let answer =
        ana.call("POST", &format!("/upload?id=2&name={}&text=look", escape(name)), content.clone()).await;
    let file = answer.json()["message"]["file"].clone();
    assert_eq!((&file["picture"], &file["size"]), (&json!(false), &json!(200_000)));
    let shared = ana.get(&format!("/{}", file["path"].as_str().expect("a path"))).await;
    assert_eq!(shared.body, content);
    assert_eq!(shared.header("content-type"), "application/octet-stream");
    assert!(shared.header("content-disposition").starts_with("attachment; filename*=UTF-8''%3Cb%3E"));
    assert!(shared.header("content-security-policy").contains("sandbox"));
    assert_eq!(shared.header("x-content-type-options"), "nosniff");

    // The engine can fetch it, and bring files itself.
    let post = rig.posted(&room, "look").await.expect("reported");
    let spool = SpoolId::new("s1");
    let fetch =
        Command::Fetch { spool: spool.clone(), file: post.content.files[0].clone(), max_bytes: 300_000 };
    rig.command(fetch).await.expect("asked");
    let size = rig.wait("fetched", |report| match report {
        sameroom_connector::Report::Fetched { result, .. } => Some(result.clone()),
        _ => None,
    });
    assert_eq!(size.await.expect("told"), Ok(200_000));
    let file = FileRef {
        source: String::new(),
        name: "back.bin".to_owned(),
        size_bytes: Some(200_000),
        media_type: None,
        public_url: None,
        spool: Some(spool),
    };
    let caption = Rendered { text: "here".to_owned(), styled: true };
    let outbound = OutboundFile { file, more: Vec::new(), author: None, caption, reply: None, thread: None };
    let first = rig.submit(&room, Action::File(outbound)).await.expect("sent");
    let second = rig.submit_text(&room, "after the file").await.expect("sent");
    for delivery in [first, second] {
        let outcome = rig.outcome(delivery).await.expect("told");
        assert!(matches!(outcome, Outcome::Done { shown: true, .. }), "{outcome:?}");
    }
    assert_eq!(ana.wait_file("back.bin").await.expect("shown"), content);
    let texts: Vec<String> = ana.seen().await.expect("seen").into_iter().map(|seen| seen.text).collect();
    assert_eq!(texts, ["look", "here", "after the file"], "what follows a file waits for it");
    place.end().await;
}

#[tokio::test]
async fn a_stream_resumes_where_it_stopped() {
    let place = Place::start().await;
    let (_rig, _) = place.session().await;
    let ana = place.visitor("Ana").await;
    let mut events = ana.events(None).await;
    let id = ana.post_as("1", "one").await.message_id();
    let (at, data) = events.next("act").await;
    assert_eq!((data["act"].as_str(), data["message"]["text"].as_str()), (Some("posted"), Some("one")));
    drop(events);
    ana.post_as("2", "two").await.message_id();
    ana.write("PUT", &format!("/messages/{id}"), &json!({ "text": "one!" })).await.message_id();
    let mut events = ana.events(at.as_deref()).await;
    assert_eq!(events.next("act").await.1["message"]["text"], "two");
    let (_, data) = events.next("act").await;
    assert_eq!((data["act"].as_str(), data["message"]["text"].as_str()), (Some("edited"), Some("one!")));

    // Far behind, it is told each message once, as it is now; much too far, to read again.
    for n in 0..300 {
        ana.post_as(&format!("more-{n}"), "more").await.message_id();
    }
    let mut events = ana.events(at.as_deref()).await;
    assert_eq!(events.next("act").await.1["message"]["text"], "one!");
    events.next("caught-up").await;
    place.end().await;
}

#[tokio::test]
async fn history_comes_in_pages() {
    let place = Place::start().await;
    let (_rig, _) = place.session().await;
    let ana = place.visitor("Ana").await;
    for n in 0..7 {
        ana.post_as(&format!("{n}"), &format!("number {n}")).await.message_id();
    }
    let page = ana.get("/history?limit=3").await.json();
    let texts = |page: &Value| -> Vec<String> {
        let messages = page["messages"].as_array().expect("messages");
        messages.iter().map(|message| message["text"].as_str().unwrap_or_default().to_owned()).collect()
    };
    assert_eq!(
        (texts(&page), &page["more"]),
        (vec!["number 4".into(), "number 5".into(), "number 6".into()], &json!(true))
    );
    let before = page["messages"][0]["id"].as_str().expect("an id").to_owned();
    let page = ana.get(&format!("/history?before={before}")).await.json();
    assert_eq!((texts(&page).len(), &page["more"]), (5, &json!(false)), "four messages and the entry");
    place.end().await;
}

#[tokio::test]
async fn a_whisper_reaches_one_person() {
    let place = Place::start().await;
    let (mut rig, room) = place.session().await;
    let mut ana = place.stranger();
    let to = ana.enter("Ana").await["id"].as_str().expect("an id").to_owned();
    let bob = place.visitor("Bob").await;
    let (mut to_ana, mut to_bob) = (ana.events(None).await, bob.events(None).await);
    // Both streams are known to be open once they have said their state.
    to_ana.next("state").await;
    to_bob.next("state").await;
    let text = "secret <b> https://x.example/manage/1".to_owned();
    rig.command(Command::Whisper { room: room.clone(), to: to.as_str().into(), text }).await.expect("asked");
    let html = to_ana.next("whisper").await.1["html"].as_str().expect("html").to_owned();
    assert!(html.contains("&lt;b&gt;") && html.contains("href=\"https://x.example/manage/1\""), "{html}");
    let nothing = tokio::time::timeout(Duration::from_millis(200), to_bob.next("whisper")).await;
    assert!(nothing.is_err(), "others hear nothing");
    rig.forget();
    place.end().await;
}

/// A clock that tests move.
struct Moved(contract::SystemClock, AtomicI64);

impl Clock for Moved {
    fn wall(&self) -> Timestamp {
        Timestamp(self.1.load(Ordering::SeqCst))
    }
    fn random(&self) -> u128 {
        self.0.random()
    }
}

#[tokio::test]
async fn old_and_deleted_words_leave_the_storage() {
    const DAY: i64 = 24 * 60 * 60 * 1_000;
    let clock = Arc::new(Moved(contract::SystemClock::default(), AtomicI64::new(1_000 * DAY)));
    let kit = sameroom_connector::Kit { clock: clock.clone(), ..contract::kit() };
    let mut settings = Settings::new();
    settings.insert("retention_days".to_owned(), json!(2));
    let place = Place::start_with(kit.clone(), settings).await;
    let (rig, _) = place.session().await;
    let holds = async |word: &str| {
        let all = kit.vault.scan("web/contract", "", "~", 10_000, false).await.expect("read");
        all.iter().any(|(_, value)| String::from_utf8_lossy(value).contains(word))
    };
    let mut ana = place.visitor("Ana").await;
    let id = ana.post_as("1", "regretted").await.message_id();
    ana.write("PUT", &format!("/messages/{id}"), &json!({ "text": "also regretted" })).await.message_id();
    let file = ana.upload("f", b"old content").await.expect("uploaded");
    ana.reply(&id, "an answer").await.expect("answered");
    assert!(holds("regretted").await && holds("old content").await);
    ana.delete(&id).await.expect("deleted");
    assert!(!holds("regretted").await, "deleted words are gone at once");
    clock.1.fetch_add(3 * DAY, Ordering::SeqCst);
    ana.post_as("2", "young").await.message_id();
    rig.stop().await.expect("stopped");
    // Old acts go when a session starts, and from time to time after that.
    let (_rig, _) = place.session().await;
    let mut events = ana.events(None).await;
    events.next("state").await;
    while holds("old content").await {
        tokio::task::yield_now().await;
    }
    let history = ana.history().await;
    assert_eq!(history.len(), 1, "{history:#?}");
    assert_eq!(history[0]["text"], "young");
    assert_eq!(
        ana.write("PUT", &format!("/messages/{}", file.expect("an id")), &json!({ "text": "x" }))
            .await
            .status,
        404
    );
    place.end().await;
}
