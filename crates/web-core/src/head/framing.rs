//! Where a request body ends and whether the connection goes on (RFC 9112 §6, §9.3).
//!
//! Every ambiguity is an error, also those the RFC lets a server repair (equal `Content-Length`
//! values, `Content-Length` next to `chunked`): a proxy in front may have repaired it differently.

use super::{HeadError, Version};

/// Where the body of a request ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// There is no body.
    None,
    /// After this many bytes.
    Length(u64),
    /// After the last chunk and its trailers.
    Chunked,
}

/// `1*DIGIT` that fits 64 bits; anything else, signs and white space included, is `None`.
#[must_use]
pub fn content_length(value: &[u8]) -> Option<u64> {
    if value.is_empty() {
        return None;
    }
    value.iter().try_fold(0_u64, |sum, &byte| {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        sum.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

/// What the framing and connection headers said so far.
#[derive(Debug, Default)]
pub(super) struct Framer {
    length: Option<u64>,
    chunked: bool,
    close: bool,
    persist: bool,
    expects: bool,
}

impl Framer {
    /// One `Content-Length` line.
    pub(super) fn length(&mut self, head: &[u8], value: &[u8]) -> Result<(), HeadError> {
        if self.length.is_some() {
            return Err(HeadError::LengthRepeated);
        }
        if beside_tab(head, value) {
            return Err(HeadError::LengthInvalid);
        }
        self.length = Some(content_length(value).ok_or(HeadError::LengthInvalid)?);
        Ok(())
    }

    /// One `Transfer-Encoding` line.
    pub(super) fn coding(&mut self, head: &[u8], value: &[u8]) -> Result<(), HeadError> {
        if self.chunked || beside_tab(head, value) {
            return Err(HeadError::CodingInvalid);
        }
        if value.eq_ignore_ascii_case(b"chunked") {
            self.chunked = true;
            return Ok(());
        }
        // What remains is refused; the list only decides whether as unknown or as malformed.
        let (mut others, mut chunked_not_last, mut chunked) = (false, false, false);
        for coding in tokens(value) {
            chunked_not_last |= chunked;
            chunked = coding.eq_ignore_ascii_case(b"chunked");
            others |= !chunked;
        }
        let unknown = others && !chunked_not_last;
        Err(if unknown { HeadError::CodingUnknown } else { HeadError::CodingInvalid })
    }

    /// One `Connection` line.
    pub(super) fn connection(&mut self, value: &[u8]) {
        for option in tokens(value) {
            self.close |= option.eq_ignore_ascii_case(b"close");
            self.persist |= option.eq_ignore_ascii_case(b"keep-alive");
        }
    }

    /// One `Expect` line. HTTP/1.0 clients cannot read an interim answer, so theirs is ignored
    /// (RFC 9110 §10.1.1).
    pub(super) const fn expect(&mut self, value: &[u8], version: Version) -> Result<(), HeadError> {
        match version {
            Version::Http10 => Ok(()),
            Version::Http11 if value.eq_ignore_ascii_case(b"100-continue") => {
                self.expects = true;
                Ok(())
            }
            Version::Http11 => Err(HeadError::ExpectUnknown),
        }
    }

    /// The verdict once all lines are seen.
    pub(super) fn framing(&self, version: Version) -> Result<Framing, HeadError> {
        match (self.chunked, self.length) {
            (true, _) if version == Version::Http10 => Err(HeadError::CodingInHttp10),
            (true, Some(_)) => Err(HeadError::LengthWithCoding),
            (true, None) => Ok(Framing::Chunked),
            (false, Some(length)) => Ok(Framing::Length(length)),
            (false, None) => Ok(Framing::None),
        }
    }

    /// Whether the connection may serve another request; `close` wins over `keep-alive`.
    pub(super) fn keep_alive(&self, version: Version) -> bool {
        !self.close && (version == Version::Http11 || self.persist)
    }

    /// Whether `100-continue` was asked for.
    pub(super) const fn expects(&self) -> bool {
        self.expects
    }
}

/// The non-empty elements of a comma-separated list (RFC 9110 §5.6.1).
fn tokens(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    list.split(|&b| b == b',').map(super::headers::trim_ows).filter(|token| !token.is_empty())
}

/// Whether a tab stands between `value` and its colon or line end. The RFC allows it; other
/// servers take it for part of the value, so for framing headers it is not allowed here.
fn beside_tab(head: &[u8], value: &[u8]) -> bool {
    let start = super::offset(head, value);
    let before = head.get(..start).unwrap_or_default().iter().rev();
    let after = head.get(start.saturating_add(value.len())..).unwrap_or_default().iter();
    let blank = |b: &&u8| matches!(**b, b' ' | b'\t');
    before.take_while(blank).chain(after.take_while(blank)).any(|&b| b == b'\t')
}
