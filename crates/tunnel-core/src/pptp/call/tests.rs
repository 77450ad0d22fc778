//! Both ends of a control connection against each other, and each against what it must refuse.

use alloc::string::ToString;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::super::control::decode;
use super::*;

const S: fn(u64) -> Moment = |seconds| Moment(Duration::from_secs(seconds));

fn end(role: Role, now: Moment) -> Control {
    let settings = Settings {
        role,
        host: Text::new("here"),
        vendor: Text::new("menshen"),
        firmware: 1,
        window: 64,
        limits: Limits { calls_max: 3, ..Limits::default() },
    };
    Control::new(settings, now)
}

/// Carries what both say until both are silent.
fn carry(now: Moment, client: &mut Control, server: &mut Control) {
    loop {
        let mut octets = Vec::new();
        let said = client.output(&mut octets);
        server.input(now, &octets);
        octets.clear();
        let answered = server.output(&mut octets);
        client.input(now, &octets);
        if !said && !answered {
            return;
        }
    }
}

fn events(end: &mut Control) -> Vec<Event> {
    core::iter::from_fn(|| end.next_event()).collect()
}

fn said(end: &mut Control) -> Vec<Message> {
    let mut octets = Vec::new();
    end.output(&mut octets);
    let mut found = Vec::new();
    let mut rest = &octets[..];
    while !rest.is_empty() {
        let (message, behind) = rest.split_at(usize::from(u16::from_be_bytes([rest[0], rest[1]])));
        match decode(message).unwrap() {
            Decoded::Message(message) => found.push(message),
            Decoded::Unknown { .. } => unreachable!(),
        }
        rest = behind;
    }
    found
}

fn say(end: &mut Control, now: Moment, message: &Message) {
    let mut octets = Vec::new();
    message.encode(&mut octets);
    end.input(now, &octets);
}

fn established() -> (Control, Control) {
    let (mut client, mut server) = (end(Role::Client, S(0)), end(Role::Server, S(0)));
    carry(S(0), &mut client, &mut server);
    assert_eq!(events(&mut client), [Event::Established]);
    assert_eq!(events(&mut server), [Event::Established]);
    (client, server)
}

/// With a call 31796 at the client and 0 at the server, as pptp-linux and pptpd have it.
fn called() -> (Control, Control) {
    let (mut client, mut server) = established();
    client.call(S(1), CallId(31_796)).unwrap();
    carry(S(1), &mut client, &mut server);
    let asked = Event::CallAsked { peer: CallId(31_796), serial: 1, window: 64 };
    assert_eq!(events(&mut server), [asked]);
    server.accept(CallId(31_796), CallId(0)).unwrap();
    carry(S(1), &mut client, &mut server);
    let up = CallUp { call: CallId(31_796), peer: CallId(0), window: 64, speed: 100_000_000 };
    assert_eq!(events(&mut client), [Event::CallUp(up)]);
    (client, server)
}

#[test]
fn a_call_comes_up_and_the_client_ends_it() {
    let (mut client, mut server) = called();
    assert_eq!(client.peer().unwrap().vendor.as_bytes(), b"menshen");
    client.clear(S(9), CallId(31_796), NoticeResult::REQUEST).unwrap();
    assert_eq!(client.clear(S(9), CallId(31_796), NoticeResult::REQUEST), Err(NotNow::NoCall));
    carry(S(9), &mut client, &mut server);
    let (call, peer) = (Some(CallId(31_796)), Some(CallId(0)));
    assert_eq!(events(&mut client), [Event::CallDown { call, peer, end: CallEnd::ByUs }]);
    let down = Event::CallDown { call: peer, peer: call, end: CallEnd::Cleared };
    assert_eq!(events(&mut server), [down]);
    client.stop(S(9), StopReason::NONE);
    carry(S(9), &mut client, &mut server);
    assert_eq!(events(&mut client), [Event::Down(End::ByUs)]);
    assert_eq!(events(&mut server), [Event::Down(End::Stopped(StopReason::NONE))]);
    assert_eq!((client.deadline(), server.deadline()), (None, None));
}

#[test]
fn the_server_ends_a_call_and_says_why() {
    let (mut client, mut server) = called();
    server.clear(S(9), CallId(0), NoticeResult::ADMIN_SHUTDOWN).unwrap();
    carry(S(9), &mut client, &mut server);
    let [Event::CallDown { call: Some(CallId(31_796)), end, .. }] = &events(&mut client)[..] else {
        panic!("no such call went down");
    };
    assert_eq!(end.to_string(), "the server ended the call: 3 (administrative shutdown)");
}

