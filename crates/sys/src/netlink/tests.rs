//! Any bytes, messages in parts, refusals.
use proptest::prelude::*;

use super::*;

fn kinds(datagram: &[u8], sequence: u32) -> (Vec<u16>, Result<Progress, NetlinkError>) {
    let mut kinds = Vec::new();
    let progress = read(datagram, sequence, &mut |kind, _| {
        kinds.push(kind);
        Ok(())
    });
    (kinds, progress)
}

#[test]
fn messages_of_others_are_passed_over_and_the_end_is_seen() {
    let mut bytes = message(20, 2, 7, b"abcde");
    // The length is not rounded up, the next message is.
    bytes.extend([0; 3]);
    bytes.extend(message(20, 2, 6, b""));
    bytes.extend(message(20, 2 | FLAG_DUMP_INTERRUPTED, 7, b""));
    bytes.extend(message(KIND_DONE, 2, 7, &0_i32.to_ne_bytes()));
    let (kinds, progress) = kinds(&bytes, 7);
    assert_eq!(kinds, [20, 20]);
    assert_eq!(progress.unwrap(), Progress { done: true, interrupted: true });
}

#[test]
fn refusals_and_cut_parts_are_told_apart() {
    let refused = message(KIND_ERROR, 0, 7, &(-2_i32).to_ne_bytes());
    match kinds(&refused, 7).1 {
        Err(NetlinkError::Refused(error)) => assert_eq!(error.raw_os_error(), Some(2)),
        other => panic!("{other:?}"),
    }
    let whole = message(20, 0, 7, b"abcd");
    for cut in 1..whole.len() {
        assert!(matches!(kinds(&whole[..cut], 7).1, Err(NetlinkError::Malformed)), "{cut}");
    }
}

#[test]
fn attributes_end_at_nonsense() {
    let mut bytes = vec![5, 0, 11, 0, 1, 0, 0, 0];
    bytes.extend([4, 0, 9, 0x80]);
    bytes.extend([2, 0, 9, 0]);
    bytes.extend([4, 0, 10, 0]);
    let found: Vec<_> = attributes(&bytes).collect();
    if cfg!(target_endian = "little") {
        assert_eq!(found, [(11, &[1_u8][..]), (9, &[][..])]);
    }
}

proptest! {
    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..400), sequence in 0_u32..3) {
        let _ = kinds(&bytes, sequence);
        prop_assert!(attributes(&bytes).count() <= bytes.len());
    }
}
