//! Addresses and ids: the only place where they are made and taken apart.
//!
//! RFC 7622 addresses; [`RemoteRoomId`] is a bare room address in lower case (or, for a private talk, the address
//! of the other side), [`RemoteUserId`] the strongest id of a person that a room offers.

use sameroom_types::ids::{Cursor, Mark, RemoteRoomId, RemoteUserId};
use sameroom_types::time::Timestamp;

/// An address: `local@domain/resource`, compared without regard to case in its first two parts.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Jid {
    /// Person or room; absent for a server.
    pub(crate) local: Option<String>,
    /// The server, in lower case.
    pub(crate) domain: String,
    /// Device, or nick in a room; case matters.
    pub(crate) resource: Option<String>,
}

impl Jid {
    /// Reads an address; `None` if it is none.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (bare, resource) = match text.split_once('/') {
            Some((bare, resource)) => (bare, Some(resource)),
            None => (text, None),
        };
        let (local, domain) = match bare.split_once('@') {
            Some((local, domain)) => (Some(local), domain),
            None => (None, bare),
        };
        let bad_local = |local: &str| {
            local.is_empty()
                || local.len() > 1023
                || local.contains(|c: char| {
                    c.is_whitespace()
                        || c.is_control()
                        || matches!(c, '"' | '&' | '\'' | ':' | '<' | '>' | '@')
                })
        };
        let bad_domain = domain.is_empty()
            || domain.len() > 1023
            || domain.contains(|c: char| c.is_whitespace() || c.is_control() || c == '@');
        let bad_resource = |resource: &str| {
            resource.is_empty() || resource.len() > 1023 || resource.contains(char::is_control)
        };
        if local.is_some_and(bad_local) || bad_domain || resource.is_some_and(bad_resource) {
            return None;
        }
        Some(Self {
            local: local.map(str::to_lowercase),
            domain: domain.to_lowercase(),
            resource: resource.map(str::to_owned),
        })
    }

    /// Without the resource.
    pub(crate) fn bare(&self) -> String {
        match &self.local {
            Some(local) => format!("{local}@{}", self.domain),
            None => self.domain.clone(),
        }
    }

    /// All of it.
    pub(crate) fn full(&self) -> String {
        match &self.resource {
            Some(resource) => format!("{}/{resource}", self.bare()),
            None => self.bare(),
        }
    }
}

/// The bare address in `from`, in lower case, and its resource.
pub(crate) fn split_from(from: &str) -> (String, Option<&str>) {
    match from.split_once('/') {
        Some((bare, resource)) => (bare.to_lowercase(), Some(resource)),
        None => (from.to_lowercase(), None),
    }
}

/// The room that somebody meant: a local part, a room address, or a private talk's id.
pub(crate) fn room_address(written: &str, muc: Option<&str>, prefix: Option<&str>) -> Option<Jid> {
    let written = written.trim();
    let written = written.strip_prefix("xmpp:").unwrap_or(written);
    let written = written.split('?').next().unwrap_or(written);
    if written.contains('@') {
        return Jid::parse(written);
    }
    let local = match prefix {
        Some(prefix) if !written.starts_with(prefix) => format!("{prefix}{}", slug(written)),
        _ => written.to_owned(),
    };
    Jid::parse(&format!("{local}@{}", muc?))
}

/// A room's name as HipChat writes it in addresses.
fn slug(name: &str) -> String {
    name.to_lowercase().chars().map(|c| if c.is_whitespace() { '_' } else { c }).collect()
}

/// The id of a room.
pub(crate) fn room_id(bare: &str) -> RemoteRoomId {
    RemoteRoomId::new(bare)
}

/// What is known of who a person is.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Identity<'a> {
    /// The id that the room gave the person, if this room gives ids (XEP-0421).
    pub(crate) occupant_id: Option<&'a str>,
    /// The real bare address, where the room shows it.
    pub(crate) real: Option<&'a str>,
    /// The nick.
    pub(crate) nick: &'a str,
}

