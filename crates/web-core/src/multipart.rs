//! A streaming `multipart/form-data` parser (RFC 7578, RFC 2046 §5.1).
//!
//! File bytes are never copied: events name ranges of the caller's slice, and between two calls
//! only a *count* is kept of how much of the delimiter has been seen. The delimiter's first byte,
//! CR, occurs nowhere else in it, so a failed match can never hide the start of another one.
//!
//! The parser must never be more forgiving than those who may read the same body: lines end in
//! CR LF, nothing but blanks may follow a boundary, a part has exactly one name. Whatever way the
//! stream is cut, events, bytes and errors are the same.

use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;

use memchr::memmem::Finder;

pub use boundary::{Boundary, BoundaryError, boundary_of};
pub use head::{HeadFault, PartHead, disposition_file_name, last_component};

mod boundary;
mod head;
mod parameter;
pub mod write;

/// Limits of one body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MultipartLimits {
    /// Parts, fields and files together.
    pub parts_max: usize,
    /// Bytes of one part's header lines, line ends included.
    pub part_head_bytes_max: usize,
}

/// What was found next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event<'a> {
    /// A part begins. Its bytes follow as `Data` and `DataHeld`, then `PartEnd`.
    PartBegin(PartHead),
    /// Bytes of the part: this range of the input just given.
    Data(Range<usize>),
    /// Bytes of the part that looked like the beginning of a delimiter, most of them from earlier
    /// inputs; at most 74.
    DataHeld(&'a [u8]),
    /// The part is whole, and what follows it is another part or the end.
    PartEnd,
    /// The closing line was seen. Bytes after it are ignored, up to 4 KiB.
    End,
}

/// One step: how far the input was read, and what was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step<'a> {
    /// Bytes of the input that are done with; go on behind them.
    pub consumed: usize,
    /// `None`: all of the input is consumed and more is needed.
    pub event: Option<Event<'a>>,
}

/// Why a body was refused. Everything is the client's fault; limits are told apart by
/// [`MultipartError::is_limit`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MultipartError {
    /// More than `parts_max` parts.
    TooManyParts,
    /// Header lines of a part exceed `part_head_bytes_max`.
    PartHeadTooLong,
    /// The header lines of a part are wrong.
    PartHead(HeadFault),
    /// A boundary is followed by something else than CR LF or `--`.
    BoundaryLine,
    /// More than 4 KiB before the first or after the last boundary.
    Surroundings,
    /// A file part without a file name carries bytes.
    FileNameMissing,
    /// The body ended before its closing line.
    Truncated,
}

impl MultipartError {
    /// Whether a configured limit was hit (413) rather than the form broken (400).
    #[must_use]
    pub const fn is_limit(self) -> bool {
        matches!(self, Self::TooManyParts | Self::PartHeadTooLong)
    }
}

impl fmt::Display for MultipartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooManyParts => "the form has too many parts",
            Self::PartHeadTooLong => "the header lines of a form part are too long",
            Self::PartHead(fault) => return fault.fmt(f),
            Self::BoundaryLine => "a form boundary is not followed by a line end",
            Self::Surroundings => "too many bytes before or after the parts of the form",
            Self::FileNameMissing => "a form part carries a file without a name",
            Self::Truncated => "the form ends before its closing boundary",
        })
    }
}

impl core::error::Error for MultipartError {}

/// The parser of one body.
///
/// Call [`Multipart::feed`] with what has arrived until it returns no event, then with the next
/// bytes; at the end of the body call [`Multipart::finish`]. A file must not be published before
/// `finish` said the form is whole.
#[derive(Debug)]
pub struct Multipart {
    finder: Finder<'static>,
    limits: MultipartLimits,
    state: State,
    place: Place,
    /// Bytes of the delimiter matched at the very end of what was read, in `State::Search`.
    matched: usize,
    /// How many of them are not data even if the match fails: line end of a head, or imagined.
    phantom: usize,
    parts: usize,
    /// Whether the present part may have no bytes.
    hollow: bool,
    /// Bytes skipped before the first or after the last boundary, or blanks after a boundary.
    skipped: usize,
    /// Header lines of the part that begins.
    head: Vec<u8>,
}

impl Multipart {
    /// A parser for a body with this boundary.
    #[must_use]
    pub fn new(boundary: &Boundary, limits: MultipartLimits) -> Self {
        let mut delimiter = Vec::from(*b"\r\n--");
        delimiter.extend_from_slice(boundary.as_bytes());
        Self {
            finder: Finder::new(&delimiter).into_owned(),
            limits,
            state: State::Search,
            place: Place::Preamble,
            // The body may begin with `--boundary`, as if a line had just ended.
            matched: LINE_END.len(),
            phantom: LINE_END.len(),
            parts: 0,
            hollow: false,
            skipped: 0,
            head: Vec::new(),
        }
    }

