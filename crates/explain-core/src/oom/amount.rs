//! Amounts in words: sizes, shares and durations as people say them. Integers only.

use alloc::format;
use alloc::string::String;

/// KiB as `512 KiB`, `64 MiB`, `1.4 GiB`.
#[must_use]
pub fn size(kib: u64) -> String {
    let units = [(1_u64 << 30, "TiB"), (1 << 20, "GiB"), (1 << 10, "MiB")];
    for (unit, word) in units {
        if kib >= unit {
            let tenths = tenths(kib, unit);
            return if tenths < 100 && !tenths.is_multiple_of(10) {
                format!("{}.{} {word}", tenths / 10, tenths % 10)
            } else {
                format!("{} {word}", (tenths + 5) / 10)
            };
        }
    }
    format!("{kib} KiB")
}

fn tenths(kib: u64, unit: u64) -> u64 {
    let tenths = (u128::from(kib) * 10 + u128::from(unit) / 2) / u128::from(unit);
    u64::try_from(tenths).unwrap_or(u64::MAX - 5)
}

/// Thousandths as `92 %`, `0.4 %`; more than all as `more than 100 %`.
#[must_use]
pub fn percent(permille: u32) -> String {
    match permille {
        0 => "0 %".into(),
        1..10 => format!("0.{permille} %"),
        10..=1000 => format!("{} %", (permille + 5) / 10),
        _ => "more than 100 %".into(),
    }
}

/// Thousandths of something as `92 % of memory`, `all of memory`. A sum may be more than the whole:
/// processes share memory, and a limit may not count all of it.
#[must_use]
pub fn part_of(permille: u32, whole: &str) -> String {
    if permille >= 995 {
        format!("all of {whole}")
    } else {
        format!("{} of {whole}", percent(permille))
    }
}

/// A path of a control group without the long numbers of containers.
#[must_use]
pub fn short_path(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    let mut rest = path;
    while let Some(c) = rest.chars().next() {
        let hex = rest.bytes().take_while(u8::is_ascii_hexdigit).count();
        let (run, next) = rest.split_at(if hex > 0 { hex } else { c.len_utf8() });
        if hex >= ID_DIGITS {
            out.push_str(run.get(..ID_SHOWN).unwrap_or(run));
            out.push('…');
        } else {
            out.push_str(run);
        }
        rest = next;
    }
    out
}

/// Microseconds as `65 ms`, `8.5 s`, `12 minutes`, `3 hours`, `2 days`.
#[must_use]
pub fn duration(micros: i64) -> String {
    let micros = micros.unsigned_abs();
    let (milliseconds, seconds) = (micros / 1000, micros / 1_000_000);
    match seconds {
        0 if milliseconds == 0 => "less than 1 ms".into(),
        0 => format!("{milliseconds} ms"),
        1..10 if !(milliseconds / 100).is_multiple_of(10) => {
            format!("{seconds}.{} s", milliseconds / 100 % 10)
        }
        1..120 => format!("{seconds} s"),
        120..7200 => format!("{} minutes", (seconds + 30) / 60),
        7200..172_800 => format!("{} hours", (seconds + 1800) / 3600),
        _ => format!("{} days", (seconds + 43_200) / 86_400),
    }
}

/// `1 process`, `30 processes`.
pub(super) fn count(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// `once`, `twice`, `4 times`.
pub(super) fn times(number: u64) -> String {
    match number {
        1 => "once".into(),
        2 => "twice".into(),
        _ => format!("{number} times"),
    }
}

/// Thousandths of a whole; `None` for no whole.
pub(super) fn permille(part: u64, whole: u64) -> Option<u32> {
    let share = (u128::from(part) * 1000).checked_div(u128::from(whole))?;
    Some(u32::try_from(share).unwrap_or(u32::MAX))
}

/// Hexadecimal digits from which on a number is one of a container.
const ID_DIGITS: usize = 32;
const ID_SHOWN: usize = 12;

#[cfg(test)]
mod tests {
    //! At the borders of the units.
    use super::*;

    #[test]
    fn amounts_read_well() {
        assert_eq!(size(0), "0 KiB");
        assert_eq!(size(1023), "1023 KiB");
        assert_eq!(size(65_536), "64 MiB");
        assert_eq!(size(1_468_006), "1.4 GiB");
        assert_eq!(size(u64::MAX), "17179869184 TiB");
        assert_eq!(percent(4), "0.4 %");
        assert_eq!(percent(924), "92 %");
        assert_eq!(percent(1001), "more than 100 %");
        assert_eq!(part_of(995, "memory"), "all of memory");
        assert_eq!(part_of(994, "memory"), "99 % of memory");
        let id = "0123456789abcdef".repeat(4);
        assert_eq!(short_path(&format!("/a/docker-{id}.scope")), "/a/docker-0123456789ab….scope");
        assert_eq!(short_path("/deadbeef/wörk"), "/deadbeef/wörk");
        assert_eq!(duration(65_000), "65 ms");
        assert_eq!(duration(8_500_000), "8.5 s");
        assert_eq!(duration(8_000_000), "8 s");
        assert_eq!(duration(720_000_000), "12 minutes");
        assert_eq!(duration(i64::MIN), "106751991 days");
        assert_eq!((permille(1, 0), permille(u64::MAX, 1)), (None, Some(u32::MAX)));
    }
}
