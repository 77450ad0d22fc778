//! `Accept-Encoding`: which compressed forms a client takes (RFC 9110 §12.5.3).
//!
//! What is not understood never becomes permission to compress.

use super::accept::weighted;

/// A content coding the door can send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// `gzip`, also sent as `x-gzip` (RFC 9110 §8.4.1.3).
    Gzip,
    /// `br` (RFC 7932).
    Br,
    /// `zstd` (RFC 8878).
    Zstd,
}

/// A set of content codings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Encodings(u8);

impl Encodings {
    /// Whether this coding is in the set.
    #[must_use]
    pub const fn contains(self, encoding: Encoding) -> bool {
        self.0 & bit(encoding) != 0
    }

    /// Whether the set is empty: only the plain form may be sent.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// Reads an `Accept-Encoding` value: the codings with a weight above 0, named or by `*`.
///
/// Of a coding named twice the first counts.
#[must_use]
pub fn accepted_encodings(line: &[u8]) -> Encodings {
    let (mut named, mut wanted, mut others) = (0, 0, None);
    for (coding, weight) in weighted(line) {
        let bits = if coding == b"*" {
            others.get_or_insert(weight > 0);
            continue;
        } else if let Some((_, encoding)) =
            CODINGS.iter().find(|(name, _)| coding.eq_ignore_ascii_case(name))
        {
            bit(*encoding)
        } else {
            continue;
        };
        if weight > 0 {
            wanted |= bits & !named;
        }
        named |= bits;
    }
    if others == Some(true) {
        wanted |= ALL & !named;
    }
    Encodings(wanted)
}

const fn bit(encoding: Encoding) -> u8 {
    match encoding {
        Encoding::Gzip => 1,
        Encoding::Br => 2,
        Encoding::Zstd => 4,
    }
}

const ALL: u8 = 7;
const CODINGS: [(&[u8], Encoding); 4] = [
    (b"gzip", Encoding::Gzip),
    (b"x-gzip", Encoding::Gzip),
    (b"br", Encoding::Br),
    (b"zstd", Encoding::Zstd),
];

#[cfg(test)]
mod tests;
