//! Encrypts packets (RFC 3078 sections 3 and 8).
//!
//! It must never send a packet in clear: what it seals is always encrypted. Nothing here can fail.

use core::fmt;

use super::keys::Chain;
use super::rc4::Rc4;
use super::{COUNT, ENCRYPTED, FLAG, FLUSHED, HEADER_OCTETS, Mode};

/// Encrypts one direction.
pub struct Sender {
    chain: Chain,
    rc4: Rc4,
    mode: Mode,
    /// The count of the next packet.
    count: u16,
    /// The peer lost its place and waits for a packet it can start afresh with.
    awaited: bool,
}

impl Sender {
    pub(super) fn new(chain: Chain, mode: Mode) -> Self {
        let mut rc4 = Rc4::new();
        chain.start(&mut rc4);
        Self { chain, rc4, mode, count: 0, awaited: false }
    }

    /// Encrypts in place. `packet`: `HEADER_OCTETS` octets of room (they become MPPE's header),
    /// then the inner protocol (two octets) and the payload. What is sent is the whole slice behind
    /// a frame head with protocol 0x00FD. A slice shorter than the room is left alone.
    pub fn seal(&mut self, packet: &mut [u8]) {
        let Some((header, inner)) = packet.split_first_chunk_mut::<HEADER_OCTETS>() else { return };
        let flushed = match self.mode {
            Mode::Stateless => true,
            Mode::Stateful => self.starts_afresh(),
        };
        if flushed {
            self.chain.step(&mut self.rc4);
            self.chain.start(&mut self.rc4);
        }
        *header = (ENCRYPTED | if flushed { FLUSHED } else { 0 } | self.count).to_be_bytes();
        self.rc4.apply(inner);
        self.count = (self.count + 1) & COUNT;
    }

    /// The peer sent a CCP Reset-Request (code 14): the next packet starts afresh. Answer with a
    /// Reset-Ack (code 15, same identifier, no data) that is sent **before** any further packet:
    /// Linux hands encrypted packets to its MPPE only after the Ack. Any number of requests between
    /// two packets cost one key change.
    pub fn reset_requested(&mut self) {
        self.awaited = true;
    }

    /// Stateful: whether this packet changes the key. Peers differ in what a flushed packet does
    /// to the key when it is not the one packet in 256 that changes it anyway: by RFC 3078 the key
    /// stays, in Linux (`ppp_mppe.c`) and what was made from it, it changes. So after a request the
    /// count moves on to that one packet, where both agree; a peer that lost its place takes any
    /// count, as it cannot know what else was lost.
    fn starts_afresh(&mut self) -> bool {
        if core::mem::take(&mut self.awaited) {
            self.count |= FLAG;
        }
        self.count & FLAG == FLAG
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { mode, count, .. } = self;
        f.debug_struct("Sender").field("mode", mode).field("count", count).finish_non_exhaustive()
    }
}
