//! Tests of `tape`.

use std::io::IoSlice;

use super::{ROOM_BYTES, STRETCHES_MAX, Side, TAPES_MAX, Tape};

fn kept(tape: &Tape) -> Vec<(Side, Vec<u8>)> {
    tape.stretches().map(|stretch| (stretch.side, stretch.bytes.to_vec())).collect()
}

fn sent(tape: &mut Tape, pieces: &[&[u8]], taken: usize) {
    let pieces: Vec<IoSlice<'_>> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
    tape.sent(&pieces, taken);
}

#[test]
fn both_sides_are_kept_in_order() {
    let mut tape = Tape::begin();
    assert!(!tape.has_received() && kept(&tape).is_empty());
    tape.received(b"");
    assert!(!tape.has_received());
    tape.received(b"hello");
    sent(&mut tape, &[b"a", b"", b"bc"], 2);
    tape.received(b"x");
    tape.received(b"y");
    assert!(tape.has_received() && !tape.is_cut());
    let all = [
        (Side::Peer, b"hello".to_vec()),
        (Side::Own, b"ab".to_vec()),
        (Side::Peer, b"x".to_vec()),
        (Side::Peer, b"y".to_vec()),
    ];
    assert_eq!(kept(&tape), all);
    let times: Vec<u64> = tape.stretches().map(|stretch| stretch.at_us).collect();
    assert!(times.is_sorted() && times[3] <= tape.elapsed_us());
}

#[test]
fn what_is_too_much_is_cut_and_said() {
    let mut tape = Tape::begin();
    tape.received(&[1; ROOM_BYTES - 2]);
    sent(&mut tape, &[&[2; 3]], 3);
    tape.received(b"gone");
    assert!(tape.is_cut());
    assert_eq!(kept(&tape), [(Side::Peer, vec![1; ROOM_BYTES - 2]), (Side::Own, vec![2; 2]),]);

    // Byte by byte costs no more marks than the limit.
    let mut tape = Tape::begin();
    for byte in 0..=255 {
        tape.received(&[byte]);
    }
    assert!(!tape.is_cut() && kept(&tape).len() < STRETCHES_MAX);
    let bytes: Vec<u8> = kept(&tape).into_iter().flat_map(|(_, bytes)| bytes).collect();
    assert_eq!(bytes, (0..=255).collect::<Vec<u8>>());
    for _ in 0..STRETCHES_MAX {
        sent(&mut tape, &[b"s"], 1);
        tape.received(b"r");
    }
    assert!(tape.is_cut() && kept(&tape).len() <= STRETCHES_MAX);
}

#[test]
fn room_is_bounded_and_comes_back_empty() {
    let mut tapes: Vec<Tape> = (0..=TAPES_MAX).map(|_| Tape::begin()).collect();
    for tape in &mut tapes {
        tape.received(b"hello");
    }
    let last = tapes.pop().unwrap();
    assert!(last.has_received() && last.is_cut() && kept(&last).is_empty());
    assert_eq!(kept(&tapes[TAPES_MAX - 1]).len(), 1);
    drop(tapes);
    let mut again = Tape::begin();
    again.received(b"x");
    assert_eq!(kept(&again), [(Side::Peer, b"x".to_vec())]);
}
