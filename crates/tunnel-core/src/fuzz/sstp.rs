//! Any bytes as SSTP: its stream, its messages, its HTTP heads, both ends of a call.

use alloc::vec::Vec;
use core::time::Duration;

use crate::sstp::http::{HEAD_OCTETS_MAX, Recognised, Request, Response, recognise};
use crate::sstp::http::{request, response};
use crate::sstp::packet::{FRAME_OCTETS_MAX, PACKET_OCTETS_MAX};
use crate::sstp::{
    Call, Certificate, Client, Event, Hashes, Message, Packet, Server, Stream, Timers, Traffic,
};
use crate::time::Moment;

/// The first octet is the size of the pieces. Cut anywhere, a stream gives the same packets;
/// messages are read and written back; whatever comes, a call ends once and no server lets network
/// packets through.
pub fn sstp(data: &[u8]) {
    heads(data);
    let [step, data @ ..] = data else { return };
    let whole = cut(data, data.len().max(1));
    assert_eq!(whole, cut(data, usize::from(*step) + 1));
    assert_eq!(whole, cut(data, 1));
    let certificate = Certificate::of_der(b"shown");
    let start = Moment(Duration::ZERO);
    let mut client = Client::new(start, certificate, Timers::default());
    let mut server = Server::new(start, certificate, Hashes::ALL, [3; 32], Timers::default());
    let mut ends = [0; 2];
    for (at, (control, packet)) in (0u64..).zip(&whole.0) {
        let now = Moment(Duration::from_secs(at * u64::from(*step)));
        if *control {
            client.control(now, packet);
            server.control(now, packet);
            message(packet);
        } else {
            client.heard(now);
            server.heard(now);
            let _ = Traffic::of(packet);
        }
        client.authenticated(now, None);
        server.authenticated(now, None);
        for (call, ends) in [&mut *client, &mut *server].into_iter().zip(&mut ends) {
            turn(call, now, ends);
        }
        assert!(!server.carries(Traffic::Network), "a binding out of nothing");
    }
    for (call, ends) in [&mut *client, &mut *server].into_iter().zip(&mut ends) {
        call.lower_down();
        turn(call, start, ends);
        assert!(*ends == 1 && call.deadline().is_none());
    }
}

fn turn(call: &mut Call, now: Moment, ends: &mut u32) {
    call.poll(now);
    while let Some(event) = call.next_event() {
        *ends += u32::from(matches!(event, Event::Ended(_)));
    }
    let mut out = Vec::new();
    call.next_packets(&mut out);
    assert!(*ends <= 1 && out.len() <= 2048);
    assert!(*ends == 0 || !call.carries(Traffic::Control));
    assert!(!cut(&out, 7).1, "what we send is no stream");
}

/// Packets with whether they are control packets, and whether the stream broke.
fn cut(data: &[u8], step: usize) -> (Vec<(bool, Vec<u8>)>, bool) {
    let (mut stream, mut packets) = (Stream::new(), Vec::new());
    for piece in data.chunks(step) {
        let mut piece = Vec::from(piece);
        let mut input = piece.as_mut_slice();
        loop {
            match stream.next(&mut input) {
                Ok(Some(Packet::Data(frame))) => {
                    assert!(frame.len() <= FRAME_OCTETS_MAX);
                    packets.push((false, Vec::from(frame)));
                }
                Ok(Some(Packet::Control(packet))) => {
                    assert!(packet.len() <= usize::from(PACKET_OCTETS_MAX));
                    packets.push((true, Vec::from(packet)));
                }
                Ok(None) => break,
                Err(_) => return (packets, true),
            }
        }
        assert!(input.is_empty(), "octets were left");
    }
    (packets, false)
}

fn message(packet: &[u8]) {
    if let Ok(message) = Message::parse(packet) {
        let mut again = Vec::new();
        message.write(&mut again);
        assert_eq!(Message::parse(&again), Ok(message));
        assert!(again.len() <= packet.len(), "a message grew");
    }
}

fn heads(data: &[u8]) {
    match request(data) {
        Request::Whole { octets, .. } => {
            assert!(octets <= data.len() && octets <= HEAD_OCTETS_MAX);
            assert_eq!(recognise(data), Recognised::Yes);
            assert_eq!(data.get(..octets).map(request), Some(request(data)));
        }
        Request::NotYet => assert!(data.len() < HEAD_OCTETS_MAX),
        Request::Refused(_) => {}
    }
    match response(data) {
        Response::Accepted { octets } => assert!(octets <= data.len()),
        Response::NotYet => assert!(data.len() < HEAD_OCTETS_MAX),
        Response::Status { code, .. } => assert!(code != 200 && code <= 999),
        Response::Refused(_) => {}
    }
}
