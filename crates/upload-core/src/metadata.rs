//! `Upload-Metadata` of tus (1.0.0, "Creation"): keys with Base64 values, strict and bounded.

use alloc::vec::Vec;

/// What the client says of the whole, in its order. Keys are ASCII without blanks and commas, no
/// key twice; values are any bytes and foreign: check them before they name anything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metadata {
    pairs: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Metadata {
    /// Reads the field's value; an empty one is no metadata. `None` when it is malformed, has a key
    /// twice, or is beyond [`METADATA_BYTES_MAX`] or [`METADATA_PAIRS_MAX`].
    #[must_use]
    pub fn parse(_text: &[u8]) -> Option<Self> {
        unimplemented!()
    }

    /// The value of `key`, which is compared as it is.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&[u8]> {
        self.pairs
            .iter()
            .find(|(name, _)| name == key.as_bytes())
            .map(|(_, value)| value.as_slice())
    }

    /// Keys and values in the order of the field.
    pub fn pairs(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.pairs.iter().map(|(key, value)| (key.as_slice(), value.as_slice()))
    }

    /// Whether nothing was said.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// The field's value, which [`Self::parse`] reads back unchanged: what a record keeps.
    #[must_use]
    pub fn field(&self) -> Vec<u8> {
        unimplemented!()
    }
}

/// Bytes of the whole field's value.
pub const METADATA_BYTES_MAX: usize = 4096;

/// Pairs in one field.
pub const METADATA_PAIRS_MAX: usize = 64;
