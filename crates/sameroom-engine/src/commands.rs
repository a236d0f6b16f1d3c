//! Commands said in a room: found, allowed or refused, carried out, answered there and nowhere else.

use std::collections::BTreeMap;
use std::time::Duration;

use sameroom_types::COMMAND_WORD;
use sameroom_types::event::{Author, ReplyTo, Role};
use sameroom_types::ids::{AccountId, RequestId, RoomId};
use sameroom_types::policy::CommandPolicy;
use sameroom_types::room::MadeBy;

use crate::engine::Engine;

mod connect;
mod show;
mod steer;

/// How many rooms a BridgeBot stays in without a tube.
pub(crate) const MAX_INVITED_ROOMS: usize = 500;

/// For how long a code of `open` is good.
pub(crate) const CODE_LIFE: Duration = Duration::from_secs(120);

/// For how long a request to connect waits for an answer.
pub(crate) const REQUEST_LIFE: Duration = Duration::from_secs(24 * 3600);

/// A code of `open`.
#[derive(Debug)]
pub(crate) struct Code {
    pub(crate) room: RoomId,
    pub(crate) until: Duration,
}

/// A request to connect that waits for an answer.
#[derive(Debug)]
pub(crate) struct PendingRequest {
    pub(crate) a: RoomId,
    pub(crate) b: RoomId,
    pub(crate) made_by: MadeBy,
    /// Who asked.
    pub(crate) by: String,
    /// The room in which it is answered.
    pub(crate) at: RoomId,
    /// Whether it takes the owner of that room's account, because the tube leaves our own realms;
    /// else a moderator there, because its portal wants that.
    pub(crate) needs_owner: bool,
    /// The rooms whose accounts' owners have agreed already.
    pub(crate) agreed: Vec<RoomId>,
    pub(crate) until: Duration,
}

/// A `ping` that is being measured.
#[derive(Debug)]
pub(crate) struct PendingPing {
    pub(crate) asked_in: RoomId,
    /// The ids of the same `ping`, by the room that each measures.
    pub(crate) group: u64,
    pub(crate) target: RoomId,
}

/// Results of one `ping` so far.
pub(crate) type PingResults = BTreeMap<RoomId, Option<Result<Duration, String>>>;

/// A command and who gave it where.
pub(crate) struct Asked<'a> {
    pub(crate) account: &'a AccountId,
    pub(crate) room: RoomId,
    pub(crate) author: &'a Author,
    pub(crate) reply: Option<&'a ReplyTo>,
}

/// All commands: the word, whether it changes something, and its line in `help`.
const COMMANDS: [(&str, bool, &str); 18] = [
    ("help", false, "these lines"),
    ("open", true, "a code that connects another room to this one: two minutes, one use"),
    ("connect", true, "connect CODE or a portal's URL: ties this room to that one"),
    ("portal", true, "this room's standing URL for others to connect; portal new, portal revoke"),
    ("accept", true, "accept ID: agrees to a request to connect"),
    ("refuse", true, "refuse ID: turns a request to connect down"),
    ("map", false, "how many rooms are connected, and a picture"),
    ("ping", false, "the round trip to every connected room"),
    ("who", false, "the connected rooms and who was active there lately"),
    (
        "format",
        false,
        "shows how messages appear here; format name, team, both, username, none or a template sets it",
    ),
    ("pause", true, "stops this room's tubes for a while"),
    ("resume", true, "lets them go on"),
    ("disable", true, "removes this room's tubes"),
    ("undo", true, "brings removed tubes back, for 7 days"),
    ("manage", true, "a private link to this room's tubes"),
    ("trace", false, "trace last, or as a reply: the way of a message"),
    ("version", false, "what runs here"),
    ("^^^", false, "^^^ before a message keeps it in this room"),
];

