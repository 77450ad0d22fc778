//! Heads as real peers write them, and any octets.

use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;

#[test]
fn every_form_that_pppd_sends_is_read() {
    // LCP in full; CHAP after ACFC; IPv4 and MPPE after PFC; and FF 03 kept although agreed away.
    for (frame, protocol, at) in [
        (&[0xFF, 0x03, 0xC0, 0x21, 1][..], Protocol::LCP, 4),
        (&[0xC2, 0x23, 1], Protocol::CHAP, 2),
        (&[0x21, 0x45], Protocol::IPV4, 1),
        (&[0xFD, 0x90, 0x00], Protocol::COMPRESSED, 1),
        (&[0xFF, 0x03, 0x21, 0x45], Protocol::IPV4, 3),
        (&[0xFF, 0x03, 0x00, 0xFD, 0x90], Protocol::COMPRESSED, 4),
        (&[0x00, 0x57, 0x60], Protocol::IPV6, 2),
    ] {
        assert_eq!(head(frame), Some((protocol, at)), "{frame:02x?}");
    }
}

#[test]
fn a_head_that_is_none_gives_nothing() {
    for frame in [&[][..], &[0xFF, 0x03], &[0xC0], &[0xC0, 0x22], &[0xFF, 0x03, 0xC0]] {
        assert_eq!(head(frame), None, "{frame:02x?}");
    }
}

#[test]
fn what_was_agreed_is_written_but_never_for_lcp() {
    let bare = Framing { address: Address::Omitted, number: Number::Short };
    let written = |framing: Framing, protocol| {
        let (octets, len) = framing.write(protocol);
        octets[4 - len..].to_vec()
    };
    assert_eq!(written(bare, Protocol::LCP), [0xFF, 0x03, 0xC0, 0x21]);
    assert_eq!(written(bare, Protocol::CHAP), [0xC2, 0x23]);
    assert_eq!(written(bare, Protocol::COMPRESSED), [0xFD]);
    assert_eq!(written(Framing::default(), Protocol::IPV4), [0xFF, 0x03, 0x00, 0x21]);
    let full = Framing { address: Address::Omitted, number: Number::Full };
    assert_eq!(written(full, Protocol::IPV4), [0x00, 0x21]);
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(number in any::<u16>(), omitted: bool, short: bool) {
        // A protocol number has an even first and an odd last octet.
        let protocol = Protocol((number & 0xFEFF) | 1);
        let framing = Framing {
            address: if omitted { Address::Omitted } else { Address::Written },
            number: if short { Number::Short } else { Number::Full },
        };
        let (octets, len) = framing.write(protocol);
        prop_assert_eq!(head(&octets[HEAD_OCTETS_MAX - len..]), Some((protocol, len)));
    }

    #[test]
    fn any_octets_are_read_within_themselves(frame: Vec<u8>) {
        if let Some((protocol, at)) = head(&frame) {
            prop_assert!(at <= frame.len() && at <= HEAD_OCTETS_MAX && protocol.0 & 1 == 1);
        }
    }
}
