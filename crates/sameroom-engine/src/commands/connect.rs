//! Commands that tie rooms: `open`, `connect`, `portal`, `accept`, `refuse`.

use sameroom_types::COMMAND_WORD;
use sameroom_types::ids::{PortalId, RequestId, RoomId};
use sameroom_types::room::MadeBy;

use super::{Asked, CODE_LIFE, Code, PendingRequest, REQUEST_LIFE, request_id};
use crate::engine::Engine;
use crate::record::{Portal, Record};
use crate::tubes::Wish;

/// Letters of a code: none that is easily taken for another.
const LETTERS: &[u8; 23] = b"ABCDEFGHJKLMNPQRSTUVXYZ";

/// Wrong codes from one room within two minutes after which no more are tried.
const MAX_WRONG: u32 = 10;

impl Engine {
    pub(crate) fn open_code(&mut self, asked: &Asked<'_>) {
        let mono = self.now.mono;
        self.codes.retain(|_, code| code.until > mono && code.room != asked.room);
        let mut chance = self.now.random;
        let code: String = (0..5)
            .map(|_| {
                let letter = LETTERS[usize::try_from(chance % 23).unwrap_or(0)];
                chance /= 23;
                char::from(letter)
            })
            .collect();
        self.codes.insert(code.clone(), Code { room: asked.room, until: mono + CODE_LIFE });
        let text = format!("Say this in the other room within two minutes: -{COMMAND_WORD} connect {code}");
        self.tell(asked.room, &text);
    }

    pub(crate) fn connect(&mut self, asked: &Asked<'_>, what: &str) {
        let by = asked.author.name.clone();
        if what.is_empty() {
            let text = format!(
                "Say -{COMMAND_WORD} open in the other room; it answers with the code to put behind connect."
            );
            self.tell(asked.room, &text);
            return;
        }
        if let Some(portal) = self.portal_in(what) {
            self.use_portal(asked.room, &portal, &by);
            return;
        }
        let mono = self.now.mono;
        let wrong = self.wrong_codes.entry(asked.room).or_insert((mono, 0));
        if mono.saturating_sub(wrong.0) > CODE_LIFE {
            *wrong = (mono, 0);
        }
        if wrong.1 >= MAX_WRONG {
            self.tell(asked.room, "Too many wrong codes from this room; try again in two minutes.");
            return;
        }
        let code: String = what.chars().filter(char::is_ascii_alphabetic).collect::<String>().to_uppercase();
        let found = self.codes.get(&code).filter(|found| found.until > mono).map(|found| found.room);
        let Some(other) = found else {
            if let Some(wrong) = self.wrong_codes.get_mut(&asked.room) {
                wrong.1 += 1;
            }
            let text = format!(
                "That code is not, or no longer, good. -{COMMAND_WORD} open in the other room gives a new one."
            );
            self.tell(asked.room, &text);
            return;
        };
        let made_by = MadeBy::Command { by: by.clone() };
        match self.wish_tube(other, asked.room, made_by.clone(), &[]) {
            Wish::Made(_) => {
                self.codes.remove(&code);
            }
            Wish::Waits(at) => {
                self.codes.remove(&code);
                self.request(PendingRequest {
                    a: other,
                    b: asked.room,
                    made_by,
                    by,
                    at,
                    needs_owner: true,
                    agreed: Vec::new(),
                    until: mono + REQUEST_LIFE,
                });
            }
            Wish::Refused(why) => {
                let text = format!("Not connected: {why}.");
                self.tell(asked.room, &text);
            }
        }
    }

    /// Notes a request and tells both rooms who can answer it.
    fn request(&mut self, request: PendingRequest) {
        let id = RequestId(self.fresh_request());
        let at = request.at;
        let other = if at == request.a { request.b } else { request.a };
        let name = self.name_for_others(other);
        let who = if request.needs_owner {
            "The operator or this account's owner answers"
        } else {
            "A moderator of this room answers"
        };
        let by = &request.by;
        let text = format!(
            "Request {id}: {by} wants to connect {name} to this room. {who} with -{COMMAND_WORD} accept {id} or refuse {id}."
        );
        self.tell(at, &text);
        self.tell(other, &format!("Request {id} to connect waits for an answer from the other side."));
        self.requests.insert(id, request);
    }

    pub(crate) fn answer(&mut self, asked: &Asked<'_>, rest: &str, accept: bool) {
        let id = request_id(rest);
        let here = |request: &PendingRequest| request.at == asked.room;
        let Some(id) = id.filter(|id| self.requests.get(id).is_some_and(here)) else {
            self.tell(asked.room, "There is no such request in this room.");
            return;
        };
        let needs_owner = self.requests.get(&id).is_some_and(|request| request.needs_owner);
        if needs_owner && !self.is_owner(asked) {
            let text =
                "That connection leaves our own rooms: the operator or this account's owner must agree.";
            self.tell(asked.room, text);
            return;
        }
        // Whoever asked is told in their own room; here the reason for a failure is worth a line.
        let agreed = if needs_owner { vec![asked.room] } else { Vec::new() };
        if let Err(why) = self.settle_request(id, accept, agreed) {
            self.tell(asked.room, &format!("Not connected: {why}."));
        }
    }

