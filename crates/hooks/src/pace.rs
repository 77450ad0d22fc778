//! How long to wait before asking again: twice as long each time, up to a bound, and never in step
//! with others.

use std::time::Duration;

/// After so many failures in a row. `chance` is any number; it takes up to half of the wait away.
pub(crate) fn wait(failures: u32, chance: u32) -> Duration {
    let doubled = FIRST_MS.saturating_mul(1 << failures.saturating_sub(1).min(20));
    let whole = doubled.min(LONGEST_MS);
    let less = whole / 2 * u64::from(chance % 1000) / 1000;
    Duration::from_millis(whole - less)
}

const FIRST_MS: u64 = 1000;
const LONGEST_MS: u64 = 300_000;

#[cfg(test)]
mod tests;
