//! What pppd 2.4.9 does, as observed, played by a script: its options, its framing, its order.
//!
//! As a server it asks for ACCM, authentication, magic number, PFC and ACFC, keeps FF 03 on LCP
//! only, sends IPCP before CCP is settled, answers an early IPCP with Terminate-Ack where it
//! insists on MPPE, and puts the reason into its Terminate-Request. As a client it asks for the
//! same without authentication, and does not retry a failed password.

use alloc::vec::Vec;
use core::net::Ipv4Addr;

use super::wire::*;
use crate::auth::{self, Asked, Known, Method, RefusalKind, Secret, Step};
use crate::mppe::{HEADER_OCTETS, Keys, Mode, Side, Strength};
use crate::ppp::frame;
use crate::ppp::session::{Dropped, Input, Ip};
use crate::ppp::{Cause, Ciphers, Event, Mppe, Settings};
use crate::time::Moment;

const NOW: Moment = Moment(seconds(1));
const B128: Mppe = Mppe::Required(Ciphers::BITS_128);

/// A frame as pppd writes it: LCP in full, the rest without address and control.
fn from(protocol: u16, code: u8, id: u8, data: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    if protocol == 0xC021 {
        frame.extend_from_slice(&[0xFF, 0x03]);
    }
    frame.extend_from_slice(&protocol.to_be_bytes());
    frame.extend_from_slice(&[code, id]);
    frame.extend_from_slice(&u16::try_from(data.len() + 4).unwrap().to_be_bytes());
    frame.extend_from_slice(data);
    frame
}

/// What the session has to say: protocol, code, identifier, data.
fn said(end: &mut End) -> Vec<(u16, u8, u8, Vec<u8>)> {
    let split = |frame: &Vec<u8>| {
        let (protocol, at) = frame::head(frame).unwrap();
        (protocol.0, frame[at], frame[at + 1], frame[at + 4..].to_vec())
    };
    end.drain().iter().map(split).collect()
}

const LCP: u16 = 0xC021;
const CHAP: u16 = 0xC223;
const CCP: u16 = 0x80FD;
const IPCP: u16 = 0x8021;

/// ACCM 0, MS-CHAPv2, a magic number, PFC, ACFC.
const SERVER_OPTIONS: &[u8] =
    &[2, 6, 0, 0, 0, 0, 3, 5, 0xC2, 0x23, 0x81, 5, 6, 0x7A, 0x1B, 2, 3, 7, 2, 8, 2];

/// The session as a client behind pppd's LCP: acked both ways.
fn linked_client(mppe: Mppe) -> End {
    let credentials =
        crate::ppp::Credentials { user: USER.to_vec(), password: Secret::new(PASSWORD) };
    let mut end = End::new(Settings::client(mppe), Some(credentials), 3);
    end.session.open(NOW);
    let ours = said(&mut end).remove(0);
    assert_eq!((ours.0, ours.1), (LCP, 1));
    end.take(NOW, &from(LCP, 1, 1, SERVER_OPTIONS));
    assert_eq!(said(&mut end), [(LCP, 2, 1, SERVER_OPTIONS.to_vec())]);
    end.take(NOW, &from(LCP, 2, ours.2, &ours.3));
    assert!(matches!(end.drain()[..], []));
    assert!(matches!(end.events[..], [Event::Linked(_)]));
    end
}

