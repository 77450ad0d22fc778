//! What is uploaded: bytes that a seed, a file's number and a place make, so that nothing has to
//! be kept to compare with. Every block of 64 KiB says whose it is and where it belongs, so that
//! blocks which changed places, or files, cannot look right.

use std::fmt::Write as _;

use aws_lc_rs::digest::{Context, SHA256};

/// The bytes of all files of one seed.
#[derive(Debug)]
pub struct Content {
    seed: u64,
    base: Vec<u8>,
}

impl Content {
    /// Of this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let words = (BASE_BYTES + BLOCK_BYTES) / 8;
        let base = (0..words).flat_map(|_| random.word().to_le_bytes()).collect();
        Self { seed, base }
    }

    /// The bytes of file `index` from `offset` on, as many as `out` has.
    pub fn fill(&self, index: usize, offset: u64, out: &mut [u8]) {
        let mut at = offset;
        let mut rest = out;
        while !rest.is_empty() {
            let (block, within) = (at / BLOCK_BYTES as u64, small(at % BLOCK_BYTES as u64));
            let step = rest.len().min(BLOCK_BYTES - within);
            let (now, later) = rest.split_at_mut(step);
            self.part(index, block, within, now);
            (at, rest) = (at + step as u64, later);
        }
    }

    /// Bytes of one block, from `within` it on.
    fn part(&self, index: usize, block: u64, within: usize, out: &mut [u8]) {
        let place = Random::new(self.seed ^ (index as u64) << 40 ^ block).word();
        let start = small(place % BASE_BYTES as u64) + within;
        out.copy_from_slice(&self.base[start..start + out.len()]);
        let stamp = [(index as u64).to_le_bytes(), block.to_le_bytes()].concat();
        for (octet, known) in out.iter_mut().zip(stamp.iter().skip(within)) {
            *octet = *known;
        }
    }

    /// SHA-256 of a whole file, in hex.
    #[must_use]
    pub fn sum(&self, index: usize, size: u64) -> String {
        let (mut sum, mut block) = (Sum::default(), vec![0; BLOCK_BYTES]);
        let mut at = 0;
        while at < size {
            let step = small((size - at).min(BLOCK_BYTES as u64));
            self.fill(index, at, &mut block[..step]);
            sum.add(&block[..step]);
            at += step as u64;
        }
        sum.hex()
    }
}

/// SHA-256 and length of bytes that come one after the other.
pub struct Sum {
    context: Context,
    /// Bytes so far.
    pub size: u64,
}

impl Default for Sum {
    fn default() -> Self {
        Self { context: Context::new(&SHA256), size: 0 }
    }
}

impl std::fmt::Debug for Sum {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sum").field("size", &self.size).finish_non_exhaustive()
    }
}

impl Sum {
    /// Takes the next bytes.
    pub fn add(&mut self, bytes: &[u8]) {
        self.context.update(bytes);
        self.size += bytes.len() as u64;
    }

    /// The sum so far, in hex.
    #[must_use]
    pub fn hex(&self) -> String {
        let digest = self.context.clone().finish();
        let mut text = String::new();
        for octet in digest.as_ref() {
            // Writing to a text cannot fail.
            let _ = write!(text, "{octet:02x}");
        }
        text
    }
}

/// Splitmix64: which way comes next need not be secret.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// Of this seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// One less than `end`, which is at least 1.
    pub fn below(&mut self, end: usize) -> usize {
        small(self.word() % (end.max(1) as u64))
    }
}

/// A number that is known to be small.
fn small(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

const BLOCK_BYTES: usize = 64 << 10;
const BASE_BYTES: usize = 4 << 20;

#[cfg(test)]
mod tests {
    //! Bytes are the same however they are asked for, and different everywhere.
    use super::*;

    #[test]
    fn pieces_are_those_of_the_whole_and_no_two_files_are_alike() {
        let content = Content::new(7);
        let mut whole = vec![0; 300_000];
        content.fill(3, 0, &mut whole);
        for (start, length) in [(0, 1), (3, 20), (65_530, 12), (65_536, 131_072), (299_999, 1)] {
            let mut piece = vec![0; length];
            content.fill(3, start as u64, &mut piece);
            assert_eq!(piece, whole[start..start + length], "{start}");
        }
        let mut other = vec![0; 300_000];
        content.fill(4, 0, &mut other);
        assert_ne!(other, whole);
        // Changed places show.
        assert_ne!(whole[..65_536], whole[65_536..131_072]);
        let mut sum = Sum::default();
        sum.add(&whole);
        assert_eq!(content.sum(3, 300_000), sum.hex());
        assert_eq!(Sum::default().hex()[..8], *"e3b0c442");
    }
}
