//! The rules of a room: who may do what, and what an act changes.

use std::collections::BTreeMap;
use std::sync::Arc;

use sameroom_connector::VaultError;
use sameroom_types::ids::RemoteRoomId;

use crate::batch::Batch;
use crate::capabilities::MAX_TEXT;
use crate::house::{House, Job};
use crate::ids::{self, key};
use crate::live::{LiveRoom, Published};
use crate::prune;
use crate::stored::{Act, Body, By, Message, Person, Posted, Reacted, Reply, Room, Source, What, decode};
use crate::view;

/// The most different emoji on one message, and the longest of them in bytes.
const MAX_EMOJI: (usize, usize) = (30, 64);
/// The most changes of one message.
const MAX_EDITS: usize = 200;
/// The most characters of an excerpt.
const EXCERPT: usize = 120;
/// The most answers that hold a message's beginning; each is known, so that a deletion reaches it.
const MAX_QUOTED: usize = 1_000;
/// A batch stops growing at so many entries; what waits comes in the next.
const MOST_CHANGES: usize = 4_096;

/// Something to be done.
#[derive(Debug)]
pub(crate) enum Op {
    /// Sameroom wants to be in this room, which is made if there is none.
    Join {
        /// The name as written.
        name: String,
    },
    /// Sameroom leaves this room.
    Leave {
        /// The room.
        rid: String,
    },
    /// Somebody comes under a name or changes theirs.
    Enter {
        /// The room.
        rid: String,
        /// The digest of their cookie.
        cookie: String,
        /// The name, already cleaned.
        name: String,
    },
    /// Something happens in a room.
    Act {
        /// The room.
        rid: String,
        /// Who does it.
        by: Actor,
        /// What.
        deed: Deed,
        /// The digest under which a repetition is known.
        once: Option<String>,
    },
    /// Old acts go, and uploads that nobody posted.
    Prune,
}

/// Who does something.
#[derive(Debug)]
pub(crate) enum Actor {
    /// Somebody in the page, by the digest of their cookie.
    Cookie(String),
    /// The engine, for somebody or for itself.
    Engine(By),
}

/// What is done in a room.
#[derive(Debug)]
pub(crate) enum Deed {
    /// A message is posted.
    Post {
        /// The message; its reply and file as far as known.
        posted: Box<Posted>,
        /// The message that it answers.
        reply: Option<u64>,
    },
    /// A message is changed.
    Edit(u64, Source),
    /// A message is removed; the flag says that it is somebody else's.
    Delete(u64, bool),
    /// An emoji is put on a message.
    React(u64, String),
    /// An emoji is taken back.
    Unreact(u64, String),
    /// Exactly these emoji stay.
    SetReactions(u64, Vec<String>),
}

/// What came of it.
#[derive(Debug)]
pub(crate) enum Done {
    /// Sameroom is in this room and reports acts after the given one.
    Joined(Arc<LiveRoom>, u64),
    /// Somebody is known under this name.
    Entered(Person),
    /// A message is now like this.
    Message(Box<Message>),
    /// Done, with nothing to tell.
    Nothing,
    /// Done in part; doing it again does more.
    More,
}

/// Why something was not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// There is no such room.
    NoRoom,
    /// There is no such message, or no longer.
    NoMessage,
    /// Nobody is known under this cookie.
    NoName,
    /// That is not theirs to do.
    Forbidden,
    /// Somebody else has the name.
    NameTaken,
    /// There is nothing to show.
    Empty,
    /// It is longer than a message may be.
    TooLong,
    /// It is no emoji, or there are too many.
    BadEmoji,
    /// Too much waits.
    Busy,
    /// The storage is full.
    Full,
    /// The storage failed; nothing was done.
    Storage,
    /// It may have been done; asking again with the same id makes sure.
    Unsure,
}

impl From<VaultError> for Fault {
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::Full => Self::Full,
            VaultError::Damaged | VaultError::Storage(_) => Self::Storage,
        }
    }
}

