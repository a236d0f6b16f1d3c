//! Starting, stopping and watching a server.

use crate::{
    connection,
    options::Options,
    room::RoomLog,
    state::State,
    transcript::Entry,
    verbs::{Refused, User},
};
use std::{
    io,
    net::{SocketAddr, TcpListener as StdListener},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::net::TcpListener;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Pause after the system refused to accept, for instance for want of file handles.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A running server. Dropping it stops it too, without waiting.
pub struct Server {
    pub(crate) shared: Arc<Shared>,
    addr: SocketAddr,
    wait_max: Duration,
    stop: CancellationToken,
    tasks: TaskTracker,
}

/// The state and its lock, shared with connections and users.
pub(crate) struct Shared {
    state: Mutex<State>,
}

impl Shared {
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Nothing of the awaited kind happened in time.
#[derive(Debug, thiserror::Error)]
#[error("not seen in {room} within {waited:?}; seen was: {seen:#?}")]
pub struct TimedOut {
    /// Where it was awaited.
    pub room: String,
    /// How long.
    pub waited: Duration,
    /// What was there instead.
    pub seen: Vec<String>,
}

impl Server {
    /// Binds the address and starts to serve. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// Those of binding the address.
    pub fn start(options: Options) -> io::Result<Self> {
        let listener = StdListener::bind(options.listen)?;
        listener.set_nonblocking(true)?;
        let listener = TcpListener::from_std(listener)?;
        let addr = listener.local_addr()?;
        let wait_max = options.wait_max;
        let shared = Arc::new(Shared { state: Mutex::new(State::new(options)) });
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        tasks.spawn(accept(listener, Arc::clone(&shared), stop.clone(), tasks.clone()));
        tracing::info!(%addr, "irc simulator listens");
        Ok(Self { shared, addr, wait_max, stop, tasks })
    }

    /// Where clients connect to.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Ends all connections and waits until nothing of the server runs any more.
    pub async fn stop(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Brings a person without socket into a room; one that exists already is taken along.
    ///
    /// # Errors
    /// If the nick is taken by a connection or invalid, or the room refuses.
    pub fn user(&self, nick: &str, room: &str) -> Result<User, Refused> {
        User::enter(Arc::clone(&self.shared), self.wait_max, nick, room)
    }

    /// What everyone in a room has seen, oldest first; at most [`Options::history_max`] entries.
    #[must_use]
    pub fn transcript(&self, room: &str) -> Vec<Entry> {
        let state = self.shared.lock();
        state.logs.get(&state.fold(room)).map(RoomLog::entries).unwrap_or_default()
    }

    /// The nicks in a room, with their highest rank before them.
    #[must_use]
    pub fn members(&self, room: &str) -> Vec<String> {
        let state = self.shared.lock();
        let Some(room) = state.room(room) else { return Vec::new() };
        room.members
            .iter()
            .map(|(id, rank)| format!("{}{}", rank.prefix(false), state.nick_of(*id)))
            .collect()
    }

    /// A room's topic.
    #[must_use]
    pub fn topic(&self, room: &str) -> Option<String> {
        let state = self.shared.lock();
        let topic = state.room(room)?.topic.as_ref()?;
        Some(String::from_utf8_lossy(&topic.text).into_owned())
    }

    /// Waits until the transcript of a room holds an entry of this kind, and gives the first one.
    ///
    /// # Errors
    /// If none comes within [`Options::wait_max`].
    pub async fn wait_for(&self, room: &str, is_it: impl Fn(&Entry) -> bool) -> Result<Entry, TimedOut> {
        let find = || self.transcript(room).into_iter().find(&is_it);
        self.shared.wait(self.wait_max, find).await.ok_or_else(|| TimedOut {
            room: room.to_owned(),
            waited: self.wait_max,
            seen: self.transcript(room).iter().map(ToString::to_string).collect(),
        })
    }

    /// Waits until the members of a room (see [`Server::members`]) are as wished.
    ///
    /// # Errors
    /// If that does not come about within [`Options::wait_max`].
    pub async fn wait_for_members(
        &self,
        room: &str,
        are_right: impl Fn(&[String]) -> bool,
    ) -> Result<(), TimedOut> {
        let look = || are_right(&self.members(room)).then_some(());
        self.shared.wait(self.wait_max, look).await.ok_or_else(|| TimedOut {
            room: room.to_owned(),
            waited: self.wait_max,
            seen: self.members(room),
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Shared {
    /// Looks now and after each line the server handles, until something is found or time is up.
    pub(crate) async fn wait<T>(&self, max: Duration, look: impl Fn() -> Option<T>) -> Option<T> {
        let mut changed = self.lock().changed.subscribe();
        let search = async {
            loop {
                changed.mark_unchanged();
                if let Some(found) = look() {
                    return Some(found);
                }
                changed.changed().await.ok()?;
            }
        };
        tokio::time::timeout(max, search).await.ok().flatten()
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>, stop: CancellationToken, tasks: TaskTracker) {
    loop {
        // Accepting is cancel safe: no connection is lost when the other branch wins.
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let full = {
                    let state = shared.lock();
                    state.clients.len() >= state.options.clients_max
                };
                if full {
                    tracing::warn!("too many connections");
                } else {
                    tasks.spawn(connection::serve(Arc::clone(&shared), stream, peer, stop.clone()));
                }
            }
            Err(error) => {
                tracing::warn!(%error, "accept failed");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}
