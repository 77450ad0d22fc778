//! The prefix of the line before, by which the next one is taken apart without looking for every
//! form there is: in a log of one machine only the digits change.
//!
//! It gives what [`strip`] gives, or leaves the line to it; it never judges on its own.

use alloc::vec::Vec;

use super::{Line, Origin, date, strip, tag};
use crate::oom::model::Wall;
use crate::oom::summary::Style;
use crate::oom::text::{digits_then, trim_start, word};

/// What is remembered of the line before.
#[derive(Debug, Default)]
pub(in crate::oom) struct Known {
    /// `Jan  2 `; empty for other dates.
    day: Vec<u8>,
    /// Month and day; the rest is each line's own.
    wall: Option<Wall>,
    /// ` web01 `, between date and tag.
    middle: Vec<u8>,
    /// Bytes of blanks before the host in `middle`.
    blanks: usize,
    /// Bytes of the host in it.
    host: usize,
}

impl Known {
    /// As [`strip`].
    pub(in crate::oom) fn strip<'a>(&mut self, text: &'a [u8]) -> Line<'a> {
        if let Some(line) = self.quick(text) {
            return line;
        }
        let line = strip(text);
        if matches!(line.style, Style::Syslog | Style::IsoDate) {
            self.learn(text, &line);
        }
        line
    }

    fn quick<'a>(&self, text: &'a [u8]) -> Option<Line<'a>> {
        let mut line = Line::bare(text);
        let first = *text.first()?;
        if first == b'[' {
            line.style = Style::Dmesg;
            return timed(line, text);
        }
        let wall = self.wall?;
        let (wall, rest) = if first.is_ascii_digit() {
            line.style = Style::IsoDate;
            date::iso(text).filter(|_| self.day.is_empty())?
        } else {
            line.style = Style::Syslog;
            let rest = text.strip_prefix(&self.day[..]).filter(|_| !self.day.is_empty())?;
            day_time(wall, rest)?
        };
        let rest = rest.strip_prefix(&self.middle[..])?;
        line.stamp.wall = Some(wall);
        let from = text.len() - rest.len() - self.middle.len() + self.blanks;
        line.host = text.get(from..from + self.host);
        let tag = tag::one(rest)?;
        if let Some(program) = tag.program {
            line.origin = Origin::Program(program);
            line.text = tag.rest;
            return Some(line);
        }
        let rest = match tag.rest {
            [b' ', after @ ..] => after,
            _ => tag.rest,
        };
        match rest.first()? {
            b'[' if is_row(rest) => {
                line.text = rest;
                Some(line)
            }
            b'[' => timed(line, rest),
            // Neither a colon, which other prefixes have, nor a bracket or number of one.
            b'a'..=b'z' | b'A'..=b'Z' => {
                let more = rest.starts_with(b"kernel:") || tag::decoded_priority(rest).is_some();
                line.text = rest;
                (!more).then_some(line)
            }
            _ => None,
        }
    }

    /// Remembers the form of a line, if it is one of those read here.
    fn learn(&mut self, text: &[u8], line: &Line<'_>) {
        self.wall = None;
        let Some(host) = line.host else { return };
        let dated = match line.style {
            Style::Syslog => date::bsd(text),
            _ => date::iso(text),
        };
        let Some((wall, rest)) = dated else { return };
        let from = text.len() - rest.len();
        let after = trim_start(rest);
        let (first, behind) = word(after);
        let tag = trim_start(behind);
        if first != host || tag::one(after).is_some() || tag::one(tag).is_none() {
            return;
        }
        self.blanks = rest.len() - after.len();
        self.host = host.len();
        let middle = rest.get(..rest.len() - tag.len()).unwrap_or_default();
        self.middle.clear();
        self.middle.extend_from_slice(middle);
        self.day.clear();
        if line.style == Style::Syslog {
            if from != DAY_BYTES + TIME_BYTES || wall.year.is_some() {
                return;
            }
            self.day.extend_from_slice(text.get(..DAY_BYTES).unwrap_or_default());
        }
        let ends = self.middle.ends_with(b" ") || self.middle.ends_with(b"\t");
        self.wall = (self.blanks > 0 && ends && host.len() <= HOST_BYTES_MAX).then_some(wall);
    }
}

/// `03:04:05` and a blank, on a known day.
fn day_time(mut wall: Wall, text: &[u8]) -> Option<(Wall, &[u8])> {
    let (time, rest) = text.split_at_checked(TIME_BYTES)?;
    let &[h, i, b':', m, n, b':', s, t] = time else { return None };
    let two = |tens: u8, ones: u8| {
        (tens.is_ascii_digit() && ones.is_ascii_digit()).then(|| (tens - b'0') * 10 + (ones - b'0'))
    };
    wall.hour = two(h, i).filter(|hour| *hour < 24)?;
    wall.minute = two(m, n).filter(|minute| *minute < 60)?;
    wall.second = two(s, t).filter(|second| *second <= 60)?;
    wall.micros = 0;
    matches!(rest.first(), Some(b' ')).then_some((wall, rest))
}

/// `[  123.456789] text`, where nothing more follows that is a prefix.
fn timed<'a>(mut line: Line<'a>, rest: &'a [u8]) -> Option<Line<'a>> {
    let (seconds, after) = digits_then(trim_start(rest.get(1..)?))?;
    let &[b'.', a, b, c, d, e, f, b']', ref after @ ..] = after else { return None };
    if rest.len() - after.len() > TIMED_BYTES_MAX {
        return None;
    }
    let mut micros = 0;
    for digit in [a, b, c, d, e, f] {
        digit.is_ascii_digit().then_some(())?;
        micros = micros * 10 + u64::from(digit - b'0');
    }
    line.stamp.boot_micros = Some(seconds.checked_mul(1_000_000)?.checked_add(micros)?);
    let text = after.strip_prefix(b" ").unwrap_or(after);
    line.text = text;
    match trim_start(text) {
        // A vendor's note of who wrote the line, or a priority.
        [b'<' | b'(' | b'-', ..] | [b'A'..=b'Z', b'[', ..] => return None,
        // Any other bracket may be a prefix's.
        row @ [b'[', ..] => return is_row(row).then_some(line),
        _ => {}
    }
    tag::strict(text).is_none().then_some(line)
}

/// `[ 1234] `: a row of a table.
fn is_row(text: &[u8]) -> bool {
    let number = trim_start(text.get(1..).unwrap_or_default());
    let digits = number.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let end = number.get(digits..).unwrap_or_default();
    (1..=PID_DIGITS_MAX).contains(&digits)
        && matches!(end, [b']', b' ', ..])
        && text.len() - end.len() < ROW_BYTES_MAX
}

/// `Jan  2 `.
const DAY_BYTES: usize = 7;

/// `03:04:05`.
const TIME_BYTES: usize = 8;

const HOST_BYTES_MAX: usize = 255;

/// A time in brackets is shorter.
const TIMED_BYTES_MAX: usize = 40;

/// `[  4194303]` is shorter.
const ROW_BYTES_MAX: usize = 24;

/// Fewer than a date has.
const PID_DIGITS_MAX: usize = 7;

#[cfg(test)]
mod tests;
