//! Any bytes as a peer of PPP: heads, packets, lists of options; frames against a session of either
//! role, from the first word on or once packets pass.

use alloc::vec::Vec;
use core::net::Ipv4Addr;
use core::time::Duration;

use crate::auth::{Known, Method, Secret};
use crate::ppp::clamp::clamp_mss;
use crate::ppp::frame::{self, HEAD_OCTETS_MAX};
use crate::ppp::packet::{self, Choices, Packet};
use crate::ppp::{
    AddressPlan, Ciphers, Credentials, Event, HEADROOM, Input, Interface, Ip, Mppe, NameServers,
    Network, Protocol, Session, Settings,
};
use crate::time::Moment;

/// Heads, packets and lists are read within themselves and written back; clamping changes an MSS
/// and its checksum at most.
pub fn ppp_wire(data: &[u8]) {
    if let Some((protocol, at)) = frame::head(data) {
        assert!(at <= data.len() && at <= HEAD_OCTETS_MAX && protocol.0 & 1 == 1);
        if let Some(packet) = data.get(at..).and_then(Packet::parse) {
            let mut again = Vec::new();
            packet::push(packet.code, packet.id, packet.data, &mut again);
            assert_eq!(data.get(at..at + again.len()), Some(&*again));
            let mut choices = Vec::new();
            Choices::new(packet.data).for_each(|choice| choice.push(&mut choices));
            assert!(packet.data.starts_with(&choices));
            assert_eq!(Choices::new(packet.data).is_whole(), choices.len() == packet.data.len());
        }
    }
    let mut clamped = data.to_vec();
    let changed = clamp_mss(&mut clamped, MTU);
    let differing = clamped.iter().zip(data).filter(|(one, other)| one != other).count();
    assert!(differing <= 4 && (changed || differing == 0));
    assert!(!clamp_mss(&mut clamped, MTU), "clamped twice");
}

/// The first byte chooses the settings and how far the session is; then pieces, each with its
/// length before it: frames, or with length 0 and a byte more the time that passes.
pub fn ppp_session(data: &[u8]) {
    let Some((choice, mut rest)) = data.split_first() else { return };
    let mut both = Both::new(*choice);
    if choice & 0x40 != 0 {
        both.open();
    }
    let server = choice & 0x80 != 0;
    while let Some((len, after)) = rest.split_first() {
        let taken = usize::from(*len).clamp(1, after.len().max(1)).min(after.len());
        let (piece, next) = after.split_at(taken);
        rest = next;
        let (end, now) = both.end(server);
        if *len == 0 {
            *now = *now + Duration::from_millis(100) * u32::from(piece.first().map_or(1, |n| *n));
            end.poll(*now);
        } else {
            check_input(end, *now, piece);
        }
        check_queues(end, *now);
        check_output(end);
    }
    let (end, now) = both.end(server);
    check_ending(end, *now);
}

fn check_input(session: &mut Session, now: Moment, piece: &[u8]) {
    let over = session.deadline().is_none() && session.cause().is_some();
    let mut frame = piece.to_vec();
    if let Input::Network { ip, range } = session.input(now, &mut frame) {
        let first = frame.get(range).and_then(|packet| packet.first()).map(|octet| octet >> 4);
        assert_eq!(first, Some(if ip == Ip::V4 { 4 } else { 6 }));
        assert!(!over, "a packet after the end");
        let clear = frame::head(piece).is_some_and(|(protocol, _)| protocol.is_encrypted());
        let encrypted = frame::head(piece).is_some_and(|(it, _)| it == Protocol::COMPRESSED);
        assert!(clear || encrypted);
    }
}

/// What waits is bounded; who is asked about is answered.
fn check_queues(session: &mut Session, now: Moment) {
    let mut frame = Vec::new();
    let mut frames = 0;
    while session.next_frame(&mut frame) {
        frames += 1;
        let (_, at) = frame::head(&frame).unwrap_or_else(|| panic!("no head: {frame:02x?}"));
        assert!(frame.len() - at <= 1500, "longer than any MRU");
    }
    let mut events = 0;
    while let Some(event) = session.next_event() {
        events += 1;
        match event {
            Event::Verify { account, .. } => {
                let known = if account == USER {
                    Known::Password(Secret::new(PASSWORD))
                } else {
                    Known::Nobody
                };
                session.verified(now, &known);
            }
            Event::Authenticated { .. } | Event::Linked(_) => session.assign(now, given()),
            Event::Down(_) => assert_eq!(session.deadline(), None),
            Event::Opened(_) | Event::Suspended => {}
        }
        assert!(events < 64, "no end of events");
    }
    assert!(frames <= 32, "{frames} frames at once");
}

