//! The last measured times, for p50, p99 and the greatest.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// The last [`KEPT`] times, in nanoseconds, and the greatest of all.
#[derive(Clone, Debug, Default)]
pub struct Lag {
    times: VecDeque<u64>,
    greatest: u64,
    count: u64,
}

impl Lag {
    /// One more.
    pub fn add(&mut self, nanoseconds: u64) {
        if self.times.len() >= KEPT {
            self.times.pop_front();
        }
        self.times.push_back(nanoseconds);
        self.greatest = self.greatest.max(nanoseconds);
        self.count += 1;
    }

    /// The time that `permille` of 1,000 of the kept ones do not exceed; 0 without any.
    #[must_use]
    pub fn quantile(&self, permille: usize) -> u64 {
        let mut times: Vec<u64> = self.times.iter().copied().collect();
        times.sort_unstable();
        let at = (times.len() * permille.min(1000)).div_ceil(1000).saturating_sub(1);
        times.get(at).copied().unwrap_or(0)
    }

    /// The greatest of all.
    #[must_use]
    pub fn greatest(&self) -> u64 {
        self.greatest
    }

    /// How many there were.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }
}

/// Times that are kept.
const KEPT: usize = 8_192;
