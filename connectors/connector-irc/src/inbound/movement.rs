//! Who comes, goes, changes name, rank or host.

use std::borrow::Cow;

use sameroom_types::event::{Author, Inbound, MemberChange, Role, RoomEvent};
use sameroom_types::ids::RemoteRoomId;

use super::BatchKind;
use crate::client::Client;
use crate::ids;
use crate::rooms::Room;
use crate::wire::{Line, LineBuilder};

/// The most people remembered as gone in a netsplit.
const SPLIT_MAX: usize = 20_000;

impl Client {
    pub(super) fn on_account(&mut self, line: &Line<'_>) {
        let folded = self.fold(line.nick());
        let account = Some(line.param(0)).filter(|account| *account != "*" && !account.is_empty());
        if self.is_me(line.nick()) {
            self.account = account.map(Into::into);
        }
        if let Some(user) = self.users.note(&folded) {
            user.account = account.map(Into::into);
        }
    }

    pub(super) fn on_new_host(&mut self, line: &Line<'_>) {
        let mask = format!("{}@{}", line.param(0), line.param(1));
        let folded = self.fold(line.nick());
        if let Some(user) = self.users.note(&folded) {
            user.user_host = Some(mask.as_str().into());
        }
        if self.is_me(line.nick()) {
            self.learn_own_mask(&mask);
        }
    }

    pub(super) fn on_mode(&mut self, line: &Line<'_>) {
        let target = line.param(0);
        if self.is_me(target) {
            if line.param(1).contains('r') && line.param(1).starts_with('+') {
                self.identified();
            }
            return;
        }
        let folded = self.fold(target);
        let (server, casemapping) = (&self.server, self.server.casemapping);
        let Some(room) = self.rooms.get_mut(&folded) else { return };
        let mut params = line.params().iter().skip(2);
        let mut adding = true;
        for mode in line.param(1).chars() {
            match mode {
                '+' => adding = true,
                '-' => adding = false,
                _ => {
                    let param = if server.takes_param(mode, adding) { params.next() } else { None };
                    if let (Some(rank), Some(nick)) = (server.rank_of_mode(mode), param) {
                        room.set_rank(&casemapping.fold(nick), rank, adding);
                    } else if adding {
                        room.modes.insert(mode);
                    } else {
                        room.modes.remove(&mode);
                    }
                }
            }
        }
        if room.reported.is_some() {
            self.report_room(&folded);
        }
    }

    /// Who comes, goes and changes name.
    pub(super) fn on_movement(&mut self, line: &Line<'_>) {
        let reference = line.tag("batch");
        let batch = reference.as_deref().and_then(|name| self.batches.get(name));
        if batch.is_some_and(|batch| matches!(batch.kind, BatchKind::History(_))) {
            return self.note_movement_in_history(line, reference);
        }
        let is_split = batch.is_some_and(|batch| batch.kind == BatchKind::Split);
        match line.command {
            "JOIN" => self.on_join(line, is_split),
            "PART" => {
                self.on_leave(line, line.nick(), line.params().get(1).map(|reason| (*reason).to_owned()))
            }
            "KICK" => self.on_kick(line),
            "QUIT" => self.on_quit(line, is_split),
            _ => self.on_nick(line),
        }
    }

    fn note_movement_in_history(&mut self, line: &Line<'_>, reference: Option<Cow<'_, str>>) {
        let Some(batch) = reference.and_then(|name| self.batches.get(&*name)) else { return };
        let BatchKind::History(room) = batch.kind.clone() else { return };
        let label = batch.label;
        let at = self.at(line);
        self.note_history_line(&room, label, at, line, None);
    }

    fn on_join(&mut self, line: &Line<'_>, is_split: bool) {
        let name = line.param(0);
        let folded = self.fold(name);
        if self.is_me(line.nick()) {
            return self.on_own_join(line, name, folded);
        }
        let nick = self.fold(line.nick());
        if let Some(user) = self.users.note(&nick) {
            user.user_host = line.user_host().map(Into::into);
            if self.caps.on.extended_join {
                let account = line.params().get(1).filter(|account| **account != "*");
                user.account = account.map(|account| (*account).into());
            }
        }
        let Some(room) = self.rooms.get_mut(&folded) else { return };
        let is_back = self.split_off.contains(&nick);
        room.add(nick, 0);
        if !is_split && !is_back {
            let member = self.author(line, Some(&folded));
            self.moved(&folded, line, member, MemberChange::Joined);
        }
    }

    fn on_own_join(&mut self, line: &Line<'_>, name: &str, folded: String) {
        if let Some(mask) = line.user_host() {
            self.user_host = Some(mask.into());
        }
        if !self.memory.wanted.contains_key(&folded) {
            // Forwarded, or joined by services: nobody asked for this room.
            return self.urgent(LineBuilder::new().command("PART").arg(name));
        }
        let joined_at = self.at(line);
        self.rooms.insert(folded.clone(), Room::new(name, joined_at));
        self.start_fill(&folded);
        self.urgent(LineBuilder::new().command("MODE").arg(name));
    }

    fn moved(&mut self, folded: &str, line: &Line<'_>, member: Author, change: MemberChange) {
        let at = self.at(line).or_else(|| Some(self.clock.wall()));
        let event = RoomEvent::MemberChanged { member, change };
        self.emit(Inbound { room: RemoteRoomId::new(folded), at, cursor: None, history: false, event });
    }

