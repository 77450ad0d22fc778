//! Opens records with keys derived from a connection's secrets: TLS 1.3 (RFC 8446 §5.2), GCM
//! (RFC 5288), ChaCha20-Poly1305 (RFC 7905) and AES-CBC with HMAC (RFC 5246 §6.2.3.2, RFC 7366).
//!
//! A record opens only when its check value is right; a failure leaves the numbering as it was. CCM
//! and everything older than AES stay closed: the library has them not.

use alloc::vec::Vec;

use aws_lc_rs::aead::{self, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::{AES_128, AES_256, DecryptingKey, DecryptionContext, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;

use super::message::Side;
use super::registry::{Cipher, Hash, Mac, SuiteShape};
use super::schedule::{Prf, expand_label, hash_bytes, hmac_sha1, mac};

/// The keys of one side at one time.
#[derive(Debug)]
pub(super) struct Opener {
    way: Way,
    /// The number of the next record.
    sequence: u64,
}

/// What was in a record.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) kind: u8,
    pub(super) content: Vec<u8>,
}

#[derive(Debug)]
enum Way {
    /// The true content type is inside.
    Tls13 {
        key: LessSafeKey,
        iv: [u8; 12],
    },
    /// Four bytes of the nonce are secret, eight stand in the record.
    Gcm {
        key: LessSafeKey,
        salt: [u8; 4],
    },
    ChaCha {
        key: LessSafeKey,
        iv: [u8; 12],
    },
    Cbc(Cbc),
}

#[derive(Debug)]
struct Cbc {
    key: Vec<u8>,
    mac: Mac,
    mac_key: Vec<u8>,
    /// TLS 1.0: the last block of the record before; later versions send one with each record.
    chained: Option<[u8; 16]>,
    encrypt_then_mac: bool,
}

/// What the keys of TLS 1.0 to 1.2 are made of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expansion<'a> {
    pub(super) version: u16,
    pub(super) prf: Prf,
    pub(super) shape: SuiteShape,
    pub(super) master: &'a [u8],
    pub(super) client_random: &'a [u8],
    pub(super) server_random: &'a [u8],
    pub(super) encrypt_then_mac: bool,
}

impl Opener {
    /// From a traffic secret of TLS 1.3; None when the cipher cannot be opened, or the secret has
    /// the wrong length.
    pub(super) fn tls13(cipher: Cipher, hash: Hash, secret: &[u8]) -> Option<Self> {
        if secret.len() != hash_bytes(hash) {
            return None;
        }
        let algorithm = aead_algorithm(cipher)?;
        let key = expand_label(hash, secret, "key", algorithm.key_len());
        let iv = <[u8; 12]>::try_from(expand_label(hash, secret, "iv", 12)).ok()?;
        let key = LessSafeKey::new(UnboundKey::new(algorithm, &key).ok()?);
        Some(Self { way: Way::Tls13 { key, iv }, sequence: 0 })
    }

