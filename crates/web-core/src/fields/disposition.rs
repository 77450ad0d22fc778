//! `Content-Disposition: attachment` for any file name (RFC 6266, RFC 8187).
//!
//! Nothing in a name may end the field or the quotes, name a folder, or change how the name looks:
//! control and bidirectional-override characters, quotes and separators all become `_`.

use alloc::vec::Vec;

/// Appends the field value: an ASCII fallback, and the full name in UTF-8 where they differ.
///
/// Bytes that are not UTF-8 become `_`; an empty name becomes `download`.
pub fn content_disposition_attachment(name: &[u8], out: &mut Vec<u8>) {
    let name = if name.is_empty() { b"download".as_slice() } else { name };
    out.extend_from_slice(b"attachment; filename=\"");
    let mut plain = true;
    for character in characters(name) {
        // RFC 6266 appendix D: no `%`, some readers decode what looks like an escape.
        let simple = character.is_ascii() && character != '%';
        plain &= simple;
        out.push(if simple { low_byte(character) } else { b'_' });
    }
    out.push(b'"');
    if plain {
        return;
    }
    out.extend_from_slice(b"; filename*=UTF-8''");
    for character in characters(name) {
        let mut utf8 = [0; 4];
        for byte in character.encode_utf8(&mut utf8).bytes() {
            if byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte) {
                out.push(byte);
            } else {
                let digit = |value: u8| b"0123456789ABCDEF"[usize::from(value & 0xf)];
                out.extend_from_slice(&[b'%', digit(byte >> 4), digit(byte)]);
            }
        }
    }
}

/// The characters of a name, each unsafe one and each undecodable stretch as `_`.
fn characters(name: &[u8]) -> impl Iterator<Item = char> {
    name.utf8_chunks().flat_map(|chunk| {
        let undecodable = (!chunk.invalid().is_empty()).then_some('_');
        let safe = |character| if is_unsafe(character) { '_' } else { character };
        chunk.valid().chars().map(safe).chain(undecodable)
    })
}

fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(character, '"' | '\\' | '/')
        || matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}' | '\u{2029}')
        || matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn low_byte(character: char) -> u8 {
    u8::try_from(character).unwrap_or(b'_')
}

#[cfg(test)]
mod tests;
