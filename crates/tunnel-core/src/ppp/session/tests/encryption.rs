//! Strengths and modes bargained for; loss, copies and reordering of encrypted packets; what is
//! never taken.

use alloc::vec::Vec;

use super::wire::*;
use crate::auth::Method;
use crate::mppe::{self, Mode, Strength};
use crate::ppp::packet::Code;
use crate::ppp::session::{Dropped, Input, Ip};
use crate::ppp::{Cause, Ciphers, Event, Meaning, Mppe, MppeMissing, Stateful};

fn pair(ours: Mppe, theirs: Mppe) -> Wire {
    let mut wire = Wire::new(client(Method::MsChapV2, ours), server(Method::MsChapV2, theirs));
    wire.settle(seconds(60));
    wire
}

#[test]
fn the_strongest_common_strength_is_taken_in_stateless_mode() {
    use Strength::{Bits40, Bits56, Bits128};
    let all = Strength::ALL;
    for (ours, theirs, common) in [
        (&all[..], &all[..], Bits128),
        (&all, &[Bits40], Bits40),
        (&[Bits56, Bits40], &all, Bits56),
        (&[Bits128], &[Bits40, Bits128], Bits128),
        (&[Bits40], &[Bits40], Bits40),
    ] {
        for stateful in [Stateful::Refused, Stateful::Allowed] {
            let ours = Mppe::Required(ciphers(ours, stateful));
            let theirs = Mppe::Required(ciphers(theirs, stateful));
            let wire = pair(ours, theirs);
            let cipher = Some((common, Mode::Stateless));
            for end in [&wire.client, &wire.server] {
                let opened = end.opened().unwrap();
                assert_eq!((opened.sends, opened.receives), (cipher, cipher));
            }
        }
    }
}

#[test]
fn without_a_common_strength_it_ends_if_required_and_goes_on_in_clear_if_not() {
    let weak = ciphers(&[Strength::Bits40], Stateful::Refused);
    let strong = Ciphers::BITS_128;
    let wire = pair(Mppe::Required(weak), Mppe::Required(strong));
    let missing = Cause::MppeMissing(MppeMissing::NoCommonStrength);
    let own = [&wire.client, &wire.server].map(|end| end.cause() == Some(&missing));
    assert!(own.contains(&true), "{:?} {:?}", wire.client.cause(), wire.server.cause());
    for end in [&wire.client, &wire.server] {
        if let Some(Cause::PeerTerminated { meaning, .. }) = end.cause() {
            assert_eq!(*meaning, Meaning::MppeNoCommonStrength);
        }
    }
    let wire = pair(Mppe::Allowed(weak), Mppe::Allowed(strong));
    assert_eq!(wire.client.opened().unwrap().sends, None);
    assert_eq!(wire.server.opened().unwrap().receives, None);
}

#[test]
fn a_peer_that_would_only_be_stateful_is_taken_or_refused_by_the_setting() {
    for (setting, ended) in [(Stateful::Allowed, false), (Stateful::Refused, true)] {
        let theirs = Mppe::Required(ciphers(&[Strength::Bits128], setting));
        let mut wire =
            Wire::new(client(Method::MsChapV2, Mppe::Off), server(Method::MsChapV2, theirs));
        wire.run(seconds(2), |wire| {
            wire.server.sent.iter().any(|frame| frame.starts_with(&[0x80, 0xFD, 1]))
        });
        // The client's part in CCP is played here: it asks for stateful and naks towards it.
        let request = [0x80, 0xFD, 1, 77, 0, 10, 18, 6, 0, 0, 0, 0x40];
        let nak = [0x80, 0xFD, 3, 1, 0, 10, 18, 6, 0, 0, 0, 0x40];
        wire.server.take(wire.now, &request);
        wire.server.take(wire.now, &nak);
        let sent = wire.server.drain();
        let said = |code, mode| {
            let octets = [0x80, 0xFD, code, 77, 0, 10, 18, 6, mode, 0, 0, 0x40];
            sent.iter().any(|frame| frame.ends_with(&octets))
        };
        let (acked, naked) = (said(2, 0), said(3, 1));
        assert_eq!((acked, naked), (!ended, ended), "{sent:02x?}");
        let cause = wire.server.session.cause();
        let missing = Cause::MppeMissing(MppeMissing::NoCommonStrength);
        assert_eq!(cause, ended.then_some(&missing));
    }
}

#[test]
fn lost_late_and_copied_packets_cost_themselves_and_no_other() {
    let mppe = Mppe::Required(Ciphers::BITS_128);
    let mut wire = pair(mppe, mppe);
    let frames: Vec<_> =
        (0..200).map(|n| wire.client.frame(Ip::V4, &ipv4(50, n)).unwrap()).collect();
    let mut expected = Vec::new();
    for (n, frame) in frames.iter().enumerate() {
        // Every seventh is lost, every fifth comes twice.
        if n % 7 == 6 {
            continue;
        }
        expected.push((Ip::V4, ipv4(50, u8::try_from(n).unwrap())));
        wire.server.take(wire.now, frame);
        if n % 5 == 0 {
            let again = wire.server.take(wire.now, frame);
            assert_eq!(again, Input::Dropped(Dropped::Cipher(mppe::Dropped::Late)));
        }
    }
    assert_eq!(wire.server.packets, expected);
    assert_eq!(wire.server.session.dropped(Dropped::Cipher(mppe::Dropped::Late)), 34);
}