    fn is_owner(&mut self, asked: &Asked<'_>) -> bool {
        let policy = self.policy(asked.room);
        let author = asked.author;
        policy.room.owners.iter().any(|owner| {
            owner == author.id.as_str()
                || *owner == author.name
                || author.username.as_deref() == Some(owner.as_str())
        })
    }

    /// The operator's answer to a request, which speaks for both accounts. Returns what came of it.
    pub(crate) fn settle_for_both(&mut self, id: RequestId, accept: bool) -> Result<String, String> {
        let both = self.requests.get(&id).map(|request| vec![request.a, request.b]);
        self.settle_request(id, accept, both.unwrap_or_default())
    }

    /// Carries out the answer to a request, by which the owners of some rooms' accounts have `agreed`.
    /// Returns what came of it.
    fn settle_request(&mut self, id: RequestId, accept: bool, agreed: Vec<RoomId>) -> Result<String, String> {
        let Some(mut request) = self.requests.remove(&id) else {
            return Err(format!("there is no request {id}, or it is too old"));
        };
        let other = if request.at == request.a { request.b } else { request.a };
        if !accept {
            self.tell(other, &format!("Request {id} to connect was refused."));
            self.tell(request.at, &format!("Request {id} is refused."));
            return Ok(format!("request {id} refused"));
        }
        request.agreed.extend(agreed);
        match self.wish_tube(request.a, request.b, request.made_by.clone(), &request.agreed) {
            Wish::Made(tube) => Ok(format!("tube {tube} made")),
            Wish::Waits(at) => {
                self.request(PendingRequest { at, needs_owner: true, ..request });
                Ok(format!("request {id} accepted; another account's owner must agree too"))
            }
            Wish::Refused(why) => {
                let text = format!("Not connected: {why}.");
                self.tell(other, &text);
                Err(why)
            }
        }
    }

    fn portal_in(&self, what: &str) -> Option<Portal> {
        let token = what.trim_end_matches('/').rsplit('/').next()?;
        let token = token.split(['?', '#']).next().unwrap_or(token);
        if token.len() < 20 {
            return None;
        }
        self.portals.values().find(|portal| portal.token == token).cloned()
    }

    fn use_portal(&mut self, room: RoomId, portal: &Portal, by: &str) {
        let made_by = MadeBy::Portal(portal.id);
        let waits = |at: RoomId, needs_owner: bool, until| PendingRequest {
            a: portal.room,
            b: room,
            made_by: MadeBy::Portal(portal.id),
            by: by.to_owned(),
            at,
            needs_owner,
            agreed: Vec::new(),
            until,
        };
        let until = self.now.mono + REQUEST_LIFE;
        if portal.approval {
            self.request(waits(portal.room, false, until));
            return;
        }
        match self.wish_tube(portal.room, room, made_by, &[]) {
            Wish::Made(_) => {}
            Wish::Waits(at) => self.request(waits(at, true, until)),
            Wish::Refused(why) => {
                let text = format!("Not connected: {why}.");
                self.tell(room, &text);
            }
        }
    }

    pub(crate) fn portal(&mut self, asked: &Asked<'_>, rest: &str) {
        let room = asked.room;
        let mine: Vec<PortalId> =
            self.portals.values().filter(|portal| portal.room == room).map(|portal| portal.id).collect();
        if rest.eq_ignore_ascii_case("revoke") {
            for portal in &mine {
                self.note(Record::PortalRevoked { portal: *portal });
            }
            self.tell(room, "This room's portals are closed. Their tubes stay; disable removes those.");
            return;
        }
        let Some(base) = self.config.public_url.clone() else {
            let text = format!(
                "No link can be given: the operator must set public_url to an address that others reach. A code works meanwhile: -{COMMAND_WORD} open"
            );
            self.tell(room, &text);
            return;
        };
        let portal = match mine.last() {
            Some(id) if !rest.eq_ignore_ascii_case("new") => self.portals.get(id).cloned(),
            _ => Some(self.make_portal(room, false, asked.author.name.clone())),
        };
        if let Some(portal) = portal {
            let text =
                format!("Whoever opens this can connect a room to this one: {base}/portal/{}", portal.token);
            self.tell(room, &text);
        }
    }

    pub(crate) fn make_portal(&mut self, room: RoomId, approval: bool, by: String) -> Portal {
        let id = PortalId(self.portals.keys().last().map_or(1, |last| last.0 + 1).max(self.next_portal));
        self.next_portal = id.0 + 1;
        let token = format!("{:032x}", self.now.random);
        let portal = Portal { id, room, token, approval, by, at: self.now.wall };
        self.note(Record::PortalAdded { portal: portal.clone() });
        portal
    }
}
