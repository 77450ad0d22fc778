//! `Upload-Metadata` of tus (1.0.0, "Creation"): keys with Base64 values, strict and bounded.
//!
//! A field that two readers could read differently is refused: no key twice, no Base64 but the
//! one that [`base64::encode`] writes. Values are any bytes; this module must never judge them.

use alloc::vec::Vec;

use menshen_web_core::fields::base64;
use menshen_web_core::multipart::last_component;

/// What the client says of the whole, in its order. Keys are visible ASCII without commas, no key
/// twice; values are any bytes and foreign: check them before they name anything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metadata {
    pairs: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Metadata {
    /// Reads the field's value; an empty one is no metadata. `None` when it is malformed, has a key
    /// twice, or is beyond [`METADATA_BYTES_MAX`] or [`METADATA_PAIRS_MAX`].
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let mut metadata = Self::default();
        if text.is_empty() {
            return Some(metadata);
        }
        if text.len() > METADATA_BYTES_MAX {
            return None;
        }
        for pair in text.split(|&byte| byte == b',') {
            let pair = pair.trim_ascii();
            let (key, value) = match pair.iter().position(|&byte| byte == b' ') {
                Some(space) => (&pair[..space], base64::decode(&pair[space + 1..])?),
                // A value may be empty, and the space before it left out.
                None => (pair, Vec::new()),
            };
            let named = !key.is_empty() && key.iter().all(u8::is_ascii_graphic);
            let known = metadata.pairs.iter().any(|(other, _)| other == key);
            if !named || known || metadata.pairs.len() == METADATA_PAIRS_MAX {
                return None;
            }
            metadata.pairs.push((key.to_vec(), value));
        }
        Some(metadata)
    }

    /// The value of `key`, which is compared as it is.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&[u8]> {
        let found = self.pairs.iter().find(|(name, _)| name == key.as_bytes());
        found.map(|(_, value)| value.as_slice())
    }

    /// Keys and values in the order of the field.
    pub fn pairs(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.pairs.iter().map(|(key, value)| (key.as_slice(), value.as_slice()))
    }

    /// Whether nothing was said.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// The name of the file: of `filename`, which most clients send, else of `name`, as Uppy calls
    /// it. The last component only; `None` without one or when it can name nothing.
    #[must_use]
    pub fn file_name(&self) -> Option<&[u8]> {
        let path = ["filename", "name"].into_iter().find_map(|key| self.get(key))?;
        last_component(path).ok().filter(|name| !name.is_empty())
    }

    /// The field's value, which [`Self::parse`] reads back unchanged: what a record keeps. May be
    /// a little longer than what was read, never than [`METADATA_BYTES_MAX`] and a space a pair.
    #[must_use]
    pub fn field(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for (key, value) in &self.pairs {
            if !out.is_empty() {
                out.push(b',');
            }
            out.extend_from_slice(key);
            if !value.is_empty() {
                out.push(b' ');
                base64::encode(value, &mut out);
            }
        }
        out
    }
}

/// Bytes of the whole field's value.
pub const METADATA_BYTES_MAX: usize = 4096;

/// Pairs in one field.
pub const METADATA_PAIRS_MAX: usize = 64;

#[cfg(test)]
mod tests;
