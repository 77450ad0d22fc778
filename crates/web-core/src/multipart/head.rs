//! The header lines of one form part: its name, file name and type (RFC 7578 §4).
//!
//! A file name never leaves this module with a path in it, with a control character, or as `.` or
//! `..`; whether it may exist in a folder is for the path rules.

use alloc::vec::Vec;
use core::fmt;

use super::parameter::{Parameters, Value, is_token, trim};

/// What the header lines of a part say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartHead {
    /// The field name, as sent; never empty.
    pub name: Vec<u8>,
    /// `None`: an ordinary field. Empty: a file field in which no file was chosen; such a part has
    /// no bytes. Otherwise the last component of the file name, any encoding.
    pub file_name: Option<Vec<u8>>,
    /// The whole file name, of which `file_name` is the last component: where a folder is sent,
    /// browsers give the path in it, and PHP calls it `full_path`. Never a path to be opened.
    pub full_path: Option<Vec<u8>>,
    /// The part's `Content-Type`, as sent.
    pub content_type: Option<Vec<u8>>,
}

/// What is wrong with the header lines of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeadFault {
    /// A line is no header line: no colon, folded, control characters, a lone CR or LF.
    Line,
    /// `Content-Disposition` is missing, repeated, malformed or not `form-data`.
    Disposition,
    /// The field name is missing, empty or given twice.
    Name,
    /// The file name is given twice, ends in a separator, is `.` or `..`, or is not decodable.
    FileName,
    /// `Content-Type` is given twice.
    ContentType,
    /// A `Content-Transfer-Encoding` that would have to be undone (RFC 7578 §4.7).
    Encoding,
}

impl fmt::Display for HeadFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Line => "a header line of a form part is malformed",
            Self::Disposition => "a form part has no valid content disposition",
            Self::Name => "a form part needs exactly one name",
            Self::FileName => "a form part has an unusable file name",
            Self::ContentType => "a form part has several content types",
            Self::Encoding => "the transfer encoding of a form part is not supported",
        })
    }
}

impl PartHead {
    /// Reads header lines, separated by CR LF and without the empty line.
    pub(super) fn parse(lines: &[u8]) -> Result<Self, HeadFault> {
        let mut disposition = None;
        let mut content_type = None;
        for line in Lines(lines) {
            let (name, value) = split_line(line)?;
            if name.eq_ignore_ascii_case(b"content-disposition") {
                if disposition.replace(value).is_some() {
                    return Err(HeadFault::Disposition);
                }
            } else if name.eq_ignore_ascii_case(b"content-type") {
                if content_type.replace(value).is_some() {
                    return Err(HeadFault::ContentType);
                }
            } else if name.eq_ignore_ascii_case(b"content-transfer-encoding")
                && !IDENTITY_ENCODINGS.iter().any(|known| value.eq_ignore_ascii_case(known))
            {
                return Err(HeadFault::Encoding);
            }
        }
        let (name, full_path) = parse_disposition(disposition.ok_or(HeadFault::Disposition)?)?;
        let file_name = full_path.as_deref().map(last_component).transpose()?.map(<[u8]>::to_vec);
        let content_type = content_type.filter(|value| !value.is_empty()).map(<[u8]>::to_vec);
        Ok(Self { name, file_name, full_path, content_type })
    }
}

/// The file name of a `Content-Disposition` of any type, as senders of whole files use it in a
/// request (RFC 6266 §4.3: `filename*` counts before `filename`); its last component only.
///
/// # Errors
/// The field is malformed, a name is given twice, or it is unusable.
pub fn disposition_file_name(value: &[u8]) -> Result<Option<Vec<u8>>, HeadFault> {
    let (mut file_name, mut extended) = (None, None);
    for parameter in Parameters::after_type(value).1 {
        let (key, value) = parameter.map_err(|_| HeadFault::Disposition)?;
        let slot = if key.eq_ignore_ascii_case(b"filename") {
            &mut file_name
        } else if key.eq_ignore_ascii_case(b"filename*") {
            &mut extended
        } else {
            continue;
        };
        if slot.replace(value).is_some() {
            return Err(HeadFault::FileName);
        }
    }
    let path = match (extended, file_name) {
        (Some(Value::Bare(extended)), _) => decode_extended(extended)?,
        (Some(Value::Quoted(_)), _) => return Err(HeadFault::FileName),
        (None, Some(plain)) => plain.text().into_owned(),
        (None, None) => return Ok(None),
    };
    last_component(&path).map(|name| Some(name.to_vec()))
}

