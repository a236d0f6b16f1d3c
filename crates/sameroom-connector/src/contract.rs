//! The contract suite: one set of checks for every connector, driven by its declared capabilities.
//!
//! What a platform says it can do, the suite makes it do; what it says it can't, the suite checks that it
//! refuses. A connector's tests implement [`Stage`] for a real server or a simulator and [`Peer`] for an
//! independent person in the room (another client library, or the simulator's verbs: no code of the
//! connector), then call [`run`]. Everything here is for tests.

mod checks;
mod memory;
mod rig;

use std::sync::Arc;

use async_trait::async_trait;

pub use checks::run;
pub use memory::{MemorySpool, MemoryVault, SystemClock, kit};
pub use rig::{PATIENCE, Rig};

use crate::{Connector, Kit, Settings};

/// What a peer or stage can't do or failed to do, in plain words.
pub type Problem = String;

/// A message as a peer sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Its id on the platform, where it has one.
    pub id: Option<String>,
    /// Who it seems to come from.
    pub author: String,
    /// Its text without formatting.
    pub text: String,
    /// The id of the message it answers.
    pub reply: Option<String>,
}

/// A person in the room who does not use the connector. Methods that the platform has no form for may stay as they are.
#[async_trait]
pub trait Peer: Send {
    /// The name that others see.
    fn name(&self) -> String;

    /// Posts a message; gives its id where the platform tells one.
    async fn post(&mut self, text: &str) -> Result<Option<String>, Problem>;

    /// Posts an answer to a message.
    async fn reply(&mut self, to: &str, text: &str) -> Result<Option<String>, Problem> {
        let _ = (to, text);
        Err("can't reply".to_owned())
    }

    /// Changes a message of their own.
    async fn edit(&mut self, id: &str, text: &str) -> Result<(), Problem> {
        let _ = (id, text);
        Err("can't edit".to_owned())
    }

    /// Takes a message of their own back.
    async fn delete(&mut self, id: &str) -> Result<(), Problem> {
        let _ = id;
        Err("can't delete".to_owned())
    }

    /// Puts an emoji on a message.
    async fn react(&mut self, id: &str, emoji: &str) -> Result<(), Problem> {
        let _ = (id, emoji);
        Err("can't react".to_owned())
    }

    /// Takes an emoji back.
    async fn unreact(&mut self, id: &str, emoji: &str) -> Result<(), Problem> {
        let _ = (id, emoji);
        Err("can't take a reaction back".to_owned())
    }

    /// Posts a file.
    async fn upload(&mut self, name: &str, content: &[u8]) -> Result<Option<String>, Problem> {
        let _ = (name, content);
        Err("can't upload".to_owned())
    }

    /// Waits until a message with this text is visible and gives it as it is now, edits included.
    async fn wait_for(&mut self, text: &str) -> Result<Seen, Problem>;

    /// Waits until no message with this text is visible any more.
    async fn wait_gone(&mut self, text: &str) -> Result<(), Problem> {
        let _ = text;
        Err("can't see deletions".to_owned())
    }

    /// Waits until this emoji is on a message (`on`), or no more.
    async fn wait_reaction(&mut self, id: &str, emoji: &str, on: bool) -> Result<(), Problem> {
        let _ = (id, emoji, on);
        Err("can't see reactions".to_owned())
    }

    /// Waits until a file of this name is visible and gives its content.
    async fn wait_file(&mut self, name: &str) -> Result<Vec<u8>, Problem> {
        let _ = name;
        Err("can't see files".to_owned())
    }

    /// Everything visible that was posted since they came, oldest first.
    async fn seen(&mut self) -> Result<Vec<Seen>, Problem>;
}

/// A platform that runs for one call of [`run`], with a room and the power to make trouble there.
#[async_trait]
pub trait Stage: Send {
    /// The connector under test.
    fn connector(&self) -> Arc<dyn Connector>;

    /// Settings of an account that works.
    fn settings(&self) -> Settings;

    /// What its sessions are lent; a platform that Sameroom itself hosts gives the same storage each time.
    fn kit(&self) -> Kit {
        kit()
    }

    /// The room as somebody would write it in a tube; anyone may post there.
    fn room(&self) -> String;

    /// Another room that the account is not in, for invitations.
    fn other_room(&self) -> Option<String> {
        None
    }

    /// Brings a new person into the room.
    async fn peer(&mut self, name: &str) -> Result<Box<dyn Peer>, Problem>;

    /// Breaks the account's connections when its next post arrives, before anybody is answered; false if that can't be done here.
    async fn cut_at_next_post(&mut self) -> Result<bool, Problem>;

    /// Lets the account connect again after a cut.
    async fn mend(&mut self) -> Result<(), Problem> {
        Ok(())
    }

    /// Throws the account out of the room, as a moderator would; false if there is no such thing.
    async fn kick(&mut self) -> Result<bool, Problem> {
        Ok(false)
    }

    /// Lets somebody invite the account to [`Stage::other_room`]; false if there is no such thing.
    async fn invite(&mut self) -> Result<bool, Problem> {
        Ok(false)
    }
}

/// A check that did not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{check}: {problem}")]
pub struct Failure {
    /// Which check.
    pub check: &'static str,
    /// What was wrong.
    pub problem: Problem,
}