/// pppd asks for the proof and takes it; gives the keys.
fn proven_client(end: &mut End) -> Keys {
    let mut chap = auth::Server::new(Method::MsChapV2, b"pppd", [0x5A; 16]);
    let (mut packet, mut answer) = (Vec::new(), Vec::new());
    chap.start(&mut packet);
    let framed = |packet: &[u8]| {
        let mut frame = Vec::from([0xC2, 0x23]);
        frame.extend_from_slice(packet);
        frame
    };
    end.take(NOW, &framed(&packet));
    let response = end.drain().remove(0);
    assert_eq!(response[..3], [0xC2, 0x23, 2], "without FF 03, as agreed");
    // The challenge comes again; the answer must be the same, or the keys would differ.
    end.take(NOW, &framed(&packet));
    assert_eq!(end.drain(), core::slice::from_ref(&response));
    assert!(matches!(chap.input(&response[2..], &mut answer), Asked::Verify { .. }));
    let known = Known::Password(Secret::new(PASSWORD));
    let Some(auth::Answer::Accepted { keys: Some(keys) }) = chap.answer(&known, &mut answer) else {
        panic!("pppd would refuse it");
    };
    end.take(NOW, &framed(&answer));
    keys
}

#[test]
fn pppd_as_a_server_that_insists_on_mppe() {
    let mut end = linked_client(B128);
    let keys = proven_client(&mut end);
    // Its IPCP comes first; ours waits for CCP.
    let theirs = [2, 6, 0, 0x2D, 0x0F, 1, 3, 6, 10, 0, 0, 1];
    end.take(NOW, &from(IPCP, 1, 1, &theirs));
    let ccp = said(&mut end);
    assert_eq!(ccp, [(CCP, 1, 1, Vec::from([18, 6, 1, 0, 0, 0x40]))]);
    end.take(NOW, &from(CCP, 1, 1, &[18, 6, 1, 0, 0, 0x40]));
    assert_eq!(said(&mut end), [(CCP, 2, 1, Vec::from([18, 6, 1, 0, 0, 0x40]))]);
    end.take(NOW, &from(CCP, 2, 1, &[18, 6, 1, 0, 0, 0x40]));
    // CCP is open: our IPCP, and the answer to its early one: VJ is rejected.
    let ipcp = said(&mut end);
    assert_eq!(ipcp.len(), 2);
    let ours = &ipcp[0];
    assert_eq!((ours.0, ours.1), (IPCP, 1));
    assert_eq!(ours.3, [3, 6, 0, 0, 0, 0, 129, 6, 0, 0, 0, 0, 131, 6, 0, 0, 0, 0]);
    assert_eq!(ipcp[1], (IPCP, 4, 1, theirs[..6].to_vec()));
    // A Terminate-Ack to an early request is no refusal of IP.
    end.take(NOW, &from(IPCP, 6, ours.2, &[]));
    assert!(said(&mut end).is_empty() && end.session.cause().is_none());
    end.take(NOW, &from(IPCP, 1, 2, &theirs[6..]));
    assert_eq!(said(&mut end), [(IPCP, 2, 2, theirs[6..].to_vec())]);
    // It answers the one that it gets three seconds later with all values.
    let later = NOW + seconds(3);
    end.session.poll(later);
    let again = said(&mut end).remove(0);
    let values = [3, 6, 10, 0, 0, 7, 129, 6, 9, 9, 9, 9, 131, 6, 8, 8, 8, 8];
    end.take(later, &from(IPCP, 3, again.2, &values));
    let wanted = said(&mut end).remove(0);
    assert_eq!(wanted.3, values);
    end.take(later, &from(IPCP, 2, wanted.2, &values));
    end.drain();
    let link = end.opened().unwrap().ipv4.unwrap();
    assert_eq!((link.local, link.peer), (Ipv4Addr::new(10, 0, 0, 7), Ipv4Addr::new(10, 0, 0, 1)));
    assert_eq!(link.dns, [Some(Ipv4Addr::new(9, 9, 9, 9)), Some(Ipv4Addr::new(8, 8, 8, 8))]);
    packets_as_pppd_frames_them(&mut end, &keys);
}

