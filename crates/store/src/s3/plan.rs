//! How large parts are: as few bytes in memory as the length allows with 10,000 numbers.

use menshen_s3::{PART_BYTES_MIN, PART_NUMBER_MAX};

/// Bytes of the next part, `base` or more.
///
/// `left` are the bytes that are to come, if that is known; `next` is the number the part gets.
/// Numbers are lost with every claim, so a tenth of them is kept back.
#[must_use]
pub fn part_bytes(base: u64, left: Option<u64>, next: u16) -> u64 {
    let base = base.clamp(PART_BYTES_MIN, PART_BYTES_MAX);
    let wanted = match left {
        Some(left) => {
            let numbers = u64::from(PART_NUMBER_MAX.saturating_sub(next)) * 9 / 10;
            left.div_ceil(numbers.max(1))
        }
        // Unknown: doubled at every 1,500 numbers.
        None => base << (next / 1500).min(6),
    };
    wanted.next_multiple_of(1 << 20).clamp(base, PART_BYTES_MAX)
}

/// Most bytes of a part, and so of a writer's buffer; 10,000 of them are 625 GiB.
pub(crate) const PART_BYTES_MAX: u64 = 64 << 20;
/// Longest upload: what fits into nine tenths of the numbers.
pub const LENGTH_MAX: u64 = PART_BYTES_MAX * (PART_NUMBER_MAX as u64 - 100) * 9 / 10;

#[cfg(test)]
mod tests;
