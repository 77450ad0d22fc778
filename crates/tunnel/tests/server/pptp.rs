//! PPTP clients: packets both ways with every cipher, two users, strangers, ends.

use std::io::Write;
use std::net::{Ipv4Addr, TcpStream, UdpSocket};
use std::time::Duration;

use menshen_tunnel::server::CallCount;
use menshen_tunnel_core::mppe::Strength;
use menshen_tunnel_core::ppp::{Cause, Ciphers, Echo, Meaning, Mppe, Settings, Stateful};
use socket2::{Domain, Protocol, Socket, Type};

use crate::client::{Who, pptp};
use crate::place::Place;
use crate::space::{Space, arrives, both_ways, wait_for};

const ANNA: Who<'static> = Who("anna", "testpass");
const BOB: Who<'static> = Who("DOMAIN\\bob", "testpass");

pub(crate) fn plain() -> Settings {
    Settings::client(Mppe::Off)
}

#[test]
fn packets_pass_with_every_cipher_and_without() {
    let (Some(space), Some(far)) = (Space::new(), Space::new()) else { return };
    space.join(&far, 1);
    let place = Place::new(&space, &["anna"], |_| {});
    let only = |strength: Strength| {
        let ciphers = Ciphers { strengths: strength.bits(), stateful: Stateful::Refused };
        Settings::client(Mppe::Required(ciphers))
    };
    let cases =
        [(plain(), None), (only(Strength::Bits128), Some(128)), (only(Strength::Bits40), Some(40))];
    for (settings, bits) in cases {
        let client = pptp(&far, 1, ANNA, settings);
        let (inner, ours) = client.open();
        assert_eq!(ours, Ipv4Addr::new(10, 77, 0, 1));
        both_ways((&far, inner.into()), (&space, ours.into()));
        let snapshot = place.wait("the counters", |now| now.sessions[0].received_packets >= 2);
        let session = &snapshot.sessions[0];
        assert_eq!((session.user.as_deref(), session.mppe_bits), (Some("anna"), bits));
        assert_eq!((session.phase.as_str(), session.address), ("open", Some(inner)));
        assert_eq!(snapshot.half_open, 0);
        let counts = place.ask(|server| server.gre_counts([10, 9, 1, 2].into()));
        let own = counts.iter().rfind(|row| row.peer == Some(0)).unwrap();
        assert!(own.call == 0 && own.seen > 4 && own.sent > 4, "{counts:?}");
        let ended = client.close();
        assert_eq!(ended.cause, Cause::Closed, "{ended:?}");
        place.wait("the end of the session", |now| now.sessions.is_empty());
    }
    let snapshot = place.wait("the end of connections", |now| now.control_connections == 0);
    assert_eq!((snapshot.pool.taken, snapshot.counters.logins), (0, 3));
    let lines = place.stop();
    assert_eq!(lines.len(), 6, "{lines:?}");
    for word in ["\"event\":\"stop\"", "\"cause\":\"user-request\"", "\"user\":\"anna\""] {
        assert!(lines[5].contains(word), "{}", lines[5]);
    }
    assert!(lines[0].contains("\"interface\":\"ms"), "{}", lines[0]);
}

#[test]
fn two_users_have_their_own_tunnels() {
    let spaces = (Space::new(), Space::new(), Space::new());
    let (Some(space), Some(one), Some(two)) = spaces else { return };
    space.join(&one, 1);
    space.join(&two, 2);
    let place = Place::new(&space, &["anna", "bob:10.77.0.200"], |settings| {
        settings.pptp.mppe = Mppe::Required(Ciphers::BITS_128);
    });
    let required = Settings::client(Mppe::Required(Ciphers::BITS_128));
    let anna = pptp(&one, 1, ANNA, required.clone());
    let bob = pptp(&two, 2, BOB, required);
    let (annas, ours) = anna.open();
    let (bobs, _) = bob.open();
    assert_eq!(bobs, Ipv4Addr::new(10, 77, 0, 200));
    both_ways((&one, annas.into()), (&space, ours.into()));
    both_ways((&two, bobs.into()), (&space, ours.into()));
    let snapshot = place.snapshot();
    let interfaces: Vec<_> = snapshot.sessions.iter().map(|each| each.interface.clone()).collect();
    assert_eq!(interfaces.len(), 2);
    assert_ne!(interfaces[0], interfaces[1]);
    // Who insists on encryption talks to nobody without.
    let other = pptp(&one, 1, ANNA, plain()).end();
    let (meaning, text) = other.text();
    assert!(text.contains("too many sessions of this user") || meaning != Meaning::Unknown);
    for client in [anna, bob] {
        assert_eq!(client.close().cause, Cause::Closed);
    }
    place.wait("their ends", |now| now.sessions.is_empty());
    let without = pptp(&one, 1, ANNA, plain()).end();
    assert_eq!(without.text().0, Meaning::MppeRefused);
    place.stop();
}

