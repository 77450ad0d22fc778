//! Texts made fit for every format: no character that steers a terminal, turns or hides text, or is
//! no character of XML (XML 1.0 §2.2), and nothing endless.

pub(in crate::handshake) use crate::picture::{clean, short};

/// `1 byte`, `1,484 bytes`.
pub(in crate::handshake) fn bytes(count: u64) -> String {
    if count == 1 { "1 byte".into() } else { format!("{} bytes", grouped(count)) }
}

/// `4,106 µs`; above a minute, where no microsecond counts any more, in seconds.
pub(in crate::handshake) fn micros(count: u64) -> String {
    if count < 60_000_000 {
        format!("{} µs", grouped(count))
    } else {
        format!("{} s", grouped(count / 1_000_000))
    }
}

/// Thousands set apart.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    //! What strangers may send.
    use super::*;

    #[test]
    fn nothing_steers_or_hides() {
        assert_eq!(clean("a\u{1b}[31mb\u{202e}c\u{0}"), "a\\u{1b}[31mb\\u{202e}c\\u{0}");
        assert_eq!(clean("多\tü\n<"), "多 ü <");
        assert_eq!(clean(&"x".repeat(5000)).chars().count(), 1501);
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(
            [bytes(1), bytes(999), bytes(1_234_567)],
            ["1 byte", "999 bytes", "1,234,567 bytes"]
        );
        assert_eq!([micros(0), micros(4106), micros(61_000_000)], ["0 µs", "4,106 µs", "61 s"]);
    }

    #[test]
    fn short_counts_characters() {
        assert_eq!(short("äöü", 3), "äöü");
        assert_eq!(short("äöü", 2), "äö…");
    }
}
