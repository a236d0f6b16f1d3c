//! What a room's owner decided about what arrives in it, and the whole configuration as data.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ids::{AccountId, PlatformId, RealmId, RoomSpec};
use crate::room::Direction;

/// What is done with edits that reach a room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EditPolicy {
    /// The copy changes.
    #[default]
    Apply,
    /// The copy stays and a correction follows it.
    Append,
    /// Nothing happens.
    Ignore,
}

/// What is done with deletions that reach a room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeletePolicy {
    /// The copy goes.
    #[default]
    Apply,
    /// The copy stays and is marked as deleted.
    Mark,
    /// Nothing happens.
    Ignore,
}

/// How far a moderator's deletion reaches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Moderation {
    /// This room only.
    #[default]
    Room,
    /// All rooms that set the same.
    Network,
}

/// What is done with files that reach a room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FilePolicy {
    /// Copied where the platform takes uploads, else linked.
    #[default]
    Copy,
    /// Always linked.
    Link,
    /// Only named.
    No,
}

/// Which way a room takes part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Relay {
    /// It hears and is heard.
    #[default]
    Both,
    /// It only hears: others' messages arrive in it.
    In,
    /// It is only heard.
    Out,
}

/// Whose commands change things in a room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CommandPolicy {
    /// Moderators and owners, where the platform tells who they are.
    #[default]
    Moderators,
    /// Everybody.
    Everyone,
    /// Nobody; commands are ordinary text.
    Nobody,
}

/// What is not relayed out of a room.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ignore {
    /// Regular expressions on the author's name.
    pub names: Vec<String>,
    /// Regular expressions on the text.
    pub text: Vec<String>,
}

/// How late a message may be to be still delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Late {
    /// The greatest age.
    pub max_age: Duration,
    /// The greatest number of late messages of one lane.
    pub max_count: u64,
}

impl Default for Late {
    fn default() -> Self {
        Self { max_age: Duration::from_secs(24 * 3600), max_count: 500 }
    }
}

/// What a room's owner decided; unset keys come from `[defaults]`, then from here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomPolicy {
    /// How the author stands before a copy: a template, or a word of `-sameroom format`.
    pub format: Option<String>,
    /// What other rooms see of this room.
    pub label: Option<String>,
    /// Edits that reach this room.
    pub edits: EditPolicy,
    /// Deletions that reach this room.
    pub deletes: DeletePolicy,
    /// How far moderators' deletions reach.
    pub moderation: Moderation,
    /// Files that reach this room.
    pub files: FilePolicy,
    /// Whether what programs post here is relayed.
    pub bots: bool,
    /// Whether joins and leaves elsewhere are shown here.
    pub joins: bool,
    /// Whether notices of ours are posted here.
    pub notices: bool,
    /// Which way the room takes part.
    pub relay: Relay,
    /// Whose commands change things here.
    pub commands: CommandPolicy,
    /// People, by name or id, whose commands change things here besides the moderators.
    pub owners: Vec<String>,
    /// What is not relayed out of this room.
    pub ignore: Ignore,
    /// Words replaced in what reaches this room: pairs of a regular expression and its replacement.
    pub replace: Vec<(String, String)>,
    /// How late messages may be that reach this room.
    pub late: Late,
}

impl Default for RoomPolicy {
    fn default() -> Self {
        Self {
            format: None,
            label: None,
            edits: EditPolicy::default(),
            deletes: DeletePolicy::default(),
            moderation: Moderation::default(),
            files: FilePolicy::default(),
            bots: false,
            joins: false,
            notices: true,
            relay: Relay::default(),
            commands: CommandPolicy::default(),
            owners: Vec::new(),
            ignore: Ignore::default(),
            replace: Vec::new(),
            late: Late::default(),
        }
    }
}

/// What becomes of a tube to a realm that isn't listed as ours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outside {
    /// It is made.
    Allow,
    /// It waits for the operator or the account's owner.
    #[default]
    Approve,
    /// It is refused.
    Deny,
}

/// What the engine knows of an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountSpec {
    /// Its name.
    pub id: AccountId,
    /// Its platform.
    pub platform: PlatformId,
    /// The platform's name for people, such as `IRC`.
    pub platform_name: String,
    /// What other rooms see as the team, such as `Acme` in `[Alice, Acme]`.
    pub team: String,
    /// Whether anyone may invite it and command it without signing up.
    pub bridgebot: bool,
    /// Tubes to foreign realms.
    pub outside: Outside,
}

/// How much of other people's files is kept on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileLimits {
    /// The largest file that is fetched, in bytes; larger ones are named.
    pub max_bytes: u64,
    /// The most that all files under way may take together, in bytes; what comes beyond is named.
    pub spool_bytes: u64,
}

impl Default for FileLimits {
    fn default() -> Self {
        Self { max_bytes: 100 << 20, spool_bytes: 10 << 30 }
    }
}

/// A tube that the file declares.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TubeSpec {
    /// One end.
    pub a: RoomSpec,
    /// The other end.
    pub b: RoomSpec,
    /// Which way it carries.
    pub direction: Direction,
    /// The line of the file that declares it, from 1.
    pub line: u32,
}

/// Everything that the engine is told from outside: from the file and from what pages and commands stored.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Configuration {
    /// The accounts.
    pub accounts: Vec<AccountSpec>,
    /// The tubes that the file declares; groups are already pairs.
    pub tubes: Vec<TubeSpec>,
    /// The policy of rooms that have none of their own.
    pub defaults: RoomPolicy,
    /// Policies of single rooms.
    pub rooms: BTreeMap<RoomSpec, RoomPolicy>,
    /// Realms that are ours: no approval is needed for tubes among them.
    pub ours: Vec<RealmId>,
    /// Where people reach the pages; `None` while it is loopback or unreachable, so that no link is posted.
    pub public_url: Option<String>,
    /// How long excerpts for corrections and quotes are kept; zero never keeps any.
    pub excerpts: Duration,
    /// How much of other people's files is kept on the way.
    pub files: FileLimits,
}
