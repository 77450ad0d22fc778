//! The session cookie: an expiry and a MAC over it, so that workers share no table.
//!
//! `v1.EXPIRY.MAC`, expiry in decimal Unix seconds, HMAC-SHA-256 in base64url. It proves that its
//! holder once showed the owner token; a new token makes a new key and so ends every session.
//! The MAC is compared in constant time, and nothing is believed before it was compared.

use aws_lc_rs::hmac;

use crate::base64url;

/// What a cookie is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Made by us and still good.
    Valid {
        /// Unix seconds from which on it is not.
        expires_unix: u64,
    },
    /// Made by us, but its time is over.
    Expired,
    /// Not made by us with this key.
    Invalid,
}

/// A cookie value good until `expires_unix`; only letters, digits, `.`, `-` and `_`.
#[must_use]
pub fn seal(cookie_key: &[u8; 32], expires_unix: u64) -> String {
    let tag =
        hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, cookie_key), &sealed_text(expires_unix));
    format!("{VERSION}.{expires_unix}.{}", base64url::encode(tag.as_ref()))
}

/// Judges a cookie value; any bytes are fine, long ones are refused unread.
#[must_use]
pub fn verify(cookie_key: &[u8; 32], value: &[u8], now_unix: u64) -> Verdict {
    let Some((expires_unix, tag)) = parse(value) else {
        return Verdict::Invalid;
    };
    let key = hmac::Key::new(hmac::HMAC_SHA256, cookie_key);
    if hmac::verify(&key, &sealed_text(expires_unix), &tag).is_err() {
        return Verdict::Invalid;
    }
    if now_unix < expires_unix { Verdict::Valid { expires_unix } } else { Verdict::Expired }
}

fn parse(value: &[u8]) -> Option<(u64, [u8; 32])> {
    if value.len() > VALUE_BYTES_MAX {
        return None;
    }
    let mut fields = str::from_utf8(value).ok()?.split('.');
    let (version, expiry, tag) = (fields.next()?, fields.next()?, fields.next()?);
    if version != VERSION || fields.next().is_some() {
        return None;
    }
    let expires_unix: u64 = expiry.parse().ok()?;
    // One spelling only: `parse` would also take a plus sign and leading zeros.
    if expires_unix.to_string() != expiry {
        return None;
    }
    Some((expires_unix, base64url::decode_32(tag.as_bytes())?))
}

fn sealed_text(expires_unix: u64) -> Vec<u8> {
    format!("menshen session cookie {VERSION}.{expires_unix}").into_bytes()
}

const VERSION: &str = "v1";

/// Version, two dots, 20 digits and the MAC.
const VALUE_BYTES_MAX: usize = VERSION.len() + 2 + 20 + base64url::ENCODED_32;

#[cfg(test)]
mod tests;
