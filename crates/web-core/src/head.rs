//! The request head of HTTP/1.1 (RFC 9112 §2–§6, §9; RFC 9110 §5, §7.2, §10.1.1), from bytes to
//! decisions, in one walk and without allocation.
//!
//! The tokens are found by `httparse`; what it tolerates and a door must not (bare LF, any number
//! of leading empty lines, overlong everything) is refused here. Where two readers of the same
//! bytes could disagree about where a message ends, the answer is an error, never a repair. After
//! any [`HeadError`] the connection must be closed: what follows in the buffer has no known
//! meaning.
//!
//! This module must never decode or normalise a target (that is [`crate::target`]), look at a body
//! ([`crate::body`]) or keep anything between calls: a partial head is parsed anew.

mod authority;
mod error;
mod framing;
mod headers;

use core::mem::MaybeUninit;

use memchr::memchr;

pub use authority::{host_is_valid, host_parts};
pub use error::HeadError;
pub use framing::{Framing, content_length};
pub use headers::{Fields, Headers, Interest};

use framing::Framer;

/// What a head may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeadLimits {
    /// Bytes of request line and headers together, the final empty line included.
    pub head_bytes_max: usize,
    /// Header lines, 0..=128; more than 128 counts as 128.
    pub headers_max: usize,
    /// Bytes of the request target as sent.
    pub target_bytes_max: usize,
}

/// What [`parse_request`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parsed<'b> {
    /// Not whole yet and within the limits so far: read more, then parse the longer buffer again.
    Partial,
    /// A whole head.
    Complete {
        /// What it says.
        head: RequestHead<'b>,
        /// How many bytes of the buffer it took; the body starts there.
        len: usize,
    },
}

/// A request head that passed every check; borrows from the buffer it was read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestHead<'b> {
    /// The method, if it is one we know.
    pub method: Method,
    /// The method as sent; tells the [`Method::Other`] apart in logs.
    pub method_name: &'b str,
    /// Path and query as sent, starting with `/`; or `*` (OPTIONS); or the authority (CONNECT).
    /// The scheme and authority of an absolute-form target are cut off.
    pub target: &'b [u8],
    /// Value of `Host`, syntax checked; empty if an HTTP/1.0 request has none.
    pub host: &'b [u8],
    /// The version of the message.
    pub version: Version,
    /// Where the body ends.
    pub framing: Framing,
    /// Whether the client allows another request on this connection (RFC 9112 §9.3).
    pub keep_alive: bool,
    /// Whether the client waits for `100 Continue`; never set without a body or in HTTP/1.0.
    pub expect_continue: bool,
    /// Which of the interesting headers are present.
    pub interest: Interest,
    fields: &'b [u8],
}

/// Request methods the door has a word for. Methods are case-sensitive (RFC 9110 §9.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the method of the same name")]
pub enum Method {
    Get,
    Head,
    Put,
    Post,
    Delete,
    Options,
    Patch,
    Move,
    Mkcol,
    Connect,
    Trace,
    /// Any other token.
    Other,
}

/// Versions this engine speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// HTTP/1.0
    Http10,
    /// HTTP/1.1
    Http11,
}

/// Reads one request head from the start of `buf`.
///
/// The outcome does not depend on how the bytes arrived: a complete head stays the same head when
/// more bytes follow, and an error stays an error.
///
/// # Errors
/// Everything in [`HeadError`]; a limit is reported as soon as it is certain to be exceeded.
pub fn parse_request<'b>(buf: &'b [u8], limits: &HeadLimits) -> Result<Parsed<'b>, HeadError> {
    let skipped = match buf {
        [] | [b'\r'] => return Ok(Parsed::Partial),
        // One empty line before the request line is the robustness RFC 9112 §2.2 asks for; a
        // second one is only ever sent by an attacker or a broken client.
        [b'\r', b'\n', b'\r' | b'\n', ..] => return Err(HeadError::LineEnd),
        [b'\r', b'\n', ..] => 2,
        [b'\r' | b'\n', ..] => return Err(HeadError::LineEnd),
        _ => 0,
    };
    let rest = buf.get(skipped..).unwrap_or_default();
    // Bytes beyond the limit are not even looked at, so the work per call is bounded and a head
    // that is too large is so in every chunking.
    let head = rest.get(..limits.head_bytes_max).unwrap_or(rest);

    let mut slots = [const { MaybeUninit::<httparse::Header<'_>>::uninit() }; HEADERS_MAX];
    let slots = slots.get_mut(..limits.headers_max.min(HEADERS_MAX)).unwrap_or_default();
    let mut request = httparse::Request::new(&mut []);
    match request.parse_with_uninit_headers(head, slots) {
        Ok(httparse::Status::Complete(len)) => {
            let head = checked(head.get(..len).unwrap_or_default(), &request, limits)?;
            Ok(Parsed::Complete { head, len: len.saturating_add(skipped) })
        }
        Ok(httparse::Status::Partial) => {
            if target_is_overlong(head, limits.target_bytes_max) {
                Err(HeadError::TargetTooLong)
            } else if head.len() >= limits.head_bytes_max {
                Err(HeadError::TooLarge)
            } else {
                Ok(Parsed::Partial)
            }
        }
        Err(error) => Err(refusal(error, head)),
    }
}

impl<'b> RequestHead<'b> {
    /// The first value of the header `name` (any case), without surrounding white space.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'b [u8]> {
        self.all(name).next()
    }

    /// All values of the header `name` (any case), in order of arrival.
    pub fn all<'n>(&self, name: &'n str) -> impl Iterator<Item = &'b [u8]> + use<'b, 'n> {
        let bit = Interest::of(name.as_bytes());
        // A header that has a bit and does not have it set is absent: no need to look.
        let absent = bit != Interest::NONE && !self.interest.has(bit);
        let fields = Fields::new(if absent { &[] } else { self.fields });
        fields.filter(move |(n, _)| n.eq_ignore_ascii_case(name.as_bytes())).map(|(_, value)| value)
    }

    /// All header lines as (name as sent, value without surrounding white space).
    #[must_use]
    pub const fn fields(&self) -> Fields<'b> {
        Fields::new(self.fields)
    }
}

