//! MS-CHAP version 2: the proofs of both ends and the texts that carry them (RFC 2759).
//!
//! One search for a DES key, 2^56 steps, finds the NT hash from one exchange: it must never be
//! called secure outside TLS. A text or a value that does not fit is `None`.

use alloc::vec::Vec;

use des::Des;
use des::cipher::{Array, BlockCipherEncrypt, KeyInit};
use sha1::{Digest, Sha1};
use zeroize::Zeroize;

use super::secret::same;
use super::{NtHash, TEXT_OCTETS_MAX};

/// The value of a response packet (RFC 2759 section 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Response {
    /// The challenge of the end that proves itself.
    pub peer_challenge: [u8; 16],
    /// Its proof.
    pub nt_response: [u8; 24],
}

impl Response {
    /// The response of somebody who knows the hash. `user` may hold a domain, which is not hashed.
    #[must_use]
    pub fn new(hash: &NtHash, user: &[u8], challenge: &[u8; 16], peer_challenge: [u8; 16]) -> Self {
        let hashed = challenge_hash(&peer_challenge, challenge, account(user));
        Self { peer_challenge, nt_response: nt_response(&hashed, hash) }
    }

    /// Reads the 49 octets of the value. The reserved octets and the flags are not looked at:
    /// peers are known to fill them.
    #[must_use]
    pub fn parse(value: &[u8]) -> Option<Self> {
        let value: &[u8; VALUE_OCTETS] = value.try_into().ok()?;
        let peer_challenge = *value.first_chunk()?;
        let nt_response = value.get(24..48)?.try_into().ok()?;
        Some(Self { peer_challenge, nt_response })
    }

    /// The 49 octets of the value: challenge, eight of zero, proof, flags of zero.
    #[must_use]
    pub fn value(&self) -> [u8; VALUE_OCTETS] {
        let mut value = [0; VALUE_OCTETS];
        let fields = self.peer_challenge.iter().chain(&[0; 8]).chain(&self.nt_response);
        value.iter_mut().zip(fields).for_each(|(octet, from)| *octet = *from);
        value
    }

    /// Whether it proves knowledge of the hash.
    #[must_use]
    pub fn proves(&self, hash: &NtHash, user: &[u8], challenge: &[u8; 16]) -> bool {
        let right = Self::new(hash, user, challenge, self.peer_challenge);
        same(&right.nt_response, &self.nt_response)
    }

    /// What the asking end sends to prove that it knows the hash as well (RFC 2759 section 8.7).
    #[must_use]
    pub fn authenticator(&self, hash: &NtHash, user: &[u8], challenge: &[u8; 16]) -> [u8; 20] {
        let first = Sha1::new_with_prefix(*hash.hashed())
            .chain_update(self.nt_response)
            .chain_update(SIGNING)
            .finalize();
        Sha1::new_with_prefix(first)
            .chain_update(challenge_hash(&self.peer_challenge, challenge, account(user)))
            .chain_update(ITERATION)
            .finalize()
            .into()
    }
}

/// The text of a success packet for this authenticator (RFC 2759 section 5).
#[must_use]
pub fn success_text(authenticator: &[u8; 20], message: &str) -> Vec<u8> {
    let mut text = Vec::from(b"S=");
    hex(authenticator, &mut text);
    text.extend(b" M=");
    text.extend(message.as_bytes());
    text
}

/// Whether the text of a success packet holds the right `S=`, and its message (`M=`).
#[must_use]
pub fn success(text: &[u8], authenticator: &[u8; 20]) -> (bool, Vec<u8>) {
    let mut right = Vec::new();
    hex(authenticator, &mut right);
    let sent = field(text, b'S').unwrap_or_default().to_ascii_uppercase();
    (same(&right, &sent), message(text))
}

/// The text of a failure packet (RFC 2759 section 6) that allows no second try.
#[must_use]
pub fn failure_text(code: u32, challenge: &[u8; 16], message: &str) -> Vec<u8> {
    let mut text = alloc::format!("E={code} R=0 C=").into_bytes();
    hex(challenge, &mut text);
    text.extend(b" V=3 M=");
    text.extend(message.as_bytes());
    text
}

/// The fields of a failure packet, found by name in any order: pppd sends `V=0` where the RFC has
/// 3, others leave fields away.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Failure {
    /// `E=`: 646 hours, 647 disabled, 648 password expired, 649 no dial-in right, 691 name or
    /// password, 709 changing the password.
    pub code: Option<u32>,
    /// `R=1`: another try with other credentials is allowed.
    pub retry: bool,
    /// `C=`: the challenge for that try.
    pub challenge: Option<[u8; 16]>,
    /// `V=`: the version of the protocol for changing the password.
    pub version: Option<u32>,
    /// `M=`: text for people, at most `TEXT_OCTETS_MAX` octets, unescaped. The whole text if it has
    /// no fields at all.
    pub message: Vec<u8>,
}

