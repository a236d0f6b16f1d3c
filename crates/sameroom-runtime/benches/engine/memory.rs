//! A platform in memory: rooms exist when they are asked for, sends arrive at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use sameroom_connector::{
    Command, Connector, Kit, Report, RoomReport, Session, SessionLink, Settings, SettingsError,
};
use sameroom_markup::{Dialect, Plain};
use sameroom_types::action::Outcome;
use sameroom_types::capabilities::{Capabilities, Support};
use sameroom_types::event::{Author, Content, ContentKind, Inbound, Post, Role, RoomEvent};
use sameroom_types::ids::{AccountId, NativeIds, RemoteRoomId};
use sameroom_types::limit::{TextLimit, TextUnit};
use sameroom_types::platform::PlatformDescription;
use sameroom_types::room::{Health, RoomKind};
use sameroom_types::text::Text;
use tokio::sync::watch;

use crate::folder::SOURCE;

/// A room.
pub(crate) const ROOM: Capabilities = Capabilities {
    window: 64,
    text: TextLimit { max: 4_000, unit: TextUnit::Bytes, multiline: true },
    ..Capabilities::TEXT_ONLY
};

static ABOUT: PlatformDescription = PlatformDescription {
    id: "memory",
    name: "Memory",
    icon: "",
    advice: "",
    fields: &[],
    linking: &[],
    capabilities: ROOM,
    preview: false,
};

/// What the measuring side and the platform share.
pub(crate) struct World {
    /// How many rooms of the source there are.
    pub(crate) networks: u64,
    /// How many messages the source is to post in all.
    pub(crate) wanted: watch::Sender<u64>,
    /// How many it has posted.
    pub(crate) posted: AtomicU64,
    /// Whether the target takes anything.
    pub(crate) is_open: watch::Sender<bool>,
    /// How many sends arrived.
    pub(crate) arrived: watch::Sender<u64>,
}

impl World {
    pub(crate) fn new(networks: u64, is_open: bool) -> Arc<Self> {
        Arc::new(Self {
            networks,
            wanted: watch::Sender::new(0),
            posted: AtomicU64::new(0),
            is_open: watch::Sender::new(is_open),
            arrived: watch::Sender::new(0),
        })
    }
}

/// The platform.
pub(crate) struct MemoryConnector {
    world: Arc<World>,
}

impl MemoryConnector {
    pub(crate) fn new(world: Arc<World>) -> Self {
        Self { world }
    }
}

impl Connector for MemoryConnector {
    fn describe(&self) -> &PlatformDescription {
        &ABOUT
    }

    fn dialect(&self, _formatting: Support) -> Arc<dyn Dialect> {
        Arc::new(Plain)
    }

    fn session(
        &self,
        account: &AccountId,
        _settings: &Settings,
        _kit: &Kit,
    ) -> Result<Box<dyn Session>, SettingsError> {
        let is_source = account.as_str() == SOURCE;
        Ok(Box::new(MemorySession { world: Arc::clone(&self.world), is_source, sent: 0 }))
    }
}

struct MemorySession {
    world: Arc<World>,
    is_source: bool,
    sent: u64,
}

/// The runtime has gone.
struct Gone;

#[async_trait]
impl Session for MemorySession {
    async fn run(mut self: Box<Self>, mut link: SessionLink) {
        // Never ends but because the runtime wants it to.
        if self.serve(&mut link).await.is_err() {
            link.stop.cancel();
        }
    }
}

impl MemorySession {
    async fn serve(&mut self, link: &mut SessionLink) -> Result<(), Gone> {
        if !self.is_source {
            let mut open = self.world.is_open.subscribe();
            loop {
                tokio::select! {
                    () = link.stop.cancelled() => return Err(Gone),
                    opened = open.wait_for(|open| *open) => {
                        opened.map_err(|_| Gone)?;
                        break;
                    }
                    // Joins are asked again once we are connected.
                    command = link.commands.recv() => drop(command.ok_or(Gone)?),
                }
            }
        }
        let me = author(if self.is_source { "us-there" } else { "us-here" });
        report(link, Report::Health(Health::Connected)).await?;
        report(link, Report::Connected { realm: "memory".into(), me }).await?;
        if !self.is_source {
            for network in 0..self.world.networks {
                for copy in 0..3 {
                    report(link, room(format!("r{network}-{copy}").into())).await?;
                }
            }
        }
        let mut wanted = self.world.wanted.subscribe();
        let mut batch = Vec::new();
        loop {
            let posted = self.world.posted.load(Ordering::Relaxed);
            let is_behind = self.is_source && posted < *wanted.borrow();
            tokio::select! {
                biased;
                () = link.stop.cancelled() => return Err(Gone),
                count = link.commands.recv_many(&mut batch, 256) => {
                    if count == 0 {
                        return Err(Gone);
                    }
                    for command in batch.drain(..) {
                        self.take(link, command).await?;
                    }
                }
                () = std::future::ready(()), if is_behind => {
                    let inbound = message(posted, posted % self.world.networks);
                    link.accept(inbound).await.map_err(|_| Gone)?;
                    self.world.posted.fetch_add(1, Ordering::Relaxed);
                }
                changed = wanted.changed() => changed.map_err(|_| Gone)?,
            }
        }
    }

    async fn take(&mut self, link: &SessionLink, command: Command) -> Result<(), Gone> {
        match command {
            Command::Join { room: asked } => report(link, room(asked)).await,
            Command::Send(request) => {
                self.sent += 1;
                let ids = Some(NativeIds::one(format!("c{}", self.sent)));
                let outcome = Outcome::Done { ids, shown: true };
                let (delivery, part) = (request.delivery, request.part);
                self.world.arrived.send_modify(|count| *count += 1);
                report(link, Report::Outcome { delivery, part, outcome }).await
            }
            _ => Ok(()),
        }
    }
}

async fn report(link: &SessionLink, report: Report) -> Result<(), Gone> {
    link.report(report).await.map_err(|_| Gone)
}

fn room(asked: Box<str>) -> Report {
    Report::Room(RoomReport {
        id: RemoteRoomId::new(asked.clone()),
        name: asked.to_string(),
        asked: Some(asked),
        kind: RoomKind::Public,
        capabilities: ROOM,
    })
}

/// Somebody.
pub(crate) fn author(name: &str) -> Author {
    Author {
        id: name.into(),
        name: name.to_owned(),
        username: None,
        avatar: None,
        is_bot: false,
        role: Role::Member,
    }
}

/// A message of usual length.
pub(crate) fn message(number: u64, network: u64) -> Inbound {
    let text = format!("message {number}: as long as people's lines in a chat commonly are, and no longer");
    Inbound {
        room: RemoteRoomId::new(format!("r{network}")),
        at: None,
        cursor: None,
        history: false,
        event: RoomEvent::Posted(Post {
            ids: NativeIds::one(format!("m{number}")),
            author: author("ann"),
            content: Content { text: Text::plain(&text), files: Vec::new(), kind: ContentKind::Text },
            reply: None,
            thread: None,
            album: None,
            mark: None,
        }),
    }
}
