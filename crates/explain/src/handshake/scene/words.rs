//! Texts made fit for every format: no character that steers a terminal, turns or hides text, or is
//! no character of XML (XML 1.0 §2.2), and nothing endless.

/// Text of a stranger made harmless: what cannot be seen is written out, and at most
/// [`TEXT_CHARS_MAX`] characters stay.
pub(in crate::handshake) fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len().min(TEXT_CHARS_MAX));
    for (count, character) in text.chars().enumerate() {
        if count >= TEXT_CHARS_MAX {
            out.push('…');
            break;
        }
        if character == '\n' || character == '\t' {
            out.push(' ');
        } else if character.is_control() || is_unseen(character) {
            out.extend(character.escape_unicode());
        } else {
            out.push(character);
        }
    }
    out
}

/// At most `chars` characters.
pub(in crate::handshake) fn short(text: &str, chars: usize) -> String {
    match text.char_indices().nth(chars) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

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

/// Characters without a face, that turn the writing, or that XML forbids.
fn is_unseen(character: char) -> bool {
    matches!(character,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}'
        | '\u{e0000}'..='\u{e0fff}')
}

/// Characters of one text.
const TEXT_CHARS_MAX: usize = 1500;

#[cfg(test)]
mod tests {
    //! What strangers may send.
    use super::*;

    #[test]
    fn nothing_steers_or_hides() {
        assert_eq!(clean("a\u{1b}[31mb\u{202e}c\u{0}"), "a\\u{1b}[31mb\\u{202e}c\\u{0}");
        assert_eq!(clean("多\tü\n<"), "多 ü <");
        assert_eq!(clean(&"x".repeat(5000)).chars().count(), TEXT_CHARS_MAX + 1);
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
