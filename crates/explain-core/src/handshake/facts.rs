//! What later messages need to know of earlier ones. Holds no secret.

use alloc::vec::Vec;

use super::certificate::PublicKey;
use super::registry::{Cipher, Hash, SuiteShape};
use super::schedule::Prf;

/// What is known of a connection while it is read.
#[derive(Debug, Default)]
pub(super) struct Facts {
    pub(super) version: Option<u16>,
    pub(super) suite: Option<u16>,
    pub(super) shape: Option<SuiteShape>,
    pub(super) client_random: Vec<u8>,
    pub(super) server_random: Vec<u8>,
    pub(super) session_id: Vec<u8>,
    /// The client brought a ticket of an older version.
    pub(super) ticket: bool,
    pub(super) encrypt_then_mac: bool,
    pub(super) server_key: Option<PublicKey>,
    pub(super) client_key: Option<PublicKey>,
    /// Groups and sizes of the client's last key shares.
    pub(super) shares: Vec<(u16, usize)>,
    /// The server sent a certificate, whatever its form.
    pub(super) certificate: bool,
    pub(super) compressed_certificate: bool,
    pub(super) client_asked: bool,
    pub(super) psk_selected: bool,
    pub(super) server_hello_done: bool,
    pub(super) hello_retry: bool,
    /// Finished of client and server were seen, or told by their place.
    pub(super) finished: [bool; 2],
}

impl Facts {
    pub(super) fn tls13(&self) -> bool {
        self.version.is_some_and(|version| version == 0x0304 || version >> 8 == 0x7f)
    }

    /// A version older than 1.3 was agreed upon.
    pub(super) fn legacy(&self) -> bool {
        self.version.is_some() && !self.tls13()
    }

    pub(super) fn hash(&self) -> Hash {
        self.shape.map_or(Hash::Sha256, |shape| shape.hash)
    }

    pub(super) fn cipher(&self) -> Cipher {
        self.shape.map_or(Cipher::Other, |shape| shape.cipher)
    }

    /// The PRF of the version; None for SSL 3.0 and TLS 1.3, which have another way.
    pub(super) fn prf(&self) -> Option<Prf> {
        match self.version? {
            0x0301 | 0x0302 => Some(Prf::Md5Sha1),
            0x0303 => Some(Prf::Suite(self.hash())),
            _ => None,
        }
    }

    pub(super) fn done(&self) -> bool {
        self.finished == [true, true]
    }
}
