//! Everything the server knows, changed by one line at a time. Does no I/O: lines out go into bounded queues.

use crate::{
    capability::Capability,
    client::{Client, ClientId, Link},
    delivery::Collector,
    faults::Faults,
    message::Message,
    options::Options,
    room::{Rank, Room, RoomLog},
    stamp,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::{SystemTime, UNIX_EPOCH},
};
use tokio::sync::watch;

/// The whole server; one lock is held around it, never across a wait.
pub(crate) struct State {
    pub(crate) options: Options,
    pub(crate) clients: BTreeMap<ClientId, Client>,
    /// Folded nick to client.
    pub(crate) nicks: BTreeMap<String, ClientId>,
    /// Folded name to room.
    pub(crate) rooms: BTreeMap<String, Room>,
    pub(crate) logs: BTreeMap<String, RoomLog>,
    pub(crate) faults: Faults,
    /// Users without socket beyond a netsplit, and the rooms they were in.
    pub(crate) split: Vec<(ClientId, Client, BTreeSet<String>)>,
    pub(crate) collector: Option<Collector>,
    /// Clients to remove once the line at hand is done, with the reason.
    pub(crate) doomed: Vec<(ClientId, String)>,
    pub(crate) started: SystemTime,
    /// The id of the newest event; tells in-process users what they just sent.
    pub(crate) last_msgid: Option<String>,
    /// Counts lines handled; waiters look again when it moves.
    pub(crate) changed: watch::Sender<u64>,
    next_client: ClientId,
    next_event: u64,
}

impl State {
    pub(crate) fn new(options: Options) -> Self {
        Self {
            started: options.clock.now(),
            options,
            clients: BTreeMap::new(),
            nicks: BTreeMap::new(),
            rooms: BTreeMap::new(),
            logs: BTreeMap::new(),
            faults: Faults::default(),
            split: Vec::new(),
            collector: None,
            doomed: Vec::new(),
            last_msgid: None,
            changed: watch::Sender::new(0),
            next_client: 1,
            next_event: 1,
        }
    }

    pub(crate) fn now(&self) -> SystemTime {
        self.options.clock.now()
    }

    pub(crate) fn fold(&self, name: &str) -> String {
        self.options.case_mapping.fold(name)
    }

    pub(crate) fn offers(&self, capability: Capability) -> bool {
        self.options.capabilities.contains(&capability)
    }

    pub(crate) fn add_client(&mut self, link: Link, host: String) -> ClientId {
        let id = self.next_client;
        self.next_client += 1;
        self.clients.insert(id, Client::new(link, host, self.now()));
        id
    }

    pub(crate) fn client(&self, id: ClientId) -> Option<&Client> {
        self.clients.get(&id)
    }

    pub(crate) fn client_mut(&mut self, id: ClientId) -> Option<&mut Client> {
        self.clients.get_mut(&id)
    }

    pub(crate) fn has(&self, id: ClientId, capability: Capability) -> bool {
        self.client(id).is_some_and(|client| client.has(capability))
    }

    pub(crate) fn nick_of(&self, id: ClientId) -> String {
        self.client(id).map_or("*", Client::nick).to_owned()
    }

    /// `nick!user@host`, or the server's name.
    pub(crate) fn mask_of(&self, id: ClientId) -> String {
        self.client(id).map_or_else(|| self.options.name.clone(), Client::mask)
    }

    /// The registered client with this nick.
    pub(crate) fn find_nick(&self, nick: &str) -> Option<ClientId> {
        let id = *self.nicks.get(&self.fold(nick))?;
        self.client(id).filter(|client| client.registered).map(|_| id)
    }

    pub(crate) fn room(&self, name: &str) -> Option<&Room> {
        self.rooms.get(&self.fold(name))
    }

    pub(crate) fn room_mut(&mut self, name: &str) -> Option<&mut Room> {
        let key = self.fold(name);
        self.rooms.get_mut(&key)
    }

    pub(crate) fn rank(&self, name: &str, id: ClientId) -> Option<Rank> {
        self.room(name)?.rank(id)
    }

