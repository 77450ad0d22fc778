//! Encryption first, then addresses: CCP, IPCP and IPV6CP within the session.
//!
//! Requests that come before their time are kept, one for each protocol, and answered when it has
//! come; a Terminate-Ack to a request of ours that was early is no refusal. The network protocols
//! wait for encryption if it may be had, so that no packet passes in clear that need not.

use alloc::vec::Vec;
use core::fmt;

use super::{Dropped, Input, Session};
use crate::ppp::automaton::State;
use crate::ppp::ccp::Cipher;
use crate::ppp::event::{Cause, MppeMissing, Opened, Phase};
use crate::ppp::frame::Protocol;
use crate::ppp::ipcp::Addresses;
use crate::ppp::ipv6cp::Interfaces;
use crate::ppp::layer::{Layer, Signals};
use crate::ppp::packet::{Code, Packet};
use crate::ppp::settings::{Network, Role};
use crate::time::Moment;

/// The newest early request of each protocol.
#[derive(Default)]
pub(super) struct Held {
    ccp: Option<Vec<u8>>,
    ipcp: Option<Vec<u8>>,
    ipv6cp: Option<Vec<u8>>,
    /// A challenge or the like that overtook the end of LCP's negotiation.
    proof: Option<Vec<u8>>,
}

// A packet of PAP holds a password.
impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Held(..)")
    }
}

impl Held {
    fn place(&mut self, protocol: Protocol) -> Option<&mut Option<Vec<u8>>> {
        match protocol {
            Protocol::CCP => Some(&mut self.ccp),
            Protocol::IPCP => Some(&mut self.ipcp),
            Protocol::IPV6CP => Some(&mut self.ipv6cp),
            Protocol::PAP | Protocol::CHAP => Some(&mut self.proof),
            _ => None,
        }
    }

    /// Keeps a request (a challenge has the same code); others mean nothing before theirs.
    pub(super) fn keep(&mut self, protocol: Protocol, packet: Packet<'_>, body: &[u8]) -> Input {
        match self.place(protocol) {
            Some(place)
                if packet.code == Code::CONFIGURE_REQUEST && body.len() <= HELD_OCTETS_MAX =>
            {
                *place = Some(body.to_vec());
                Input::Handled
            }
            _ => Input::Dropped(Dropped::NotOpen),
        }
    }

    pub(super) fn take(&mut self, protocol: Protocol) -> Option<Vec<u8>> {
        self.place(protocol).and_then(Option::take)
    }
}

impl Session {
    /// Who it is is settled; a server without addresses waits for them.
    pub(super) fn enter_network(&mut self, now: Moment) {
        self.phase = Phase::Network;
        if self.network.is_some() {
            self.start_network(now);
        }
    }

    /// Begins with encryption, or with the network protocols where there is none to wait for.
    pub(super) fn start_network(&mut self, now: Moment) {
        let mppe = self.settings.mppe;
        if mppe.ciphers().is_none() {
            return self.start_protocols(now);
        }
        if self.keys.is_none() {
            if !mppe.is_required() {
                return self.start_protocols(now);
            }
            let cause = Cause::MppeMissing(MppeMissing::NoKeys);
            return self.fail(now, cause, "MPPE required but not available");
        }
        if self.ccp.is_some() {
            return;
        }
        let mut ccp = Layer::new(Cipher::new(mppe), &self.settings.limits);
        ccp.start(now, &mut self.outbox);
        self.ccp = Some(ccp);
        if !mppe.is_required() {
            self.encryption_by = Some(now + self.settings.limits.encryption_wait);
        }
        self.replay(now, Protocol::CCP);
    }

    fn start_protocols(&mut self, now: Moment) {
        self.encryption_by = None;
        if self.started {
            return;
        }
        self.started = true;
        let limits = self.settings.limits;
        let Some(Network { ipv4, name_servers, ipv6 }) = self.network.clone() else { return };
        if ipv4.is_none() && ipv6.is_none() {
            return self.fail(now, Cause::NoAddress, "no address available");
        }
        let ipcp = ipv4.map(|plan| Layer::new(Addresses::new(plan, name_servers), &limits));
        self.ipcp = ipcp;
        let ipv6cp = ipv6.map(|plan| Layer::new(Interfaces::new(plan, self.lots.fork()), &limits));
        self.ipv6cp = ipv6cp;
        if let Some(ipcp) = &mut self.ipcp {
            ipcp.start(now, &mut self.outbox);
        }
        if let Some(ipv6cp) = &mut self.ipv6cp {
            ipv6cp.start(now, &mut self.outbox);
        }
        self.replay(now, Protocol::IPCP);
        self.replay(now, Protocol::IPV6CP);
    }

    fn replay(&mut self, now: Moment, protocol: Protocol) {
        if let Some(body) = self.held.take(protocol)
            && let Some(packet) = Packet::parse(&body)
        {
            self.network_packet(now, protocol, packet, &body);
        }
    }