/// Splits at CR LF; unlike for other separators, nothing at the end is no line.
struct Lines<'a>(&'a [u8]);

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.0.is_empty() {
            return None;
        }
        let end = memchr::memmem::find(self.0, b"\r\n").unwrap_or(self.0.len());
        let line = &self.0[..end];
        self.0 = self.0.get(end + 2..).unwrap_or_default();
        Some(line)
    }
}

fn split_line(line: &[u8]) -> Result<(&[u8], &[u8]), HeadFault> {
    let colon = line.iter().position(|&byte| byte == b':').ok_or(HeadFault::Line)?;
    let (name, value) = (&line[..colon], &line[colon + 1..]);
    // A folded line and a blank before the colon both fail as names.
    if !is_token(name) || value.iter().any(|&byte| byte != b'\t' && byte.is_ascii_control()) {
        return Err(HeadFault::Line);
    }
    Ok((name, trim(value)))
}

/// Name and whole file name. `filename*` is not allowed here (RFC 7578 §4.2) but sent: it counts
/// only where `filename` is missing, so that it can never contradict what other readers see.
fn parse_disposition(value: &[u8]) -> Result<(Vec<u8>, Option<Vec<u8>>), HeadFault> {
    let (kind, parameters) = Parameters::after_type(value);
    if !kind.eq_ignore_ascii_case(b"form-data") {
        return Err(HeadFault::Disposition);
    }
    let (mut name, mut file_name, mut extended) = (None, None, None);
    for parameter in parameters {
        let (key, value) = parameter.map_err(|_| HeadFault::Disposition)?;
        if let Value::Bare(bare) = value
            && !is_token(bare)
        {
            return Err(HeadFault::Disposition);
        }
        let (slot, fault) = if key.eq_ignore_ascii_case(b"name") {
            (&mut name, HeadFault::Name)
        } else if key.eq_ignore_ascii_case(b"filename") {
            (&mut file_name, HeadFault::FileName)
        } else if key.eq_ignore_ascii_case(b"filename*") {
            (&mut extended, HeadFault::FileName)
        } else {
            continue;
        };
        if slot.replace(value).is_some() {
            return Err(fault);
        }
    }
    let name = name.ok_or(HeadFault::Name)?.text().into_owned();
    if name.is_empty() {
        return Err(HeadFault::Name);
    }
    let file_name = match (file_name, extended) {
        (Some(plain), _) => Some(plain.text().into_owned()),
        (None, Some(Value::Bare(extended))) => Some(decode_extended(extended)?),
        (None, Some(Value::Quoted(_))) => return Err(HeadFault::FileName),
        (None, None) => None,
    };
    Ok((name, file_name))
}

/// The name behind the last separator: old browsers send whole paths, with either separator. An
/// empty path is an empty name.
///
/// # Errors
/// [`HeadFault::FileName`]: it ends in a separator, is `.` or `..`, or has control characters.
pub fn last_component(path: &[u8]) -> Result<&[u8], HeadFault> {
    if path.is_empty() {
        return Ok(path);
    }
    let start = memchr::memrchr2(b'/', b'\\', path).map_or(0, |at| at + 1);
    let name = &path[start..];
    let broken = path.iter().any(|&byte| byte != b'\t' && byte.is_ascii_control());
    if matches!(name, b"" | b"." | b"..") || broken || name.contains(&b'\t') {
        return Err(HeadFault::FileName);
    }
    Ok(name)
}

/// `UTF-8'language'text` with percent escapes (RFC 8187 §3.2).
fn decode_extended(value: &[u8]) -> Result<Vec<u8>, HeadFault> {
    let mut pieces = value.splitn(3, |&byte| byte == b'\'');
    let (Some(charset), Some(_), Some(text)) = (pieces.next(), pieces.next(), pieces.next()) else {
        return Err(HeadFault::FileName);
    };
    if !charset.eq_ignore_ascii_case(b"utf-8") {
        return Err(HeadFault::FileName);
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.iter();
    while let Some(&byte) = bytes.next() {
        if byte == b'%' {
            let high = bytes.next().copied().and_then(hex_digit);
            let low = bytes.next().copied().and_then(hex_digit);
            let (Some(high), Some(low)) = (high, low) else { return Err(HeadFault::FileName) };
            decoded.push(high << 4 | low);
        } else {
            decoded.push(byte);
        }
    }
    if core::str::from_utf8(&decoded).is_err() {
        return Err(HeadFault::FileName);
    }
    Ok(decoded)
}

const fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

const IDENTITY_ENCODINGS: [&[u8]; 3] = [b"7bit", b"8bit", b"binary"];

#[cfg(test)]
mod tests;
