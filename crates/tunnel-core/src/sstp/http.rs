//! The HTTP heads that open an SSTP connection ([MS-SSTP] section 3.2.4.1), for both ends.
//!
//! The request has a length of 2^64 - 1, which every HTTP engine refuses: it must be recognised
//! before an engine's rules. It must never be half recognised: whatever is not exactly SSTP's first
//! line is the engine's. Octets behind a head belong to SSTP: some clients do not wait for the
//! answer. What does not fit has its reason.

use alloc::string::String;
use alloc::vec::Vec;

/// Whether a connection's first octets are SSTP's request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recognised {
    /// They are.
    Yes,
    /// They may be; more must come.
    NotYet,
    /// They are an ordinary request's.
    No,
}

/// Looks at the first octets of a request. The octets of the path's GUID may have either case.
#[must_use]
pub fn recognise(octets: &[u8]) -> Recognised {
    let line = START.len().min(octets.len());
    let (Some(came), Some(start)) = (octets.get(..line), START.get(..line)) else {
        return Recognised::No;
    };
    let method = METHOD_OCTETS.min(line);
    if came.get(..method) != start.get(..method) || !came.eq_ignore_ascii_case(start) {
        return Recognised::No;
    }
    if line == START.len() { Recognised::Yes } else { Recognised::NotYet }
}

/// A request that was recognised, read on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// More must come.
    NotYet,
    /// It is whole and right: answer with [`ANSWER`].
    Whole {
        /// Octets of the head; what follows is SSTP's.
        octets: usize,
        /// The client's correlation identifier in the form `8-4-4-4-12`, if it gave a valid one.
        correlation: Option<String>,
    },
    /// It is not to be answered by SSTP.
    Refused(HeadError),
}

/// What is wrong with a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeadError {
    /// Longer than `HEAD_OCTETS_MAX`.
    TooLong,
    /// Not HTTP's form.
    Malformed,
    /// Not HTTP/1.1.
    Version,
    /// The length is missing, given twice or not 2^64 - 1; or there is a transfer coding.
    Length,
}

/// Reads a request's head from a connection's first octets.
#[must_use]
pub fn request(octets: &[u8]) -> Request {
    let (head, octets) = match head(octets) {
        Ok(Some(head)) => head,
        Ok(None) => return Request::NotYet,
        Err(error) => return Request::Refused(error),
    };
    match read_request(head) {
        Ok(correlation) => Request::Whole { octets, correlation },
        Err(error) => Request::Refused(error),
    }
}

/// The answer that makes the connection SSTP's.
pub const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551615\r\n\r\n";

/// A client's request. `host`: name or address, with a port if it is not 443; `correlation`: random
/// octets. `None`: the host is not one (a blank or a control character in it).
#[must_use]
pub fn write_request(host: &str, correlation: [u8; 16]) -> Option<Vec<u8>> {
    if host.is_empty() || !host.bytes().all(|octet| octet.is_ascii_graphic()) {
        return None;
    }
    let mut guid = String::new();
    for (at, octet) in correlation.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            guid.push('-');
        }
        guid.push_str(&alloc::format!("{octet:02X}"));
    }
    let start = core::str::from_utf8(START).unwrap_or_default();
    let request = alloc::format!(
        "{start}HTTP/1.1\r\nHost: {host}\r\nContent-Length: {LENGTH}\r\n\
         SSTPCORRELATIONID: {{{guid}}}\r\n\r\n"
    );
    Some(request.into_bytes())
}

/// The server's answer, read on the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Response {
    /// More must come.
    NotYet,
    /// SSTP begins.
    Accepted {
        /// Octets of the head; what follows is SSTP's.
        octets: usize,
    },
    /// An ordinary web answer: there is no SSTP here, or a box in the way does not let it through.
    Status {
        /// The three digits.
        code: u16,
        /// The value of `Server`, unescaped, at most `HEAD_OCTETS_MAX` octets.
        server: Option<Vec<u8>>,
    },
    /// Not HTTP.
    Refused(HeadError),
}

