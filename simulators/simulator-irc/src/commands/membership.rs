//! Being in rooms: `JOIN`, `PART`, `KICK`, `INVITE`, `NAMES`, `LIST`.

use crate::{
    capability::Capability,
    client::{Client, ClientId},
    faults::{refusal_text, take},
    mask,
    message::Message,
    room::{Rank, Room},
    state::State,
    trouble::SERVER,
};

/// Longest room name in bytes.
pub(super) const ROOM_NAME_LEN: usize = 64;
/// Longest reason for a kick or a leave, in bytes.
pub(super) const REASON_LEN: usize = 255;
/// Rooms to which one client may hold an invitation.
const INVITATIONS_MAX: usize = 50;
/// Room for names on one `353` line, in bytes.
const NAMES_LINE_MAX: usize = 380;

impl State {
    pub(super) fn join(&mut self, id: ClientId, message: &Message) {
        let Some(rooms) = message.word(0) else { return self.too_few(id, "JOIN") };
        if rooms == "0" {
            for key in self.client(id).map(|client| client.rooms.clone()).unwrap_or_default() {
                self.part_one(id, &key, b"Left all channels");
            }
            return;
        }
        let keys = message.word(1).unwrap_or_default();
        let mut keys = keys.split(',');
        for room in rooms.split(',').filter(|room| !room.is_empty()) {
            let key = keys.next().unwrap_or_default();
            match self.join_refusal(id, room, key) {
                None => self.enter(id, room),
                Some(numeric) => self.reply(id, &format!("{numeric:03}"), &[room], refusal_text(numeric)),
            }
        }
    }

    /// The numeric with which a join is refused.
    fn join_refusal(&mut self, id: ClientId, name: &str, key: &str) -> Option<u16> {
        let folded = self.fold(name);
        if let Some((_, numeric)) = take(&mut self.faults.refuse_join, |(room, _)| *room == folded) {
            return Some(numeric);
        }
        if !is_valid_room(name) {
            return Some(if name.starts_with('#') { 476 } else { 403 });
        }
        let client = self.client(id)?;
        let Some(room) = self.rooms.get(&folded) else {
            let full = self.logs.len() >= self.options.rooms_max && !self.logs.contains_key(&folded);
            return (full || client.rooms.len() >= self.options.rooms_per_client_max).then_some(405);
        };
        if room.members.contains_key(&id) {
            return None;
        }
        if client.rooms.len() >= self.options.rooms_per_client_max {
            return Some(405);
        }
        if client.invited.contains(&folded) {
            return None;
        }
        if self.is_banned(name, id) {
            return Some(474);
        }
        match room {
            room if room.is('i') => Some(473),
            room if room.key.as_deref().is_some_and(|wanted| wanted != key) => Some(475),
            room if room.limit.is_some_and(|limit| room.members.len() >= limit) => Some(471),
            room if room.is('r') && client.account.is_none() => Some(477),
            _ => None,
        }
    }

    fn enter(&mut self, id: ClientId, name: &str) {
        if self.rank(name, id).is_none() {
            let name = self.put_into(id, name);
            self.show_join(id, &name, None);
            self.show_topic(id, &name);
            self.names(id, &name);
        }
    }

    /// Makes a client a member without telling anybody; gives the room's name as it is spelled.
    pub(crate) fn put_into(&mut self, id: ClientId, name: &str) -> String {
        let (key, now) = (self.fold(name), self.now());
        let room = self.rooms.entry(key.clone()).or_insert_with(|| Room::new(name, now));
        room.members.insert(id, Rank { operator: room.members.is_empty(), voice: false });
        let name = room.name.clone();
        if let Some(client) = self.client_mut(id) {
            client.invited.remove(&key);
            client.rooms.insert(key);
        }
        name
    }

    /// Tells a room that somebody came, as each member wants to hear it.
    pub(crate) fn show_join(&mut self, id: ClientId, name: &str, batch: Option<&str>) {
        let mut plain = self.event(id, "JOIN").arg(name);
        if let Some(batch) = batch {
            plain = plain.tag("batch", batch);
        }
        let Some(client) = self.client(id) else { return };
        let account = client.account.clone().unwrap_or_else(|| "*".to_owned());
        let extended = plain.clone().arg(account).text(&client.real_name);
        let away = client.away.clone();
        let away = away.map(|reason| self.event(id, "AWAY").text(reason));
        for member in self.members(name) {
            let line = if self.has(member, Capability::ExtendedJoin) { &extended } else { &plain };
            self.send(member, line);
            if let Some(away) = &away
                && member != id
                && self.has(member, Capability::AwayNotify)
            {
                self.send(member, away);
            }
        }
        self.record(name, &plain);
    }

