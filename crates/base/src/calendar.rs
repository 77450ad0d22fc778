//! Days and seconds since 1970 as dates of the proleptic Gregorian calendar, always UTC.
//!
//! Years are counted from March, so that the leap day is the last of its year; an era is 400 years,
//! after which the calendar repeats. Exact for all years that a count of seconds can reach.

use alloc::format;
use alloc::string::String;

/// Year, month (1 to 12) and day (1 to 31) of a day counted from 1970-01-01.
#[must_use]
pub const fn civil(days: i64) -> (i64, u8, u8) {
    let days = days + EPOCH_DAYS;
    let (era, of_era) = (days.div_euclid(ERA_DAYS), days.rem_euclid(ERA_DAYS));
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let (year, month) = match from_march {
        0..=9 => (era * 400 + year, from_march + 3),
        _ => (era * 400 + year + 1, from_march - 9),
    };
    (year, month.to_le_bytes()[0], day.to_le_bytes()[0])
}

/// The day counted from 1970-01-01 of a date; a day beyond its month's end is counted on.
#[must_use]
pub const fn days(year: i64, month: u8, day: u8) -> i64 {
    let (month, day) = (i64::from_le_bytes(wide(month)), i64::from_le_bytes(wide(day)));
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * ERA_DAYS + of_era * 365 + of_era / 4 - of_era / 100 + of_year - EPOCH_DAYS
}

/// `2026-11-22`.
#[must_use]
pub fn date(unix_s: i64) -> String {
    let (year, month, day) = civil(unix_s.div_euclid(DAY_SECONDS));
    format!("{year:04}-{month:02}-{day:02}")
}

/// `12:00:00`.
#[must_use]
pub fn time(unix_s: i64) -> String {
    let second = unix_s.rem_euclid(DAY_SECONDS);
    format!("{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60)
}

/// `2026-11-22T12:00:00Z` (RFC 3339).
#[must_use]
pub fn rfc3339(unix_s: i64) -> String {
    format!("{}T{}Z", date(unix_s), time(unix_s))
}

/// `2026-11-22 12:00:00 UTC`, for people.
#[must_use]
pub fn date_time(unix_s: i64) -> String {
    format!("{} {} UTC", date(unix_s), time(unix_s))
}

const fn wide(small: u8) -> [u8; 8] {
    [small, 0, 0, 0, 0, 0, 0, 0]
}

/// Seconds of a day.
pub const DAY_SECONDS: i64 = 86_400;
/// Days of 400 years.
const ERA_DAYS: i64 = 146_097;
/// Days from 0000-03-01 to 1970-01-01.
const EPOCH_DAYS: i64 = 719_468;

#[cfg(test)]
mod tests;