/// The one who writes.
#[derive(Debug, Default)]
pub(crate) struct Keeper {
    is_loaded: bool,
    /// The next place in each room's log. Never goes back, whatever fails.
    next: BTreeMap<String, u64>,
    /// Whether a write may have happened without anybody having been told.
    in_doubt: bool,
}

/// What a batch will tell once it is durable.
#[derive(Default)]
struct Tell {
    acts: Vec<(String, Published)>,
    rooms: Vec<Arc<LiveRoom>>,
}

impl Keeper {
    /// Reads the rooms, once.
    pub(crate) async fn load(&mut self, house: &House) -> Result<(), VaultError> {
        if self.is_loaded {
            return Ok(());
        }
        let mut rooms = BTreeMap::new();
        let (mut from, to) = (key::ROOMS.0.to_owned(), key::ROOMS.1);
        loop {
            let page = house.vault().scan(&house.space, &from, to, 256, false).await?;
            let Some((last, _)) = page.last() else { break };
            from = format!("{last}\u{0}");
            for (_, bytes) in &page {
                let room: Room = decode(bytes).ok_or(VaultError::Damaged)?;
                let (first, end) = (key::act(&room.rid, 0), key::act(&room.rid, u64::MAX));
                let latest = house.vault().scan(&house.space, &first, &end, 1, true).await?;
                let head = latest.first().and_then(|(key, _)| key::seq_of(key)).unwrap_or(room.from);
                self.next.insert(room.rid.clone(), head + 1);
                let id = RemoteRoomId::new(room.name.to_lowercase());
                let live = LiveRoom::new(&room.rid, id, &room.name, &room.token, head);
                rooms.insert(room.rid.clone(), Arc::new(live));
            }
        }
        house.fill(rooms);
        self.is_loaded = true;
        Ok(())
    }

    /// Does jobs in their order and writes them in one step.
    pub(crate) async fn work(&mut self, house: &House, jobs: Vec<Job>) {
        if jobs.is_empty() {
            return;
        }
        if let Err(error) = self.load(house).await {
            tracing::error!(account.id = %house.account, error = %error, "browser rooms cannot be read");
            let fault = Fault::from(error);
            answer_all(jobs.into_iter().map(|job| (job.answer, Err(fault))));
            return;
        }
        if std::mem::replace(&mut self.in_doubt, true) {
            self.clear_doubt(house);
        }
        let mut batch = Batch::new(house.vault(), &house.space);
        let mut tell = Tell::default();
        let mut answers = Vec::new();
        let mut jobs = jobs.into_iter();
        for job in jobs.by_ref() {
            let result = self.perform(house, &mut batch, &mut tell, job.op).await;
            answers.push((job.answer, result));
            if batch.len() > MOST_CHANGES {
                break;
            }
        }
        // What no longer fits is rare enough to be asked for again.
        answers.extend(jobs.map(|job| (job.answer, Err(Fault::Busy))));
        match batch.write().await {
            Ok(()) => {
                self.in_doubt = false;
                for room in tell.rooms {
                    house.add(room);
                }
                let changed = !tell.acts.is_empty();
                for (rid, act) in tell.acts {
                    if let Some(room) = house.by_rid(&rid) {
                        room.publish(act);
                    }
                }
                if changed {
                    house.note_change();
                }
                answer_all(answers);
            }
            Err(error) => {
                tracing::error!(account.id = %house.account, error = %error, "browser rooms cannot be written");
                let fault = Fault::from(error);
                answer_all(answers.into_iter().map(|(answer, result)| (answer, result.and(Err(fault)))));
            }
        }
    }

    /// An earlier write was cut off: what it may have written is told by way of the vault.
    fn clear_doubt(&self, house: &House) {
        for room in house.all() {
            if let Some(next) = self.next.get(&room.rid)
                && next - 1 > room.head()
            {
                room.forget_until(next - 1);
            }
        }
        house.note_change();
    }

