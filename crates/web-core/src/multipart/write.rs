//! The canonical form body, written anew for PHP (RFC 7578; the reader is PHP's `rfc1867.c`).
//!
//! What PHP reads from it must be exactly what our parser saw, whatever the client sent. So:
//! - The boundary is drawn at random after the client's bytes are here ([`Boundary::from_random`]).
//!   The client's own must never be used again: PHP takes a lone LF before it for a delimiter, and
//!   does not look at what follows it.
//! - Inside quotes PHP undoes `\"` and `\\`, and nothing else. But where it looks for the `;` that
//!   ends a parameter it takes `\"` for an escape even where the backslash is itself escaped, so a
//!   value that ends in a backslash hides every parameter behind it: such a value is written last.
//! - PHP reads lines of at most 5,120 bytes and takes the rest of a longer one for another line.

use alloc::vec::Vec;
use core::fmt;

use super::Boundary;

/// A part cannot be said so that PHP reads it as it is: the form has to be refused (400).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inexpressible {
    /// A name, file name or type has a control character other than a tab.
    Control,
    /// The field has no name.
    NameMissing,
    /// Name and file name both end in a backslash.
    Backslash,
    /// A header line would be too long.
    TooLong,
}

impl fmt::Display for Inexpressible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Control => "a name in the form has control characters",
            Self::NameMissing => "a form part has no name",
            Self::Backslash => "two names of a form part end in a backslash",
            Self::TooLong => "the names of a form part are too long",
        })
    }
}

impl core::error::Error for Inexpressible {}

/// Appends the `Content-Type` of a body with this boundary.
pub fn content_type(boundary: &Boundary, out: &mut Vec<u8>) {
    out.extend_from_slice(b"multipart/form-data; boundary=");
    out.extend_from_slice(boundary.as_bytes());
}

/// Appends the delimiter and the header lines of a part; its bytes follow, then [`part_end`].
///
/// `file_name` may be a path: PHP gives its last component as `name` and all of it as `full_path`.
///
/// # Errors
/// [`Inexpressible`]; nothing was appended.
pub fn part_head(
    boundary: &Boundary,
    name: &[u8],
    file_name: Option<&[u8]>,
    content_type: Option<&[u8]>,
    out: &mut Vec<u8>,
) -> Result<(), Inexpressible> {
    let texts = [Some(name), file_name, content_type];
    let control = |text: &[u8]| text.iter().any(|&byte| byte != b'\t' && byte.is_ascii_control());
    if texts.iter().flatten().any(|text| control(text)) {
        return Err(Inexpressible::Control);
    }
    if name.is_empty() {
        return Err(Inexpressible::NameMissing);
    }
    let hides = |text: &[u8]| text.ends_with(b"\\");
    if hides(name) && file_name.is_some_and(hides) {
        return Err(Inexpressible::Backslash);
    }
    let parameters =
        [Some((b"name".as_slice(), name)), file_name.map(|f| (b"filename".as_slice(), f))];
    let start = out.len();
    out.extend_from_slice(b"--");
    out.extend_from_slice(boundary.as_bytes());
    out.extend_from_slice(b"\r\n");
    let disposition = out.len();
    out.extend_from_slice(b"Content-Disposition: form-data");
    let (early, late): (Vec<_>, Vec<_>) =
        parameters.iter().flatten().partition(|(_, value)| !hides(value));
    for (key, value) in early.into_iter().chain(late) {
        push_parameter(key, value, out);
    }
    let disposition_bytes = out.len() - disposition;
    let mut type_bytes = 0;
    if let Some(value) = content_type {
        out.extend_from_slice(TYPE_LINE);
        out.extend_from_slice(value);
        type_bytes = TYPE_LINE.len() + value.len();
    }
    out.extend_from_slice(b"\r\n\r\n");
    if disposition_bytes.max(type_bytes) > LINE_BYTES_MAX {
        out.truncate(start);
        return Err(Inexpressible::TooLong);
    }
    Ok(())
}

/// Appends what stands behind the bytes of a part.
pub fn part_end(out: &mut Vec<u8>) {
    out.extend_from_slice(b"\r\n");
}

/// Appends the closing line.
pub fn closing(boundary: &Boundary, out: &mut Vec<u8>) {
    out.extend_from_slice(b"--");
    out.extend_from_slice(boundary.as_bytes());
    out.extend_from_slice(b"--\r\n");
}

fn push_parameter(key: &[u8], value: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"; ");
    out.extend_from_slice(key);
    out.extend_from_slice(b"=\"");
    for &byte in value {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(byte);
    }
    out.push(b'"');
}

const TYPE_LINE: &[u8] = b"\r\nContent-Type: ";
/// PHP's buffer has 5,120 bytes; well below, because versions differ in what else is in it.
const LINE_BYTES_MAX: usize = 5000;

#[cfg(test)]
mod tests;
