//! Rooms, the links between them, and how an account is doing.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ids::{PortalId, RoomSpec, TubeId};

/// Who can see a room; names of the last three appear in no other room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum RoomKind {
    /// Anyone on the platform or in the team.
    #[default]
    Public,
    /// Those invited.
    Private,
    /// A few people, without a name of its own.
    Group,
    /// Two people.
    Direct,
}

impl RoomKind {
    /// Whether the room's name may be told elsewhere.
    #[must_use]
    pub fn is_nameable(self) -> bool {
        self == Self::Public
    }
}

/// Which way a tube carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// Both ways.
    #[default]
    Both,
    /// Only from the first room to the second.
    AToB,
    /// Only from the second room to the first.
    BToA,
}

/// Who made a tube.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum MadeBy {
    /// The configuration file declares it, on this line.
    File {
        /// Line of the file, from 1; 0 when not known.
        line: u32,
    },
    /// Somebody by a command in a room.
    Command {
        /// Who, as shown there.
        by: String,
    },
    /// Somebody in a page, the API or the command line.
    Operator {
        /// Who.
        by: String,
    },
    /// Somebody who opened a portal.
    Portal(PortalId),
}

/// A link between two endpoints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tube {
    /// Its number.
    pub id: TubeId,
    /// One end.
    pub a: RoomSpec,
    /// The other end.
    pub b: RoomSpec,
    /// Which way it carries.
    pub direction: Direction,
    /// Who made it.
    pub made_by: MadeBy,
}

/// Where a tube stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TubeState {
    /// It carries.
    Active,
    /// A platform or account is down; what is said is held for its return.
    Waiting {
        /// Why, in plain words.
        why: String,
    },
    /// Somebody stopped it for a while.
    Paused,
    /// It can't carry any more until somebody acts.
    Failed {
        /// Why and what to do, in plain words.
        why: String,
    },
    /// Kept only as a record.
    Archived,
}

/// How a session is doing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Health {
    /// On its way to the platform.
    Connecting,
    /// Able to send and hear.
    Connected,
    /// The connection is lost; the next try comes after this long.
    Retrying {
        /// Until the next try.
        after: Duration,
        /// What broke, in plain words, without secrets.
        why: String,
    },
    /// The platform no longer accepts the credentials; somebody must link the account again.
    NeedsRelink {
        /// What the platform said.
        why: String,
    },
    /// Ended, by us or for good.
    Stopped {
        /// Why.
        why: String,
    },
}

impl Health {
    /// Whether the session can send now.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        matches!(self, Self::Connected)
    }
}