    pub(super) fn part(&mut self, id: ClientId, message: &Message) {
        let Some(rooms) = message.word(0) else { return self.too_few(id, "PART") };
        let reason = message.params.get(1).cloned().unwrap_or_default();
        for room in rooms.split(',').filter(|room| !room.is_empty()) {
            if self.must_be_member(id, room) {
                self.part_one(id, room, &reason);
            }
        }
    }

    fn part_one(&mut self, id: ClientId, name: &str, reason: &[u8]) {
        let Some(name) = self.room(name).map(|room| room.name.clone()) else { return };
        let mut message = self.event(id, "PART").arg(&name);
        if !reason.is_empty() {
            message = message.text(reason.get(..REASON_LEN).unwrap_or(reason));
        }
        self.broadcast(&name, None, &message);
        self.leave(&name, id);
    }

    /// Whether the room exists and the client is in it; answers `403` or `442` if not.
    pub(super) fn must_be_member(&mut self, id: ClientId, name: &str) -> bool {
        match self.room(name) {
            None => self.reply(id, "403", &[name], "No such channel"),
            Some(room) if room.rank(id).is_none() => {
                self.reply(id, "442", &[name], "You're not on that channel");
            }
            Some(_) => return true,
        }
        false
    }

    /// As [`Self::must_be_member`], and an operator there; answers `482` if not.
    pub(super) fn must_be_operator(&mut self, id: ClientId, name: &str) -> bool {
        if id == SERVER {
            return true;
        }
        if !self.must_be_member(id, name) {
            return false;
        }
        let operator = self.rank(name, id).is_some_and(|rank| rank.operator);
        if !operator {
            self.reply(id, "482", &[name], "You're not channel operator");
        }
        operator
    }

    pub(super) fn kick(&mut self, id: ClientId, message: &Message) {
        let (Some(name), Some(nicks)) = (message.word(0), message.word(1)) else {
            return self.too_few(id, "KICK");
        };
        let own = self.nick_of(id);
        let reason = message.params.get(2).filter(|reason| !reason.is_empty()).cloned();
        let reason = reason.unwrap_or_else(|| own.into_bytes());
        for nick in nicks.split(',').filter(|nick| !nick.is_empty()) {
            if !self.must_be_operator(id, &name) {
                return;
            }
            let target = self.find_nick(nick).filter(|target| self.rank(&name, *target).is_some());
            let Some(target) = target else {
                self.reply(id, "441", &[nick, &name], "They aren't on that channel");
                continue;
            };
            let source = self.event(id, "KICK");
            self.expel(target, &name, source, &reason);
        }
    }

    /// Completes and sends a `KICK`, and takes the target out of the room.
    pub(crate) fn expel(&mut self, target: ClientId, name: &str, kick: Message, reason: &[u8]) {
        let Some(name) = self.room(name).map(|room| room.name.clone()) else { return };
        let nick = self.nick_of(target);
        let message = kick.arg(&name).arg(nick).text(reason.get(..REASON_LEN).unwrap_or(reason));
        self.broadcast(&name, None, &message);
        self.leave(&name, target);
    }

    pub(super) fn invite(&mut self, id: ClientId, message: &Message) {
        let (Some(nick), Some(name)) = (message.word(0), message.word(1)) else {
            return self.too_few(id, "INVITE");
        };
        let Some(target) = self.find_nick(&nick) else {
            return self.reply(id, "401", &[&nick], "No such nick/channel");
        };
        if !self.must_be_member(id, &name) {
            return;
        }
        if self.room(&name).is_some_and(|room| room.is('i')) && !self.must_be_operator(id, &name) {
            return;
        }
        let (key, nick) = (self.fold(&name), self.nick_of(target));
        if self.rank(&name, target).is_some() {
            return self.reply(id, "443", &[&nick, &name], "is already on channel");
        }
        if let Some(client) = self.client_mut(target)
            && client.invited.len() < INVITATIONS_MAX
        {
            client.invited.insert(key);
        }
        let answer = self.numeric(id, "341", &[&nick, &name]);
        self.send(id, &answer);
        let line = self.event(id, "INVITE").arg(&nick).arg(&name);
        self.send(target, &line);
        for member in self.members(&name) {
            if member != id && self.has(member, Capability::InviteNotify) {
                self.send(member, &line);
            }
        }
        if let Some(reason) = self.client(target).and_then(|client| client.away.clone()) {
            self.reply(id, "301", &[&nick], &reason);
        }
    }

