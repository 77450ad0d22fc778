//! Dates as logs print them: RFC 3164, RFC 3339 and ISO 8601, `dmesg -T` in several languages,
//! MySQL's, seconds since 1970.
//!
//! A text that only resembles a date gives `None`; nothing is completed or guessed, so the year of
//! RFC 3164 stays unknown.

use menshen_base::calendar::civil;

use crate::oom::model::{Wall, Zone};
use crate::oom::text::{digits_then, trim_start, word};

/// `2023-01-02T03:04:05.678+01:00`, also with a blank or `/`, and what comes after it.
pub(super) fn iso(text: &[u8]) -> Option<(Wall, &[u8])> {
    let (year, rest) = fixed(text, 4)?;
    let separator = *rest.first().filter(|byte| matches!(byte, b'-' | b'/'))?;
    let (month, rest) = fixed(rest.get(1..)?, 2)?;
    let (day, rest) = fixed(rest.strip_prefix(&[separator])?, 2)?;
    let rest = match rest {
        [b'T' | b't' | b' ' | b'_', rest @ ..] => trim_start(rest),
        _ => return None,
    };
    let (clock, rest) = clock(rest)?;
    let (zone, rest) = zone(rest);
    Some((clock.on(i32::try_from(year).ok(), month, day, zone)?, rest))
}

/// `Jan  2 03:04:05`, with the year before, after or nowhere, and what comes after it.
pub(super) fn bsd(text: &[u8]) -> Option<(Wall, &[u8])> {
    let (mut year, mut rest) = match fixed(text, 4) {
        Some((year, rest @ [b' ', ..])) => (Some(year), trim_start(rest)),
        _ => (None, text),
    };
    let (name, after) = word(rest);
    let (day, after) = digits_then(trim_start(after)).filter(|(day, _)| *day <= 31)?;
    let month = month(name)?;
    rest = trim_start(after.strip_prefix(b".").unwrap_or(after));
    if let Some((number, after @ [b' ', ..])) = fixed(rest, 4) {
        year = Some(number);
        rest = trim_start(after);
    }
    let (clock, mut rest) = clock(rest)?;
    if year.is_none()
        && let Some((number, after)) = fixed(trim_start(rest), 4)
        && (1970..=9999).contains(&number)
        && matches!(after.first(), None | Some(b' ' | b':'))
    {
        year = Some(number);
        rest = after;
    }
    let year = year.and_then(|year| i32::try_from(year).ok());
    Some((clock.on(year, u64::from(month), day, Zone::Local)?, rest))
}

/// `230102  3:04:05` (MySQL before 5.7), and what comes after it.
pub(super) fn compact(text: &[u8]) -> Option<(Wall, &[u8])> {
    let (date, rest) = fixed(text, 6)?;
    let rest = trim_start(rest.strip_prefix(b" ")?);
    let (clock, rest) = clock(rest)?;
    let year = i32::try_from(2000 + date / 10_000).ok();
    Some((clock.on(year, date / 100 % 100, date % 100, Zone::Local)?, rest))
}

/// What stands in the brackets of `dmesg -T`: `Mon Jan  2 03:04:05 2023` in the words of any
/// language. `Some(None)`: it is a date, but its month is in a language unknown here.
pub(super) fn bracketed(text: &[u8]) -> Option<Option<Wall>> {
    if let Some((wall, _)) = iso(text) {
        return Some(Some(wall));
    }
    let at = text.windows(8).position(|window| clock(window).is_some())?;
    let (clock, rest) = clock(text.get(at..)?)?;
    let after = words(rest);
    let before = words(text.get(..at)?);
    let year = after.iter().chain(&before).find_map(|word| match fixed(word, 4) {
        Some((year @ 1970..=9999, [] | [0x80..=0xff, ..])) => i32::try_from(year).ok(),
        _ => None,
    });
    let mut wall = None;
    for (index, word) in before.iter().enumerate() {
        let Some((day @ 1..=31, [] | [b'.' | b',' | 0x80..=0xff, ..])) = digits_then(word) else {
            continue;
        };
        let is_month = month(word).is_some();
        let near = [index.wrapping_sub(1), index + 1];
        let named = near.iter().find_map(|&place| month(before.get(place)?));
        if let (Some(month), false) = (named, is_month) {
            wall = clock.on(year, u64::from(month), day, Zone::Local);
            break;
        }
    }
    Some(wall)
}

