//! Streams of a capture, made here packet by packet.
use alloc::vec;

use proptest::prelude::*;

use super::*;

/// A conversation between 10.0.0.9:50000 and 10.0.0.1:443 over raw IPv4.
struct Wire {
    finder: Finder,
    now_ns: u64,
    client: u32,
    server: u32,
}

const SYN: u8 = 2;
const ACK: u8 = 16;
const FIN: u8 = 1;

impl Wire {
    fn new() -> Self {
        Self { finder: Finder::new(), now_ns: 1_000_000_000, client: 100, server: 900 }
    }

    fn packet(&mut self, from: Side, sequence: u32, flags: u8, content: &[u8]) {
        let [client, server] = [([10, 0, 0, 9], 50_000_u16), ([10, 0, 0, 1], 443)];
        let (source, destination) =
            if from == Side::Client { (client, server) } else { (server, client) };
        let length = u16::try_from(40 + content.len()).unwrap();
        let mut bytes = vec![0x45, 0];
        bytes.extend(length.to_be_bytes());
        bytes.extend([0, 0, 0x40, 0, 64, 6, 0, 0]);
        bytes.extend(source.0);
        bytes.extend(destination.0);
        bytes.extend(source.1.to_be_bytes());
        bytes.extend(destination.1.to_be_bytes());
        bytes.extend(sequence.to_be_bytes());
        bytes.extend([0, 0, 0, 0, 0x50, flags, 0, 0, 0, 0, 0, 0]);
        bytes.extend_from_slice(content);
        self.now_ns += 1_000_000;
        let wire_bytes = u32::from(length);
        let packet = Packet { unix_ns: self.now_ns, link: 101, bytes: &bytes, wire_bytes };
        self.finder.take(&packet);
    }

    fn open(&mut self) {
        self.packet(Side::Client, self.client - 1, SYN, b"");
        self.packet(Side::Server, self.server - 1, SYN | ACK, b"");
        self.packet(Side::Client, self.client, ACK, b"");
    }

    fn say(&mut self, from: Side, content: &[u8]) {
        let place = if from == Side::Client { &mut self.client } else { &mut self.server };
        let sequence = *place;
        *place = place.wrapping_add(u32::try_from(content.len()).unwrap());
        self.packet(from, sequence, ACK, content);
    }

    fn found(self) -> Vec<Connection> {
        self.finder.finish()
    }
}

fn bytes_of(connection: &Connection, from: Side) -> Vec<u8> {
    let of_side = connection.pieces.iter().filter(|piece| piece.from == from);
    of_side.flat_map(|piece| piece.bytes.to_vec()).collect()
}

const CLIENT_HELLO: &[u8] = &[22, 3, 1, 0, 8, 1, 0, 0, 4, 9, 9, 9, 9];
const SERVER_HELLO: &[u8] = &[22, 3, 3, 0, 8, 2, 0, 0, 4, 8, 8, 8, 8];

#[test]
fn a_connection_from_syn_to_fin() {
    let mut wire = Wire::new();
    wire.open();
    wire.say(Side::Client, CLIENT_HELLO);
    wire.say(Side::Server, SERVER_HELLO);
    wire.packet(Side::Server, wire.server, ACK | FIN, b"");
    assert_eq!(wire.finder.counts().segments, 6);
    let [connection] = &wire.found()[..] else { panic!("one connection") };
    assert_eq!(connection.client, ([10, 0, 0, 9], 50_000).into());
    assert_eq!(connection.server, ([10, 0, 0, 1], 443).into());
    assert_eq!(connection.began_unix_ns, 1_001_000_000);
    assert_eq!(connection.connect_us, Some(2_000));
    assert_eq!(connection.closed, Some((Side::Server, 5_000)));
    let times: Vec<_> = connection.pieces.iter().map(|piece| (piece.from, piece.at_us)).collect();
    assert_eq!(times, [(Side::Client, 3_000), (Side::Server, 4_000)]);
    assert_eq!(bytes_of(connection, Side::Client), CLIENT_HELLO);
    assert_eq!(bytes_of(connection, Side::Server), SERVER_HELLO);
}

