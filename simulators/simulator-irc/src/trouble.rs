//! Faults on demand, and what the server itself may do to people.

use crate::{
    capability::Capability,
    client::{Client, ClientId, Link},
    message::Message,
    options::Flood,
    room::RoomLog,
    server::Server,
    state::State,
    transcript::Entry,
    verbs::Refused,
};

/// The id under which the server itself acts; no client has it.
pub(crate) const SERVER: ClientId = 0;

impl Server {
    /// Breaks all connections without a word; others see `Connection reset by peer`.
    pub fn cut_connections(&self) {
        let mut state = self.shared.lock();
        for id in state.clients.keys().copied().collect::<Vec<_>>() {
            state.cut(id);
        }
        state.bury();
    }

    /// Breaks one connection without a word.
    pub fn cut_connection(&self, nick: &str) {
        self.with_client(nick, State::cut);
    }

    /// Loses the whole answer to the next such command, echo included; the command itself takes effect.
    pub fn drop_next_reply(&self, command: &str) {
        self.shared.lock().faults.lose_reply.push(command.to_ascii_uppercase());
    }

    /// Breaks the connection that next sends such a command, before it takes effect.
    pub fn cut_before_next(&self, command: &str) {
        self.shared.lock().faults.cut_before.push(command.to_ascii_uppercase());
    }

    /// Breaks the connection that next sends such a command, after it took effect and before any answer.
    pub fn cut_after_next(&self, command: &str) {
        self.shared.lock().faults.cut_after.push(command.to_ascii_uppercase());
    }

    /// Refuses the next join of a room with a numeric, such as 471 or 473.
    pub fn refuse_next_join(&self, room: &str, numeric: u16) {
        let mut state = self.shared.lock();
        let room = state.fold(room);
        state.faults.refuse_join.push((room, numeric));
    }

    /// Refuses the next message to a room with a numeric, such as 404.
    pub fn refuse_next_message(&self, room: &str, numeric: u16) {
        let mut state = self.shared.lock();
        let room = state.fold(room);
        state.faults.refuse_message.push((room, numeric));
    }

    /// Answers the next `NICK` with `433`.
    pub fn refuse_next_nick(&self) {
        self.shared.lock().faults.refuse_nicks += 1;
    }

    /// From now on accepts connections and lines, ignores them all and says nothing; until [`Server::speak`].
    pub fn silence(&self) {
        self.shared.lock().faults.silent = true;
    }

    /// Ends [`Server::silence`]. What came meanwhile is lost.
    pub fn speak(&self) {
        self.shared.lock().faults.silent = false;
    }

    /// Kills clients that send faster than this, from now on; `None` lets them.
    pub fn throttle(&self, flood: Option<Flood>) {
        let mut state = self.shared.lock();
        state.options.flood = flood;
        state.clients.values_mut().for_each(|client| client.bucket = None);
    }

    /// Throws somebody out of a room, in the server's name.
    pub fn kick(&self, nick: &str, room: &str) {
        let mut state = self.shared.lock();
        if let Some(target) = state.find_nick(nick).filter(|id| state.rank(room, *id).is_some()) {
            let kick = state.event(SERVER, "KICK");
            state.expel(target, room, kick, b"Thrown out");
        }
        state.bury();
    }

    /// Changes the modes of a room, in the server's name: `+o ana`.
    pub fn set_mode(&self, room: &str, change: &str) {
        let mut state = self.shared.lock();
        let line = Message::from_client("MODE").arg(room);
        let line = change.split_whitespace().fold(line, |line, word| line.arg(word));
        state.mode(SERVER, &line);
        state.bury();
    }

    /// Gives somebody another nick, as services do; nothing happens if it is taken.
    pub fn rename(&self, nick: &str, to: &str) {
        let taken = self.shared.lock().find_nick(to).is_some();
        if !taken {
            self.with_client(nick, |state, id| state.rename(id, to));
        }
    }

    /// Kills somebody with a nick collision (`436`).
    pub fn collide(&self, nick: &str) {
        self.with_client(nick, |state, id| {
            state.reply(id, "436", &[nick], "Nickname collision KILL");
            state.quit(id, "Killed (Nick collision)");
        });
    }

    /// Sends somebody an `ERROR` with this reason and closes the connection.
    pub fn kill(&self, nick: &str, reason: &str) {
        self.with_client(nick, |state, id| state.quit(id, reason));
    }

    /// Gives somebody another visible host.
    pub fn change_host(&self, nick: &str, host: &str) {
        self.with_client(nick, |state, id| state.change_host(id, host));
    }

    /// Logs somebody in, as services do.
    pub fn log_in(&self, nick: &str, account: &str) {
        self.with_client(nick, |state, id| state.log_in(id, account));
    }

    /// Stops offering a capability; clients with `cap-notify` are told.
    pub fn withdraw(&self, capability: Capability) {
        self.shared.lock().change_offer(capability, false);
    }

