//! Request targets: path and query, and the rules a path must meet before it names a file
//! (RFC 3986 §2.1, §3.3).
//!
//! A path is decoded once and then either taken as it is or refused. Nothing is normalised: no dot
//! segments removed, no slashes merged, no Unicode form changed, so that the name a client stored
//! is the name that lies on the disk, and no two readers can see two files in one path. Whether a
//! path escapes through a symbolic link is the kernel's to say; this module never asks it.

use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::fmt;

use memchr::memchr;

/// Splits a target at the first `?` into path and query; the query is empty if there is none.
#[must_use]
pub fn split(target: &[u8]) -> (&[u8], &[u8]) {
    match memchr(b'?', target).and_then(|at| Some((target.get(..at)?, target.get(at + 1..)?))) {
        Some(parts) => parts,
        None => (target, &[]),
    }
}

/// A path that may name a file beneath the root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SafePath<'a> {
    /// Decoded, starting with `/`, as sent otherwise.
    text: Cow<'a, str>,
}

/// Why a path was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathError {
    /// It does not start with `/`.
    NotAbsolute,
    /// A `%` that two hexadecimal digits do not follow.
    Escape,
    /// NUL, another control byte, DEL, a backslash or an escaped slash.
    Forbidden,
    /// Not UTF-8 once decoded.
    NotUtf8,
    /// A segment `.` or `..`, escaped or not.
    DotSegment,
    /// Two slashes in a row.
    EmptySegment,
    /// A segment longer than 255 bytes once decoded.
    NameTooLong,
    /// Longer than 4,096 bytes once decoded.
    TooLong,
    /// A segment starts with `.menshen`: such names hold unfinished transfers and state.
    Reserved,
}

/// Decodes and checks the path part of a target. Does not allocate for a path without `%`.
///
/// # Errors
/// [`PathError`]: the path is refused, never repaired.
pub fn decode_path(raw: &[u8]) -> Result<SafePath<'_>, PathError> {
    if raw.first() != Some(&b'/') {
        return Err(PathError::NotAbsolute);
    }
    let text = if memchr(b'%', raw).is_none() {
        if raw.iter().any(|&byte| is_forbidden(byte)) {
            return Err(PathError::Forbidden);
        }
        Cow::Borrowed(core::str::from_utf8(raw).map_err(|_| PathError::NotUtf8)?)
    } else {
        let bytes = unescape(raw)?;
        Cow::Owned(alloc::string::String::from_utf8(bytes).map_err(|_| PathError::NotUtf8)?)
    };
    if text.len() > PATH_BYTES_MAX {
        return Err(PathError::TooLong);
    }
    check_segments(text.as_bytes())?;
    Ok(SafePath { text })
}

/// What a path that [`decode_path`] refuses would be called if it were tidy: unescaped, with one
/// slash where several stand. It names no file and must never be used to open one; an application
/// that routes by the request's own target may still know it, and rules must still cover it.
/// `None` when nobody should see it: control bytes, backslashes, `.` and `..`, reserved names,
/// broken escapes.
#[must_use]
pub fn tidied(raw: &[u8]) -> Option<Vec<u8>> {
    if raw.first() != Some(&b'/') || raw.len() > PATH_BYTES_MAX {
        return None;
    }
    let mut out = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((&first, after)) = rest.split_first() {
        let byte = if first == b'%' {
            let (digits, after) = after.split_at_checked(2)?;
            let digits = core::str::from_utf8(digits).ok()?;
            rest = after;
            // `from_str_radix` would take a sign as well.
            if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                return None;
            }
            u8::from_str_radix(digits, 16).ok()?
        } else {
            rest = after;
            first
        };
        // A backslash is a slash to some readers.
        if byte < 0x20 || byte == 0x7f || byte == b'\\' {
            return None;
        }
        if !(byte == b'/' && out.ends_with(b"/")) {
            out.push(byte);
        }
    }
    let bad =
        |segment: &[u8]| matches!(segment, b"." | b"..") || segment.starts_with(RESERVED_PREFIX);
    let mut segments = out.split(|&byte| byte == b'/');
    if segments.any(bad) { None } else { Some(out) }
}