/// One octet FD, flags A and D, two octets of protocol inside; and FF 03 kept all the same.
fn packets_as_pppd_frames_them(end: &mut End, keys: &Keys) {
    let mut sender = keys.sender(Side::Server, Strength::Bits128, Mode::Stateless);
    let mut receiver = keys.receiver(Side::Server, Strength::Bits128, Mode::Stateless);
    for (head, n) in [(&[0xFD][..], 0), (&[0x00, 0xFD], 1), (&[0xFF, 0x03, 0x00, 0xFD], 2)] {
        let packet = ipv4(30, n);
        let mut inner = Vec::from([0; HEADER_OCTETS]);
        inner.extend_from_slice(&[0x00, 0x21]);
        inner.extend_from_slice(&packet);
        sender.seal(&mut inner);
        assert_eq!(inner[..2], [0x90, n]);
        let mut frame = head.to_vec();
        frame.extend_from_slice(&inner);
        assert!(matches!(end.take(NOW, &frame), Input::Network { ip: Ip::V4, .. }));
        assert_eq!(end.packets.last(), Some(&(Ip::V4, packet)));
    }
    let frame = end.frame(Ip::V4, &ipv4(30, 9)).unwrap();
    let mut body = frame[1..].to_vec();
    assert_eq!(receiver.open(&mut body), crate::mppe::Opened::Plain);
    assert_eq!(body[2..], [&[0x00, 0x21][..], &ipv4(30, 9)].concat());
}

#[test]
fn pppd_as_a_server_refuses_the_password_in_its_own_words() {
    let mut end = linked_client(Mppe::Off);
    let mut challenge = Vec::from([16]);
    challenge.extend([0x5A; 16]);
    challenge.extend(b"pppd");
    end.take(NOW, &from(CHAP, 1, 0, &challenge));
    assert_eq!(said(&mut end)[0].1, 2);
    let text = b"E=691 R=1 C=5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A V=0 M=Access denied";
    end.take(NOW, &from(CHAP, 4, 0, text));
    let told = said(&mut end);
    assert_eq!(told, [(LCP, 5, 2, b"Authentication failed".to_vec())]);
    // pppd's own Terminate-Request comes too; the cause stays the first.
    end.take(NOW, &from(LCP, 5, 2, b"Authentication failed"));
    end.drain();
    let Some(Cause::Refused(refusal)) = end.cause() else { panic!("{:?}", end.cause()) };
    assert_eq!((refusal.code, refusal.kind), (Some(691), RefusalKind::ByServer));
    assert_eq!(refusal.text, b"Access denied");
}

#[test]
fn pppd_as_a_server_that_asks_for_other_things_first() {
    // EAP is asked for: another method is named, and taken.
    let credentials =
        crate::ppp::Credentials { user: USER.to_vec(), password: Secret::new(PASSWORD) };
    let mut end = End::new(Settings::client(Mppe::Off), Some(credentials), 3);
    end.session.open(NOW);
    said(&mut end);
    end.take(NOW, &from(LCP, 1, 0, &[3, 4, 0xC2, 0x27, 5, 6, 1, 2, 3, 4]));
    assert_eq!(said(&mut end), [(LCP, 3, 0, Vec::from([3, 5, 0xC2, 0x23, 0x81]))]);
    // Callback, MRRU and an endpoint, as Windows has them: rejected as they stand, and only they.
    let odd = [13, 3, 6, 17, 4, 6, 0x4E, 19, 9, 3, 1, 2, 3, 4, 5, 6];
    let mut options = odd.to_vec();
    options.extend_from_slice(&[5, 6, 1, 2, 3, 4]);
    end.take(NOW, &from(LCP, 1, 1, &options));
    assert_eq!(said(&mut end), [(LCP, 4, 1, odd.to_vec())]);
    // A magic number of 0 may not be.
    end.take(NOW, &from(LCP, 1, 2, &[5, 6, 0, 0, 0, 0]));
    let nak = said(&mut end).remove(0);
    assert!(nak.1 == 3 && nak.3[2..] != [0; 4]);
}