    async fn perform(
        &mut self,
        house: &House,
        batch: &mut Batch<'_>,
        tell: &mut Tell,
        op: Op,
    ) -> Result<Done, Fault> {
        match op {
            Op::Join { name } => self.join(house, batch, tell, &name).await,
            Op::Leave { rid } => {
                let mut room: Room = batch.get(&key::room(&rid)).await?.ok_or(Fault::NoRoom)?;
                room.joined = false;
                batch.put(key::room(&rid), &room);
                Ok(Done::Nothing)
            }
            Op::Enter { rid, cookie, name } => self.enter(house, batch, tell, &rid, &cookie, name).await,
            Op::Act { rid, by, deed, once } => {
                if !self.next.contains_key(&rid) {
                    return Err(Fault::NoRoom);
                }
                let by = match by {
                    Actor::Cookie(cookie) => By::Person(person_of(batch, &rid, &cookie).await?),
                    Actor::Engine(by) => by,
                };
                let once = once.map(|once| match by.person() {
                    Some(person) => ids::digest(&["person", person, &once]),
                    None => ids::digest(&["engine", &once]),
                });
                if let Some(once) = &once
                    && let Some(seq) = batch.get::<u64>(&key::once(&rid, once)).await?
                {
                    return match batch.get(&key::message(&rid, seq)).await? {
                        Some(message) => Ok(Done::Message(Box::new(message))),
                        None => Err(Fault::NoMessage),
                    };
                }
                let at = house.kit.clock.wall().0;
                let mut scene = Scene { rid: &rid, by, at, once, batch, tell };
                self.deed(&mut scene, deed).await
            }
            Op::Prune => {
                let more = prune::prune(house, batch).await?;
                Ok(if more { Done::More } else { Done::Nothing })
            }
        }
    }

    async fn join(
        &mut self,
        house: &House,
        batch: &mut Batch<'_>,
        tell: &mut Tell,
        name: &str,
    ) -> Result<Done, Fault> {
        let (Some(name), Some(id)) = (ids::room_name(name), ids::room_id(name)) else {
            return Err(Fault::NoRoom);
        };
        let known = house.by_id(&id).or_else(|| tell.rooms.iter().find(|room| room.id == id).cloned());
        if let Some(live) = known {
            let mut room: Room = batch.get(&key::room(&live.rid)).await?.ok_or(Fault::NoRoom)?;
            if !room.joined {
                room.joined = true;
                room.from = self.next.get(&live.rid).map_or(0, |next| next - 1);
                batch.put(key::room(&live.rid), &room);
            }
            return Ok(Done::Joined(live, room.from));
        }
        let random = || ids::secret(house.kit.clock.random());
        let room = Room {
            rid: random(),
            name,
            token: random(),
            created: house.kit.clock.wall().0,
            joined: true,
            from: 0,
            is_owned: false,
        };
        let live = Arc::new(LiveRoom::new(&room.rid, id, &room.name, &room.token, 0));
        self.next.insert(room.rid.clone(), 1);
        batch.put(key::room(&room.rid), &room);
        tell.rooms.push(live.clone());
        Ok(Done::Joined(live, 0))
    }

