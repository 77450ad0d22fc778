//! The messages there and back, and in any pieces.

use alloc::string::ToString;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::stream::Decoder;
use super::*;

/// One of each, with the length RFC 2637 has for it.
pub(crate) fn all() -> Vec<(Message, usize)> {
    let start = Start {
        version: VERSION,
        framing: 3,
        bearer: 3,
        channels_max: 0xffff,
        firmware: 1,
        host: Text::new("local"),
        vendor: Text::new("cananian"),
    };
    let reply =
        StartReply { start: start.clone(), result: StartResult::OK, error: ErrorCode::NONE };
    let disconnect = Message::CallDisconnect {
        call: CallId(5),
        result: NoticeResult::REQUEST,
        error: ErrorCode::NONE,
        cause: Cause(16),
        statistics: Text::new("sent 12"),
    };
    let errors =
        LinkErrors { crc: 1, framing: 2, time_outs: 5, alignment: 6, ..LinkErrors::default() };
    alloc::vec![
        (Message::StartRequest(start), 156),
        (Message::StartReply(reply), 156),
        (Message::StopRequest(StopReason::LOCAL_SHUTDOWN), 16),
        (Message::StopReply(PlainResult::OK, ErrorCode::NONE), 16),
        (Message::EchoRequest(7), 16),
        (Message::EchoReply(7, PlainResult::OK, ErrorCode::NONE), 20),
        (Message::OutgoingRequest(request()), 168),
        (Message::OutgoingReply(outgoing_reply()), 32),
        (Message::IncomingRequest(incoming()), 220),
        (Message::IncomingReply(incoming_reply()), 24),
        (Message::IncomingConnected(connected()), 28),
        (Message::CallClear(CallId(31_796)), 16),
        (disconnect, 148),
        (Message::WanErrors { peer: CallId(1), errors }, 40),
        (Message::SetLinkInfo { peer: CallId(9), send: u32::MAX, receive: 0 }, 24),
    ]
}

fn request() -> OutgoingRequest {
    OutgoingRequest {
        call: CallId(31_796),
        serial: 0,
        bps_min: 2400,
        bps_max: 10_000_000,
        bearer: 3,
        framing: Framing::EITHER,
        window: 3,
        delay: 0,
        phone_bytes: 0,
        phone: Text::default(),
        subaddress: Text::default(),
    }
}

fn outgoing_reply() -> OutgoingReply {
    OutgoingReply {
        call: CallId(0),
        peer: CallId(31_796),
        result: CallResult::CONNECTED,
        error: ErrorCode::NONE,
        cause: Cause(0),
        speed: 10_000_000,
        window: 3,
        delay: 0,
        channel: 0,
    }
}

fn incoming() -> IncomingRequest {
    IncomingRequest {
        call: CallId(3),
        serial: 4,
        bearer: 1,
        channel: 2,
        dialed_bytes: 3,
        dialing_bytes: 0,
        dialed: Text::new("112"),
        dialing: Text::default(),
        subaddress: Text::default(),
    }
}

fn incoming_reply() -> IncomingReply {
    IncomingReply {
        call: CallId(4),
        peer: CallId(3),
        result: IncomingResult::DO_NOT_ACCEPT,
        error: ErrorCode::NONE,
        window: 8,
        delay: 1,
    }
}

fn connected() -> IncomingConnected {
    IncomingConnected { peer: CallId(4), speed: 64_000, window: 8, delay: 1, framing: Framing(1) }
}

fn encoded(message: &Message) -> Vec<u8> {
    let mut out = Vec::new();
    message.encode(&mut out);
    out
}

#[test]
fn every_message_has_the_length_of_the_rfc_and_comes_back() {
    let all = all();
    assert_eq!(all.len(), 15);
    for ((message, length), kind) in all.into_iter().zip(1..) {
        let octets = encoded(&message);
        assert_eq!(octets.len(), length, "{}", message.name());
        assert_eq!(message.kind(), kind);
        assert_eq!(decode(&octets), Ok(Decoded::Message(message)));
    }
}

/// What pptp-linux 1.10.0 and pptpd 1.4.0 sent to each other.
#[test]
fn messages_of_real_peers_are_read() {
    let clear = [0, 16, 0, 1, 0x1a, 0x2b, 0x3c, 0x4d, 0, 12, 0, 0, 0x7c, 0x34, 0, 0];
    assert_eq!(decode(&clear), Ok(Decoded::Message(Message::CallClear(CallId(0x7c34)))));
    let reply = [
        0, 32, 0, 1, 0x1a, 0x2b, 0x3c, 0x4d, 0, 8, 0, 0, 0, 0, 0x7c, 0x34, 1, 0, 0, 0, 0, 0x98,
        0x96, 0x80, 0, 3, 0, 0, 0, 0, 0, 0,
    ];
    assert_eq!(decode(&reply), Ok(Decoded::Message(Message::OutgoingReply(outgoing_reply()))));
    assert_eq!(encoded(&Message::OutgoingReply(outgoing_reply())), reply);
}

