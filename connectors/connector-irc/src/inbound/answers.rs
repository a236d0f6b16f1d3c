//! What the server answers to lines of ours: numerics, `PONG`, `ACK`, `FAIL`, `ERROR`.

use sameroom_connector::{Report, RoomReport};
use sameroom_types::action::{Outcome, Refusal, RefusalKind};
use sameroom_types::ids::RemoteRoomId;
use sameroom_types::room::RoomKind;
use tokio::time::{Duration, Instant};

use crate::client::{Client, End, LIST_MAX};
use crate::refusal::{self, Closing};
use crate::wire::Line;

/// How long to wait before a refused join is tried again.
const JOIN_RETRY: Duration = Duration::from_secs(5 * 60);

impl Client {
    pub(super) fn on_pong(&mut self, token: &str, now: Instant) {
        let Some(token) = token.strip_prefix("sr-") else { return };
        let number = |text: &str| text.parse::<u64>().ok();
        if let Some(barrier) = token.strip_prefix('b').and_then(number) {
            for track in self.confirm.passed(barrier) {
                self.done(&track, None, false);
            }
        } else if let Some(probe) =
            token.strip_prefix('p').and_then(number).and_then(|token| self.probes.remove(&token))
        {
            let result = Ok(now.saturating_duration_since(probe.since));
            self.report(Report::Pong { id: probe.id, result });
        } else if let Some(token) = token.strip_prefix('h').and_then(number) {
            self.end_playback(token);
        } else if token == "identified" {
            self.identification_is_over();
        }
    }

    pub(super) fn on_ack(&mut self, line: &Line<'_>) {
        let Some(track) = self.own_label(line).and_then(|label| self.confirm.by_label(label)) else { return };
        if track.echoes && self.caps.on.echo {
            let code = "the server took the line but showed it to nobody".to_owned();
            self.outcome(&track, Outcome::Refused(Refusal { kind: RefusalKind::Message, code }));
        } else {
            self.done(&track, None, true);
        }
    }

    pub(super) fn on_fail(&mut self, line: &Line<'_>) {
        let (command, code) = (line.param(0), line.param(1));
        if command == "CHATHISTORY" {
            let label = self.label_of(line);
            let room = line
                .params()
                .iter()
                .skip(2)
                .find(|param| self.server.is_room(param))
                .map(|room| self.fold(room));
            if let Some(room) = room {
                self.fail_history(&room, label);
            } else if let Some(label) = label {
                let rooms: Vec<String> = self.rooms.keys().cloned().collect();
                for room in rooms {
                    self.fail_history(&room, Some(label));
                }
            }
            return;
        }
        let track = match self.label_of(line) {
            Some(label) => self.confirm.by_label(label),
            None if matches!(command, "PRIVMSG" | "NOTICE" | "TAGMSG" | "REDACT" | "RELAYMSG") => {
                let room = line
                    .params()
                    .iter()
                    .skip(2)
                    .find(|param| self.server.is_room(param))
                    .map(|room| self.fold(room));
                self.confirm.oldest(room.as_deref(), false)
            }
            None => None,
        };
        let Some(track) = track else { return };
        let kind = match code {
            "UNKNOWN_MSGID" | "REDACT_WINDOW_EXPIRED" => RefusalKind::TargetGone,
            _ => RefusalKind::Message,
        };
        self.outcome(
            &track,
            Outcome::Refused(Refusal { kind, code: format!("{command} {code} {}", line.last()) }),
        );
    }

    pub(super) fn on_error(&mut self, words: &str) {
        let closing = Closing::of(words);
        if closing == Closing::Flood {
            self.memory.pace_factor = (self.memory.pace_factor / 2.0).max(0.05);
        }
        self.close(End::Lost { why: format!("the server closed the connection: {words}"), closing });
    }

    pub(super) fn on_numeric(&mut self, line: &Line<'_>, now: Instant) {
        if self.on_registration_numeric(line, now) {
            return;
        }
        match line.command {
            "353" => self.on_names(line),
            "366" => {
                let folded = self.fold(line.param(1));
                if self.rooms.get(&folded).is_some_and(|room| room.reported.is_none()) {
                    self.report_room(&folded);
                    self.continue_fill(&folded, now);
                }
            }
            "324" => {
                let folded = self.fold(line.param(1));
                let modes = line.param(2).chars().filter(|mode| *mode != '+').collect();
                if let Some(room) = self.rooms.get_mut(&folded) {
                    room.modes = modes;
                    if room.reported.is_some() {
                        self.report_room(&folded);
                    }
                }
            }
            "322" => self.on_list(line),
            "323" => self.end_listing(),
            "731" => self.regain(),
            numeric => {
                if !self.on_refused_message(line, numeric) {
                    self.on_refused_join(line, numeric, now);
                }
            }
        }
    }

    fn on_refused_message(&mut self, line: &Line<'_>, numeric: &str) -> bool {
        if !refusal::is_about_speaking(numeric) {
            return false;
        }
        let folded = self.fold(line.param(1));
        let track = match self.label_of(line) {
            Some(label) => self.confirm.by_label(label),
            None => self.confirm.oldest(Some(&folded), false),
        };
        let Some(track) = track else { return false };
        let me = self.fold(&self.nick);
        let moderated =
            self.rooms.get(&folded).is_some_and(|room| room.modes.contains(&'m') && !room.has_rank(&me));
        self.outcome(&track, refusal::of_message(numeric, line.last(), moderated));
        true
    }

    fn on_refused_join(&mut self, line: &Line<'_>, numeric: &str, now: Instant) {
        let Some((why, retrying)) = refusal::of_join(numeric, line.last()) else { return };
        let folded = self.fold(line.param(1));
        if self.rooms.contains_key(&folded) {
            return;
        }
        if retrying && let Some(wanted) = self.memory.wanted.get_mut(&folded) {
            wanted.retry_at = Some(now + JOIN_RETRY);
        }
        self.report_failure(&folded, &why, retrying);
    }

    fn on_names(&mut self, line: &Line<'_>) {
        let folded = self.fold(line.param(2));
        let (server, casemapping) = (&self.server, self.server.casemapping);
        let Some(room) = self.rooms.get_mut(&folded) else { return };
        for name in line.last().split_ascii_whitespace() {
            let ranks =
                name.chars().map_while(|sign| server.rank_of_sign(sign)).fold(0, |all, rank| all | rank);
            let nick = name.trim_start_matches(|sign| server.rank_of_sign(sign).is_some());
            let nick = nick.split('!').next().unwrap_or(nick);
            room.add(casemapping.fold(nick), ranks);
        }
    }

    fn on_list(&mut self, line: &Line<'_>) {
        let name = line.param(1);
        let Some(listing) = &self.listing else { return };
        if listing.rooms.len() >= LIST_MAX || !self.server.is_room(name) {
            return;
        }
        let report = RoomReport {
            asked: None,
            id: RemoteRoomId::new(self.fold(name)),
            name: name.to_owned(),
            kind: RoomKind::Public,
            capabilities: self.capabilities(name, None),
        };
        if let Some(listing) = &mut self.listing {
            listing.rooms.push(report);
        }
    }
}
