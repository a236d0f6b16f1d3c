//! The `time` tag: <https://ircv3.net/specs/extensions/server-time>.

use sameroom_types::time::Timestamp;

/// Reads `YYYY-MM-DDThh:mm:ss.sssZ`; `None` for anything else.
pub(crate) fn parse(text: &str) -> Option<Timestamp> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let mut date = date.splitn(3, '-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let mut time = time.splitn(3, ':');
    let hour: i64 = time.next()?.parse().ok()?;
    let minute: i64 = time.next()?.parse().ok()?;
    let (seconds, fraction) = time.next().map(|part| part.split_once('.').unwrap_or((part, "0")))?;
    let seconds: i64 = seconds.parse().ok()?;
    let millis: i64 = format!("{:0<3}", fraction.get(..fraction.len().min(3))?).parse().ok()?;
    let is_sound = (1970..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && (0..24).contains(&hour)
        && (0..60).contains(&minute)
        && (0..=60).contains(&seconds)
        && (0..1000).contains(&millis);
    is_sound.then(|| {
        let days = days_since_1970(year, month, day);
        Timestamp(((days * 24 + hour) * 60 + minute) * 60_000 + seconds * 1000 + millis)
    })
}

/// Days from civil date, for the proleptic Gregorian calendar with years that start in March.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn broken_times_are_none() {
        for text in [
            "",
            "Z",
            "2026-11-02",
            "2026-13-02T10:00:00.000Z",
            "2026-11-02T10:00Z",
            "-1-1-1T1:1:1Z",
            "2026-11-02T10:00:00.éZ",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(parse("2026-11-02T10:00:00Z"), Some(Timestamp(1_793_613_600_000)));
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read(millis in 0_i64..4_102_444_800_000) {
            prop_assert_eq!(parse(&Timestamp(millis).to_string()), Some(Timestamp(millis)));
        }

        #[test]
        fn reading_never_panics(text in "\\PC{0,40}") {
            parse(&text);
        }
    }
}