#[test]
fn short_long_and_strange_messages_are_told_apart() {
    for (message, length) in all() {
        let mut octets = encoded(&message);
        // One octet of the body missing, with an honest length.
        octets.pop();
        octets[1] = u8::try_from(length - 1).unwrap();
        let said = u16::try_from(length - 1).unwrap();
        let short = Malformed::Short { kind: message.kind(), length: said };
        assert_eq!(decode(&octets), Err(short));
        // Longer than the RFC says: the rest is ignored.
        let mut octets = encoded(&message);
        octets.extend([0xff; 4]);
        octets[1] = u8::try_from(length + 4).unwrap();
        assert_eq!(decode(&octets), Ok(Decoded::Message(message)));
    }
    let mut octets = encoded(&Message::EchoRequest(1));
    octets[9] = 16;
    assert_eq!(decode(&octets), Ok(Decoded::Unknown { family: 1, kind: 16 }));
    octets[3] = 2;
    assert_eq!(decode(&octets), Ok(Decoded::Unknown { family: 2, kind: 16 }));
    octets[4] = b'H';
    assert_eq!(decode(&octets), Err(Malformed::Cookie(0x482b_3c4d)));
    for length in [0, 11, 1025, u16::MAX] {
        let mut octets = encoded(&Message::EchoRequest(1));
        octets[..2].copy_from_slice(&length.to_be_bytes());
        assert_eq!(decode(&octets), Err(Malformed::Length(length)));
    }
}

#[test]
fn the_words_of_codes_are_shown_and_unknown_ones_are_numbers() {
    let codes = [
        CallResult::BUSY.to_string(),
        CallResult(99).to_string(),
        ErrorCode::NO_RESOURCE.to_string(),
        StartResult(4).to_string(),
    ];
    let words = [
        "4 (busy)",
        "99",
        "4 (not enough resources to handle it now)",
        "4 (the requester is not authorized)",
    ];
    assert_eq!(codes.each_ref().map(alloc::string::String::as_str), words);
}

#[test]
fn foreign_text_cannot_steer_a_terminal() {
    let text: Text<64> = Text::new("evil\u{1b}[2Jhost");
    assert_eq!(text.to_string(), "evil\\x1b[2Jhost");
    assert_eq!(Text::<4>::new("longer").as_bytes(), b"long");
    assert_eq!(Text::<4>::from(*b"ab\0c").as_bytes(), b"ab");
}

#[test]
fn a_web_server_is_known_by_its_first_octets() {
    let mut decoder = Decoder::new();
    let mut input: &[u8] = b"HTTP/1.1 400 Bad Request\r\n";
    let cookie = u32::from_be_bytes(*b"/1.1");
    assert_eq!(decoder.take(&mut input), Err(Malformed::Cookie(cookie)));
    let mut good: &[u8] = &encoded(&Message::EchoRequest(1));
    assert_eq!(decoder.take(&mut good), Err(Malformed::Cookie(cookie)), "it forgot");
}

proptest! {
    #[test]
    fn any_octets_are_read_without_harm(octets in prop::collection::vec(any::<u8>(), 0..400)) {
        crate::fuzz::control(&octets);
    }

    #[test]
    fn any_cuts_of_a_stream_give_the_same(
        which in prop::collection::vec(0_usize..15, 1..20),
        cuts in prop::collection::vec(1_usize..50, 1..40),
    ) {
        let all = all();
        let sent: Vec<Message> = which.iter().map(|place| all[*place].0.clone()).collect();
        let stream: Vec<u8> = sent.iter().flat_map(encoded).collect();
        let mut decoder = Decoder::new();
        let (mut rest, mut got) = (&stream[..], Vec::new());
        for cut in cuts.into_iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (mut piece, behind) = rest.split_at(cut.min(rest.len()));
            rest = behind;
            while let Some(decoded) = decoder.take(&mut piece).unwrap() {
                got.push(decoded);
            }
        }
        let sent: Vec<Decoded> = sent.into_iter().map(Decoded::Message).collect();
        prop_assert_eq!(got, sent);
        prop_assert!(decoder.partial().is_empty());
    }
}
