//! The little of an HTTP/1.1 response head (RFC 9112, section 4) a load client needs.
//!
//! It must never be used to judge a server: it takes what it understands and ignores the rest.

use std::io;

/// Status and framing of one response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    /// Three-digit status; 0 when it could not be read.
    pub(crate) status: u16,
    /// None when the body is chunked.
    pub(crate) content_length: Option<u64>,
}

impl Head {
    /// Reads a head that ends in an empty line.
    pub(crate) fn parse(head: &[u8]) -> Self {
        let text = String::from_utf8_lossy(head).to_ascii_lowercase();
        let status = text.get(9..12).and_then(|digits| digits.parse().ok()).unwrap_or(0);
        let length = text
            .split("\r\n")
            .find_map(|line| line.strip_prefix("content-length:"))
            .and_then(|value| value.trim().parse().ok())
            .unwrap_or(0);
        let chunked = text.contains("\r\ntransfer-encoding: chunked");
        Self { status, content_length: (!chunked).then_some(length) }
    }

    /// Whether another response to the same request follows (RFC 9110, section 15.2).
    pub(crate) const fn is_interim(self) -> bool {
        matches!(self.status, 100..=199)
    }

    /// Where that is which a 201 says was made.
    pub(crate) fn made(self, head: &[u8]) -> Option<String> {
        if self.status == 201 { location(head) } else { None }
    }
}

/// The path that `Location` names, without scheme and host.
fn location(head: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(head);
    let value = text.split("\r\n").find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("location").then(|| value.trim().to_owned())
    })?;
    let Some((_, rest)) = value.split_once("://") else { return Some(value) };
    rest.find('/').map(|at| rest[at..].to_owned())
}

/// Offset just behind the empty line, if it is there; an error when the head is too long.
pub(crate) fn end(bytes: &[u8]) -> io::Result<Option<usize>> {
    match memchr::memmem::find(bytes, b"\r\n\r\n") {
        Some(at) => Ok(Some(at + 4)),
        None if bytes.len() > HEAD_BYTES_MAX => Err(io::Error::other("response head too long")),
        None => Ok(None),
    }
}

/// Longest response head taken.
const HEAD_BYTES_MAX: usize = 64 << 10;

#[cfg(test)]
mod tests;