impl SafePath<'_> {
    /// The whole decoded path; starts with `/`, and ends with it exactly if it names a directory.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Without the leading and trailing slash, as to be opened beneath the root; empty for `/`.
    #[must_use]
    pub fn relative(&self) -> &str {
        let text = self.text.strip_prefix('/').unwrap_or(&self.text);
        text.strip_suffix('/').unwrap_or(text)
    }

    /// Whether the path ends with a slash and so names a directory.
    #[must_use]
    pub fn is_dir(&self) -> bool {
        self.text.ends_with('/')
    }

    /// The last segment; empty for `/`.
    #[must_use]
    pub fn name(&self) -> &str {
        let relative = self.relative();
        relative.rsplit_once('/').map_or(relative, |(_, name)| name)
    }

    /// The path without a borrow of the request.
    #[must_use]
    pub fn into_owned(self) -> SafePath<'static> {
        SafePath { text: Cow::Owned(self.text.into_owned()) }
    }
}

/// Checks one decoded name for use as a segment, such as a file name out of a form.
///
/// # Errors
/// [`PathError`]; an empty name is [`PathError::EmptySegment`], a slash [`PathError::Forbidden`].
pub fn check_name(name: &[u8]) -> Result<(), PathError> {
    if name.iter().any(|&byte| is_forbidden(byte) || byte == b'/') {
        return Err(PathError::Forbidden);
    }
    if core::str::from_utf8(name).is_err() {
        return Err(PathError::NotUtf8);
    }
    check_segment(name)
}

/// Appends `path` as a link: every byte outside a safe subset of `pchar` and `/` is escaped.
///
/// The subset leaves out `&`, `'`, `;` and parentheses, so that the result also needs no escaping
/// in HTML. `decode_path` of the result gives `path` back.
pub fn encode_path(path: &[u8], out: &mut Vec<u8>) {
    for &byte in path {
        if byte.is_ascii_alphanumeric() || LINK_SAFE.contains(&byte) {
            out.push(byte);
        } else {
            let digit = |n: u8| HEX.get(usize::from(n)).copied().unwrap_or_default();
            out.extend_from_slice(&[b'%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
}

/// The first value of `name` in a query (`a=1&b=2`), with `+` and escapes decoded.
///
/// A name without `=` has an empty value. Broken escapes stay as they are, as in browsers.
#[must_use]
pub fn query_value<'q>(query: &'q [u8], name: &str) -> Option<Cow<'q, [u8]>> {
    query_values(query, name).next()
}

/// All values of `name` in a query, as [`query_value`] reads them.
pub fn query_values<'q>(query: &'q [u8], name: &str) -> impl Iterator<Item = Cow<'q, [u8]>> {
    query.split(|&b| b == b'&').filter_map(move |pair| {
        let (key, value) = match memchr(b'=', pair) {
            Some(at) => (pair.get(..at)?, pair.get(at + 1..)?),
            None => (pair, [].as_slice()),
        };
        (*decode_form(key) == *name.as_bytes()).then(|| decode_form(value))
    })
}

impl PathError {
    /// The status to answer with: 400, 403 or 414.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::TooLong => 414,
            Self::Reserved => 403,
            _ => 400,
        }
    }

    /// One line for the answer and the log: lower case, no final period.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::NotAbsolute => "the path does not start with a slash",
            Self::Escape => "the path has a malformed percent escape",
            Self::Forbidden => "the path has a control byte, a backslash or an escaped slash",
            Self::NotUtf8 => "the path is not UTF-8",
            Self::DotSegment => "the path has a segment . or ..",
            Self::EmptySegment => "the path has an empty segment",
            Self::NameTooLong => "a name in the path is longer than 255 bytes",
            Self::TooLong => "the path is longer than 4096 bytes",
            Self::Reserved => "names that start with .menshen are reserved",
        }
    }
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason())
    }
}

