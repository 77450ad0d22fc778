//! Base64 (RFC 4648): keys of external account bindings are read, PEM is written.

/// The bytes that `text` stands for, in either alphabet, padded or not; authorities hand out keys
/// in all these forms. `None` for anything else.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    let text = text.trim().trim_end_matches('=');
    let (mut bytes, mut word, mut bits) = (Vec::new(), 0_u32, 0_u32);
    for letter in text.bytes() {
        let six = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        word = (word << 6 | u32::from(six)) & 0xffff;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from(word >> bits & 0xff).ok()?);
        }
    }
    // One letter more than whole bytes need, or bits that stand for nothing.
    (bits < 6 && word & ((1 << bits) - 1) == 0).then_some(bytes)
}

/// A PEM block (RFC 7468).
pub(crate) fn pem(label: &str, bytes: &[u8]) -> String {
    let mut text = format!("-----BEGIN {label}-----\n");
    for line in bytes.chunks(48) {
        for group in line.chunks(3) {
            let word = (0..3).fold(0_u32, |word, place| {
                word << 8 | u32::from(group.get(place).copied().unwrap_or(0))
            });
            for place in 0..4_usize {
                let six = usize::try_from(word >> (18 - 6 * place) & 63).unwrap_or(0);
                let letter = ALPHABET.get(six).copied().unwrap_or(b'A');
                text.push(if place <= group.len() { char::from(letter) } else { '=' });
            }
        }
        text.push('\n');
    }
    text.push_str(&format!("-----END {label}-----\n"));
    text
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

#[cfg(test)]
mod tests;
