//! One PPP session, either end: LCP, a proof, encryption, addresses; then packets.
//!
//! The owner hands in frames, moments and what is known about users, and takes frames and
//! [`Event`]s. It must never let a packet pass before its network protocol is open, in clear where
//! MPPE was agreed upon or is required, or for another user than the one who was let in first.
//! Every way to end is a [`Cause`]; every queue is bounded.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::ops::Range;
use core::time::Duration;

use super::Dice;
use super::automaton::State;
use super::ccp::Cipher;
use super::event::{Cause, Event, Heard, Opened, Phase};
use super::frame::{self, Protocol};
use super::ipcp::Addresses;
use super::ipv6cp::Interfaces;
use super::layer::Layer;
use super::lcp::Link;
use super::lots::Lots;
use super::outbox::Outbox;
use super::settings::{Credentials, Network, Role, Settings};
use crate::auth::{Known, Method};
use crate::mppe::{self, Keys};
use crate::time::Moment;
use data::{Counters, Pair};
use echo::Echoes;
use network::Held;
use proof::Proof;

mod data;
mod echo;
mod link;
mod network;
mod proof;

/// One PPP session, either end.
#[derive(Debug)]
pub struct Session {
    settings: Settings,
    credentials: Option<Credentials>,
    lots: Lots,
    phase: Phase,
    lcp: Layer<Link>,
    proof: Proof,
    /// How often we asked: the identifier of the challenge.
    challenges: u8,
    keys: Option<Keys>,
    /// Who was let in; nobody else may follow within the session.
    user: Option<Vec<u8>>,
    network: Option<Network>,
    ccp: Option<Layer<Cipher>>,
    ipcp: Option<Layer<Addresses>>,
    ipv6cp: Option<Layer<Interfaces>>,
    /// Whether the network protocols have been started since LCP opened.
    started: bool,
    /// Why a network protocol was given up.
    given_up: Option<Cause>,
    ciphers: Pair,
    held: Held,
    echoes: Echoes,
    outbox: Outbox,
    events: VecDeque<Event>,
    announced: Option<Opened>,
    setup_by: Option<Moment>,
    encryption_by: Option<Moment>,
    heard: Heard,
    identification: Vec<u8>,
    cause: Option<Cause>,
    over: bool,
    counters: Counters,
}

/// What became of a frame that came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A packet for the network: it stands at this range of the frame, decrypted.
    Network {
        /// What it is.
        ip: Ip,
        /// Where it stands in the frame.
        range: Range<usize>,
    },
    /// It was for the session itself; ask for frames and events.
    Handled,
    /// It was dropped and counted.
    Dropped(Dropped),
}

/// The version of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ip {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// Why a frame was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dropped {
    /// No head, lengths that do not fit, or a packet that is not of its protocol's version.
    Malformed,
    /// Its protocol is not open yet, or not any more.
    NotOpen,
    /// The session is over.
    Over,
    /// A protocol that is not wanted; the peer was told if it was sent in clear.
    Unwanted,
    /// In clear where encryption was agreed upon or is required.
    Clear,
    /// An answer to nothing, or to what is long settled.
    Stale,
    /// Too many packets of late that cost an answer.
    Storm,
    /// It could not be decrypted.
    Cipher(mppe::Dropped),
}

impl Session {
    /// A session that waits for [`Self::open`]. `credentials`: who a client is; without them it
    /// does not agree to prove itself. The dice are asked for 32 octets.
    pub fn new(
        mut settings: Settings,
        credentials: Option<Credentials>,
        dice: &mut Dice<'_>,
    ) -> Self {
        if settings.role == Role::Client && credentials.is_none() {
            settings.methods.clear();
        }
        let has_keys = settings.methods.contains(&Method::MsChapV2);
        if settings.mppe.is_required() && has_keys {
            // The others give no keys.
            settings.methods.retain(|method| *method == Method::MsChapV2);
        }
        settings.name.truncate(NAME_OCTETS_MAX);
        let mut lots = Lots::new(dice);
        let link = Link::new(&settings, lots.fork());
        Self {
            credentials,
            phase: Phase::Dead,
            lcp: Layer::new(link, &settings.limits),
            proof: Proof::None,
            challenges: 0,
            keys: None,
            user: None,
            network: settings.network.clone(),
            ccp: None,
            ipcp: None,
            ipv6cp: None,
            started: false,
            given_up: None,
            ciphers: Pair::new(settings.mppe),
            held: Held::default(),
            echoes: Echoes::new(settings.echo),
            outbox: Outbox::new(settings.limits.answers_burst),
            events: VecDeque::new(),
            announced: None,
            setup_by: None,
            encryption_by: None,
            heard: Heard::Nothing,
            identification: Vec::new(),
            cause: None,
            over: false,
            counters: Counters::default(),
            lots,
            settings,
        }
    }

