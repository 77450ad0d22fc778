//! Where a response's body ends: after its length, or after the last chunk (RFC 9112, sections 6.3
//! and 7.1).
//!
//! It takes what it understands: chunk extensions and trailers are skipped. It must never be used
//! to judge a server's framing.

use std::io;

/// A body as far as it has arrived.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Body {
    state: State,
    bytes: u64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum State {
    /// Bytes that are left of a body whose length is known.
    Length(u64),
    /// In the line before a chunk: the size so far, and whether its digits have ended.
    Size(u64, Digits),
    /// Bytes that are left of a chunk with the line end behind it.
    Chunk(u64),
    /// Behind the last chunk, so many bytes into an empty or a trailer line.
    Trailer(u64),
    #[default]
    Done,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Digits {
    Going,
    Ended,
}

impl Body {
    /// A body that is about to begin; without a length it is chunked.
    pub(crate) const fn new(content_length: Option<u64>) -> Self {
        let state = match content_length {
            Some(0) => State::Done,
            Some(length) => State::Length(length),
            None => State::Size(0, Digits::Going),
        };
        Self { state, bytes: 0 }
    }

    /// Takes more of it; the first bytes of the content are added to `text`. Bytes behind the end
    /// are an error.
    pub(crate) fn take(&mut self, mut wire: &[u8], text: &mut Vec<u8>) -> io::Result<()> {
        while let Some((&first, rest)) = wire.split_first() {
            let (state, used) = match self.state {
                State::Length(left) => self.content(wire, left, left, text),
                State::Chunk(left) => self.content(wire, left, left.saturating_sub(2), text),
                State::Size(size, digits) => (size_line(size, digits, first)?, 1),
                State::Trailer(at) => (trailer_line(at, first), 1),
                State::Done => return Err(io::Error::other("bytes behind the response")),
            };
            self.state = state;
            wire = if used == 1 { rest } else { &wire[used..] };
        }
        Ok(())
    }

    /// Whether all of it has arrived.
    pub(crate) const fn is_done(&self) -> bool {
        matches!(self.state, State::Done)
    }

    /// Content that has arrived.
    pub(crate) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Takes from what is `left`, of which only the first `content` bytes are content.
    fn content(
        &mut self,
        wire: &[u8],
        left: u64,
        content: u64,
        text: &mut Vec<u8>,
    ) -> (State, usize) {
        let used = wire.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let own = used.min(usize::try_from(content).unwrap_or(usize::MAX));
        let shown = own.min(TEXT_BYTES_MAX.saturating_sub(text.len()));
        text.extend_from_slice(&wire[..shown]);
        self.bytes += own as u64;
        let left = left - used as u64;
        let state = match self.state {
            State::Chunk(_) if left == 0 => State::Size(0, Digits::Going),
            State::Chunk(_) => State::Chunk(left),
            _ if left == 0 => State::Done,
            _ => State::Length(left),
        };
        (state, used)
    }
}

fn size_line(size: u64, digits: Digits, byte: u8) -> io::Result<State> {
    let digit = char::from(byte).to_digit(16).filter(|_| digits == Digits::Going);
    match (digit, byte) {
        (Some(digit), _) if size < CHUNK_BYTES_MAX => {
            Ok(State::Size(size * 16 + u64::from(digit), Digits::Going))
        }
        (Some(_), _) => Err(io::Error::other("a chunk is too long")),
        (None, b'\n') if size == 0 => Ok(State::Trailer(0)),
        (None, b'\n') => Ok(State::Chunk(size + 2)),
        (None, _) => Ok(State::Size(size, Digits::Ended)),
    }
}

const fn trailer_line(at: u64, byte: u8) -> State {
    match byte {
        b'\n' if at == 0 => State::Done,
        b'\n' => State::Trailer(0),
        b'\r' => State::Trailer(at),
        _ => State::Trailer(at + 1),
    }
}

const TEXT_BYTES_MAX: usize = 64;
const CHUNK_BYTES_MAX: u64 = 1 << 40;

#[cfg(test)]
mod tests;
