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
        assert_eq!(duration(65_000), "65 ms");
        assert_eq!(duration(8_500_000), "8.5 s");
        assert_eq!(duration(8_000_000), "8 s");
        assert_eq!(duration(720_000_000), "12 minutes");
        assert_eq!(duration(i64::MIN), "106751992 days");
        assert_eq!((permille(1, 0), permille(u64::MAX, 1)), (None, Some(u32::MAX)));
    }
}