impl Engine {
    /// The part of a message behind the bot's name, if it starts with that.
    pub(crate) fn is_addressed<'t>(&self, account: &AccountId, text: &'t str) -> Option<&'t str> {
        let me = self.accounts.get(account)?.me.as_ref()?;
        let text = text.trim_start().trim_start_matches('@');
        let names = [Some(me.name.as_str()), me.username.as_deref()];
        names.into_iter().flatten().filter(|name| !name.is_empty()).find_map(|name| {
            let head = text.get(..name.len())?;
            let rest = text.get(name.len()..)?;
            let ends = rest.starts_with([':', ',', ' ']);
            (head.eq_ignore_ascii_case(name) && ends).then(|| rest.trim_start_matches([':', ',', ' ']))
        })
    }

    /// The command in a message, without the prefix.
    pub(crate) fn command_in(&mut self, room: RoomId, text: &str, addressed: Option<&str>) -> Option<String> {
        if self.policy(room).room.commands == CommandPolicy::Nobody {
            return None;
        }
        let line = text.lines().next().unwrap_or_default().trim();
        if let Some(rest) = strip_prefix(line) {
            return Some(rest.to_owned());
        }
        // Behind the bot's name only a command's own word counts: people also talk about the bot.
        let rest = addressed?.lines().next().unwrap_or_default().trim();
        let word = rest.split_whitespace().next()?.to_lowercase();
        (strip_prefix(rest).is_some() || COMMANDS.iter().any(|(known, _, _)| *known == word))
            .then(|| strip_prefix(rest).unwrap_or(rest).to_owned())
    }

    pub(crate) fn run_command(
        &mut self,
        account: &AccountId,
        room: RoomId,
        author: &Author,
        reply: Option<&ReplyTo>,
        command: &str,
    ) {
        let (word, rest) = match command.split_once(char::is_whitespace) {
            Some((word, rest)) => (word.to_lowercase(), rest.trim()),
            None => (command.to_lowercase(), ""),
        };
        let word = if word.is_empty() { "help".to_owned() } else { word };
        let asked = Asked { account, room, author, reply };
        let Some((_, changes, _)) = COMMANDS.iter().find(|(known, _, _)| *known == word) else {
            let text = unknown_command(&word);
            self.tell(room, &text);
            return;
        };
        let changes = *changes || (word == "format" && !rest.is_empty());
        if changes {
            if !self.may_change_room(room, author) {
                self.tell(room, &format!("{}: only this room's moderators may do that here.", author.name));
                return;
            }
            let who = format!("{} in {}", author.name, self.spec_text(room));
            // A code is a secret for two minutes; the audit log holds the word alone.
            let what = if word == "connect" { word.clone() } else { format!("{word} {rest}") };
            self.audit(&who, what.trim());
        }
        match word.as_str() {
            "help" => self.show_help(&asked),
            "version" => {
                let text = format!("{} {}", sameroom_types::PRODUCT, env!("CARGO_PKG_VERSION"));
                self.tell(room, &text);
            }
            "open" => self.open_code(&asked),
            "connect" => self.connect(&asked, rest),
            "portal" => self.portal(&asked, rest),
            "accept" => self.answer(&asked, rest, true),
            "refuse" => self.answer(&asked, rest, false),
            "map" => self.show_map(&asked),
            "ping" => self.ping(&asked),
            "who" => self.show_who(&asked),
            "format" => self.format(&asked, rest),
            "pause" => self.pause(&asked, true),
            "resume" => self.pause(&asked, false),
            "disable" => self.disable(&asked),
            "undo" => self.undo(&asked),
            "manage" => self.manage(&asked),
            "trace" => self.trace(&asked, rest),
            _ => self.tell(room, "Put ^^^ before a message and it stays in this room."),
        }
    }

    /// Whether somebody's commands change things in a room.
    fn may_change_room(&mut self, room: RoomId, author: &Author) -> bool {
        let policy = self.policy(room);
        if policy.room.commands == CommandPolicy::Everyone || author.role >= Role::Moderator {
            return true;
        }
        let named = policy.room.owners.iter().any(|owner| {
            owner == author.id.as_str()
                || *owner == author.name
                || author.username.as_deref() == Some(owner.as_str())
        });
        let invited = self.network.room(room).and_then(|known| known.inviter.clone());
        // The inviter is known by id, which survives a change of nick only where the platform has accounts.
        named || invited.as_ref() == Some(&author.id)
    }

    pub(crate) fn spec_text(&self, room: RoomId) -> String {
        self.network
            .room(room)
            .and_then(|known| known.specs.first())
            .map_or_else(|| room.to_string(), ToString::to_string)
    }
}

/// The rest of a line after `-sameroom`, with any dash that a phone may have put there.
fn strip_prefix(line: &str) -> Option<&str> {
    let rest = line
        .trim_start_matches(['-', '\u{2010}', '\u{2011}', '\u{2012}', '\u{2013}', '\u{2014}', '\u{2212}']);
    if rest.len() == line.len() {
        return None;
    }
    let rest = rest.trim_start();
    let head = rest.get(..COMMAND_WORD.len())?;
    let tail = rest.get(COMMAND_WORD.len()..)?;
    let ends = tail.is_empty() || tail.starts_with(char::is_whitespace);
    (head.eq_ignore_ascii_case(COMMAND_WORD) && ends).then(|| tail.trim())
}

fn unknown_command(word: &str) -> String {
    let shown: String = word.chars().filter(|c| !c.is_control()).take(30).collect();
    let nearest = COMMANDS
        .iter()
        .map(|(known, _, _)| (strsim::damerau_levenshtein(&shown, known), *known))
        .min()
        .filter(|(distance, _)| *distance <= 2);
    match nearest {
        Some((_, known)) => {
            format!("There is no command “{shown}”. Did you mean -{COMMAND_WORD} {known}?")
        }
        None => format!("There is no command “{shown}”. -{COMMAND_WORD} help lists them all."),
    }
}

/// Reads the number of a request.
pub(crate) fn request_id(text: &str) -> Option<RequestId> {
    text.trim().trim_start_matches('#').parse().ok().map(RequestId)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_dash_and_case_makes_a_command() {
        let check = |line: &str, expected: Option<&str>| assert_eq!(strip_prefix(line), expected, "{line}");
        check("-sameroom help", Some("help"));
        check("—Sameroom  open", Some("open"));
        check("--SAMEROOM", Some(""));
        check("sameroom help", None);
        check("-sameroomish", None);
        check("-same", None);
        check("−sameroom connect ABCDE", Some("connect ABCDE"));
    }

    #[test]
    fn a_mistyped_command_gets_a_hint() {
        assert!(unknown_command("conect").contains("-sameroom connect"));
        assert!(unknown_command("xyzzyplugh").contains("help"));
    }
}