    /// From the master secret of an older version.
    pub(super) fn expanded(side: Side, from: &Expansion<'_>) -> Option<Self> {
        let (mac_bytes, key_bytes, iv_bytes) = match from.shape.cipher {
            Cipher::Aes128Gcm => (0, 16, 4),
            Cipher::Aes256Gcm => (0, 32, 4),
            Cipher::ChaCha20Poly1305 => (0, 32, 12),
            Cipher::AesCbc { key_bytes, mac } => (mac_len(mac), key_bytes, 16),
            Cipher::Other => return None,
        };
        let seed = [from.server_random, from.client_random].concat();
        let total = 2 * (mac_bytes + key_bytes + iv_bytes);
        let block = from.prf.derive(from.master, "key expansion", &seed, total);
        let part = |start: usize, count: usize| {
            let start = if side == Side::Client { start } else { start + count };
            block.get(start..start + count)
        };
        let mac_key = part(0, mac_bytes)?;
        let key = part(2 * mac_bytes, key_bytes)?;
        let iv = part(2 * (mac_bytes + key_bytes), iv_bytes)?;
        let way = match from.shape.cipher {
            Cipher::Aes128Gcm | Cipher::Aes256Gcm => {
                let key = UnboundKey::new(aead_algorithm(from.shape.cipher)?, key).ok()?;
                Way::Gcm { key: LessSafeKey::new(key), salt: iv.try_into().ok()? }
            }
            Cipher::ChaCha20Poly1305 => {
                let key = UnboundKey::new(&aead::CHACHA20_POLY1305, key).ok()?;
                Way::ChaCha { key: LessSafeKey::new(key), iv: iv.try_into().ok()? }
            }
            Cipher::AesCbc { mac, .. } => Way::Cbc(Cbc {
                key: key.to_vec(),
                mac,
                mac_key: mac_key.to_vec(),
                chained: if from.version <= 0x0301 { iv.try_into().ok() } else { None },
                encrypt_then_mac: from.encrypt_then_mac,
            }),
            Cipher::Other => return None,
        };
        Some(Self { way, sequence: 0 })
    }

    /// Opens the next record; None when it is not under these keys.
    pub(super) fn open(&mut self, header: [u8; 5], body: &[u8]) -> Option<Opened> {
        let [kind, major, minor, ..] = header;
        let sequence = self.sequence.to_be_bytes();
        let opened = match &mut self.way {
            Way::Tls13 { key, iv } => {
                let content = open(key, xor(*iv, sequence), &header, body)?;
                unwrap13(content)
            }
            Way::Gcm { key, salt } => {
                let (explicit, sealed) = body.split_at_checked(8)?;
                let mut nonce = [0; 12];
                for (place, byte) in nonce.iter_mut().zip(salt.iter().chain(explicit)) {
                    *place = *byte;
                }
                let aad = aad(sequence, kind, [major, minor], sealed.len().checked_sub(16)?)?;
                Some(Opened { kind, content: open(key, nonce, &aad, sealed)? })
            }
            Way::ChaCha { key, iv } => {
                let aad = aad(sequence, kind, [major, minor], body.len().checked_sub(16)?)?;
                Some(Opened { kind, content: open(key, xor(*iv, sequence), &aad, body)? })
            }
            Way::Cbc(cbc) => {
                let content = cbc.open(sequence, kind, [major, minor], body)?;
                cbc.chain(body);
                Some(Opened { kind, content })
            }
        }?;
        self.sequence += 1;
        Some(opened)
    }

    /// Passes over a record without looking inside.
    pub(super) fn skip(&mut self, body: &[u8]) {
        self.sequence += 1;
        if let Way::Cbc(cbc) = &mut self.way {
            cbc.chain(body);
        }
    }
}

impl Cbc {
    fn open(&self, sequence: [u8; 8], kind: u8, version: [u8; 2], body: &[u8]) -> Option<Vec<u8>> {
        let mac_bytes = mac_len(self.mac);
        if self.encrypt_then_mac {
            let (sealed, found) = body.split_at_checked(body.len().checked_sub(mac_bytes)?)?;
            self.verify(sequence, kind, version, sealed, found)?;
            return self.decrypt(sealed);
        }
        let plain = self.decrypt(body)?;
        let (content, found) = plain.split_at_checked(plain.len().checked_sub(mac_bytes)?)?;
        self.verify(sequence, kind, version, content, found)?;
        Some(content.to_vec())
    }

