//! Losses, late packets, forged packets, peers that differ: keys are found again or stay.

use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::mppe::tests::{ends, opened, packet, sealed};
use crate::mppe::{Sender, Strength};

fn stateless() -> (Sender, Receiver) {
    ends(Strength::Bits128, Mode::Stateless)
}

fn stateful() -> (Sender, Receiver) {
    ends(Strength::Bits128, Mode::Stateful)
}

fn skip(sender: &mut Sender, packets: u32) {
    (0..packets).for_each(|_| drop(sealed(sender, 0)));
}

fn second(seconds: u64) -> Moment {
    Moment(Duration::from_secs(seconds))
}

#[test]
fn a_lost_packet_costs_nothing_but_itself() {
    for lost in [1, 2, 63, 64, 65, 1000, 2047] {
        let (mut sender, mut receiver) = stateless();
        skip(&mut sender, lost);
        assert_eq!(opened(&mut receiver, &sealed(&mut sender, 7)), Ok(7), "{lost} lost");
        assert_eq!(opened(&mut receiver, &sealed(&mut sender, 8)), Ok(8));
    }
}

#[test]
fn late_packets_and_copies_are_dropped_and_move_nothing() {
    let (mut sender, mut receiver) = stateless();
    let late = sealed(&mut sender, 1);
    let second = sealed(&mut sender, 2);
    assert_eq!(opened(&mut receiver, &second), Ok(2));
    assert_eq!(opened(&mut receiver, &late), Err(Dropped::Late));
    for _ in 0..500 {
        assert_eq!(opened(&mut receiver, &second), Err(Dropped::Late));
    }
    assert_eq!(receiver.dropped_run(), 501);
    assert_eq!(opened(&mut receiver, &sealed(&mut sender, 3)), Ok(3));
    assert_eq!(receiver.dropped_run(), 0);
}

/// More than half of all counts lost at once looks like late packets; whole rounds lost look like
/// keys that differ. Linux finds its way back from neither.
#[test]
fn long_losses_are_found_out_of() {
    for lost in [2048, 2100, 4000, 4095, 4096, 4097, 6000, 9000, 13_000] {
        let (mut sender, mut receiver) = stateless();
        skip(&mut sender, 10);
        assert_eq!(opened(&mut receiver, &sealed(&mut sender, 1)), Ok(1));
        skip(&mut sender, lost);
        let read = (0..4096).find(|_| opened(&mut receiver, &sealed(&mut sender, 7)) == Ok(7));
        assert!(read.is_some(), "{lost} lost: nothing read of 4096 packets after it");
        for number in 0..300 {
            let read = opened(&mut receiver, &sealed(&mut sender, number));
            assert_eq!(read, Ok(number), "{lost} lost, found {read:?}");
        }
    }
}

#[test]
fn a_forged_packet_does_not_move_the_keys() {
    let (mut sender, mut receiver) = stateless();
    assert_eq!(opened(&mut receiver, &sealed(&mut sender, 0)), Ok(0));
    for count in [1, 2, 3, 500, 2000] {
        let mut forged = packet(0, 9);
        forged[..2].copy_from_slice(&(FLUSHED | ENCRYPTED | count).to_be_bytes());
        assert_eq!(receiver.open(&mut forged), Opened::Dropped(Dropped::Garbled), "{count}");
    }
    assert_eq!(opened(&mut receiver, &sealed(&mut sender, 1)), Ok(1));
}

/// A flood of forged packets, each far ahead, costs no more key changes than the reserve and its
/// refill; what the peer sends is still read.
#[test]
fn a_flood_of_far_packets_is_bounded() {
    let (mut sender, mut receiver) = stateless();
    let mut reasons = Vec::new();
    for number in 0..200u32 {
        assert_eq!(opened(&mut receiver, &sealed(&mut sender, number)), Ok(number));
        for _ in 0..9 {
            let count = u16::try_from((number + 2000) % 4096).unwrap();
            let mut forged = packet(0, 9);
            forged[..2].copy_from_slice(&(FLUSHED | ENCRYPTED | count).to_be_bytes());
            reasons.push(receiver.open(&mut forged));
        }
    }
    let worked = reasons.iter().filter(|r| **r == Opened::Dropped(Dropped::Garbled)).count();
    let bound = (RESERVE_STEPS + 2000 * STEPS_PER_PACKET) / 1999 + 1;
    assert!(worked <= usize::try_from(bound).unwrap(), "{worked} of 1800 were worked on");
    assert!(reasons.contains(&Opened::Dropped(Dropped::TooFar)));
}

