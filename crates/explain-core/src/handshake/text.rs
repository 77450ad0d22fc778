//! Texts of a story: bytes of a peer made printable, lists made short.
//!
//! What leaves here holds printable characters only, so that no peer steers a terminal.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::Write;

use super::message::Field;

/// Text of a peer: printable ASCII stays, all else becomes `\xNN`; at most [`TEXT_CHARS_MAX`].
pub(super) fn clean(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes {
        if text.len() >= TEXT_CHARS_MAX {
            text.push('…');
            break;
        }
        match byte {
            b'\\' => text.push_str("\\\\"),
            b' '..=b'~' => text.push(char::from(*byte)),
            _ => {
                let _ = write!(text, "\\x{byte:02x}");
            }
        }
    }
    text
}

/// Text of a certificate: as [`clean`], but letters of all languages stay.
pub(super) fn clean_text(text: &str) -> String {
    let mut out = String::new();
    for (count, character) in text.chars().enumerate() {
        if count >= TEXT_CHARS_MAX {
            out.push('…');
            break;
        }
        if character == ' ' || character.is_alphanumeric() || character.is_ascii_graphic() {
            out.push(character);
        } else {
            let _ = write!(out, "\\u{{{:x}}}", u32::from(character));
        }
    }
    out
}

/// Hexadecimal digits; longer values are cut in the middle of nowhere and say how long they are.
pub(super) fn hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes.iter().take(HEX_BYTES_MAX) {
        let _ = write!(text, "{byte:02x}");
    }
    if bytes.len() > HEX_BYTES_MAX {
        let _ = write!(text, "… ({} bytes)", bytes.len());
    }
    text
}

/// `1 byte`, `5 bytes`.
pub(super) fn bytes(count: usize) -> String {
    if count == 1 { "1 byte".to_string() } else { format!("{count} bytes") }
}

/// A list in one line; at most [`LIST_ITEMS_MAX`] items, then how many more.
pub(super) fn list(items: impl IntoIterator<Item = String>) -> String {
    let items: Vec<String> = items.into_iter().collect();
    let more = items.len().saturating_sub(LIST_ITEMS_MAX);
    let mut text = items.into_iter().take(LIST_ITEMS_MAX).collect::<Vec<_>>().join(", ");
    if more > 0 {
        let _ = write!(text, " and {more} more");
    }
    text
}

/// A field.
pub(super) fn field(
    name: impl Into<String>,
    value: impl Into<String>,
    note: impl Into<String>,
) -> Field {
    Field { name: name.into(), value: value.into(), note: note.into() }
}

/// Characters of one text of a peer.
const TEXT_CHARS_MAX: usize = 300;
/// Bytes shown of one binary value.
const HEX_BYTES_MAX: usize = 64;
/// Items shown of one list.
const LIST_ITEMS_MAX: usize = 60;

#[cfg(test)]
mod tests;
