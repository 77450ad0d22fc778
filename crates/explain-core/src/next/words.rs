//! Foreign bytes as text: names of processes and paths of groups.

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
