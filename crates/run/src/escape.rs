//! Bytes of a program made fit for a terminal: text and colours stay, everything that could move
//! the cursor, change the terminal or turn the line around is written out.
//!
//! Of control sequences (ECMA-48) only SGR, `ESC [ … m`, passes. Never fails; the output has at
//! most six times the bytes, plus a reset.

/// Adds `bytes` to `out`, escaped. Gives whether colours were changed, so that the line must end
/// with [`COLOURS_RESET`].
pub fn escape(bytes: &[u8], out: &mut Vec<u8>) -> bool {
    let (mut coloured, mut rest) = (false, bytes);
    while !rest.is_empty() {
        let plain = rest.iter().take_while(|byte| is_plain(**byte)).count();
        out.extend_from_slice(&rest[..plain]);
        rest = &rest[plain..];
        if rest.is_empty() {
            break;
        }
        if let Some(length) = colour(rest) {
            out.extend_from_slice(&rest[..length]);
            (coloured, rest) = (true, &rest[length..]);
            continue;
        }
        let (length, text) = first_char(rest);
        match text {
            Some(c) if is_harmless(c) => out.extend_from_slice(&rest[..length]),
            Some('\r') => out.extend_from_slice(b"\\r"),
            Some(c) if u32::from(c) >= 0x80 => {
                out.extend_from_slice(format!("\\u{:04x}", u32::from(c)).as_bytes());
            }
            _ => rest[..length].iter().for_each(|byte| {
                out.extend_from_slice(format!("\\x{byte:02x}").as_bytes());
            }),
        }
        rest = &rest[length..];
    }
    coloured
}

/// Printable ASCII and the tabulator.
const fn is_plain(byte: u8) -> bool {
    matches!(byte, b'\t' | 0x20..0x7f)
}

fn is_harmless(c: char) -> bool {
    c == '\t'
        || !c.is_control()
            && !matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2066}'..='\u{2069}')
}

/// Length of the SGR sequence the bytes begin with.
fn colour(bytes: &[u8]) -> Option<usize> {
    let parameters = bytes.strip_prefix(b"\x1b[")?;
    let shown = parameters.iter().take(COLOUR_BYTES_MAX);
    let count = shown.take_while(|b| matches!(b, b'0'..=b'9' | b';' | b':')).count();
    (parameters.get(count) == Some(&b'm')).then_some(2 + count + 1)
}

/// The first character and its length; `None`: the first byte is no text.
fn first_char(bytes: &[u8]) -> (usize, Option<char>) {
    let shortest = &bytes[..bytes.len().min(4)];
    let chunk = shortest.utf8_chunks().next();
    match chunk.and_then(|chunk| chunk.valid().chars().next()) {
        Some(c) => (c.len_utf8(), Some(c)),
        None => (1, None),
    }
}

/// Back to the terminal's own colours.
pub const COLOURS_RESET: &[u8] = b"\x1b[0m";

const COLOUR_BYTES_MAX: usize = 32;

#[cfg(test)]
mod tests;
