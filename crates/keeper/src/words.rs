//! Foreign words made fit for a note: an authority, a hook or a library may say anything.
//!
//! Control characters and those that turn the direction of writing become spaces, runs of spaces
//! one, and the text is cut: it will be shown on terminals and pages.

use std::error::Error;

/// `text` on one line, at most `most` characters long.
pub(crate) fn clean(text: &str, most: usize) -> String {
    let mut out = String::new();
    let mut count = 0;
    for word in text.split(|c: char| c.is_whitespace() || is_unfit(c)) {
        for (place, c) in word.chars().enumerate() {
            let space = place == 0 && count > 0;
            if count + usize::from(space) >= most {
                out.push('…');
                return out;
            }
            if space {
                out.push(' ');
            }
            out.push(c);
            count += 1 + usize::from(space);
        }
    }
    out
}

/// An error with its causes, each once.
pub(crate) fn with_causes(error: &(dyn Error + 'static)) -> String {
    clean(&menshen_base::with_causes(error), WORDS_MAX)
}

/// `text` without the pieces of `secret`, in case a hook tells what it was given.
pub(crate) fn without(text: &str, secret: &str) -> String {
    let mut text = text.to_owned();
    for piece in secret.split(apart).filter(|piece| piece.len() >= SECRET_PIECE_BYTES) {
        text = text.replace(piece, "…");
    }
    text
}

/// What stands between the pieces of a secret.
pub(crate) fn apart(c: char) -> bool {
    c.is_whitespace() || matches!(c, '=' | ':' | '"' | '\'' | ',')
}

fn is_unfit(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        || c == '\u{feff}'
}

/// Longest error of a note, in characters.
pub(crate) const WORDS_MAX: usize = 500;
/// Shorter pieces are words such as `user`, not secrets.
const SECRET_PIECE_BYTES: usize = 8;

#[cfg(test)]
mod tests;