/// The session as a server behind pppd's LCP, up to CCP or IPCP.
fn proven_server(mppe: Mppe) -> (End, Keys) {
    let mut end = End::new(server(Method::MsChapV2, mppe), None, 4);
    end.session.open(NOW);
    let ours = said(&mut end).remove(0);
    let options = [2, 6, 0, 0, 0, 0, 5, 6, 0x11, 0x22, 0x33, 0x44, 7, 2, 8, 2];
    end.take(NOW, &from(LCP, 1, 1, &options));
    end.take(NOW, &from(LCP, 2, ours.2, &ours.3));
    let frames = end.drain();
    let challenge = frames.last().unwrap();
    assert_eq!(challenge[..3], [0xC2, 0x23, 1]);
    let mut chap = auth::Client::new(Method::MsChapV2, USER, Secret::new(PASSWORD));
    let mut response = Vec::from([0xC2, 0x23]);
    assert!(matches!(chap.input(&challenge[2..], [7; 16], &mut response), Step::Send));
    // pppd repeats its answer when ours is slow; the owner is asked once.
    end.take(NOW, &response);
    end.take(NOW, &response);
    assert!(end.drain().is_empty());
    let asked = |event: &&Event| matches!(event, Event::Verify { .. });
    assert_eq!(end.events.iter().filter(asked).count(), 1);
    end.session.verified(NOW, &Known::Password(Secret::new(PASSWORD)));
    let success = end.drain().remove(0);
    let Step::Proven { keys: Some(keys), .. } = chap.input(&success[2..], [7; 16], &mut Vec::new())
    else {
        panic!("pppd would not believe it");
    };
    // And when it was lost.
    end.take(NOW, &response);
    assert_eq!(end.drain(), [success]);
    (end, keys)
}

#[test]
fn pppd_as_a_client_sends_its_ipcp_early_and_is_served_in_order() {
    let (mut end, _) = proven_server(B128);
    let asks = [3, 6, 0, 0, 0, 0, 129, 6, 0, 0, 0, 0, 131, 6, 0, 0, 0, 0];
    end.take(NOW, &from(IPCP, 1, 1, &asks));
    end.take(NOW, &from(CCP, 1, 1, &[18, 6, 1, 0, 0, 0x60]));
    assert!(end.drain().is_empty(), "the owner has not assigned anything yet");
    end.session.assign(NOW, given());
    let told = said(&mut end);
    assert_eq!(told[0], (CCP, 1, 1, Vec::from([18, 6, 1, 0, 0, 0x40])));
    assert_eq!(told[1], (CCP, 3, 1, Vec::from([18, 6, 1, 0, 0, 0x40])));
    end.take(NOW, &from(CCP, 2, 1, &[18, 6, 1, 0, 0, 0x40]));
    end.take(NOW, &from(CCP, 1, 2, &[18, 6, 1, 0, 0, 0x40]));
    let told = said(&mut end);
    assert_eq!(told[0], (CCP, 2, 2, Vec::from([18, 6, 1, 0, 0, 0x40])));
    // IPCP and IPV6CP of ours, and the answer to the early request: no second name server.
    let answer = told.last().unwrap();
    assert_eq!(*answer, (IPCP, 4, 1, Vec::from([131, 6, 0, 0, 0, 0])));
    end.take(NOW, &from(IPCP, 1, 2, &asks[..12]));
    let values = Vec::from([3, 6, 10, 9, 0, 7, 129, 6, 9, 9, 9, 9]);
    assert_eq!(said(&mut end), [(IPCP, 3, 2, values.clone())]);
    end.take(NOW, &from(IPCP, 1, 3, &values));
    assert_eq!(said(&mut end), [(IPCP, 2, 3, values)]);
    let ours = told.iter().find(|frame| frame.0 == IPCP && frame.1 == 1).unwrap();
    assert_eq!(ours.3, [3, 6, 10, 9, 0, 1]);
    end.take(NOW, &from(IPCP, 2, ours.2, &ours.3));
    end.drain();
    assert!(end.is_open());
    // pppd told to use another interface identifier naks it; ours tells it which to take.
    end.take(NOW, &from(0x8057, 1, 1, &[1, 10, 0, 0, 0, 0, 0, 0, 0, 0]));
    let nak = said(&mut end).remove(0);
    assert_eq!((nak.1, nak.3), (3, Vec::from([1, 10, 0, 0, 0, 0, 0, 0, 0, 2])));
}

