//! A room as we see it (XEP-0045): what it offers, who is in it, where we stand.
//!
//! Pure: takes stanzas, says what changed. Sends nothing.

use std::collections::{BTreeMap, VecDeque};

use sameroom_connector::Backoff;
use sameroom_types::event::{Author, FileRef, Role};
use sameroom_types::ids::{RemoteMessageId, RemoteUserId};
use tokio::time::Instant;

use crate::ids::{Identity, Place, user_id};
use crate::wire::{self, StanzaError};
use crate::xml::Element;

/// How many of the latest messages are remembered, for repeats, quotes and the check of who may change what.
const REMEMBERED: usize = 512;

/// Of how many people it is remembered that they reacted to one message.
const MOST_REACTORS: usize = 64;

/// How many people of one room are remembered; beyond that newcomers are known by what they send only.
const MOST_OCCUPANTS: usize = 20_000;

/// Which form of moderation a room speaks (XEP-0425).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moderation {
    /// `urn:xmpp:message-moderate:0`.
    V0,
    /// `urn:xmpp:message-moderate:1`.
    V1,
}

/// What a room says about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Features {
    /// It keeps an archive that we can read (XEP-0313).
    pub(crate) mam: bool,
    /// It gives messages ids of its own (XEP-0359).
    pub(crate) stanza_ids: bool,
    /// It gives people ids of its own (XEP-0421).
    pub(crate) occupant_ids: bool,
    /// How it lets moderators remove messages.
    pub(crate) moderation: Option<Moderation>,
    /// It is listed and open to all.
    pub(crate) public: bool,
    /// Its name for people.
    pub(crate) name: Option<String>,
}

impl Features {
    /// Reads an answer to disco#info; `None` if it is not a room's.
    pub(crate) fn of_room(answer: &Element) -> Option<Self> {
        let query = answer.child("query", wire::DISCO_INFO)?;
        let identity = query
            .children()
            .find(|child| child.name() == "identity" && child.attr("category") == Some("conference"))?;
        let mut read = Self { public: true, ..Self::default() };
        read.name = identity.attr("name").filter(|name| !name.trim().is_empty()).map(str::to_owned);
        for feature in query.children().filter(|child| child.name() == "feature") {
            match feature.attr("var").unwrap_or_default() {
                wire::MAM => read.mam = true,
                wire::SID => read.stanza_ids = true,
                wire::OCCUPANT => read.occupant_ids = true,
                wire::MODERATE => read.moderation = Some(Moderation::V1),
                wire::MODERATE_0 if read.moderation.is_none() => read.moderation = Some(Moderation::V0),
                "muc_hidden" | "muc_membersonly" | "muc_passwordprotected" => read.public = false,
                _ => {}
            }
        }
        // An archive's ids are the room's stanza ids (XEP-0313 section 5.1.1), even where that is not announced.
        read.stanza_ids |= read.mam;
        Some(read)
    }
}

/// Somebody in a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Occupant {
    /// Their real bare address, where the room shows it.
    pub(crate) real: Option<String>,
    /// The room's id for them.
    pub(crate) occupant_id: Option<String>,
    /// What they may do.
    pub(crate) role: Role,
    /// Whether the room counts them as a moderator now.
    pub(crate) is_moderator: bool,
    /// The SHA-1 of their picture (XEP-0153).
    pub(crate) photo: Option<String>,
    /// Which holder of this nick they are, as far as we saw; never the same after we were away.
    pub(crate) generation: u32,
}

/// A message that was said lately.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    /// Its ids.
    pub(crate) ids: Vec<RemoteMessageId>,
    /// Whose nick.
    pub(crate) nick: String,
    /// Which holder of that nick.
    pub(crate) generation: u32,
    /// Its first line.
    pub(crate) excerpt: String,
    /// Who reacted to it: nick, and which holder of that.
    reacted: Vec<(String, u32)>,
}

/// Where we stand with a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Not in it and not trying: not asked yet, left, or removed.
    Out,
    /// Asking what it is.
    Asking,
    /// Entering, since then.
    Joining {
        /// When the join was sent.
        since: Instant,
        /// Whether the room has shown us ourselves.
        shown: Option<Instant>,
    },
    /// In it.
    In,
    /// Trying again then.
    Waiting {
        /// When.
        until: Instant,
    },
}