    async fn enter(
        &mut self,
        house: &House,
        batch: &mut Batch<'_>,
        tell: &mut Tell,
        rid: &str,
        cookie: &str,
        name: String,
    ) -> Result<Done, Fault> {
        let mut room: Room = batch.get(&key::room(rid)).await?.ok_or(Fault::NoRoom)?;
        let known: Option<Person> = match batch.get::<String>(&key::cookie(rid, cookie)).await? {
            Some(id) => batch.get(&key::person(rid, &id)).await?,
            None => None,
        };
        if let Some(known) = &known
            && known.name == name
        {
            return Ok(Done::Entered(known.clone()));
        }
        let folded = ids::fold_name(&name);
        let name_key = key::name(rid, &ids::digest(&[&folded]));
        let holder: Option<String> = batch.get(&name_key).await?;
        if folded == "sameroom"
            || holder.is_some_and(|holder| known.as_ref().is_none_or(|known| known.id != holder))
        {
            return Err(Fault::NameTaken);
        }
        let owners = house.config().owners;
        let becomes_owner = if owners.is_empty() { !room.is_owned } else { owners.contains(&folded) };
        let (person, what) = match known {
            Some(mut person) => {
                let old = ids::digest(&[&ids::fold_name(&person.name)]);
                batch.remove(key::name(rid, &old));
                let from = std::mem::replace(&mut person.name, name);
                person.is_owner |= becomes_owner;
                (person, What::Renamed { from })
            }
            None => {
                let id = format!("p{}", ids::secret(house.kit.clock.random()));
                (Person { id, name, is_owner: becomes_owner }, What::Entered)
            }
        };
        if person.is_owner && !room.is_owned {
            room.is_owned = true;
            batch.put(key::room(rid), &room);
        }
        batch.put(name_key, &person.id);
        batch.put(key::cookie(rid, cookie), &person.id);
        batch.put(key::person(rid, &person.id), &person);
        let at = house.kit.clock.wall().0;
        let body = match &what {
            What::Renamed { from } => Body::Renamed { from: from.clone() },
            _ => Body::Entered,
        };
        let mut scene = Scene { rid, by: By::Person(person.clone()), at, once: None, batch, tell };
        let seq = self.place(rid)?;
        let message = new_message(seq, &scene, body);
        scene.write(seq, what, &message);
        Ok(Done::Entered(person))
    }

    /// The next place in a room's log.
    fn place(&mut self, rid: &str) -> Result<u64, Fault> {
        let next = self.next.get_mut(rid).ok_or(Fault::NoRoom)?;
        let seq = *next;
        *next += 1;
        Ok(seq)
    }

    async fn deed(&mut self, scene: &mut Scene<'_, '_>, deed: Deed) -> Result<Done, Fault> {
        let target = match &deed {
            Deed::Post { .. } => None,
            Deed::Edit(seq, _)
            | Deed::Delete(seq, _)
            | Deed::React(seq, _)
            | Deed::Unreact(seq, _)
            | Deed::SetReactions(seq, _) => Some(*seq),
        };
        let mut message = match target {
            Some(seq) => {
                let message: Option<Message> = scene.batch.get(&key::message(scene.rid, seq)).await?;
                message.filter(|message| matches!(message.body, Body::Post(_))).ok_or(Fault::NoMessage)?
            }
            None => return self.post(scene, deed).await,
        };
        let is_own = match (&scene.by, &message.by) {
            (By::Person(actor), By::Person(author)) => actor.id == author.id,
            (By::Person(_), _) | (_, By::Person(_)) => false,
            _ => true,
        };
        match deed {
            Deed::Post { .. } => Err(Fault::NoMessage),
            Deed::Edit(seq, text) => {
                if !is_own {
                    return Err(Fault::Forbidden);
                }
                let Body::Post(posted) = &mut message.body else { return Err(Fault::NoMessage) };
                if message.deleted.is_some() {
                    return Err(Fault::NoMessage);
                }
                check_text(&text, posted.file.is_some())?;
                if posted.text.as_ref() == Some(&text) {
                    return Ok(Done::Message(Box::new(message)));
                }
                if message.edits.len() >= MAX_EDITS {
                    return Err(Fault::Forbidden);
                }
                let place = self.place(scene.rid)?;
                posted.text = Some(text.clone());
                message.edited = Some(scene.at);
                message.edits.push(place);
                scene.write(place, What::Edited { message: seq, text: Some(text) }, &message);
                Ok(Done::Message(Box::new(message)))
            }
            Deed::Delete(seq, moderates) => {
                let is_allowed = match &scene.by {
                    By::Person(actor) => is_own || actor.is_owner,
                    By::Remote { .. } | By::Sameroom => is_own || moderates,
                };
                if !is_allowed {
                    return Err(Fault::Forbidden);
                }
                if message.deleted.is_some() {
                    return Ok(Done::Message(Box::new(message)));
                }
                let place = self.place(scene.rid)?;
                prune::scrub(scene.batch, scene.rid, &mut message).await?;
                message.deleted = Some(!is_own);
                scene.write(place, What::Deleted { message: seq, by_moderator: !is_own }, &message);
                Ok(Done::Message(Box::new(message)))
            }
            Deed::React(seq, emoji) => self.react(scene, message, seq, emoji, true),
            Deed::Unreact(seq, emoji) => self.react(scene, message, seq, emoji, false),
            Deed::SetReactions(seq, emoji) => {
                let (id, _) = scene.reactor();
                let is_ours = |reacted: &&Reacted| reacted.by.iter().any(|(by, _)| *by == id);
                let now: Vec<String> =
                    message.reactions.iter().filter(is_ours).map(|reacted| reacted.emoji.clone()).collect();
                let gone: Vec<String> = now.into_iter().filter(|known| !emoji.contains(known)).collect();
                let changes = emoji
                    .into_iter()
                    .map(|emoji| (emoji, true))
                    .chain(gone.into_iter().map(|emoji| (emoji, false)));
                for (emoji, on) in changes {
                    if let Done::Message(changed) = self.react(scene, message.clone(), seq, emoji, on)? {
                        message = *changed;
                    }
                }
                Ok(Done::Message(Box::new(message)))
            }
        }
    }