    /// Reads on in `input`, up to the next event.
    ///
    /// # Errors
    /// The body is broken or over a limit; every later call says the same.
    pub fn feed(&mut self, input: &[u8]) -> Result<Step<'_>, MultipartError> {
        let mut at = 0;
        loop {
            let found = match self.state {
                State::Search => self.search(input, &mut at),
                State::Boundary(line) => self.boundary_line(line, input, &mut at),
                State::Head => self.part_head(input, &mut at),
                State::Closed => {
                    self.state = State::Epilogue(Tail::Blank);
                    Ok(Found::End)
                }
                State::Epilogue(tail) => self.epilogue(tail, input, &mut at),
                State::Failed(error) => Err(error),
            };
            let event = match found {
                Ok(Found::Nothing) if at < input.len() => continue,
                Ok(Found::Nothing) => None,
                Ok(Found::PartBegin(head)) => Some(Event::PartBegin(head)),
                Ok(Found::Data(range)) => Some(Event::Data(range)),
                Ok(Found::Held(held)) => Some(Event::DataHeld(&self.finder.needle()[held])),
                Ok(Found::PartEnd) => Some(Event::PartEnd),
                Ok(Found::End) => Some(Event::End),
                Err(error) => {
                    self.state = State::Failed(error);
                    return Err(error);
                }
            };
            return Ok(Step { consumed: at, event });
        }
    }

    /// To be called when the body has ended.
    ///
    /// # Errors
    /// [`MultipartError::Truncated`] when the closing line is missing, or the earlier error.
    pub const fn finish(&self) -> Result<(), MultipartError> {
        match self.state {
            State::Closed | State::Epilogue(_) => Ok(()),
            State::Failed(error) => Err(error),
            _ => Err(MultipartError::Truncated),
        }
    }

    /// Looks for the delimiter, in a part or before the first one.
    fn search(&mut self, input: &[u8], at: &mut usize) -> Result<Found, MultipartError> {
        if self.matched > 0 {
            return self.resume(input, at);
        }
        let rest = &input[*at..];
        let start = *at;
        let found = self.finder.find(rest);
        let held = found.map_or_else(|| held_back(rest, self.finder.needle()), |_| 0);
        let data_bytes = found.unwrap_or(rest.len() - held);
        self.passed(data_bytes)?;
        if found.is_some() {
            *at += data_bytes + self.finder.needle().len();
            self.begin_boundary_line();
        } else {
            *at = input.len();
            self.matched = held;
        }
        if data_bytes > 0 && self.place == Place::Part {
            return Ok(Found::Data(start..start + data_bytes));
        }
        Ok(Found::Nothing)
    }

    /// Goes on with a delimiter that began in an earlier input.
    fn resume(&mut self, input: &[u8], at: &mut usize) -> Result<Found, MultipartError> {
        let delimiter = self.finder.needle();
        let rest = &input[*at..];
        let more = delimiter[self.matched..].iter().zip(rest).take_while(|(a, b)| a == b).count();
        self.matched += more;
        *at += more;
        if self.matched == delimiter.len() {
            self.begin_boundary_line();
            return Ok(Found::Nothing);
        }
        if *at == input.len() {
            return Ok(Found::Nothing);
        }
        let held = self.phantom..self.matched;
        self.matched = 0;
        self.phantom = 0;
        self.passed(held.len())?;
        if held.is_empty() || self.place == Place::Preamble {
            return Ok(Found::Nothing);
        }
        Ok(Found::Held(held))
    }

    /// Accounts for bytes that turned out not to belong to a delimiter.
    fn passed(&mut self, bytes: usize) -> Result<(), MultipartError> {
        match self.place {
            Place::Preamble => {
                self.skipped = self.skipped.saturating_add(bytes);
                if self.skipped > SURROUNDINGS_BYTES_MAX {
                    return Err(MultipartError::Surroundings);
                }
            }
            Place::Part if self.hollow && bytes > 0 => return Err(MultipartError::FileNameMissing),
            Place::Part => {}
        }
        Ok(())
    }

    const fn begin_boundary_line(&mut self) {
        self.matched = 0;
        self.phantom = 0;
        self.skipped = 0;
        self.state = State::Boundary(Line::Start);
    }

    /// Reads what follows a boundary: blanks and a line end, or `--`.
    fn boundary_line(
        &mut self,
        line: Line,
        input: &[u8],
        at: &mut usize,
    ) -> Result<Found, MultipartError> {
        let Some(&byte) = input.get(*at) else { return Ok(Found::Nothing) };
        *at += 1;
        let next = match (line, byte) {
            (Line::Start, b'-') => State::Boundary(Line::Dash),
            (Line::Start | Line::Blank, b' ' | b'\t') if self.skipped < PADDING_BYTES_MAX => {
                self.skipped += 1;
                State::Boundary(Line::Blank)
            }
            (Line::Start | Line::Blank, b'\r') => State::Boundary(Line::Cr),
            (Line::Dash, b'-') => State::Closed,
            (Line::Cr, b'\n') => State::Head,
            _ => return Err(MultipartError::BoundaryLine),
        };
        self.state = next;
        if !matches!(next, State::Head | State::Closed) {
            return Ok(Found::Nothing);
        }
        self.skipped = 0;
        let ended = self.place == Place::Part;
        self.place = Place::Part;
        if next == State::Closed {
            // One event a step: `End` comes with the next one.
            return Ok(if ended { Found::PartEnd } else { self.close() });
        }
        self.parts += 1;
        if self.parts > self.limits.parts_max {
            return Err(MultipartError::TooManyParts);
        }
        // The line end just read counts as the first half of an empty line.
        self.head.extend_from_slice(LINE_END);
        Ok(if ended { Found::PartEnd } else { Found::Nothing })
    }

    const fn close(&mut self) -> Found {
        self.state = State::Epilogue(Tail::Blank);
        Found::End
    }

    /// Gathers header lines up to the empty one.
    fn part_head(&mut self, input: &[u8], at: &mut usize) -> Result<Found, MultipartError> {
        let room_max = self.limits.part_head_bytes_max.saturating_add(HEAD_END.len());
        while *at < input.len() {
            let known = self.head.len();
            let room = room_max.saturating_sub(known).min(HEAD_STEP_BYTES);
            let chunk = &input[*at..input.len().min(*at + room)];
            if chunk.is_empty() {
                return Err(MultipartError::PartHeadTooLong);
            }
            self.head.extend_from_slice(chunk);
            let from = known.saturating_sub(HEAD_END.len() - 1);
            let Some(end) = memchr::memmem::find(&self.head[from..], HEAD_END) else {
                *at += chunk.len();
                continue;
            };
            let end = from + end;
            *at += end + HEAD_END.len() - known;
            let head = PartHead::parse(self.head.get(LINE_END.len()..end).unwrap_or_default())
                .map_err(MultipartError::PartHead)?;
            // Given back rather than kept: a slow upload holds as little as possible.
            self.head = Vec::new();
            self.hollow = head.file_name.as_ref().is_some_and(Vec::is_empty);
            self.state = State::Search;
            // RFC 2046 §5.1.1: a part without bytes may let its last line end serve the delimiter.
            self.matched = LINE_END.len();
            self.phantom = LINE_END.len();
            return Ok(Found::PartBegin(head));
        }
        Ok(Found::Nothing)
    }

    /// Skips what follows the closing boundary: nothing, or a line end and anything.
    fn epilogue(
        &mut self,
        tail: Tail,
        input: &[u8],
        at: &mut usize,
    ) -> Result<Found, MultipartError> {
        let mut tail = tail;
        while let Some(&byte) = input.get(*at) {
            tail = match (tail, byte) {
                (Tail::Blank, b' ' | b'\t') => Tail::Blank,
                (Tail::Blank, b'\r') => Tail::Cr,
                (Tail::Cr, b'\n') | (Tail::Free, _) => Tail::Free,
                _ => return Err(MultipartError::BoundaryLine),
            };
            *at += 1;
            self.skipped += 1;
            if self.skipped > SURROUNDINGS_BYTES_MAX {
                return Err(MultipartError::Surroundings);
            }
        }
        self.state = State::Epilogue(tail);
        Ok(Found::Nothing)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Search,
    Boundary(Line),
    Head,
    Closed,
    Epilogue(Tail),
    Failed(MultipartError),
}

