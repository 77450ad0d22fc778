//! Base64 with the URL-safe alphabet and no padding (RFC 4648 §5): exactly one text for each value.

use alloc::string::String;
use alloc::vec::Vec;

use crate::fields::base64;

/// `bytes` as text.
pub(super) fn encode(bytes: &[u8]) -> String {
    let mut text = Vec::with_capacity(bytes.len().div_ceil(3) * 4);
    base64::encode(bytes, &mut text);
    let letters = text.into_iter().filter(|&letter| letter != b'=').map(|letter| match letter {
        b'+' => '-',
        b'/' => '_',
        other => char::from(other),
    });
    letters.collect()
}

/// The bytes of `text`; `None` when [`encode`] would have written them otherwise.
pub(super) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let mut plain = Vec::with_capacity(text.len() + 3);
    for &letter in text {
        plain.push(match letter {
            b'-' => b'+',
            b'_' => b'/',
            b'+' | b'/' | b'=' => return None,
            other => other,
        });
    }
    while !plain.len().is_multiple_of(4) {
        plain.push(b'=');
    }
    base64::decode(&plain)
}
