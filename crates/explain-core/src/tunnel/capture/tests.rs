//! Calls put together from packets made by hand.

use alloc::vec;
use alloc::vec::Vec;

use menshen_tunnel_core::pptp::CallId;
use menshen_tunnel_core::pptp::control::{CallResult, Cause, ErrorCode, Message, OutgoingReply};
use proptest::prelude::*;

use super::*;
use crate::capture::link::{ETHERNET, RAW};
use crate::tunnel::Report;

const CLIENT: [u8; 4] = [192, 0, 2, 1];
const SERVER: [u8; 4] = [198, 51, 100, 1];

fn ip(protocol: u8, from: [u8; 4], to: [u8; 4], fields: u16, payload: &[u8]) -> Vec<u8> {
    let total = u16::try_from(payload.len() + 20).unwrap().to_be_bytes();
    let mut packet = vec![0x45, 0, total[0], total[1], 0, 9];
    packet.extend(fields.to_be_bytes());
    packet.extend([64, protocol, 0, 0]);
    packet.extend([from, to].concat());
    packet.extend(payload);
    packet
}

/// GRE with a number and a frame of this length.
fn data(key: u16, sequence: u32, length: usize) -> Vec<u8> {
    let mut buffer = vec![0xfd; 16 + length];
    let range = gre::prepend(&mut buffer, 16..16 + length, CallId(key), sequence, None).unwrap();
    buffer[range].to_vec()
}

fn take(finder: &mut Finder, at_us: u64, bytes: &[u8]) {
    let wire_bytes = u32::try_from(bytes.len()).unwrap();
    finder.take(&Packet { unix_ns: 1_000_000_000 + at_us * 1000, link: RAW, bytes, wire_bytes });
}

#[test]
fn numbers_tell_of_loss_lateness_and_repetition() {
    let mut finder = Finder::new();
    for (at, sequence) in [0, 1, 2, 5, 4, 6, 6, 9].into_iter().enumerate() {
        let packet = ip(47, CLIENT, SERVER, 0, &data(7, sequence, 100));
        take(&mut finder, u64::try_from(at).unwrap() * 10, &packet);
    }
    let facts = finder.finish();
    let way = &facts.calls[0].to_server;
    assert_eq!((way.frames, way.missing, way.late, way.repeated), (8, 3, 1, 1));
    assert_eq!((way.first_sequence, way.last_sequence), (Some(0), Some(9)));
    assert_eq!((way.first_us, way.last_us), (Some(0), Some(70)));
    assert_eq!(way.ppp.encrypted, 7, "a repetition is no frame more");
    assert_eq!(facts.calls[0].server_id, Some(7));
}

#[test]
fn a_number_far_away_is_no_loss() {
    let mut finder = Finder::new();
    for sequence in [0, 1 << 30, (1 << 30) + 1, 5] {
        take(&mut finder, 0, &ip(47, CLIENT, SERVER, 0, &data(7, sequence, 10)));
    }
    assert_eq!(finder.finish().calls[0].to_server.missing, 0);
}

#[test]
fn fragments_are_put_together_in_any_order_and_told() {
    let whole = data(7, 0, 2000);
    let (first, last) = whole.split_at(1480);
    for swapped in [false, true] {
        let mut parts =
            vec![ip(47, CLIENT, SERVER, 0x2000, first), ip(47, CLIENT, SERVER, 1480 / 8, last)];
        if swapped {
            parts.reverse();
        }
        let mut finder = Finder::new();
        for part in &parts {
            take(&mut finder, 0, part);
            take(&mut finder, 0, &parts[0].clone());
        }
        assert_eq!(finder.counts().fragments, 4);
        let report = Report::new(finder.finish());
        let way = &report.calls[0].call.to_server;
        assert_eq!((way.fragmented, way.octets, way.longest), (1, 2000, 2032), "{swapped}");
        assert!(report.calls[0].notes.iter().any(|note| note.code == "tunnel-fragments"));
    }
}

#[test]
fn fragments_that_never_end_are_bounded() {
    let mut finder = Finder::new();
    for number in 0..3000_u16 {
        let mut part = ip(47, CLIENT, SERVER, 0x2000, &[1; 1400]);
        part[4..6].copy_from_slice(&number.to_be_bytes());
        take(&mut finder, 0, &part);
    }
    assert_eq!(finder.counts().fragments, 3000);
    assert!(finder.finish().calls.is_empty());
}

#[test]
fn tables_are_bounded_and_what_does_not_fit_is_counted() {
    let mut finder = Finder::new();
    for key in 0..6000 {
        take(&mut finder, 0, &ip(47, CLIENT, SERVER, 0, &data(key, 0, 10)));
    }
    for port in 0..12_000_u16 {
        let mut syn = vec![0; 20];
        syn[..2].copy_from_slice(&port.to_be_bytes());
        syn[2..4].copy_from_slice(&PORT.to_be_bytes());
        (syn[12], syn[13]) = (0x50, 0x02);
        take(&mut finder, 1, &ip(6, CLIENT, SERVER, 0, &syn));
    }
    assert_eq!(finder.counts().left_out, (6000 - 4096) + 2000);
    assert!(finder.finish().calls.len() <= 10_000);
}

