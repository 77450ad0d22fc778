//! Times of a log on one axis: which came first, and how far apart two are.
//!
//! Logs have a wall clock (often without its year), the time since the kernel started, both, or
//! none. Two moments are compared by the clock they share; nothing is made up where they share
//! none. Days are counted in the proleptic Gregorian calendar.

use alloc::format;
use alloc::string::String;

use menshen_base::calendar::{DAY_SECONDS, civil, days};
use menshen_guard_core::oom::{Stamp, Wall, Zone};

use super::night::Moment;

/// When a file was last written; gives the year to dates that have none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Changed {
    /// The year.
    pub year: i32,
    /// 1..=12.
    pub month: u8,
    /// 1..=31.
    pub day: u8,
}

impl Changed {
    /// The day, in UTC, that a second since 1970 is in.
    #[must_use]
    pub fn of_unix_seconds(seconds: i64) -> Self {
        let (year, month, day) = civil(seconds.div_euclid(DAY_SECONDS));
        Self { year: i32::try_from(year).unwrap_or(i32::MAX), month, day }
    }
}

/// Gives years to the dates of one log that have none: a month far back begins a new year.
///
/// Which year the first one is becomes known at the end, see [`Calendar::shift`].
#[derive(Debug, Clone)]
pub(super) struct Calendar {
    year: i32,
    month: u8,
    day: u8,
}

impl Calendar {
    pub(super) const fn new() -> Self {
        Self { year: YEAR_UNKNOWN, month: 0, day: 0 }
    }

    /// The moment of a stamp.
    pub(super) fn moment(&mut self, stamp: &Stamp, life: u32) -> Moment {
        let mut moment = Moment::of(stamp, life);
        moment.wall_micros = stamp.wall.map(|wall| self.micros(&wall));
        moment.text = text(stamp);
        moment.iso = stamp.wall.as_ref().and_then(iso);
        moment
    }

    /// By how many years the dates without one have to be moved, if the log was last written then:
    /// its last line is not younger.
    pub(super) fn shift(&self, changed: Changed) -> i32 {
        // A day more: the file's day is one of UTC.
        let later = (self.month, self.day) > (changed.month, changed.day.saturating_add(1));
        changed.year.saturating_sub(i32::from(later)).saturating_sub(self.year)
    }

    fn micros(&mut self, wall: &Wall) -> i64 {
        let year = wall.year.unwrap_or_else(|| {
            if wall.month.saturating_add(6) < self.month {
                self.year = self.year.saturating_add(1);
            }
            (self.month, self.day) = (wall.month, wall.day);
            self.year
        });
        let seconds = days(i64::from(year), wall.month, wall.day) * DAY_SECONDS
            + i64::from(wall.hour) * 3600
            + i64::from(wall.minute) * 60
            + i64::from(wall.second);
        let east = match wall.zone {
            Zone::Local => 0,
            Zone::Offset(minutes) => i64::from(minutes) * 60,
        };
        (seconds - east) * 1_000_000 + i64::from(wall.micros)
    }
}

/// Moves a date that had no year by so many years.
pub(super) fn move_years(moment: &mut Moment, years: i32) {
    let undated = moment.wall.is_some_and(|wall| wall.year.is_none());
    if let Some(micros) = moment.wall_micros.filter(|_| undated) {
        let day = micros.div_euclid(DAY_SECONDS * 1_000_000);
        let (year, month, date) = civil(day);
        let moved = days(year + i64::from(years), month, date) - day;
        moment.wall_micros = micros.checked_add(moved * DAY_SECONDS * 1_000_000);
    }
}

/// From `earlier` to `later`, microseconds; negative if they are the other way round.
pub(super) fn between(earlier: &Moment, later: &Moment) -> Option<i64> {
    if earlier.life == later.life
        && let (Some(from), Some(to)) = (earlier.boot_micros, later.boot_micros)
    {
        return i64::try_from(to).ok()?.checked_sub(i64::try_from(from).ok()?);
    }
    later.wall_micros?.checked_sub(earlier.wall_micros?)
}

/// `2026-03-15 03:12:05`, `Mar 15 03:12:05`, `898.332085`, or nothing.
fn text(stamp: &Stamp) -> String {
    if let Some(wall) = &stamp.wall {
        let clock = format!("{:02}:{:02}:{:02}", wall.hour, wall.minute, wall.second);
        return match wall.year {
            Some(year) => format!("{year:04}-{:02}-{:02} {clock}", wall.month, wall.day),
            None => {
                let month = usize::from(wall.month.saturating_sub(1));
                let month = MONTHS.get(month).copied().unwrap_or("???");
                format!("{month} {:2} {clock}", wall.day)
            }
        };
    }
    match stamp.boot_micros {
        Some(micros) => format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000),
        None => String::new(),
    }
}

/// `2026-03-15T03:12:05.25+01:00`: without a fraction if it is 0, without a zone if none is known.
pub(super) fn iso(wall: &Wall) -> Option<String> {
    let year = wall.year?;
    let (month, day) = (wall.month, wall.day);
    let (hour, minute, second) = (wall.hour, wall.minute, wall.second);
    let mut text = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
    if wall.micros > 0 {
        text += format!(".{:06}", wall.micros).trim_end_matches('0');
    }
    match wall.zone {
        Zone::Local => {}
        Zone::Offset(0) => text.push('Z'),
        Zone::Offset(east) => {
            let sign = if east < 0 { '-' } else { '+' };
            let minutes = east.unsigned_abs();
            text += &format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60);
        }
    }
    Some(text)
}

/// Where no year is known; any does, since only differences are used.
const YEAR_UNKNOWN: i32 = 2000;
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

#[cfg(test)]
mod tests;
