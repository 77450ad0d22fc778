//! Both ends of a call against each other and against what a peer must not do.

use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::auth::vectors::{PPTP_128, SSTP, array};
use crate::mppe::Keys;
use crate::time::Moment;

fn at(seconds: u64) -> Moment {
    Moment(Duration::from_secs(seconds))
}

fn keys() -> Keys {
    Keys::new(&SSTP.hash(), &array(SSTP.nt_response))
}

fn client() -> Client {
    Client::new(at(0), Certificate::of_der(b"shown"), Timers::default())
}

fn server() -> Server {
    let shown = Certificate::of_der(b"shown");
    Server::new(at(0), shown, Hashes::ALL, [5; 32], Timers::default())
}

/// The control packets that wait, each by itself.
fn packets(call: &mut Call) -> Vec<Vec<u8>> {
    let (mut octets, mut all) = (vec![], vec![]);
    call.next_packets(&mut octets);
    let (mut stream, mut input) = (Stream::new(), octets.as_mut_slice());
    while let Some(packet) = stream.next(&mut input).unwrap() {
        let Packet::Control(packet) = packet else { panic!("{packet:?}") };
        all.push(packet.to_vec());
    }
    all
}

fn messages(call: &mut Call) -> Vec<Message> {
    packets(call).iter().map(|packet| Message::parse(packet).unwrap()).collect()
}

fn events(call: &mut Call) -> Vec<Event> {
    core::iter::from_fn(|| call.next_event()).collect()
}

/// Carries packets both ways until both are silent.
fn settle(now: Moment, client: &mut Client, server: &mut Server) {
    loop {
        let (to_server, to_client) = (packets(client), packets(server));
        to_server.iter().for_each(|packet| server.control(now, packet));
        to_client.iter().for_each(|packet| client.control(now, packet));
        if to_server.is_empty() && to_client.is_empty() {
            return;
        }
    }
}

fn tell(server: &mut Server, now: Moment, message: &Message) {
    let mut packet = vec![];
    message.write(&mut packet);
    server.control(now, &packet);
}

fn connected() -> (Client, Server) {
    let (mut client, mut server) = (client(), server());
    settle(at(1), &mut client, &mut server);
    let keys = keys();
    server.authenticated(at(2), Some(&keys));
    client.authenticated(at(2), Some(&keys));
    settle(at(2), &mut client, &mut server);
    assert_eq!(events(&mut client), [Event::LowerUp, Event::Connected]);
    assert_eq!(events(&mut server), [Event::LowerUp, Event::Connected]);
    (client, server)
}

#[test]
fn a_call_comes_about_and_ends_in_good_order() {
    let (mut client, mut server) = connected();
    assert!(client.carries(Traffic::Network) && server.carries(Traffic::Network));
    client.close(at(9));
    settle(at(9), &mut client, &mut server);
    assert_eq!(events(&mut client), [Event::Ended(End::Closed), Event::Closed]);
    let why = Some(Invalid::message(Status::NO_ERROR));
    assert_eq!(events(&mut server), [Event::Ended(End::PeerDisconnected(why))]);
    assert!(!server.carries(Traffic::Control));
    server.poll(at(10));
    assert_eq!(events(&mut server), [Event::Closed]);
    assert_eq!((client.deadline(), server.deadline()), (None, None));
}

#[test]
fn network_packets_wait_for_the_binding_and_control_for_the_acknowledgement() {
    let (mut client, mut server) = (client(), server());
    assert!(!client.carries(Traffic::Control) && !server.carries(Traffic::Control));
    settle(at(1), &mut client, &mut server);
    assert!(client.carries(Traffic::Control) && server.carries(Traffic::Control));
    assert!(!client.carries(Traffic::Network) && !server.carries(Traffic::Network));
    // The binding comes before the server knows the keys: it is kept.
    client.authenticated(at(1), Some(&keys()));
    settle(at(1), &mut client, &mut server);
    assert!(client.carries(Traffic::Network) && !server.carries(Traffic::Network));
    server.authenticated(at(1), Some(&keys()));
    assert!(server.carries(Traffic::Network));
}

