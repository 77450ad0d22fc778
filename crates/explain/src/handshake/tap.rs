//! A wrapper around a connection that notes what passes: who, when, which bytes.
//!
//! It changes nothing and reads nothing itself. What it keeps is bounded; beyond that bytes pass
//! unnoted.

use std::borrow::Cow;
use std::io::{self, IoSlice, Read, Write};
use std::time::Instant;

use menshen_explain_core::handshake::{Piece, Side};

use crate::connect::{Line, micros};

/// A connection whose bytes are noted.
#[derive(Debug)]
pub(super) struct Tap {
    line: Line,
    start: Instant,
    pieces: Vec<Piece<'static>>,
    bytes_kept: usize,
    closed: Option<(Side, u64)>,
}

impl Tap {
    /// Notes what passes over `line`, with times since `start`.
    pub(super) const fn new(line: Line, start: Instant) -> Self {
        Self { line, start, pieces: Vec::new(), bytes_kept: 0, closed: None }
    }

    /// The connection itself, to change its deadline.
    pub(super) const fn line_mut(&mut self) -> &mut Line {
        &mut self.line
    }

    /// What passed so far.
    pub(super) fn pieces(&self) -> &[Piece<'static>] {
        &self.pieces
    }

    /// What passed, and the end of the connection as far as the server made it.
    pub(super) fn into_parts(self) -> (Vec<Piece<'static>>, Option<(Side, u64)>) {
        (self.pieces, self.closed)
    }

    fn note(&mut self, from: Side, bytes: &[u8]) {
        let room = KEPT_BYTES_MAX.saturating_sub(self.bytes_kept);
        let bytes = bytes.get(..bytes.len().min(room)).unwrap_or_default();
        if !bytes.is_empty() {
            self.bytes_kept += bytes.len();
            let bytes = Cow::Owned(bytes.to_vec());
            self.pieces.push(Piece { from, at_us: micros(self.start), bytes });
        }
    }

    fn note_end(&mut self) {
        let at_us = micros(self.start);
        self.closed.get_or_insert((Side::Server, at_us));
    }
}

impl Read for Tap {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.line.read(buffer) {
            Ok(0) => {
                self.note_end();
                Ok(0)
            }
            Ok(count) => {
                self.note(Side::Server, buffer.get(..count).unwrap_or_default());
                Ok(count)
            }
            Err(error) => {
                if error.kind() == io::ErrorKind::ConnectionReset {
                    self.note_end();
                }
                Err(error)
            }
        }
    }
}

impl Write for Tap {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.line.write(bytes)?;
        self.note(Side::Client, bytes.get(..count).unwrap_or_default());
        Ok(count)
    }

    /// All at once, so that a flight of several records leaves as one segment.
    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let joined: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).collect();
        self.write(&joined)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.line.flush()
    }
}

/// Kept of one connection, in bytes; a handshake with the largest certificates has a tenth of it.
const KEPT_BYTES_MAX: usize = 4 << 20;
