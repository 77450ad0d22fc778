//! Where the body is in a stream of bytes: known length or chunked (RFC 9112 §6.2, §7.1).
//!
//! The decoder copies nothing: it says which part of the caller's slice is payload. Line ends are
//! CRLF only, also in extensions and trailers, because readers that differ on bare LF can be made
//! to disagree on where a message ends. Extensions and trailers are checked, bounded and dropped;
//! a trailer must never become a header.

use core::fmt;
use core::ops::Range;

use crate::head::Framing;

/// Follows one request body through any chunking of its bytes.
#[derive(Debug, Clone)]
pub struct BodyDecoder {
    step: Step,
    extension_bytes: u16,
    trailer_bytes: u16,
}

/// What one call of [`BodyDecoder::decode`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    /// How many bytes of the input are dealt with, payload included.
    pub consumed: usize,
    /// Which part of the input is payload; may be empty.
    pub data: Range<usize>,
    /// Whether the body is over.
    pub end: End,
}

/// Whether a body is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// There may be more: call again with the rest of the input, or with new input.
    More,
    /// The body is whole. What follows in the input belongs to the next request.
    Done,
}

/// Why a chunked body was refused. The connection must be closed after the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyError {
    /// A chunk size that is no hexadecimal number of 1 to 16 digits.
    Size,
    /// A line that does not end in CRLF.
    LineEnd,
    /// Control bytes in a chunk extension.
    Extension,
    /// All chunk extensions of the body together exceed 4 KiB.
    ExtensionsTooLarge,
    /// A trailer line that is no header line.
    Trailer,
    /// The trailers exceed 8 KiB.
    TrailersTooLarge,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Payload of known length; this many bytes remain, at least 1.
    Length(u64),
    /// A chunk-size line; `digits` have been read so far.
    Size {
        value: u64,
        digits: u8,
    },
    /// Inside a chunk extension.
    Extension(u64),
    /// The LF of a chunk-size line.
    SizeLf(u64),
    /// Payload of a chunk; this many bytes remain, at least 1.
    Data(u64),
    /// The CR after the payload of a chunk.
    DataCr,
    /// The LF after the payload of a chunk.
    DataLf,
    /// The first byte of a trailer line or of the final empty line.
    TrailerStart,
    /// Inside a trailer name.
    TrailerName,
    /// Inside a trailer value.
    TrailerValue,
    /// The LF of a trailer line.
    TrailerLf,
    /// The LF of the final empty line.
    LastLf,
    Done,
    Failed(BodyError),
}

impl BodyDecoder {
    /// A decoder at the first byte after the head.
    #[must_use]
    pub const fn new(framing: Framing) -> Self {
        let step = match framing {
            Framing::None | Framing::Length(0) => Step::Done,
            Framing::Length(length) => Step::Length(length),
            Framing::Chunked => Step::Size { value: 0, digits: 0 },
        };
        Self { step, extension_bytes: 0, trailer_bytes: 0 }
    }

    /// Takes the next bytes of the connection and says which of them are payload.
    ///
    /// One call finds at most one run of payload, so call it in a loop, each time with the input
    /// after `consumed`, until [`End::Done`] or until nothing is left. Input that is not empty is
    /// always consumed at least in part, until the body is over. An error is final.
    ///
    /// # Errors
    /// [`BodyError`], for chunked bodies only; the same in every chunking of the stream.
    pub fn decode(&mut self, input: &[u8]) -> Result<Decoded, BodyError> {
        match self.step {
            Step::Failed(error) => Err(error),
            Step::Done => Ok(Decoded { consumed: 0, data: 0..0, end: End::Done }),
            Step::Length(left) => {
                let (taken, left) = take(left, input.len());
                self.step = if left == 0 { Step::Done } else { Step::Length(left) };
                Ok(self.decoded(taken, 0..taken))
            }
            _ => self.chunked(input),
        }
    }

    /// Payload bytes still to come; `None` for a chunked body that is not over.
    #[must_use]
    pub const fn remaining(&self) -> Option<u64> {
        match self.step {
            Step::Length(left) => Some(left),
            Step::Done => Some(0),
            _ => None,
        }
    }

