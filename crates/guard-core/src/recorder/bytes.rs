//! Numbers and short texts in and out of bytes, little-endian; reading ends with `None`, never with
//! a panic.

use alloc::vec::Vec;

/// `u64::MAX` stands for "not known".
pub(super) const UNKNOWN: u64 = u64::MAX;

/// What is put into a vector.
pub(super) trait Put {
    /// One byte.
    fn put_u8(&mut self, value: u8);
    /// Four bytes.
    fn put_u32(&mut self, value: u32);
    /// Eight bytes.
    fn put_u64(&mut self, value: u64);
    /// Eight bytes; none is [`UNKNOWN`].
    fn put_known(&mut self, value: Option<u64>) {
        self.put_u64(value.unwrap_or(UNKNOWN));
    }
    /// Two bytes of length, then at most `most` bytes of the text.
    fn put_text(&mut self, text: &[u8], most: usize);
}

impl Put for Vec<u8> {
    fn put_u8(&mut self, value: u8) {
        self.push(value);
    }

    fn put_u32(&mut self, value: u32) {
        self.extend_from_slice(&value.to_le_bytes());
    }

    fn put_u64(&mut self, value: u64) {
        self.extend_from_slice(&value.to_le_bytes());
    }

    fn put_text(&mut self, text: &[u8], most: usize) {
        let most = most.min(usize::from(u16::MAX));
        let text = text.get(..most).unwrap_or(text);
        let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
        self.extend_from_slice(&length.to_le_bytes());
        self.extend_from_slice(text);
    }
}

/// What is left to be read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Take<'a>(pub(super) &'a [u8]);

impl<'a> Take<'a> {
    /// The next `count` bytes.
    pub(super) fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (first, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(first)
    }

    /// The next bytes as an array.
    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*first)
    }

    /// One byte.
    pub(super) fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    /// Four bytes.
    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    /// Four bytes with a sign.
    pub(super) fn i32(&mut self) -> Option<i32> {
        self.array().map(i32::from_le_bytes)
    }

    /// Eight bytes.
    pub(super) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    /// Eight bytes that may say "not known".
    pub(super) fn known(&mut self) -> Option<Option<u64>> {
        self.u64().map(|value| (value != UNKNOWN).then_some(value))
    }

    /// A text with its length in front.
    pub(super) fn text(&mut self) -> Option<&'a [u8]> {
        let length = self.array().map(u16::from_le_bytes)?;
        self.bytes(usize::from(length))
    }
}
