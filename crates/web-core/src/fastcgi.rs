//! FastCGI 1.0 records, the side of the web server (FastCGI Specification §3, §5, §8).
//!
//! One request per connection, always with id 1. Nothing is copied: what is sent is framed around
//! the caller's bytes, and the decoder names ranges of the caller's slice. The decoder must never
//! read past the end of its request, and never take a record of another request for one of its own.

use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;

pub use header::header_param;

mod header;

/// The most bytes one STDIN record carries.
pub const STDIN_MAX: usize = 65_535;

/// The empty STDIN record: the body is over.
pub const STDIN_END: [u8; 8] = [VERSION, STDIN, 0, REQUEST_ID, 0, 0, 0, 0];

/// Who closes the connection after the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connection {
    /// The application does.
    Close,
    /// We do: the application waits for another request, and does nothing else meanwhile.
    Keep,
}

/// Appends the record that begins a request to a responder.
pub fn begin_request(connection: Connection, out: &mut Vec<u8>) {
    let flags = match connection {
        Connection::Close => 0,
        Connection::Keep => KEEP_CONNECTION,
    };
    out.extend_from_slice(&header(BEGIN_REQUEST, 8));
    out.extend_from_slice(&[0, RESPONDER, flags, 0, 0, 0, 0, 0]);
}

/// Appends a name and its value to a plain stream of pairs, to be framed by [`write_params`].
///
/// Of a text of 2 GiB or more, which no length could express, nothing but its first bytes is taken.
pub fn push_param(name: &[u8], value: &[u8], out: &mut Vec<u8>) {
    let name = &name[..name.len().min(TEXT_BYTES_MAX)];
    let value = &value[..value.len().min(TEXT_BYTES_MAX)];
    push_length(name.len(), out);
    push_length(value.len(), out);
    out.extend_from_slice(name);
    out.extend_from_slice(value);
}

/// Frames a stream of pairs into PARAMS records, with the empty one that closes the stream.
///
/// A record ends where a pair ends, because PHP reads each record on its own. A single pair of more
/// than 65,535 bytes, lengths included, has to be cut all the same: the specification allows it,
/// PHP then closes the connection.
pub fn write_params(pairs: &[u8], out: &mut Vec<u8>) {
    let records = pairs.len() / usize::from(u16::MAX) + 2;
    out.reserve(pairs.len() + records * HEADER_BYTES);
    let (mut start, mut end) = (0, 0);
    while end < pairs.len() {
        let next = end + pair_bytes(&pairs[end..]);
        if next - start > STDIN_MAX {
            push_records(PARAMS, &pairs[start..end], out);
            start = end;
        }
        end = next;
    }
    push_records(PARAMS, &pairs[start..], out);
    out.extend_from_slice(&header(PARAMS, 0));
}

/// Whether every pair of a stream fits into one record, lengths included. PHP closes the connection
/// over one that does not.
#[must_use]
pub fn pairs_fit(pairs: &[u8]) -> bool {
    let mut at = 0;
    // Hardly any request has so much in all.
    while pairs.len() - at > STDIN_MAX {
        let pair = pair_bytes(&pairs[at..]);
        if pair > STDIN_MAX {
            return false;
        }
        at += pair;
    }
    true
}

/// The header of a STDIN record; this many bytes of the body follow. 0 is [`STDIN_END`].
#[must_use]
pub const fn stdin_header(len: u16) -> [u8; 8] {
    header(STDIN, len)
}

/// Appends the record that asks the application to give up.
pub fn abort_request(out: &mut Vec<u8>) {
    out.extend_from_slice(&header(ABORT_REQUEST, 0));
}

/// One step: how far the input was read, and what was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Bytes of the input that are done with; go on behind them.
    pub consumed: usize,
    /// `None`: all of the input is consumed and more is needed, or the request was over before.
    pub event: Option<Event>,
}

/// What was found next. Ranges are of the input just given and never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Bytes of the answer.
    Stdout(Range<usize>),
    /// Bytes for the log.
    Stderr(Range<usize>),
    /// The request is over.
    End {
        /// The exit status of the script, for PHP.
        app_status: u32,
        /// Whether the application served the request at all.
        protocol: ProtocolStatus,
    },
}

/// How the application saw the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProtocolStatus {
    /// It was served.
    RequestComplete,
    /// Refused: another request runs on the connection.
    CannotMultiplex,
    /// Refused: out of some resource.
    Overloaded,
    /// Refused: the application is no responder.
    UnknownRole,
    /// A status the specification does not know.
    Other(u8),
}