#[test]
fn nothing_in_clear_is_taken_where_it_was_agreed_otherwise() {
    for mppe in [Mppe::Allowed(Ciphers::BITS_128), Mppe::Required(Ciphers::BITS_128)] {
        let mut wire = pair(mppe, mppe);
        let mut clear = Vec::from([0xFF, 0x03, 0x00, 0x21]);
        clear.extend(ipv4(9, 9));
        let input = wire.server.take(wire.now, &clear);
        assert_eq!(input, Input::Dropped(Dropped::Clear));
        // A forged end of CCP does not make it clear either: the session ends.
        wire.server.take(wire.now, &[0x80, 0xFD, 5, 9, 0, 4]);
        assert_eq!(wire.server.take(wire.now, &clear), Input::Dropped(Dropped::Clear));
        assert!(wire.server.frame(Ip::V4, &ipv4(9, 9)).is_none());
        let gone = Cause::MppeMissing(MppeMissing::PeerClosed);
        assert_eq!(wire.server.session.cause(), Some(&gone));
    }
}

#[test]
fn a_renegotiation_of_ccp_holds_packets_back_until_it_is_open_again() {
    let mppe = Mppe::Required(Ciphers::BITS_128);
    let mut wire = pair(mppe, mppe);
    let before = wire.server.events.len();
    // Another request than the one accepted: the peer begins anew.
    wire.server.take(wire.now, &[0x80, 0xFD, 1, 99, 0, 10, 18, 6, 1, 0, 0, 0x40]);
    assert!(wire.server.frame(Ip::V4, &ipv4(9, 9)).is_none());
    wire.settle(seconds(60));
    assert!(wire.server.is_open() && wire.client.is_open(), "{:?}", wire.server.cause());
    assert!(matches!(wire.server.events[before..], [Event::Suspended, Event::Opened(_), ..]));
    let frame = wire.client.frame(Ip::V4, &ipv4(9, 7)).unwrap();
    wire.server.take(wire.now, &frame);
    assert_eq!(wire.server.packets, [(Ip::V4, ipv4(9, 7))]);
}

#[test]
fn other_keys_end_the_session_before_anything_was_read() {
    let mppe = Mppe::Required(Ciphers::BITS_128);
    let mut wire = pair(mppe, mppe);
    for n in 0..400u16 {
        let [high, low] = n.to_be_bytes();
        let mut frame = Vec::from([0xFD, 0x90 | high, low]);
        frame.extend([0xA5; 40]);
        wire.server.take(wire.now, &frame);
    }
    assert_eq!(wire.server.session.cause(), Some(&Cause::KeysDiffer));
    // After a packet was read, forgeries end nothing.
    let mut wire = pair(mppe, mppe);
    let frame = wire.client.frame(Ip::V4, &ipv4(9, 7)).unwrap();
    wire.server.take(wire.now, &frame);
    for n in 0..400u16 {
        let [high, low] = n.to_be_bytes();
        wire.server.take(wire.now, &[0xFD, 0x90 | high, low, 1, 2, 3, 4, 5]);
    }
    assert_eq!(wire.server.session.cause(), None);
}

#[test]
fn stateful_peers_ask_for_a_fresh_start_after_a_loss() {
    let both = Mppe::Required(ciphers(&[Strength::Bits128], Stateful::Allowed));
    let mut wire = Wire::new(client(Method::MsChapV2, both), server(Method::MsChapV2, both));
    // A Nak forged for each end makes both ask for stateful mode.
    wire.run(seconds(2), |wire| {
        wire.server.sent.iter().any(|frame| frame.starts_with(&[0x80, 0xFD, 1]))
            && wire.client.sent.iter().any(|frame| frame.starts_with(&[0x80, 0xFD, 1]))
    });
    let nak = [0x80, 0xFD, 3, 1, 0, 10, 18, 6, 0, 0, 0, 0x40];
    wire.client.take(wire.now, &nak);
    wire.server.take(wire.now, &nak);
    wire.settle(seconds(60));
    let mode = Some((Strength::Bits128, Mode::Stateful));
    assert_eq!(wire.client.opened().unwrap().sends, mode);
    assert_eq!(wire.server.opened().unwrap().sends, mode);
    let first = wire.client.frame(Ip::V4, &ipv4(9, 1)).unwrap();
    wire.server.take(wire.now, &first);
    let _lost = wire.client.frame(Ip::V4, &ipv4(9, 2)).unwrap();
    let third = wire.client.frame(Ip::V4, &ipv4(9, 3)).unwrap();
    let input = wire.server.take(wire.now, &third);
    assert_eq!(input, Input::Dropped(Dropped::Cipher(mppe::Dropped::Unsynchronised)));
    let asked = wire.server.drain();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0][2], Code::RESET_REQUEST.0);
    wire.client.take(wire.now, &asked[0]);
    let answered = wire.client.drain();
    assert_eq!(answered[0][2..4], [Code::RESET_ACK.0, asked[0][3]]);
    wire.server.take(wire.now, &answered[0]);
    let fourth = wire.client.frame(Ip::V4, &ipv4(9, 4)).unwrap();
    wire.server.take(wire.now, &fourth);
    assert_eq!(wire.server.packets, [(Ip::V4, ipv4(9, 1)), (Ip::V4, ipv4(9, 4))]);
}
