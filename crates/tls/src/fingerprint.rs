//! The SHA-256 fingerprint by which people and tools compare certificates.
//!
//! It must be taken over the DER bytes as received, never over something re-encoded.

use aws_lc_rs::digest;

/// SHA-256 of `der` as 32 upper-case hex pairs joined by colons, as `openssl x509 -fingerprint`
/// prints it.
#[must_use]
pub fn fingerprint(der: &[u8]) -> String {
    let digest = digest::digest(&digest::SHA256, der);
    let mut text = String::with_capacity(3 * digest.as_ref().len());
    for &byte in digest.as_ref() {
        if !text.is_empty() {
            text.push(':');
        }
        for nibble in [byte >> 4, byte & 15] {
            text.push(char::from(HEX[usize::from(nibble)]));
        }
    }
    text
}

const HEX: &[u8; 16] = b"0123456789ABCDEF";

#[cfg(test)]
mod tests;