    /// Decrypts and takes the padding off.
    fn decrypt(&self, body: &[u8]) -> Option<Vec<u8>> {
        let (iv, sealed) = match self.chained {
            Some(iv) => (iv, body),
            None => {
                let (iv, sealed) = body.split_at_checked(16)?;
                (iv.try_into().ok()?, sealed)
            }
        };
        if sealed.is_empty() || !sealed.len().is_multiple_of(16) {
            return None;
        }
        let algorithm = if self.key.len() == 16 { &AES_128 } else { &AES_256 };
        let key = DecryptingKey::cbc(UnboundCipherKey::new(algorithm, &self.key).ok()?).ok()?;
        let mut buffer = sealed.to_vec();
        key.decrypt(&mut buffer, DecryptionContext::Iv128(FixedLength::from(iv))).ok()?;
        let padding = *buffer.last()?;
        let content = buffer.len().checked_sub(usize::from(padding) + 1)?;
        if buffer.get(content..)?.iter().any(|byte| *byte != padding) {
            return None;
        }
        buffer.truncate(content);
        Some(buffer)
    }

    fn verify(
        &self,
        sequence: [u8; 8],
        kind: u8,
        version: [u8; 2],
        content: &[u8],
        found: &[u8],
    ) -> Option<()> {
        let mut input = aad(sequence, kind, version, content.len())?.to_vec();
        input.extend_from_slice(content);
        let right = match self.mac {
            Mac::Sha1 => hmac_sha1(&self.mac_key, &input),
            Mac::Sha256 => mac(Hash::Sha256, &self.mac_key, &input),
            Mac::Sha384 => mac(Hash::Sha384, &self.mac_key, &input),
        };
        (right == found).then_some(())
    }

    /// TLS 1.0 goes on with the last block of ciphertext.
    fn chain(&mut self, body: &[u8]) {
        let end = if self.encrypt_then_mac { mac_len(self.mac) } else { 0 };
        let sealed = body.get(..body.len().saturating_sub(end)).unwrap_or(&[]);
        if let (Some(_), Some(last)) = (self.chained, sealed.last_chunk::<16>()) {
            self.chained = Some(*last);
        }
    }
}

fn aead_algorithm(cipher: Cipher) -> Option<&'static aead::Algorithm> {
    match cipher {
        Cipher::Aes128Gcm => Some(&aead::AES_128_GCM),
        Cipher::Aes256Gcm => Some(&aead::AES_256_GCM),
        Cipher::ChaCha20Poly1305 => Some(&aead::CHACHA20_POLY1305),
        Cipher::AesCbc { .. } | Cipher::Other => None,
    }
}

const fn mac_len(mac: Mac) -> usize {
    match mac {
        Mac::Sha1 => 20,
        Mac::Sha256 => 32,
        Mac::Sha384 => 48,
    }
}

fn open(key: &LessSafeKey, nonce: [u8; 12], aad: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
    let nonce = Nonce::assume_unique_for_key(nonce);
    let mut buffer = sealed.to_vec();
    let count = key.open_in_place(nonce, Aad::from(aad), &mut buffer).ok()?.len();
    buffer.truncate(count);
    Some(buffer)
}

/// The record number, xored into the last eight bytes (RFC 8446 §5.3).
fn xor(mut iv: [u8; 12], sequence: [u8; 8]) -> [u8; 12] {
    for (place, byte) in iv.iter_mut().skip(4).zip(sequence) {
        *place ^= byte;
    }
    iv
}

/// What TLS 1.2 authenticates beside the content.
fn aad(sequence: [u8; 8], kind: u8, version: [u8; 2], count: usize) -> Option<[u8; 13]> {
    let count = u16::try_from(count).ok()?.to_be_bytes();
    let mut aad = [0; 13];
    let bytes = sequence.into_iter().chain([kind]).chain(version).chain(count);
    for (place, byte) in aad.iter_mut().zip(bytes) {
        *place = byte;
    }
    Some(aad)
}

/// Takes the padding off: the last byte that is not zero is the true type (RFC 8446 §5.4).
fn unwrap13(mut content: Vec<u8>) -> Option<Opened> {
    let end = content.iter().rposition(|byte| *byte != 0)?;
    let kind = content.get(end).copied()?;
    content.truncate(end);
    Some(Opened { kind, content })
}