    pub(super) fn network_packet(
        &mut self,
        now: Moment,
        protocol: Protocol,
        packet: Packet<'_>,
        body: &[u8],
    ) -> Input {
        let waits = match protocol {
            Protocol::CCP => self.network.is_none(),
            _ => !self.started,
        };
        if self.phase < Phase::Network || waits {
            return self.held.keep(protocol, packet, body);
        }
        let out = &mut self.outbox;
        let signals = match protocol {
            Protocol::CCP if self.ccp.is_none() => return self.decline(now, packet, body),
            Protocol::CCP if matches!(packet.code, Code::RESET_REQUEST | Code::RESET_ACK) => {
                return self.reset(now, packet);
            }
            Protocol::CCP => self.ccp.as_mut().map(|ccp| ccp.input(now, packet, out)),
            Protocol::IPCP => self.ipcp.as_mut().map(|ipcp| ipcp.input(now, packet, out)),
            _ => self.ipv6cp.as_mut().map(|ipv6cp| ipv6cp.input(now, packet, out)),
        };
        match signals {
            None => self.reject_protocol(now, protocol, body),
            Some(signals) => {
                if protocol == Protocol::CCP {
                    self.encryption_changed(now, signals, MppeMissing::PeerClosed);
                } else {
                    self.protocol_changed(now, protocol, signals);
                }
                match signals.stale {
                    true => Input::Dropped(Dropped::Stale),
                    false => Input::Handled,
                }
            }
        }
    }

    /// There is nothing we could agree to in CCP. A rejected option tells a peer that insists on
    /// MPPE more than a rejected protocol.
    fn decline(&mut self, now: Moment, packet: Packet<'_>, body: &[u8]) -> Input {
        let code = match packet.code {
            Code::CONFIGURE_REQUEST if !packet.data.is_empty() => Code::CONFIGURE_REJECT,
            Code::CONFIGURE_REQUEST => return self.reject_protocol(now, Protocol::CCP, body),
            Code::TERMINATE_REQUEST => Code::TERMINATE_ACK,
            _ => return Input::Dropped(Dropped::Unwanted),
        };
        let data = if code == Code::CONFIGURE_REJECT { packet.data } else { &[] };
        match self.outbox.answer(now, Protocol::CCP, code, packet.id, data) {
            true => Input::Handled,
            false => Input::Dropped(Dropped::Storm),
        }
    }

    fn reset(&mut self, now: Moment, packet: Packet<'_>) -> Input {
        let Some(sender) = self.ciphers.sender.as_mut() else {
            return Input::Dropped(Dropped::NotOpen);
        };
        if packet.code == Code::RESET_REQUEST {
            if !self.outbox.answer(now, Protocol::CCP, Code::RESET_ACK, packet.id, &[]) {
                return Input::Dropped(Dropped::Storm);
            }
            sender.reset_requested();
        }
        Input::Handled
    }

    /// CCP opened, closed or ended; `lost` is the reason if it ended after it was open.
    fn encryption_changed(&mut self, now: Moment, signals: Signals, lost: MppeMissing) {
        let Some(ccp) = &self.ccp else { return };
        if signals.down {
            self.ciphers.stop();
        }
        if signals.up {
            let agreed = (ccp.options.sends(), ccp.options.receives());
            if let Some(keys) = &self.keys {
                self.ciphers.start(keys, self.settings.role, agreed);
            }
            if self.settings.mppe.is_required() && !self.ciphers.is_complete() {
                return self.without_encryption(now, MppeMissing::NoCommonStrength);
            }
            return self.start_protocols(now);
        }
        // Closed by the peer: that it was open once means that it is needed.
        let closed = signals.down && ccp.state() == State::Stopping;
        if closed || signals.finished {
            self.without_encryption(now, lost);
        }
    }

    /// CCP is over without MPPE.
    fn without_encryption(&mut self, now: Moment, why: MppeMissing) {
        self.ciphers.stop();
        if !self.ciphers.is_needed() {
            if let Some(mut ccp) = self.ccp.take() {
                ccp.close(now, b"", &mut self.outbox);
            }
            return self.start_protocols(now);
        }
        let text = match why {
            MppeMissing::NoKeys => "MPPE required but not available",
            MppeMissing::PeerRefuses | MppeMissing::PeerClosed => "MPPE required but peer refused",
            MppeMissing::NoCommonStrength | MppeMissing::Silence => {
                "MPPE required but peer negotiation failed"
            }
        };
        self.fail(now, Cause::MppeMissing(why), text);
    }

    fn protocol_changed(&mut self, now: Moment, protocol: Protocol, signals: Signals) {
        if signals.finished {
            self.give_up(now, protocol, None);
        } else if signals.up && protocol == Protocol::IPCP {
            let link = self.ipcp.as_ref().map(|ipcp| ipcp.options.link());
            if link.is_some_and(|link| link.local.is_unspecified()) {
                self.give_up(now, protocol, Some(Cause::NoAddress));
            }
        }
    }

