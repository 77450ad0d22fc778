//! Peers that never agree, never stop, or say anything at all.

use alloc::vec::Vec;

use proptest::collection::vec;
use proptest::prelude::*;

use super::wire::*;
use crate::auth::Method;
use crate::fuzz::{ppp_session, ppp_wire};
use crate::ppp::frame::Protocol;
use crate::ppp::session::{Dropped, Input};
use crate::ppp::{Cause, Ciphers, Mppe};
use crate::time::Moment;

const B128: Mppe = Mppe::Required(Ciphers::BITS_128);

fn open(mppe: Mppe) -> Wire {
    let mut wire = Wire::new(client(Method::MsChapV2, mppe), server(Method::MsChapV2, mppe));
    wire.settle(seconds(30));
    assert!(wire.client.is_open() && wire.server.is_open());
    wire.server.sent.clear();
    wire
}

fn packet(protocol: [u8; 2], code: u8, id: u8, data: &[u8]) -> Vec<u8> {
    let len = u8::try_from(data.len() + 4).unwrap();
    let mut frame = Vec::from([protocol[0], protocol[1], code, id, 0, len]);
    frame.extend_from_slice(data);
    frame
}

const LCP: [u8; 2] = [0xC0, 0x21];
const CCP: [u8; 2] = [0x80, 0xFD];
const IPCP: [u8; 2] = [0x80, 0x21];

#[test]
fn storms_are_answered_at_a_bounded_rate_and_cost_no_memory() {
    let unknown = packet([0x80, 0x2B], 1, 1, &[0; 200]);
    let echo = packet(LCP, 9, 1, &[0; 200]);
    let code = packet(LCP, 99, 1, &[0; 200]);
    let reset = packet(CCP, 14, 1, &[]);
    let same = packet(IPCP, 1, 7, &[2, 6, 0, 0x2D, 0, 0]);
    for frame in [unknown, echo, code, reset, same] {
        let mut wire = open(B128);
        // Ten seconds of a thousand a second, taken each second.
        for second in 0..10 {
            for n in 0..1000 {
                let now =
                    Moment(wire.now.0 + seconds(second) + core::time::Duration::from_millis(n));
                wire.server.take(now, &frame);
            }
            wire.server.drain();
        }
        let sent = wire.server.sent.len();
        assert!(sent <= 64 + 32 * 10, "{sent} answers to {frame:02x?}");
        assert!(wire.server.session.answers_lost() > 0);
    }
}

#[test]
fn a_storm_of_terminate_requests_is_answered_at_a_bounded_rate() {
    let mut wire = open(Mppe::Off);
    for n in 0..10_000 {
        let now = Moment(wire.now.0 + core::time::Duration::from_millis(n));
        wire.server.take(now, &packet(LCP, 5, 1, b"die"));
        if n % 16 == 0 {
            wire.server.drain();
        }
    }
    assert!(wire.server.sent.len() <= 64 + 32 * 10, "{}", wire.server.sent.len());
    assert_eq!(wire.server.session.deadline(), None);
}

#[test]
fn a_storm_of_challenges_is_answered_at_a_bounded_rate() {
    let mut wire = open(Mppe::Off);
    wire.client.sent.clear();
    let mut storms = 0;
    for n in 0..10_000u32 {
        let mut data = Vec::from([16]);
        data.extend([0; 12]);
        data.extend_from_slice(&n.to_be_bytes());
        let input = wire.client.take(wire.now, &packet([0xC2, 0x23], 1, 9, &data));
        storms += u32::from(input == Input::Dropped(Dropped::Storm));
        wire.client.drain();
    }
    assert!(wire.client.sent.len() <= 64 && storms > 9000);
}

/// A client behind its own request, and the identifier and options of that.
fn asking(mppe: Mppe) -> (End, Moment) {
    let mut end = End::new(client(Method::MsChapV2, mppe), None, 5);
    end.session.open(Moment::default());
    end.drain();
    (end, Moment::default())
}

#[test]
fn a_peer_that_naks_without_end_is_given_up() {
    let (mut end, now) = asking(Mppe::Off);
    for n in 0..1000u16 {
        let Some(last) = end.sent.last().filter(|frame| frame[4] == 1).cloned() else { break };
        let [high, low] = n.to_be_bytes();
        end.take(now, &packet(LCP, 3, last[5], &[2, 6, 0, 0, high, low]));
        end.drain();
    }
    assert_eq!(end.session.cause(), Some(&Cause::NeverConverged(Protocol::LCP)));
    assert!(end.sent.len() < 30, "{}", end.sent.len());
}

#[test]
fn a_peer_that_asks_for_the_unacceptable_without_end_is_given_up() {
    // The magic number stays 0: naked five times, then rejected, then it is enough.
    let (mut end, now) = asking(Mppe::Off);
    for n in 0..=255 {
        end.take(now, &packet(LCP, 1, n, &[5, 6, 0, 0, 0, 0]));
        end.drain();
    }
    let codes: Vec<_> = end.sent.iter().skip(1).map(|frame| frame[4]).collect();
    assert_eq!(codes[..6], [3, 3, 3, 3, 3, 4]);
    assert_eq!(end.session.cause(), Some(&Cause::NeverConverged(Protocol::LCP)));
    assert!(codes.len() < 40, "{}", codes.len());
}