/// Seconds since 1970 with a fraction, as `journalctl -o short-unix` prints them.
pub(super) fn unix(text: &[u8]) -> Option<(Wall, &[u8])> {
    let (seconds, rest) = digits_then(text).filter(|(seconds, _)| *seconds >= 100_000_000)?;
    let (micros, rest) = fraction(rest.strip_prefix(b".")?)?;
    matches!(rest.first(), None | Some(b' ' | b':' | b']')).then_some(())?;
    Some((from_micros(seconds.checked_mul(1_000_000)?.checked_add(u64::from(micros))?), rest))
}

/// Microseconds since 1970, in UTC.
pub(in crate::oom) fn from_micros(micros: u64) -> Wall {
    let seconds = micros / 1_000_000;
    let days = i64::try_from(seconds / 86_400).unwrap_or_default();
    let (year, month, day) = civil(days);
    let small = |number: u64| u8::try_from(number).unwrap_or_default();
    Wall {
        year: i32::try_from(year).ok(),
        month,
        day,
        hour: small(seconds / 3_600 % 24),
        minute: small(seconds / 60 % 60),
        second: small(seconds % 60),
        micros: u32::try_from(micros % 1_000_000).unwrap_or_default(),
        zone: Zone::Offset(0),
    }
}

/// Seconds on a scale of its own: only differences of two of one log mean anything.
pub(in crate::oom) fn seconds(wall: &Wall) -> i64 {
    let (year, month) = (i64::from(wall.year.unwrap_or(2000)), i64::from(wall.month));
    let (year, month) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
    let days = year * 365 + year.div_euclid(4) - year.div_euclid(100)
        + year.div_euclid(400)
        + (month * 153 + 2) / 5
        + i64::from(wall.day);
    let zone = match wall.zone {
        Zone::Local => 0,
        Zone::Offset(minutes) => i64::from(minutes) * 60,
    };
    days * 86_400
        + i64::from(wall.hour) * 3_600
        + i64::from(wall.minute) * 60
        + i64::from(wall.second)
        - zone
}

/// A time of day.
#[derive(Debug, Clone, Copy)]
struct Clock {
    hour: u64,
    minute: u64,
    second: u64,
    micros: u32,
}

impl Clock {
    fn on(self, year: Option<i32>, month: u64, day: u64, zone: Zone) -> Option<Wall> {
        ((1..=12).contains(&month) && (1..=31).contains(&day)).then_some(())?;
        Some(Wall {
            year,
            month: u8::try_from(month).ok()?,
            day: u8::try_from(day).ok()?,
            hour: u8::try_from(self.hour).ok()?,
            minute: u8::try_from(self.minute).ok()?,
            second: u8::try_from(self.second).ok()?,
            micros: self.micros,
            zone,
        })
    }
}

/// `hh:mm:ss` with or without a fraction.
fn clock(text: &[u8]) -> Option<(Clock, &[u8])> {
    let (hour, rest) = fixed(text, 2).or_else(|| fixed(text, 1))?;
    let (minute, rest) = fixed(rest.strip_prefix(b":")?, 2)?;
    let (second, rest) = fixed(rest.strip_prefix(b":")?, 2)?;
    (hour < 24 && minute < 60 && second <= 60).then_some(())?;
    let fractioned = match rest {
        [b'.' | b',', after @ ..] => fraction(after),
        _ => None,
    };
    let (micros, rest) = fractioned.unwrap_or((0, rest));
    Some((Clock { hour, minute, second, micros }, rest))
}

/// Digits after the point as microseconds.
fn fraction(text: &[u8]) -> Option<(u32, &[u8])> {
    let end = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    (1..=12).contains(&end).then_some(())?;
    let digits = text.iter().take(end).chain(core::iter::repeat(&b'0')).take(6);
    let micros = digits.fold(0_u32, |sum, digit| sum * 10 + u32::from(digit - b'0'));
    Some((micros, text.get(end..)?))
}

/// `Z`, `+01:00`, `+0100`, `+01`, or nothing.
fn zone(text: &[u8]) -> (Zone, &[u8]) {
    let (sign, rest) = match text {
        [b'Z' | b'z', rest @ ..] => return (Zone::Offset(0), rest),
        [b'+', rest @ ..] => (1, rest),
        [b'-', rest @ ..] => (-1, rest),
        _ => return (Zone::Local, text),
    };
    let (hours, minutes, rest) = match (fixed(rest, 4), fixed(rest, 2)) {
        (Some((both, rest)), _) => (both / 100, both % 100, rest),
        (None, Some((hours, rest))) => {
            let minutes = rest.strip_prefix(b":").and_then(|minutes| fixed(minutes, 2));
            let (minutes, rest) = minutes.unwrap_or((0, rest));
            (hours, minutes, rest)
        }
        (None, None) => return (Zone::Local, text),
    };
    if hours > 15 || minutes > 59 {
        return (Zone::Local, text);
    }
    let offset = i16::try_from(hours * 60 + minutes).unwrap_or_default();
    (Zone::Offset(sign * offset), rest)
}

