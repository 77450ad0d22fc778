//! The end that proves who it is.

use alloc::vec::Vec;

use super::{Ignored, Method, Refusal, Secret};
use crate::mppe::Keys;

/// The end that proves who it is, by one method, once.
#[derive(Debug)]
pub struct Client {
    method: Method,
    user: Vec<u8>,
    password: Secret,
}

/// What a packet from the server led to.
#[derive(Debug)]
pub enum Step {
    /// `out` holds an answer to send.
    Send,
    /// Accepted (and, with MS-CHAPv2, the server proved itself too). With MS-CHAPv2 there are keys.
    Proven {
        /// The start keys of MPPE and of SSTP's crypto binding.
        keys: Option<Keys>,
        /// The text the server sent with it, at most `TEXT_OCTETS_MAX` octets, unescaped.
        text: Vec<u8>,
    },
    /// It is over.
    Refused(Refusal),
    /// Nothing to do.
    Ignored(Ignored),
}

impl Client {
    /// A client of this method; `user` may hold a domain (`DOMAIN\user`).
    #[must_use]
    pub fn new(method: Method, user: &[u8], password: Secret) -> Self {
        Self { method, user: Vec::from(user), password }
    }

    /// The method.
    #[must_use]
    pub const fn method(&self) -> Method {
        self.method
    }

    /// The packet that opens the exchange, appended to `out`; true if there is one (PAP). With CHAP
    /// the server speaks first. To be called again by the restart timer (3 s) while nothing came.
    pub fn start(&mut self, out: &mut Vec<u8>) -> bool {
        let _ = (out, &self.user, &self.password);
        unimplemented!()
    }

    /// Takes the packet (after the protocol field) of a frame with `method().protocol()`.
    /// `peer_challenge`: 16 fresh random octets, used by MS-CHAPv2. An answer is appended to `out`.
    /// After `Proven`, further challenges are answered again (CHAP may ask at any time).
    pub fn input(&mut self, packet: &[u8], peer_challenge: [u8; 16], out: &mut Vec<u8>) -> Step {
        let _ = (packet, peer_challenge, out);
        unimplemented!()
    }
}
