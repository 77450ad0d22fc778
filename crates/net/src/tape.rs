//! The tape: what was read and written during a handshake, kept until it is known whether it fails.
//!
//! Nearly all handshakes succeed, so a tape must cost them nearly nothing: its room is borrowed
//! from the worker's thread when the first byte is read, bytes are copied once, and the room goes
//! back when the tape is dropped. There is room for [`TAPES_MAX`] at once; connections that stand
//! still in their handshakes may take all of it, then others are not kept.
//!
//! It holds ciphertext and public handshake messages only; keys never pass here.

use std::cell::{Cell, RefCell};
use std::io::IoSlice;

use crate::clock;

/// Record of one handshake.
#[derive(Debug)]
pub struct Tape {
    begun_us: u64,
    received: bool,
    missing: bool,
    room: Option<Room>,
}

/// Bytes read or written in one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch<'a> {
    /// Who sent them.
    pub side: Side,
    /// Microseconds after the tape began.
    pub at_us: u64,
    /// The bytes, as they were on the wire.
    pub bytes: &'a [u8],
}

/// Who sent bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The other end.
    Peer,
    /// This end.
    Own,
}

impl Tape {
    /// An empty one that begins now.
    #[must_use]
    pub fn begin() -> Self {
        Self { begun_us: clock::micros(), received: false, missing: false, room: None }
    }

    /// One on which the peer sent this; for tests of what is made of tapes.
    #[must_use]
    pub fn of_peer(bytes: &[u8]) -> Self {
        let mut tape = Self::begin();
        tape.received(bytes);
        tape
    }

    /// Whether the peer sent anything at all.
    #[must_use]
    pub fn has_received(&self) -> bool {
        self.received
    }

    /// Microseconds since it began.
    #[must_use]
    pub fn elapsed_us(&self) -> u64 {
        clock::micros().saturating_sub(self.begun_us)
    }

    /// Whether bytes are missing at the end.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.missing
    }

    /// What was kept, in order.
    pub fn stretches(&self) -> impl Iterator<Item = Stretch<'_>> {
        let mut begin = 0;
        self.room.as_ref().into_iter().flat_map(|room| &room.marks).map(move |mark| {
            let bytes = self.room.as_ref().map_or(&[][..], |room| &room.bytes);
            let bytes = bytes.get(begin..mark.end).unwrap_or_default();
            begin = mark.end;
            Stretch { side: mark.side, at_us: mark.at_us, bytes }
        })
    }

    pub(crate) fn received(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        if !self.received {
            self.received = true;
            self.room = Room::borrow();
        }
        self.keep(Side::Peer, &[IoSlice::new(bytes)], bytes.len());
    }

    /// The first `taken` bytes of `pieces` in a row.
    pub(crate) fn sent(&mut self, pieces: &[IoSlice<'_>], taken: usize) {
        self.keep(Side::Own, pieces, taken);
    }

    fn keep(&mut self, side: Side, pieces: &[IoSlice<'_>], mut taken: usize) {
        let Some(room) = self.room.as_mut().filter(|_| !self.missing) else {
            self.missing = true;
            return;
        };
        let at_us = clock::micros().saturating_sub(self.begun_us);
        for piece in pieces {
            let piece = piece.get(..piece.len().min(taken)).unwrap_or_default();
            taken -= piece.len();
            let fits = piece.len().min(ROOM_BYTES.saturating_sub(room.bytes.len()));
            room.bytes.extend_from_slice(piece.get(..fits).unwrap_or_default());
            self.missing |= fits < piece.len();
        }
        let end = room.bytes.len();
        let count = room.marks.len();
        match room.marks.last_mut() {
            Some(last) if last.end == end => {}
            // A peer that sends byte by byte is told of in fewer, longer stretches.
            Some(last) if last.side == side && count >= CROWDED => last.end = end,
            _ if count >= STRETCHES_MAX => self.missing = true,
            _ => room.marks.push(Mark { side, at_us, end }),
        }
    }
}

impl Drop for Tape {
    fn drop(&mut self) {
        if let Some(room) = self.room.take() {
            room.give_back();
        }
    }
}

#[derive(Debug)]
struct Room {
    bytes: Vec<u8>,
    marks: Vec<Mark>,
}

#[derive(Debug)]
struct Mark {
    side: Side,
    at_us: u64,
    end: usize,
}

impl Room {
    fn borrow() -> Option<Self> {
        if LENT.get() >= TAPES_MAX {
            return None;
        }
        LENT.set(LENT.get() + 1);
        let spare = SPARE.with_borrow_mut(Vec::pop);
        spare.or_else(|| {
            let (bytes, marks) = (Vec::with_capacity(ROOM_BYTES), Vec::with_capacity(CROWDED));
            Some(Self { bytes, marks })
        })
    }

    fn give_back(mut self) {
        LENT.set(LENT.get().saturating_sub(1));
        self.bytes.clear();
        self.marks.clear();
        SPARE.with_borrow_mut(|spare| {
            // A burst must not leave its rooms behind for ever.
            if spare.len() < SPARE_MAX {
                spare.push(self);
            }
        });
    }
}

thread_local! {
    static SPARE: RefCell<Vec<Room>> = const { RefCell::new(Vec::new()) };
    static LENT: Cell<usize> = const { Cell::new(0) };
}

/// Tapes of one thread that may hold bytes at once.
pub const TAPES_MAX: usize = 64;

/// Bytes one tape holds: both first flights, and what follows them of a usual handshake.
pub const ROOM_BYTES: usize = 8 << 10;

const SPARE_MAX: usize = 8;
/// Stretches from which on those of one side are joined.
const CROWDED: usize = 32;
const STRETCHES_MAX: usize = 64;

#[cfg(test)]
mod tests;