impl core::error::Error for PathError {}

/// `raw` with escapes decoded once; what the decoded bytes must not be is refused on the way.
fn unescape(raw: &[u8]) -> Result<Vec<u8>, PathError> {
    let mut bytes = Vec::with_capacity(raw.len().min(PATH_BYTES_MAX + 1));
    let mut rest = raw;
    while let [first, tail @ ..] = rest {
        let (byte, tail) = match (first, tail) {
            (b'%', [high, low, tail @ ..]) => {
                let byte = escaped(*high, *low).ok_or(PathError::Escape)?;
                if byte == b'/' {
                    return Err(PathError::Forbidden);
                }
                (byte, tail)
            }
            (b'%', _) => return Err(PathError::Escape),
            (byte, tail) => (*byte, tail),
        };
        if is_forbidden(byte) {
            return Err(PathError::Forbidden);
        }
        if bytes.len() == PATH_BYTES_MAX {
            return Err(PathError::TooLong);
        }
        bytes.push(byte);
        rest = tail;
    }
    Ok(bytes)
}

/// Every segment of a path that starts with `/`; only the last may be empty.
fn check_segments(path: &[u8]) -> Result<(), PathError> {
    let inner = path.strip_prefix(b"/").unwrap_or(path);
    let inner = inner.strip_suffix(b"/").unwrap_or(inner);
    // The root has no segment at all, and `//` is not the root.
    if inner.is_empty() {
        return if path.len() > 1 { Err(PathError::EmptySegment) } else { Ok(()) };
    }
    inner.split(|&b| b == b'/').try_for_each(check_segment)
}

fn check_segment(segment: &[u8]) -> Result<(), PathError> {
    match segment {
        [] => Err(PathError::EmptySegment),
        b"." | b".." => Err(PathError::DotSegment),
        segment if segment.starts_with(RESERVED_PREFIX) => Err(PathError::Reserved),
        segment if segment.len() > NAME_BYTES_MAX => Err(PathError::NameTooLong),
        _ => Ok(()),
    }
}

/// `application/x-www-form-urlencoded` of one name or value.
fn decode_form(text: &[u8]) -> Cow<'_, [u8]> {
    if !text.iter().any(|byte| matches!(byte, b'%' | b'+')) {
        return Cow::Borrowed(text);
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, tail @ ..] = rest {
        let (byte, tail) = match (first, tail) {
            (b'+', tail) => (b' ', tail),
            (b'%', [high, low, after @ ..]) => match escaped(*high, *low) {
                Some(byte) => (byte, after),
                None => (b'%', tail),
            },
            (byte, tail) => (*byte, tail),
        };
        bytes.push(byte);
        rest = tail;
    }
    Cow::Owned(bytes)
}

/// The byte two hexadecimal digits stand for.
const fn escaped(high: u8, low: u8) -> Option<u8> {
    match (digit(high), digit(low)) {
        (Some(high), Some(low)) => Some(high << 4 | low),
        _ => None,
    }
}

const fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

/// Control bytes, DEL, and the backslash, which some clients and tools take for a slash.
const fn is_forbidden(byte: u8) -> bool {
    byte < 0x20 || byte == 0x7f || byte == b'\\'
}

/// What Linux allows for one name (`NAME_MAX`).
const NAME_BYTES_MAX: usize = 255;
/// What Linux allows for one path (`PATH_MAX`).
const PATH_BYTES_MAX: usize = 4096;
/// Names of unfinished transfers and of state start with it.
const RESERVED_PREFIX: &[u8] = b".menshen";
/// Besides letters and digits: `unreserved`, `/`, and what is harmless everywhere of `pchar`.
const LINK_SAFE: &[u8] = b"/-._~!$*+,=:@";
const HEX: &[u8; 16] = b"0123456789ABCDEF";

#[cfg(test)]
mod tests;