#[test]
fn pppd_as_a_client_without_mppe_is_told_and_leaves() {
    let (mut end, _) = proven_server(Mppe::Off);
    end.session.assign(NOW, given());
    said(&mut end);
    end.take(NOW, &from(CCP, 1, 1, &[18, 6, 1, 0, 0, 0x40]));
    assert_eq!(said(&mut end), [(CCP, 4, 1, Vec::from([18, 6, 1, 0, 0, 0x40]))]);
    // Deflate and BSD-Compress go the same way; an empty request ends in a rejected protocol.
    end.take(NOW, &from(CCP, 1, 2, &[26, 4, 0x78, 0, 21, 3, 0x2F]));
    assert_eq!(said(&mut end)[0].1, 4);
    assert_eq!(end.take(NOW, &from(CCP, 1, 3, &[])), Input::Dropped(Dropped::Unwanted));
    let reject = said(&mut end).remove(0);
    assert_eq!((reject.0, reject.1, &reject.3[..2]), (LCP, 8, &[0x80, 0xFD][..]));
    end.take(NOW, &from(LCP, 5, 9, b"MPPE required but peer refused"));
    end.drain();
    assert!(matches!(
        end.cause(),
        Some(Cause::PeerTerminated { meaning: crate::ppp::Meaning::MppeRefused, .. })
    ));
}

#[test]
fn a_server_that_says_nothing_about_encryption_is_waited_for_and_then_not() {
    let mut end = linked_client(Mppe::Allowed(Ciphers::BITS_128));
    proven_client(&mut end);
    let protocols = |end: &mut End| said(end).iter().map(|frame| frame.0).collect::<Vec<_>>();
    assert_eq!(protocols(&mut end), [CCP]);
    end.session.poll(NOW + seconds(5));
    assert_eq!(protocols(&mut end), [CCP]);
    let later = NOW + seconds(6);
    assert_eq!(end.session.deadline(), Some(later));
    end.session.poll(later);
    assert_eq!(protocols(&mut end), [IPCP]);
    // A rejected protocol settles it at once, and is not heard of again.
    let mut end = linked_client(Mppe::Allowed(Ciphers::BITS_128));
    proven_client(&mut end);
    said(&mut end);
    end.take(NOW, &from(LCP, 8, 7, &[0x80, 0xFD, 1, 1, 0, 4]));
    assert_eq!(protocols(&mut end), [IPCP]);
}

#[test]
fn a_server_that_accepts_no_address_at_all_gives_none() {
    let mut end = linked_client(Mppe::Off);
    proven_client(&mut end);
    let ours = said(&mut end).remove(0);
    end.take(NOW, &from(IPCP, 2, ours.2, &ours.3));
    end.take(NOW, &from(IPCP, 1, 1, &[3, 6, 10, 0, 0, 1]));
    end.drain();
    assert_eq!(end.session.cause(), Some(&Cause::NoAddress));
    assert!(end.opened().is_none());
}

#[test]
fn a_server_that_asks_for_other_ciphers_without_end_is_given_up() {
    let mut end = linked_client(B128);
    proven_client(&mut end);
    said(&mut end);
    for id in 0..100 {
        end.take(NOW, &from(CCP, 1, id, &[18, 6, 1, 0, 0, 0x20]));
        end.drain();
    }
    assert_eq!(end.session.cause(), Some(&Cause::NeverConverged(frame::Protocol::CCP)));
    assert!(end.sent.len() < 40);
}
