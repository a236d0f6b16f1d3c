//! Who asks: origin, cookie and pace.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use sameroom_connector::HttpRequest;
use sameroom_types::time::Timestamp;

use super::Refusal;
use crate::ids;
use crate::live::LiveRoom;

/// The cookie that says who somebody is in a room.
pub(super) const COOKIE: &str = "sameroom_person";
/// The header that every write carries: no other site's page can send it.
const HEADER: &str = "x-sameroom";

/// How many writes somebody may make at once, and how many a second after that.
const BURST: f64 = 1_000.0;
const PER_SECOND: f64 = 100.0;
/// How many people's pace is remembered before those who rest are forgotten.
const REMEMBERED: usize = 4_096;

/// Refuses writes that another site's page might have caused.
pub(super) fn check_origin(request: &HttpRequest, public_url: &str) -> Result<(), Refusal> {
    let foreign =
        Refusal::new(403, "foreign", "Writes come from the room's own page, with the header x-sameroom.");
    if request.header(HEADER).is_none() {
        return Err(foreign);
    }
    if request.header("sec-fetch-site").is_some_and(|site| site != "same-origin" && site != "none") {
        return Err(foreign);
    }
    let Some(origin) = request.header("origin") else { return Ok(()) };
    let host_of = |url: &str| url.split_once("://").map(|(_, host)| host.trim_end_matches('/').to_owned());
    let host = host_of(origin);
    let is_ours =
        host.is_some() && (host == host_of(public_url) || host.as_deref() == request.header("host"));
    if is_ours { Ok(()) } else { Err(foreign) }
}

/// The digest of the cookie of this room, if one came along.
pub(super) fn cookie(request: &HttpRequest) -> Option<String> {
    let pairs = request.headers.iter().filter(|(name, _)| name == "cookie");
    let value = pairs
        .flat_map(|(_, value)| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(name, value)| (name == COOKIE).then_some(value))?;
    let is_ours = value.len() == 32 && value.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_ours.then(|| ids::digest(&[value]))
}

/// How fast each person writes.
#[derive(Debug, Default)]
pub(super) struct Pace(Mutex<HashMap<(String, String), (f64, Timestamp)>>);

impl Pace {
    /// Counts a write; strangers of one room share a pace.
    pub(super) fn take(
        &self,
        room: &LiveRoom,
        person: Option<String>,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let filled =
            |left: f64, since: Timestamp| (left + now.since(since).as_secs_f64() * PER_SECOND).min(BURST);
        if known.len() >= REMEMBERED {
            known.retain(|_, (left, since)| filled(*left, *since) < BURST);
        }
        let entry = known.entry((room.rid.clone(), person.unwrap_or_default())).or_insert((BURST, now));
        let left = filled(entry.0, entry.1);
        if left < 1.0 {
            return Err(Refusal::later(429, "too_fast", "That is too fast. Wait a moment.", 1));
        }
        *entry = (left - 1.0, now);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use sameroom_connector::HttpBody;

    use super::*;

    fn request(headers: &[(&str, &str)]) -> HttpRequest {
        let (_, pieces) = tokio::sync::mpsc::channel(1);
        HttpRequest {
            method: "POST".to_owned(),
            path: Vec::new(),
            query: Vec::new(),
            headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            body: HttpBody::new(pieces),
        }
    }

    #[test]
    fn writes_of_other_sites_are_refused() {
        let check =
            |headers: &[(&str, &str)]| check_origin(&request(headers), "https://chat.example").is_ok();
        assert!(check(&[("x-sameroom", "1")]));
        assert!(check(&[("x-sameroom", "1"), ("origin", "https://chat.example")]));
        assert!(check(&[
            ("x-sameroom", "1"),
            ("origin", "http://127.0.0.1:8420"),
            ("host", "127.0.0.1:8420")
        ]));
        assert!(!check(&[]));
        assert!(!check(&[("origin", "https://chat.example")]));
        assert!(!check(&[("x-sameroom", "1"), ("origin", "https://evil.example"), ("host", "chat.example")]));
        assert!(!check(&[("x-sameroom", "1"), ("origin", "null"), ("host", "chat.example")]));
        assert!(!check(&[("x-sameroom", "1"), ("sec-fetch-site", "cross-site")]));
    }

    #[test]
    fn only_our_cookie_counts() {
        let value = "0123456789abcdef0123456789abcdef";
        let found = |text: &str| cookie(&request(&[("cookie", text)]));
        assert_eq!(found(&format!("a=b; {COOKIE}={value}")), Some(ids::digest(&[value])));
        assert_eq!(found(&format!("{COOKIE}=short")), None);
        assert_eq!(found("other=x"), None);
    }

    #[test]
    fn a_flood_is_slowed_and_recovers() {
        let pace = Pace::default();
        let room = LiveRoom::new("r", "lobby".into(), "lobby", "t", 0);
        let take = |at| pace.take(&room, Some("p".to_owned()), Timestamp(at)).is_ok();
        assert_eq!((0..1_200).filter(|_| take(0)).count(), 1_000);
        assert!(!take(1) && take(1_000));
        assert!(pace.take(&room, Some("q".to_owned()), Timestamp(0)).is_ok(), "others are not held up");
    }
}
