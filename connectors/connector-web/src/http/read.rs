//! Reads: who I am, what was said, files.

use bytes::Bytes;
use sameroom_connector::{HttpRequest, HttpResponse, ResponseBody};
use serde_json::json;
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;

use super::{Place, Refusal, answer_json, guard};
use crate::batch::Batch;
use crate::capabilities::MAX_TEXT;
use crate::ids::{key, message_seq};
use crate::keeper::{Fault, person_of};
use crate::stored::{File, Message, Person, decode};
use crate::view;

/// How many messages one answer holds unless asked for fewer.
const PAGE: usize = 50;
const MOST: usize = 200;

/// Who asks, if they have a name here.
pub(super) async fn person(place: &Place, request: &HttpRequest) -> Result<Option<Person>, Refusal> {
    let Some(cookie) = guard::cookie(request) else { return Ok(None) };
    let batch = Batch::new(place.house.vault(), &place.house.space);
    match person_of(&batch, &place.room.rid, &cookie).await {
        Ok(person) => Ok(Some(person)),
        Err(Fault::NoName) => Ok(None),
        Err(fault) => Err(fault.into()),
    }
}

/// The room, who asks, and what they may do.
pub(super) async fn state(place: &Place, request: &HttpRequest) -> Result<HttpResponse, Refusal> {
    let me = person(place, request).await?;
    let me = me.map(|me| json!({ "id": me.id, "name": me.name, "owner": me.is_owner }));
    let config = place.house.config();
    Ok(answer_json(
        200,
        &json!({
            "room": place.room.name,
            "me": me,
            "head": place.room.head(),
            "max_text": MAX_TEXT,
            "max_upload_bytes": config.max_upload_bytes,
            "retention_days": config.retention_days,
        }),
    ))
}

/// Messages before one, or the last ones, oldest first.
pub(super) async fn history(place: &Place, request: &HttpRequest) -> Result<HttpResponse, Refusal> {
    // Taken before the messages, so that a stream from here misses nothing.
    let head = place.room.head();
    let before = match request.query("before") {
        Some(id) => message_seq(id).ok_or_else(|| Refusal::from(Fault::NoMessage))?,
        None => u64::MAX,
    };
    let limit = request.query("limit").and_then(|limit| limit.parse().ok()).unwrap_or(PAGE).clamp(1, MOST);
    let (from, to) = (key::message(&place.room.rid, 0), key::message(&place.room.rid, before));
    let found = place.house.vault().scan(&place.house.space, &from, &to, limit + 1, true).await;
    let mut found = found.map_err(Fault::from)?;
    let more = found.len() > limit;
    found.truncate(limit);
    let messages: Option<Vec<Message>> = found.iter().rev().map(|(_, bytes)| decode(bytes)).collect();
    let messages: Vec<_> = messages.ok_or(Fault::Storage)?.iter().map(view::message).collect();
    Ok(answer_json(200, &json!({ "messages": messages, "more": more, "head": head })))
}

/// A file, streamed: pictures may be drawn, everything is saved rather than opened.
pub(super) async fn file(streams: &TaskTracker, place: &Place, file: &str) -> Result<HttpResponse, Refusal> {
    let stored = place.house.vault().read(&place.house.space, &key::file(&place.room.rid, file)).await;
    let stored = stored.map_err(Fault::from)?.ok_or(Refusal::NOT_FOUND)?;
    let stored: File = decode(&stored).ok_or(Fault::Storage)?;
    // As much as a slow browser makes us hold: 256 KiB.
    let (sender, pieces) = mpsc::channel(4);
    let house = place.house.clone();
    let (id, chunks) = (stored.id.clone(), stored.chunks);
    streams.spawn(async move {
        for index in 0..chunks {
            let Ok(Some(chunk)) = house.vault().read(&house.space, &key::chunk(&id, index)).await else {
                return;
            };
            if sender.send(Bytes::from(chunk)).await.is_err() {
                return;
            }
        }
    });
    let media_type = stored.picture.as_deref().unwrap_or("application/octet-stream");
    let answer = HttpResponse {
        status: 200,
        headers: vec![("content-type".to_owned(), media_type.to_owned())],
        body: ResponseBody::Pieces(pieces),
    };
    Ok(answer
        .with_header("content-length", stored.size_bytes.to_string())
        .with_header(
            "content-disposition",
            format!("attachment; filename*=UTF-8''{}", view::encoded(&stored.name)),
        )
        .with_header("content-security-policy", "default-src 'none'; sandbox; frame-ancestors 'none'")
        .with_header("cache-control", "private, max-age=86400, immutable"))
}
