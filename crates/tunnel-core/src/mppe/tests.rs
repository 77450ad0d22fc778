//! Both ends against each other in every strength and mode, the packets of pppd, the option's bits.

use alloc::vec;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::auth::vectors::{PPTP_40, PPTP_128, array, octets};

pub(super) const MODES: [Mode; 2] = [Mode::Stateless, Mode::Stateful];

/// Both ends of the client's direction.
pub(super) fn ends(strength: Strength, mode: Mode) -> (Sender, Receiver) {
    let keys = Keys::new(&PPTP_128.hash(), &array(PPTP_128.nt_response));
    (keys.sender(Side::Client, strength, mode), keys.receiver(Side::Server, strength, mode))
}

/// Room for the header, then an IPv4 packet of 20 octets and `more`, which holds a number.
pub(super) fn packet(number: u32, more: usize) -> Vec<u8> {
    let length = u16::try_from(20 + more).unwrap().to_be_bytes();
    let mut packet = vec![0, 0, 0, 0x21, 0x45, 0, length[0], length[1]];
    packet.extend(number.to_be_bytes());
    packet.resize(4 + 20 + more, 0xA5);
    packet
}

pub(super) fn sealed(sender: &mut Sender, number: u32) -> Vec<u8> {
    let mut packet = packet(number, 9);
    sender.seal(&mut packet);
    packet
}

/// Opens and says which packet it was.
pub(super) fn opened(receiver: &mut Receiver, sealed: &[u8]) -> Result<u32, Dropped> {
    let mut inner = Vec::from(sealed);
    match receiver.open(&mut inner) {
        Opened::Dropped(reason) => Err(reason),
        Opened::Plain => {
            let number = u32::from_be_bytes(inner[8..12].try_into().unwrap());
            assert_eq!(inner[2..], packet(number, 9)[2..], "not the packet that was sent");
            Ok(number)
        }
    }
}

#[test]
fn the_first_packets_of_pppd() {
    for (exchange, strength, sent) in [
        (&PPTP_128, Strength::Bits128, "9000 92a4f600585934666e697da8"),
        (&PPTP_40, Strength::Bits40, "9000 5047e84be7b710cd6602a053"),
    ] {
        let keys = Keys::new(&exchange.hash(), &array(exchange.nt_response));
        let plain = octets("0000 00576000000000083afffe80");
        let mut ours = plain.clone();
        keys.sender(Side::Client, strength, Mode::Stateless).seal(&mut ours);
        assert_eq!(ours, octets(sent), "{strength:?}");
        let mut receiver = keys.receiver(Side::Server, strength, Mode::Stateless);
        assert_eq!(receiver.open(&mut ours), Opened::Plain);
        assert_eq!(ours[2..], plain[2..]);
    }
}

#[test]
fn ten_thousand_packets_in_every_strength_and_mode() {
    for strength in Strength::ALL {
        for mode in MODES {
            let (mut sender, mut receiver) = ends(strength, mode);
            for number in 0..10_000 {
                let sealed = sealed(&mut sender, number);
                assert_eq!(opened(&mut receiver, &sealed), Ok(number), "{strength:?} {mode:?}");
            }
        }
    }
}

/// The header as Linux insists on it: flushed and encrypted on every stateless packet; stateful,
/// flushed on each packet that changes the key and on no other.
#[test]
fn headers_have_the_bits_that_peers_insist_on() {
    for mode in MODES {
        let (mut sender, _) = ends(Strength::Bits128, mode);
        for number in 0..5_000u32 {
            let sealed = sealed(&mut sender, number);
            let header = u16::from_be_bytes([sealed[0], sealed[1]]);
            assert_eq!(u32::from(header & COUNT), number % 4096);
            let flushed = mode == Mode::Stateless || number % 256 == 255;
            assert_eq!(header & !COUNT, ENCRYPTED | if flushed { FLUSHED } else { 0 });
        }
    }
}

#[test]
fn a_slice_without_room_is_left_alone() {
    let (mut sender, mut receiver) = ends(Strength::Bits128, Mode::Stateless);
    sender.seal(&mut []);
    sender.seal(&mut [7]);
    let sealed = sealed(&mut sender, 1);
    assert_eq!(sealed[..2], [0x90, 0]);
    assert_eq!(opened(&mut receiver, &sealed), Ok(1));
}

#[test]
fn bits_of_the_option() {
    let ask = Bits::new(Strength::Bits128, Mode::Stateless);
    assert_eq!(ask.0, 0x0100_0040);
    assert_eq!(ask.exact(), Some((Strength::Bits128, Mode::Stateless)));
    assert_eq!(Bits(0x20).exact(), Some((Strength::Bits40, Mode::Stateful)));
    // Two strengths, none, compression, what is unknown: no Ack looks so.
    for bits in [0x0100_0060, 0x0100_0000, 0x0100_0041, 0x0100_0050, 0x0300_0040, 0] {
        assert_eq!(Bits(bits).exact(), None, "{bits:x}");
    }
    let all = Bits(0x0100_00E1);
    assert!(all.strengths().eq(Strength::ALL));
    assert_eq!(all.mode(), Mode::Stateless);
    assert!(all.has(Bits::COMPRESSION) && !all.has(Bits::OBSOLETE));
}

#[test]
fn no_key_is_printed() {
    let (sender, receiver) = ends(Strength::Bits128, Mode::Stateful);
    assert_eq!(alloc::format!("{sender:?}"), "Sender { mode: Stateful, count: 0, .. }");
    let receiver = alloc::format!("{receiver:?}");
    assert_eq!(receiver, "Receiver { mode: Stateful, last: 4095, lost: false, dropped: 0, .. }");
}

proptest! {
    #[test]
    fn any_octets_are_dropped_and_disturb_nothing(
        forged in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..20),
    ) {
        let (mut sender, mut receiver) = ends(Strength::Bits128, Mode::Stateless);
        for (number, mut octets) in (0u32..).zip(forged) {
            // One in some hundred forged packets passes and may cost those it stands for.
            let passed = receiver.open(&mut octets) == Opened::Plain;
            let sealed = sealed(&mut sender, number);
            let read = opened(&mut receiver, &sealed);
            if passed {
                return Ok(());
            }
            prop_assert_eq!(read, Ok(number));
        }
    }

    #[test]
    fn any_octets_are_taken_in_stateful_mode(
        packets in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..20),
    ) {
        let (_, mut receiver) = ends(Strength::Bits40, Mode::Stateful);
        for mut octets in packets {
            receiver.open(&mut octets);
        }
    }
}
