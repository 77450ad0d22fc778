//! Two sessions and a path between them: it loses, delays and copies by a seed, in virtual time.

use alloc::vec::Vec;
use core::net::Ipv4Addr;
use core::ops::Range;
use core::time::Duration;

use crate::auth::{Known, Method, Secret};
use crate::mppe::{Bits, Strength};
use crate::ppp::session::{EVENTS_MAX, HEADROOM, Input, Ip, Session};
use crate::ppp::{
    AddressPlan, Cause, Ciphers, Credentials, Event, Interface, Mppe, NameServers, Network, Opened,
    Settings, Stateful,
};
use crate::time::Moment;

pub(super) const USER: &[u8] = b"testuser";
/// Another user, with the same password.
pub(super) const OTHER: &[u8] = b"other";
pub(super) const PASSWORD: &[u8] = b"testpass";
pub(super) const DNS: Ipv4Addr = Ipv4Addr::new(9, 9, 9, 9);

/// One end with all that it has said and been given.
#[derive(Debug)]
pub(super) struct End {
    pub(super) session: Session,
    pub(super) events: Vec<Event>,
    /// Packets for the network that came out of it.
    pub(super) packets: Vec<(Ip, Vec<u8>)>,
    /// Control frames sent.
    pub(super) sent: Vec<Vec<u8>>,
}

impl End {
    pub(super) fn new(settings: Settings, credentials: Option<Credentials>, seed: u8) -> Self {
        let mut dice = |octets: &mut [u8]| octets.fill(seed);
        let session = Session::new(settings, credentials, &mut dice);
        Self { session, events: Vec::new(), packets: Vec::new(), sent: Vec::new() }
    }

    /// Takes what waits: frames to send; events are kept. Queues are bounded.
    pub(super) fn drain(&mut self) -> Vec<Vec<u8>> {
        let (mut frames, mut frame) = (Vec::new(), Vec::new());
        while self.session.next_frame(&mut frame) {
            frames.push(frame.clone());
        }
        let events: Vec<_> = core::iter::from_fn(|| self.session.next_event()).collect();
        assert!(frames.len() <= 32 && events.len() <= EVENTS_MAX + 1);
        self.events.extend(events);
        self.sent.extend_from_slice(&frames);
        frames
    }

    pub(super) fn take(&mut self, now: Moment, frame: &[u8]) -> Input {
        let mut frame = frame.to_vec();
        let input = self.session.input(now, &mut frame);
        if let Input::Network { ip, range } = &input {
            self.packets.push((*ip, frame[range.clone()].to_vec()));
        }
        input
    }

    pub(super) fn frame(&mut self, ip: Ip, packet: &[u8]) -> Option<Vec<u8>> {
        let mut buffer = Vec::from([0; HEADROOM]);
        buffer.extend_from_slice(packet);
        let payload: Range<usize> = HEADROOM..buffer.len();
        let range = self.session.output(ip, &mut buffer, payload)?;
        Some(buffer[range].to_vec())
    }

    pub(super) fn opened(&self) -> Option<&Opened> {
        self.events.iter().rev().find_map(|event| match event {
            Event::Opened(opened) => Some(opened),
            _ => None,
        })
    }

    /// Whether packets pass by what it has told.
    pub(super) fn is_open(&self) -> bool {
        self.events.iter().rev().find_map(|event| match event {
            Event::Opened(_) => Some(true),
            Event::Suspended | Event::Down(_) => Some(false),
            _ => None,
        }) == Some(true)
    }

    pub(super) fn cause(&self) -> Option<&Cause> {
        self.events.iter().find_map(|event| match event {
            Event::Down(cause) => Some(cause),
            _ => None,
        })
    }
}

/// What the path does to frames.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Weather {
    /// Of 100.
    pub(super) lost: u32,
    /// Of 100.
    pub(super) copied: u32,
    /// Milliseconds at most beyond the five of a good path; frames overtake each other.
    pub(super) late: u32,
}

/// A frame under way.
#[derive(Debug)]
struct Flight {
    at: Moment,
    to_server: bool,
    frame: Vec<u8>,
}

/// Both ends and the path.
#[derive(Debug)]
pub(super) struct Wire {
    pub(super) client: End,
    pub(super) server: End,
    pub(super) now: Moment,
    pub(super) weather: Weather,
    flights: Vec<Flight>,
    random: u64,
    /// What the server's owner knows.
    pub(super) known: Known,
    /// What the server's owner assigns.
    pub(super) network: Network,
    started: bool,
}

impl Wire {
    pub(super) fn new(client: Settings, server: Settings) -> Self {
        Self::with_password(client, server, PASSWORD)
    }

    pub(super) fn with_password(client: Settings, server: Settings, password: &[u8]) -> Self {
        let credentials = Credentials { user: USER.to_vec(), password: Secret::new(password) };
        Self {
            client: End::new(client, Some(credentials), 1),
            server: End::new(server, None, 2),
            now: Moment::default(),
            weather: Weather::default(),
            flights: Vec::new(),
            random: 0x9E37_79B9_7F4A_7C15,
            known: Known::Password(Secret::new(PASSWORD)),
            network: given(),
            started: false,
        }
    }