#[test]
fn a_binding_that_does_not_hold_ends_the_call_with_its_part() {
    let others = Keys::new(&PPTP_128.hash(), &array(PPTP_128.nt_response));
    for (shown, keys, mismatch) in [
        (&b"his own"[..], Some(keys()), Mismatch::Certificate),
        (b"shown", Some(others), Mismatch::Mac),
        (b"shown", None, Mismatch::Mac),
    ] {
        let mut client = Client::new(at(0), Certificate::of_der(shown), Timers::default());
        let mut server = server();
        settle(at(1), &mut client, &mut server);
        client.authenticated(at(1), keys.as_ref());
        server.authenticated(at(1), Some(&self::keys()));
        settle(at(1), &mut client, &mut server);
        assert!(!server.carries(Traffic::Network) && !server.carries(Traffic::Control));
        let ended = [Event::LowerUp, Event::Ended(End::Binding(mismatch))];
        assert_eq!(events(&mut server), ended);
        let why =
            Invalid { status: Status::VALUE_NOT_SUPPORTED, attribute: Attribute::CRYPTO_BINDING };
        let ended = [Event::LowerUp, Event::Connected, Event::Ended(End::PeerAborted(Some(why)))];
        assert_eq!(events(&mut client), ended);
        // Both have spoken: each closes after the second in which the words arrive.
        for call in [&mut *client, &mut *server] {
            assert_eq!(call.deadline(), Some(at(2)));
            call.poll(at(2));
            assert_eq!(events(call), [Event::Closed]);
        }
    }
}

#[test]
fn a_replayed_binding_of_another_connection_is_refused() {
    let (mut client, mut server) = (client(), server());
    settle(at(1), &mut client, &mut server);
    let shown = Certificate::of_der(b"shown");
    let binding = Binding::new(Hash::Sha256, [6; 32], &shown, Some(&keys()));
    server.authenticated(at(1), Some(&keys()));
    tell(&mut server, at(1), &Message::Connected(binding));
    let ended = [Event::LowerUp, Event::Ended(End::Binding(Mismatch::Nonce))];
    assert_eq!(events(&mut server), ended);
}

#[test]
fn an_old_client_binds_with_sha_1_if_it_is_offered() {
    for (offered, binds) in [(Hashes(1), true), (Hashes(0), false), (Hashes(4), false)] {
        let shown = Certificate::of_der(b"shown");
        let mut server = Server::new(at(0), shown, offered, [5; 32], Timers::default());
        let mut client = client();
        settle(at(1), &mut client, &mut server);
        client.authenticated(at(1), None);
        server.authenticated(at(1), None);
        settle(at(1), &mut client, &mut server);
        assert_eq!(server.carries(Traffic::Network), binds, "{offered:?}");
    }
}

#[test]
fn every_step_has_its_time() {
    let (mut client, mut server) = (client(), server());
    // Nothing comes at all.
    server.poll(at(59));
    assert_eq!(server.deadline(), Some(at(60)));
    server.poll(at(60));
    let why = Invalid::message(Status::NEGOTIATION_TIMEOUT);
    assert_eq!(messages(&mut server), [Message::Abort(Some(why))]);
    assert_eq!(events(&mut server), [Event::Ended(End::NegotiationTimeout)]);
    assert_eq!(server.deadline(), Some(at(63)));
    server.poll(at(63));
    assert_eq!(events(&mut server), [Event::Closed]);
    // The acknowledgement came, the authentication never ends.
    settle(at(0), &mut client, &mut self::server());
    let mut late = self::server();
    tell(&mut late, at(50), &Message::ConnectRequest { protocol: 1 });
    assert_eq!(late.deadline(), Some(at(110)));
}

#[test]
fn silence_is_asked_about_and_then_ends_the_call() {
    let (mut client, mut server) = connected();
    assert_eq!(client.deadline(), Some(at(62)));
    client.poll(at(62));
    assert_eq!(packets(&mut client).len(), 1);
    // Any octet answers: here a data packet.
    client.heard(at(70));
    assert_eq!(client.deadline(), Some(at(130)));
    client.poll(at(130));
    let request = packets(&mut client);
    server.control(at(131), &request[0]);
    assert_eq!(messages(&mut server), [Message::EchoResponse]);
    client.poll(at(190));
    assert_eq!(events(&mut client), [Event::Ended(End::Silent)]);
    assert!(!client.carries(Traffic::Network));
}

#[test]
fn a_server_refuses_other_protocols_and_then_gives_up() {
    let mut server = server();
    let wrong = Message::ConnectRequest { protocol: 2 };
    let status = Status::VALUE_NOT_SUPPORTED;
    let why = Invalid { status, attribute: Attribute::ENCAPSULATED_PROTOCOL };
    for _ in 0..3 {
        tell(&mut server, at(1), &wrong);
        assert_eq!(messages(&mut server), [Message::ConnectNak(why)]);
        assert_eq!(server.deadline(), Some(at(60)), "refusals must not buy time");
    }
    tell(&mut server, at(1), &wrong);
    let last = Message::Abort(Some(Invalid::message(Status::RETRY_COUNT_EXCEEDED)));
    assert_eq!(messages(&mut server), [last]);
    assert_eq!(events(&mut server), [Event::Ended(End::Refused(why))]);
}

