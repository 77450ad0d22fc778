//! Moments of certificates as seconds since 1970, and calendar months between them.

pub(super) use menshen_base::calendar::{DAY_SECONDS as DAY, date, date_time};
use menshen_base::calendar::{civil, days};

/// Unix seconds of the start of a day.
pub(super) const fn midnight(year: i64, month: u8, day: u8) -> i64 {
    days(year, month, day) * DAY
}

/// The same day and time so many calendar months later; the last day of that month when it is
/// shorter.
pub(super) fn months_later(unix: i64, months: i64) -> i64 {
    let (year, month, day) = civil(unix.div_euclid(DAY));
    let index = year * 12 + i64::from(month - 1) + months;
    let month_of = |index: i64| u8::try_from(index.rem_euclid(12) + 1).unwrap_or(1);
    let first = |index: i64| days(index.div_euclid(12), month_of(index), 1);
    let length = first(index + 1) - first(index);
    (first(index) + i64::from(day).min(length) - 1) * DAY + unix.rem_euclid(DAY)
}

#[cfg(test)]
mod tests;