#[test]
fn the_end_of_a_hello_may_come_before_its_beginning() {
    let mut wire = Wire::new();
    wire.open();
    let (begin, end) = CLIENT_HELLO.split_at(9);
    wire.packet(Side::Client, 109, ACK, end);
    wire.packet(Side::Client, 100, ACK, begin);
    let [connection] = &wire.found()[..] else { panic!("one connection") };
    assert_eq!(bytes_of(connection, Side::Client), CLIENT_HELLO);
    assert!(!connection.client_oddities.hole);
}

#[test]
fn tls_that_begins_after_some_text_is_found() {
    let mut wire = Wire::new();
    wire.open();
    wire.say(Side::Server, b"220 mail\r\n");
    wire.say(Side::Client, b"STARTTLS\r\n");
    wire.say(Side::Server, b"220 go\r\n");
    wire.say(Side::Client, CLIENT_HELLO);
    wire.say(Side::Server, SERVER_HELLO);
    let [connection] = &wire.found()[..] else { panic!("one connection") };
    assert_eq!(bytes_of(connection, Side::Client), CLIENT_HELLO);
    assert_eq!(bytes_of(connection, Side::Server), SERVER_HELLO);
}

#[test]
fn a_capture_that_begins_late_still_tells_who_is_the_client() {
    let mut wire = Wire::new();
    wire.say(Side::Server, SERVER_HELLO);
    wire.say(Side::Client, b"\x14\x03\x03\0\x01\x01");
    let [connection] = &wire.found()[..] else { panic!("one connection") };
    assert_eq!(connection.server, ([10, 0, 0, 1], 443).into());
    assert_eq!(connection.connect_us, None);
    assert_eq!(bytes_of(connection, Side::Client), b"\x14\x03\x03\0\x01\x01");
}

#[test]
fn other_streams_are_no_connections() {
    let mut wire = Wire::new();
    wire.open();
    for _ in 0..100 {
        wire.say(Side::Client, b"GET / HTTP/1.1\r\n\r\n");
    }
    assert!(matches!(wire.finder.streams.values().next(), Some(Stream::Other)));
    // Its payload may look like a hello now; it began as something else.
    wire.say(Side::Client, CLIENT_HELLO);
    assert!(wire.found().is_empty());
}

#[test]
fn ports_used_anew_are_another_connection() {
    let mut wire = Wire::new();
    for _ in 0..3 {
        wire.open();
        wire.say(Side::Client, CLIENT_HELLO);
        wire.client += 10_000;
        wire.server += 10_000;
    }
    let found = wire.found();
    assert_eq!(found.len(), 3);
    assert!(found.iter().all(|one| bytes_of(one, Side::Client) == CLIENT_HELLO));
}

#[test]
fn what_is_kept_of_a_direction_is_bounded() {
    let mut wire = Wire::new();
    wire.open();
    wire.say(Side::Client, CLIENT_HELLO);
    for _ in 0..1000 {
        wire.say(Side::Server, &[23; 1400]);
    }
    let [connection] = &wire.found()[..] else { panic!("one connection") };
    assert_eq!(bytes_of(connection, Side::Server).len(), DIRECTION_BYTES_MAX);
    assert!(connection.has_more);
}

proptest! {
    #[test]
    fn any_segments_do_no_harm(
        segments in prop::collection::vec(
            (any::<bool>(), 0u32..60, 0u8..32, prop::sample::select(vec![
                &b""[..], CLIENT_HELLO, SERVER_HELLO, b"text", &[23, 3, 3, 0, 1, 7], &[22, 3, 1],
            ])),
            0..80,
        ),
    ) {
        let mut wire = Wire::new();
        for (client, sequence, flags, content) in segments {
            let side = if client { Side::Client } else { Side::Server };
            wire.packet(side, sequence, flags, content);
        }
        let kept = wire.finder.bytes_kept;
        let found = wire.found();
        let pieces = found.iter().flat_map(|one| &one.pieces);
        let bytes: usize = pieces.map(|piece| piece.bytes.len()).sum();
        prop_assert_eq!(kept, bytes);
        for connection in &found {
            prop_assert!(connection.pieces.is_sorted_by_key(|piece| piece.at_us));
        }
    }
}
