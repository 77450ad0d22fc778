//! The name of an upload: 128 bits nobody can guess, as 26 small letters and digits (RFC 4648 §6's
//! alphabet in lower case, no padding). It is part of URLs and of file names, so nothing else may
//! ever be one: [`Id::parse`] takes exactly what [`Id::as_str`] gives.

use std::fmt;
use std::str::FromStr;

/// The name of an upload.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id([u8; ID_CHARS]);

/// The text is not a name of an upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the name of an upload")]
pub struct IdError;

impl Id {
    /// A new one, of the system's randomness.
    ///
    /// # Errors
    /// [`crate::Error::Storage`] when there is no randomness.
    pub fn random() -> Result<Self, crate::Error> {
        let mut bits = [0; 16];
        aws_lc_rs::rand::fill(&mut bits).map_err(|_| crate::Error::Storage)?;
        Ok(Self::of(u128::from_be_bytes(bits)))
    }

    /// The one that belongs to these words: SHA-256 of them, each with its length, cut to 128 bits.
    /// For names clients choose (`X-Session-ID`): one of the words must be the owner's, or a
    /// secret, for clients choose badly.
    #[must_use]
    pub fn derived(words: &[&[u8]]) -> Self {
        let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
        for word in words {
            context.update(&(word.len() as u64).to_be_bytes());
            context.update(word);
        }
        let digest = context.finish();
        let mut bits = [0; 16];
        bits.iter_mut().zip(digest.as_ref()).for_each(|(to, from)| *to = *from);
        Self::of(u128::from_be_bytes(bits))
    }

    /// Reads one.
    ///
    /// # Errors
    /// Anything but 26 characters of `a-z2-7` that [`Id`] would have written.
    pub fn parse(text: impl AsRef<[u8]>) -> Result<Self, IdError> {
        let mut bits: u128 = 0;
        let text: [u8; ID_CHARS] = text.as_ref().try_into().map_err(|_| IdError)?;
        for (at, letter) in text.iter().enumerate() {
            let value = ALPHABET.iter().position(|one| one == letter).ok_or(IdError)? as u128;
            // 26 letters of five bits are 130: the first has only three.
            if at == 0 && value >= 8 {
                return Err(IdError);
            }
            bits = bits << 5 | value;
        }
        debug_assert_eq!(Self::of(bits).0, text);
        Ok(Self(text))
    }

    /// The 26 characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Never anything but ASCII.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    fn of(bits: u128) -> Self {
        let mut text = [0; ID_CHARS];
        for (at, letter) in text.iter_mut().rev().enumerate() {
            let value = usize::try_from(bits >> (5 * at) & 31).unwrap_or_default();
            *letter = ALPHABET.get(value).copied().unwrap_or_default();
        }
        Self(text)
    }
}

impl FromStr for Id {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        Self::parse(text)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Id {
    /// Who knows the name may go on with the upload: not all of it goes into logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Id({}…)", self.as_str().get(..6).unwrap_or_default())
    }
}

impl serde::Serialize for Id {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.as_str())
    }
}

impl<'de> serde::Deserialize<'de> for Id {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        Self::parse(text).map_err(serde::de::Error::custom)
    }
}

/// Characters of an id.
pub const ID_CHARS: usize = 26;
const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

#[cfg(test)]
mod tests;