impl Headers for RequestHead<'_> {
    fn get(&self, name: &str) -> Option<&[u8]> {
        RequestHead::get(self, name)
    }

    fn for_each(&self, name: &str, f: &mut dyn FnMut(&[u8])) {
        self.all(name).for_each(f);
    }

    fn each(&self, f: &mut dyn FnMut(&[u8], &[u8])) {
        self.fields().for_each(|(name, value)| f(name, value));
    }
}

impl Method {
    /// The method called `name`; [`Method::Other`] if we have no word for it.
    #[must_use]
    pub const fn of(name: &[u8]) -> Self {
        match name {
            b"GET" => Self::Get,
            b"HEAD" => Self::Head,
            b"PUT" => Self::Put,
            b"POST" => Self::Post,
            b"DELETE" => Self::Delete,
            b"OPTIONS" => Self::Options,
            b"PATCH" => Self::Patch,
            b"MOVE" => Self::Move,
            b"MKCOL" => Self::Mkcol,
            b"CONNECT" => Self::Connect,
            b"TRACE" => Self::Trace,
            _ => Self::Other,
        }
    }
}

/// All rules beyond the syntax of tokens; `head` is exactly the bytes of the head.
fn checked<'b>(
    head: &'b [u8],
    request: &httparse::Request<'_, 'b>,
    limits: &HeadLimits,
) -> Result<RequestHead<'b>, HeadError> {
    let (Some(method_name), Some(sent), Some(minor)) =
        (request.method, request.path, request.version)
    else {
        return Err(HeadError::RequestLine);
    };
    if sent.len() > limits.target_bytes_max {
        return Err(HeadError::TargetTooLong);
    }
    let version = if minor == 0 { Version::Http10 } else { Version::Http11 };
    let method = Method::of(method_name.as_bytes());

    let mut host = None;
    let mut interest = Interest::NONE;
    let mut framer = Framer::default();
    let first = line_end(head, sent.as_bytes(), VERSION_BYTES)?;
    let mut at = first;
    for line in request.headers.iter() {
        at = next_line(head, at, line)?;
        let bit = Interest::of(line.name.as_bytes());
        match bit {
            Interest::NONE => continue,
            Interest::HOST => {
                let earlier = host.replace(line.value);
                earlier.map_or(Ok(()), |_| Err(HeadError::HostRepeated))?;
            }
            Interest::CONTENT_LENGTH => framer.length(head, line.value)?,
            Interest::TRANSFER_ENCODING => framer.coding(head, line.value)?,
            Interest::CONNECTION => framer.connection(line.value),
            Interest::EXPECT => framer.expect(line.value, version)?,
            _ => {}
        }
        interest = interest.with(bit);
    }

    let fields = match head.get(at..) {
        Some(b"\r\n") => head.get(first..at).unwrap_or_default(),
        _ => return Err(HeadError::LineEnd),
    };

    let (target, authority) = split_form(method, sent.as_bytes())?;
    let host = effective_host(host, authority, version)?;
    let framing = framer.framing(version)?;
    let has_body = !matches!(framing, Framing::None | Framing::Length(0));
    Ok(RequestHead {
        method,
        method_name,
        target,
        host,
        version,
        framing,
        keep_alive: framer.keep_alive(version),
        expect_continue: framer.expects() && has_body,
        interest,
        fields,
    })
}