    fn on_kick(&mut self, line: &Line<'_>) {
        let who = line.param(1);
        let reason = line.params().get(2).map(|reason| (*reason).to_owned());
        if self.is_me(who) {
            return self.thrown_out(line, Some(line.nick().to_owned()), reason);
        }
        let by = line.nick();
        let words = reason.map_or(String::new(), |reason| format!(": {reason}"));
        self.on_leave(line, who, Some(format!("kicked by {by}{words}")));
    }

    /// A kick means stop: nobody gets us back but by asking again.
    fn thrown_out(&mut self, line: &Line<'_>, by: Option<String>, reason: Option<String>) {
        let folded = self.fold(line.param(0));
        let Some(room) = self.rooms.remove(&folded) else { return };
        self.memory.wanted.remove(&folded);
        self.memory.read.remove(&folded);
        drop(room);
        let at = self.at(line).or_else(|| Some(self.clock.wall()));
        self.happened(&folded, at, RoomEvent::Kicked { by, reason });
    }

    fn on_leave(&mut self, line: &Line<'_>, who: &str, reason: Option<String>) {
        if self.is_me(who) {
            // We only part after forgetting the room, so this was somebody else's will.
            return self.thrown_out(line, None, reason);
        }
        let folded = self.fold(line.param(0));
        let nick = self.fold(who);
        let member = self.member(line, who, &folded);
        let Some(room) = self.rooms.get_mut(&folded) else { return };
        if room.remove(&nick) {
            self.moved(&folded, line, member, MemberChange::Left { reason });
            if !self.rooms.values().any(|room| room.has(&nick)) {
                self.users.forget(&nick);
            }
        }
    }

    /// Somebody a line is about, who need not be who sent it.
    fn member(&self, line: &Line<'_>, who: &str, room: &str) -> Author {
        if self.server.casemapping.same(line.nick(), who) {
            return self.author(line, Some(room));
        }
        let nick = self.fold(who);
        let known = self.users.find(&nick);
        let account = known.and_then(|user| user.account.as_deref());
        let user_host = known.and_then(|user| user.user_host.as_deref());
        Author {
            id: ids::user(account, &nick, user_host),
            name: who.to_owned(),
            username: None,
            avatar: None,
            is_bot: false,
            role: self.rooms.get(room).map_or(Role::Unknown, |room| room.role(&nick, &self.server)),
        }
    }

    fn on_quit(&mut self, line: &Line<'_>, is_split: bool) {
        let nick = self.fold(line.nick());
        let reason = line.last();
        let is_split = is_split || is_split_reason(reason);
        if is_split && self.split_off.len() < SPLIT_MAX {
            self.split_off.insert(nick.clone());
        }
        let there: Vec<String> =
            self.rooms.iter().filter(|(_, room)| room.has(&nick)).map(|(folded, _)| folded.clone()).collect();
        for folded in there {
            let member = self.author(line, Some(&folded));
            if let Some(room) = self.rooms.get_mut(&folded) {
                room.remove(&nick);
            }
            if !is_split {
                let reason = Some(reason.to_owned()).filter(|reason| !reason.is_empty());
                self.moved(&folded, line, member, MemberChange::Left { reason });
            }
        }
        self.users.forget(&nick);
        if self.server.casemapping.same(line.nick(), &self.config.nick) {
            self.regain();
        }
    }

    fn on_nick(&mut self, line: &Line<'_>) {
        let (from, to) = (self.fold(line.nick()), self.fold(line.param(0)));
        let name = line.param(0);
        if name.is_empty() {
            return;
        }
        let is_own = self.is_me(line.nick());
        let freed = self.server.casemapping.same(line.nick(), &self.config.nick);
        let there: Vec<String> = self
            .rooms
            .iter_mut()
            .filter_map(|(folded, room)| room.rename(&from, &to).then(|| folded.clone()))
            .collect();
        self.users.rename(&from, &to);
        if is_own {
            self.nick = name.to_owned();
            return self.report_rooms();
        }
        let old = line.nick().to_owned();
        for folded in there {
            let role = self.rooms.get(&folded).map_or(Role::Unknown, |room| room.role(&to, &self.server));
            let author = self.author(line, Some(&folded));
            let id = if author.id.as_str().starts_with("account:") {
                author.id
            } else {
                ids::user(None, &to, line.user_host())
            };
            let member = Author { id, name: name.to_owned(), role, ..author };
            self.moved(&folded, line, member, MemberChange::Renamed { from: old.clone() });
        }
        if freed {
            self.regain();
        }
    }
}

/// Whether somebody's last words are two server names, which is how a netsplit looks.
fn is_split_reason(reason: &str) -> bool {
    let is_host = |name: &str| {
        name.contains('.')
            && !name.starts_with('.')
            && !name.ends_with('.')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '*'))
    };
    reason.split_once(' ').is_some_and(|(a, b)| is_host(a) && is_host(b))
}

#[cfg(test)]
mod tests {
    use super::is_split_reason;

    #[test]
    fn two_server_names_are_a_netsplit() {
        assert!(is_split_reason("*.net *.split"));
        assert!(is_split_reason("a.example.org b.example.org"));
        for reason in ["Quit: bye", "see you.", "Ping timeout", "a.b c d.e", ""] {
            assert!(!is_split_reason(reason), "{reason}");
        }
    }
}
