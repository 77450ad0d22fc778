//! Start keys from a password's hash and the proof given with it (RFC 3079 section 3).

use core::fmt;

use zeroize::Zeroize;

use super::{Mode, Receiver, Sender, Strength};
use crate::auth::NtHash;

/// Which end of the authentication this is: the client proved itself, the server asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// The end that proved itself.
    Client,
    /// The end that asked.
    Server,
}

/// The start keys of both directions, for any strength.
#[derive(Clone)]
pub struct Keys {
    client_sends: [u8; 16],
    server_sends: [u8; 16],
}

impl Keys {
    /// The keys after MS-CHAPv2 (RFC 3079 section 3.4).
    #[must_use]
    pub fn new(hash: &NtHash, nt_response: &[u8; 24]) -> Self {
        let _ = (hash, nt_response);
        unimplemented!()
    }

    /// What encrypts this side's packets.
    #[must_use]
    pub fn sender(&self, side: Side, strength: Strength, mode: Mode) -> Sender {
        let _ = side;
        Sender::new(&self.client_sends, strength, mode)
    }

    /// What decrypts the packets that come to this side.
    #[must_use]
    pub fn receiver(&self, side: Side, strength: Strength, mode: Mode) -> Receiver {
        let _ = side;
        Receiver::new(&self.server_sends, strength, mode)
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        self.client_sends.zeroize();
        self.server_sends.zeroize();
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys(..)")
    }
}
