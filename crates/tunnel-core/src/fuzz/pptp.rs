//! Any bytes as a peer of PPTP: its control connection, its GRE.

use alloc::vec::Vec;
use core::time::Duration;

use crate::pptp::CallId;
use crate::pptp::call::{Control, Event, Limits, Role, Settings};
use crate::pptp::carrier::{self, Carrier, Decoy, Received};
use crate::pptp::control::stream::Decoder;
use crate::pptp::control::{Decoded, MESSAGE_BYTES_MAX, NoticeResult, Text};
use crate::pptp::gre;
use crate::time::Moment;

/// The bytes as a stream, whole and cut; what is read is written and read again. Then the stream
/// against both roles.
pub fn control(data: &[u8]) {
    let (whole, whole_end) = messages(data, data.len().max(1));
    let cut = data.first().map_or(1, |first| usize::from(*first % 31) + 1);
    let (pieces, pieces_end) = messages(data, cut);
    assert_eq!(whole, pieces, "cuts change what is read");
    assert_eq!(whole_end, pieces_end, "cuts change where it ends");
    for decoded in whole {
        let Decoded::Message(message) = decoded else { continue };
        let mut out = Vec::new();
        message.encode(&mut out);
        let again = crate::pptp::control::decode(&out);
        assert_eq!(again, Ok(Decoded::Message(message)), "written and read differ");
    }
    for role in [Role::Client, Role::Server] {
        talk(role, data, cut);
    }
}

fn messages(data: &[u8], cut: usize) -> (Vec<Decoded>, bool) {
    let mut decoder = Decoder::new();
    let mut found = Vec::new();
    for piece in data.chunks(cut) {
        let mut piece = piece;
        loop {
            match decoder.take(&mut piece) {
                Ok(Some(decoded)) => found.push(decoded),
                Ok(None) => break,
                Err(_) => return (found, false),
            }
        }
        assert!(decoder.partial().len() < MESSAGE_BYTES_MAX, "more than a message is held");
    }
    (found, true)
}

/// Whatever the peer says: no panic, no endless deadline, calls go down as often as they come up.
fn talk(role: Role, data: &[u8], cut: usize) {
    let settings = Settings {
        role,
        host: Text::new("a"),
        vendor: Text::new("b"),
        firmware: 1,
        window: 64,
        limits: Limits { calls_max: 4, ..Limits::default() },
    };
    let mut now = Moment::default();
    let mut control = Control::new(settings, now);
    let (mut up, mut down, mut asked, mut ended) = (0_u32, 0_u32, 0_u32, 0_u32);
    let mut out = Vec::new();
    for (round, piece) in data.chunks(cut.max(16)).enumerate() {
        control.input(now, piece);
        now = now + Duration::from_secs(1);
        control.poll(now);
        while let Some(event) = control.next_event() {
            match event {
                Event::Established if role == Role::Client => {
                    let _ = control.call(now, CallId(0x7c34));
                }
                Event::CallAsked { peer, .. } => {
                    asked += 1;
                    let own = CallId(u16::try_from(round).unwrap_or(0));
                    let _ = control.accept(peer, own);
                }
                Event::CallUp(call) => {
                    up += 1;
                    let _ = control.clear(now, call.call, NoticeResult::REQUEST);
                }
                Event::CallDown { .. } => down += 1,
                Event::Down(_) => ended += 1,
                Event::Established => {}
            }
        }
        control.output(&mut out);
        out.clear();
    }
    control.lower_down();
    while let Some(event) = control.next_event() {
        match event {
            Event::CallDown { .. } => down += 1,
            Event::Down(_) => ended += 1,
            _ => {}
        }
    }
    assert_eq!(ended, 1, "it ends once");
    assert_eq!(control.deadline(), None, "it waits after its end");
    match role {
        Role::Server => assert!(down == asked && up == 0, "calls are lost"),
        Role::Client => assert!(down >= up && down <= up + 1, "calls are lost"),
    }
}

/// The bytes as one packet, and as a row of packets of one call: frames come in order and once.
pub fn gre(data: &[u8]) {
    if let Ok(packet) = gre::decode(data) {
        assert!(packet.payload.end <= data.len(), "a payload from nowhere");
        assert_eq!(gre::decode_cut(data), Ok(packet.clone()));
        assert_eq!(gre::quoted_call(data), Some(packet.call));
    }
    let settings = carrier::Settings {
        local: CallId(0),
        peer: CallId(1),
        window: 8,
        peer_window: 8,
        decoy: Decoy::KeyZero,
        limits: carrier::Limits { packets_max: 8, octets_max: 256, ..carrier::Limits::default() },
    };
    let mut now = Moment::default();
    let mut call = Carrier::new(settings, now);
    // Each round: two octets of number, one of time.
    for round in data.chunks_exact(3) {
        let [high, low, wait] = *round else { continue };
        now = now + Duration::from_millis(u64::from(wait));
        let number = u32::from(high) << 24 | u32::from(low);
        let mut packet = [0; 20];
        packet[16..].copy_from_slice(&number.to_be_bytes());
        let Some(range) = gre::prepend(&mut packet, 16..20, CallId(0), number, Some(number)) else {
            unreachable!("there is room");
        };
        let before = call.counters();
        if let Ok(Received::Frame(frame)) = call.receive(now, &packet[range.clone()]) {
            assert_eq!(packet[range][frame], number.to_be_bytes(), "another frame");
        }
        let mut last = None;
        while let Some(frame) = call.next_held(now) {
            let Ok(octets) = <[u8; 4]>::try_from(&*frame) else { unreachable!("another length") };
            let number = u32::from_be_bytes(octets);
            assert!(last.is_none_or(|last| after(last, number)), "out of order");
            last = Some(number);
        }
        let mut bare = 0;
        while call.next_bare(now).is_some() {
            bare += 1;
            assert!(bare < 3, "it never falls silent");
        }
        let counters = call.counters();
        assert!(counters.received >= before.received);
        assert!(call.deadline().is_none_or(|at| at > now), "something was left to do");
    }
}

fn after(earlier: u32, later: u32) -> bool {
    (1..u32::MAX / 2).contains(&later.wrapping_sub(earlier))
}
