//! Every way to end, and what the peer's words mean.

use alloc::vec::Vec;

use super::wire::*;
use crate::auth::Method;
use crate::ppp::frame::Protocol;
use crate::ppp::session::{Dropped, Input, Ip};
use crate::ppp::{Cause, Event, Heard, Meaning, Mppe, Phase};

fn open() -> Wire {
    let mut wire =
        Wire::new(client(Method::MsChapV2, Mppe::Off), server(Method::MsChapV2, Mppe::Off));
    wire.settle(seconds(30));
    assert!(wire.client.is_open() && wire.server.is_open());
    wire
}

/// An LCP packet in full.
fn lcp(code: u8, id: u8, data: &[u8]) -> Vec<u8> {
    let len = u8::try_from(data.len() + 4).unwrap();
    let mut frame = Vec::from([0xFF, 0x03, 0xC0, 0x21, code, id, 0, len]);
    frame.extend_from_slice(data);
    frame
}

#[test]
fn what_is_closed_here_is_confirmed_there_with_the_reason() {
    let mut wire = open();
    wire.client.session.close(wire.now, "user request");
    assert_eq!(wire.client.frame(Ip::V4, &ipv4(1, 1)), None);
    wire.settle(seconds(60));
    assert_eq!(wire.client.cause(), Some(&Cause::Closed));
    let text = b"user request".to_vec();
    let (meaning, phase) = (Meaning::Asked, Phase::Open);
    assert_eq!(wire.server.cause(), Some(&Cause::PeerTerminated { meaning, text, phase }));
    assert!(wire.now.0 < seconds(1));
    assert_eq!(wire.client.session.deadline(), None);
    assert!(matches!(wire.client.events.last(), Some(Event::Down(_))));
}

#[test]
fn a_lost_confirmation_costs_two_tries_and_an_answered_peer_is_answered_again() {
    let mut wire = open();
    wire.weather.lost = 100;
    wire.client.session.close(wire.now, "");
    let before = wire.now.0;
    wire.run(seconds(60), |wire| wire.client.cause().is_some());
    assert_eq!(wire.now.0, before + seconds(6));
    let asked = wire.client.sent.last().unwrap().clone();
    for _ in 0..3 {
        assert_eq!(wire.server.take(wire.now, &asked), Input::Handled);
        assert_eq!(wire.server.drain().len(), 1);
    }
    let clear = wire.server.take(wire.now, &[0x21, 0x45]);
    assert_eq!(clear, Input::Dropped(Dropped::Over));
}

#[test]
fn a_carrier_that_breaks_leaves_nothing_to_send() {
    let mut wire = open();
    wire.client.session.close(wire.now, "");
    wire.server.session.lower_down();
    assert!(wire.server.drain().is_empty());
    assert_eq!(wire.server.cause(), Some(&Cause::CarrierLost));
    assert_eq!(wire.server.session.deadline(), None);
}

#[test]
fn the_reasons_that_pppd_and_windows_give_are_understood_and_kept() {
    for (text, meaning) in [
        (&b"Authentication failed"[..], Meaning::AuthenticationFailed),
        (b"peer refused to authenticate", Meaning::NoCommonMethod),
        (b"MPPE required but not available", Meaning::MppeNoKeys),
        (b"MPPE required but peer refused", Meaning::MppeRefused),
        (b"MPPE required but peer negotiation failed", Meaning::MppeNoCommonStrength),
        (b"User request", Meaning::Asked),
        (b"Y\xFF\x03\x14\x00\x3C\xCD\x74\x00\x00\x02\xE6", Meaning::Windows(742)),
        (b"\x00\x3C\xCD\x74\x00\x00\x00\x00", Meaning::Asked),
        (b"\x1B]0;evil\x07", Meaning::Unknown),
        (b"", Meaning::Unknown),
    ] {
        let mut wire = open();
        wire.client.take(wire.now, &lcp(5, 0, text));
        wire.client.drain();
        let (text, phase) = (text.to_vec(), Phase::Open);
        let cause = Cause::PeerTerminated { meaning, text, phase };
        assert_eq!(wire.client.cause(), Some(&cause));
        assert_eq!(wire.client.sent.last().unwrap()[4..], [6, 0, 0, 4]);
    }
}

