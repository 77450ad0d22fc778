//! The end that asks for a proof.

use alloc::vec::Vec;

use super::{Ignored, Method, NtHash, Secret};
use crate::mppe::Keys;

/// The end that asks for a proof, by one method.
#[derive(Debug)]
pub struct Server {
    method: Method,
    name: Vec<u8>,
    challenge: [u8; 16],
}

/// What a packet from the client led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// A proof came: look the user up and call [`Server::answer`]. Until then further packets are
    /// ignored.
    Verify {
        /// The name as sent, at most `USER_OCTETS_MAX` octets, unescaped.
        user: Vec<u8>,
        /// The name without a leading `DOMAIN\`.
        account: Vec<u8>,
    },
    /// The client repeated what was answered already: `out` holds the same answer again.
    Repeated,
    /// Nothing to do.
    Ignored(Ignored),
}

/// What the caller knows about a user.
#[derive(Debug)]
pub enum Known {
    /// The password (serves every method).
    Password(Secret),
    /// Only the NT hash (serves PAP and MS-CHAPv2; CHAP-MD5 is refused with it).
    NtHash(NtHash),
    /// No such user, or one that may not come in: refused, in about the same time.
    Nobody,
}

/// How it ended; `out` holds the packet that says so.
#[derive(Debug)]
pub enum Answer {
    /// The proof holds. With MS-CHAPv2 there are keys.
    Accepted {
        /// The start keys of MPPE and of SSTP's crypto binding.
        keys: Option<Keys>,
    },
    /// The proof does not hold.
    Refused,
}

impl Server {
    /// A server of this method. `name`: what it calls itself in a challenge; `challenge`: 16 fresh
    /// random octets (unused by PAP).
    #[must_use]
    pub fn new(method: Method, name: &[u8], challenge: [u8; 16]) -> Self {
        Self { method, name: Vec::from(name), challenge }
    }

    /// The method.
    #[must_use]
    pub const fn method(&self) -> Method {
        self.method
    }

    /// The packet that opens the exchange, appended to `out`; true if there is one (CHAP). With PAP
    /// the client speaks first. To be called again by the restart timer (3 s) while nothing came.
    pub fn start(&mut self, out: &mut Vec<u8>) -> bool {
        let _ = (out, &self.name, self.challenge);
        unimplemented!()
    }

    /// Takes the packet (after the protocol field) of a frame with `method().protocol()`.
    pub fn input(&mut self, packet: &[u8], out: &mut Vec<u8>) -> Asked {
        let _ = (packet, out);
        unimplemented!()
    }

    /// Checks the proof that waits against what is known about its user, and appends the answer to
    /// `out`. `None`: no proof waits.
    pub fn answer(&mut self, known: &Known, out: &mut Vec<u8>) -> Option<Answer> {
        let _ = (known, out);
        unimplemented!()
    }
}
