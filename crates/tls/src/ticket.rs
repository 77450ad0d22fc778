//! Session tickets every worker can open (RFC 5077, RFC 8446 §4.6.1).
//!
//! All workers of a door derive the same keys from one root and the clock, or a client that lands
//! on another worker could not resume. A key serves one epoch of six hours and is accepted during
//! the next one. Sealing is AES-256-GCM with a random 96-bit nonce: workers share a key but no
//! counter, and 2^32 tickets per epoch (200,000 a second) remain within its safe use.
//! A ticket is the attacker's to write: any bytes give `None`, never a panic.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::{hkdf, rand};
use rustls::server::ProducesTickets;

/// Seals and opens tickets with keys of the current and the previous epoch.
pub struct Ticketer {
    root: hkdf::Prk,
    clock: fn() -> u64,
    /// Derived keys, newest first; a worker has one thread, so the lock is never waited for.
    keys: Mutex<[Option<EpochKey>; 2]>,
}

impl Ticketer {
    /// Tickets under keys derived from `root`, which should be random and new at every start of
    /// the guard. `clock` gives Unix seconds, see [`unix_seconds`].
    #[must_use]
    pub fn new(root: &[u8; 32], clock: fn() -> u64) -> Self {
        let root = hkdf::Salt::new(hkdf::HKDF_SHA256, SALT).extract(root);
        Self { root, clock, keys: Mutex::new([None, None]) }
    }

    /// The key of `epoch`, derived once; `None` if it is neither current nor the one before.
    fn key(&self, epoch: u64, current: u64) -> Option<Arc<LessSafeKey>> {
        if epoch != current && Some(epoch) != current.checked_sub(1) {
            return None;
        }
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = keys.iter().flatten().find(|known| known.epoch == epoch) {
            return Some(Arc::clone(&known.key));
        }
        let key = Arc::new(self.derive(epoch)?);
        // The oldest goes: at most two epochs are ever asked for, and a passed one never again.
        let oldest = keys.iter_mut().min_by_key(|slot| slot.as_ref().map(|known| known.epoch))?;
        *oldest = Some(EpochKey { epoch, key: Arc::clone(&key) });
        Some(key)
    }

    fn derive(&self, epoch: u64) -> Option<LessSafeKey> {
        let info = [epoch.to_be_bytes()];
        let info = [info[0].as_slice()];
        let okm = self.root.expand(&info, &AES_256_GCM).ok()?;
        Some(LessSafeKey::new(UnboundKey::from(okm)))
    }

    fn epoch(&self) -> u64 {
        (self.clock)() / EPOCH_SECONDS
    }
}

impl ProducesTickets for Ticketer {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        LIFETIME_SECONDS
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        if plain.len() > PLAIN_BYTES_MAX {
            return None;
        }
        let epoch = self.epoch();
        let key = self.key(epoch, epoch)?;
        let name = epoch.to_be_bytes();
        let mut nonce = [0; NONCE_LEN];
        rand::fill(&mut nonce).ok()?;

        let mut ticket = Vec::with_capacity(HEAD_BYTES + plain.len() + TAG_BYTES);
        ticket.extend_from_slice(&name);
        ticket.extend_from_slice(&nonce);
        ticket.extend_from_slice(plain);
        let sealed = ticket.get_mut(HEAD_BYTES..)?;
        let nonce = Nonce::assume_unique_for_key(nonce);
        let tag = key.seal_in_place_separate_tag(nonce, Aad::from(name), sealed).ok()?;
        ticket.extend_from_slice(tag.as_ref());
        Some(ticket)
    }

    fn decrypt(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        if ticket.len() > HEAD_BYTES + PLAIN_BYTES_MAX + TAG_BYTES {
            return None;
        }
        let (name, rest) = ticket.split_first_chunk::<NAME_BYTES>()?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE_LEN>()?;
        let key = self.key(u64::from_be_bytes(*name), self.epoch())?;
        let mut opened = sealed.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let length = key.open_in_place(nonce, Aad::from(*name), &mut opened).ok()?.len();
        opened.truncate(length);
        Some(opened)
    }
}

impl fmt::Debug for Ticketer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ticketer(…)")
    }
}

/// Unix seconds of the system clock; 0 before 1970.
#[must_use]
pub fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

struct EpochKey {
    epoch: u64,
    key: Arc<LessSafeKey>,
}

/// How long one key seals.
const EPOCH_SECONDS: u64 = 6 * 3600;

/// What clients are told; a ticket really opens for this long at least, for twice that at most.
const LIFETIME_SECONDS: u32 = 6 * 3600;

/// Far above what rustls puts into a session: secret, suite, server name, ALPN.
const PLAIN_BYTES_MAX: usize = 4096;

const NAME_BYTES: usize = 8;
const HEAD_BYTES: usize = NAME_BYTES + NONCE_LEN;
const TAG_BYTES: usize = 16;
const SALT: &[u8] = b"menshen session tickets v1";

#[cfg(test)]
mod tests;
