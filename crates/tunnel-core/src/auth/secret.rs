//! Octets that must not outlive their use: passwords, hashes, keys.
//!
//! They are overwritten when dropped, have no `Debug` text of their own and no `PartialEq`; they
//! are compared with [`same`], whose time depends on lengths alone. Nothing here can fail.

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;
use core::hint::black_box;

use md4::{Digest, Md4};
use zeroize::{Zeroize, Zeroizing};

/// A password as its user typed it (UTF-8 as a rule).
#[derive(Clone)]
pub struct Secret(Box<[u8]>);

impl Secret {
    /// Takes a copy of the octets; the caller wipes its own.
    #[must_use]
    pub fn new(octets: &[u8]) -> Self {
        Self(Box::from(octets))
    }

    /// The octets, for a computation.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// The MD4 of a password in UTF-16 little-endian: what MS-CHAPv2 proves knowledge of (RFC 2759
/// section 8.3). As good as the password to whoever steals it.
#[derive(Clone)]
pub struct NtHash([u8; 16]);

impl NtHash {
    /// The hash of a password. Octets that are no UTF-8 stand for U+FFFD, as a client that types
    /// them would not send them either.
    #[must_use]
    pub fn of_password(password: &Secret) -> Self {
        let text = Zeroizing::new(String::from_utf8_lossy(password.expose()).into_owned());
        let mut hash = Md4::new();
        for unit in text.encode_utf16() {
            hash.update(unit.to_le_bytes());
        }
        Self(hash.finalize().into())
    }

    /// A hash that was kept.
    #[must_use]
    pub const fn from_octets(octets: [u8; 16]) -> Self {
        Self(octets)
    }

    /// The 16 octets, for a computation or the users' file.
    #[must_use]
    pub const fn expose(&self) -> &[u8; 16] {
        &self.0
    }

    /// The MD4 of the hash, from which the proof of the server and all keys come.
    pub(crate) fn hashed(&self) -> Zeroizing<[u8; 16]> {
        Zeroizing::new(Md4::digest(self.0).into())
    }
}

impl Drop for NtHash {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for NtHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NtHash(..)")
    }
}

/// Whether two proofs are the same, in a time that depends on their lengths alone.
pub(crate) fn same(left: &[u8], right: &[u8]) -> bool {
    let differing = left.iter().zip(right).fold(0u8, |all, (l, r)| black_box(all | (l ^ r)));
    left.len() == right.len() && black_box(differing) == 0
}
