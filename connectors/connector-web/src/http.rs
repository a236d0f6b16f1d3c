//! What rooms answer over HTTP below `/room`.
//!
//! `assets/...` is the same for all rooms; everything else begins with a room's secret. The README of this
//! crate documents the API.

mod api;
mod events;
mod guard;
mod page;
mod read;
mod upload;

use std::sync::Arc;

use async_trait::async_trait;
use sameroom_connector::{HttpHandler, HttpRequest, HttpResponse};
use serde_json::{Value, json};
use tokio_util::task::TaskTracker;

use self::guard::Pace;
use crate::Hub;
use crate::house::House;
use crate::ids;
use crate::keeper::Fault;
use crate::live::LiveRoom;

/// Nothing from elsewhere, nothing inline, no frames around it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Answers for all rooms.
pub(crate) struct Pages {
    hub: Arc<Hub>,
    /// What streams to browsers; each ends when its browser or the server goes.
    streams: TaskTracker,
    pace: Pace,
}

impl Pages {
    pub(crate) fn new(hub: Arc<Hub>) -> Self {
        Self { hub, streams: TaskTracker::new(), pace: Pace::default() }
    }
}

/// The room that a request is about.
#[derive(Clone)]
pub(crate) struct Place {
    house: Arc<House>,
    room: Arc<LiveRoom>,
}

#[async_trait]
impl HttpHandler for Pages {
    async fn handle(&self, request: HttpRequest) -> HttpResponse {
        let answer = self.route(request).await.unwrap_or_else(|refusal| refusal.answer());
        let has = |answer: &HttpResponse, name: &str| answer.headers.iter().any(|(key, _)| key == name);
        let mut answer = answer;
        for (name, value) in [
            ("content-security-policy", POLICY),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
            ("x-robots-tag", "noindex, nofollow"),
            ("cache-control", "no-store"),
        ] {
            if !has(&answer, name) {
                answer = answer.with_header(name, value);
            }
        }
        answer
    }
}

impl Pages {
    async fn route(&self, request: HttpRequest) -> Result<HttpResponse, Refusal> {
        let path = request.path.clone();
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        let Some((token, rest)) = path.split_first() else { return Err(Refusal::NOT_FOUND) };
        if *token == "assets" {
            return page::asset(rest, &request);
        }
        let place = self.find(token).await?;
        let is_read = request.method == "GET" || request.method == "HEAD";
        if is_read {
            return match rest {
                [] | [""] => Ok(page::shell(&place)),
                ["state"] => read::state(&place, &request).await,
                ["history"] => read::history(&place, &request).await,
                ["events"] => events::stream(&self.streams, &place, &request).await,
                ["files", file, _name] => read::file(&self.streams, &place, file).await,
                _ => Err(Refusal::NOT_FOUND),
            };
        }
        guard::check_origin(&request, &place.house.kit.public_url)?;
        self.pace.take(&place.room, guard::cookie(&request), place.house.kit.clock.wall())?;
        match (request.method.as_str(), rest) {
            ("POST", ["name"]) => api::name(&place, request).await,
            ("POST", ["messages"]) => api::post(&place, request).await,
            ("PUT", ["messages", id]) => api::edit(&place, request, id).await,
            ("DELETE", ["messages", id]) => api::delete(&place, &request, id).await,
            ("POST", ["messages", id, "reactions", emoji]) => {
                api::react(&place, &request, id, emoji, true).await
            }
            ("DELETE", ["messages", id, "reactions", emoji]) => {
                api::react(&place, &request, id, emoji, false).await
            }
            ("POST", ["upload"]) => upload::upload(&place, request).await,
            ("POST" | "PUT" | "DELETE" | "PATCH", _) => Err(Refusal::NOT_FOUND),
            _ => Err(Refusal::new(405, "method", "That can't be done here.")),
        }
    }

    async fn find(&self, token: &str) -> Result<Place, Refusal> {
        // Compared by digest, so that the time it takes tells nothing of the secret.
        let digest = ids::digest(&[token]);
        let mut is_missing = false;
        for house in self.hub.houses() {
            if house.load().await.is_err() {
                is_missing = true;
                continue;
            }
            if let Some(room) = house.by_token_digest(&digest) {
                return Ok(Place { house, room });
            }
        }
        Err(if is_missing { Fault::Storage.into() } else { Refusal::NOT_FOUND })
    }
}

/// Why a request is not answered as asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    status: u16,
    code: &'static str,
    message: &'static str,
    retry_after_secs: Option<u32>,
}

impl Refusal {
    const NOT_FOUND: Self = Self::new(404, "not_found", "There is nothing here, or no longer.");

    const fn new(status: u16, code: &'static str, message: &'static str) -> Self {
        Self { status, code, message, retry_after_secs: None }
    }

    const fn later(status: u16, code: &'static str, message: &'static str, secs: u32) -> Self {
        Self { status, code, message, retry_after_secs: Some(secs) }
    }

    fn answer(&self) -> HttpResponse {
        let body = json!({ "error": { "code": self.code, "message": self.message } });
        let answer = answer_json(self.status, &body);
        match self.retry_after_secs {
            Some(secs) => answer.with_header("retry-after", secs.to_string()),
            None => answer,
        }
    }
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::NoRoom => Self::NOT_FOUND,
            Fault::NoMessage => Self::new(404, "no_message", "That message is gone."),
            Fault::NoName => Self::new(401, "no_name", "Enter a name first."),
            Fault::Forbidden => Self::new(403, "forbidden", "Only its author may do that."),
            Fault::NameTaken => Self::new(409, "name_taken", "Somebody here has that name. Choose another."),
            Fault::Empty => Self::new(422, "empty", "There is nothing to send."),
            Fault::TooLong => Self::new(422, "too_long", "A message has at most 16,000 characters."),
            Fault::BadEmoji => {
                Self::new(422, "bad_emoji", "That is no emoji, or there are too many already.")
            }
            Fault::Busy => Self::later(503, "busy", "Too much at once. Try again in a moment.", 1),
            Fault::Full => Self::later(507, "full", "The storage is full. Tell whoever runs this place.", 30),
            Fault::Storage => {
                Self::later(503, "storage", "The storage does not answer. Try again in a moment.", 2)
            }
            Fault::Unsure => {
                Self::later(503, "unsure", "It may have been kept. Send it again with the same id.", 1)
            }
        }
    }
}

fn answer_json(status: u16, body: &Value) -> HttpResponse {
    HttpResponse::new(status, "application/json; charset=utf-8", body.to_string())
}