    pub(super) fn seeded(mut self, seed: u64, weather: Weather) -> Self {
        self.random ^= seed.wrapping_mul(0xD134_2543_DE82_EF95) | 1;
        self.weather = weather;
        self
    }

    fn roll(&mut self, below: u32) -> u32 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        u32::try_from((self.random >> 33) % u64::from(below.max(1))).unwrap()
    }

    pub(super) fn post(&mut self, to_server: bool, frame: &[u8]) {
        let copies = if self.roll(100) < self.weather.copied { 2 } else { 1 };
        for _ in 0..copies {
            let late = Duration::from_millis(5 + u64::from(self.roll(self.weather.late + 1)));
            if self.roll(100) >= self.weather.lost {
                let (at, frame) = (self.now + late, frame.to_vec());
                self.flights.push(Flight { at, to_server, frame });
            }
        }
    }

    /// The server's owner, and the frames of both.
    fn serve(&mut self) {
        let mut at = self.server.events.len();
        let mut frames = self.server.drain();
        while at < self.server.events.len() {
            at += 1;
            match &self.server.events[at - 1] {
                Event::Verify { account, .. } => {
                    let knows = account == USER || account == OTHER;
                    let known = if knows { &self.known } else { &Known::Nobody };
                    self.server.session.verified(self.now, known);
                }
                Event::Authenticated { .. } => {
                    self.server.session.assign(self.now, self.network.clone());
                }
                Event::Linked(agreed) if agreed.method.is_none() => {
                    self.server.session.assign(self.now, self.network.clone());
                }
                _ => continue,
            }
            frames.extend(self.server.drain());
        }
        for frame in frames {
            self.post(false, &frame);
        }
        for frame in self.client.drain() {
            self.post(true, &frame);
        }
    }

    /// Lets time pass until both are done or nothing more happens or the time has come.
    pub(super) fn run(&mut self, until: Duration, done: impl Fn(&Self) -> bool) {
        if !self.started {
            self.started = true;
            self.client.session.open(self.now);
            self.server.session.open(self.now);
        }
        let mut steps = 0;
        loop {
            self.serve();
            if done(self) {
                return;
            }
            let flights = self.flights.iter().map(|flight| flight.at);
            let deadlines = [self.client.session.deadline(), self.server.session.deadline()];
            let Some(next) = flights.chain(deadlines.into_iter().flatten()).min() else { return };
            if next > Moment(until) {
                self.now = Moment(until);
                return;
            }
            self.now = self.now.max(next);
            let due = self.flights.iter().position(|flight| flight.at <= self.now);
            match due.map(|at| self.flights.remove(at)) {
                Some(Flight { to_server: true, frame, .. }) => {
                    self.server.take(self.now, &frame);
                }
                Some(Flight { to_server: false, frame, .. }) => {
                    self.client.take(self.now, &frame);
                }
                None => {
                    self.client.session.poll(self.now);
                    self.server.session.poll(self.now);
                }
            }
            steps += 1;
            assert!(steps < 100_000, "no end in sight");
        }
    }

    /// Until both are open or both are over.
    pub(super) fn settle(&mut self, until: Duration) {
        self.run(until, |wire| {
            let open = wire.client.is_open() && wire.server.is_open();
            let over = wire.client.cause().is_some() && wire.server.cause().is_some();
            over || open && wire.flights.is_empty()
        });
    }
}

/// What a server gives away in these tests.
pub(super) fn given() -> Network {
    Network {
        ipv4: Some(AddressPlan::Give {
            local: Ipv4Addr::new(10, 9, 0, 1),
            peer: Ipv4Addr::new(10, 9, 0, 7),
        }),
        name_servers: NameServers { dns: [Some(DNS), None], wins: [None; 2] },
        ipv6: Some(Interface {
            local: Some([0, 0, 0, 0, 0, 0, 0, 1]),
            peer: Some([0, 0, 0, 0, 0, 0, 0, 2]),
        }),
    }
}

/// A client that wants IPv6 too.
pub(super) fn client(method: Method, mppe: Mppe) -> Settings {
    let mut settings = Settings::client(mppe);
    settings.methods = Vec::from([method]);
    if let Some(network) = &mut settings.network {
        network.ipv6 = Some(Interface::default());
    }
    settings
}

pub(super) fn server(method: Method, mppe: Mppe) -> Settings {
    Settings { methods: Vec::from([method]), ..Settings::server(mppe) }
}

pub(super) fn ciphers(strengths: &[Strength], stateful: Stateful) -> Ciphers {
    let bits = strengths.iter().fold(Bits(0), |bits, strength| bits.with(strength.bits()));
    Ciphers { strengths: bits, stateful }
}

/// An IPv4 packet with this many octets behind its header.
pub(super) fn ipv4(octets: usize, fill: u8) -> Vec<u8> {
    let [high, low] = u16::try_from(20 + octets).unwrap().to_be_bytes();
    let mut packet = Vec::from([0x45, 0, high, low]);
    packet.resize(20 + octets, fill);
    packet
}

pub(super) fn ipv6(octets: usize, fill: u8) -> Vec<u8> {
    let [high, low] = u16::try_from(octets).unwrap().to_be_bytes();
    let mut packet = Vec::from([0x60, 0, 0, 0, high, low]);
    packet.resize(40 + octets, fill);
    packet
}

pub(super) const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
