//! Unix seconds as calendar text, always UTC, by the proleptic Gregorian calendar.

use alloc::format;
use alloc::string::String;

/// `2026-03-15`.
#[must_use]
pub fn date(unix: i64) -> String {
    let (year, month, day) = civil(unix.div_euclid(DAY));
    format!("{year:04}-{month:02}-{day:02}")
}

/// `2026-03-15 00:00:00 UTC`.
#[must_use]
pub fn date_time(unix: i64) -> String {
    let second = unix.rem_euclid(DAY);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{} {hour:02}:{minute:02}:{second:02} UTC", date(unix))
}

/// Seconds in a day.
pub(super) const DAY: i64 = 86_400;

/// Unix seconds of the start of a day.
pub(super) const fn midnight(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    days * DAY
}

/// The same day and time so many calendar months later; the last day of that month when it is
/// shorter.
pub(super) const fn months_later(unix: i64, months: i64) -> i64 {
    let (year, month, day) = civil(unix.div_euclid(DAY));
    let index = year * 12 + (month - 1) + months;
    let (year, month) = (index.div_euclid(12), index.rem_euclid(12) + 1);
    let next = if month == 12 { midnight(year + 1, 1, 1) } else { midnight(year, month + 1, 1) };
    let length = (next - midnight(year, month, 1)) / DAY;
    let day = if day > length { length } else { day };
    midnight(year, month, day) + unix.rem_euclid(DAY)
}

/// Days since 1970 to year, month and day.
const fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + (month <= 2) as i64, month, day)
}

#[cfg(test)]
mod tests;