#[test]
fn a_client_asks_three_times() {
    let mut client = client();
    let why = Invalid { status: Status(4), attribute: Attribute(1) };
    let mut nak = vec![];
    Message::ConnectNak(why).write(&mut nak);
    for _ in 0..3 {
        assert_eq!(messages(&mut client), [Message::ConnectRequest { protocol: 1 }]);
        client.control(at(1), &nak);
    }
    assert_eq!(events(&mut client), [Event::Ended(End::Refused(why))]);
    assert!(matches!(messages(&mut client)[..], [Message::Abort(_)]));
}

#[test]
fn what_is_not_expected_ends_the_call() {
    let unexpected = Invalid::message(Status::UNACCEPTED_FRAME);
    let binding = Binding { hash: 2, nonce: [0; 32], certificate: [0; 32], mac: [0; 32] };
    let request = Message::ConnectRequest { protocol: 1 };
    for script in [
        &[Message::Connected(binding)][..],
        &[Message::EchoRequest],
        &[Message::DisconnectAck],
        &[request, request],
        &[request, Message::Connected(binding), Message::Connected(binding)],
        &[Message::ConnectAck { hashes: Hashes::ALL, nonce: [0; 32] }],
    ] {
        let mut server = server();
        script.iter().for_each(|message| tell(&mut server, at(1), message));
        let ended = Event::Ended(End::Invalid(unexpected));
        assert!(events(&mut server).contains(&ended), "{script:?}");
        // While aborting, only an abort is heard.
        tell(&mut server, at(2), &Message::EchoRequest);
        tell(&mut server, at(2), &Message::Abort(None));
        assert_eq!(server.deadline(), Some(at(3)));
        assert!(events(&mut server).is_empty());
    }
}

#[test]
fn both_may_abort_at_once() {
    let (mut client, mut server) = connected();
    for call in [&mut *client, &mut *server] {
        call.abort(at(5), Invalid::message(Status::INVALID_FRAME), End::Closed);
        assert_eq!(events(call), [Event::Ended(End::Closed)]);
    }
    settle(at(5), &mut client, &mut server);
    for call in [&mut *client, &mut *server] {
        assert_eq!(call.deadline(), Some(at(6)));
        call.poll(at(6));
        assert_eq!(events(call), [Event::Closed]);
    }
}

#[test]
fn a_storm_of_echo_requests_fills_no_queue() {
    let (_, mut server) = connected();
    for _ in 0..100_000 {
        tell(&mut server, at(3), &Message::EchoRequest);
    }
    let mut out = vec![];
    assert!(server.next_packets(&mut out));
    assert!(out.len() <= 1024 + 8, "{}", out.len());
}

#[test]
fn a_connection_that_goes_or_is_no_sstp_closes_without_a_word() {
    for end in [End::Broken, End::LowerDown] {
        let (mut client, _) = connected();
        if end == End::Broken {
            client.broken()
        } else {
            client.lower_down()
        }
        assert_eq!(events(&mut client), [Event::Ended(end), Event::Closed]);
        assert!(!client.next_packets(&mut vec![]));
        client.close(at(9));
        client.poll(at(99));
        assert!(events(&mut client).is_empty() && !client.next_packets(&mut vec![]));
    }
}

proptest! {
    /// Whatever comes, there is one end, one closing after it, and nothing is carried after it.
    #[test]
    fn any_packets_lead_to_one_end(
        packets in prop::collection::vec(
            (1u8..11, prop::collection::vec(any::<u8>(), 0..50)),
            0..20,
        ),
        waits in prop::collection::vec(0u64..90, 20),
    ) {
        let (mut client, mut server) = (client(), server());
        let (mut now, mut seen) = (0, [vec![], vec![]]);
        for ((kind, rest), wait) in packets.iter().zip(waits) {
            let packet = [&[0x10, 1, 0, 0, 0, *kind, 0][..], &rest[..]].concat();
            client.control(at(now), &packet);
            server.control(at(now), &packet);
            now += wait;
            client.authenticated(at(now), None);
            server.authenticated(at(now), None);
            for (call, seen) in [&mut *client, &mut *server].into_iter().zip(&mut seen) {
                call.poll(at(now));
                seen.extend(events(call));
                let ended = seen.iter().any(|event| matches!(event, Event::Ended(_)));
                prop_assert!(!ended || !call.carries(Traffic::Control));
            }
            // No server is persuaded by octets that were not made with its nonce.
            prop_assert!(!server.carries(Traffic::Network));
        }
        for (call, seen) in [&mut *client, &mut *server].into_iter().zip(&mut seen) {
            call.lower_down();
            seen.extend(events(call));
            let ends = seen.iter().filter(|event| matches!(event, Event::Ended(_))).count();
            let closed = seen.iter().filter(|event| **event == Event::Closed).count();
            prop_assert_eq!((ends, closed, seen.last()), (1, 1, Some(&Event::Closed)));
        }
    }
}
