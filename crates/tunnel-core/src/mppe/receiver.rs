//! Decrypts packets and finds its way after losses (RFC 3078 section 4).

use core::time::Duration;

use super::{Mode, Strength};
use crate::time::Moment;

/// Decrypts one direction.
#[derive(Debug)]
pub struct Receiver {
    mode: Mode,
}

/// What became of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opened {
    /// Decrypted in place: from octet `HEADER_OCTETS` on stand the inner protocol (one or two
    /// octets) and the payload.
    Plain,
    /// Dropped.
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
    pub(super) fn new(start: &[u8; 16], strength: Strength, mode: Mode) -> Self {
        let _ = (start, strength);
        Self { mode }
    }

    /// Decrypts in place a packet that begins at MPPE's header (after protocol 0x00FD).
    pub fn open(&mut self, packet: &mut [u8]) -> Opened {
        let _ = (packet, self.mode);
        unimplemented!()
    }

    /// Whether a CCP Reset-Request (code 14, new identifier, no data) is to be sent now. True once
    /// for each loss, then again after a second at the earliest; ask after each packet that was
    /// dropped as `Unsynchronised`.
    pub fn reset_due(&mut self, now: Moment) -> bool {
        let _ = (now, RESET_PAUSE);
        unimplemented!()
    }

    /// Packets dropped in a row since the last that could be read: many mean that the keys differ.
    #[must_use]
    pub fn dropped_run(&self) -> u32 {
        unimplemented!()
    }
}

/// The least time between two Reset-Requests.
const RESET_PAUSE: Duration = Duration::from_secs(1);
