//! Packets of the network: framed, encrypted, decrypted, in place and without allocation.

use core::ops::Range;

use super::{Dropped, HEADROOM, INNER_OCTETS, Input, Ip, Session};
use crate::mppe::{
    self, HEADER_OCTETS, Keys, Mode, Opened as Decrypted, Receiver, Sender, Strength,
};
use crate::ppp::event::Cause;
use crate::ppp::frame::{self, Protocol};
use crate::ppp::packet::Code;
use crate::ppp::settings::{Mppe, Role};
use crate::time::Moment;

/// What one direction was agreed to be encrypted with.
type Agreed = Option<(Strength, Mode)>;

/// The ciphers of both directions.
#[derive(Debug)]
pub(super) struct Pair {
    pub(super) sender: Option<Sender>,
    receiver: Option<Receiver>,
    agreed: (Agreed, Agreed),
    /// Whether packets may be sent, and taken, in clear.
    send_clear: Clear,
    take_clear: Clear,
    /// Whether a packet was decrypted since the keys are new.
    decrypted: Decryption,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Clear {
    Allowed,
    Forbidden,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Decryption {
    Untried,
    Works,
}

impl Pair {
    pub(super) const fn new(mppe: Mppe) -> Self {
        let clear = if mppe.is_required() { Clear::Forbidden } else { Clear::Allowed };
        Self {
            sender: None,
            receiver: None,
            agreed: (None, None),
            send_clear: clear,
            take_clear: clear,
            decrypted: Decryption::Untried,
        }
    }

    /// CCP is open. What was encrypted once is never sent or taken in clear again. Keys begin as
    /// they began the first time, because every peer's do.
    pub(super) fn start(&mut self, keys: &Keys, role: Role, agreed: (Agreed, Agreed)) {
        let side = Session::side(role);
        let (sends, receives) = agreed;
        self.agreed = agreed;
        self.sender = sends.map(|(strength, mode)| keys.sender(side, strength, mode));
        self.receiver = receives.map(|(strength, mode)| keys.receiver(side, strength, mode));
        self.decrypted = Decryption::Untried;
        if sends.is_some() {
            self.send_clear = Clear::Forbidden;
        }
        if receives.is_some() {
            self.take_clear = Clear::Forbidden;
        }
    }

    /// CCP is not open any more.
    pub(super) fn stop(&mut self) {
        (self.sender, self.receiver, self.agreed) = (None, None, (None, None));
    }

    pub(super) const fn agreed(&self) -> (Agreed, Agreed) {
        self.agreed
    }

    pub(super) const fn is_complete(&self) -> bool {
        self.sender.is_some() && self.receiver.is_some()
    }

    /// Whether the session cannot go on without.
    pub(super) fn is_needed(&self) -> bool {
        self.send_clear == Clear::Forbidden || self.take_clear == Clear::Forbidden
    }

    /// Whether packets can pass both ways now.
    pub(super) fn may_pass(&self) -> bool {
        (self.sender.is_some() || self.send_clear == Clear::Allowed)
            && (self.receiver.is_some() || self.take_clear == Clear::Allowed)
    }
}

impl Session {
    /// The longest packet that may pass both ways: MPPE's header and the inner protocol count.
    pub(super) fn mtu(&self) -> u16 {
        let mru = self.lcp.options.agreed().peer_mru.min(self.settings.mru);
        if self.ciphers.sender.is_some() { mru.saturating_sub(OVERHEAD) } else { mru }
    }

    fn is_ip_open(&self, ip: Ip) -> bool {
        match ip {
            Ip::V4 => self.ipcp.as_ref().is_some_and(|ipcp| ipcp.is_open()),
            Ip::V6 => self.ipv6cp.as_ref().is_some_and(|ipv6cp| ipv6cp.is_open()),
        }
    }

    /// See [`Session::output`].
    pub(super) fn framed(
        &mut self,
        ip: Ip,
        buffer: &mut [u8],
        payload: Range<usize>,
    ) -> Option<Range<usize>> {
        let fits = payload.len() <= usize::from(self.mtu()) && payload.end <= buffer.len();
        if !fits || payload.start < HEADROOM || payload.is_empty() {
            return None;
        }
        if self.is_ending() || !self.is_ip_open(ip) || !self.ciphers.may_pass() {
            return None;
        }
        let (mut protocol, mut start) = (ip.protocol(), payload.start);
        if let Some(sender) = &mut self.ciphers.sender {
            start -= INNER_OCTETS;
            buffer.get_mut(start..payload.start)?.copy_from_slice(&protocol.0.to_be_bytes());
            start -= HEADER_OCTETS;
            sender.seal(buffer.get_mut(start..payload.end)?);
            protocol = Protocol::COMPRESSED;
        }
        let (head, len) = self.lcp.options.framing().write(protocol);
        let head = head.get(head.len() - len..)?;
        buffer.get_mut(start - len..start)?.copy_from_slice(head);
        Some(start - len..payload.end)
    }

    /// A packet in clear.
    pub(super) fn plain(&self, ip: Ip, frame: &[u8], at: usize) -> Input {
        if self.ciphers.take_clear == Clear::Forbidden {
            let why = if self.over { Dropped::Over } else { Dropped::Clear };
            return Input::Dropped(why);
        }
        self.packet(ip, frame, at)
    }

    fn packet(&self, ip: Ip, frame: &[u8], at: usize) -> Input {
        if self.over {
            return Input::Dropped(Dropped::Over);
        }
        if self.is_ending() || !self.is_ip_open(ip) || !self.ciphers.may_pass() {
            return Input::Dropped(Dropped::NotOpen);
        }
        match frame.get(at).map(|octet| octet >> 4) {
            Some(version) if version == ip.version() => {
                Input::Network { ip, range: at..frame.len() }
            }
            _ => Input::Dropped(Dropped::Malformed),
        }
    }

    /// An encrypted packet.
    pub(super) fn encrypted(&mut self, now: Moment, frame: &mut [u8], at: usize) -> Input {
        let body = frame.get_mut(at..).unwrap_or(&mut []);
        let Some(receiver) = &mut self.ciphers.receiver else {
            return Input::Dropped(if self.over { Dropped::Over } else { Dropped::NotOpen });
        };
        match receiver.open(body) {
            Decrypted::Plain => {}
            Decrypted::Dropped(why) => return self.undecrypted(now, why),
        }
        self.ciphers.decrypted = Decryption::Works;
        let start = at + HEADER_OCTETS;
        let Some((protocol, len)) = frame.get(start..).and_then(frame::protocol) else {
            return Input::Dropped(Dropped::Malformed);
        };
        // Whatever else comes out is dropped in silence: a Protocol-Reject would show it in clear.
        match protocol {
            Protocol::IPV4 => self.packet(Ip::V4, frame, start + len),
            Protocol::IPV6 => self.packet(Ip::V6, frame, start + len),
            _ => Input::Dropped(Dropped::Unwanted),
        }
    }

    fn undecrypted(&mut self, now: Moment, why: mppe::Dropped) -> Input {
        if let (Some(receiver), Some(ccp)) = (&mut self.ciphers.receiver, &mut self.ccp) {
            if why == mppe::Dropped::Unsynchronised && receiver.reset_due(now) {
                let id = ccp.next_id();
                self.outbox.send(Protocol::CCP, Code::RESET_REQUEST, id, &[]);
            }
            let hopeless = receiver.dropped_run() >= UNDECRYPTED_MAX;
            if hopeless && self.ciphers.decrypted == Decryption::Untried {
                self.fail(now, Cause::KeysDiffer, "MPPE keys differ");
                self.settle(now);
            }
        }
        Input::Dropped(Dropped::Cipher(why))
    }
}

impl Ip {
    /// The number its packets are framed with.
    #[must_use]
    pub const fn protocol(self) -> Protocol {
        match self {
            Self::V4 => Protocol::IPV4,
            Self::V6 => Protocol::IPV6,
        }
    }

    const fn version(self) -> u8 {
        match self {
            Self::V4 => 4,
            Self::V6 => 6,
        }
    }
}

/// How many frames were dropped, by reason.
#[derive(Debug, Default)]
pub(super) struct Counters([u64; KINDS]);

impl Counters {
    pub(super) fn count(&mut self, why: Dropped) {
        if let Some(counter) = self.0.get_mut(place(why)) {
            *counter += 1;
        }
    }

    pub(super) const fn of(&self, why: Dropped) -> u64 {
        self.0[place(why)]
    }
}

const fn place(why: Dropped) -> usize {
    match why {
        Dropped::Malformed => 0,
        Dropped::NotOpen => 1,
        Dropped::Over => 2,
        Dropped::Unwanted => 3,
        Dropped::Clear => 4,
        Dropped::Stale => 5,
        Dropped::Storm => 6,
        Dropped::Cipher(mppe::Dropped::Short) => 7,
        Dropped::Cipher(mppe::Dropped::Clear) => 8,
        Dropped::Cipher(mppe::Dropped::Late) => 9,
        Dropped::Cipher(mppe::Dropped::Garbled) => 10,
        Dropped::Cipher(mppe::Dropped::TooFar) => 11,
        Dropped::Cipher(mppe::Dropped::Unsynchronised) => 12,
    }
}

/// Reasons to drop a frame.
const KINDS: usize = 13;

/// MPPE's header and the inner protocol, in octets.
#[expect(clippy::cast_possible_truncation, reason = "it is 4")]
const OVERHEAD: u16 = (HEADER_OCTETS + INNER_OCTETS) as u16;

/// So many packets in a row that cannot be decrypted, before any that could, mean other keys.
const UNDECRYPTED_MAX: u32 = 32;
