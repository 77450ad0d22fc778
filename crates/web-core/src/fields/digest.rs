//! Integrity fields: `Repr-Digest`, `Content-Digest`, `Want-Repr-Digest` (RFC 9530), which are
//! structured dictionaries (RFC 9651).
//!
//! A digest the client sent is a promise to be checked, so a malformed one is an error and never
//! ignored; only algorithms nobody should trust, or nobody knows, are passed over.

use alloc::vec::Vec;
use core::fmt;

use super::base64;
use super::structured::{self, Bare, Member};

/// An algorithm that is still safe against an adversary (RFC 9530 §5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// 32 bytes.
    Sha256,
    /// 64 bytes.
    Sha512,
}

impl Algorithm {
    /// The key in the fields.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Sha256 => "sha-256",
            Self::Sha512 => "sha-512",
        }
    }

    fn from_key(key: &[u8]) -> Option<Self> {
        [Self::Sha256, Self::Sha512].into_iter().find(|known| known.key().as_bytes() == key)
    }
}

/// What a `Repr-Digest` or `Content-Digest` field promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Digests {
    /// SHA-256 of the bytes.
    pub sha256: Option<[u8; 32]>,
    /// SHA-512 of the bytes.
    pub sha512: Option<[u8; 64]>,
}

/// The field is no dictionary, or a known algorithm's value is no digest of its length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DigestError;

impl fmt::Display for DigestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the digest field is malformed")
    }
}

impl core::error::Error for DigestError {}

impl Digests {
    /// Adds one line of the field. Where an algorithm is repeated, the last one counts
    /// (RFC 9651 §4.2.2).
    ///
    /// # Errors
    /// The line is malformed; what was added before stays.
    pub fn add_line(&mut self, line: &[u8]) -> Result<(), DigestError> {
        let mut found = *self;
        for member in structured::dictionary(line) {
            let Member { key, value } = member.map_err(|_| DigestError)?;
            let Some(algorithm) = Algorithm::from_key(key) else { continue };
            let Some(Bare::Bytes(text)) = value else { return Err(DigestError) };
            let bytes = base64::decode(text).ok_or(DigestError)?;
            match algorithm {
                Algorithm::Sha256 => {
                    found.sha256 = Some(bytes.try_into().map_err(|_| DigestError)?);
                }
                Algorithm::Sha512 => {
                    found.sha512 = Some(bytes.try_into().map_err(|_| DigestError)?);
                }
            }
        }
        *self = found;
        Ok(())
    }

    /// Whether nothing is promised that could be checked.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.sha256.is_none() && self.sha512.is_none()
    }
}

/// The algorithm a `Want-Repr-Digest` or `Want-Content-Digest` line prefers; `None` when it wants
/// none of ours or is malformed (RFC 9530 §4: it may then be ignored).
#[must_use]
pub fn wanted_digest(line: &[u8]) -> Option<Algorithm> {
    let mut weights = [(Algorithm::Sha256, 0), (Algorithm::Sha512, 0)];
    for member in structured::dictionary(line) {
        let Member { key, value } = member.ok()?;
        let Some(algorithm) = Algorithm::from_key(key) else { continue };
        let Some(Bare::Integer(weight @ 0..=10)) = value else { return None };
        for row in &mut weights {
            if row.0 == algorithm {
                row.1 = weight;
            }
        }
    }
    let [first, second] = weights;
    let best = if second.1 > first.1 { second } else { first };
    (best.1 > 0).then_some(best.0)
}

/// Appends a field value with one digest.
pub fn write_digest(algorithm: Algorithm, digest: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(algorithm.key().as_bytes());
    out.extend_from_slice(b"=:");
    base64::encode(digest, out);
    out.push(b':');
}

#[cfg(test)]
mod tests;
