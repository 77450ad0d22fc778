//! Decrypts packets and finds its way after losses (RFC 3078 section 8).
//!
//! A packet that does not decrypt to a packet must never move the keys: otherwise whoever can forge
//! one packet ends the tunnel. Work is bounded: key changes that led nowhere come out of a reserve
//! that every packet refills a little. Whatever is not read is [`Dropped`] with its reason.

use core::fmt;
use core::time::Duration;

use super::keys::Chain;
use super::plausible::{LOOK_OCTETS, perhaps, surely};
use super::rc4::Rc4;
use super::{COMPRESSED, COUNT, ENCRYPTED, FLAG, FLUSHED, HEADER_OCTETS, Mode};
use crate::time::Moment;

/// Decrypts one direction.
pub struct Receiver {
    chain: Chain,
    rc4: Rc4,
    mode: Mode,
    /// The count of the last packet read.
    last: u16,
    /// Stateful: packets were lost, the peer must start afresh.
    lost: bool,
    /// When it was last asked to.
    asked: Option<Moment>,
    /// Key changes that may still be wasted.
    reserve: u32,
    /// Packets in a row that seemed late.
    late: u32,
    /// Packets in a row that were garbled after all key changes their count asked for.
    garbled: u32,
    dropped: u32,
}

/// What became of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opened {
    /// Decrypted in place: from octet `HEADER_OCTETS` on stand the inner protocol (one or two
    /// octets) and the payload.
    Plain,
    /// Dropped; what its octets are now is of no use.
    Dropped(Dropped),
}

/// Why a packet was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dropped {
    /// Shorter than the header and a protocol.
    Short,
    /// The encrypted bit is not set, or the compressed one is.
    Clear,
    /// Its count lies behind: a late packet or a copy.
    Late,
    /// What it decrypts to is no packet: forged, or keys that differ.
    Garbled,
    /// Reaching its count would take more key changes than are allowed now.
    TooFar,
    /// Stateful: packets were lost, and nothing can be read until the peer starts afresh. Ask
    /// [`Receiver::reset_due`].
    Unsynchronised,
}

impl Receiver {
    pub(super) fn new(chain: Chain, mode: Mode) -> Self {
        let mut rc4 = Rc4::new();
        chain.start(&mut rc4);
        Self {
            chain,
            rc4,
            mode,
            last: COUNT,
            lost: false,
            asked: None,
            reserve: RESERVE_STEPS,
            late: 0,
            garbled: 0,
            dropped: 0,
        }
    }

    /// Decrypts in place a packet that begins at MPPE's header (after protocol 0x00FD). Only what
    /// decrypts to a network protocol is plain, and for IPv4 and IPv6 only with its version.
    pub fn open(&mut self, packet: &mut [u8]) -> Opened {
        self.reserve = RESERVE_STEPS.min(self.reserve + STEPS_PER_PACKET);
        let opened = match packet.split_first_chunk_mut::<HEADER_OCTETS>() {
            Some((header, inner)) if inner.len() >= 2 => {
                let header = u16::from_be_bytes(*header);
                match self.mode {
                    _ if header & (ENCRYPTED | COMPRESSED) != ENCRYPTED => Err(Dropped::Clear),
                    Mode::Stateless => self.stateless(header & COUNT, inner),
                    Mode::Stateful => self.stateful(header, inner),
                }
            }
            _ => Err(Dropped::Short),
        };
        match opened {
            Ok(()) => {
                (self.dropped, self.late, self.garbled) = (0, 0, 0);
                Opened::Plain
            }
            Err(reason) => {
                self.dropped = self.dropped.saturating_add(1);
                Opened::Dropped(reason)
            }
        }
    }

    /// Whether a CCP Reset-Request (code 14, new identifier, no data) is to be sent now. True once
    /// for each loss, then again after a second at the earliest; ask after each packet that was
    /// dropped as `Unsynchronised`.
    pub fn reset_due(&mut self, now: Moment) -> bool {
        let due = self.lost && self.asked.is_none_or(|at| now.since(at) >= RESET_PAUSE);
        if due {
            self.asked = Some(now);
        }
        due
    }

    /// Packets dropped in a row since the last that could be read: many mean that the keys differ.
    #[must_use]
    pub fn dropped_run(&self) -> u32 {
        self.dropped
    }

    /// RFC 3078 section 8.1: one key change for each count.
    fn stateless(&mut self, count: u16, inner: &mut [u8]) -> Result<(), Dropped> {
        let ahead = u32::from(count.wrapping_sub(self.last) & COUNT);
        let behind = ahead > AHEAD_MAX;
        if ahead == 0 || behind {
            // A run of late packets is none: more than half of all counts were lost at once.
            self.late += 1;
            if self.late < LATE_RUN || ahead == 0 {
                return Err(Dropped::Late);
            }
        }
        // After a run of garbled ones: perhaps whole rounds of the count were lost.
        let rounds = self.garbled.saturating_sub(GARBLED_RUN) % (ROUNDS_MAX + 1);
        let steps = ahead + rounds * (u32::from(COUNT) + 1);
        if steps > self.reserve {
            return Err(Dropped::TooFar);
        }
        let mark = self.chain.mark();
        (0..steps).for_each(|_| self.chain.step(&mut self.rc4));
        self.chain.start(&mut self.rc4);
        let octets = inner.len();
        let (look, rest) = inner.split_at_mut(LOOK_OCTETS.min(octets));
        self.rc4.apply(look);
        // The further the keys would move, the surer it must be that they should.
        if !surely(look, octets) && (steps > NEAR_STEPS || behind || !perhaps(look)) {
            self.chain.back(&mark);
            self.reserve -= steps;
            self.garbled = self.garbled.saturating_add(1);
            return Err(Dropped::Garbled);
        }
        self.rc4.apply(rest);
        self.last = count;
        Ok(())
    }

