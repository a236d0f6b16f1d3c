//! What is acknowledged is never lost and never doubled, wherever the program dies.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use async_trait::async_trait;
use sameroom_connector::contract::{self, Rig};
use sameroom_connector::{Command, Kit, Vault, VaultError};
use sameroom_types::action::{Action, OutboundPost, Outcome, Rendered, SendRequest};
use sameroom_types::event::RoomEvent;
use sameroom_types::ids::{DeliveryId, RoomId, Seq};

use crate::place::Place;

fn request(room: &sameroom_types::ids::RemoteRoomId, key: &str, text: &str) -> SendRequest {
    SendRequest {
        delivery: DeliveryId { event: Seq(7), room: RoomId(70) },
        part: 0,
        room: room.clone(),
        key: key.into(),
        action: Action::Post(OutboundPost {
            text: Rendered { text: text.to_owned(), styled: true },
            author: None,
            reply: None,
            thread: None,
            notice: false,
        }),
    }
}

#[tokio::test]
async fn what_was_acknowledged_before_a_crash_is_reported_after_it() {
    let kit = contract::kit();
    let place = Place::start_with(kit.clone(), sameroom_connector::Settings::new()).await;
    let (rig, room) = place.session().await;
    let ana = place.visitor("Ana").await;
    let path = place.path();
    let id = ana.post_as("1", "just before").await.message_id();
    ana.write("PUT", &format!("/messages/{id}"), &serde_json::json!({ "text": "changed" }))
        .await
        .message_id();
    // Everything is dropped at once, as `kill -9` would; only the storage is left. Nothing was made durable above us.
    drop(rig);
    drop(place);

    let place = Place::start_with(kit, sameroom_connector::Settings::new()).await;
    let (mut rig, _) = place.session().await;
    assert_eq!(place.path(), path, "the link stays");
    let post = rig.event("post", &room, |inbound| match &inbound.event {
        RoomEvent::Posted(post) => Some((inbound.history, post.ids.primary.as_str().to_owned())),
        _ => None,
    });
    assert_eq!(post.await.expect("reported"), (true, id.clone()));
    let edit = rig.event("edit", &room, |inbound| match &inbound.event {
        RoomEvent::Edited(edit) => Some(edit.message.as_str().to_owned()),
        _ => None,
    });
    assert_eq!(edit.await.expect("reported"), id);
    // The browser never saw the answer and asks again: nothing new happens.
    let mut again = place.stranger();
    again.cookie = ana.cookie.clone();
    assert_eq!(again.post_as("1", "just before").await.message_id(), id);
    assert_eq!(again.history().await.iter().filter(|message| message["kind"] == "message").count(), 1);
    place.end().await;
}

#[tokio::test]
async fn a_delivery_that_is_sent_again_after_a_crash_is_one_message() {
    let kit = contract::kit();
    let place = Place::start_with(kit.clone(), sameroom_connector::Settings::new()).await;
    let (mut rig, room) = place.session().await;
    let sent = request(&room, "key-1", "once");
    rig.command(Command::Send(sent.clone())).await.expect("sent");
    let first = rig.outcome(sent.delivery).await.expect("told");
    drop(rig);
    drop(place);
    let place = Place::start_with(kit, sameroom_connector::Settings::new()).await;
    let (mut rig, _) = place.session().await;
    rig.command(Command::Send(sent.clone())).await.expect("sent");
    assert_eq!(rig.outcome(sent.delivery).await.expect("told"), first);
    assert!(matches!(first, Outcome::Done { ids: Some(_), shown: true }));
    assert_eq!(place.stranger().history().await.len(), 1);
    place.end().await;
}

/// What the storage does to the next write.
const WORKS: u8 = 0;
const REFUSES: u8 = 1;
const WRITES_AND_NEVER_ANSWERS: u8 = 2;

struct Shaky {
    inner: contract::MemoryVault,
    mood: AtomicU8,
}

#[async_trait]
impl Vault for Shaky {
    async fn write(&self, space: &str, changes: Vec<(String, Option<Vec<u8>>)>) -> Result<(), VaultError> {
        match self.mood.swap(WORKS, Ordering::SeqCst) {
            REFUSES => Err(VaultError::Full),
            WRITES_AND_NEVER_ANSWERS => {
                self.inner.write(space, changes).await?;
                std::future::pending().await
            }
            _ => self.inner.write(space, changes).await,
        }
    }
    async fn read(&self, space: &str, key: &str) -> Result<Option<Vec<u8>>, VaultError> {
        self.inner.read(space, key).await
    }
    async fn scan(
        &self,
        space: &str,
        from: &str,
        to: &str,
        limit: usize,
        reverse: bool,
    ) -> Result<Vec<(String, Vec<u8>)>, VaultError> {
        self.inner.scan(space, from, to, limit, reverse).await
    }
}

#[tokio::test]
async fn a_storage_that_fails_is_told_and_a_cut_write_is_found_again() {
    let vault = Arc::new(Shaky { inner: contract::MemoryVault::default(), mood: AtomicU8::new(WORKS) });
    let kit = Kit { vault: vault.clone(), ..contract::kit() };
    let place = Place::start_with(kit, sameroom_connector::Settings::new()).await;
    let (mut rig, room): (Rig, _) = place.session().await;
    let ana = place.visitor("Ana").await;
    vault.mood.store(REFUSES, Ordering::SeqCst);
    let full = ana.post_as("1", "refused at first").await;
    assert_eq!((full.status, full.header("retry-after")), (507, "30"));
    ana.post_as("1", "refused at first").await.message_id();
    rig.posted(&room, "refused at first").await.expect("reported");

    // The browser goes away while its message is being written; it is in the storage, but nobody was told.
    vault.mood.store(WRITES_AND_NEVER_ANSWERS, Ordering::SeqCst);
    let body = serde_json::json!({ "id": "2", "text": "cut off" }).to_string().into_bytes();
    let cut = ana.send(ana.request("POST", "/messages", body));
    let written = async {
        while vault.mood.load(Ordering::SeqCst) != WORKS {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        _ = cut => panic!("answered"),
        () = written => {}
    }
    let mut events = ana.events(None).await;
    let id = ana.post_as("2", "cut off").await.message_id();
    rig.posted(&room, "cut off").await.expect("reported");
    ana.post_as("3", "after").await.message_id();
    let post = rig.posted(&room, "after").await.expect("reported");
    assert!(id.parse::<u64>().expect("a place") < post.ids.primary.as_str().parse().expect("a place"));
    let again = rig.passed().iter().any(|report| format!("{report:?}").contains("cut off"));
    assert!(!again, "reported twice");
    loop {
        let (_, data) = events.next("act").await;
        if data["message"]["text"] == "after" {
            break;
        }
    }
    let texts: Vec<_> = ana
        .history()
        .await
        .iter()
        .filter_map(|message| message["text"].as_str().map(str::to_owned))
        .collect();
    assert_eq!(texts, ["refused at first", "cut off", "after"]);
    place.end().await;
}
