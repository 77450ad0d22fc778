//! What uploads are held to, and how clients are told (RUFH §4.1.4 `Upload-Limit`; tus
//! `Tus-Max-Size`).

use alloc::vec::Vec;

use crate::fields::push_number;
use crate::intent::{Append, Content, Create, End};
use crate::refusal::Refusal;

/// Limits that clients are told; bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// Of the whole.
    pub size_max: Option<u64>,
    /// Of the whole.
    pub size_min: Option<u64>,
    /// Of one request's content.
    pub append_max: Option<u64>,
    /// Of one request's content, but for the last.
    pub append_min: Option<u64>,
}

impl Limits {
    /// Whether an upload may begin like this. Content of unknown length is for the reader of the
    /// body to stop.
    ///
    /// # Errors
    /// The limit that is broken.
    pub fn admit_create(&self, create: &Create) -> Result<(), Refusal> {
        self.admit_length(create.length)?;
        // A shorter whole is refused only where its length is known: tus may declare it later.
        if create.length.is_none() && create.end == End::Here && self.size_min.unwrap_or(0) > 0 {
            return Err(Refusal::TooSmall);
        }
        // An upload may begin with nothing, to learn its address; that is no small append.
        if create.content == Content::None {
            return Ok(());
        }
        self.admit_content(create.content, create.end, create.length)
    }

    /// Whether an upload may go on like this.
    ///
    /// # Errors
    /// The limit that is broken.
    pub fn admit_append(&self, append: &Append) -> Result<(), Refusal> {
        self.admit_length(append.length)?;
        let rest = append.length.and_then(|length| length.checked_sub(append.offset));
        self.admit_content(append.content, append.end, rest)
    }

    fn admit_length(&self, length: Option<u64>) -> Result<(), Refusal> {
        let Some(length) = length else { return Ok(()) };
        if self.size_max.is_some_and(|most| length > most) {
            return Err(Refusal::TooLarge);
        }
        if self.size_min.is_some_and(|least| length < least) {
            return Err(Refusal::TooSmall);
        }
        Ok(())
    }

    /// The last content may be short; with tus it is the one that fills what is left, where the
    /// request says how much that is.
    fn admit_content(&self, content: Content, end: End, left: Option<u64>) -> Result<(), Refusal> {
        let bytes = match content {
            Content::None => 0,
            Content::Sized(bytes) => bytes,
            Content::Open => return Ok(()),
        };
        if self.append_max.is_some_and(|most| bytes > most) {
            return Err(Refusal::AppendTooLarge);
        }
        let last =
            end == End::Here || end == End::AtLength && left.is_none_or(|left| left <= bytes);
        if !last && self.append_min.is_some_and(|least| bytes < least) {
            return Err(Refusal::AppendTooSmall);
        }
        Ok(())
    }

    /// The value of `Upload-Limit`, with the seconds that are left under the version's key. Without
    /// any limit it says so (draft -05: `min-size=0`), as a dictionary cannot be empty.
    pub(crate) fn field(&self, age: Option<(&str, u64)>) -> Vec<u8> {
        let rows = [
            ("max-size", self.size_max),
            ("min-size", self.size_min),
            ("max-append-size", self.append_max),
            ("min-append-size", self.append_min),
        ];
        let rows = rows.into_iter().filter_map(|(key, value)| Some((key, value?)));
        let mut out = Vec::new();
        for (key, value) in rows.chain(age) {
            if !out.is_empty() {
                out.extend_from_slice(b", ");
            }
            out.extend_from_slice(key.as_bytes());
            out.push(b'=');
            push_number(value.min(LENGTH_MAX), &mut out);
        }
        if out.is_empty() {
            out.extend_from_slice(b"min-size=0");
        }
        out
    }
}

/// Bytes of the longest whole: what an integer of a structured field can say (RFC 9651 §3.3.1),
/// about a petabyte.
pub const LENGTH_MAX: u64 = 999_999_999_999_999;

#[cfg(test)]
mod tests;