/// The id of a person in a room: strongest first, and none can be taken for one of another kind.
pub(crate) fn user_id(identity: Identity<'_>) -> RemoteUserId {
    match identity {
        Identity { occupant_id: Some(id), .. } => RemoteUserId::new(format!("occupant:{id}")),
        Identity { real: Some(real), .. } => RemoteUserId::new(split_from(real).0),
        Identity { nick, .. } => RemoteUserId::new(format!("nick:{nick}")),
    }
}

/// What our own stanza ids end in where one part takes two stanzas: the line that goes before a file.
pub(crate) const CAPTION: &str = "-c";

/// The mark in a stanza id, if a Sameroom made it, and whether the stanza is a mere caption.
pub(crate) fn mark_of(id: &str) -> Option<(Mark, bool)> {
    if let Some(mark) = Mark::parse(id) {
        return Some((mark, false));
    }
    Mark::parse(id.strip_suffix(CAPTION)?).map(|mark| (mark, true))
}

/// How far a room has been read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    /// The archive's id of the last message.
    pub(crate) archive_id: Option<String>,
    /// About when that was.
    pub(crate) at: Timestamp,
}

impl Place {
    /// As the engine keeps it.
    pub(crate) fn to_cursor(&self) -> Cursor {
        match &self.archive_id {
            Some(id) => Cursor::new(format!("a:{}:{id}", self.at.0)),
            None => Cursor::new(format!("t:{}", self.at.0)),
        }
    }

    /// From what the engine kept.
    pub(crate) fn from_cursor(cursor: &Cursor) -> Option<Self> {
        let (kind, rest) = cursor.as_str().split_once(':')?;
        match kind {
            "a" => {
                let (at, id) = rest.split_once(':')?;
                Some(Self { archive_id: Some(id.to_owned()), at: Timestamp(at.parse().ok()?) })
            }
            "t" => Some(Self { archive_id: None, at: Timestamp(rest.parse().ok()?) }),
            _ => None,
        }
    }
}

