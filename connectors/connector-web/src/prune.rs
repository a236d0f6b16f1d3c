//! What goes: deleted words at once, old acts by the retention, uploads that nobody posted.

use sameroom_connector::VaultError;

use crate::batch::Batch;
use crate::house::House;
use crate::ids::key;
use crate::stored::{Act, Body, File, Message, What, decode};

/// How many acts of one room go in one step; the rest go in the next.
const STEP: usize = 500;
/// An upload that was not posted for this long is given up, in milliseconds.
const UPLOAD_LIFE: i64 = 24 * 60 * 60 * 1_000;
/// A step that changes more entries than this is cut short.
const MOST_CHANGES: usize = 4_096;

/// Removes the words and the file of a message, from its acts and its answers too.
pub(crate) async fn scrub(batch: &mut Batch<'_>, rid: &str, message: &mut Message) -> Result<(), VaultError> {
    let mut places = message.edits.clone();
    places.push(message.seq);
    for place in places {
        if let Some(mut act) = batch.get::<Act>(&key::act(rid, place)).await? {
            match &mut act.what {
                What::Posted(posted) => {
                    posted.text = None;
                    posted.file = None;
                    posted.reply = None;
                }
                What::Edited { text, .. } => *text = None,
                _ => {}
            }
            batch.put(key::act(rid, place), &act);
        }
    }
    for answer in std::mem::take(&mut message.answers) {
        scrub_excerpt(batch, rid, answer).await?;
    }
    if let Body::Post(posted) = &mut message.body {
        posted.text = None;
        posted.reply = None;
        if let Some(file) = posted.file.take() {
            remove_file(batch, rid, &file);
        }
    }
    message.reactions.clear();
    Ok(())
}

/// Removes what an answer holds of the message that it answers.
async fn scrub_excerpt(batch: &mut Batch<'_>, rid: &str, answer: u64) -> Result<(), VaultError> {
    if let Some(mut message) = batch.get::<Message>(&key::message(rid, answer)).await?
        && let Body::Post(posted) = &mut message.body
        && let Some(reply) = &mut posted.reply
    {
        reply.excerpt.clear();
        batch.put(key::message(rid, answer), &message);
    }
    if let Some(mut act) = batch.get::<Act>(&key::act(rid, answer)).await?
        && let What::Posted(posted) = &mut act.what
        && let Some(reply) = &mut posted.reply
    {
        reply.excerpt.clear();
        batch.put(key::act(rid, answer), &act);
    }
    Ok(())
}

fn remove_file(batch: &mut Batch<'_>, rid: &str, file: &File) {
    batch.remove(key::file(rid, &file.id));
    for index in 0..file.chunks {
        batch.remove(key::chunk(&file.id, index));
    }
}

/// Removes some of what is older than the retention; tells whether there may be more.
pub(crate) async fn prune(house: &House, batch: &mut Batch<'_>) -> Result<bool, VaultError> {
    let mut more = false;
    let now = house.kit.clock.wall().0;
    let kept = i64::from(house.config().retention_days) * 24 * 60 * 60 * 1_000;
    for room in house.all() {
        let (from, to) = (key::act(&room.rid, 0), key::act(&room.rid, room.head()));
        let acts = house.vault().scan(&house.space, &from, &to, STEP, false).await?;
        let is_full = acts.len() == STEP;
        for (index, (key_of_act, bytes)) in acts.into_iter().enumerate() {
            if batch.len() > MOST_CHANGES {
                return Ok(true);
            }
            let act: Act = decode(&bytes).ok_or(VaultError::Damaged)?;
            if act.at.saturating_add(kept) > now {
                break;
            }
            if let Some(once) = &act.once {
                batch.remove(key::once(&room.rid, once));
            }
            let place = key::seq_of(&key_of_act).unwrap_or_default();
            if matches!(act.what, What::Posted(_) | What::Entered | What::Renamed { .. }) {
                if let Some(message) = batch.get::<Message>(&key::message(&room.rid, place)).await?
                    && let Body::Post(posted) = &message.body
                    && let Some(file) = &posted.file
                {
                    remove_file(batch, &room.rid, file);
                }
                batch.remove(key::message(&room.rid, place));
            }
            batch.remove(key_of_act);
            more |= is_full && index + 1 == STEP;
        }
    }
    Ok(prune_uploads(house, batch, now).await? || more)
}

async fn prune_uploads(house: &House, batch: &mut Batch<'_>, now: i64) -> Result<bool, VaultError> {
    let mut more = false;
    let uploads = house.vault().scan(&house.space, key::UPLOADS.0, key::UPLOADS.1, STEP, false).await?;
    for (key_of_upload, bytes) in uploads {
        let began: i64 = decode(&bytes).unwrap_or_default();
        if began.saturating_add(UPLOAD_LIFE) > now {
            continue;
        }
        if let Some(file) = key_of_upload.rsplit('/').next() {
            let (from, to) = (key::chunk(file, 0), key::chunk(file, u32::MAX));
            // One that is larger than this goes in several steps, its mark with the last.
            let chunks = chunk_keys(house, &from, &to).await?;
            let is_all = chunks.len() < CHUNKS;
            chunks.into_iter().for_each(|chunk| batch.remove(chunk));
            if is_all {
                batch.remove(key_of_upload);
            }
            more |= !is_all;
        }
    }
    Ok(more)
}

/// How many chunks are read at a time to learn their keys: 1 MiB.
const CHUNKS: usize = 16;

async fn chunk_keys(house: &House, from: &str, to: &str) -> Result<Vec<String>, VaultError> {
    let chunks = house.vault().scan(&house.space, from, to, CHUNKS, false).await?;
    Ok(chunks.into_iter().map(|(key, _)| key).collect())
}
