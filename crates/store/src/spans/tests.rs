//! Tests of spans, against a list of bytes.

use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn spans_are_the_bytes_put_in(
        puts in proptest::collection::vec((0_u64..60, 0_u64..12), 0..20),
    ) {
        let (mut spans, mut there) = (Spans::new(), [false; 80]);
        for (start, length) in puts {
            prop_assert!(spans.insert(start, start + length));
            for at in start..start + length {
                there[usize::try_from(at).unwrap()] = true;
            }
        }
        for at in 0..79_u64 {
            let is = there[usize::try_from(at).unwrap()];
            prop_assert_eq!(spans.overlaps(at, at + 1), is);
            prop_assert_eq!(spans.covers(at, at + 1), is);
        }
        let prefix = there.iter().take_while(|is| **is).count() as u64;
        prop_assert_eq!(spans.prefix(), prefix);
        let end = there.iter().rposition(|is| *is).map_or(0, |at| at as u64 + 1);
        prop_assert_eq!(spans.end(), end);
        let list: Vec<(u64, u64)> = spans.clone().into();
        prop_assert_eq!(Spans::try_from(list), Ok(spans), "in order, none touching");
    }
}

#[test]
fn holes_are_bounded() {
    let mut spans = Spans::new();
    for at in 0..SPANS_MAX as u64 {
        assert!(spans.insert(2 * at, 2 * at + 1));
    }
    let before = spans.clone();
    assert!(!spans.insert(5000, 5001));
    assert_eq!(spans, before);
    assert!(spans.insert(1, 2), "one that fills a hole");
}
