//! Writing response heads (RFC 9112 §4, RFC 9110 §15) into a caller's buffer, without the
//! formatting machinery of the standard library, and HTTP dates.
//!
//! This module never decides what to answer and never reads a clock. Whatever is pushed, no value
//! can end its line: CR, LF and NUL become spaces.

mod date;

use alloc::vec::Vec;

use memchr::memchr3;

pub use date::{DATE_BYTES, http_date, parse_http_date};

/// The interim answer that asks the client to send its body.
pub const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// One response head being appended to a buffer. Nothing is complete before
/// [`ResponseHead::finish`].
///
/// Interim heads (100, 104) are written the same way and followed by the final one.
#[derive(Debug)]
#[must_use = "a head without `finish` lacks its empty line"]
pub struct ResponseHead<'o> {
    out: &'o mut Vec<u8>,
}

impl<'o> ResponseHead<'o> {
    /// Appends the status line; `status` is 100..=599, anything else is written as 500.
    pub fn begin(out: &'o mut Vec<u8>, status: u16) -> Self {
        let status = if matches!(status, 100..=599) { status } else { 500 };
        out.extend_from_slice(b"HTTP/1.1 ");
        push_decimal(out, u64::from(status));
        out.push(b' ');
        out.extend_from_slice(reason_phrase(status).as_bytes());
        out.extend_from_slice(b"\r\n");
        Self { out }
    }

    /// Appends one header line. `name` is ours, not the client's, and is written as it is.
    pub fn push(self, name: &str, value: &[u8]) -> Self {
        self.line(name, |out| push_value(out, value))
    }

    /// Appends one header line with a decimal value, such as `Content-Length`.
    pub fn push_number(self, name: &str, value: u64) -> Self {
        self.line(name, |out| push_decimal(out, value))
    }

    /// Appends one header line with an HTTP date of `unix_s` seconds, such as `Last-Modified`.
    pub fn push_date(self, name: &str, unix_s: i64) -> Self {
        self.line(name, |out| out.extend_from_slice(&http_date(unix_s)))
    }

    /// Appends header lines written before, each ending in CRLF, such as a cached part of a head.
    pub fn push_lines(self, lines: &[u8]) -> Self {
        self.out.extend_from_slice(lines);
        self
    }

    /// Appends the empty line that ends the head.
    pub fn finish(self) {
        self.out.extend_from_slice(b"\r\n");
    }

    fn line(self, name: &str, value: impl FnOnce(&mut Vec<u8>)) -> Self {
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b": ");
        value(self.out);
        self.out.extend_from_slice(b"\r\n");
        self
    }
}

/// Appends `number` in decimal.
pub fn push_decimal(out: &mut Vec<u8>, number: u64) {
    // 20 digits hold any 64-bit number; filled from the end.
    let mut digits = [0_u8; 20];
    let mut left = number;
    let mut used = 0;
    for slot in digits.iter_mut().rev() {
        *slot = b'0' + (left % 10) as u8;
        left /= 10;
        used += 1;
        if left == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(digits.len() - used..).unwrap_or_default());
}

/// The reason phrase of `status`; `Unknown` for those the door never sends.
#[must_use]
pub const fn reason_phrase(status: u16) -> &'static str {
    match status {
        100 => "Continue",
        101 => "Switching Protocols",
        103 => "Early Hints",
        104 => "Upload Resumption Supported",
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        206 => "Partial Content",
        207 => "Multi-Status",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        411 => "Length Required",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        414 => "URI Too Long",
        415 => "Unsupported Media Type",
        416 => "Range Not Satisfiable",
        417 => "Expectation Failed",
        421 => "Misdirected Request",
        422 => "Unprocessable Content",
        423 => "Locked",
        426 => "Upgrade Required",
        428 => "Precondition Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        460 => "Checksum Mismatch",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        507 => "Insufficient Storage",
        _ => "Unknown",
    }
}

/// Appends a value that cannot end its line.
fn push_value(out: &mut Vec<u8>, value: &[u8]) {
    if memchr3(b'\r', b'\n', 0, value).is_none() {
        out.extend_from_slice(value);
    } else {
        let harmless = |&b: &u8| if matches!(b, b'\r' | b'\n' | 0) { b' ' } else { b };
        out.extend(value.iter().map(harmless));
    }
}

#[cfg(test)]
mod tests;
