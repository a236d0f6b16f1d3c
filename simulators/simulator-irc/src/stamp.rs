//! Time as IRC writes it: `2026-11-02T10:00:00.123Z`. Implements <https://ircv3.net/specs/extensions/server-time>.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Writes a time with milliseconds, in UTC.
pub(crate) fn write(at: SystemTime) -> String {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (days, second) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
    let (year, month, day) = civil(days);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:03}Z",
        second / 3_600,
        second / 60 % 60,
        second % 60,
        since.subsec_millis()
    )
}

/// Reads what [`write`] writes; the fraction may be missing.
pub(crate) fn read(text: &str) -> Option<SystemTime> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let date: Vec<u64> = date.split('-').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let time: Vec<u64> = time.split(':').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let ([year, month, day], [hour, minute, second]) = (date.as_slice(), time.as_slice()) else {
        return None;
    };
    let in_range = (1970..=9999).contains(year)
        && (1..=12).contains(month)
        && (1..=31).contains(day)
        && *hour < 24
        && *minute < 60
        && *second < 61;
    if !in_range || fraction.is_empty() || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let millis: u64 = format!("{fraction:0<3}").chars().take(3).collect::<String>().parse().ok()?;
    let secs = days(*year, *month, *day) * 86_400 + hour * 3_600 + minute * 60 + second;
    UNIX_EPOCH.checked_add(Duration::from_millis(secs * 1_000 + millis))
}

/// Whole seconds since 1970, as `333` and `317` want them.
pub(crate) fn unix(at: SystemTime) -> u64 {
    at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// Year, month and day of a day number; the calendar repeats every 400 years.
fn civil(days_since_1970: u64) -> (u64, u64, u64) {
    // Count from 1 March of the year 0, so that the leap day comes last in its year.
    let shifted = days_since_1970 + 719_468;
    let (era, in_era) = (shifted / 146_097, shifted % 146_097);
    let year = (in_era - in_era / 1_460 + in_era / 36_524 - in_era / 146_096) / 365;
    let in_year = in_era - (365 * year + year / 4 - year / 100);
    let month = (5 * in_year + 2) / 153;
    let day = in_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + u64::from(month <= 2), month, day)
}

/// The inverse of [`civil`].
fn days(year: u64, month: u64, day: u64) -> u64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year / 400, year % 400);
    let shifted_month = if month > 2 { month - 3 } else { month + 9 };
    let in_year = (153 * shifted_month + 2) / 5 + day - 1;
    let in_era = of_era * 365 + of_era / 4 - of_era / 100 + in_year;
    (era * 146_097 + in_era).saturating_sub(719_468)
}

#[cfg(test)]
mod tests {
    use super::{read, write};
    use std::time::{Duration, UNIX_EPOCH};

    #[test]
    fn known_times() {
        assert_eq!(write(UNIX_EPOCH), "1970-01-01T00:00:00.000Z");
        assert_eq!(write(UNIX_EPOCH + Duration::from_millis(951_827_696_789)), "2000-02-29T12:34:56.789Z");
        assert_eq!(
            read("2000-02-29T12:34:56.789Z"),
            Some(UNIX_EPOCH + Duration::from_millis(951_827_696_789))
        );
        assert_eq!(read("2000-02-29T12:34:56Z"), Some(UNIX_EPOCH + Duration::from_millis(951_827_696_000)));
        assert_eq!(read("2000-99-29T12:34:56Z"), None);
        assert_eq!(read("yesterday"), None);
    }

    #[test]
    fn every_day_reads_back() {
        for day in 0..60_000_u64 {
            let at = UNIX_EPOCH + Duration::from_secs(day * 86_400 + 3_661);
            assert_eq!(read(&write(at)), Some(at));
        }
    }
}
