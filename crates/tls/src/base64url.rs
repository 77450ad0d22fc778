//! Base64 with the URL-safe alphabet and no padding (RFC 4648 §5).
//!
//! Decoding must accept exactly one spelling of every value: unused bits have to be zero.

/// `bytes` as text.
pub(crate) fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let mut word = 0_u32;
        for place in 0..3 {
            word = word << 8 | u32::from(group.get(place).copied().unwrap_or(0));
        }
        for place in 0..=group.len() {
            let six = word >> (18 - 6 * place) & 63;
            text.push(char::from(ALPHABET[six as usize]));
        }
    }
    text
}

/// The 32 bytes `text` stands for; `None` for any other length, alphabet or spelling.
pub(crate) fn decode_32(text: &[u8]) -> Option<[u8; 32]> {
    if text.len() != ENCODED_32 {
        return None;
    }
    let mut bytes = [0; 32];
    let (mut word, mut bits, mut filled) = (0_u32, 0_u32, 0);
    for &letter in text {
        let six = ALPHABET.iter().position(|&known| known == letter)?;
        word = (word << 6 | u32::try_from(six).ok()?) & 0xffff;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            *bytes.get_mut(filled)? = u8::try_from(word >> bits & 0xff).ok()?;
            filled += 1;
        }
    }
    (word & ((1 << bits) - 1) == 0).then_some(bytes)
}

/// Whether `letter` belongs to the alphabet.
pub(crate) const fn is_letter(letter: u8) -> bool {
    letter.is_ascii_alphanumeric() || letter == b'-' || letter == b'_'
}

/// Letters that 32 bytes take.
pub(crate) const ENCODED_32: usize = 43;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

#[cfg(test)]
mod tests;
