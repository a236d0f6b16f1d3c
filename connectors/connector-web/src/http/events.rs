//! The live stream of a room: server-sent events (HTML Standard, section "Server-sent events").
//!
//! The id of an event is the place of its act, so that a browser that comes back tells where it stopped.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use sameroom_connector::{HttpRequest, HttpResponse, ResponseBody};
use serde_json::json;
use tokio::sync::{broadcast, mpsc, watch};
use tokio_util::task::TaskTracker;

use super::read::person;
use super::{Place, Refusal};
use crate::ids::{key, message_seq};
use crate::live::Whisper;
use crate::stored::{Act, Message, What, decode};
use crate::view;

/// How many events may wait for a browser that reads slowly; then it waits for the browser.
const WAITING: usize = 16;
/// A comment goes out this often, so that both ends notice a dead connection.
const BEAT: Duration = Duration::from_secs(15);
/// Who missed more acts than this is told to read the history again.
const MOST_MISSED: usize = 500;
/// How many streams one room may have.
const MOST_STREAMS: usize = 2_000;

pub(super) async fn stream(
    streams: &TaskTracker,
    place: &Place,
    request: &HttpRequest,
) -> Result<HttpResponse, Refusal> {
    if streams.len() >= MOST_STREAMS {
        return Err(Refusal::later(503, "busy", "Too many people are here. Try again in a moment.", 5));
    }
    let me = person(place, request).await?.map(|me| me.id);
    let last = request.header("last-event-id").or_else(|| request.query("after"));
    let last = last.and_then(message_seq).unwrap_or_else(|| place.room.head());
    let (sender, pieces) = mpsc::channel(WAITING);
    let stream = Stream {
        heads: place.room.watch(),
        whispers: place.room.whispers(),
        relayed: place.house.relayed().subscribe(),
        place: place.clone(),
        me,
        last,
        sender,
    };
    streams.spawn(stream.run());
    let headers = vec![("content-type".to_owned(), "text/event-stream; charset=utf-8".to_owned())];
    // Proxies that would collect a stream are asked not to.
    Ok(HttpResponse { status: 200, headers, body: ResponseBody::Pieces(pieces) }
        .with_header("x-accel-buffering", "no"))
}

struct Stream {
    place: Place,
    heads: watch::Receiver<u64>,
    whispers: broadcast::Receiver<Whisper>,
    relayed: watch::Receiver<bool>,
    me: Option<String>,
    last: u64,
    sender: mpsc::Sender<Bytes>,
}

/// The browser has gone.
struct Gone;

impl Stream {
    async fn run(mut self) {
        // Only ends because the browser went; nothing is to be said then.
        while self.serve().await.is_ok() {}
    }

    async fn serve(&mut self) -> Result<(), Gone> {
        self.send("retry: 1000\n\n".to_owned()).await?;
        self.say_relayed().await?;
        let mut beat = tokio::time::interval(BEAT);
        loop {
            self.catch_up().await?;
            tokio::select! {
                changed = self.heads.changed() => changed.map_err(|_| Gone)?,
                whisper = self.whispers.recv() => self.pass_on(whisper).await?,
                changed = self.relayed.changed() => {
                    changed.map_err(|_| Gone)?;
                    self.say_relayed().await?;
                }
                _ = beat.tick() => self.send(": beat\n\n".to_owned()).await?,
                () = self.sender.closed() => return Err(Gone),
            }
        }
    }

    async fn send(&self, piece: String) -> Result<(), Gone> {
        self.sender.send(piece.into()).await.map_err(|_| Gone)
    }

    async fn say_relayed(&mut self) -> Result<(), Gone> {
        let relayed = *self.relayed.borrow_and_update();
        self.send(format!("event: state\ndata: {}\n\n", json!({ "relayed": relayed }))).await
    }

    async fn pass_on(&mut self, whisper: Result<Whisper, broadcast::error::RecvError>) -> Result<(), Gone> {
        match whisper {
            Ok(whisper) if self.me.as_deref() == Some(whisper.to.as_str()) => {
                self.send(format!("event: whisper\ndata: {}\n\n", whisper.view)).await
            }
            // Those lost by a slow reader are best effort too.
            Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => Ok(()),
            Err(broadcast::error::RecvError::Closed) => Err(Gone),
        }
    }

    /// Sends every act since the last one.
    async fn catch_up(&mut self) -> Result<(), Gone> {
        let head = *self.heads.borrow_and_update();
        if self.last >= head {
            return Ok(());
        }
        if let Some(acts) = self.place.room.after(self.last) {
            for act in acts {
                self.send(format!("id: {}\nevent: act\ndata: {}\n\n", act.seq, act.view)).await?;
                self.last = act.seq;
            }
            self.last = self.last.max(head);
            return Ok(());
        }
        let missed = self.missed(head).await;
        match missed {
            Some(events) => {
                for event in events {
                    self.send(event).await?;
                }
            }
            None => self.send(format!("id: {head}\nevent: reset\ndata: {{}}\n\n")).await?,
        }
        self.last = head;
        Ok(())
    }

    /// What was missed, read from the vault: each message once, as it is now. `None` when that is too much.
    async fn missed(&self, head: u64) -> Option<Vec<String>> {
        let (house, rid) = (&self.place.house, &self.place.room.rid);
        let (from, to) = (key::act(rid, self.last + 1), key::act(rid, head + 1));
        let acts = house.vault().scan(&house.space, &from, &to, MOST_MISSED, false).await.ok()?;
        if acts.len() >= MOST_MISSED {
            return None;
        }
        let mut messages = BTreeSet::new();
        for (key_of_act, bytes) in &acts {
            let act: Act = decode(bytes)?;
            messages.insert(match act.what {
                What::Posted(_) | What::Entered | What::Renamed { .. } => key::seq_of(key_of_act)?,
                What::Edited { message, .. }
                | What::Deleted { message, .. }
                | What::Reacted { message, .. }
                | What::Unreacted { message, .. } => message,
            });
        }
        let mut events = Vec::new();
        for seq in messages {
            let bytes = house.vault().read(&house.space, &key::message(rid, seq)).await.ok()?;
            // One that went by its age needs no event.
            if let Some(message) = bytes.and_then(|bytes| decode::<Message>(&bytes)) {
                let data = json!({ "act": "missed", "message": view::message(&message) });
                events.push(format!("event: act\ndata: {data}\n\n"));
            }
        }
        events.push(format!("id: {head}\nevent: caught-up\ndata: {{}}\n\n"));
        Some(events)
    }
}