/// The time in an XEP-0082 stamp such as `2026-11-02T10:00:00Z`.
pub(crate) fn parse_stamp(stamp: &str) -> Option<Timestamp> {
    let stamp = stamp.trim();
    let (date, time) = stamp.split_once('T')?;
    let mut date = date.rsplitn(3, '-');
    let day: i64 = date.next()?.parse().ok()?;
    let month: i64 = date.next()?.parse().ok()?;
    let year: i64 = date.next()?.parse().ok()?;
    let (clock, offset_minutes) = match time.strip_suffix(['Z', 'z']) {
        Some(clock) => (clock, 0),
        None => {
            let at = time.rfind(['+', '-'])?;
            let (clock, offset) = time.split_at_checked(at)?;
            let (sign, offset) = match offset.strip_prefix('-') {
                Some(offset) => (-1, offset),
                None => (1, offset.strip_prefix('+')?),
            };
            let (hours, minutes) = offset.split_once(':')?;
            (clock, sign * (hours.parse::<i64>().ok()? * 60 + minutes.parse::<i64>().ok()?))
        }
    };
    let mut clock = clock.split(':');
    let hour: i64 = clock.next()?.parse().ok()?;
    let minute: i64 = clock.next()?.parse().ok()?;
    let (second, fraction) = {
        let text = clock.next()?;
        text.split_once('.').unwrap_or((text, ""))
    };
    let second: i64 = second.parse().ok()?;
    let mut millis = 0;
    for (index, digit) in fraction.chars().take(3).enumerate() {
        millis += i64::from(digit.to_digit(10)?) * [100, 10, 1].get(index).copied().unwrap_or(0);
    }
    let in_range = (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && (0..=9999).contains(&year)
        && (0..24).contains(&hour)
        && (0..60).contains(&minute)
        && (0..=60).contains(&second)
        && offset_minutes.abs() <= 24 * 60;
    if !in_range {
        return None;
    }
    // Days from civil, counted in years that start in March.
    let shifted_year = if month <= 2 { year - 1 } else { year };
    let era = shifted_year.div_euclid(400);
    let year_of_era = shifted_year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days =
        era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468;
    let minutes = (days * 24 + hour) * 60 + minute - offset_minutes;
    Some(Timestamp((minutes * 60 + second) * 1000 + millis))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn addresses_fold_case_but_for_the_resource() {
        let jid = Jid::parse("Dev@MUC.Example.org/Ann Lee/x").expect("an address");
        assert_eq!(jid.full(), "dev@muc.example.org/Ann Lee/x");
        for bad in ["", "@x", "a@", "a b@x", "a@b@c", "a@b/", "<a>@b", "a@b/\u{0}"] {
            assert_eq!(Jid::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn rooms_are_found_by_what_people_write() {
        let check = |written: &str, prefix: Option<&str>, expected: Option<&str>| {
            let found = room_address(written, Some("conf.x"), prefix).map(|jid| jid.full());
            assert_eq!(found.as_deref(), expected, "{written}");
        };
        check("lobby", None, Some("lobby@conf.x"));
        check("Lobby@Other.X", None, Some("lobby@other.x"));
        check("xmpp:dev@muc.y?join", None, Some("dev@muc.y"));
        check("dev@muc.y/Ann", None, Some("dev@muc.y/Ann"));
        check("Water Cooler", Some("7_"), Some("7_water_cooler@conf.x"));
        check("7_dev", Some("7_"), Some("7_dev@conf.x"));
        check("no such", None, None);
        assert_eq!(room_address("lobby", None, None), None);
    }

    #[test]
    fn people_of_different_kinds_never_share_an_id() {
        let ids = [
            user_id(Identity { occupant_id: Some("a@b"), real: Some("a@b"), nick: "a@b" }),
            user_id(Identity { occupant_id: None, real: Some("A@b/x"), nick: "a@b" }),
            user_id(Identity { occupant_id: None, real: None, nick: "a@b" }),
        ];
        assert_eq!(ids.map(|id| id.to_string()), ["occupant:a@b", "a@b", "nick:a@b"]);
    }

    #[test]
    fn marks_are_read_from_ids_and_captions_told_apart() {
        let (mark, caption) = mark_of("sr1-k3j9x0ab-0000000000000011-3-0").expect("a mark");
        assert_eq!((mark.part, caption), (0, false));
        assert!(mark_of("sr1-k3j9x0ab-0000000000000011-3-0-c").expect("a mark").1);
        assert!(mark_of("c-81").is_none());
    }

    #[test]
    fn places_survive_being_kept() {
        for place in [
            Place { archive_id: Some("2026-1:x:y".into()), at: Timestamp(5) },
            Place { archive_id: None, at: Timestamp(-7) },
        ] {
            assert_eq!(Place::from_cursor(&place.to_cursor()), Some(place));
        }
        for bad in ["", "x:1", "a:1", "t:z"] {
            assert_eq!(Place::from_cursor(&bad.into()), None, "{bad}");
        }
    }

    #[test]
    fn stamps_are_read_in_every_allowed_form() {
        let check =
            |stamp: &str, expected| assert_eq!(parse_stamp(stamp).map(|at| at.0), expected, "{stamp}");
        check("2026-11-02T10:00:00Z", Some(1_793_613_600_000));
        check("2026-11-02T10:00:00.123456Z", Some(1_793_613_600_123));
        check("2026-11-02T11:30:00+01:30", Some(1_793_613_600_000));
        check("2000-02-29T00:00:00Z", Some(951_782_400_000));
        for bad in
            ["", "now", "2026-13-02T10:00:00Z", "2026-11-02", "T", "2026-11-02T1", "999999999999-1-1T0:0:0Z"]
        {
            check(bad, None);
        }
    }

    proptest! {
        #[test]
        fn times_read_back_as_printed(millis in -60_000_000_000_000_i64..200_000_000_000_000) {
            prop_assert_eq!(parse_stamp(&Timestamp(millis).to_string()), Some(Timestamp(millis)));
        }

        #[test]
        fn nothing_written_makes_reading_panic(text in any::<String>()) {
            parse_stamp(&text);
            Jid::parse(&text);
            room_address(&text, Some("m"), Some("1_"));
        }
    }
}