    async fn post(&mut self, scene: &mut Scene<'_, '_>, deed: Deed) -> Result<Done, Fault> {
        let Deed::Post { mut posted, reply } = deed else { return Err(Fault::NoMessage) };
        check_text(posted.text.as_ref().unwrap_or(&Source::default()), posted.file.is_some())?;
        let target = match reply {
            Some(reply) => scene.batch.get::<Message>(&key::message(scene.rid, reply)).await?,
            None => None,
        };
        if let Some(target) = &target {
            posted.reply = Some(Reply {
                message: target.seq,
                author: target.by.name().to_owned(),
                excerpt: if target.answers.len() < MAX_QUOTED {
                    view::excerpt(target, EXCERPT)
                } else {
                    String::new()
                },
            });
        }
        let place = self.place(scene.rid)?;
        if let Some(mut target) = target.filter(|target| target.answers.len() < MAX_QUOTED) {
            target.answers.push(place);
            scene.batch.put(key::message(scene.rid, target.seq), &target);
        }
        if let Some(file) = &posted.file {
            scene.batch.put(key::file(scene.rid, &file.id), file);
            scene.batch.remove(key::upload(&file.id));
        }
        let message = new_message(place, scene, Body::Post(posted.clone()));
        scene.write(place, What::Posted(posted), &message);
        Ok(Done::Message(Box::new(message)))
    }

    fn react(
        &mut self,
        scene: &mut Scene<'_, '_>,
        mut message: Message,
        seq: u64,
        emoji: String,
        on: bool,
    ) -> Result<Done, Fault> {
        if message.deleted.is_some() {
            return Err(Fault::NoMessage);
        }
        let by = scene.reactor();
        let kinds = message.reactions.len();
        let at = message.reactions.iter().position(|reacted| reacted.emoji == emoji);
        let is_on = at
            .and_then(|at| message.reactions.get(at))
            .is_some_and(|reacted| reacted.by.iter().any(|(id, _)| *id == by.0));
        if is_on == on {
            // A repetition; its key is kept so that it stays one.
            scene.remember(message.seq);
            return Ok(Done::Message(Box::new(message)));
        }
        match at {
            Some(at) => {
                if let Some(reacted) = message.reactions.get_mut(at) {
                    if on {
                        reacted.by.push(by);
                    } else {
                        reacted.by.retain(|(id, _)| *id != by.0);
                    }
                }
                message.reactions.retain(|reacted| !reacted.by.is_empty());
            }
            None => {
                if kinds >= MAX_EMOJI.0 || !is_emoji(&emoji) {
                    return Err(Fault::BadEmoji);
                }
                message.reactions.push(Reacted { emoji: emoji.clone(), by: vec![by] });
            }
        }
        let place = self.place(scene.rid)?;
        let what =
            if on { What::Reacted { message: seq, emoji } } else { What::Unreacted { message: seq, emoji } };
        scene.write(place, what, &message);
        Ok(Done::Message(Box::new(message)))
    }
}

