//! The boundary of a form, from its `Content-Type` (RFC 2046 §5.1.1).
//!
//! A boundary is never repaired: what breaks the grammar is refused.

use alloc::vec::Vec;
use core::fmt;

use super::parameter::{Parameters, Value};

/// A valid boundary: 1 to 70 characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Boundary(Vec<u8>);

/// Why a `Content-Type` gives no boundary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BoundaryError {
    /// It is another media type.
    NotFormData,
    /// The parameters are malformed.
    Malformed,
    /// There is no `boundary` parameter.
    Missing,
    /// There are several.
    Duplicate,
    /// It is empty, longer than 70 characters, ends in a space, or has characters it may not have.
    Invalid,
}

impl fmt::Display for BoundaryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotFormData => "the content type is not multipart/form-data",
            Self::Malformed => "the parameters of the content type are malformed",
            Self::Missing => "the content type has no boundary",
            Self::Duplicate => "the content type has several boundaries",
            Self::Invalid => "the boundary of the content type is not a valid one",
        })
    }
}

impl core::error::Error for BoundaryError {}

impl Boundary {
    /// Checks a boundary without its leading dashes.
    ///
    /// # Errors
    /// [`BoundaryError::Invalid`].
    pub fn new(text: &[u8]) -> Result<Self, BoundaryError> {
        let valid = |byte: &u8| byte.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(byte);
        let sized = (1..=BOUNDARY_BYTES_MAX).contains(&text.len());
        if !sized || !text.iter().all(valid) || text.ends_with(b" ") {
            return Err(BoundaryError::Invalid);
        }
        Ok(Self(text.to_vec()))
    }

    /// A boundary made of random bytes, for a body we write: 32 hexadecimal digits.
    ///
    /// Whoever wrote what stands in the body must not know the bytes beforehand.
    #[must_use]
    pub fn from_random(random: &[u8; 16]) -> Self {
        let digit = |value: u8| DIGITS.get(usize::from(value)).copied().unwrap_or(b'0');
        Self(random.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect())
    }

    /// The characters, without the leading dashes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// The boundary named by a `Content-Type` value of type `multipart/form-data`.
///
/// Without quotes the characters `( ) / : = ?` are accepted although they are no token characters:
/// clients send them so, and nothing else could be meant.
///
/// # Errors
/// Another type, or no usable boundary.
pub fn boundary_of(content_type: &[u8]) -> Result<Boundary, BoundaryError> {
    let (media_type, parameters) = Parameters::after_type(content_type);
    if !media_type.eq_ignore_ascii_case(b"multipart/form-data") {
        return Err(BoundaryError::NotFormData);
    }
    let mut boundary: Option<Value<'_>> = None;
    for parameter in parameters {
        let (name, value) = parameter.map_err(|_| BoundaryError::Malformed)?;
        if name.eq_ignore_ascii_case(b"boundary") && boundary.replace(value).is_some() {
            return Err(BoundaryError::Duplicate);
        }
    }
    Boundary::new(&boundary.ok_or(BoundaryError::Missing)?.text())
}

const BOUNDARY_BYTES_MAX: usize = 70;
const DIGITS: &[u8; 16] = b"0123456789abcdef";

#[cfg(test)]
mod tests;