/// Why an answer was refused: the other side does not speak FastCGI, or not to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FastCgiError {
    /// A record of another version than 1.
    Version(u8),
    /// A record for another request than ours.
    RequestId(u16),
    /// A record that only a web server sends.
    Type(u8),
    /// The record that ends the request has not 8 bytes.
    EndBytes(u16),
}

impl fmt::Display for FastCgiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version(version) => write!(f, "a FastCGI record of version {version}"),
            Self::RequestId(id) => {
                write!(f, "a FastCGI record for request {id}, which is not ours")
            }
            Self::Type(kind) => write!(f, "a FastCGI record of type {kind} from an application"),
            Self::EndBytes(bytes) => write!(f, "a FastCGI end record of {bytes} bytes"),
        }
    }
}

impl core::error::Error for FastCgiError {}

/// Follows the records of one answer through any cutting of its bytes.
///
/// Management records and those of unknown type are skipped, as is padding.
#[derive(Debug, Clone)]
pub struct Decoder {
    state: State,
    /// The bytes of a record's header, or of the body of the end record, as they come.
    gathered: [u8; 8],
    gathered_bytes: u8,
    padding: u8,
}

impl Decoder {
    /// A decoder at the first byte of an answer.
    #[must_use]
    pub const fn new() -> Self {
        Self { state: State::Header, gathered: [0; 8], gathered_bytes: 0, padding: 0 }
    }

    /// Reads on in `input`, up to the next event. Once the request is over nothing is consumed.
    ///
    /// # Errors
    /// [`FastCgiError`]; it is final, and the same in every cutting.
    pub fn feed(&mut self, input: &[u8]) -> Result<Step, FastCgiError> {
        let mut at = 0;
        while at < input.len() {
            let rest = &input[at..];
            match self.state {
                State::Header => {
                    at += self.gather(rest);
                    if self.is_gathered() {
                        let next = self.begin_record();
                        self.state = next.unwrap_or_else(State::Failed);
                        next?;
                    }
                }
                State::Content(stream, left) => {
                    let (taken, left) = take(left, rest.len());
                    self.state = self.content(stream, left);
                    let range = at..at + taken;
                    at += taken;
                    let event = match stream {
                        Stream::Stdout => Event::Stdout(range),
                        Stream::Stderr => Event::Stderr(range),
                        Stream::Ignored => continue,
                    };
                    return Ok(Step { consumed: at, event: Some(event) });
                }
                State::Padding(left) => {
                    let (taken, left) = take_padding(left, rest.len());
                    at += taken;
                    self.state = if left > 0 { State::Padding(left) } else { State::Header };
                }
                State::End => {
                    at += self.gather(rest);
                    if self.is_gathered() && self.padding == 0 {
                        return Ok(self.end(at));
                    }
                    if self.is_gathered() {
                        self.state = State::EndPadding(self.padding);
                    }
                }
                State::EndPadding(left) => {
                    let (taken, left) = take_padding(left, rest.len());
                    at += taken;
                    if left == 0 {
                        return Ok(self.end(at));
                    }
                    self.state = State::EndPadding(left);
                }
                State::Done => break,
                State::Failed(error) => return Err(error),
            }
        }
        Ok(Step { consumed: at, event: None })
    }

