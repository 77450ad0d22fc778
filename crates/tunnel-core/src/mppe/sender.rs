//! Encrypts packets (RFC 3078 sections 3 and 4).

use super::{Mode, Strength};

/// Encrypts one direction.
#[derive(Debug)]
pub struct Sender {
    mode: Mode,
}

impl Sender {
    pub(super) fn new(start: &[u8; 16], strength: Strength, mode: Mode) -> Self {
        let _ = (start, strength);
        Self { mode }
    }

    /// Encrypts in place. `packet`: `HEADER_OCTETS` octets of room (overwritten with MPPE's header),
    /// then the inner protocol (two octets) and the payload. What is sent is the whole slice behind
    /// a frame head with protocol 0x00FD. A slice shorter than the room is left alone.
    pub fn seal(&mut self, packet: &mut [u8]) {
        let _ = (packet, self.mode);
        unimplemented!()
    }

    /// The peer sent a CCP Reset-Request (code 14): the next packet starts afresh. Answer with a
    /// Reset-Ack (code 15, same identifier, no data) that is sent **before** any further packet.
    pub fn reset_requested(&mut self) {
        unimplemented!()
    }
}