fn check_output(session: &mut Session) {
    let mut buffer = [0x45; HEADROOM + 20];
    let end = buffer.len();
    if let Some(range) = session.output(Ip::V4, &mut buffer, HEADROOM..end) {
        assert!(range.end == end && range.start < HEADROOM);
    }
}

/// Left alone, it ends or waits for an echo: deadlines move on.
fn check_ending(session: &mut Session, mut now: Moment) {
    for _ in 0..200 {
        let Some(deadline) = session.deadline() else { return };
        now = now.max(deadline);
        session.poll(now);
        check_queues(session, now);
        assert!(session.deadline().is_none_or(|next| next > now), "a deadline that stays");
    }
    panic!("a silent peer is never given up");
}

/// A client and a server, of which one is fuzzed.
struct Both {
    client: Session,
    server: Session,
    now: Moment,
}

impl Both {
    fn new(choice: u8) -> Self {
        let method = match choice & 3 {
            0 => Method::Pap,
            1 => Method::ChapMd5,
            _ => Method::MsChapV2,
        };
        let mppe = match (choice >> 2) & 3 {
            0 => Mppe::Off,
            1 => Mppe::Allowed(Ciphers::BITS_128),
            _ => Mppe::Required(Ciphers::BITS_128),
        };
        let credentials = Credentials { user: USER.to_vec(), password: Secret::new(PASSWORD) };
        let methods = Vec::from([method]);
        let mut asking = Settings { methods: methods.clone(), ..Settings::client(mppe) };
        if let Some(network) = &mut asking.network {
            network.ipv6 = (choice & 0x10 != 0).then(Interface::default);
        }
        let giving = Settings { methods, ..Settings::server(mppe) };
        let mut dice = |octets: &mut [u8]| octets.fill(choice | 1);
        let client = Session::new(asking, Some(credentials), &mut dice);
        let mut dice = |octets: &mut [u8]| octets.fill(choice ^ 0xFE);
        let mut both =
            Self { client, server: Session::new(giving, None, &mut dice), now: Moment::default() };
        both.client.open(both.now);
        both.server.open(both.now);
        both
    }

    /// Lets them talk until nobody has anything to say.
    fn open(&mut self) {
        let mut frame = Vec::new();
        for _ in 0..64 {
            let mut quiet = true;
            while self.client.next_frame(&mut frame) {
                quiet = false;
                self.server.input(self.now, &mut frame);
            }
            let known = Known::Password(Secret::new(PASSWORD));
            while let Some(event) = self.server.next_event() {
                match event {
                    Event::Verify { .. } => self.server.verified(self.now, &known),
                    Event::Authenticated { .. } => self.server.assign(self.now, given()),
                    _ => {}
                }
            }
            while self.server.next_frame(&mut frame) {
                quiet = false;
                self.client.input(self.now, &mut frame);
            }
            if quiet {
                return;
            }
        }
        panic!("they never have enough");
    }

    fn end(&mut self, server: bool) -> (&mut Session, &mut Moment) {
        (if server { &mut self.server } else { &mut self.client }, &mut self.now)
    }
}

fn given() -> Network {
    let (local, peer) = (Ipv4Addr::new(10, 9, 0, 1), Ipv4Addr::new(10, 9, 0, 7));
    Network {
        ipv4: Some(AddressPlan::Give { local, peer }),
        name_servers: NameServers { dns: [Some(local), None], wins: [None; 2] },
        ipv6: Some(Interface::default()),
    }
}

const USER: &[u8] = b"testuser";
const PASSWORD: &[u8] = b"testpass";

/// An interface's MTU.
const MTU: u16 = 1396;
