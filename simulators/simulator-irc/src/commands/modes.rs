//! `MODE`, for rooms (`b c i k l m n o r s t v`) and for oneself (`i` and the bot letter).

use crate::{
    client::ClientId,
    mask,
    message::Message,
    room::{Ban, Room},
    stamp,
    state::State,
};

/// Most changes with a parameter in one line.
pub(super) const CHANGES_MAX: usize = 6;
/// Longest ban list.
pub(super) const BANS_MAX: usize = 100;
/// Longest room key in bytes.
const KEY_LEN: usize = 32;

impl State {
    pub(crate) fn mode(&mut self, id: ClientId, message: &Message) {
        let Some(target) = message.word(0) else { return self.too_few(id, "MODE") };
        if target.starts_with('#') {
            self.room_mode(id, &target, message);
        } else {
            self.user_mode(id, &target, message);
        }
    }

    fn user_mode(&mut self, id: ClientId, target: &str, message: &Message) {
        match self.find_nick(target) {
            None => return self.reply(id, "401", &[target], "No such nick/channel"),
            Some(other) if other != id => {
                return self.reply(id, "502", &[], "Can't change mode for other users");
            }
            Some(_) => {}
        }
        let bot_letter = self.options.bot_mode;
        let Some(client) = self.client_mut(id) else { return };
        let Some(changes) = message.word(1) else {
            let mut modes = String::from("+");
            modes.extend(client.invisible.then_some('i'));
            modes.extend(bot_letter.filter(|_| client.bot));
            let line = self.numeric(id, "221", &[&modes]);
            return self.send(id, &line);
        };
        let (mut done, mut unknown) = (Done::default(), false);
        for (on, letter) in signed(&changes) {
            let switch = match letter {
                'i' => &mut client.invisible,
                letter if Some(letter) == bot_letter => &mut client.bot,
                _ => {
                    unknown = true;
                    continue;
                }
            };
            if *switch != on {
                *switch = on;
                done.add(on, letter, None);
            }
        }
        if unknown {
            self.reply(id, "501", &[], "Unknown MODE flag");
        }
        if !done.is_empty() {
            let line = done.onto(Message::new(&self.mask_of(id), "MODE").arg(self.nick_of(id)));
            self.send(id, &line);
        }
    }

    fn room_mode(&mut self, id: ClientId, name: &str, message: &Message) {
        let Some(room) = self.room(name) else {
            return self.reply(id, "403", &[name], "No such channel");
        };
        let name = room.name.clone();
        let Some(changes) = message.word(1) else { return self.show_modes(id, &name) };
        let mut params = (2..message.params.len()).filter_map(|index| message.word(index));
        let mut done = Done::default();
        for (on, letter) in signed(&changes) {
            let wants = matches!(letter, 'o' | 'v' | 'b') || (letter == 'k') || (letter == 'l' && on);
            let param = if wants && done.params.len() < CHANGES_MAX { params.next() } else { None };
            if letter == 'b' && param.is_none() {
                self.show_bans(id, &name);
                continue;
            }
            // Looking is free, changing is not; one refusal is enough.
            if !self.must_be_operator(id, &name) {
                break;
            }
            match (letter, param) {
                ('o' | 'v', Some(nick)) => self.change_rank(id, &name, on, letter, &nick, &mut done),
                ('b', Some(mask)) => self.change_ban(id, &name, on, &mask, &mut done),
                ('k', key) => self.change_key(&name, on, key, &mut done),
                ('l', limit) => self.change_limit(&name, on, limit, &mut done),
                ('c' | 'i' | 'm' | 'n' | 'r' | 's' | 't', _) => {
                    if let Some(room) = self.room_mut(&name) {
                        let changed = if on { room.flags.insert(letter) } else { room.flags.remove(&letter) };
                        if changed {
                            done.add(on, letter, None);
                        }
                    }
                }
                ('o' | 'v', None) => {}
                (other, _) => self.reply(id, "472", &[&other.to_string()], "is unknown mode char to me"),
            }
        }
        if !done.is_empty() {
            let line = done.onto(self.event(id, "MODE").arg(&name));
            self.broadcast(&name, None, &line);
        }
    }

    fn change_rank(&mut self, id: ClientId, name: &str, on: bool, letter: char, nick: &str, done: &mut Done) {
        let Some(target) = self.find_nick(nick) else {
            return self.reply(id, "401", &[nick], "No such nick/channel");
        };
        let nick = self.nick_of(target);
        let Some(rank) = self.room_mut(name).and_then(|room| room.members.get_mut(&target)) else {
            return self.reply(id, "441", &[&nick, name], "They aren't on that channel");
        };
        let switch = if letter == 'o' { &mut rank.operator } else { &mut rank.voice };
        if *switch != on {
            *switch = on;
            done.add(on, letter, Some(nick));
        }
    }