/// How far the line of a boundary was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    Start,
    Blank,
    Dash,
    Cr,
}

/// How far the line of the closing boundary was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tail {
    Blank,
    Cr,
    Free,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Preamble,
    Part,
}

/// An event without the borrow, so that the machine can go on.
enum Found {
    Nothing,
    PartBegin(PartHead),
    Data(Range<usize>),
    /// This range of the delimiter.
    Held(Range<usize>),
    PartEnd,
    End,
}

/// How many bytes at the end of `data` could begin a delimiter, given that none is inside it.
fn held_back(data: &[u8], delimiter: &[u8]) -> usize {
    let tail = &data[data.len().saturating_sub(delimiter.len() - 1)..];
    match memchr::memrchr(b'\r', tail) {
        Some(start) if delimiter.starts_with(&tail[start..]) => tail.len() - start,
        _ => 0,
    }
}

const LINE_END: &[u8] = b"\r\n";
const HEAD_END: &[u8] = b"\r\n\r\n";
/// Header lines are copied in steps of this size, so that a long input is not copied for a short
/// head.
const HEAD_STEP_BYTES: usize = 256;
/// Nobody sends a preamble or an epilogue on purpose; what is larger is no form.
const SURROUNDINGS_BYTES_MAX: usize = 4096;
/// RFC 2046 §5.1.1 allows blanks after a boundary; nobody needs many.
const PADDING_BYTES_MAX: usize = 64;

#[cfg(test)]
mod tests;