/// Where the line after `line` starts, which itself must start at `start`.
///
/// `httparse` takes bare LF for a line end (bare CR it refuses itself). Here each line must begin
/// where the one before ended, and end in CRLF, so that nothing lies between or beneath them.
fn next_line(head: &[u8], start: usize, line: &httparse::Header<'_>) -> Result<usize, HeadError> {
    if offset(head, line.name.as_bytes()) != start {
        return Err(HeadError::LineEnd);
    }
    let value_end = offset(head, line.value).wrapping_add(line.value.len());
    let after = head.get(value_end..).unwrap_or_default();
    let blanks = after.iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
    line_end(head, line.value, blanks)
}

/// Where the line after the one with `part` starts: `gap` bytes and CRLF after the part.
fn line_end(head: &[u8], part: &[u8], gap: usize) -> Result<usize, HeadError> {
    let end = offset(head, part).wrapping_add(part.len()).wrapping_add(gap);
    match head.get(end..) {
        Some([b'\r', b'\n', ..]) => Ok(end.wrapping_add(2)),
        _ => Err(HeadError::LineEnd),
    }
}

/// Where `part`, a slice of `head`, starts in it; beyond its end for any other slice.
fn offset(head: &[u8], part: &[u8]) -> usize {
    (part.as_ptr() as usize).wrapping_sub(head.as_ptr() as usize)
}

/// Path-and-query, and the authority if the target names one (RFC 9112 §3.2).
fn split_form(method: Method, sent: &[u8]) -> Result<(&[u8], Option<&[u8]>), HeadError> {
    // `#` never belongs into a target; readers differ on whether it ends one.
    if memchr(b'#', sent).is_some() {
        return Err(HeadError::Target);
    }
    if method == Method::Connect {
        let authority = host_is_valid(sent) && host_parts(sent).1.is_some();
        return if authority { Ok((sent, None)) } else { Err(HeadError::Target) };
    }
    match sent {
        [b'/', ..] => return Ok((sent, None)),
        b"*" if method == Method::Options => return Ok((sent, None)),
        _ => {}
    }
    let lengths = [b"http://".as_slice(), b"https://"];
    let scheme = lengths.iter().find(|scheme| {
        sent.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    });
    let rest = scheme.and_then(|scheme| sent.get(scheme.len()..)).ok_or(HeadError::Target)?;
    let (authority, path) = match memchr(b'/', rest) {
        Some(at) => rest.split_at(at),
        None if method == Method::Options => (rest, b"*".as_slice()),
        None => (rest, b"/".as_slice()),
    };
    Ok((path, Some(authority)))
}

/// The host the request is for (RFC 9110 §7.2, RFC 9112 §3.2).
fn effective_host<'b>(
    host: Option<&'b [u8]>,
    authority: Option<&'b [u8]>,
    version: Version,
) -> Result<&'b [u8], HeadError> {
    let host = match (host, authority) {
        (Some(host), Some(authority)) if !host.eq_ignore_ascii_case(authority) => {
            return Err(HeadError::HostMismatch);
        }
        (Some(host), _) => host,
        (None, _) if version == Version::Http11 => return Err(HeadError::HostMissing),
        (None, Some(authority)) => authority,
        (None, None) => return Ok(&[]),
    };
    if host_is_valid(host) { Ok(host) } else { Err(HeadError::HostInvalid) }
}

/// Whether the target, finished or not, is longer than `max`.
fn target_is_overlong(head: &[u8], max: usize) -> bool {
    let Some(target) = memchr(b' ', head).and_then(|at| head.get(at + 1..)) else {
        return false;
    };
    let line = memchr(b'\r', target).and_then(|end| target.get(..end)).unwrap_or(target);
    memchr(b' ', line).unwrap_or(line.len()) > max
}

/// What `httparse` refused, in our words.
#[cold]
fn refusal(error: httparse::Error, head: &[u8]) -> HeadError {
    match error {
        httparse::Error::HeaderName => HeadError::HeaderName,
        httparse::Error::HeaderValue => HeadError::HeaderValue,
        httparse::Error::NewLine => HeadError::LineEnd,
        httparse::Error::TooManyHeaders => HeadError::TooManyHeaders,
        httparse::Error::Version if names_other_version(head) => HeadError::Version,
        httparse::Error::Version | httparse::Error::Token | httparse::Error::Status => {
            HeadError::RequestLine
        }
    }
}

/// Whether the third word is a well-formed version, so that 505 is the honest answer.
fn names_other_version(head: &[u8]) -> bool {
    let word = head.splitn(3, |&b| b == b' ').nth(2).unwrap_or_default();
    let digits = match word.strip_prefix(b"HTTP/") {
        Some([major, b'.', minor, b'\r', ..]) => [*major, *minor],
        Some([major, b'.', minor]) => [*major, *minor],
        _ => return false,
    };
    digits.iter().all(u8::is_ascii_digit)
}

/// Bytes between the target and the end of its line: a space and `HTTP/1.x`.
const VERSION_BYTES: usize = 9;
/// Header slots on the stack; the ceiling of [`HeadLimits::headers_max`].
const HEADERS_MAX: usize = 128;

#[cfg(test)]
mod tests;