#[test]
fn the_last_word_of_an_older_session_does_not_end_a_new_one() {
    let mut wire = open();
    wire.client = End::new(client(Method::Pap, Mppe::Off), None, 3);
    wire.client.session.open(wire.now);
    wire.client.take(wire.now, &lcp(5, 7, b"old"));
    assert_eq!(wire.client.session.cause(), None);
    assert_eq!(wire.client.drain().len(), 2, "a request of its own, and the confirmation");
}

#[test]
fn silence_and_half_a_path_are_told_apart() {
    let mut end = End::new(client(Method::Pap, Mppe::Off), None, 1);
    let mut now = crate::time::Moment::default();
    end.session.open(now);
    while let Some(deadline) = end.session.deadline() {
        now = deadline;
        end.session.poll(now);
        end.drain();
    }
    assert_eq!(end.sent.len(), 10);
    assert_eq!(now.0, seconds(30));
    assert_eq!(end.cause(), Some(&Cause::LcpTimeout(Heard::Nothing)));

    // The peer's request comes and comes again though it was accepted: ours do not arrive.
    let mut end = End::new(client(Method::Pap, Mppe::Off), None, 1);
    end.session.open(now);
    let request = lcp(1, 1, &[5, 6, 1, 2, 3, 4]);
    for _ in 0..10 {
        now = now + seconds(3);
        end.take(now, &request);
        end.session.poll(now);
        end.drain();
    }
    assert_eq!(end.cause(), Some(&Cause::LcpTimeout(Heard::RequestsOnly)));
}

#[test]
fn a_silent_peer_is_asked_and_given_up() {
    let mut wire = open();
    wire.weather.lost = 100;
    let before = wire.now.0;
    wire.run(seconds(1000), |wire| wire.client.cause().is_some());
    assert_eq!(wire.client.cause(), Some(&Cause::EchoTimeout { unanswered: 4 }));
    assert_eq!(wire.now.0, before + seconds(5 * 20));
    let mut wire = open();
    wire.run(seconds(1000), |_| false);
    assert!(wire.client.is_open() && wire.server.is_open(), "echoes keep it");
    assert_eq!(wire.client.session.round_trip(), Some(core::time::Duration::from_millis(10)));
}

#[test]
fn a_peer_without_echoes_is_not_asked_again() {
    let mut wire = open();
    let mut rejected = Vec::from([9, 1, 0, 8]);
    rejected.extend([0; 4]);
    wire.client.take(wire.now, &lcp(7, 1, &rejected));
    assert_eq!(wire.client.session.deadline(), None);
    wire.client.session.poll(wire.now);
    assert_eq!(wire.client.session.cause(), None);
}

#[test]
fn our_own_words_coming_back_are_a_loop() {
    let mut end = End::new(server(Method::Pap, Mppe::Off), None, 1);
    let now = crate::time::Moment::default();
    end.session.open(now);
    for _ in 0..20 {
        for frame in end.drain() {
            end.take(now, &frame);
        }
        end.session.poll(now);
    }
    assert_eq!(end.session.cause(), Some(&Cause::Loopback));
    assert!(end.sent.len() < 30, "{}", end.sent.len());
}

#[test]
fn codes_and_protocols_that_the_peer_does_not_know() {
    // Configure-Request is needed, LCP is needed.
    for frame in [lcp(7, 1, &[1, 1, 0, 4]), lcp(8, 1, &[0xC0, 0x21, 1, 1, 0, 4])] {
        let mut wire = open();
        wire.client.take(wire.now, &frame);
        wire.settle(seconds(60));
        assert_eq!(wire.client.cause(), Some(&Cause::NotUnderstood(Protocol::LCP)));
    }
    // IPv6 is not, IPv4 goes on; without both nothing is left.
    let mut wire = open();
    wire.client.take(wire.now, &lcp(8, 1, &[0x80, 0x57, 1, 1, 0, 4]));
    wire.client.drain();
    assert!(wire.client.is_open() && wire.client.opened().unwrap().ipv6.is_none());
    wire.client.take(wire.now, &lcp(8, 2, &[0x80, 0x21, 1, 1, 0, 4]));
    wire.settle(seconds(60));
    assert_eq!(wire.client.cause(), Some(&Cause::NoNetwork));
}

