//! Fields of packets: integers in little endian, length-encoded integers and strings, strings that
//! end with NUL.
//!
//! A [`Fields`] never reads past its packet and never allocates: a length that promises more than
//! is there is a [`Malformed`].

use alloc::vec::Vec;

use super::Malformed;

/// Reads the fields of one payload from its front.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    /// At the start of `payload`.
    #[must_use]
    pub const fn new(payload: &'a [u8]) -> Self {
        Self { rest: payload }
    }

    /// What has not been read.
    #[must_use]
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Whether everything has been read.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next `len` bytes.
    ///
    /// # Errors
    /// Fewer bytes are left; nothing was read.
    pub fn bytes(&mut self, len: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(SHORT)?;
        self.rest = rest;
        Ok(taken)
    }

    /// The next `N` bytes.
    ///
    /// # Errors
    /// Fewer bytes are left; nothing was read.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(SHORT)?;
        self.rest = rest;
        Ok(*taken)
    }

    /// One byte.
    ///
    /// # Errors
    /// Nothing is left.
    pub fn u8(&mut self) -> Result<u8, Malformed> {
        self.array::<1>().map(|[byte]| byte)
    }

    /// Two bytes, little endian; so are the following.
    ///
    /// # Errors
    /// Fewer bytes are left; so for the following.
    pub fn u16(&mut self) -> Result<u16, Malformed> {
        self.array().map(u16::from_le_bytes)
    }

    /// Three bytes.
    ///
    /// # Errors
    /// Fewer bytes are left.
    pub fn u24(&mut self) -> Result<u32, Malformed> {
        self.array().map(|[a, b, c]| u32::from_le_bytes([a, b, c, 0]))
    }

    /// Four bytes.
    ///
    /// # Errors
    /// Fewer bytes are left.
    pub fn u32(&mut self) -> Result<u32, Malformed> {
        self.array().map(u32::from_le_bytes)
    }

    /// Eight bytes.
    ///
    /// # Errors
    /// Fewer bytes are left.
    pub fn u64(&mut self) -> Result<u64, Malformed> {
        self.array().map(u64::from_le_bytes)
    }

    /// A length-encoded integer: one byte up to 250, else 0xFC, 0xFD, 0xFE and 2, 3 or 8 bytes. A
    /// longer form than needed is taken too, as the servers do.
    ///
    /// # Errors
    /// It begins with 0xFB (NULL) or 0xFF (an error), or bytes are missing.
    pub fn int(&mut self) -> Result<u64, Malformed> {
        match self.u8()? {
            0xfc => self.u16().map(u64::from),
            0xfd => self.u24().map(u64::from),
            0xfe => self.u64(),
            NULL | 0xff => Err(Malformed("length-encoded integer")),
            small => Ok(u64::from(small)),
        }
    }

    /// A length-encoded string.
    ///
    /// # Errors
    /// As [`Self::int`], or the string is longer than what is left.
    pub fn string(&mut self) -> Result<&'a [u8], Malformed> {
        let len = self.int()?;
        self.bytes(usize::try_from(len).map_err(|_| SHORT)?)
    }

    /// A value of a row of the text protocol: `None` is NULL.
    ///
    /// # Errors
    /// As [`Self::string`].
    pub fn value(&mut self) -> Result<Option<&'a [u8]>, Malformed> {
        if self.rest.first() == Some(&NULL) {
            self.u8()?;
            return Ok(None);
        }
        self.string().map(Some)
    }

    /// A string up to a NUL, which is read too.
    ///
    /// # Errors
    /// There is no NUL.
    pub fn until_nul(&mut self) -> Result<&'a [u8], Malformed> {
        let at = memchr::memchr(0, self.rest).ok_or(SHORT)?;
        let text = self.bytes(at)?;
        self.u8()?;
        Ok(text)
    }

    /// A string up to a NUL or the end of the payload: what servers accept at the end of a login.
    pub fn until_nul_or_end(&mut self) -> &'a [u8] {
        self.until_nul().unwrap_or_else(|_| core::mem::take(&mut self.rest))
    }
}

/// Appends a length-encoded integer in its shortest form.
pub fn push_int(out: &mut Vec<u8>, value: u64) {
    let bytes = value.to_le_bytes();
    let [a, b, c, ..] = bytes;
    match value {
        0..=250 => out.push(a),
        251..=0xffff => out.extend_from_slice(&[0xfc, a, b]),
        0x1_0000..=0xff_ffff => out.extend_from_slice(&[0xfd, a, b, c]),
        _ => {
            out.push(0xfe);
            out.extend_from_slice(&bytes);
        }
    }
}

/// Appends a length-encoded string.
pub fn push_string(out: &mut Vec<u8>, text: &[u8]) {
    push_int(out, text.len() as u64);
    out.extend_from_slice(text);
}

/// Appends a value of a row of the text protocol: `None` is NULL.
pub fn push_value(out: &mut Vec<u8>, value: Option<&[u8]>) {
    match value {
        Some(text) => push_string(out, text),
        None => out.push(NULL),
    }
}

/// Appends a string and a NUL. What follows a NUL inside `text` would be read as the next field, so
/// the string ends there.
pub fn push_nul(out: &mut Vec<u8>, text: &[u8]) {
    out.extend_from_slice(text.split(|&byte| byte == 0).next().unwrap_or_default());
    out.push(0);
}

/// NULL in a row of the text protocol; the name of a file in a reply to `LOAD DATA LOCAL`.
pub const NULL: u8 = 0xfb;

const SHORT: Malformed = Malformed("cut short");

#[cfg(test)]
mod tests;
