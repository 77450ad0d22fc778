//! Streams through a tunnel, both ways at once: what the kernel hands over in large segments comes
//! out whole, and so does what is joined again.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread::{self, JoinHandle};

use menshen_tunnel_core::ppp::{Ciphers, Mppe, Settings};

use crate::client::{Who, pptp};
use crate::place::Place;
use crate::space::Space;

#[test]
fn streams_come_whole_both_ways() {
    let (Some(space), Some(far)) = (Space::new(), Space::new()) else { return };
    space.join(&far, 1);
    let place = Place::new(&space, &["anna"], |_| {});
    for mppe in [Mppe::Off, Mppe::Required(Ciphers::BITS_128)] {
        let settings = Settings { mru: 1400, ..Settings::client(mppe) };
        let client = pptp(&far, 1, Who("anna", "testpass"), settings);
        let (inner, ours) = client.open();
        let streams = [stream(&space, ours, &far), stream(&far, inner, &space)];
        for stream in streams {
            stream.join().unwrap();
        }
        // Whatever the kernel hands over at once, the wire has packets of its own length. Counters
        // are told once in a second.
        let packets = u64::try_from(OCTETS / 1400).unwrap();
        let snapshot = place.wait("the counters", |now| {
            let session = &now.sessions[0];
            session.received_packets >= packets && session.sent_packets >= packets
        });
        assert_eq!(snapshot.sessions[0].spoofed, 0);
        client.close();
        place.wait("the end of the session", |now| now.sessions.is_empty());
    }
    place.stop();
}

/// Sends octets from one namespace to an address of another, which looks at each.
fn stream(there: &Space, address: Ipv4Addr, here: &Space) -> JoinHandle<()> {
    let listener = there.thread(move || TcpListener::bind((address, 0)).unwrap()).join().unwrap();
    let to = listener.local_addr().unwrap();
    let sender = here.thread(move || {
        let mut stream = TcpStream::connect(to).unwrap();
        let octets = pattern();
        // Of many lengths, so that segments end anywhere.
        let (mut rest, mut length) = (&octets[..], 1);
        while !rest.is_empty() {
            let (now, later) = rest.split_at(length.min(rest.len()));
            stream.write_all(now).unwrap();
            (rest, length) = (later, length * 3 % 99_991 + 1);
        }
    });
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut came = Vec::new();
        stream.read_to_end(&mut came).unwrap();
        assert!(came == pattern(), "{} octets of {OCTETS} came, or others", came.len());
        sender.join().unwrap();
    })
}

fn pattern() -> Vec<u8> {
    let mut state = 1u32;
    let next = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    (0..OCTETS).map(next).collect()
}

const OCTETS: usize = 12_000_000;