#[test]
fn two_clients_behind_one_address_are_told_apart() {
    let (Some(space), Some(far)) = (Space::new(), Space::new()) else { return };
    space.join(&far, 1);
    let place = Place::new(&space, &["anna", "bob"], |_| {});
    let required = Settings::client(Mppe::Required(Ciphers::BITS_128));
    // Both want to be called 0, as behind a NAT without a helper; the second gets another number.
    let anna = pptp(&far, 1, ANNA, required.clone());
    let (annas, ours) = anna.open();
    let bob = pptp(&far, 1, BOB, required);
    let (bobs, _) = bob.open();
    let server = space.udp(ours);
    for inner in [annas, bobs] {
        arrives(&server, &far.udp(inner), 700);
    }
    let counts = place.ask(|server| server.gre_counts([10, 9, 1, 2].into()));
    let zero =
        |of: fn(&CallCount) -> Option<u16>| counts.iter().filter(|row| of(row) == Some(0)).count();
    assert_eq!((counts.len(), zero(|row| Some(row.call)), zero(|row| row.peer)), (2, 1, 1));
    anna.close();
    bob.close();
    place.stop();
}

#[test]
fn no_packet_of_a_stranger_is_delivered() {
    let (Some(space), Some(far)) = (Space::new(), Space::new()) else { return };
    space.join(&far, 1);
    far.run("ip addr add 10.9.1.66/24 dev v0");
    far.run("ip addr add 10.99.0.9/32 dev lo");
    let place = Place::new(&space, &["anna"], |_| {});
    let client = pptp(&far, 1, ANNA, plain());
    let (inner, ours) = client.open();
    let (near, end) = (far.udp(inner), space.udp(ours));
    arrives(&near, &end, 20);

    // GRE of the call's number with a packet as the client would send it, from another address.
    let mut inside = vec![0x45, 0, 0, 35, 0, 0, 0, 0, 64, 17, 0, 0];
    inside.extend(inner.octets());
    inside.extend(ours.octets());
    let sum: u32 = inside.chunks(2).map(|two| u32::from(two[0]) << 8 | u32::from(two[1])).sum();
    let sum = u16::try_from((sum & 0xffff) + (sum >> 16)).unwrap();
    inside[10..12].copy_from_slice(&(!sum).to_be_bytes());
    let port = end.local_addr().unwrap().port().to_be_bytes();
    inside.extend([0, 9, port[0], port[1], 0, 15, 0, 0]);
    inside.extend(b"spoofed");
    let mut spoofed = vec![0x30, 0x01, 0x88, 0x0b, 0, 39, 0, 0, 0, 0, 0, 200, 0xff, 0x03, 0, 0x21];
    spoofed.extend(inside);
    let send_from = |last: u8| {
        let spoofed = spoofed.clone();
        let sent = far.thread(move || {
            let gre = Some(Protocol::from(47));
            let socket = Socket::new(Domain::IPV4, Type::RAW, gre).unwrap();
            let address = |last, port| std::net::SocketAddr::from(([10, 9, 1, last], port)).into();
            socket.bind(&address(last, 0)).unwrap();
            for _ in 0..5 {
                socket.send_to(&spoofed, &address(1, 0)).unwrap();
            }
        });
        sent.join().unwrap();
    };
    send_from(66);
    place.wait("the stranger's packets", |now| now.counters.gre_unknown >= 5);
    honest_first(&near, &end);

    // The client's own tunnel, another source within.
    let other = far.udp([10, 99, 0, 9].into());
    let target = end.local_addr().unwrap();
    for _ in 0..3 {
        other.send_to(b"spoofed", target).unwrap();
    }
    let snapshot = place.wait("the spoofed packets", |now| now.counters.spoofed >= 3);
    assert_eq!(snapshot.sessions[0].spoofed, snapshot.counters.spoofed);
    honest_first(&near, &end);
    // Through the client's interface, for somebody else.
    space.run("ip route add 10.88.0.0/24 dev ms0");
    space.udp(ours).send_to(b"strayed", ("10.88.0.1", 9)).unwrap();
    place.wait("the strayed packet", |now| now.counters.spoofed >= 4);

    // PPTP itself proves nothing: without MPPE, who has the client's address is the client.
    send_from(2);
    let mut buffer = [0; 100];
    wait_for("the packet", || {
        end.recv_from(&mut buffer).is_ok_and(|(octets, _)| buffer[..octets] == *b"spoofed")
    });
    client.close();
    place.stop();
}