/// Reading back what was missed.
#[derive(Debug, Default)]
pub(crate) struct CatchUp {
    /// What was heard meanwhile, told afterwards.
    pub(crate) live: VecDeque<Element>,
    /// More was heard than is kept: the archive must be read again.
    pub(crate) overflowed: bool,
}

/// One room.
#[derive(Debug)]
pub(crate) struct Room {
    /// The bare address, in lower case.
    pub(crate) jid: String,
    /// How it was written by those who asked for it.
    pub(crate) asked: Vec<Box<str>>,
    /// The nick that we have or try.
    pub(crate) nick: String,
    /// How many nicks were taken already.
    pub(crate) nick_tries: u32,
    /// Where we stand.
    pub(crate) phase: Phase,
    /// What it offers.
    pub(crate) features: Features,
    /// Who is in it.
    pub(crate) occupants: BTreeMap<String, Occupant>,
    /// How often each nick was given up, since we came.
    generations: BTreeMap<String, u32>,
    /// What the first holder of a nick since we came is counted as.
    first_generation: u32,
    /// How far it was read.
    pub(crate) place: Option<Place>,
    /// Whether the engine has not been told of `place` yet.
    pub(crate) place_untold: bool,
    /// Reading back, while that lasts.
    pub(crate) catch_up: Option<CatchUp>,
    /// The latest messages.
    said: VecDeque<Said>,
    /// Delays between tries to enter.
    pub(crate) backoff: Backoff,
    /// When something last came from it.
    pub(crate) heard: Instant,
    /// A self-ping is under way.
    pub(crate) pinging: bool,
    /// The room was made by our entering it.
    pub(crate) created: bool,
    /// Lines of history that came with a join without an archive.
    pub(crate) replayed: u32,
}

/// What a presence means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// We are in it, or still are.
    Entered {
        /// It did not exist before.
        created: bool,
        /// Our rights are other ones now.
        rights: bool,
    },
    /// Somebody came.
    Came(Author),
    /// Somebody went.
    Went(Author, Option<String>),
    /// Somebody has another nick now.
    Renamed(Author, String),
    /// We have another nick now.
    OwnNick(String),
    /// We were removed and must stay out.
    Removed {
        /// Who did it.
        by: Option<String>,
        /// The reason given.
        reason: Option<String>,
    },
    /// We are out for a reason that passes.
    Dropped(String),
    /// The room is gone for good.
    Destroyed(Option<String>),
    /// We could not enter.
    Failed(StanzaError),
    /// We left as we wanted.
    Left,
}

impl Room {
    /// A room that we are not in.
    pub(crate) fn new(jid: String, nick: String, backoff: Backoff, now: Instant) -> Self {
        Self {
            jid,
            asked: Vec::new(),
            nick,
            nick_tries: 0,
            phase: Phase::Out,
            features: Features::default(),
            occupants: BTreeMap::new(),
            generations: BTreeMap::new(),
            first_generation: 0,
            place: None,
            place_untold: false,
            catch_up: None,
            said: VecDeque::new(),
            backoff,
            heard: now,
            pinging: false,
            created: false,
            replayed: 0,
        }
    }

    /// Whether we are in it.
    pub(crate) fn is_in(&self) -> bool {
        self.phase == Phase::In
    }

    /// Whether we may remove other people's messages.
    pub(crate) fn is_moderator(&self) -> bool {
        self.occupants.get(&self.nick).is_some_and(|own| own.is_moderator)
    }

    /// The name for people.
    pub(crate) fn name(&self) -> String {
        let local = || self.jid.split('@').next().unwrap_or(&self.jid).to_owned();
        self.features.name.clone().unwrap_or_else(local)
    }

    /// Forgets who is there, before entering anew.
    pub(crate) fn forget_people(&mut self) {
        self.occupants.clear();
        // Whoever held a nick before, somebody else may have taken it meanwhile.
        let most = self.generations.values().max().copied().unwrap_or(0);
        self.first_generation = self.first_generation.saturating_add(most).saturating_add(1);
        self.generations.clear();
        self.catch_up = None;
        self.pinging = false;
        self.created = false;
        self.replayed = 0;
    }

