//! Foreign bytes as text: names of processes and paths of groups.

use alloc::format;
use alloc::string::String;
use core::fmt::Write as _;

/// Valid UTF-8 stays; bytes that are none, control characters, those that turn or hide text, and
/// backslashes become `\xNN` or `\u{…}`.
pub(super) fn clean(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            if c == '\\' || c.is_control() || invisible(c) {
                // Writing to a string cannot fail.
                let _ = match u32::from(c) {
                    byte @ 0..=0x7f => write!(out, "\\x{byte:02x}"),
                    other => write!(out, "\\u{{{other:x}}}"),
                };
            } else {
                out.push(c);
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
    out
}

/// KiB as `512 KiB`, `64 MiB`, `1.4 GiB`.
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
pub fn percent(permille: u32) -> String {
    match permille {
        0 => "0 %".into(),
        1..10 => format!("0.{permille} %"),
        10..=1000 => format!("{} %", (permille + 5) / 10),
        _ => "more than 100 %".into(),
    }
}

const fn invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    //! Names that want to be more.
    use super::*;

    #[test]
    fn nothing_steers_the_terminal() {
        assert_eq!(clean("mysqld größe".as_bytes()), "mysqld größe");
        assert_eq!(clean(b"a\x1b[2J\n\\b\xff\xc3"), "a\\x1b[2J\\x0a\\x5cb\\xff\\xc3");
        assert_eq!(clean("\u{202e}x\u{9b}".as_bytes()), "\\u{202e}x\\u{9b}");
    }
}
