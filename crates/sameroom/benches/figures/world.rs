//! Servers and the people on them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use sameroom_testkit::load::{Book, Flow, Speaker, irc, xmpp};
use sameroom_testkit::servers::inspircd::{Inspircd, InspircdOptions};
use sameroom_testkit::servers::ngircd::{Ngircd, NgircdOptions};
use sameroom_testkit::servers::prosody::{DOMAIN, Prosody, ProsodyOptions, ROOMS};

/// How long nothing new may be heard.
pub(crate) const SILENCE: Duration = Duration::from_secs(30);

/// A kind of server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Ngircd,
    Inspircd,
    Prosody,
}

/// A running server.
pub(crate) enum Server {
    Ngircd(Ngircd),
    Inspircd(Inspircd),
    Prosody(Prosody),
}

/// Somebody on a server.
pub(crate) enum Person {
    Irc(irc::Person),
    Xmpp(xmpp::Person),
}

impl Person {
    pub(crate) fn speaker(&self) -> Speaker {
        match self {
            Self::Irc(person) => Speaker::Irc(person.speaker.clone()),
            Self::Xmpp(person) => Speaker::Xmpp(person.speaker.clone()),
        }
    }
}

impl Server {
    /// Starts one without flood limits.
    pub(crate) async fn start(kind: Kind) -> anyhow::Result<Self> {
        Ok(match kind {
            Kind::Ngircd => Self::Ngircd(Ngircd::start(&NgircdOptions::default()).await?),
            Kind::Inspircd => {
                let options = InspircdOptions { max_channels: 5_000, ..InspircdOptions::default() };
                Self::Inspircd(Inspircd::start(&options).await?)
            }
            Kind::Prosody => {
                let global = "network_settings = { nagle = false }\n".to_owned();
                let prosody = Prosody::start(ProsodyOptions { global, ..ProsodyOptions::default() }).await?;
                for user in ["bridge", "ann", "bob", "cleo"] {
                    prosody.add_user(user)?;
                }
                Self::Prosody(prosody)
            }
        })
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        match self {
            Self::Ngircd(server) => server.addr(),
            Self::Inspircd(server) => server.addr(),
            Self::Prosody(server) => server.addr(),
        }
    }

    pub(crate) async fn stop(&mut self) -> anyhow::Result<()> {
        match self {
            Self::Ngircd(server) => server.stop().await?,
            Self::Inspircd(server) => server.stop().await?,
            Self::Prosody(server) => server.stop().await?,
        }
        Ok(())
    }

    pub(crate) async fn start_again(&mut self) -> anyhow::Result<()> {
        match self {
            Self::Ngircd(server) => server.start_again().await?,
            Self::Inspircd(server) => server.start_again().await?,
            Self::Prosody(server) => server.start_again().await?,
        }
        Ok(())
    }

    /// The relay's account here.
    pub(crate) fn account(&self, name: &str, addr: SocketAddr) -> String {
        match self {
            Self::Ngircd(_) | Self::Inspircd(_) => format!(
                "[accounts.{name}]\nplatform = \"irc\"\nserver = \"{addr}\"\ntls = false\nnick = \"sameroom\"\npace = \"off\"\n"
            ),
            Self::Prosody(_) => format!(
                "[accounts.{name}]\nplatform = \"xmpp\"\njid = \"bridge@{DOMAIN}\"\npassword = \"pw\"\nmuc = \"{ROOMS}\"\nnick = \"sameroom\"\nserver = \"{addr}\"\ntls = \"off\"\n"
            ),
        }
    }

    /// A room as people address it.
    pub(crate) fn room(&self, name: &str) -> String {
        match self {
            Self::Ngircd(_) | Self::Inspircd(_) => format!("#{name}"),
            Self::Prosody(_) => format!("{name}@{ROOMS}"),
        }
    }

    /// A room as the configuration writes it.
    pub(crate) fn spec(&self, account: &str, name: &str) -> String {
        match self {
            Self::Ngircd(_) | Self::Inspircd(_) => format!("{account}/#{name}"),
            Self::Prosody(_) => format!("{account}/{name}"),
        }
    }

    /// Has somebody enter rooms; places in the book are `who` and the room.
    pub(crate) async fn person(
        &self,
        who: &str,
        rooms: &[String],
        book: &Arc<Book>,
    ) -> anyhow::Result<Person> {
        let prefix = format!("{who} ");
        Ok(match self {
            Self::Ngircd(_) | Self::Inspircd(_) => {
                Person::Irc(irc::enter(self.addr(), who, rooms, &prefix, book).await?)
            }
            Self::Prosody(_) => {
                Person::Xmpp(xmpp::enter(self.addr(), DOMAIN, who, rooms, &prefix, book).await?)
            }
        })
    }
}

/// A tube, for the configuration.
pub(crate) fn tube(a: &str, b: &str) -> String {
    format!("[[tubes]]\na = \"{a}\"\nb = \"{b}\"\n")
}

/// A stream of messages.
pub(crate) fn flow(person: &Person, room: &str, tag: &str, places: &[String], book: &Arc<Book>) -> Flow {
    Flow {
        speaker: person.speaker(),
        room: room.to_owned(),
        tag: tag.to_owned(),
        places: places.to_vec(),
        book: Arc::clone(book),
    }
}