    /// Starts offering a capability; clients with `cap-notify` are told.
    pub fn offer(&self, capability: Capability) {
        self.shared.lock().change_offer(capability, true);
    }

    /// Lets people vanish as if a server had been cut off: users without socket can come back with [`Server::netjoin`],
    /// connections are cut.
    pub fn netsplit(&self, nicks: &[&str]) {
        let mut state = self.shared.lock();
        let gone: Vec<ClientId> = nicks.iter().filter_map(|nick| state.find_nick(nick)).collect();
        let batch = state.open_batch("netsplit", &gone);
        for id in &gone {
            let line = state.event(*id, "QUIT").text("*.net *.split").tag("batch", &batch);
            state.announce_quit(*id, &line);
        }
        state.close_batch(&batch, &gone);
        for id in gone {
            let rooms = state.client(id).map(|client| client.rooms.clone()).unwrap_or_default();
            match state.forget(id) {
                Some(Client { link: Link::Socket(outbox), .. }) => outbox.cut.cancel(),
                Some(client) => state.split.push((id, client, rooms)),
                None => {}
            }
        }
        state.bury();
    }

    /// Brings back all whom [`Server::netsplit`] took, in the rooms they were in.
    pub fn netjoin(&self) {
        let mut state = self.shared.lock();
        let back = std::mem::take(&mut state.split);
        let ids: Vec<ClientId> = back.iter().map(|(id, ..)| *id).collect();
        let mut joins = Vec::new();
        for (id, client, rooms) in back {
            let key = state.fold(client.nick());
            if state.nicks.contains_key(&key) {
                continue;
            }
            state.nicks.insert(key, id);
            let nick = client.nick().to_owned();
            state.clients.insert(id, client);
            state.monitors_hear(&nick, Some(id));
            for key in rooms {
                joins.push((id, state.put_into(id, &key)));
            }
        }
        let batch = state.open_batch("netjoin", &ids);
        for (id, name) in joins {
            state.show_join(id, &name, Some(&batch));
        }
        state.close_batch(&batch, &ids);
        state.bury();
    }

    fn with_client(&self, nick: &str, act: impl FnOnce(&mut State, ClientId)) {
        let mut state = self.shared.lock();
        if let Some(id) = state.find_nick(nick) {
            act(&mut state, id);
        }
        state.bury();
    }
}

impl State {
    /// The user without socket who has this nick, or a new one without nick.
    pub(crate) fn in_process_client(&mut self, nick: &str) -> ClientId {
        let known = self.find_nick(nick).filter(|id| self.is_in_process(*id));
        known.unwrap_or_else(|| {
            let id = self.add_client(Link::in_process(), "in.process.example".to_owned());
            let password = self.options.password.clone();
            if let Some(client) = self.client_mut(id) {
                client.caps = Capability::ALL.into();
                client.password = password.map(String::into_bytes);
            }
            id
        })
    }

    fn is_in_process(&self, id: ClientId) -> bool {
        self.client(id).is_some_and(|client| matches!(client.link, Link::InProcess { .. }))
    }

    /// Lets a user without socket send a line; gives the id of what was said, if anything was.
    pub(crate) fn act(&mut self, id: ClientId, line: &Message) -> Result<String, Refused> {
        let Some(Client { link: Link::InProcess { refusal, .. }, .. }) = self.clients.get_mut(&id) else {
            return Err(Refused { code: "ERROR".to_owned(), text: "has left the server".to_owned() });
        };
        *refusal = None;
        self.last_msgid = None;
        self.dispatch(id, line);
        self.bury();
        if let Some(Client { link: Link::InProcess { refusal: refusal @ Some(_), .. }, .. }) =
            self.clients.get_mut(&id)
            && let Some(refused) = refusal.take()
        {
            return Err(refused);
        }
        Ok(self.last_msgid.take().unwrap_or_default())
    }

    /// Tells the peers of some clients that a batch begins.
    fn open_batch(&mut self, kind: &str, about: &[ClientId]) -> String {
        let batch = self.batch_name();
        let name = self.options.name.clone();
        let line = self
            .server_line("BATCH")
            .arg(format!("+{batch}"))
            .arg(kind)
            .arg(name)
            .arg("far.simulator.example");
        self.tell_batch(about, &line);
        batch
    }

    fn close_batch(&mut self, batch: &str, about: &[ClientId]) {
        let line = self.server_line("BATCH").arg(format!("-{batch}"));
        self.tell_batch(about, &line);
    }

    fn tell_batch(&mut self, about: &[ClientId], line: &Message) {
        let peers: std::collections::BTreeSet<ClientId> =
            about.iter().flat_map(|id| self.peers(*id)).collect();
        for peer in peers {
            if self.has(peer, Capability::Batch) && !about.contains(&peer) {
                self.send(peer, line);
            }
        }
    }
}

impl RoomLog {
    pub(crate) fn entries(&self) -> Vec<Entry> {
        self.events.iter().map(|event| event.entry.clone()).collect()
    }
}
