//! Sets of bytes; the comparison with a plain list of bytes is a property in `fuzz`.

use super::*;

const fn span(start: u64, end: u64) -> Span {
    Span { start, end }
}

#[test]
fn segments_in_any_order_become_the_whole() {
    let mut ranges = Ranges::new();
    for piece in [span(20, 30), span(0, 10), span(30, 40)] {
        assert_eq!(ranges.insert(piece), Ok(()));
    }
    assert_eq!(ranges.spans(), [span(0, 10), span(20, 40)]);
    assert_eq!((ranges.prefix(), ranges.bytes()), (10, 30));
    assert!(!ranges.covers(40));
    assert_eq!(ranges.holes(50).collect::<Vec<_>>(), [span(10, 20), span(40, 50)]);
    assert_eq!(ranges.insert(span(10, 20)), Ok(()));
    assert_eq!(ranges.spans(), [span(0, 40)]);
    assert!(ranges.covers(40) && !ranges.covers(41));
    assert_eq!(ranges.holes(40).count(), 0);
}

/// upload-protocol.md §2.1: not two at once over the same bytes.
#[test]
fn overlaps_are_refused_and_change_nothing() {
    let mut ranges = Ranges::of_spans([span(10, 20)]).unwrap();
    for piece in [span(10, 20), span(0, 11), span(19, 30), span(12, 13), span(0, 99)] {
        assert_eq!(ranges.insert(piece), Err(RangesError::Overlap), "{piece:?}");
    }
    for piece in [span(5, 5), span(9, 3), span(15, 12)] {
        assert_eq!(ranges.insert(piece), Err(RangesError::Empty), "{piece:?}");
        assert!(!ranges.overlaps(piece));
    }
    assert_eq!(ranges.spans(), [span(10, 20)]);
    assert_eq!((ranges.insert(span(20, 21)), ranges.insert(span(9, 10))), (Ok(()), Ok(())));
}

/// upload-protocol.md §2.1: a segment comes again until its answer is seen.
#[test]
fn a_segment_sent_again_adds_only_what_is_missing() {
    let mut ranges = Ranges::of_spans([span(0, 10), span(20, 30)]).unwrap();
    let again = span(5, 25);
    assert_eq!(ranges.missing(again).collect::<Vec<_>>(), [span(10, 20)]);
    assert_eq!(ranges.missing(span(2, 9)).count(), 0);
    assert_eq!(ranges.missing(span(9, 2)).count(), 0);
    assert_eq!(ranges.merge(again), Ok(()));
    assert_eq!(ranges.spans(), [span(0, 30)]);
}

#[test]
fn the_list_is_bounded() {
    let mut ranges = Ranges::new();
    for index in 0..RANGES_MAX as u64 {
        assert_eq!(ranges.insert(span(index * 2 + 1, index * 2 + 2)), Ok(()));
    }
    let full = ranges.clone();
    assert_eq!(ranges.insert(span(100_000, 100_001)), Err(RangesError::TooMany));
    assert_eq!(ranges, full);
    assert_eq!(ranges.insert(span(2, 3)), Ok(()), "a hole can still be filled");
    assert_eq!(ranges.spans().len(), RANGES_MAX - 1);
    let longest = Ranges::of_spans([span(u64::MAX - 1, u64::MAX)]).unwrap();
    assert!(longest.field(u64::MAX).len() * RANGES_MAX < 64 * 1024);
}

#[test]
fn removing_splits() {
    let mut ranges = Ranges::of_spans([span(0, 30)]).unwrap();
    assert_eq!(ranges.remove(span(10, 20)), Ok(()));
    assert_eq!(ranges.spans(), [span(0, 10), span(20, 30)]);
    assert_eq!(ranges.remove(span(0, 99)), Ok(()));
    assert_eq!(ranges, Ranges::new());
}

/// Appendix A, example 2.
#[test]
fn the_field_has_first_and_last_bytes() {
    assert_eq!(Ranges::of_spans([span(0, 51201)]).unwrap().field(511_920), b"0-51200/511920");
    let two = Ranges::of_spans([span(8, 9), span(0, 4)]).unwrap();
    assert_eq!(two.field(20), b"0-3/20,8-8/20");
    assert_eq!(Ranges::new().field(20), b"");
}