    /// Takes a presence from `nick` in this room.
    pub(crate) fn on_presence(&mut self, nick: Option<&str>, presence: &Element) -> Vec<Change> {
        let user = presence.child("x", wire::MUC_USER);
        let codes: Vec<&str> = user
            .map(|user| {
                user.children()
                    .filter(|child| child.name() == "status")
                    .filter_map(|status| status.attr("code"))
                    .collect()
            })
            .unwrap_or_default();
        let has = |code: &str| codes.contains(&code);
        match presence.attr("type") {
            Some("error") => vec![Change::Failed(StanzaError::of(presence))],
            None => nick.map(|nick| self.present(nick, presence, user, &codes)).unwrap_or_default(),
            Some("unavailable") => {
                let Some(nick) = nick else { return Vec::new() };
                let item = user.and_then(|user| user.own_child("item"));
                let is_own = has("110") || nick == self.nick;
                if has("303")
                    && let Some(new) = item.and_then(|item| item.attr("nick"))
                {
                    return self.renamed(nick, new, is_own);
                }
                let reason = item
                    .and_then(|item| item.own_text("reason"))
                    .or_else(|| presence.own_text("status"))
                    .filter(|reason| !reason.is_empty());
                let gone = self.occupants.remove(nick);
                if !is_own {
                    *self.generations.entry(nick.to_owned()).or_default() += 1;
                    let author = gone.map(|gone| self.author_of(nick, Some(&gone)));
                    return author.map(|author| vec![Change::Went(author, reason)]).unwrap_or_default();
                }
                if let Some(destroy) = user.and_then(|user| user.own_child("destroy")) {
                    return vec![Change::Destroyed(destroy.own_text("reason"))];
                }
                // A kick that also says 333 is the room's answer to trouble with the connection, not somebody's will.
                if (has("307") && !has("333")) || has("301") || has("321") || has("322") {
                    let by = item.and_then(|item| item.own_child("actor"));
                    let by = by.and_then(|by| by.attr("nick").or_else(|| by.attr("jid"))).map(str::to_owned);
                    return vec![Change::Removed { by, reason }];
                }
                if self.phase == Phase::Out {
                    return vec![Change::Left];
                }
                let why =
                    if has("332") { "the room service is shutting down" } else { "the room dropped us" };
                vec![Change::Dropped(
                    reason.map_or_else(|| why.to_owned(), |reason| format!("{why}: {reason}")),
                )]
            }
            Some(_) => Vec::new(),
        }
    }

    fn present(
        &mut self,
        nick: &str,
        presence: &Element,
        user: Option<&Element>,
        codes: &[&str],
    ) -> Vec<Change> {
        let item = user.and_then(|user| user.own_child("item"));
        let photo = presence
            .child("x", wire::VCARD_UPDATE)
            .and_then(|update| update.own_text("photo"))
            .filter(|hash| hash.len() == 40 && hash.bytes().all(|b| b.is_ascii_hexdigit()));
        let occupant_id = presence.child("occupant-id", wire::OCCUPANT).and_then(|id| id.attr("id"));
        let occupant = Occupant {
            real: item.and_then(|item| item.attr("jid")).map(|jid| crate::ids::split_from(jid).0),
            occupant_id: occupant_id.filter(|_| self.features.occupant_ids).map(str::to_owned),
            role: item.map_or(Role::Member, role_of),
            is_moderator: item.is_some_and(|item| item.attr("role") == Some("moderator")),
            photo,
            generation: self.generation(nick),
        };
        let is_own = codes.contains(&"110") || (self.phase == Phase::In && nick == self.nick);
        if is_own {
            nick.clone_into(&mut self.nick);
        }
        let known = self.occupants.get(nick);
        let rights = is_own && known.is_some_and(|known| known.is_moderator != occupant.is_moderator);
        let is_new = known.is_none();
        let author = self.author_of(nick, Some(&occupant));
        if self.occupants.len() < MOST_OCCUPANTS || is_own {
            self.occupants.insert(nick.to_owned(), occupant);
        }
        if is_own {
            return vec![Change::Entered { created: codes.contains(&"201"), rights }];
        }
        if is_new && self.phase == Phase::In { vec![Change::Came(author)] } else { Vec::new() }
    }

