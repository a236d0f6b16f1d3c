//! What the server says, as events and changes of what we know: each line goes to the module of its kind.

mod answers;
mod messages;
mod movement;

use sameroom_types::event::{Author, Role};
use sameroom_types::time::Timestamp;
use tokio::time::Instant;

use crate::client::Client;
use crate::wire::{Line, LineBuilder};
use crate::{ids, stamp};

/// The most batches open at a time.
const BATCHES_MAX: usize = 64;

/// Lines that belong together.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(super) kind: BatchKind,
    pub(super) label: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum BatchKind {
    /// The answer to one labelled line.
    Answer,
    /// Said before, in this room (folded).
    History(String),
    /// Servers part or find each other.
    Split,
    /// Anything else.
    Other,
}

impl Client {
    /// Takes one line without its CR and LF.
    pub(crate) fn line(&mut self, text: &str, now: Instant) {
        let Some(line) = Line::parse(text) else { return };
        match line.command {
            "PRIVMSG" | "NOTICE" | "TAGMSG" | "REDACT" => self.on_message(&line, now),
            "PING" => self.write(LineBuilder::new().command("PONG").text(line.last())),
            "PONG" => self.on_pong(line.last(), now),
            "BATCH" => self.on_batch(&line),
            "JOIN" | "PART" | "KICK" | "QUIT" | "NICK" => self.on_movement(&line),
            "MODE" => self.on_mode(&line),
            "CAP" => self.on_cap(&line),
            "AUTHENTICATE" => self.on_authenticate(line.param(0)),
            "ERROR" => self.on_error(line.last()),
            "INVITE" => self.on_invite(&line),
            "ACCOUNT" => self.on_account(&line),
            "CHGHOST" => self.on_new_host(&line),
            "ACK" => self.on_ack(&line),
            "FAIL" => self.on_fail(&line),
            "KILL" => self.last_words = Some(format!("killed: {}", line.last())),
            numeric if numeric.len() == 3 => self.on_numeric(&line, now),
            _ => {}
        }
    }

    pub(super) fn own_label(&self, line: &Line<'_>) -> Option<u64> {
        line.tag("label")?.strip_prefix("sr")?.parse().ok()
    }

    /// The label of a line or of the batch it is in.
    pub(super) fn label_of(&self, line: &Line<'_>) -> Option<u64> {
        let batch = || self.batches.get(&*line.tag("batch")?)?.label;
        self.own_label(line).or_else(batch)
    }

    pub(super) fn at(&self, line: &Line<'_>) -> Option<Timestamp> {
        line.tag("time").and_then(|time| stamp::parse(&time))
    }

    fn on_batch(&mut self, line: &Line<'_>) {
        let reference = line.param(0);
        if let Some(name) = reference.strip_prefix('+') {
            if self.batches.len() >= BATCHES_MAX {
                self.batches.clear();
            }
            let kind = match line.param(1) {
                "labeled-response" => BatchKind::Answer,
                "chathistory" => BatchKind::History(self.fold(line.param(2))),
                "netsplit" | "netjoin" => BatchKind::Split,
                _ => BatchKind::Other,
            };
            let label = self.label_of(line);
            self.batches.insert(name.to_owned(), Batch { kind, label });
        } else if let Some(name) = reference.strip_prefix('-')
            && let Some(batch) = self.batches.remove(name)
        {
            match batch.kind {
                BatchKind::History(room) => self.end_history(&room, batch.label),
                // An answer without an echo of the line in it.
                BatchKind::Answer => {
                    if let Some(track) = batch.label.and_then(|label| self.confirm.by_label(label)) {
                        self.done(&track, None, false);
                    }
                }
                _ => {}
            }
        }
    }

    /// Who sent a line, with what is known of them.
    pub(crate) fn author(&self, line: &Line<'_>, room: Option<&str>) -> Author {
        let nick = line.nick();
        let folded = self.fold(nick);
        let known = self.users.find(&folded);
        let tagged = line.tag("account");
        let account = match (&tagged, self.caps.on.account_tag) {
            (Some(account), _) => Some(account.as_ref()),
            (None, true) => None,
            (None, false) => known.and_then(|user| user.account.as_deref()),
        };
        let user_host = line.user_host().or_else(|| known.and_then(|user| user.user_host.as_deref()));
        let role = room.and_then(|room| self.rooms.get(room)).map(|room| room.role(&folded, &self.server));
        Author {
            id: ids::user(account, &folded, user_host),
            name: nick.to_owned(),
            username: account.filter(|account| *account != nick).map(str::to_owned),
            avatar: None,
            is_bot: ["bot", "draft/bot", "inspircd.org/bot"].iter().any(|tag| line.tag(tag).is_some()),
            role: role.unwrap_or(Role::Unknown),
        }
    }

    pub(super) fn learn_own_mask(&mut self, mask: &str) {
        if self.user_host.as_deref() != Some(mask) {
            self.user_host = Some(mask.into());
            self.report_rooms();
        }
    }
}
