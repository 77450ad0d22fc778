//! Texts made fit for every format: no character that steers a terminal, turns or hides text, or is
//! no character of XML (XML 1.0 §2.2), and nothing endless.

/// Text of a stranger made harmless: what cannot be seen is written out, and at most
/// [`TEXT_CHARS_MAX`] characters stay.
pub(crate) fn clean(text: &str) -> String {
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
pub(crate) fn short(text: &str, chars: usize) -> String {
    match text.char_indices().nth(chars) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
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