/// Exactly so many digits, then none.
fn fixed(text: &[u8], digits: usize) -> Option<(u64, &[u8])> {
    let all = text.get(..digits)?.iter().all(u8::is_ascii_digit);
    (all && !text.get(digits).is_some_and(u8::is_ascii_digit)).then_some(())?;
    digits_then(text)
}

/// At most eight words.
fn words(text: &[u8]) -> alloc::vec::Vec<&[u8]> {
    text.split(|byte| byte.is_ascii_whitespace()).filter(|word| !word.is_empty()).take(8).collect()
}

/// The month a word names.
fn month(word: &[u8]) -> Option<u8> {
    if let Some((number @ 1..=12, rest)) = digits_then(word) {
        let suffixed = MONTH_WORDS.iter().any(|suffix| rest.starts_with(suffix));
        return if suffixed { u8::try_from(number).ok() } else { None };
    }
    let mut lower = [0; 4];
    for (to, from) in lower.iter_mut().zip(word) {
        *to = from.to_ascii_lowercase();
    }
    let length = word.len().min(4);
    let word = lower.get(..length)?;
    MONTHS.iter().find(|(name, _)| word.starts_with(name)).map(|&(_, month)| month)
}

/// What follows a number in Chinese, Japanese and Korean dates.
const MONTH_WORDS: [&[u8]; 2] = ["月".as_bytes(), "월".as_bytes()];

/// Beginnings of month names, at most four bytes, in the languages of Western and Eastern Europe
/// and Turkish. `juin` and `juil` stand before `jui`-less forms of other languages.
const MONTHS: [(&[u8], u8); 74] = [
    (b"jan", 1),
    (b"feb", 2),
    (b"mar", 3),
    (b"apr", 4),
    (b"may", 5),
    (b"jun", 6),
    (b"jul", 7),
    (b"aug", 8),
    (b"sep", 9),
    (b"oct", 10),
    (b"nov", 11),
    (b"dec", 12),
    (b"j\xc3\xa4n", 1),
    (b"m\xc3\xa4r", 3),
    (b"mrz", 3),
    (b"mai", 5),
    (b"okt", 10),
    (b"dez", 12),
    (b"f\xc3\xa9v", 2),
    (b"fev", 2),
    (b"avr", 4),
    (b"juin", 6),
    (b"juil", 7),
    (b"ao\xc3\xbb", 8),
    (b"d\xc3\xa9c", 12),
    (b"ene", 1),
    (b"abr", 4),
    (b"ago", 8),
    (b"set", 9),
    (b"dic", 12),
    (b"gen", 1),
    (b"mag", 5),
    (b"giu", 6),
    (b"lug", 7),
    (b"ott", 10),
    (b"out", 10),
    (b"mrt", 3),
    (b"mei", 5),
    (b"maj", 5),
    (b"maa", 3),
    (b"sty", 1),
    (b"lut", 2),
    (b"kwi", 4),
    (b"cze", 6),
    (b"lip", 7),
    (b"sie", 8),
    (b"wrz", 9),
    (b"pa\xc5\xba", 10),
    (b"lis", 11),
    (b"gru", 12),
    (b"led", 1),
    (b"\xc3\xbano", 2),
    (b"b\xc5\x99e", 3),
    (b"dub", 4),
    (b"kv\xc4\x9b", 5),
    (b"srp", 8),
    (b"z\xc3\xa1\xc5", 9),
    (b"pro", 12),
    (b"oca", 1),
    ("şu".as_bytes(), 2),
    (b"nis", 4),
    (b"haz", 6),
    (b"tem", 7),
    ("ağu".as_bytes(), 8),
    (b"eyl", 9),
    (b"eki", 10),
    (b"kas", 11),
    ("ян".as_bytes(), 1),
    ("фе".as_bytes(), 2),
    ("ап".as_bytes(), 4),
    ("ав".as_bytes(), 8),
    ("се".as_bytes(), 9),
    ("ок".as_bytes(), 10),
    ("но".as_bytes(), 11),
];

#[cfg(test)]
mod tests;