    /// One network protocol is over; without another the session is.
    fn give_up(&mut self, now: Moment, protocol: Protocol, cause: Option<Cause>) {
        let out = &mut self.outbox;
        if protocol == Protocol::IPCP {
            self.ipcp.take().map(|mut ipcp| ipcp.close(now, b"", out));
        } else {
            self.ipv6cp.take().map(|mut ipv6cp| ipv6cp.close(now, b"", out));
        }
        self.given_up = self.given_up.take().or(cause);
        if self.ipcp.is_none() && self.ipv6cp.is_none() {
            let (cause, text) = match self.given_up.take() {
                Some(Cause::NoAddress) => (Cause::NoAddress, "no address available"),
                Some(cause) => (cause, "options do not converge"),
                None => (Cause::NoNetwork, "no network protocols running"),
            };
            self.fail(now, cause, text);
        }
    }

    /// The peer does not know one of the protocols: nothing of it is sent any more.
    pub(super) fn network_rejected(&mut self, now: Moment, protocol: Protocol) {
        let known = match protocol {
            Protocol::CCP => self.ccp.take().is_some(),
            Protocol::IPCP => self.ipcp.take().is_some(),
            _ => self.ipv6cp.take().is_some(),
        };
        match protocol {
            _ if !known => {}
            Protocol::CCP => self.without_encryption(now, MppeMissing::PeerRefuses),
            _ => self.give_up(now, protocol, None),
        }
    }

    pub(super) fn poll_network(&mut self, now: Moment) {
        let out = &mut self.outbox;
        if let Some(signals) = self.ccp.as_mut().map(|ccp| ccp.poll(now, out)) {
            self.encryption_changed(now, signals, MppeMissing::Silence);
        }
        if self.encryption_by.is_some_and(|by| by <= now) {
            self.start_protocols(now);
        }
        let out = &mut self.outbox;
        if let Some(signals) = self.ipcp.as_mut().map(|ipcp| ipcp.poll(now, out)) {
            self.protocol_changed(now, Protocol::IPCP, signals);
        }
        let out = &mut self.outbox;
        if let Some(signals) = self.ipv6cp.as_mut().map(|ipv6cp| ipv6cp.poll(now, out)) {
            self.protocol_changed(now, Protocol::IPV6CP, signals);
        }
    }

    /// Looks for protocols in which there is no sense in going on.
    pub(super) fn settle_network(&mut self, now: Moment) {
        if self.is_ending() {
            return;
        }
        match self.ccp.as_ref().and_then(Layer::failure) {
            None => {}
            Some(Cause::MppeMissing(why)) => self.without_encryption(now, why),
            Some(cause) if self.ciphers.is_needed() => {
                self.fail(now, cause, "MPPE required but peer negotiation failed");
            }
            Some(_) => self.without_encryption(now, MppeMissing::NoCommonStrength),
        }
        if let Some(cause) = self.ipcp.as_ref().and_then(Layer::failure) {
            self.give_up(now, Protocol::IPCP, Some(cause));
        }
        if let Some(cause) = self.ipv6cp.as_ref().and_then(Layer::failure) {
            self.give_up(now, Protocol::IPV6CP, Some(cause));
        }
    }

    /// LCP is not open any more: all above it begins anew.
    pub(super) fn networks_down(&mut self) {
        (self.ccp, self.ipcp, self.ipv6cp) = (None, None, None);
        (self.started, self.given_up, self.encryption_by) = (false, None, None);
        self.keys = None;
        self.proof = super::proof::Proof::None;
        self.held = Held::default();
        self.ciphers.stop();
    }

    /// What is open, if packets pass.
    pub(super) fn opened(&self) -> Option<Opened> {
        if self.is_ending() || !self.ciphers.may_pass() {
            return None;
        }
        let open = |state: State| state == State::Opened;
        let ipv4 = self.ipcp.as_ref().filter(|ipcp| open(ipcp.state()));
        let ipv6 = self.ipv6cp.as_ref().filter(|ipv6cp| open(ipv6cp.state()));
        let (ipv4, ipv6) = (ipv4.map(|ipcp| ipcp.options.link()), ipv6.map(|ip| ip.options.link()));
        if ipv4.is_none() && ipv6.is_none() {
            return None;
        }
        let (sends, receives) = self.ciphers.agreed();
        Some(Opened { ipv4, ipv6, mtu: self.mtu(), sends, receives, method: self.method() })
    }

    /// Which end of the authentication this is.
    pub(super) const fn side(role: Role) -> crate::mppe::Side {
        match role {
            Role::Client => crate::mppe::Side::Client,
            Role::Server => crate::mppe::Side::Server,
        }
    }
}

/// The longest early request kept, in octets.
const HELD_OCTETS_MAX: usize = 512;
