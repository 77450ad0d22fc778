//! CHAP's packets (RFC 1994 section 4) and its proof by MD5 (section 2 with algorithm 5).
//!
//! It must never show a secret. A packet that does not fit is `None`.

use alloc::vec::Vec;

use md5::{Digest, Md5};

use super::Secret;
use super::packet::{Packet, count, counted};

/// A packet of CHAP, whatever its algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chap<'a> {
    /// The question.
    Challenge {
        /// The challenge: 16 octets with MS-CHAPv2, any number with MD5.
        value: &'a [u8],
        /// What the asking end calls itself, unescaped.
        name: &'a [u8],
    },
    /// The proof.
    Response {
        /// The proof: 16 octets with MD5, 49 with MS-CHAPv2.
        value: &'a [u8],
        /// The user's name, unescaped.
        name: &'a [u8],
    },
    /// Accepted, with its text.
    Success(&'a [u8]),
    /// Refused, with its text.
    Failure(&'a [u8]),
}

impl<'a> Chap<'a> {
    /// The identifier and what the packet says.
    #[must_use]
    pub fn parse(octets: &'a [u8]) -> Option<(u8, Self)> {
        let packet = Packet::parse(octets)?;
        let content = match packet.code {
            CHALLENGE | RESPONSE => {
                let (value, name) = counted(packet.data)?;
                if packet.code == CHALLENGE {
                    Self::Challenge { value, name }
                } else {
                    Self::Response { value, name }
                }
            }
            SUCCESS => Self::Success(packet.data),
            FAILURE => Self::Failure(packet.data),
            _ => return None,
        };
        Some((packet.id, content))
    }

    /// Appends the packet. A value longer than 255 octets is cut.
    pub fn write(&self, id: u8, out: &mut Vec<u8>) {
        let (code, value, name) = match self {
            Self::Challenge { value, name } => (CHALLENGE, value, name),
            Self::Response { value, name } => (RESPONSE, value, name),
            Self::Success(text) => return Packet::write(SUCCESS, id, &[text], out),
            Self::Failure(text) => return Packet::write(FAILURE, id, &[text], out),
        };
        let (length, value) = count(value);
        Packet::write(code, id, &[&[length], value, name], out);
    }
}

/// The proof of CHAP with MD5: the digest of identifier, password and challenge.
#[must_use]
pub fn md5_response(id: u8, password: &Secret, challenge: &[u8]) -> [u8; 16] {
    let digest = Md5::new_with_prefix([id]);
    digest.chain_update(password.expose()).chain_update(challenge).finalize().into()
}

const CHALLENGE: u8 = 1;
const RESPONSE: u8 = 2;
const SUCCESS: u8 = 3;
const FAILURE: u8 = 4;