/// Who does something where and when, and what it changes.
struct Scene<'s, 'v> {
    rid: &'s str,
    by: By,
    at: i64,
    once: Option<String>,
    batch: &'s mut Batch<'v>,
    tell: &'s mut Tell,
}

impl Scene<'_, '_> {
    /// Under which id and name reactions are counted.
    fn reactor(&self) -> (String, String) {
        match &self.by {
            By::Person(person) => (person.id.clone(), person.name.clone()),
            // The engine reacts once for everybody elsewhere.
            By::Remote { .. } | By::Sameroom => (String::new(), "in a connected room".to_owned()),
        }
    }

    /// Ties the key of this act to a message, so that a repetition finds it.
    fn remember(&mut self, message: u64) {
        if let Some(once) = &self.once {
            self.batch.put(key::once(self.rid, once), &message);
        }
    }

    /// Puts an act and the message that it changes into the batch.
    fn write(&mut self, place: u64, what: What, message: &Message) {
        self.remember(message.seq);
        let act = Act { at: self.at, by: self.by.clone(), what, once: self.once.clone() };
        self.batch.put(key::act(self.rid, place), &act);
        self.batch.put(key::message(self.rid, message.seq), message);
        let view = view::act(&act, message);
        self.tell.acts.push((self.rid.to_owned(), Published { seq: place, act, view }));
    }
}

fn new_message(seq: u64, scene: &Scene<'_, '_>, body: Body) -> Message {
    Message {
        seq,
        at: scene.at,
        by: scene.by.clone(),
        body,
        edited: None,
        edits: Vec::new(),
        deleted: None,
        answers: Vec::new(),
        reactions: Vec::new(),
    }
}

/// The person whom a cookie stands for.
pub(crate) async fn person_of(batch: &Batch<'_>, rid: &str, cookie: &str) -> Result<Person, Fault> {
    let id: String = batch.get(&key::cookie(rid, cookie)).await?.ok_or(Fault::NoName)?;
    batch.get(&key::person(rid, &id)).await?.ok_or(Fault::NoName)
}

fn check_text(source: &Source, has_file: bool) -> Result<(), Fault> {
    if source.text.chars().take(MAX_TEXT as usize + 1).count() > MAX_TEXT as usize {
        return Err(Fault::TooLong);
    }
    if source.text.trim().is_empty() && !has_file {
        return Err(Fault::Empty);
    }
    Ok(())
}

/// Whether something short that people could see as one sign: no letters, digits only inside a sequence.
fn is_emoji(emoji: &str) -> bool {
    let is_name = emoji.len() > 2
        && emoji.starts_with(':')
        && emoji.ends_with(':')
        && emoji.chars().all(|c| c.is_alphanumeric() || matches!(c, ':' | '_' | '-' | '+'));
    let is_sign =
        !emoji.is_ascii() && !emoji.chars().any(|c| c.is_alphabetic() || c.is_control() || c.is_whitespace());
    emoji.len() <= MAX_EMOJI.1 && (is_name || is_sign)
}

type Answer = (tokio::sync::oneshot::Sender<Result<Done, Fault>>, Result<Done, Fault>);

fn answer_all(answers: impl IntoIterator<Item = Answer>) {
    for (answer, result) in answers {
        // Whoever went away no longer wants the answer.
        drop(answer.send(result));
    }
}

#[cfg(test)]
mod tests {
    use super::is_emoji;

    #[test]
    fn emoji_are_signs_or_names() {
        for good in ["👍", "❤️", "👩‍💻", "1️⃣", "🇩🇪", ":party_parrot:", "☺"] {
            assert!(is_emoji(good), "{good}");
        }
        for bad in ["", "a", "<b>", "::", "é", "👍 👍", ":a b:", "1", &"👍".repeat(20)] {
            assert!(!is_emoji(bad), "{bad}");
        }
    }
}