#[test]
fn what_is_not_encrypted_is_dropped() {
    for mode in [Mode::Stateless, Mode::Stateful] {
        let (mut sender, mut receiver) = ends(Strength::Bits128, mode);
        let sealed = sealed(&mut sender, 1);
        for (bits, reason) in [(0x80, Dropped::Clear), (0x30, Dropped::Clear)] {
            let mut packet = sealed.clone();
            packet[0] = bits;
            assert_eq!(receiver.open(&mut packet), Opened::Dropped(reason));
        }
        for short in 0..4 {
            let read = receiver.open(&mut sealed.clone()[..short]);
            assert_eq!(read, Opened::Dropped(Dropped::Short));
        }
        assert_eq!(opened(&mut receiver, &sealed), Ok(1));
    }
}

#[test]
fn stateful_a_loss_is_answered_by_a_reset() {
    for before in [0, 3, 200, 253, 254, 255, 256, 4094] {
        for lost in [1, 2, 60, 256, 700, 2000] {
            let (mut sender, mut receiver) = stateful();
            for number in 0..before {
                assert_eq!(opened(&mut receiver, &sealed(&mut sender, number)), Ok(number));
            }
            skip(&mut sender, lost);
            let mut asked = 0;
            let read = (0..3).find(|number| {
                let sealed = sealed(&mut sender, *number);
                let read = opened(&mut receiver, &sealed) == Ok(*number);
                if receiver.reset_due(second(5)) {
                    asked += 1;
                    sender.reset_requested();
                }
                read
            });
            // At most one packet shows the loss, and the next one ends it; a packet that changes
            // the key ends it by itself.
            assert!(
                read.is_some_and(|n| n == asked && n <= 1),
                "{before} {lost}: {read:?} {asked}"
            );
            for number in 0..600 {
                assert_eq!(opened(&mut receiver, &sealed(&mut sender, number)), Ok(number));
            }
        }
    }
}

#[test]
fn stateful_requests_are_paced_and_stop_with_the_loss() {
    let (mut sender, mut receiver) = stateful();
    assert!(!receiver.reset_due(second(0)));
    skip(&mut sender, 1);
    let mut asked = 0;
    for tenth in 0..100 {
        let sealed = sealed(&mut sender, 0);
        assert_eq!(opened(&mut receiver, &sealed), Err(Dropped::Unsynchronised));
        asked += u32::from(receiver.reset_due(Moment(Duration::from_millis(tenth * 100))));
    }
    assert_eq!(asked, 10, "one each second");
    // A storm of requests costs one key change.
    (0..1000).for_each(|_| sender.reset_requested());
    assert_eq!(opened(&mut receiver, &sealed(&mut sender, 4)), Ok(4));
    assert!(!receiver.reset_due(second(99)));
}

/// A peer as RFC 3078 section 8.2 has it (the key stays when the cipher starts afresh) and one as
/// Linux has it (the key changes), each as sender.
struct Peer {
    chain: Chain,
    rc4: Rc4,
    count: u16,
    flush: bool,
    changes: bool,
}

impl Peer {
    fn new(receiver: &Receiver, changes: bool) -> Self {
        let chain = receiver.chain.clone();
        let mut rc4 = Rc4::new();
        chain.start(&mut rc4);
        Self { chain, rc4, count: 0, flush: false, changes }
    }