    /// Members of a room, in the order in which they came to the server.
    pub(crate) fn members(&self, name: &str) -> Vec<ClientId> {
        self.room(name).map(|room| room.members.keys().copied().collect()).unwrap_or_default()
    }

    /// Everybody else who shares a room with this client.
    pub(crate) fn peers(&self, id: ClientId) -> BTreeSet<ClientId> {
        let rooms = self.client(id).map(|client| client.rooms.clone()).unwrap_or_default();
        let mut peers: BTreeSet<ClientId> = rooms
            .iter()
            .filter_map(|key| self.rooms.get(key))
            .flat_map(|room| room.members.keys().copied())
            .collect();
        peers.remove(&id);
        peers
    }

    /// A line from a client to others, with time, id and account.
    pub(crate) fn event(&mut self, from: ClientId, command: &str) -> Message {
        let message = self.stamped(&self.mask_of(from), command);
        match self.client(from).and_then(|client| client.account.clone()) {
            Some(account) => message.tag("account", &account),
            None => message,
        }
    }

    /// A line from anybody to others, with time and id.
    pub(crate) fn stamped(&mut self, source: &str, command: &str) -> Message {
        let number = self.next_event;
        self.next_event += 1;
        // The start time keeps ids of two runs apart.
        let run = self.started.duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
        let msgid = format!("{run:x}-{number}");
        let message =
            Message::new(source, command).tag("time", &stamp::write(self.now())).tag("msgid", &msgid);
        self.last_msgid = Some(msgid);
        message
    }

    /// A number for a batch.
    pub(crate) fn batch_name(&mut self) -> String {
        let number = self.next_event;
        self.next_event += 1;
        format!("b{number}")
    }

    /// Whether a ban of the room matches the client.
    pub(crate) fn is_banned(&self, name: &str, id: ClientId) -> bool {
        let mask = self.fold(&self.mask_of(id));
        self.room(name).is_some_and(|room| {
            room.bans.iter().any(|ban| crate::mask::matches(&self.fold(&ban.mask), &mask))
        })
    }

    /// Takes a client off a room; an empty room vanishes, its log stays.
    pub(crate) fn leave(&mut self, name: &str, id: ClientId) {
        let key = self.fold(name);
        if let Some(client) = self.clients.get_mut(&id) {
            client.rooms.remove(&key);
        }
        if let Some(room) = self.rooms.get_mut(&key) {
            room.members.remove(&id);
            if room.members.is_empty() {
                self.rooms.remove(&key);
            }
        }
    }

    /// Removes a client after telling it and its peers why.
    pub(crate) fn quit(&mut self, id: ClientId, reason: &str) {
        let Some(client) = self.client(id) else { return };
        let closing = Message::default_error(&client.host, reason);
        self.send(id, &closing);
        self.flush_collector(id);
        let registered = self.client(id).is_some_and(|client| client.registered);
        if registered {
            let message = self.event(id, "QUIT").text(reason);
            self.announce_quit(id, &message);
        }
        self.forget(id);
    }

    /// Shows a `QUIT` to peers and writes it in the log of each room.
    pub(crate) fn announce_quit(&mut self, id: ClientId, message: &Message) {
        for peer in self.peers(id) {
            self.send(peer, message);
        }
        for key in self.client(id).map(|client| client.rooms.clone()).unwrap_or_default() {
            self.record(&key, message);
        }
    }

    /// Removes a client without a word to anybody in its rooms.
    pub(crate) fn forget(&mut self, id: ClientId) -> Option<Client> {
        for key in self.client(id).map(|client| client.rooms.clone()).unwrap_or_default() {
            self.leave(&key, id);
        }
        let client = self.clients.remove(&id)?;
        if let Some(nick) = &client.nick {
            let key = self.fold(nick);
            if self.nicks.get(&key) == Some(&id) {
                self.nicks.remove(&key);
            }
            if client.registered {
                self.monitors_hear(nick, None);
            }
        }
        Some(client)
    }
}
