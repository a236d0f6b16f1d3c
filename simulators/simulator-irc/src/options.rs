//! What kind of server to be. Every field has a default that suits tests and demos.

use crate::{CaseMapping, capability::Capability};
use std::{
    collections::BTreeSet,
    fmt,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::{Duration, SystemTime},
};

/// The kind of server to start.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where to listen; port 0 takes a free one, which [`crate::Server::addr`] tells.
    pub listen: SocketAddr,
    /// The server's own name, the source of its replies.
    pub name: String,
    /// The `NETWORK` token of `005`.
    pub network: String,
    /// Lines of the message of the day; none gives `422`.
    pub motd: Vec<String>,
    /// The password that `PASS` must carry, if any.
    pub password: Option<String>,
    /// Accounts for SASL and NickServ; NickServ exists only if there is at least one.
    pub accounts: Vec<Account>,
    /// SASL mechanisms offered, if [`Capability::Sasl`] is.
    pub mechanisms: Vec<Mechanism>,
    /// The account that `EXTERNAL` logs in to; without one it always fails, as there are no certificates here.
    pub external_account: Option<String>,
    /// Whether a login changes the visible host to `user/<account>`.
    pub cloak_on_login: bool,
    /// IRCv3 capabilities offered. None at all also makes `CAP` an unknown command.
    pub capabilities: BTreeSet<Capability>,
    /// How nicks and room names are compared.
    pub case_mapping: CaseMapping,
    /// Longest nick in bytes; longer ones are cut.
    pub nick_len: usize,
    /// Whether `WHO` understands fields (`WHOX`).
    pub whox: bool,
    /// Most nicks on one `MONITOR` list; 0 turns the command off.
    pub monitor_max: usize,
    /// The user mode letter with which bots mark themselves, if any.
    pub bot_mode: Option<char>,
    /// Letters of which a relayed nick must have one (`draft/relaymsg`).
    pub relay_separators: String,
    /// Whether `RELAYMSG` is for operators of the room only.
    pub relay_needs_operator: bool,
    /// Events remembered for each room, both for transcripts and for `CHATHISTORY`.
    pub history_max: usize,
    /// Most lines of one `CHATHISTORY` answer.
    pub history_batch_max: usize,
    /// Silence after which a client is sent `PING`; after as long again it is dropped.
    pub ping_every: Duration,
    /// Time a client has for registration.
    pub registration_timeout: Duration,
    /// Bytes that may wait for one slow client before it is dropped.
    pub send_queue_max_bytes: usize,
    /// Most connections at a time.
    pub clients_max: usize,
    /// Most rooms, counting those that only have a transcript left.
    pub rooms_max: usize,
    /// Most rooms one client may be in.
    pub rooms_per_client_max: usize,
    /// When to kill a client for talking too fast, if at all.
    pub flood: Option<Flood>,
    /// How long [`crate::Server::wait_for`] waits.
    pub wait_max: Duration,
    /// Where the time comes from.
    pub clock: Clock,
}

impl Options {
    /// A server of the 1990s: no capabilities, no `WHOX`, no `MONITOR`, no bot mode.
    #[must_use]
    pub fn plain() -> Self {
        Self { capabilities: BTreeSet::new(), whox: false, monitor_max: 0, bot_mode: None, ..Self::default() }
    }

    /// The same without one capability.
    #[must_use]
    pub fn without(mut self, capability: Capability) -> Self {
        self.capabilities.remove(&capability);
        self
    }

    /// The same with one account more.
    #[must_use]
    pub fn account(mut self, name: &str, password: &str) -> Self {
        self.accounts.push(Account { name: name.to_owned(), password: password.to_owned() });
        self
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            name: "irc.simulator.example".to_owned(),
            network: "Simulated".to_owned(),
            motd: vec!["A simulated network. Nothing here is kept.".to_owned()],
            password: None,
            accounts: Vec::new(),
            mechanisms: vec![Mechanism::Plain, Mechanism::ScramSha256, Mechanism::External],
            external_account: None,
            cloak_on_login: false,
            capabilities: BTreeSet::from(Capability::ALL),
            case_mapping: CaseMapping::default(),
            nick_len: 30,
            whox: true,
            monitor_max: 100,
            bot_mode: Some('B'),
            relay_separators: "/".to_owned(),
            relay_needs_operator: true,
            history_max: 2_048,
            history_batch_max: 100,
            ping_every: Duration::from_secs(90),
            registration_timeout: Duration::from_secs(30),
            send_queue_max_bytes: 1 << 20,
            clients_max: 1_024,
            rooms_max: 10_000,
            rooms_per_client_max: 1_000,
            flood: None,
            wait_max: Duration::from_secs(10),
            clock: Clock::default(),
        }
    }
}

/// A login known to the server.
#[derive(Clone)]
pub struct Account {
    /// Account name, compared like a nick.
    pub name: String,
    /// Its password.
    pub password: String,
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account").field("name", &self.name).field("password", &"***").finish()
    }
}

/// A SASL mechanism.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mechanism {
    /// RFC 4616.
    Plain,
    /// RFC 5802 with RFC 7677.
    ScramSha256,
    /// RFC 4422, appendix A; decided by [`Options::external_account`].
    External,
}

impl Mechanism {
    /// The name used in `AUTHENTICATE`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::External => "EXTERNAL",
        }
    }
}

/// A token bucket for a client's lines; `PONG` is free.
#[derive(Debug, Clone, Copy)]
pub struct Flood {
    /// Lines that may come at once.
    pub burst: u32,
    /// Time after which one more line is allowed.
    pub refill_every: Duration,
}

/// Where a server's time comes from; by default the machine's clock.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> SystemTime + Send + Sync>);

impl Clock {
    /// A clock of the caller's making.
    pub fn new(now: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    pub(crate) fn now(&self) -> SystemTime {
        (self.0)()
    }
}

impl Default for Clock {
    fn default() -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "this is the place where the machine's clock is injected"
        )]
        Self::new(SystemTime::now)
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}