    fn sealed(&mut self, number: u32) -> Vec<u8> {
        let mut packet = packet(number, 9);
        let flag = self.count & FLAG == FLAG;
        let flush = core::mem::take(&mut self.flush);
        if flag || (flush && self.changes) {
            self.chain.step(&mut self.rc4);
        }
        if flag || flush {
            self.chain.start(&mut self.rc4);
        }
        let flushed = if flag || flush { FLUSHED } else { 0 };
        packet[..2].copy_from_slice(&(ENCRYPTED | flushed | self.count).to_be_bytes());
        self.rc4.apply(&mut packet[2..]);
        self.count = (self.count + 1) & COUNT;
        packet
    }
}

#[test]
fn stateful_peers_that_change_the_key_and_peers_that_do_not_are_both_read() {
    for changes in [false, true] {
        let (_, mut receiver) = stateful();
        let mut peer = Peer::new(&receiver, changes);
        for number in 0..5000u32 {
            let sealed = peer.sealed(number);
            // Losses of one to three packets; the answers to some requests get lost as well.
            if number % 97 < number % 4 {
                continue;
            }
            if opened(&mut receiver, &sealed) == Err(Dropped::Unsynchronised)
                && receiver.reset_due(second(u64::from(number)))
            {
                peer.flush = true;
            }
        }
        let read = (0..300).filter(|n| opened(&mut receiver, &peer.sealed(*n)) == Ok(*n)).count();
        assert_eq!(read, 300, "the keys change: {changes}");
    }
}

/// What our sender does after a request is read by a receiver of either kind: here by one that does
/// as Linux' `ppp_mppe.c` does.
#[test]
fn stateful_our_fresh_start_is_read_by_peers_of_both_kinds() {
    for changes in [false, true] {
        let (mut sender, ours) = stateful();
        let mut chain = ours.chain.clone();
        let mut rc4 = Rc4::new();
        chain.start(&mut rc4);
        let (mut next, mut lost, mut read) = (0u16, false, 0);
        for number in 0..3000u32 {
            let mut sealed = sealed(&mut sender, number);
            if number % 101 == 50 {
                continue;
            }
            let header = u16::from_be_bytes([sealed[0], sealed[1]]);
            let (count, flushed) = (header & COUNT, header & FLUSHED != 0);
            if !lost && count != next {
                lost = true;
                sender.reset_requested();
                continue;
            }
            if lost && !flushed {
                continue;
            }
            while lost && count >> 8 != next >> 8 {
                chain.step(&mut rc4);
                next = (next + 256) & COUNT;
            }
            if flushed && (changes || count & FLAG == FLAG) {
                chain.step(&mut rc4);
            }
            if flushed {
                chain.start(&mut rc4);
            }
            rc4.apply(&mut sealed[2..]);
            assert_eq!(sealed[2..], packet(number, 9)[2..], "packet {number}, changes: {changes}");
            (lost, next) = (false, (count + 1) & COUNT);
            read += 1;
        }
        assert!(read > 2900, "{read}");
    }
}

proptest! {
    /// Any pattern of losses and swaps: what is read is what was sent, in both modes, and after the
    /// path is clean again everything is read.
    #[test]
    fn any_path_gives_back_what_was_sent(
        stateful: bool,
        path in prop::collection::vec(0u8..4, 0..300),
        strength in prop::sample::select(&Strength::ALL[..]),
    ) {
        let mode = if stateful { Mode::Stateful } else { Mode::Stateless };
        let (mut sender, mut receiver) = ends(strength, mode);
        let mut held: Option<Vec<u8>> = None;
        let steps = path.into_iter().chain(core::iter::repeat_n(3, 40));
        for (number, step) in (0u32..).zip(steps) {
            let sealed = sealed(&mut sender, number);
            match step {
                0 => {}
                1 => held = Some(sealed),
                2 => {
                    let _ = opened(&mut receiver, &sealed);
                    if let Some(held) = held.take() {
                        let _ = opened(&mut receiver, &held);
                    }
                }
                _ => {
                    let _ = opened(&mut receiver, &sealed);
                }
            }
            if receiver.reset_due(second(u64::from(number) * 2)) {
                sender.reset_requested();
            }
        }
        prop_assert_eq!(opened(&mut receiver, &sealed(&mut sender, 77)), Ok(77));
    }
}