/// pptp-linux gives up like this when its pppd does.
#[test]
fn a_client_that_sends_a_disconnect_notify_is_understood() {
    let (_, mut server) = called();
    let notify = Message::CallDisconnect {
        call: CallId(31_796),
        result: NoticeResult::LOST_CARRIER,
        error: ErrorCode::NONE,
        cause: Cause(0),
        statistics: Statistics::default(),
    };
    say(&mut server, S(30), &notify);
    assert!(matches!(
        &events(&mut server)[..],
        [Event::CallDown { call: Some(CallId(0)), end: CallEnd::Disconnected { .. }, .. }]
    ));
}

#[test]
fn refusals_bear_their_codes() {
    let (mut client, mut server) = established();
    client.call(S(1), CallId(1)).unwrap();
    carry(S(1), &mut client, &mut server);
    let (result, error) = (CallResult::GENERAL_ERROR, ErrorCode::NO_RESOURCE);
    server.refuse(S(1), CallId(1), result, error).unwrap();
    assert_eq!(server.refuse(S(1), CallId(1), result, error), Err(NotNow::NoCall));
    carry(S(1), &mut client, &mut server);
    let [Event::CallDown { end, .. }] = &events(&mut client)[..] else { panic!("not down") };
    let text = "the server refused the call: 4 (not enough resources to handle it now)";
    assert_eq!(end.to_string(), text);
}

#[test]
fn a_refused_connection_and_another_version_end_it() {
    let mut client = end(Role::Client, S(0));
    let Message::StartRequest(start) = said(&mut client).remove(0) else { panic!("no greeting") };
    let result = StartResult::NOT_AUTHORIZED;
    let reply = StartReply { start: start.clone(), result, error: ErrorCode::NONE };
    say(&mut client, S(0), &Message::StartReply(reply));
    let down = End::Refused { result, error: ErrorCode::NONE };
    assert_eq!(events(&mut client), [Event::Down(down)]);

    let mut server = end(Role::Server, S(0));
    say(&mut server, S(0), &Message::StartRequest(Start { version: 0x0200, ..start }));
    assert_eq!(events(&mut server), [Event::Down(End::Version(0x0200))]);
    let [Message::StartReply(reply)] = &said(&mut server)[..] else { panic!("no answer") };
    assert_eq!((reply.result, reply.start.version), (StartResult::VERSION, VERSION));
}

#[test]
fn silence_before_the_greeting_ends_after_thirty_seconds() {
    for role in [Role::Client, Role::Server] {
        let mut end = end(role, S(5));
        assert_eq!(end.deadline(), Some(S(35)));
        end.poll(S(34));
        assert_eq!(events(&mut end), []);
        end.poll(S(35));
        assert_eq!(events(&mut end), [Event::Down(End::Timeout { heard: false })]);
    }
    let mut slow = end(Role::Server, S(0));
    slow.input(S(29), &[0, 156, 0, 1]);
    slow.poll(S(30));
    assert_eq!(events(&mut slow), [Event::Down(End::Timeout { heard: true })]);
}

#[test]
fn a_silent_peer_is_asked_and_then_given_up() {
    let (mut client, mut server) = called();
    let asked = client.deadline().unwrap();
    assert_eq!(asked, S(61));
    client.poll(asked);
    carry(asked, &mut client, &mut server);
    assert_eq!(server.counters().echo_requests, 1);
    assert_eq!(client.deadline(), Some(S(121)), "an answer makes it wait anew");
    client.poll(S(121));
    assert!(matches!(&said(&mut client)[..], [Message::EchoRequest(2)]));
    client.poll(S(180));
    assert_eq!(events(&mut client), []);
    client.poll(S(181));
    let (call, peer) = (Some(CallId(31_796)), Some(CallId(0)));
    let down = Event::CallDown { call, peer, end: CallEnd::ControlDown };
    assert_eq!(events(&mut client), [down, Event::Down(End::EchoTimeout)]);
}

#[test]
fn an_unanswered_request_ends_and_its_late_answer_is_cleared() {
    let (mut client, mut server) = established();
    client.call(S(1), CallId(7)).unwrap();
    assert_eq!(client.call(S(1), CallId(7)), Err(NotNow::InUse));
    let request = said(&mut client).remove(0);
    client.poll(S(31));
    let end = CallEnd::Unanswered;
    assert_eq!(events(&mut client), [Event::CallDown { call: Some(CallId(7)), peer: None, end }]);
    assert_eq!(said(&mut client), [Message::CallClear(CallId(7))]);
    say(&mut server, S(31), &request);
    server.accept(CallId(7), CallId(0)).unwrap();
    carry(S(32), &mut client, &mut server);
    assert!(matches!(
        events(&mut server).last(),
        Some(Event::CallDown { end: CallEnd::Cleared, .. })
    ));
}