    /// The carrier bears frames: LCP begins. Only the first call does something.
    pub fn open(&mut self, now: Moment) {
        if self.phase != Phase::Dead || self.over {
            return;
        }
        self.phase = Phase::Establish;
        self.setup_by = Some(now + self.settings.limits.setup);
        self.lcp.start(now, &mut self.outbox);
    }

    /// The carrier is gone: the session is over, nothing is left to send.
    pub fn lower_down(&mut self) {
        while self.outbox.pop().is_some() {}
        self.cause.get_or_insert(Cause::CarrierLost);
        self.finish();
    }

    /// Ends the session; the peer is told `text`, at most 64 octets. [`Event::Down`] follows when
    /// the peer has confirmed or did not answer.
    pub fn close(&mut self, now: Moment, text: &str) {
        self.fail(now, Cause::Closed, text);
    }

    /// The answer to [`Event::Verify`]: what is known about the user.
    pub fn verified(&mut self, now: Moment, known: &Known) {
        self.verify(now, known);
        self.settle(now);
    }

    /// The addresses for the user, if the settings had none; a server calls it after
    /// [`Event::Authenticated`], or after [`Event::Linked`] without a method: at once, or once a
    /// crypto binding is verified, as no packet passes before. A network without any address ends
    /// the session.
    pub fn assign(&mut self, now: Moment, network: Network) {
        self.network = Some(network);
        if self.phase == Phase::Network && !self.started {
            self.start_network(now);
        }
        self.settle(now);
    }

    /// Takes a frame; a packet of the network is decrypted in place.
    pub fn input(&mut self, now: Moment, frame: &mut [u8]) -> Input {
        let input = match frame::head(frame) {
            None => Input::Dropped(Dropped::Malformed),
            Some(_) if self.phase == Phase::Dead => Input::Dropped(Dropped::NotOpen),
            Some((protocol, at)) => {
                self.echoes.heard(now);
                match protocol {
                    Protocol::IPV4 => self.plain(Ip::V4, frame, at),
                    Protocol::IPV6 => self.plain(Ip::V6, frame, at),
                    Protocol::COMPRESSED => self.encrypted(now, frame, at),
                    _ => {
                        let input = self.control(now, protocol, frame.get(at..).unwrap_or(&[]));
                        self.settle(now);
                        input
                    }
                }
            }
        };
        if let Input::Dropped(why) = input {
            self.counters.count(why);
        }
        input
    }

    /// Frames a packet in place: `payload` is where it stands in `buffer`, with [`HEADROOM`] octets
    /// before it. Gives the range of the frame; `None`: nothing may pass now, it is longer than
    /// [`Opened::mtu`], or there is no room.
    pub fn output(
        &mut self,
        ip: Ip,
        buffer: &mut [u8],
        payload: Range<usize>,
    ) -> Option<Range<usize>> {
        self.framed(ip, buffer, payload)
    }

    /// Lets timers run out. Harmless when none is due.
    pub fn poll(&mut self, now: Moment) {
        if self.over || self.phase == Phase::Dead {
            return;
        }
        let signals = self.lcp.poll(now, &mut self.outbox);
        self.link_changed(now, signals);
        if !self.is_ending() {
            self.poll_proof(now);
            self.poll_network(now);
            self.poll_echo(now);
        }
        if self.setup_by.is_some_and(|by| by <= now) && !self.is_ending() {
            self.fail(now, Cause::SetupTimeout(self.phase), "setup takes too long");
        }
        self.settle(now);
    }

    /// When [`Self::poll`] is to be called next.
    #[must_use]
    pub fn deadline(&self) -> Option<Moment> {
        if self.over {
            return None;
        }
        let link = self.lcp.deadline();
        if self.is_ending() {
            return link;
        }
        let layers = [
            self.ccp.as_ref().and_then(Layer::deadline),
            self.ipcp.as_ref().and_then(Layer::deadline),
            self.ipv6cp.as_ref().and_then(Layer::deadline),
        ];
        let own = [
            link,
            self.proof.deadline(),
            self.echoes.deadline(),
            self.setup_by,
            self.encryption_by,
        ];
        layers.into_iter().chain(own).flatten().min()
    }