    /// Whether the body is over.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        matches!(self.step, Step::Done)
    }

    const fn decoded(&self, consumed: usize, data: Range<usize>) -> Decoded {
        let end = if self.is_done() { End::Done } else { End::More };
        Decoded { consumed, data, end }
    }

    /// Framing, at most one run of payload, and the framing behind it, so that a body of one
    /// chunk needs one call.
    fn chunked(&mut self, input: &[u8]) -> Result<Decoded, BodyError> {
        let mut at = 0;
        let mut data = 0..0;
        while let Some(&byte) = input.get(at) {
            if let Step::Data(left) = self.step {
                if !data.is_empty() {
                    break;
                }
                let (taken, left) = take(left, input.len() - at);
                data = at..at + taken;
                at = data.end;
                self.step = if left == 0 { Step::DataCr } else { Step::Data(left) };
                continue;
            }
            match self.frame(byte) {
                Ok(step) => self.step = step,
                Err(error) => {
                    self.step = Step::Failed(error);
                    // Payload before the error counts in every chunking: hand it out first. The
                    // byte at fault is not consumed, so the caller comes back and gets the error.
                    if data.is_empty() {
                        return Err(error);
                    }
                    break;
                }
            }
            at += 1;
            if self.is_done() {
                break;
            }
        }
        Ok(self.decoded(at, data))
    }

    /// The step after one byte of framing.
    fn frame(&mut self, byte: u8) -> Result<Step, BodyError> {
        Ok(match self.step {
            Step::Size { value, digits } => size(value, digits, byte)?,
            Step::Extension(size) => self.extension(size, byte)?,
            Step::SizeLf(0) => line_feed(byte, Step::TrailerStart)?,
            Step::SizeLf(size) => line_feed(byte, Step::Data(size))?,
            Step::DataCr if byte == b'\r' => Step::DataLf,
            Step::DataCr => return Err(BodyError::LineEnd),
            Step::DataLf => line_feed(byte, Step::Size { value: 0, digits: 0 })?,
            Step::TrailerStart if byte == b'\r' => Step::LastLf,
            Step::TrailerStart | Step::TrailerName | Step::TrailerValue => self.trailer(byte)?,
            Step::TrailerLf => line_feed(byte, Step::TrailerStart)?,
            Step::LastLf => line_feed(byte, Step::Done)?,
            // Not framing; `chunked` never gets here with them.
            step @ (Step::Length(_) | Step::Data(_) | Step::Done | Step::Failed(_)) => step,
        })
    }

    /// The step after one byte of a chunk extension.
    const fn extension(&mut self, size: u64, byte: u8) -> Result<Step, BodyError> {
        self.extension_bytes += 1;
        if self.extension_bytes > EXTENSION_BYTES_MAX {
            return Err(BodyError::ExtensionsTooLarge);
        }
        match byte {
            b'\r' => Ok(Step::SizeLf(size)),
            b'\n' => Err(BodyError::LineEnd),
            b'\t' | 0x20..=0x7e | 0x80.. => Ok(Step::Extension(size)),
            _ => Err(BodyError::Extension),
        }
    }

    /// The step after one byte of a trailer line.
    const fn trailer(&mut self, byte: u8) -> Result<Step, BodyError> {
        self.trailer_bytes += 1;
        if self.trailer_bytes > TRAILER_BYTES_MAX {
            return Err(BodyError::TrailersTooLarge);
        }
        match (self.step, byte) {
            (_, b'\n') => Err(BodyError::LineEnd),
            (Step::TrailerName, b':') => Ok(Step::TrailerValue),
            (Step::TrailerValue, b'\r') => Ok(Step::TrailerLf),
            (Step::TrailerValue, b'\t' | 0x20..=0x7e | 0x80..) => Ok(Step::TrailerValue),
            (Step::TrailerStart | Step::TrailerName, _) if is_token(byte) => Ok(Step::TrailerName),
            _ => Err(BodyError::Trailer),
        }
    }
}

impl BodyError {
    /// The status to answer with: 400, or 431 for trailers beyond their limit.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::TrailersTooLarge => 431,
            _ => 400,
        }
    }

    /// One line for the answer and the log: lower case, no final period.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Size => "a chunk size is malformed",
            Self::LineEnd => "a line of the chunked body does not end in CRLF",
            Self::Extension => "a chunk extension has forbidden bytes",
            Self::ExtensionsTooLarge => "the chunk extensions are too large",
            Self::Trailer => "a trailer line is malformed",
            Self::TrailersTooLarge => "the trailers are too large",
        }
    }
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason())
    }
}

impl core::error::Error for BodyError {}

/// The step after one byte of a chunk size. White space around the size is refused: others skip
/// it, or take it for the end of the line.
fn size(value: u64, digits: u8, byte: u8) -> Result<Step, BodyError> {
    let digit = match byte {
        b'0'..=b'9' => byte - b'0',
        b'a'..=b'f' => byte - b'a' + 10,
        b'A'..=b'F' => byte - b'A' + 10,
        b'\r' if digits > 0 => return Ok(Step::SizeLf(value)),
        b';' if digits > 0 => return Ok(Step::Extension(value)),
        b'\n' => return Err(BodyError::LineEnd),
        _ => return Err(BodyError::Size),
    };
    if digits == SIZE_DIGITS_MAX {
        return Err(BodyError::Size);
    }
    Ok(Step::Size { value: value << 4 | u64::from(digit), digits: digits + 1 })
}

/// `next` if `byte` is the LF that must come here.
const fn line_feed(byte: u8, next: Step) -> Result<Step, BodyError> {
    if byte == b'\n' { Ok(next) } else { Err(BodyError::LineEnd) }
}

/// How many of `available` bytes belong to the `left` ones, and how many remain then.
fn take(left: u64, available: usize) -> (usize, u64) {
    let taken = usize::try_from(left).map_or(available, |left| left.min(available));
    (taken, left.saturating_sub(taken as u64))
}

/// `tchar` of RFC 9110 §5.6.2.
const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        )
}

/// 64 bits; leading zeros count, so that a size line is bounded.
const SIZE_DIGITS_MAX: u8 = 16;
/// Of all chunk extensions of a body together. Nobody uses any, so there is no key for it.
const EXTENSION_BYTES_MAX: u16 = 4 * 1024;
/// Of all trailer lines of a body together. They are dropped, so there is no key for it.
const TRAILER_BYTES_MAX: u16 = 8 * 1024;

#[cfg(test)]
mod tests;