impl Failure {
    /// Reads the text of a failure packet.
    #[must_use]
    pub fn parse(text: &[u8]) -> Self {
        let number = |name| core::str::from_utf8(field(text, name)?).ok()?.parse::<u32>().ok();
        Self {
            code: number(b'E'),
            retry: number(b'R') == Some(1),
            challenge: field(text, b'C').and_then(unhex),
            version: number(b'V'),
            message: message(text),
        }
    }
}

/// The name without a leading domain (`DOMAIN\user`), as both proofs hash it.
#[must_use]
pub fn account(user: &[u8]) -> &[u8] {
    user.rsplit(|octet| *octet == b'\\').next().unwrap_or(user)
}

/// RFC 2759 section 8.2.
fn challenge_hash(peer: &[u8; 16], challenge: &[u8; 16], account: &[u8]) -> [u8; 8] {
    let digest: [u8; 20] =
        Sha1::new_with_prefix(peer).chain_update(challenge).chain_update(account).finalize().into();
    let [a, b, c, d, e, f, g, h, ..] = digest;
    [a, b, c, d, e, f, g, h]
}

/// RFC 2759 section 8.5: the challenge under three DES keys made of the hash and five zeros.
fn nt_response(challenge: &[u8; 8], hash: &NtHash) -> [u8; 24] {
    let mut padded = [0; 21];
    padded.iter_mut().zip(hash.expose()).for_each(|(octet, from)| *octet = *from);
    let mut response = [0; 24];
    let (sevens, _) = padded.as_chunks::<7>();
    let (eights, _) = response.as_chunks_mut::<8>();
    for (seven, eight) in sevens.iter().zip(eights) {
        let mut key = des_key(seven);
        let mut block = Array::from(*challenge);
        Des::new(&Array::from(key)).encrypt_block(&mut block);
        *eight = block.into();
        key.zeroize();
    }
    padded.zeroize();
    response
}

/// Seven octets spread over eight, the lowest bit of each (parity, which DES ignores) zero.
fn des_key(seven: &[u8; 7]) -> [u8; 8] {
    let [a, b, c, d, e, f, g] = *seven;
    let all = u64::from_be_bytes([0, a, b, c, d, e, f, g]);
    let mut key = [0; 8];
    for (octet, shift) in key.iter_mut().zip((0..=49).rev().step_by(7)) {
        *octet = (all >> shift).to_be_bytes()[7] << 1;
    }
    key
}

/// The value of the first field `NAME=` that stands at the start or after a blank, up to a blank.
fn field(text: &[u8], name: u8) -> Option<&[u8]> {
    // What follows `M=` is text for people and may hold anything.
    let fields = message_at(text).and_then(|at| text.get(..at)).unwrap_or(text);
    fields.split(|octet| *octet == b' ').find_map(|word| word.strip_prefix(&[name, b'=']))
}

fn message_at(text: &[u8]) -> Option<usize> {
    if text.starts_with(b"M=") {
        return Some(0);
    }
    text.windows(3).position(|three| three == b" M=").map(|at| at + 1)
}

fn message(text: &[u8]) -> Vec<u8> {
    let plain = || field(text, b'E').is_none() && field(text, b'S').is_none();
    let message = match message_at(text) {
        Some(at) => text.get(at + 2..).unwrap_or_default(),
        None if plain() => text,
        None => &[],
    };
    message.iter().take(TEXT_OCTETS_MAX).copied().collect()
}

fn hex(octets: &[u8], out: &mut Vec<u8>) {
    for octet in octets {
        for nibble in [octet >> 4, octet & 15] {
            out.push(if nibble < 10 { b'0' + nibble } else { b'A' + nibble - 10 });
        }
    }
}

fn unhex(text: &[u8]) -> Option<[u8; 16]> {
    let digit = |octet: u8| char::from(octet).to_digit(16).and_then(|n| u8::try_from(n).ok());
    let (pairs, []) = text.as_chunks::<2>() else { return None };
    let mut octets = [0; 16];
    if pairs.len() != octets.len() {
        return None;
    }
    for (octet, [high, low]) in octets.iter_mut().zip(pairs) {
        *octet = digit(*high)? << 4 | digit(*low)?;
    }
    Some(octets)
}

/// Octets of a response's value.
pub const VALUE_OCTETS: usize = 49;

/// Octets of a challenge.
pub const CHALLENGE_OCTETS: usize = 16;

/// The constants of RFC 2759 section 8.7.
const SIGNING: &[u8] = b"Magic server to client signing constant";
const ITERATION: &[u8] = b"Pad to make it do more than one iteration";

#[cfg(test)]
mod tests;
