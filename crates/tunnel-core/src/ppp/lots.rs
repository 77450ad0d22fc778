//! Numbers no peer can guess, from 32 octets that the caller drew.
//!
//! SHA-256 over the drawn octets, a label and a count: none of what comes out tells of the rest.
//! It must never be given fewer than 32 octets, and never shown.

use core::fmt;

use sha2::{Digest, Sha256};

use super::Dice;

/// A source of numbers for one session.
pub(crate) struct Lots {
    seed: [u8; 32],
    drawn: u64,
}

impl Lots {
    /// Asks the dice once.
    pub(crate) fn new(dice: &mut Dice<'_>) -> Self {
        let mut seed = [0; 32];
        dice(&mut seed);
        Self { seed, drawn: 0 }
    }

    /// Another source, independent of this one.
    pub(crate) fn fork(&mut self) -> Self {
        Self { seed: self.block(), drawn: 0 }
    }

    /// The next octets.
    pub(crate) fn octets<const N: usize>(&mut self) -> [u8; N] {
        let mut out = [0; N];
        for chunk in out.chunks_mut(32) {
            let block = self.block();
            for (octet, drawn) in chunk.iter_mut().zip(block) {
                *octet = drawn;
            }
        }
        out
    }

    /// A number that is not 0.
    pub(crate) fn magic(&mut self) -> u32 {
        u32::from_be_bytes(self.octets()).max(1)
    }

    fn block(&mut self) -> [u8; 32] {
        self.drawn = self.drawn.wrapping_add(1);
        let mut hash = Sha256::new();
        hash.update(self.seed);
        hash.update(self.drawn.to_be_bytes());
        hash.finalize().into()
    }
}

impl fmt::Debug for Lots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lots(..)")
    }
}
