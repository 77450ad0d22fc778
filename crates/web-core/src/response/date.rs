//! HTTP dates (RFC 9110 §5.6.7): writes IMF-fixdate, reads all three forms. Works on seconds since
//! 1970 and never asks what time it is.

/// Length of an IMF-fixdate.
pub const DATE_BYTES: usize = 29;

/// `unix_s` as IMF-fixdate, such as `Sun, 06 Nov 1994 08:49:37 GMT`.
///
/// Years before 1 and after 9999 have no such form: the nearest date that has one is written.
#[must_use]
pub fn http_date(unix_s: i64) -> [u8; DATE_BYTES] {
    let seconds = unix_s.clamp(FIRST_SECOND, LAST_SECOND).saturating_add(EPOCH_SECONDS);
    // Not negative any more: the first second lies after day 0.
    let seconds = seconds.unsigned_abs();
    let (days, second) = (seconds / DAY_SECONDS, seconds % DAY_SECONDS);
    let (year, month, day) = civil(days);
    let name = |names: &[&'static [u8; 3]], at: u64| {
        usize::try_from(at).ok().and_then(|at| names.get(at)).copied().copied().unwrap_or_default()
    };
    let [w1, w2, w3] = name(&WEEKDAYS, (days + 3) % 7);
    let [m1, m2, m3] = name(&MONTHS, month - 1);
    let ([d1, d2], [h1, h2]) = (two(day), two(second / 3600));
    let ([i1, i2], [s1, s2]) = (two(second / 60 % 60), two(second % 60));
    let ([y1, y2], [y3, y4]) = (two(year / 100), two(year % 100));
    [
        w1, w2, w3, b',', b' ', d1, d2, b' ', m1, m2, m3, b' ', y1, y2, y3, y4, b' ', h1, h2, b':',
        i1, i2, b':', s1, s2, b' ', b'G', b'M', b'T',
    ]
}

/// Seconds since 1970 of a date in any of the three forms; `None` for everything else.
///
/// Two-digit years are 1970..=2069: the RFC's rule of 50 years needs a clock, and only clients of
/// the last century send them. The day of the week must be one, but need not be the right one.
#[must_use]
pub fn parse_http_date(text: &[u8]) -> Option<i64> {
    match *text {
        // Sun, 06 Nov 1994 08:49:37 GMT
        [
            w1,
            w2,
            w3,
            b',',
            b' ',
            d1,
            d2,
            b' ',
            m1,
            m2,
            m3,
            b' ',
            y1,
            y2,
            y3,
            y4,
            b' ',
            ref time @ ..,
        ] => {
            place(&WEEKDAYS, [w1, w2, w3])?;
            let year = pair(y1, y2)? * 100 + pair(y3, y4)?;
            moment(year, [m1, m2, m3], pair(d1, d2)?, time.strip_suffix(b" GMT")?)
        }
        // Sun Nov  6 08:49:37 1994
        [w1, w2, w3, b' ', m1, m2, m3, b' ', d1, d2, b' ', ref rest @ ..] => {
            place(&WEEKDAYS, [w1, w2, w3])?;
            let (time, [b' ', y1, y2, y3, y4]) = rest.split_last_chunk::<5>()? else {
                return None;
            };
            let year = pair(*y1, *y2)? * 100 + pair(*y3, *y4)?;
            let tens = if d1 == b' ' { b'0' } else { d1 };
            moment(year, [m1, m2, m3], pair(tens, d2)?, time)
        }
        // Sunday, 06-Nov-94 08:49:37 GMT
        _ => {
            let comma = text.iter().position(|&b| b == b',')?;
            let (weekday, rest) = text.split_at_checked(comma)?;
            LONG_WEEKDAYS.iter().find(|name| name.as_bytes() == weekday)?;
            let [b',', b' ', d1, d2, b'-', m1, m2, m3, b'-', y1, y2, b' ', time @ ..] = rest else {
                return None;
            };
            let short = pair(*y1, *y2)?;
            let year = if short >= 70 { 1900 + short } else { 2000 + short };
            moment(year, [*m1, *m2, *m3], pair(*d1, *d2)?, time.strip_suffix(b" GMT")?)
        }
    }
}

/// Seconds since 1970, if there is such a day and such a time (`08:49:37`).
fn moment(year: u64, month: [u8; 3], day: u64, time: &[u8]) -> Option<i64> {
    let month = place(&MONTHS, month)? + 1;
    let [h1, h2, b':', i1, i2, b':', s1, s2] = *time else { return None };
    let (hour, minute, second) = (pair(h1, h2)?, pair(i1, i2)?, pair(s1, s2)?);
    // 60 is a leap second, which Unix time counts as the first second of the next minute.
    if year == 0
        || day == 0
        || day > month_days(year, month)
        || hour > 23
        || minute > 59
        || second > 60
    {
        return None;
    }
    let seconds = day_number(year, month, day) * DAY_SECONDS + hour * 3600 + minute * 60 + second;
    i64::try_from(seconds).ok()?.checked_sub(EPOCH_SECONDS)
}

/// Year, month and day of a day counted from 0000-03-01. Years begin in March here, so that the
/// leap day is the last one and the months before it have a regular pattern (153 days in 5).
const fn civil(days: u64) -> (u64, u64, u64) {
    let (era, day) = (days / ERA_DAYS, days % ERA_DAYS);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let year = era * 400 + year;
    if month < 10 { (year, month + 3, day) } else { (year + 1, month - 9, day) }
}

/// The inverse of [`civil`]; the year is at least 1.
const fn day_number(year: u64, month: u64, day: u64) -> u64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, year) = (year / 400, year % 400);
    era * ERA_DAYS + year * 365 + year / 4 - year / 100 + (153 * month + 2) / 5 + day - 1
}

const fn month_days(year: u64, month: u64) -> u64 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => {
            29
        }
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Two digits of a number below 100.
const fn two(number: u64) -> [u8; 2] {
    [b'0' + (number / 10 % 10) as u8, b'0' + (number % 10) as u8]
}

/// The number two digits stand for.
fn pair(tens: u8, ones: u8) -> Option<u64> {
    let digit = |b: u8| b.is_ascii_digit().then(|| u64::from(b - b'0'));
    Some(digit(tens)? * 10 + digit(ones)?)
}

/// Place of `name` in `names`, from 0.
fn place(names: &[&'static [u8; 3]], name: [u8; 3]) -> Option<u64> {
    names.iter().zip(0_u64..).find(|(known, _)| ***known == name).map(|(_, at)| at)
}

const WEEKDAYS: [&[u8; 3]; 7] = [b"Sun", b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat"];
const LONG_WEEKDAYS: [&str; 7] =
    ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS: [&[u8; 3]; 12] = [
    b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
];
const DAY_SECONDS: u64 = 86_400;
/// Days of 400 years, after which the calendar repeats.
const ERA_DAYS: u64 = 146_097;
/// Seconds from 0000-03-01 to 1970-01-01.
const EPOCH_SECONDS: i64 = 719_468 * 86_400;
/// 0001-01-01T00:00:00
const FIRST_SECOND: i64 = -62_135_596_800;
/// 9999-12-31T23:59:59
const LAST_SECOND: i64 = 253_402_300_799;

#[cfg(test)]
mod tests;
