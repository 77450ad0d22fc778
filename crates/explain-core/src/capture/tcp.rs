//! TCP (RFC 9293): segments, and one direction of a connection put in order.
//!
//! Checksums are not judged (see [`super::ip`]). What is held of bytes that came too early is
//! bounded; a hole that is not filled ends the reading of its direction, because what follows it
//! cannot be understood as records.

use alloc::vec::Vec;

use super::ip::{Datagram, TCP};

/// One segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment<'a> {
    /// Port of the sender.
    pub source_port: u16,
    /// Port of the receiver.
    pub destination_port: u16,
    /// Sequence number of its first byte.
    pub sequence: u32,
    /// It opens the connection.
    pub syn: bool,
    /// It acknowledges something.
    pub ack: bool,
    /// The sender has no more to say.
    pub fin: bool,
    /// The connection is thrown away.
    pub rst: bool,
    /// What was captured of its content.
    pub payload: &'a [u8],
}

/// Reads the TCP header of a datagram; None for other protocols and for what cannot be.
#[must_use]
pub fn segment<'a>(datagram: &Datagram<'a>) -> Option<Segment<'a>> {
    if datagram.protocol != TCP {
        return None;
    }
    let head = datagram.payload.first_chunk::<20>()?;
    let [s1, s2, d1, d2, q1, q2, q3, q4, _, _, _, _, offset, flags, ..] = *head;
    let header = usize::from(offset >> 4) * 4;
    if header < 20 {
        return None;
    }
    Some(Segment {
        source_port: u16::from_be_bytes([s1, s2]),
        destination_port: u16::from_be_bytes([d1, d2]),
        sequence: u32::from_be_bytes([q1, q2, q3, q4]),
        syn: flags & 0x02 != 0,
        ack: flags & 0x10 != 0,
        fin: flags & 0x01 != 0,
        rst: flags & 0x04 != 0,
        payload: datagram.payload.get(header..)?,
    })
}

/// One direction of a connection: takes segments as they come, gives bytes in order.
#[derive(Debug, Default)]
pub struct Assembly {
    /// Sequence number of the next byte; None before anything was seen.
    next: Option<u32>,
    /// Segments beyond a hole, in the order they came.
    early: Vec<(u32, Vec<u8>)>,
    early_bytes: usize,
    /// What was odd.
    pub oddities: Oddities,
}

/// What was odd in one direction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Oddities {
    /// Segments that brought nothing new.
    pub repeated: u32,
    /// Segments that came before one they follow.
    pub early: u32,
    /// Bytes are missing, and nothing after them was read.
    pub hole: bool,
}

impl Assembly {
    /// Sets the number of the next byte, as a SYN tells it.
    pub const fn begin(&mut self, next: u32) {
        self.next = Some(next);
    }

    /// The number of the next byte, when it is known.
    #[must_use]
    pub const fn next(&self) -> Option<u32> {
        self.next
    }

    /// Takes bytes that stand at `sequence`; what is in order now goes to `deliver`.
    ///
    /// Of bytes that come twice, the first are taken.
    pub fn take(&mut self, sequence: u32, bytes: &[u8], mut deliver: impl FnMut(&[u8])) {
        if self.oddities.hole || bytes.is_empty() {
            return;
        }
        let next = *self.next.get_or_insert(sequence);
        match place(next, sequence, bytes) {
            Place::Old => self.oddities.repeated = self.oddities.repeated.saturating_add(1),
            Place::Now(new) => {
                self.next = Some(after(next, new.len()));
                deliver(new);
                if !self.early.is_empty() {
                    self.fill(&mut deliver);
                }
            }
            Place::Early => {
                self.oddities.early = self.oddities.early.saturating_add(1);
                let room = EARLY_BYTES_MAX.saturating_sub(self.early_bytes);
                if bytes.len() > room || self.early.len() >= EARLY_SEGMENTS_MAX {
                    self.give_up();
                    return;
                }
                self.early_bytes += bytes.len();
                self.early.push((sequence, bytes.to_vec()));
            }
        }
    }

    /// Nothing more will come: a hole that is open now stays.
    pub fn finish(&mut self) {
        if !self.early.is_empty() {
            self.give_up();
        }
    }

    /// Delivers early segments that fit now. Each turn takes one out, so it ends.
    fn fill(&mut self, deliver: &mut impl FnMut(&[u8])) {
        while let Some(next) = self.next {
            let fits = |(sequence, bytes): &(u32, Vec<u8>)| {
                !matches!(place(next, *sequence, bytes), Place::Early)
            };
            let Some(index) = self.early.iter().position(fits) else { return };
            let (sequence, bytes) = self.early.swap_remove(index);
            self.early_bytes -= bytes.len();
            match place(next, sequence, &bytes) {
                Place::Now(new) => {
                    self.next = Some(after(next, new.len()));
                    deliver(new);
                }
                _ => self.oddities.repeated = self.oddities.repeated.saturating_add(1),
            }
        }
    }

    fn give_up(&mut self) {
        self.oddities.hole = true;
        self.early = Vec::new();
        self.early_bytes = 0;
    }
}

enum Place<'a> {
    /// All of it was there before.
    Old,
    /// These bytes come next.
    Now(&'a [u8]),
    /// Something is missing before it.
    Early,
}

/// Where bytes stand, in numbers that wrap around (RFC 9293 §3.4).
fn place(next: u32, sequence: u32, bytes: &[u8]) -> Place<'_> {
    let known = next.wrapping_sub(sequence);
    if known == 0 {
        return Place::Now(bytes);
    }
    if known > u32::MAX / 2 {
        return Place::Early;
    }
    match usize::try_from(known).ok().and_then(|known| bytes.get(known..)) {
        Some(new) if !new.is_empty() => Place::Now(new),
        _ => Place::Old,
    }
}

/// The number `count` bytes later; a segment has far less than 2^32.
fn after(sequence: u32, count: usize) -> u32 {
    sequence.wrapping_add(u32::try_from(count).unwrap_or(0))
}

/// Held of one direction beyond a hole, in bytes; more than a handshake ever has in flight.
const EARLY_BYTES_MAX: usize = 256 * 1024;
/// Segments held beyond a hole.
const EARLY_SEGMENTS_MAX: usize = 256;