    fn renamed(&mut self, old: &str, new: &str, is_own: bool) -> Vec<Change> {
        let moved = self.occupants.remove(old);
        *self.generations.entry(old.to_owned()).or_default() += 1;
        if is_own {
            new.clone_into(&mut self.nick);
        }
        if let Some(mut moved) = moved {
            moved.generation = self.generation(new);
            let author = self.author_of(new, Some(&moved));
            self.occupants.insert(new.to_owned(), moved);
            if !is_own {
                return vec![Change::Renamed(author, old.to_owned())];
            }
        }
        if is_own { vec![Change::OwnNick(new.to_owned())] } else { Vec::new() }
    }

    /// Who spoke under `nick`, from what is known of them now.
    pub(crate) fn author(&self, nick: &str) -> Author {
        self.author_of(nick, self.occupants.get(nick))
    }

    fn author_of(&self, nick: &str, occupant: Option<&Occupant>) -> Author {
        let identity = Identity {
            occupant_id: occupant.and_then(|known| known.occupant_id.as_deref()),
            real: occupant.and_then(|known| known.real.as_deref()),
            nick,
        };
        let avatar = occupant.and_then(|known| known.photo.as_ref()).map(|hash| FileRef {
            source: crate::upload::avatar_source(hash, &format!("{}/{nick}", self.jid)),
            name: format!("{hash}.png"),
            size_bytes: None,
            media_type: None,
            public_url: None,
            spool: None,
        });
        Author {
            id: user_id(identity),
            name: nick.to_owned(),
            username: None,
            avatar,
            is_bot: false,
            role: occupant.map_or(Role::Member, |known| known.role),
        }
    }

    /// The nick of a person who is here.
    pub(crate) fn nick_of(&self, id: &RemoteUserId) -> Option<&str> {
        let found = self.occupants.iter().find(|(nick, known)| self.author_of(nick, Some(known)).id == *id);
        found.map(|(nick, _)| nick.as_str())
    }

    /// Remembers a message.
    pub(crate) fn remember(&mut self, ids: Vec<RemoteMessageId>, nick: &str, excerpt: String) {
        let generation = self.holder(nick);
        self.said.push_back(Said { ids, nick: nick.to_owned(), generation, excerpt, reacted: Vec::new() });
        if self.said.len() > REMEMBERED {
            self.said.pop_front();
        }
    }

    /// A remembered message by any of its ids.
    pub(crate) fn said(&self, id: &RemoteMessageId) -> Option<&Said> {
        self.said.iter().rev().find(|said| said.ids.contains(id))
    }

    /// Whether a message with this id of the room's own was heard lately.
    pub(crate) fn has_heard(&self, id: &RemoteMessageId) -> bool {
        self.said(id).is_some()
    }

    /// Whether who holds `nick` now may be the author of `target`, as far as the room lets one tell.
    ///
    /// Where people are known by nick alone, somebody else may hold it by now.
    pub(crate) fn may_be_author(&self, nick: &str, target: &RemoteMessageId) -> bool {
        let Some(occupant) = self.occupants.get(nick) else { return true };
        if occupant.occupant_id.is_some() || occupant.real.is_some() {
            return true;
        }
        match self.said(target) {
            Some(said) => said.nick != nick || said.generation == occupant.generation,
            None => occupant.generation == self.first_generation,
        }
    }

    /// Whether who holds `nick` now may say which reactions that nick has on `target`: not where its
    /// former holder put some there, which they would take back.
    pub(crate) fn may_react(&self, nick: &str, target: &RemoteMessageId) -> bool {
        let Some(occupant) = self.occupants.get(nick) else { return true };
        if occupant.occupant_id.is_some() || occupant.real.is_some() {
            return true;
        }
        match self.said(target) {
            Some(said) => !said
                .reacted
                .iter()
                .any(|(known, generation)| known == nick && *generation != occupant.generation),
            None => occupant.generation == self.first_generation,
        }
    }