    /// RFC 3078 section 8.2: one key for 256 packets, and a fresh start after each loss.
    fn stateful(&mut self, header: u16, inner: &mut [u8]) -> Result<(), Dropped> {
        let count = header & COUNT;
        let ahead = u32::from(count.wrapping_sub(self.last) & COUNT);
        // Once the place is lost, a fresh start may lie anywhere.
        if !self.lost && (ahead == 0 || ahead > AHEAD_MAX) {
            self.late += 1;
            if self.late < LATE_RUN {
                return Err(Dropped::Late);
            }
            self.lost = true;
        }
        let flag = count & FLAG == FLAG;
        if header & FLUSHED != 0 || (flag && ahead == 1 && !self.lost) {
            return self.afresh(count, inner);
        }
        if self.lost || ahead != 1 {
            self.lost = true;
            return Err(Dropped::Unsynchronised);
        }
        self.rc4.apply(inner);
        if !perhaps(inner) {
            // The stream went on with a packet that was not the peer's: only a fresh start helps.
            self.lost = true;
            return Err(Dropped::Unsynchronised);
        }
        self.last = count;
        Ok(())
    }

    /// A packet for which the peer started its cipher afresh. How often its key changed since is
    /// known but for the flushed packets (see `Sender`: some peers change it at each, read or lost)
    /// and for whole rounds of the count that were lost. The right number is the one that gives an
    /// IP packet.
    fn afresh(&mut self, count: u16, inner: &mut [u8]) -> Result<(), Dropped> {
        let first = self.last.wrapping_add(1) & COUNT;
        let blocks = u32::from((count >> 8).wrapping_sub(first >> 8) & 0xF);
        let round = if blocks == 0 && count < first { 16 } else { 0 };
        let least = blocks + round + u32::from(count & FLAG == FLAG);
        let expected = count == first && count & FLAG == FLAG && !self.lost;
        let octets = inner.len();
        let Some(spare) = self.reserve.checked_sub(least) else { return Err(Dropped::TooFar) };
        let extras = EXTRA_STEPS.min(spare);
        let mark = self.chain.mark();
        (0..least).for_each(|_| self.chain.step(&mut self.rc4));
        for extra in 0..=extras {
            self.chain.start(&mut self.rc4);
            let (look, rest) = inner.split_at_mut(LOOK_OCTETS.min(octets));
            self.rc4.apply(look);
            if surely(look, octets) || (expected && extra == 0 && perhaps(look)) {
                self.rc4.apply(rest);
                (self.last, self.lost, self.asked) = (count, false, None);
                return Ok(());
            }
            // The same stream again gives back what came.
            self.chain.start(&mut self.rc4);
            self.rc4.apply(look);
            self.chain.step(&mut self.rc4);
        }
        self.chain.back(&mark);
        self.reserve -= least + extras;
        self.lost = true;
        Err(Dropped::Unsynchronised)
    }
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { mode, last, lost, dropped, .. } = self;
        f.debug_struct("Receiver")
            .field("mode", mode)
            .field("last", last)
            .field("lost", lost)
            .field("dropped", dropped)
            .finish_non_exhaustive()
    }
}

/// The least time between two Reset-Requests.
const RESET_PAUSE: Duration = Duration::from_secs(1);

/// A count further ahead than this lies behind (half of all counts).
const AHEAD_MAX: u32 = 2048;

/// Up to so many key changes, a packet that may be one is enough; beyond, it must surely be one.
const NEAR_STEPS: u32 = 64;

/// Seemingly late packets in a row after which their count is taken to lie ahead.
const LATE_RUN: u32 = 64;

/// Garbled packets in a row after which whole rounds of the count are tried as well.
const GARBLED_RUN: u32 = 8;

/// Whole rounds of the count (4096 packets each) that may be lost at once.
const ROUNDS_MAX: u32 = 3;

/// Key changes that may be wasted at once, about 20 ms: enough for the longest loss.
const RESERVE_STEPS: u32 = (ROUNDS_MAX + 1) * 4096;

/// Key changes each packet adds to the reserve: what a flood of forged packets can cost for each.
const STEPS_PER_PACKET: u32 = 16;

/// Stateful: key changes tried beyond those that the count tells: two rounds of it and eight fresh
/// starts that were lost.
const EXTRA_STEPS: u32 = 40;

#[cfg(test)]
mod tests;
