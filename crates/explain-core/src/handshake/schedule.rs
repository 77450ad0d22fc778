//! Keys from secrets: HKDF-Expand-Label (RFC 8446 §7.1) and the PRFs of TLS 1.0 to 1.2
//! (RFC 2246 §5, RFC 5246 §5), with the hashes over the handshake.
//!
//! Nothing here can fail; secrets come and go as bytes and are never shown.

use alloc::vec::Vec;

use aws_lc_rs::{digest, hmac};
use md5::{Digest as _, Md5};

use super::registry::Hash;

/// The hash of some bytes.
pub(super) fn hash(hash: Hash, bytes: &[u8]) -> Vec<u8> {
    let algorithm = match hash {
        Hash::Sha256 => &digest::SHA256,
        Hash::Sha384 => &digest::SHA384,
    };
    digest::digest(algorithm, bytes).as_ref().to_vec()
}

/// Bytes of a hash.
pub(super) const fn hash_bytes(hash: Hash) -> usize {
    match hash {
        Hash::Sha256 => 32,
        Hash::Sha384 => 48,
    }
}

/// HMAC with the hash of a suite.
pub(super) fn mac(hash: Hash, key: &[u8], bytes: &[u8]) -> Vec<u8> {
    hmac_of(hmac_algorithm(hash), key, bytes)
}

/// HKDF-Expand-Label for at most one block of output; longer wishes get one block.
pub(super) fn expand_label(hash: Hash, secret: &[u8], label: &str, count: usize) -> Vec<u8> {
    let count = count.min(hash_bytes(hash));
    let mut info = Vec::new();
    info.extend_from_slice(&u16::try_from(count).unwrap_or(0).to_be_bytes());
    info.push(u8::try_from(6 + label.len()).unwrap_or(u8::MAX));
    info.extend_from_slice(b"tls13 ");
    info.extend_from_slice(label.as_bytes());
    // The empty context, then the number of the block.
    info.extend_from_slice(&[0, 1]);
    let mut out = mac(hash, secret, &info);
    out.truncate(count);
    out
}

/// Which PRF a connection of TLS 1.0 to 1.2 has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Prf {
    /// TLS 1.0 and 1.1: MD5 and SHA-1 together.
    Md5Sha1,
    /// TLS 1.2: the hash of the suite, at least SHA-256.
    Suite(Hash),
}

impl Prf {
    /// PRF(secret, label, seed), `count` bytes.
    pub(super) fn derive(self, secret: &[u8], label: &str, seed: &[u8], count: usize) -> Vec<u8> {
        let seed = [label.as_bytes(), seed].concat();
        match self {
            Self::Suite(hash) => p_hash(&|key, bytes| mac(hash, key, bytes), secret, &seed, count),
            Self::Md5Sha1 => {
                // Both halves share the middle byte when the length is odd (RFC 2246 §5).
                let half = secret.len().div_ceil(2);
                let left = secret.get(..half).unwrap_or(secret);
                let right = secret.get(secret.len() - half..).unwrap_or(secret);
                let md5 = p_hash(&hmac_md5, left, &seed, count);
                let sha1 = p_hash(&hmac_sha1, right, &seed, count);
                md5.iter().zip(&sha1).map(|(left, right)| left ^ right).collect()
            }
        }
    }

    /// The hash over the handshake messages that Finished is made of.
    pub(super) fn digest(self, messages: &[u8]) -> Vec<u8> {
        match self {
            Self::Suite(suite) => hash(suite, messages),
            Self::Md5Sha1 => {
                let mut both = Md5::digest(messages).to_vec();
                let sha1 = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, messages);
                both.extend_from_slice(sha1.as_ref());
                both
            }
        }
    }
}

/// HMAC with SHA-1, for records of old suites too.
pub(super) fn hmac_sha1(key: &[u8], bytes: &[u8]) -> Vec<u8> {
    hmac_of(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key, bytes)
}

const fn hmac_algorithm(hash: Hash) -> hmac::Algorithm {
    match hash {
        Hash::Sha256 => hmac::HMAC_SHA256,
        Hash::Sha384 => hmac::HMAC_SHA384,
    }
}

fn hmac_of(algorithm: hmac::Algorithm, key: &[u8], bytes: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(algorithm, key), bytes).as_ref().to_vec()
}

/// RFC 2104 with MD5, which the other library does not have.
fn hmac_md5(key: &[u8], bytes: &[u8]) -> Vec<u8> {
    let mut block = [0_u8; 64];
    let short = if key.len() > block.len() { Md5::digest(key).to_vec() } else { key.to_vec() };
    for (place, byte) in block.iter_mut().zip(&short) {
        *place = *byte;
    }
    let inner = Md5::new().chain_update(block.map(|byte| byte ^ 0x36)).chain_update(bytes);
    let outer = Md5::new().chain_update(block.map(|byte| byte ^ 0x5c));
    outer.chain_update(inner.finalize()).finalize().to_vec()
}

/// An HMAC: key and bytes.
type Keyed<'a> = dyn Fn(&[u8], &[u8]) -> Vec<u8> + 'a;

/// `P_hash` of RFC 5246 §5.
fn p_hash(mac: &Keyed<'_>, secret: &[u8], seed: &[u8], count: usize) -> Vec<u8> {
    let mut out = Vec::new();
    let mut a = mac(secret, seed);
    while out.len() < count {
        out.extend(mac(secret, &[a.as_slice(), seed].concat()));
        a = mac(secret, &a);
    }
    out.truncate(count);
    out
}
