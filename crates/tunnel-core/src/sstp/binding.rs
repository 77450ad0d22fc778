//! The crypto binding: the client's proof that the TLS connection and the authentication inside it
//! have the same two ends ([MS-SSTP] sections 2.2.7, 3.2.5.2, 3.3.5.2.3).
//!
//! Without it a man in the middle who ends TLS himself could pass a client's MS-CHAPv2 on to the
//! server. After PAP or CHAP-MD5 there is no key, the key is zero, and the binding proves only that
//! both ends saw the same certificate. It must never be compared in a time that depends on its
//! octets. What does not hold is a [`Mismatch`].

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::packet::Message;
use crate::auth::secret::same;
use crate::mppe::Keys;

/// The hashes a server takes, as a set of bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hashes(pub u8);

impl Hashes {
    /// Both.
    pub const ALL: Self = Self(Hash::Sha1.bit() | Hash::Sha256.bit());

    /// Whether the hash is among them.
    #[must_use]
    pub const fn has(self, hash: Hash) -> bool {
        self.0 & hash.bit() != 0
    }

    /// The best of them.
    #[must_use]
    pub fn best(self) -> Option<Hash> {
        [Hash::Sha256, Hash::Sha1].into_iter().find(|hash| self.has(*hash))
    }
}

/// A hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Hash {
    /// SHA-1 (clients before 2008).
    Sha1,
    /// SHA-256.
    Sha256,
}

impl Hash {
    /// Its bit.
    #[must_use]
    pub const fn bit(self) -> u8 {
        match self {
            Self::Sha1 => 1,
            Self::Sha256 => 2,
        }
    }
}

/// The hashes of the certificate (DER) that the server showed on this very connection: not of the
/// one it would show now. Behind a foreign end of TLS, of the certificate shown there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Certificate {
    /// SHA-1.
    pub sha1: [u8; 20],
    /// SHA-256.
    pub sha256: [u8; 32],
}

impl Certificate {
    /// The hashes of a certificate's DER octets.
    #[must_use]
    pub fn of_der(der: &[u8]) -> Self {
        use sha2::Digest;
        Self { sha1: Sha1::digest(der).into(), sha256: Sha256::digest(der).into() }
    }

    fn padded(&self, hash: Hash) -> [u8; 32] {
        match hash {
            Hash::Sha1 => pad(&self.sha1),
            Hash::Sha256 => self.sha256,
        }
    }
}

/// The binding as it stands in a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Binding {
    /// The chosen hash's bit, as sent.
    pub hash: u8,
    /// The server's nonce.
    pub nonce: [u8; 32],
    /// The certificate's hash; one by SHA-1 is padded with zeros.
    pub certificate: [u8; 32],
    /// The proof; one by SHA-1 is padded with zeros.
    pub mac: [u8; 32],
}

/// What does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mismatch {
    /// The hash is not one that was offered.
    Hash,
    /// The nonce is not the one that was sent: a binding for another connection.
    Nonce,
    /// The client saw another certificate: somebody stands in the middle, or a foreign end of TLS
    /// whose certificate is not configured.
    Certificate,
    /// Certificate and nonce are right but the key is another: somebody else authenticated, or the
    /// client has no keys where the server has some.
    Mac,
}

impl Mismatch {
    /// What does not hold, for people.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Hash => "the hash is not one that was offered",
            Self::Nonce => "the nonce is another connection's",
            Self::Certificate => "the client saw another certificate",
            Self::Mac => "the keys of the authentication differ",
        }
    }
}

impl Binding {
    /// The client's binding. `keys`: what MS-CHAPv2 gave, `None` after PAP or CHAP-MD5.
    #[must_use]
    pub fn new(
        hash: Hash,
        nonce: [u8; 32],
        certificate: &Certificate,
        keys: Option<&Keys>,
    ) -> Self {
        let certificate = certificate.padded(hash);
        let mut binding = Self { hash: hash.bit(), nonce, certificate, mac: [0; 32] };
        binding.mac = binding.proof(hash, keys);
        binding
    }

    /// Whether the binding holds, on the server.
    ///
    /// # Errors
    /// The first part that does not, of hash, nonce, certificate and MAC.
    pub fn verify(
        &self,
        offered: Hashes,
        nonce: &[u8; 32],
        certificate: &Certificate,
        keys: Option<&Keys>,
    ) -> Result<Hash, Mismatch> {
        let hash = [Hash::Sha256, Hash::Sha1].into_iter().find(|hash| hash.bit() == self.hash);
        let hash = hash.filter(|hash| offered.has(*hash)).ok_or(Mismatch::Hash)?;
        if !same(&self.nonce, nonce) {
            return Err(Mismatch::Nonce);
        }
        if !same(&self.certificate, &certificate.padded(hash)) {
            return Err(Mismatch::Certificate);
        }
        if same(&self.mac, &self.proof(hash, keys)) { Ok(hash) } else { Err(Mismatch::Mac) }
    }

    /// Reads the attribute's value.
    pub(super) fn parse(value: &[u8; 100]) -> Self {
        let [_, _, _, hash, rest @ ..] = value;
        let (fields, _) = rest.as_chunks::<32>();
        let field = |at: usize| fields.get(at).copied().unwrap_or_default();
        Self { hash: *hash, nonce: field(0), certificate: field(1), mac: field(2) }
    }

    /// The attribute's value.
    pub(super) fn value(&self) -> [u8; 100] {
        let mut value = [0; 100];
        let fields = self.nonce.iter().chain(&self.certificate).chain(&self.mac);
        let octets = [0, 0, 0, self.hash].into_iter().chain(fields.copied());
        value.iter_mut().zip(octets).for_each(|(to, from)| *to = from);
        value
    }

    /// The MAC over the whole message with the MAC's field zero, under a key derived from that of
    /// the authentication.
    fn proof(&self, hash: Hash, keys: Option<&Keys>) -> [u8; 32] {
        let key = keys.map_or_else(Zeroizing::default, Keys::both);
        let mut message = alloc::vec::Vec::with_capacity(112);
        Message::Connected(Self { mac: [0; 32], ..*self }).write(&mut message);
        match hash {
            Hash::Sha1 => {
                let key = Zeroizing::new(mac::<Hmac<Sha1>, 20>(&*key, &[SEED, &[20, 0, 1]]));
                pad(&mac::<Hmac<Sha1>, 20>(&*key, &[&message]))
            }
            Hash::Sha256 => {
                let key = Zeroizing::new(mac::<Hmac<Sha256>, 32>(&*key, &[SEED, &[32, 0, 1]]));
                mac::<Hmac<Sha256>, 32>(&*key, &[&message])
            }
        }
    }
}

fn mac<M: Mac + KeyInit, const N: usize>(key: &[u8], parts: &[&[u8]]) -> [u8; N] {
    let mut octets = [0; N];
    // A key of any length serves HMAC; were one refused, the zeros would never equal a MAC.
    if let Ok(mut mac) = <M as KeyInit>::new_from_slice(key) {
        parts.iter().for_each(|part| mac.update(part));
        octets.iter_mut().zip(mac.finalize().into_bytes()).for_each(|(to, from)| *to = from);
    }
    octets
}

fn pad(hash: &[u8; 20]) -> [u8; 32] {
    let mut padded = [0; 32];
    padded.iter_mut().zip(hash).for_each(|(to, from)| *to = *from);
    padded
}

const SEED: &[u8] = b"SSTP inner method derived CMK";

#[cfg(test)]
mod tests;