#[test]
fn a_peer_that_begins_anew_without_end_is_given_up() {
    for protocol in [LCP, IPCP] {
        let mut wire = open(Mppe::Off);
        for n in 0..400u16 {
            let [high, low] = n.to_be_bytes();
            // Each time other options, then our request is accepted.
            let options: &[u8] = match protocol {
                LCP => &[5, 6, 1, 1, high, low],
                _ => &[3, 6, 10, 9, 0, 7],
            };
            let id = low;
            wire.server.take(wire.now, &packet(protocol, 1, id, options));
            for frame in wire.server.drain() {
                let at = if frame[0] == 0xFF { 2 } else { 0 };
                if frame[at..at + 3] == [protocol[0], protocol[1], 1] {
                    let mut ack = frame[at..].to_vec();
                    ack[2] = 2;
                    wire.server.take(wire.now, &ack);
                }
            }
            wire.now = wire.now + seconds(1);
        }
        let restless = Protocol(u16::from_be_bytes(protocol));
        if protocol == LCP {
            assert_eq!(wire.server.session.cause(), Some(&Cause::Restless(restless)));
        } else {
            // IPv6 goes on without it.
            assert_eq!(wire.server.session.cause(), None);
            assert!(wire.server.opened().unwrap().ipv4.is_none());
        }
    }
}

#[test]
fn options_whose_lengths_do_not_fit_are_dropped_as_a_whole() {
    let (mut end, now) = asking(Mppe::Off);
    for options in [&[5, 0][..], &[5, 1, 7, 2], &[5, 6, 1, 2], &[7, 2, 8]] {
        let input = end.take(now, &packet(LCP, 1, 1, options));
        assert_eq!(input, Input::Dropped(Dropped::Stale));
        assert!(end.drain().is_empty());
    }
    // Lengths that fit the list but not their option are rejected.
    for options in [&[5, 4, 1, 2][..], &[1, 3, 5], &[7, 3, 1], &[2, 2]] {
        end.take(now, &packet(LCP, 1, 1, options));
        let frames = end.drain();
        assert_eq!((frames[0][4], &frames[0][8..]), (4, options));
    }
}

#[test]
fn answers_to_nothing_change_nothing() {
    let mut wire = open(B128);
    for protocol in [LCP, CCP, IPCP] {
        for code in 2..=4 {
            for id in 0..=255 {
                let input = wire.server.take(wire.now, &packet(protocol, code, id, &[]));
                assert_eq!(input, Input::Dropped(Dropped::Stale));
            }
        }
    }
    assert!(wire.server.drain().is_empty() && wire.server.is_open());
    assert_eq!(wire.server.session.dropped(Dropped::Stale), 3 * 3 * 256);
}

#[test]
fn a_copy_of_the_last_request_is_answered_without_a_new_negotiation() {
    let mut wire = open(B128);
    let is_request = |frame: &&Vec<u8>| frame.starts_with(&[0x80, 0x21, 1]);
    let request = wire.client.sent.iter().rfind(is_request).unwrap().clone();
    for _ in 0..2 {
        wire.now = wire.now + seconds(3);
        wire.server.take(wire.now, &request);
        let frames = wire.server.drain();
        assert!(frames.len() == 1 && frames[0].starts_with(&[0x80, 0x21, 2]));
        assert!(wire.server.is_open());
    }
    // The third means that the peer has forgotten: it is negotiated anew, and opens again.
    wire.now = wire.now + seconds(3);
    wire.server.take(wire.now, &request);
    wire.settle(seconds(60));
    assert!(wire.server.is_open(), "{:?}", wire.server.cause());
}

fn any_frame() -> impl Strategy<Value = Vec<u8>> {
    let protocol = prop_oneof![
        Just(LCP),
        Just(CCP),
        Just(IPCP),
        Just([0x80, 0x57]),
        Just([0xC2, 0x23]),
        Just([0xC0, 0x23]),
        Just([0x00, 0xFD]),
        Just([0x00, 0x21]),
        any::<[u8; 2]>(),
    ];
    let option = (0u8..20, vec(any::<u8>(), 0..8)).prop_map(|(kind, value)| {
        let mut option = Vec::from([kind, u8::try_from(value.len() + 2).unwrap()]);
        option.extend(value);
        option
    });
    let data = prop_oneof![
        vec(option, 0..5).prop_map(|options| options.concat()),
        vec(any::<u8>(), 0..40),
    ];
    prop_oneof![
        (protocol, 0u8..16, 0u8..6, data)
            .prop_map(|(protocol, code, id, data)| packet(protocol, code, id, &data)),
        vec(any::<u8>(), 0..60),
        Just(Vec::new()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn whatever_comes_it_holds(choice: u8, frames in vec(any_frame(), 0..60)) {
        let mut data = Vec::from([choice]);
        for frame in frames {
            data.push(u8::try_from(frame.len()).unwrap());
            data.extend(if frame.is_empty() { Vec::from([choice]) } else { frame });
        }
        ppp_session(&data);
    }

    #[test]
    fn any_bytes_hold(data: Vec<u8>) {
        ppp_session(&data);
        ppp_wire(&data);
    }
}