    /// Remembers who reacted to a message.
    pub(crate) fn remember_reaction(&mut self, nick: &str, target: &RemoteMessageId) {
        let reaction = (nick.to_owned(), self.holder(nick));
        if let Some(said) = self.said.iter_mut().rev().find(|said| said.ids.contains(target))
            && said.reacted.len() < MOST_REACTORS
            && !said.reacted.contains(&reaction)
        {
            said.reacted.push(reaction);
        }
    }

    /// As what a newcomer under this nick is counted.
    fn generation(&self, nick: &str) -> u32 {
        self.first_generation.saturating_add(self.generations.get(nick).copied().unwrap_or(0))
    }

    /// As what whoever holds this nick is counted.
    fn holder(&self, nick: &str) -> u32 {
        self.occupants.get(nick).map_or_else(|| self.generation(nick), |known| known.generation)
    }
}

/// What an item's affiliation and role allow.
pub(crate) fn role_of(item: &Element) -> Role {
    match (item.attr("affiliation"), item.attr("role")) {
        (Some("owner"), _) => Role::Owner,
        (Some("admin"), _) | (_, Some("moderator")) => Role::Moderator,
        _ => Role::Member,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::xml::parse_one;

    fn room() -> Room {
        let backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(2));
        let mut room = Room::new("dev@muc.x".into(), "sam".into(), backoff, Instant::now());
        room.phase = Phase::In;
        room
    }

    fn hear(room: &mut Room, nick: &str, kind: &str, inner: &str) -> Vec<Change> {
        let stanza = parse_one(&format!(
            "<presence from='dev@muc.x/{nick}' {kind}><x xmlns='{}'>{inner}</x></presence>",
            wire::MUC_USER
        ));
        room.on_presence(Some(nick), &stanza)
    }

    const GONE: &str = "type='unavailable'";

    #[test]
    fn people_come_and_go_and_change_their_nick() {
        let mut room = room();
        let came =
            hear(&mut room, "ann", "", "<item affiliation='member' role='participant' jid='Ann@x/phone'/>");
        assert!(matches!(&came[..], [Change::Came(author)] if author.id.as_str() == "ann@x"));
        let renamed = hear(&mut room, "ann", GONE, "<item nick='anna'/><status code='303'/>");
        assert!(
            matches!(&renamed[..], [Change::Renamed(author, from)] if author.name == "anna" && from == "ann")
        );
        assert_eq!(hear(&mut room, "anna", "", "<item jid='ann@x/phone'/>"), []);
        assert!(matches!(&hear(&mut room, "anna", GONE, "<item/>")[..], [Change::Went(..)]));
        assert_eq!(hear(&mut room, "nobody", GONE, "<item/>"), []);
    }

    #[test]
    fn a_kick_is_somebodys_will_and_a_shutdown_is_not() {
        let check = |inner: &str| hear(&mut room(), "sam", GONE, inner).into_iter().next();
        for code in ["307", "301", "321", "322"] {
            let inner = format!(
                "<item><actor nick='mod'/><reason>out</reason></item><status code='110'/><status code='{code}'/>"
            );
            let expected = Change::Removed { by: Some("mod".into()), reason: Some("out".into()) };
            assert_eq!(check(&inner), Some(expected), "{code}");
        }
        assert!(matches!(check("<status code='110'/><status code='332'/>"), Some(Change::Dropped(_))));
        assert!(matches!(check("<status code='307'/><status code='333'/>"), Some(Change::Dropped(_))));
        assert!(matches!(check("<item/>"), Some(Change::Dropped(_))));
        assert!(matches!(
            check("<destroy><reason>moved</reason></destroy>"),
            Some(Change::Destroyed(Some(_)))
        ));
    }

    #[test]
    fn roles_follow_affiliation_then_role() {
        let check = |item: &str, expected| assert_eq!(role_of(&parse_one(item)), expected, "{item}");
        check("<item affiliation='owner' role='moderator'/>", Role::Owner);
        check("<item affiliation='admin' role='participant'/>", Role::Moderator);
        check("<item affiliation='none' role='moderator'/>", Role::Moderator);
        check("<item affiliation='member' role='participant'/>", Role::Member);
        check("<item/>", Role::Member);
    }

    #[test]
    fn who_takes_over_a_nick_is_not_its_former_holder() {
        let mut room = room();
        let id = RemoteMessageId::from("1");
        hear(&mut room, "ann", "", "<item/>");
        room.remember(vec![id.clone()], "ann", "hi".into());
        assert!(room.may_be_author("ann", &id));
        hear(&mut room, "ann", GONE, "<item/>");
        hear(&mut room, "ann", "", "<item/>");
        assert!(!room.may_be_author("ann", &id));
        assert!(!room.may_be_author("ann", &"never heard of".into()));
        hear(&mut room, "bob", "", "<item jid='bob@x'/>");
        assert!(room.may_be_author("bob", &"never heard of".into()));
    }

    #[test]
    fn who_takes_over_a_nick_takes_back_no_reaction_of_its_former_holder() {
        let mut room = room();
        let (one, other) = (RemoteMessageId::from("1"), RemoteMessageId::from("2"));
        for id in [&one, &other] {
            room.remember(vec![id.clone()], "bob", "hi".into());
        }
        hear(&mut room, "ann", "", "<item/>");
        room.remember_reaction("ann", &one);
        assert!(room.may_react("ann", &one));
        hear(&mut room, "ann", GONE, "<item/>");
        hear(&mut room, "ann", "", "<item/>");
        assert!(!room.may_react("ann", &one) && room.may_react("ann", &other));
    }

    #[test]
    fn who_holds_a_nick_after_we_were_away_may_be_somebody_else() {
        let mut room = room();
        let id = RemoteMessageId::from("1");
        hear(&mut room, "ann", "", "<item/>");
        room.remember(vec![id.clone()], "ann", "hi".into());
        room.remember_reaction("ann", &id);
        room.forget_people();
        hear(&mut room, "ann", "", "<item/>");
        assert!(!room.may_be_author("ann", &id) && !room.may_react("ann", &id));
        room.forget_people();
        hear(&mut room, "ann", "", "<item jid='ann@x'/>");
        assert!(room.may_be_author("ann", &id) && room.may_react("ann", &id));
    }

    #[test]
    fn ids_of_the_room_are_believed_only_where_it_gives_them() {
        let occupant =
            "<presence from='dev@muc.x/ann'><occupant-id xmlns='urn:xmpp:occupant-id:0' id='o1'/></presence>";
        let mut plain = room();
        plain.on_presence(Some("ann"), &parse_one(occupant));
        assert_eq!(plain.author("ann").id.as_str(), "nick:ann");
        let mut offering = room();
        offering.features.occupant_ids = true;
        offering.on_presence(Some("ann"), &parse_one(occupant));
        assert_eq!(offering.author("ann").id.as_str(), "occupant:o1");
        assert_eq!(offering.nick_of(&"occupant:o1".into()), Some("ann"));
    }

    #[test]
    fn features_are_read_from_the_rooms_own_words() {
        let read = |features: &str| {
            let xml = format!(
                "<iq type='result'><query xmlns='{}'><identity category='conference' type='text' name='Dev'/>{features}</query></iq>",
                wire::DISCO_INFO
            );
            Features::of_room(&parse_one(&xml)).expect("a room")
        };
        let full = read(
            "<feature var='urn:xmpp:mam:2'/><feature var='urn:xmpp:occupant-id:0'/><feature var='urn:xmpp:message-moderate:0'/><feature var='urn:xmpp:message-moderate:1'/>",
        );
        assert!(full.mam && full.stanza_ids && full.occupant_ids && full.public);
        assert_eq!((full.moderation, full.name.as_deref()), (Some(Moderation::V1), Some("Dev")));
        let closed = read("<feature var='muc_membersonly'/>");
        assert!(!closed.mam && !closed.stanza_ids && !closed.public);
        let account = "<iq><query xmlns='http://jabber.org/protocol/disco#info'><identity category='account'/></query></iq>";
        assert_eq!(Features::of_room(&parse_one(account)), None);
    }
}
