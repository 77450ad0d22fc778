//! The head of a CGI answer (RFC 3875 §6.2, §6.3).
//!
//! It comes from an application that may have been talked into printing anything: whatever would
//! not be a well-formed header line of our own answer is refused, never repaired.

use core::fmt;

/// Limits of one head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CgiLimits {
    /// Bytes of all lines, the empty one included.
    pub head_bytes_max: usize,
    /// Lines, without `Status` and the empty one.
    pub fields_max: usize,
}

/// What is known of a head so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CgiParsed<'a> {
    /// Its end has not come yet.
    Partial,
    /// It is whole.
    Complete {
        /// The head.
        head: CgiHead<'a>,
        /// Its bytes, the empty line included; the body begins behind them.
        len: usize,
    },
}

/// A head that was checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CgiHead<'a> {
    /// From 200 to 599: as said by `Status`, else 302 where a `Location` is given, else 200.
    pub status: u16,
    lines: &'a [u8],
}

/// Why a head was refused. It is the application's fault: 502.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CgiError {
    /// More than `head_bytes_max` bytes.
    TooLong,
    /// More than `fields_max` lines.
    TooManyFields,
    /// No line at all before the empty one.
    Empty,
    /// A line without a colon or without a valid name before it, or a folded line.
    Line,
    /// Control characters in a value.
    Value,
    /// `Status` is given twice, or is not a number from 200 to 599.
    Status,
}

impl fmt::Display for CgiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "the head of the application's answer is too long",
            Self::TooManyFields => "the application's answer has too many header lines",
            Self::Empty => "the application's answer has no header lines",
            Self::Line => "a header line of the application's answer is malformed",
            Self::Value => "a header line of the application's answer has control characters",
            Self::Status => "the application's answer has no usable status",
        })
    }
}

impl core::error::Error for CgiError {}

/// Looks for a whole head at the beginning of `buf`; lines end in LF or CR LF.
///
/// Call it again with a longer `buf` while it says [`CgiParsed::Partial`]. `searched` begins as 0
/// and belongs to the buffer: it remembers what need not be looked at again, so that the work is
/// linear however few bytes come at a time.
///
/// # Errors
/// [`CgiError`], the same in every cutting.
pub fn parse_head<'a>(
    buf: &'a [u8],
    searched: &mut usize,
    limits: CgiLimits,
) -> Result<CgiParsed<'a>, CgiError> {
    let window = &buf[..buf.len().min(limits.head_bytes_max)];
    let start = (*searched).min(window.len());
    let ended = memchr::memchr_iter(b'\n', &window[start..])
        .map(|at| start + at)
        .find(|&at| matches!(&window[..at], [] | b"\r" | [.., b'\n'] | [.., b'\n', b'\r']));
    let Some(last) = ended else {
        *searched = window.len();
        // Nothing that still comes could end the head in time.
        let hopeless = buf.len() >= limits.head_bytes_max;
        return if hopeless { Err(CgiError::TooLong) } else { Ok(CgiParsed::Partial) };
    };
    *searched = last;
    let lines = &window[..last];
    let head = CgiHead { status: check(lines, limits.fields_max)?, lines };
    Ok(CgiParsed::Complete { head, len: last + 1 })
}

impl<'a> CgiHead<'a> {
    /// Names and values in their order, without `Status`; blanks around values are removed.
    pub fn fields(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        let lines = Lines(self.lines).filter_map(|line| split_line(line).ok());
        lines.filter(|(name, _)| !is_status(name))
    }

    /// The value of the first field of this name, in any case.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'a [u8]> {
        let mut fields = self.fields();
        fields
            .find(|(other, _)| other.eq_ignore_ascii_case(name.as_bytes()))
            .map(|(_, value)| value)
    }
}

/// Checks all lines; the status.
fn check(lines: &[u8], fields_max: usize) -> Result<u16, CgiError> {
    let (mut status, mut location, mut fields, mut any) = (None, false, 0, false);
    for line in Lines(lines) {
        let (name, value) = split_line(line)?;
        any = true;
        if is_status(name) {
            if status.replace(status_of(value)?).is_some() {
                return Err(CgiError::Status);
            }
            continue;
        }
        fields += 1;
        if fields > fields_max {
            return Err(CgiError::TooManyFields);
        }
        location |= name.eq_ignore_ascii_case(b"location");
    }
    if !any {
        return Err(CgiError::Empty);
    }
    Ok(status.unwrap_or(if location { 302 } else { 200 }))
}

/// Splits at LF or CR LF, up to the empty line.
struct Lines<'a>(&'a [u8]);

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let end = memchr::memchr(b'\n', self.0)?;
        let line = &self.0[..end];
        self.0 = &self.0[end + 1..];
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    }
}

fn split_line(line: &[u8]) -> Result<(&[u8], &[u8]), CgiError> {
    let colon = memchr::memchr(b':', line).ok_or(CgiError::Line)?;
    let (name, value) = (&line[..colon], &line[colon + 1..]);
    // A folded line and a blank before the colon both fail as names.
    let token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    if name.is_empty() || !name.iter().all(token) {
        return Err(CgiError::Line);
    }
    if value.iter().any(|&byte| byte != b'\t' && byte.is_ascii_control()) {
        return Err(CgiError::Value);
    }
    Ok((name, trim(value)))
}

/// Three digits, alone or before a blank. An application cannot give an interim answer here.
fn status_of(value: &[u8]) -> Result<u16, CgiError> {
    let (digits, rest) = value.split_at_checked(3).ok_or(CgiError::Status)?;
    if !digits.iter().all(u8::is_ascii_digit) || !matches!(rest, [] | [b' ' | b'\t', ..]) {
        return Err(CgiError::Status);
    }
    let status = digits.iter().fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0'));
    if matches!(status, 200..=599) { Ok(status) } else { Err(CgiError::Status) }
}

fn is_status(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"status")
}

/// Spaces and tabs removed at both ends.
fn trim(value: &[u8]) -> &[u8] {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let start = value.iter().position(|byte| !blank(byte)).unwrap_or(value.len());
    let end = value.iter().rposition(|byte| !blank(byte)).map_or(start, |at| at + 1);
    &value[start..end]
}

#[cfg(test)]
mod tests;
