//! Start keys from a password's hash and the proof given with it, and the keys that follow
//! (RFC 3079 section 3, RFC 3078 section 7).
//!
//! It must never show a key. Nothing here can fail.

use core::fmt;

use sha1::{Digest, Sha1};
use zeroize::{Zeroize, Zeroizing};

use super::rc4::Rc4;
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

/// The start keys of both directions, for any strength: a weaker one takes the first octets.
#[derive(Clone)]
pub struct Keys {
    client_sends: [u8; 16],
    server_sends: [u8; 16],
}

impl Keys {
    /// The keys after MS-CHAPv2 (RFC 3079 section 3.4).
    #[must_use]
    pub fn new(hash: &NtHash, nt_response: &[u8; 24]) -> Self {
        let digest = Sha1::new_with_prefix(*hash.hashed())
            .chain_update(nt_response)
            .chain_update(MASTER)
            .finalize();
        let master = Zeroizing::new(first16(&digest.into()));
        let start = |magic: &[u8]| {
            let digest = Sha1::new_with_prefix(*master)
                .chain_update(PAD_1)
                .chain_update(magic)
                .chain_update(PAD_2)
                .finalize();
            first16(&digest.into())
        };
        Self { client_sends: start(CLIENT_SENDS), server_sends: start(CLIENT_RECEIVES) }
    }

    /// What encrypts this side's packets.
    #[must_use]
    pub fn sender(&self, side: Side, strength: Strength, mode: Mode) -> Sender {
        let start = match side {
            Side::Client => &self.client_sends,
            Side::Server => &self.server_sends,
        };
        Sender::new(Chain::new(start, strength), mode)
    }

    /// What decrypts the packets that come to this side.
    #[must_use]
    pub fn receiver(&self, side: Side, strength: Strength, mode: Mode) -> Receiver {
        let start = match side {
            Side::Client => &self.server_sends,
            Side::Server => &self.client_sends,
        };
        Receiver::new(Chain::new(start, strength), mode)
    }

    /// Both start keys, the client's first: the higher-layer authentication key of SSTP's crypto
    /// binding, the same at both ends.
    pub(crate) fn both(&self) -> Zeroizing<[u8; 32]> {
        let mut both = Zeroizing::new([0; 32]);
        let octets = self.client_sends.iter().chain(&self.server_sends);
        both.iter_mut().zip(octets).for_each(|(to, from)| *to = *from);
        both
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

/// The session keys of one direction, one after the other.
#[derive(Clone)]
pub(super) struct Chain {
    /// What is hashed for the next key: start key, padding, session key, padding. Only the session
    /// key ever changes, in its place.
    message: [u8; MESSAGE_MAX],
    strength: Strength,
}

/// A session key's octets, to come back to.
pub(super) struct Mark(Zeroizing<[u8; 16]>);

impl Chain {
    fn new(start: &[u8; 16], strength: Strength) -> Self {
        let octets = strength.octets();
        let mut message = [0; MESSAGE_MAX];
        let start = start.iter().take(octets);
        let parts = start.clone().chain(PAD_1).chain(start).chain(PAD_2);
        message.iter_mut().zip(parts).for_each(|(to, from)| *to = *from);
        let mut chain = Self { message, strength };
        // The first session key is the hash itself; every later one goes through RC4 as well.
        let first = chain.digest();
        chain.replace(&first);
        chain
    }

    /// The next session key. `rc4` is scratch and holds nothing of use afterwards.
    pub(super) fn step(&mut self, rc4: &mut Rc4) {
        let mut key = self.digest();
        if self.strength == Strength::Bits128 {
            rc4.key(&key);
            rc4.apply(&mut *key);
        } else if let Some(half) = key.first_chunk_mut::<8>() {
            rc4.key(&*half);
            rc4.apply(half);
        }
        self.replace(&key);
    }

    /// Starts the cipher with the current session key.
    pub(super) fn start(&self, rc4: &mut Rc4) {
        let key = self.message.get(self.strength.octets() + PAD_1.len()..).unwrap_or_default();
        if self.strength == Strength::Bits128 {
            key.first_chunk::<16>().into_iter().for_each(|key| rc4.key(key));
        } else {
            key.first_chunk::<8>().into_iter().for_each(|key| rc4.key(key));
        }
    }

    /// Remembers where the chain stands.
    pub(super) fn mark(&self) -> Mark {
        let mut key = Zeroizing::new([0; 16]);
        let current = self.message.iter().skip(self.strength.octets() + PAD_1.len());
        key.iter_mut().zip(current.take(self.strength.octets())).for_each(|(to, from)| *to = *from);
        Mark(key)
    }

    /// Goes back to where it stood.
    pub(super) fn back(&mut self, mark: &Mark) {
        self.put(&mark.0);
    }

    fn digest(&self) -> Zeroizing<[u8; 16]> {
        let length = 2 * self.strength.octets() + PAD_1.len() + PAD_2.len();
        let message = self.message.get(..length).unwrap_or_default();
        Zeroizing::new(first16(&Sha1::digest(message).into()))
    }

    /// Takes a new session key, weakened as its strength demands (RFC 3079 section 3.3).
    fn replace(&mut self, key: &[u8; 16]) {
        let mut key = Zeroizing::new(*key);
        match self.strength {
            Strength::Bits128 => {}
            Strength::Bits56 => key[0] = 0xD1,
            Strength::Bits40 => [key[0], key[1], key[2]] = [0xD1, 0x26, 0x9E],
        }
        self.put(&key);
    }

    fn put(&mut self, key: &[u8; 16]) {
        let octets = self.strength.octets();
        let place = self.message.iter_mut().skip(octets + PAD_1.len()).take(octets);
        place.zip(key).for_each(|(to, from)| *to = *from);
    }
}

impl Drop for Chain {
    fn drop(&mut self) {
        self.message.zeroize();
    }
}

fn first16(digest: &[u8; 20]) -> [u8; 16] {
    let [octets @ .., _, _, _, _] = *digest;
    octets
}

/// The constants of RFC 3079 section 3.4.
const MASTER: &[u8] = b"This is the MPPE Master Key";
const CLIENT_SENDS: &[u8] =
    b"On the client side, this is the send key; on the server side, it is the receive key.";
const CLIENT_RECEIVES: &[u8] =
    b"On the client side, this is the receive key; on the server side, it is the send key.";
const PAD_1: &[u8; 40] = &[0; 40];
const PAD_2: &[u8; 40] = &[0xF2; 40];

/// Octets hashed for a key of 128 bits: two keys of 16, two paddings of 40.
const MESSAGE_MAX: usize = 112;

#[cfg(test)]
mod tests;
