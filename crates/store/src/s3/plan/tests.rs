//! Sizes of parts.

use proptest::prelude::proptest;

use super::{LENGTH_MAX, PART_BYTES_MAX, part_bytes};

#[test]
fn small_lengths_have_small_parts() {
    assert_eq!(part_bytes(8 << 20, Some(64 << 20), 1), 8 << 20);
    assert_eq!(part_bytes(1, Some(1), 1), 5 << 20);
    assert_eq!(part_bytes(8 << 20, None, 1), 8 << 20);
    assert_eq!(part_bytes(8 << 20, None, 9_999), 64 << 20);
}

proptest! {
    #[test]
    fn what_may_be_announced_fits(length in 0..=LENGTH_MAX) {
        let (mut left, mut next) = (length, 1);
        while left > 0 {
            let part = part_bytes(8 << 20, Some(left), next);
            assert!(next <= 10_000 && part <= PART_BYTES_MAX);
            left = left.saturating_sub(part);
            next += 1;
        }
    }
}