    /// Whether [`Event::End`] was given.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        matches!(self.state, State::Done)
    }

    /// Takes what is missing of eight bytes; how many were taken.
    fn gather(&mut self, rest: &[u8]) -> usize {
        let mut taken = 0;
        for (slot, byte) in self.gathered.iter_mut().skip(self.gathered_bytes.into()).zip(rest) {
            *slot = *byte;
            taken += 1;
            self.gathered_bytes += 1;
        }
        taken
    }

    const fn is_gathered(&self) -> bool {
        self.gathered_bytes == 8
    }

    fn begin_record(&mut self) -> Result<State, FastCgiError> {
        self.gathered_bytes = 0;
        let [version, kind, id_high, id_low, len_high, len_low, padding, _] = self.gathered;
        if version != VERSION {
            return Err(FastCgiError::Version(version));
        }
        let id = u16::from_be_bytes([id_high, id_low]);
        let len = u16::from_be_bytes([len_high, len_low]);
        self.padding = padding;
        let stream = match kind {
            STDOUT => Stream::Stdout,
            STDERR => Stream::Stderr,
            END_REQUEST if id == u16::from(REQUEST_ID) => {
                return if len == 8 { Ok(State::End) } else { Err(FastCgiError::EndBytes(len)) };
            }
            BEGIN_REQUEST | ABORT_REQUEST | PARAMS | STDIN | DATA => {
                return Err(FastCgiError::Type(kind));
            }
            _ => Stream::Ignored,
        };
        // Id 0 is that of management records (§3.3).
        let management = id == 0 && stream == Stream::Ignored && kind != END_REQUEST;
        if id != u16::from(REQUEST_ID) && !management {
            return Err(FastCgiError::RequestId(id));
        }
        Ok(self.content(stream, len))
    }

    const fn content(&self, stream: Stream, left: u16) -> State {
        match (left, self.padding) {
            (0, 0) => State::Header,
            (0, padding) => State::Padding(padding),
            _ => State::Content(stream, left),
        }
    }

    fn end(&mut self, consumed: usize) -> Step {
        self.state = State::Done;
        let [a, b, c, d, protocol, ..] = self.gathered;
        let app_status = u32::from_be_bytes([a, b, c, d]);
        let protocol = match protocol {
            0 => ProtocolStatus::RequestComplete,
            1 => ProtocolStatus::CannotMultiplex,
            2 => ProtocolStatus::Overloaded,
            3 => ProtocolStatus::UnknownRole,
            other => ProtocolStatus::Other(other),
        };
        Step { consumed, event: Some(Event::End { app_status, protocol }) }
    }
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Header,
    /// Content of a record; this many bytes remain, at least 1.
    Content(Stream, u16),
    /// Padding; this many bytes remain, at least 1.
    Padding(u8),
    /// The body of the end record.
    End,
    /// The padding of the end record; this many bytes remain, at least 1.
    EndPadding(u8),
    Done,
    Failed(FastCgiError),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stream {
    Stdout,
    Stderr,
    Ignored,
}

/// How many of `available` bytes belong to what `left` bytes are missing of, and what is then left.
fn take(left: u16, available: usize) -> (usize, u16) {
    match u16::try_from(available) {
        Ok(available) if available < left => (usize::from(available), left - available),
        _ => (usize::from(left), 0),
    }
}

fn take_padding(left: u8, available: usize) -> (usize, u8) {
    match u8::try_from(available) {
        Ok(available) if available < left => (usize::from(available), left - available),
        _ => (usize::from(left), 0),
    }
}

const fn header(kind: u8, len: u16) -> [u8; HEADER_BYTES] {
    let [high, low] = len.to_be_bytes();
    [VERSION, kind, 0, REQUEST_ID, high, low, 0, 0]
}

/// Frames a run of a stream; an empty run gives no record.
fn push_records(kind: u8, run: &[u8], out: &mut Vec<u8>) {
    for piece in run.chunks(STDIN_MAX) {
        out.extend_from_slice(&header(kind, u16::try_from(piece.len()).unwrap_or(u16::MAX)));
        out.extend_from_slice(piece);
    }
}

fn push_length(len: usize, out: &mut Vec<u8>) {
    match u8::try_from(len) {
        Ok(short) if short < LONG => out.push(short),
        _ => {
            let [a, b, c, d] = u32::try_from(len).unwrap_or(u32::MAX).to_be_bytes();
            out.extend_from_slice(&[a | LONG, b, c, d]);
        }
    }
}

/// Bytes of the first pair of a stream; all of it when it is cut off.
fn pair_bytes(pairs: &[u8]) -> usize {
    let length = |at: usize| match *pairs.get(at..)? {
        [short, ..] if short < LONG => Some((1, usize::from(short))),
        [a, b, c, d, ..] => {
            let long = u32::from_be_bytes([a & !LONG, b, c, d]);
            Some((4, usize::try_from(long).unwrap_or(usize::MAX)))
        }
        _ => None,
    };
    let whole = || {
        let (name_field, name) = length(0)?;
        let (value_field, value) = length(name_field)?;
        name.checked_add(value)?.checked_add(name_field + value_field)
    };
    whole().unwrap_or(usize::MAX).min(pairs.len())
}

const VERSION: u8 = 1;
const REQUEST_ID: u8 = 1;
const RESPONDER: u8 = 1;
const KEEP_CONNECTION: u8 = 1;
const HEADER_BYTES: usize = 8;
/// Marks a length of four bytes.
const LONG: u8 = 0x80;
/// What 31 bits express.
const TEXT_BYTES_MAX: usize = 0x7fff_ffff;

const BEGIN_REQUEST: u8 = 1;
const ABORT_REQUEST: u8 = 2;
const END_REQUEST: u8 = 3;
const PARAMS: u8 = 4;
const STDIN: u8 = 5;
const STDOUT: u8 = 6;
const STDERR: u8 = 7;
const DATA: u8 = 8;

#[cfg(test)]
mod tests;