#[test]
fn a_question_for_routes_is_answered() {
    let (Some(space), Some(far)) = (Space::new(), Space::new()) else { return };
    space.join(&far, 1);
    let place = Place::new(&space, &["anna"], |settings| {
        settings.routes = vec![([192, 168, 5, 0].into(), 24)];
    });
    let client = pptp(&far, 1, ANNA, Settings::client(Mppe::Required(Ciphers::BITS_128)));
    let (inner, ours) = client.open();
    // As Windows asks (RFC 2131 section 4.4.3): for routes, from its own address to everybody.
    let mut inform = vec![1, 8, 6, 0, 1, 2, 3, 4];
    inform.resize(240, 0);
    inform[12..16].copy_from_slice(&inner.octets());
    inform[236..].copy_from_slice(&[99, 130, 83, 99]);
    inform.extend([53, 1, 8, 55, 1, 121, 255]);
    far.run("ip route add 255.255.255.255 dev mt0");
    let asker = far.thread(move || UdpSocket::bind((inner, 68)).unwrap()).join().unwrap();
    asker.set_broadcast(true).unwrap();
    asker.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    let mut answer = [0; 1500];
    let mut octets = 0;
    wait_for("the answer", || {
        asker.send_to(&inform, ("255.255.255.255", 67)).unwrap();
        asker.recv_from(&mut answer).is_ok_and(|(length, from)| {
            octets = length;
            from == (ours, 67).into()
        })
    });
    let told = [121, 8, 24, 192, 168, 5, 10, 77, 0, 1, 255];
    assert_eq!(answer[octets - told.len()..octets], told);
    assert!(place.snapshot().counters.informs >= 1);
    client.close();
    place.stop();
}

#[test]
fn a_client_that_vanishes_is_noticed() {
    let (Some(space), Some(far)) = (Space::new(), Space::new()) else { return };
    space.join(&far, 1);
    let place = Place::new(&space, &["anna"], |settings| {
        settings.times.echo = Echo { interval: Duration::from_secs(1), failures: 2 };
    });
    let client = pptp(&far, 1, ANNA, plain());
    client.open();
    far.run("ip link set v0 down");
    place.wait("the end of the session", |now| now.sessions.is_empty());
    assert_eq!(place.snapshot().pool.taken, 0);
    let lines = place.stop();
    assert!(lines[1].contains("\"cause\":\"echo-timeout\""), "{lines:?}");
    drop(client);
}

#[test]
fn a_client_that_is_killed_leaves_nothing() {
    let (Some(space), Some(far)) = (Space::new(), Space::new()) else { return };
    space.join(&far, 1);
    let place = Place::new(&space, &["anna"], |_| {});
    // A control connection and a call without any GRE, cut off.
    let mut tcp = far.thread(|| TcpStream::connect("10.9.1.1:1723").unwrap()).join().unwrap();
    tcp.write_all(&call_request(7)).unwrap();
    place.wait("the call", |now| now.sessions.len() == 1 && now.half_open == 1);
    drop(tcp);
    let snapshot = place.wait("its end", |now| now.sessions.is_empty() && now.half_open == 0);
    assert_eq!(snapshot.control_connections, 0);
    place.stop();
}

#[test]
fn a_server_that_stops_says_so_to_all() {
    let (Some(space), Some(far)) = (Space::new(), Space::new()) else { return };
    space.join(&far, 1);
    let place = Place::new(&space, &["anna"], |_| {});
    let client = pptp(&far, 1, ANNA, plain());
    client.open();
    let strangers = far.thread(|| {
        let mut strangers: Vec<_> =
            (0..3).map(|_| TcpStream::connect("10.9.1.1:1723").unwrap()).collect();
        strangers[1].write_all(&call_request(7)).unwrap();
        strangers
    });
    let strangers = strangers.join().unwrap();
    place.wait("the strangers", |now| now.half_open == 3 && now.sessions.len() == 2);
    let lines = place.stop();
    let ended = client.end();
    assert_eq!(ended.text().1, "server is stopping");
    assert!(lines[1].contains("\"cause\":\"server-stop\""), "{lines:?}");
    drop(strangers);
}

#[test]
fn a_client_that_hears_nothing_of_the_end_is_written_down() {
    let (Some(space), Some(far)) = (Space::new(), Space::new()) else { return };
    space.join(&far, 1);
    let place = Place::new(&space, &["anna"], |settings| {
        settings.times.stop = Duration::from_secs(1);
    });
    let client = pptp(&far, 1, ANNA, plain());
    let (inner, ours) = client.open();
    both_ways((&far, inner.into()), (&space, ours.into()));
    far.run("ip link set v0 down");
    let lines = place.stop();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[1].contains("\"cause\":\"server-stop\""), "{lines:?}");
    assert!(!lines[1].contains("\"sent_octets\":0"), "{lines:?}");
    drop(client);
}