/// Reads a response's head from what came after the request.
#[must_use]
pub fn response(octets: &[u8]) -> Response {
    let known = b"HTTP/1.".len().min(octets.len());
    if octets.get(..known) != b"HTTP/1.".get(..known) {
        return Response::Refused(HeadError::Malformed);
    }
    let (head, octets) = match head(octets) {
        Ok(Some(head)) => head,
        Ok(None) => return Response::NotYet,
        Err(error) => return Response::Refused(error),
    };
    let (line, fields) = split_line(head).unwrap_or((head, &[]));
    let code = line.get(9..12).filter(|_| line.get(8) == Some(&b' '));
    let code = code.filter(|code| code.iter().all(u8::is_ascii_digit));
    let code = code.and_then(|code| core::str::from_utf8(code).ok()?.parse::<u16>().ok());
    match code {
        // The length that a server states is not looked at: nothing is counted by it.
        Some(200) => Response::Accepted { octets },
        Some(code) => Response::Status { code, server: field(fields, b"server") },
        None => Response::Refused(HeadError::Malformed),
    }
}

/// The head without its empty line, and its octets with it.
fn head(octets: &[u8]) -> Result<Option<(&[u8], usize)>, HeadError> {
    let bounded = octets.get(..HEAD_OCTETS_MAX).unwrap_or(octets);
    match bounded.windows(4).position(|four| four == b"\r\n\r\n") {
        Some(end) => Ok(bounded.get(..end + 2).map(|head| (head, end + 4))),
        None if bounded.len() == HEAD_OCTETS_MAX => Err(HeadError::TooLong),
        None => Ok(None),
    }
}

fn read_request(head: &[u8]) -> Result<Option<String>, HeadError> {
    let (line, mut rest) = split_line(head).ok_or(HeadError::Malformed)?;
    if recognise(line) != Recognised::Yes {
        return Err(HeadError::Malformed);
    }
    if line.get(START.len()..) != Some(b"HTTP/1.1") {
        return Err(HeadError::Version);
    }
    let (mut lengths, mut correlation) = (0, None);
    while !rest.is_empty() {
        let (line, more) = split_line(rest).ok_or(HeadError::Malformed)?;
        rest = more;
        let (name, value) = split_field(line).ok_or(HeadError::Malformed)?;
        if name.eq_ignore_ascii_case(b"content-length") {
            lengths += 1;
            if value != LENGTH.as_bytes() {
                return Err(HeadError::Length);
            }
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            return Err(HeadError::Length);
        } else if name.eq_ignore_ascii_case(b"sstpcorrelationid") {
            correlation = guid(value);
        }
    }
    if lengths == 1 { Ok(correlation) } else { Err(HeadError::Length) }
}

/// A line without its end, and what follows; a bare CR or LF ends nothing.
fn split_line(octets: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = octets.windows(2).position(|two| two == b"\r\n")?;
    Some((octets.get(..end)?, octets.get(end + 2..)?))
}

/// A field's name and its value without the blanks around it. No folding, no controls.
fn split_field(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = line.iter().position(|octet| *octet == b':')?;
    let (name, value) = (line.get(..colon)?, line.get(colon + 1..)?);
    let token = |octet: &u8| octet.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(octet);
    let text = |octet: &u8| *octet == b'\t' || (*octet >= b' ' && *octet != 0x7F);
    let sound = !name.is_empty() && name.iter().all(token) && value.iter().all(text);
    sound.then(|| (name, value.trim_ascii()))
}

fn field(mut rest: &[u8], wanted: &[u8]) -> Option<Vec<u8>> {
    while let Some((line, more)) = split_line(rest) {
        rest = more;
        if let Some((name, value)) = split_field(line)
            && name.eq_ignore_ascii_case(wanted)
        {
            return Some(Vec::from(value));
        }
    }
    None
}

/// A GUID with or without braces.
fn guid(value: &[u8]) -> Option<String> {
    let bare = value.strip_prefix(b"{").and_then(|v| v.strip_suffix(b"}")).unwrap_or(value);
    let right = bare.len() == 36
        && bare.iter().enumerate().all(|(at, octet)| match at {
            8 | 13 | 18 | 23 => *octet == b'-',
            _ => octet.is_ascii_hexdigit(),
        });
    if right { core::str::from_utf8(bare).ok().map(str::to_ascii_uppercase) } else { None }
}

/// Octets of a head, empty line included: as much as the web door takes for a request line.
pub const HEAD_OCTETS_MAX: usize = 8192;

/// The first line up to the version.
const START: &[u8] = b"SSTP_DUPLEX_POST /sra_{BA195980-CD49-458b-9E23-C84EE0ADCD75}/ ";

/// Octets of the method and its blank.
const METHOD_OCTETS: usize = 17;

/// 2^64 - 1.
const LENGTH: &str = "18446744073709551615";

#[cfg(test)]
mod tests;