#[test]
fn an_unknown_code_and_an_unknown_protocol_are_rejected_with_what_they_were() {
    let mut wire = open();
    let unknown = lcp(77, 5, &[1, 2]);
    assert_eq!(wire.client.take(wire.now, &unknown), Input::Handled);
    let rejects = wire.client.drain();
    assert_eq!(rejects[0][4], 7);
    assert_eq!(rejects[0][8..], unknown[4..]);
    // VJ, IPX control, and EAP.
    for frame in [[0x00, 0x2D, 1, 2], [0x80, 0x2B, 1, 1], [0xC2, 0x27, 1, 1]] {
        let input = wire.client.take(wire.now, &frame);
        assert_eq!(input, Input::Dropped(Dropped::Unwanted));
        let rejects = wire.client.drain();
        assert_eq!(rejects[0][4], 8);
        assert_eq!(rejects[0][8..], frame);
    }
}

#[test]
fn texts_about_the_peer_are_kept_and_echoes_of_any_size_are_answered() {
    let mut wire = open();
    wire.client.take(wire.now, &lcp(12, 1, b"\0\0\0\0MSRASV5.20"));
    wire.client.take(wire.now, &lcp(13, 1, &[0; 8]));
    wire.client.take(wire.now, &lcp(11, 1, &[0; 8]));
    assert!(wire.client.drain().is_empty());
    assert_eq!(wire.client.session.identification(), b"MSRASV5.20");
    wire.client.take(wire.now, &lcp(9, 0, &[9; 100]));
    let replies = wire.client.drain();
    assert_eq!(replies[0][4..8], [10, 0, 0, 104]);
    assert_eq!(replies[0][12..], [9; 96]);
    let short = wire.client.take(wire.now, &lcp(9, 0, &[9; 3]));
    assert_eq!(short, Input::Dropped(Dropped::Malformed));
}

#[test]
fn a_peer_that_begins_anew_is_followed_and_asked_again_who_it_is() {
    let mut wire = open();
    let options = [5, 6, 9, 9, 9, 9];
    wire.server.take(wire.now, &lcp(1, 200, &options));
    wire.server.drain();
    assert!(!wire.server.is_open());
    assert_eq!(wire.server.frame(Ip::V4, &ipv4(1, 1)), None);
    // The client, asked anew, follows; packets pass again.
    wire.settle(seconds(90));
    assert!(wire.client.is_open() && wire.server.is_open(), "{:?}", wire.server.cause());
    let asked = |event: &&Event| matches!(event, Event::Verify { .. });
    assert_eq!(wire.server.events.iter().filter(asked).count(), 2);
    let frame = wire.client.frame(Ip::V4, &ipv4(1, 1)).unwrap();
    wire.server.take(wire.now, &frame);
    assert_eq!(wire.server.packets, [(Ip::V4, ipv4(1, 1))]);
}

#[test]
fn nobody_follows_another_user_into_the_same_session() {
    let mut wire = open();
    let (user, password) = (OTHER.to_vec(), crate::auth::Secret::new(PASSWORD));
    let credentials = Some(crate::ppp::Credentials { user, password });
    wire.client = End::new(client(Method::MsChapV2, Mppe::Off), credentials, 9);
    wire.client.session.open(wire.now);
    wire.settle(seconds(90));
    // Its password is right.
    assert!(wire.client.events.iter().any(|event| matches!(event, Event::Authenticated { .. })));
    assert_eq!(wire.server.cause(), Some(&Cause::PeerRefused { user: OTHER.to_vec() }));
}

#[test]
fn an_owner_that_never_answers_ends_it_by_time() {
    let mut end = End::new(server(Method::Pap, Mppe::Off), None, 2);
    let mut now = crate::time::Moment::default();
    end.session.open(now);
    end.drain();
    let request = end.sent[0].clone();
    end.take(now, &lcp(1, 1, &[5, 6, 1, 2, 3, 4]));
    end.take(now, &lcp(2, request[5], &request[8..]));
    end.take(now, &[0xC0, 0x23, 1, 1, 0, 8, 1, b'u', 1, b'p']);
    end.drain();
    assert!(matches!(end.events.last(), Some(Event::Verify { .. })));
    while end.session.cause().is_none() {
        now = end.session.deadline().unwrap();
        // Something lives there.
        end.take(now, &lcp(11, 1, &[0; 4]));
        end.session.poll(now);
        end.drain();
    }
    assert_eq!(end.session.cause(), Some(&Cause::SetupTimeout(Phase::Authenticate)));
    assert_eq!(now.0, seconds(90));
}