    pub(super) fn names_command(&mut self, id: ClientId, message: &Message) {
        let rooms = message.word(0).unwrap_or_else(|| "*".to_owned());
        for room in rooms.split(',').filter(|room| !room.is_empty()) {
            self.names(id, room);
        }
    }

    /// `353` and `366`.
    fn names(&mut self, id: ClientId, name: &str) {
        let inside = self.rank(name, id).is_some();
        let shown = self.room(name).filter(|room| inside || !room.is('s')).map(|room| {
            let symbol = if room.is('s') { "@" } else { "=" };
            (
                room.name.clone(),
                symbol,
                room.members.iter().map(|(id, rank)| (*id, *rank)).collect::<Vec<_>>(),
            )
        });
        let Some((name, symbol, members)) = shown else {
            return self.reply(id, "366", &[name], "End of /NAMES list.");
        };
        let (all, masks) = (self.has(id, Capability::MultiPrefix), self.has(id, Capability::UserhostInNames));
        let mut line = String::new();
        for (member, rank) in members {
            let Some(client) = self.client(member).filter(|client| inside || !client.invisible) else {
                continue;
            };
            let who = if masks { client.mask() } else { client.nick().to_owned() };
            let piece = format!("{}{who}", rank.prefix(all));
            if line.len() + piece.len() > NAMES_LINE_MAX {
                self.reply(id, "353", &[symbol, &name], &line);
                line.clear();
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(&piece);
        }
        if !line.is_empty() {
            self.reply(id, "353", &[symbol, &name], &line);
        }
        self.reply(id, "366", &[&name], "End of /NAMES list.");
    }

    pub(super) fn list(&mut self, id: ClientId, message: &Message) {
        let wanted = message.word(0).map(|list| self.fold(&list));
        self.reply(id, "321", &["Channel"], "Users  Name");
        let rows: Vec<(String, usize, Vec<u8>)> = self
            .rooms
            .iter()
            .filter(|(_, room)| !room.is('s') || room.members.contains_key(&id))
            .filter(|(key, room)| is_wanted(wanted.as_deref(), key, room.members.len()))
            .map(|(_, room)| {
                let topic = room.topic.as_ref().map(|topic| topic.text.clone()).unwrap_or_default();
                (room.name.clone(), room.members.len(), topic)
            })
            .collect();
        for (name, members, topic) in rows {
            let row = self.numeric(id, "322", &[&name, &members.to_string()]).text(topic);
            self.send(id, &row);
        }
        self.reply(id, "323", &[], "End of /LIST");
    }

    /// The room's line for `319`: those that the asker may see.
    pub(super) fn visible_rooms(&self, asker: ClientId, of: &Client, id: ClientId) -> Vec<String> {
        of.rooms
            .iter()
            .filter_map(|key| self.rooms.get(key))
            .filter(|room| room.members.contains_key(&asker) || !(room.is('s') || of.invisible))
            .map(|room| format!("{}{}", room.rank(id).unwrap_or_default().prefix(true), room.name))
            .collect()
    }
}

/// Whether a room matches one of the conditions of `LIST`: names, masks, `>n`, `<n`.
fn is_wanted(conditions: Option<&str>, key: &str, members: usize) -> bool {
    let Some(conditions) = conditions else { return true };
    conditions.split(',').any(|condition| {
        if let Some(more) = condition.strip_prefix('>') {
            more.parse().is_ok_and(|count: usize| members > count)
        } else if let Some(fewer) = condition.strip_prefix('<') {
            fewer.parse().is_ok_and(|count: usize| members < count)
        } else {
            mask::matches(condition, key)
        }
    })
}

fn is_valid_room(name: &str) -> bool {
    name.starts_with('#')
        && name.len() <= ROOM_NAME_LEN
        && name
            .chars()
            .all(|letter| !letter.is_control() && !matches!(letter, ' ' | ',' | char::REPLACEMENT_CHARACTER))
}
