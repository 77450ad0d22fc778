//! Text fields: a fixed number of octets, filled up with zeros.
//!
//! What is in them was written by the peer. It is never printed as it is.

use core::fmt;

/// A text of at most `N` octets.
#[derive(Clone, PartialEq, Eq)]
pub struct Text<const N: usize>([u8; N]);

impl<const N: usize> Text<N> {
    /// As much of `text` as fits.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let mut octets = [0; N];
        for (place, octet) in octets.iter_mut().zip(text.bytes().take_while(|octet| *octet != 0)) {
            *place = octet;
        }
        Self(octets)
    }

    /// The field with its filling, as it is on the wire.
    #[must_use]
    pub const fn octets(&self) -> &[u8; N] {
        &self.0
    }

    /// What is before the first zero. Foreign.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.split(|octet| *octet == 0).next().unwrap_or_default()
    }

    /// Whether there is nothing before the first zero.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.as_bytes().is_empty()
    }
}

impl<const N: usize> From<[u8; N]> for Text<N> {
    fn from(octets: [u8; N]) -> Self {
        Self(octets)
    }
}

impl<const N: usize> Default for Text<N> {
    fn default() -> Self {
        Self([0; N])
    }
}

/// Escaped: nothing in it steers a terminal.
impl<const N: usize> fmt::Display for Text<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.as_bytes().escape_ascii())
    }
}

impl<const N: usize> fmt::Debug for Text<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}