#[test]
fn calls_are_bounded_and_one_number_is_one_call() {
    let (mut client, mut server) = established();
    for call in 1..=3 {
        client.call(S(1), CallId(call)).unwrap();
    }
    assert_eq!(client.call(S(1), CallId(4)), Err(NotNow::TooMany));
    let request =
        |call| OutgoingRequest { call: CallId(call), ..request_of(&mut end(Role::Client, S(0))) };
    carry(S(1), &mut client, &mut server);
    assert_eq!(events(&mut server).len(), 3);
    for (call, error) in [(2, ErrorCode::BAD_CALL_ID), (9, ErrorCode::NO_RESOURCE)] {
        say(&mut server, S(1), &Message::OutgoingRequest(request(call)));
        let [Message::OutgoingReply(reply)] = &said(&mut server)[..] else { panic!("no reply") };
        assert_eq!((reply.peer, reply.error), (CallId(call), error));
    }
    assert_eq!(server.counters().calls_refused, 2);
    // Whoever does not answer a request answers it with a time-out in the end.
    server.poll(S(31));
    assert_eq!(said(&mut server).len(), 3);
    assert_eq!(server.accept(CallId(1), CallId(0)), Err(NotNow::NoCall));
    // And a connection without calls is not kept.
    let idle = server.deadline().unwrap();
    assert_eq!(idle, S(61), "echo comes first");
    server.poll(S(91));
    assert_eq!(events(&mut server).last(), Some(&Event::Down(End::Callless)));
}

fn request_of(client: &mut Control) -> OutgoingRequest {
    let mut server = end(Role::Server, S(0));
    carry(S(0), client, &mut server);
    client.call(S(0), CallId(1)).unwrap();
    let Message::OutgoingRequest(request) = said(client).remove(0) else { panic!("no request") };
    request
}

#[test]
fn what_has_no_place_is_counted_or_ends_it() {
    let (mut client, mut server) = called();
    say(&mut server, S(2), &Message::SetLinkInfo { peer: CallId(0), send: 0, receive: 0 });
    say(&mut client, S(2), &Message::CallClear(CallId(0)));
    let counted = (server.counters().link_infos, client.counters().strays);
    assert_eq!(counted, (1, 1));
    let request = Message::OutgoingRequest(request_of(&mut end(Role::Client, S(0))));
    say(&mut client, S(2), &request);
    assert_eq!(events(&mut client).last(), Some(&Event::Down(End::Unexpected(7))));
    // Before the greeting nothing else may be said.
    let mut early = end(Role::Server, S(0));
    say(&mut early, S(0), &request);
    assert_eq!(events(&mut early), [Event::Down(End::Unexpected(7))]);
}

#[test]
fn who_never_reads_is_cut_off() {
    let (_, mut server) = called();
    let mut octets = Vec::new();
    for number in 0..5000 {
        Message::EchoRequest(number).encode(&mut octets);
    }
    server.input(S(2), &octets);
    assert_eq!(events(&mut server).last(), Some(&Event::Down(End::Flooded)));
    assert!(server.output.len() <= OUTPUT_BYTES_MAX + 200, "{}", server.output.len());
}

#[test]
fn the_end_of_tcp_is_told_by_how_far_it_came() {
    let mut fresh = end(Role::Client, S(0));
    fresh.lower_down();
    assert_eq!(events(&mut fresh), [Event::Down(End::Lower { established: false })]);
    let (mut client, _) = called();
    client.lower_down();
    client.lower_down();
    assert_eq!(events(&mut client).len(), 2, "the call and the connection, once each");
    let mut web = end(Role::Client, S(0));
    web.input(S(0), b"HTTP/1.1 400 Bad Request");
    let [Event::Down(down)] = &events(&mut web)[..] else { panic!("not down") };
    assert_eq!(
        down.to_string(),
        "the peer is not PPTP: magic cookie 0x2f312e31 is not that of PPTP"
    );
}

proptest! {
    #[test]
    fn any_cuts_carry_a_call(cut in 1_usize..200) {
        let (mut client, mut server) = (end(Role::Client, S(0)), end(Role::Server, S(0)));
        let mut called = false;
        for _ in 0..8 {
            for (from, to) in [(true, false), (false, true)] {
                let mut octets = Vec::new();
                let (a, b) = match from {
                    true => (&mut client, &mut server),
                    false => (&mut server, &mut client),
                };
                a.output(&mut octets);
                octets.chunks(cut).for_each(|piece| b.input(S(0), piece));
                prop_assert_eq!(to, !from);
            }
            if !called && client.next_event() == Some(Event::Established) {
                client.call(S(0), CallId(0)).unwrap();
                called = true;
            }
            if let Some(Event::CallAsked { peer, .. }) = server.next_event() {
                server.accept(peer, CallId(5)).unwrap();
            }
        }
        let up = CallUp { call: CallId(0), peer: CallId(5), window: 64, speed: 100_000_000 };
        prop_assert_eq!(client.next_event(), Some(Event::CallUp(up)));
    }
}