/// The server's answer: call 7 of the client at this port is up, and is call 0 of the server.
fn granted(port: u16) -> Vec<u8> {
    let reply = OutgoingReply {
        call: CallId(0),
        peer: CallId(7),
        result: CallResult::CONNECTED,
        error: ErrorCode::NONE,
        cause: Cause(0),
        speed: 0,
        window: 3,
        delay: 0,
        channel: 0,
    };
    let mut segment = vec![0; 20];
    segment[..2].copy_from_slice(&PORT.to_be_bytes());
    segment[2..4].copy_from_slice(&port.to_be_bytes());
    (segment[12], segment[13]) = (0x50, 0x10);
    Message::OutgoingReply(reply).encode(&mut segment);
    ip(6, SERVER, CLIENT, 0, &segment)
}

/// The call id of a server is 0 for every first call: the second call must not have the first
/// one's packets.
#[test]
fn numbers_that_are_used_again_are_another_call() {
    let mut finder = Finder::new();
    for (round, client) in [(0_u64, 4000_u16), (1, 4001)] {
        let at = round * 60_000_000;
        take(&mut finder, at, &granted(client));
        for sequence in 0..=u32::from(client - 4000) {
            take(&mut finder, at + 1, &ip(47, CLIENT, SERVER, 0, &data(0, sequence, 10)));
        }
    }
    let frames: Vec<u64> = finder.finish().calls.iter().map(|call| call.to_server.frames).collect();
    assert_eq!(frames, [1, 2]);
}

#[test]
fn gre_that_overtook_its_call_belongs_to_it_and_older_gre_does_not() {
    for (before_us, frames, strays) in [(900_000, 2, 0), (1_100_000, 1, 1)] {
        let mut finder = Finder::new();
        take(&mut finder, 0, &ip(47, CLIENT, SERVER, 0, &data(0, 0, 10)));
        take(&mut finder, before_us, &granted(4000));
        take(&mut finder, before_us + 1, &ip(47, CLIENT, SERVER, 0, &data(0, 1, 10)));
        let facts = finder.finish();
        let [call] = &facts.calls[..] else { panic!("{:?}", facts.calls) };
        assert_eq!((call.to_server.frames, call.strays.len()), (frames, strays), "{before_us}");
    }
}

#[test]
fn errors_go_to_the_call_they_quote_and_tell_the_mtu() {
    let mut finder = Finder::new();
    take(&mut finder, 0, &granted(4000));
    let router = [203, 0, 113, 9];
    for (source, destination, key) in [(CLIENT, SERVER, 0), (SERVER, CLIENT, 7)] {
        let quoted = ip(47, source, destination, 0, &data(key, 0, 1400)[..8]);
        let error = [&[3, 4, 0, 0, 0, 0, 5, 0x78][..], &quoted].concat();
        for _ in 0..3 {
            take(&mut finder, 5, &ip(1, router, source, 0, &error));
        }
    }
    let report = Report::new(finder.finish());
    let call = &report.calls[0];
    let errors: Vec<_> = call.call.icmp.iter().map(|icmp| (icmp.quotes, icmp.count)).collect();
    assert_eq!(errors, [(Side::Client, 3), (Side::Server, 3)]);
    assert_eq!((call.call.icmp[0].mtu, call.call.icmp[0].key), (Some(1400), Some(0)));
    let note = call.notes.iter().find(|note| note.code == "tunnel-mtu").unwrap();
    assert_eq!(note.evidence[0].place, "ICMP 3/4 from 203.0.113.9");
}

#[test]
fn loss_and_reordering_are_told_when_they_are_more_than_chance() {
    let codes = |sequences: &mut dyn Iterator<Item = u32>| -> Vec<&'static str> {
        let mut finder = Finder::new();
        for sequence in sequences {
            take(&mut finder, 0, &ip(47, CLIENT, SERVER, 0, &data(7, sequence, 10)));
        }
        let report = Report::new(finder.finish());
        report.calls[0].notes.iter().map(|note| note.code).collect()
    };
    assert_eq!(codes(&mut (0..1000)), [""; 0]);
    assert_eq!(codes(&mut (0..1000).filter(|n| n % 100 != 5)), ["tunnel-loss"]);
    assert_eq!(codes(&mut (0..1000).map(|n| n ^ 1)), ["tunnel-reordering"]);
}

#[test]
fn other_traffic_is_not_looked_at() {
    let mut finder = Finder::new();
    for protocol in [6, 17, 1, 50, 47] {
        take(&mut finder, 0, &ip(protocol, CLIENT, SERVER, 0, &[0; 60]));
    }
    let wire_bytes = 60;
    finder.take(&Packet { unix_ns: 0, link: 999, bytes: &[0; 60], wire_bytes });
    finder.take(&Packet { unix_ns: 0, link: ETHERNET, bytes: &[0; 60], wire_bytes });
    let counts = finder.counts();
    assert_eq!((counts.packets, counts.gre, counts.control, counts.icmp), (7, 0, 0, 0));
    assert_eq!(counts.unknown_links, 1);
    assert!(finder.finish().calls.is_empty());
}

proptest! {
    #[test]
    fn any_bytes_do_no_harm(data in prop::collection::vec(any::<u8>(), 0..300)) {
        crate::fuzz::tunnel_capture(&data);
    }

    #[test]
    fn any_change_of_a_packet_does_no_harm(
        at in 0_usize..60,
        value: u8,
        cut in 20_usize..120,
        protocol in prop::sample::select(vec![1, 6, 47]),
    ) {
        let mut packet = ip(protocol, CLIENT, SERVER, 0, &data(7, 0, 60));
        packet[at] = value;
        packet.truncate(cut);
        crate::fuzz::tunnel_capture(&packet);
    }
}