    /// Puts the next control frame to send into `out` (cleared before); false if there is none.
    pub fn next_frame(&mut self, out: &mut Vec<u8>) -> bool {
        out.clear();
        let Some((protocol, packet)) = self.outbox.pop() else { return false };
        let (head, len) = self.lcp.options.framing().write(protocol);
        out.extend_from_slice(head.get(head.len() - len..).unwrap_or(&[]));
        out.extend_from_slice(&packet);
        true
    }

    /// What the owner must know next.
    pub fn next_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// How far it is.
    #[must_use]
    pub const fn phase(&self) -> Phase {
        self.phase
    }

    /// Why it ends or has ended, as soon as that is known.
    #[must_use]
    pub const fn cause(&self) -> Option<&Cause> {
        self.cause.as_ref()
    }

    /// What was heard of the peer so far.
    #[must_use]
    pub const fn heard(&self) -> Heard {
        self.heard
    }

    /// How the peer calls itself (LCP Identification), unescaped, at most 64 octets.
    #[must_use]
    pub fn identification(&self) -> &[u8] {
        &self.identification
    }

    /// How long the last Echo-Request took to be answered.
    #[must_use]
    pub const fn round_trip(&self) -> Option<Duration> {
        self.echoes.round_trip()
    }

    /// How many frames were dropped for this reason.
    #[must_use]
    pub const fn dropped(&self, why: Dropped) -> u64 {
        self.counters.of(why)
    }

    /// How many answers of ours were dropped because there were too many.
    #[must_use]
    pub const fn answers_lost(&self) -> u64 {
        self.outbox.lost()
    }

    const fn is_ending(&self) -> bool {
        self.over || matches!(self.phase, Phase::Terminate)
    }

    fn tell(&mut self, event: Event) {
        if self.events.len() < EVENTS_MAX {
            self.events.push_back(event);
        }
    }

    /// Looks for reasons to end and for what has changed, after every step.
    fn settle(&mut self, now: Moment) {
        if !self.is_ending()
            && let Some(cause) = self.lcp.failure()
        {
            let text = match cause {
                Cause::NoCommonMethod { .. } => "peer refused to authenticate",
                Cause::Loopback => "loopback",
                _ => "options do not converge",
            };
            self.fail(now, cause, text);
        }
        self.settle_network(now);
        let opened = self.opened();
        if opened == self.announced {
            return;
        }
        match &opened {
            Some(opened) => {
                (self.phase, self.setup_by) = (Phase::Open, None);
                self.tell(Event::Opened(opened.clone()));
            }
            None if self.is_ending() => {}
            // Each protocol's own timers see to it that it comes back or ends.
            None => self.tell(Event::Suspended),
        }
        self.announced = opened;
    }

    /// Begins the end: tells the peer, and waits for its answer if LCP was ever up.
    fn fail(&mut self, now: Moment, cause: Cause, text: &str) {
        if self.is_ending() {
            return;
        }
        self.cause.get_or_insert(cause);
        self.phase = Phase::Terminate;
        self.networks_down();
        let text = text.as_bytes();
        let text = text.get(..FAREWELL_OCTETS_MAX).unwrap_or(text);
        self.lcp.close(now, text, &mut self.outbox);
        if self.lcp.state() != State::Closing {
            self.finish();
        }
    }

    /// The end.
    fn finish(&mut self) {
        if self.over {
            return;
        }
        self.over = true;
        self.phase = Phase::Terminate;
        self.networks_down();
        self.announced = None;
        // The last event comes even if nobody has taken the others.
        let cause = self.cause.clone().unwrap_or(Cause::LcpTimeout(self.heard));
        self.events.push_back(Event::Down(cause));
    }
}

/// Octets of room before a packet given to [`Session::output`]: a full head, MPPE's header, the
/// inner protocol.
pub const HEADROOM: usize = frame::HEAD_OCTETS_MAX + mppe::HEADER_OCTETS + INNER_OCTETS;

/// The inner protocol of an encrypted packet, as it is written.
const INNER_OCTETS: usize = 2;

/// The most events that wait; the last one, `Down`, always finds room.
const EVENTS_MAX: usize = 16;

/// The most octets of a server's name in challenges.
const NAME_OCTETS_MAX: usize = 64;

/// The most octets of a Terminate-Request of ours.
const FAREWELL_OCTETS_MAX: usize = 64;

#[cfg(test)]
mod tests;