#[test]
fn an_interface_that_is_not_gone_yet_takes_no_packets_of_the_next_session() {
    let (Some(space), Some(far)) = (Space::new(), Space::new()) else { return };
    space.join(&far, 1);
    // As the one of a session before, which had the same address.
    space.run("ip tuntap add dying mode tun");
    space.run("ip addr add 10.77.0.1 peer 10.77.0.200 dev dying");
    space.run("ip link set dying up");
    let place = Place::new(&space, &["anna:10.77.0.200"], |_| {});
    let client = pptp(&far, 1, ANNA, plain());
    let (inner, ours) = client.open();
    both_ways((&far, inner.into()), (&space, ours.into()));
    client.close();
    place.stop();
}

#[test]
fn what_the_kernel_does_not_let_out_was_not_sent() {
    let (Some(space), Some(far)) = (Space::new(), Space::new()) else { return };
    space.join(&far, 1);
    let place = Place::new(&space, &["anna"], |_| {});
    let client = pptp(&far, 1, ANNA, plain());
    let (inner, ours) = client.open();
    both_ways((&far, inner.into()), (&space, ours.into()));
    let sent = |place: &Place| {
        let counts = place.ask(|server| server.gre_counts([10, 9, 1, 2].into()));
        counts.iter().map(|row| row.sent).sum::<u64>()
    };
    // As a filter on the way out does: GRE is refused with EACCES.
    space.run("ip rule add pref 1 iif lo ipproto 47 prohibit");
    // What was under way is counted.
    std::thread::sleep(Duration::from_millis(1500));
    let (before, session) = (sent(&place), place.snapshot().sessions.remove(0));
    let (near, target) = (space.udp(ours), std::net::SocketAddr::from((inner, 9)));
    for _ in 0..100 {
        near.send_to(&[0; 500], target).unwrap();
    }
    std::thread::sleep(Duration::from_millis(1500));
    let after = place.snapshot().sessions.remove(0);
    assert_eq!(sent(&place), before);
    assert_eq!(
        (after.sent_packets, after.sent_octets),
        (session.sent_packets, session.sent_octets)
    );
    space.run("ip rule del pref 1");
    near.send_to(&[0; 500], target).unwrap();
    place.wait("the packet", |now| now.sessions[0].sent_packets > session.sent_packets);
    let last = place.snapshot().sessions.remove(0);
    assert_eq!(last.sent_octets, session.sent_octets + 528);
    client.close();
    place.stop();
}

/// A packet through the tunnel arrives, and nothing else did before it but its like.
fn honest_first(from: &UdpSocket, to: &UdpSocket) {
    let mut buffer = [0; 100];
    wait_for("the honest packet", || {
        let _ = from.send_to(b"honest", to.local_addr().unwrap());
        to.recv_from(&mut buffer).is_ok_and(|(octets, _)| {
            assert_ne!(&buffer[..octets], b"spoofed");
            buffer[..octets] == *b"honest"
        })
    });
}

/// What a client says who asks for a control connection and a call, in one piece.
pub(crate) fn call_request(call: u16) -> Vec<u8> {
    use menshen_tunnel_core::pptp::CallId;
    use menshen_tunnel_core::pptp::call::{Control, Limits, Role, Settings};
    use menshen_tunnel_core::pptp::control::{
        ErrorCode, Message, Start, StartReply, StartResult, Text,
    };
    use menshen_tunnel_core::time::Moment;
    let (host, vendor) = (Text::new(""), Text::new(""));
    let limits = Limits::default();
    let role = Role::Client;
    let settings = Settings { role, host, vendor, firmware: 0, window: 64, limits };
    let mut control = Control::new(settings, Moment::default());
    // It is told what a server would say, so that it goes on at once.
    let start = Start {
        version: 0x100,
        framing: 3,
        bearer: 3,
        channels_max: 0,
        firmware: 0,
        host: Text::new(""),
        vendor: Text::new(""),
    };
    let (result, error) = (StartResult::OK, ErrorCode::NONE);
    let mut reply = Vec::new();
    Message::StartReply(StartReply { start, result, error }).encode(&mut reply);
    control.input(Moment::default(), &reply);
    control.call(Moment::default(), CallId(call)).unwrap();
    let mut octets = Vec::new();
    control.output(&mut octets);
    octets
}