    fn change_ban(&mut self, id: ClientId, name: &str, on: bool, mask: &str, done: &mut Done) {
        let mask = mask::complete(mask);
        let (by, at, folded) = (self.mask_of(id), self.now(), self.fold(&mask));
        let mapping = self.options.case_mapping;
        let Some(room) = self.room_mut(name) else { return };
        let known = room.bans.iter().position(|ban| mapping.fold(&ban.mask) == folded);
        match (on, known) {
            (true, None) if room.bans.len() >= BANS_MAX => {
                self.reply(id, "478", &[name, &mask], "Channel ban list is full");
            }
            (true, None) => {
                room.bans.push(Ban { mask: mask.clone(), by, at });
                done.add(true, 'b', Some(mask));
            }
            (false, Some(index)) => {
                let ban = room.bans.remove(index);
                done.add(false, 'b', Some(ban.mask));
            }
            _ => {}
        }
    }

    fn change_key(&mut self, name: &str, on: bool, key: Option<String>, done: &mut Done) {
        let Some(room) = self.room_mut(name) else { return };
        if on {
            let fits = |key: &String| key.len() <= KEY_LEN && !key.contains([' ', ',', ':']);
            if let Some(key) = key.filter(fits) {
                room.key = Some(key.clone());
                done.add(true, 'k', Some(key));
            }
        } else if room.key.take().is_some() {
            done.add(false, 'k', Some("*".to_owned()));
        }
    }

    fn change_limit(&mut self, name: &str, on: bool, limit: Option<String>, done: &mut Done) {
        let Some(room) = self.room_mut(name) else { return };
        if on {
            if let Some(limit) = limit.and_then(|limit| limit.parse().ok()).filter(|limit| *limit > 0) {
                room.limit = Some(limit);
                done.add(true, 'l', Some(limit.to_string()));
            }
        } else if room.limit.take().is_some() {
            done.add(false, 'l', None);
        }
    }

    fn show_modes(&mut self, id: ClientId, name: &str) {
        let Some(room) = self.room(name) else { return };
        let (modes, params) = describe(room, room.rank(id).is_some());
        let created = stamp::unix(room.created).to_string();
        let line =
            params.iter().fold(self.numeric(id, "324", &[name, &modes]), |line, param| line.arg(param));
        self.send(id, &line);
        let line = self.numeric(id, "329", &[name, &created]);
        self.send(id, &line);
    }

    fn show_bans(&mut self, id: ClientId, name: &str) {
        let rows: Vec<Message> = self
            .room(name)
            .map(|room| {
                let row = |ban: &Ban| {
                    self.numeric(id, "367", &[name, &ban.mask, &ban.by, &stamp::unix(ban.at).to_string()])
                };
                room.bans.iter().map(row).collect()
            })
            .unwrap_or_default();
        for row in rows {
            self.send(id, &row);
        }
        self.reply(id, "368", &[name], "End of channel ban list");
    }
}

/// The modes of a room and their parameters; the key is for members only.
fn describe(room: &Room, inside: bool) -> (String, Vec<String>) {
    let mut modes = String::from("+");
    modes.extend(&room.flags);
    let mut params = Vec::new();
    if let Some(limit) = room.limit {
        modes.push('l');
        params.push(limit.to_string());
    }
    if let Some(key) = &room.key {
        modes.push('k');
        params.push(if inside { key.clone() } else { "*".to_owned() });
    }
    (modes, params)
}

/// Letters with the sign that applies to each.
fn signed(changes: &str) -> Vec<(bool, char)> {
    let mut on = true;
    let mut letters = Vec::new();
    for letter in changes.chars() {
        match letter {
            '+' => on = true,
            '-' => on = false,
            letter => letters.push((on, letter)),
        }
    }
    letters
}

/// The changes that took effect, in the order they did.
#[derive(Default)]
struct Done {
    letters: String,
    sign: Option<bool>,
    params: Vec<String>,
}

impl Done {
    fn add(&mut self, on: bool, letter: char, param: Option<String>) {
        if self.sign != Some(on) {
            self.letters.push(if on { '+' } else { '-' });
            self.sign = Some(on);
        }
        self.letters.push(letter);
        self.params.extend(param);
    }

    fn is_empty(&self) -> bool {
        self.letters.is_empty()
    }

    fn onto(&self, line: Message) -> Message {
        self.params.iter().fold(line.arg(&self.letters), |line, param| line.arg(param))
    }
}
