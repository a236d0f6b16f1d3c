//! Commands that change a room's tubes and looks: `format`, `pause`, `resume`, `disable`, `undo`, `manage`.

use sameroom_types::COMMAND_WORD;
use sameroom_types::ids::TubeId;
use sameroom_types::room::MadeBy;

use super::Asked;
use crate::engine::Engine;
use crate::input::Effect;
use crate::record::{Record, TubeChange};
use crate::tubes::UNDO;

/// The words that `format` knows besides templates.
const WORDS: [&str; 7] = ["name", "team", "no-team", "both", "username", "none", "default"];

impl Engine {
    pub(crate) fn format(&mut self, asked: &Asked<'_>, rest: &str) {
        let room = asked.room;
        if rest.is_empty() {
            let now = self.policy(room).room.format.clone().unwrap_or_else(|| "default".into());
            let text = format!(
                "Messages appear here as: {now}. -{COMMAND_WORD} format name | team | both | username | none | default, or a template with {{name}} {{username}} {{team}} {{platform}} {{room}}."
            );
            self.tell(room, &text);
            return;
        }
        let word = rest.to_lowercase();
        let rest = if WORDS.contains(&word.as_str()) { word.as_str() } else { rest };
        if !WORDS.contains(&rest) && !rest.contains('{') {
            let text = format!("“{}” is none of {}, nor a template.", shown(rest), WORDS.join(", "));
            self.tell(room, &text);
            return;
        }
        if rest.len() > 200 || rest.contains(['\n', '\r']) {
            self.tell(room, "A template has one line of at most 200 bytes.");
            return;
        }
        let format = (rest != "default").then(|| {
            if rest.contains('{') && !rest.ends_with(' ') { format!("{rest} ") } else { rest.to_owned() }
        });
        self.note(Record::FormatSet { room, format });
        self.policies.remove(&room);
        self.tell(room, &format!("Messages now appear here as: {}.", shown(rest)));
    }

    pub(crate) fn pause(&mut self, asked: &Asked<'_>, pause: bool) {
        let room = asked.room;
        let tubes: Vec<TubeId> = self
            .network
            .tubes_of(room)
            .into_iter()
            .filter(|entry| if pause { !entry.paused } else { entry.paused || entry.failed.is_some() })
            .map(|entry| entry.tube.id)
            .collect();
        if tubes.is_empty() {
            let text = if pause {
                "Nothing to pause: no tube of this room is active."
            } else {
                "No tube of this room is paused."
            };
            self.tell(room, text);
            return;
        }
        let before = self.network.component(room);
        let at = self.now.wall;
        for tube in &tubes {
            let change = if pause { TubeChange::Paused } else { TubeChange::Resumed };
            self.note(Record::TubeChanged { tube: *tube, change, at });
        }
        let name = self.name_for_others(room);
        let number = tubes.len();
        if pause {
            self.tell(
                room,
                &format!("Paused {number}. What is said from now on stays where it is said, until -{COMMAND_WORD} resume."),
            );
            self.tell_apart(
                room,
                &before,
                &format!("{name} was paused there; what is said here stays here."),
            );
        } else {
            self.tell(room, &format!("Resumed {number}."));
            for other in self.network.component(room) {
                if other != room && !before.contains(&other) {
                    self.inform(other, &format!("{name} goes on."));
                }
            }
            self.rejoin(room);
        }
    }

    fn rejoin(&mut self, room: sameroom_types::ids::RoomId) {
        if self.usable_account(room).is_none()
            && let Some(spec) = self.network.room(room).and_then(|known| known.specs.first().cloned())
        {
            self.out.push(Effect::Join { account: spec.account, room: spec.room });
        }
    }

    pub(crate) fn disable(&mut self, asked: &Asked<'_>) {
        let room = asked.room;
        let mut declared = Vec::new();
        let mut tubes = Vec::new();
        for entry in self.network.tubes_of(room) {
            match entry.tube.made_by {
                MadeBy::File { line } => declared.push(line),
                _ => tubes.push(entry.tube.id),
            }
        }
        let number = tubes.len();
        for tube in tubes {
            self.remove_tube(tube);
        }
        let mut text = match number {
            0 => "No tube was removed.".to_owned(),
            number => format!("Removed {number}. -{COMMAND_WORD} undo brings them back for 7 days."),
        };
        if !declared.is_empty() {
            let lines: Vec<String> = declared.iter().map(ToString::to_string).collect();
            text.push_str(&format!(
                " {} declared in the configuration file (line {}) and must be removed there; -{COMMAND_WORD} pause stops them.",
                declared.len(),
                lines.join(", ")
            ));
        }
        self.tell(room, &text);
    }

    pub(crate) fn undo(&mut self, asked: &Asked<'_>) {
        let room = asked.room;
        let wall = self.now.wall;
        let removed: Vec<_> = self
            .network
            .all_tubes_of(room)
            .into_iter()
            .filter(|entry| !matches!(entry.tube.made_by, MadeBy::File { .. }))
            .filter_map(|entry| Some((entry.removed?, entry.tube.id, entry.other_end(room))))
            .filter(|(at, _, other)| wall.since(*at) < UNDO && *other != room)
            .collect();
        // The last removal, which may have taken several at once.
        let Some(last) = removed.iter().map(|(at, _, _)| *at).max() else {
            self.tell(room, "There is nothing to bring back.");
            return;
        };
        let mut number = 0;
        for (at, tube, other) in removed {
            let connected = self.network.tubes_of(room).iter().any(|entry| entry.touches(other));
            if at == last && !connected {
                self.note(Record::TubeChanged { tube, change: TubeChange::Restored, at: wall });
                self.unannounced.insert(tube);
                self.notices_forget(tube);
                number += 1;
            }
        }
        self.tell(room, &format!("Brought back {number}."));
        self.announce_tubes(room);
    }

    pub(crate) fn manage(&mut self, asked: &Asked<'_>) {
        let room = asked.room;
        let Some(base) = self.config.public_url.clone() else {
            self.tell(
                room,
                "No link can be given: the operator must set public_url to an address that others reach.",
            );
            return;
        };
        let token = format!("{:032x}", self.now.random);
        self.out.push(Effect::ManageLink { token: token.clone(), room, page: "manage" });
        let remote = self.views.get(&(room, asked.account.clone())).map(|view| view.remote.clone());
        if let Some(remote) = remote {
            self.out.push(Effect::Whisper {
                account: asked.account.clone(),
                room: remote,
                to: asked.author.id.clone(),
                text: format!("This room's tubes, once and for you alone: {base}/manage/{token}"),
            });
            self.tell(room, &format!("{}: the link is in your private messages.", asked.author.name));
        }
    }
}

fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}
