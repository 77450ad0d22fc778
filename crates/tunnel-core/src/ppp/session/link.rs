//! What LCP's packets and changes mean for the session.

use super::proof::Proof;
use super::{Dropped, Input, Session};
use crate::ppp::event::{Cause, Event, Heard, Meaning, Phase};
use crate::ppp::frame::Protocol;
use crate::ppp::layer::Signals;
use crate::ppp::packet::{Code, HEADER_OCTETS, Packet};
use crate::ppp::settings::{MRU_DEFAULT, Role};
use crate::time::Moment;

impl Session {
    /// Takes a frame of a control protocol.
    pub(super) fn control(&mut self, now: Moment, protocol: Protocol, body: &[u8]) -> Input {
        let packet = Packet::parse(body);
        match (protocol, packet) {
            (Protocol::LCP, Some(packet)) => self.link_packet(now, packet),
            _ if self.is_ending() => Input::Dropped(Dropped::Over),
            (Protocol::PAP | Protocol::CHAP, Some(packet)) if self.lcp.state().negotiates() => {
                self.held.keep(protocol, packet, body)
            }
            _ if !self.lcp.is_open() => Input::Dropped(Dropped::NotOpen),
            (Protocol::PAP | Protocol::CHAP, Some(_)) => self.proof_packet(now, protocol, body),
            (Protocol::CCP | Protocol::IPCP | Protocol::IPV6CP, Some(packet)) => {
                self.network_packet(now, protocol, packet, body)
            }
            (Protocol::LCP | Protocol::PAP | Protocol::CHAP, None)
            | (Protocol::CCP | Protocol::IPCP | Protocol::IPV6CP, None) => {
                Input::Dropped(Dropped::Malformed)
            }
            // Before the network phase other protocols are dropped in silence (RFC 1661 3.5).
            _ if self.phase < Phase::Network => Input::Dropped(Dropped::NotOpen),
            _ => self.reject_protocol(now, protocol, body),
        }
    }

    /// Tells the peer that a protocol is not wanted.
    pub(super) fn reject_protocol(
        &mut self,
        now: Moment,
        protocol: Protocol,
        body: &[u8],
    ) -> Input {
        if !self.outbox.allow(now) {
            return Input::Dropped(Dropped::Storm);
        }
        let mut data = alloc::vec::Vec::from(protocol.0.to_be_bytes());
        data.extend_from_slice(body);
        data.truncate(self.answer_room());
        let id = self.lcp.next_id();
        self.outbox.send(Protocol::LCP, Code::PROTOCOL_REJECT, id, &data);
        Input::Dropped(Dropped::Unwanted)
    }

    fn link_packet(&mut self, now: Moment, packet: Packet<'_>) -> Input {
        if self.over {
            // A peer whose Terminate-Request was answered in vain asks again.
            if packet.code == Code::TERMINATE_REQUEST {
                let id = packet.id;
                self.outbox.answer(now, Protocol::LCP, Code::TERMINATE_ACK, id, &[]);
                return Input::Handled;
            }
            return Input::Dropped(Dropped::Over);
        }
        match packet.code {
            Code::PROTOCOL_REJECT if self.lcp.is_open() => self.protocol_rejected(now, packet.data),
            Code::ECHO_REQUEST if self.lcp.is_open() => return self.echo(now, packet),
            Code::ECHO_REPLY if self.lcp.is_open() => self.echoes.answered(now, packet.id),
            Code::PROTOCOL_REJECT | Code::ECHO_REQUEST | Code::ECHO_REPLY => {
                return Input::Dropped(Dropped::NotOpen);
            }
            Code::IDENTIFICATION => {
                let text = packet.data.get(4..).unwrap_or(&[]);
                self.identification = text.get(..IDENTIFICATION_MAX).unwrap_or(text).to_vec();
            }
            Code::DISCARD_REQUEST | Code::TIME_REMAINING => {}
            Code::CODE_REJECT if packet.data.first() == Some(&Code::ECHO_REQUEST.0) => {
                self.echoes.stop();
            }
            _ => return self.link_negotiated(now, packet),
        }
        Input::Handled
    }

    fn link_negotiated(&mut self, now: Moment, packet: Packet<'_>) -> Input {
        let known = self.heard != Heard::Nothing;
        let signals = self.lcp.input(now, packet, &mut self.outbox);
        if signals.stale {
            return Input::Dropped(Dropped::Stale);
        }
        match packet.code {
            Code::CONFIGURE_REQUEST => self.heard = self.heard.at_least(Heard::RequestsOnly),
            Code::CONFIGURE_ACK | Code::CONFIGURE_NAK | Code::CONFIGURE_REJECT => {
                self.heard = Heard::Answers;
            }
            // Before anything else was heard it is the last word of a session before this one.
            Code::TERMINATE_REQUEST if known => {
                let text = packet.data.get(..TEXT_OCTETS_MAX).unwrap_or(packet.data);
                let (meaning, phase) = (Meaning::of(text), self.phase);
                let text = text.to_vec();
                self.cause.get_or_insert(Cause::PeerTerminated { meaning, text, phase });
                self.finish();
                return Input::Handled;
            }
            Code::CODE_REJECT if signals.finished || signals.down => {
                self.cause.get_or_insert(Cause::NotUnderstood(Protocol::LCP));
                self.finish();
                return Input::Handled;
            }
            _ => {}
        }
        self.link_changed(now, signals);
        Input::Handled
    }

    /// LCP opened, closed or ended.
    pub(super) fn link_changed(&mut self, now: Moment, signals: Signals) {
        if signals.finished {
            self.finish();
        }
        if self.is_ending() {
            return;
        }
        if signals.down {
            self.networks_down();
            self.echoes.stop();
            self.phase = Phase::Establish;
            self.setup_by.get_or_insert(now + self.settings.limits.setup);
        }
        if signals.up {
            let agreed = self.lcp.options.agreed();
            self.phase = Phase::Authenticate;
            self.echoes.start(now);
            self.tell(Event::Linked(agreed));
            match agreed.method {
                Some(method) => self.start_proof(now, method),
                None => self.enter_network(now),
            }
        }
    }

    fn echo(&mut self, now: Moment, packet: Packet<'_>) -> Input {
        let Some((theirs, rest)) = packet.data.split_first_chunk::<4>() else {
            return Input::Dropped(Dropped::Malformed);
        };
        let magic = self.lcp.options.magic();
        if magic != 0 && u32::from_be_bytes(*theirs) == magic {
            self.lcp.options.looped();
            return Input::Handled;
        }
        let mut data = alloc::vec::Vec::from(magic.to_be_bytes());
        data.extend_from_slice(rest);
        data.truncate(self.answer_room());
        if self.outbox.answer(now, Protocol::LCP, Code::ECHO_REPLY, packet.id, &data) {
            Input::Handled
        } else {
            Input::Dropped(Dropped::Storm)
        }
    }

    /// The most data in an answer that repeats what came: what the peer takes, and any carrier.
    fn answer_room(&self) -> usize {
        let mru = self.lcp.options.agreed().peer_mru.min(MRU_DEFAULT);
        usize::from(mru) - HEADER_OCTETS
    }

    fn protocol_rejected(&mut self, now: Moment, data: &[u8]) {
        let Some(&[high, low]) = data.first_chunk() else { return };
        match Protocol(u16::from_be_bytes([high, low])) {
            Protocol::LCP => {
                self.fail(now, Cause::NotUnderstood(Protocol::LCP), "LCP rejected");
            }
            protocol @ (Protocol::PAP | Protocol::CHAP) if !matches!(self.proof, Proof::None) => {
                let text = match self.settings.role {
                    Role::Server => "peer refused to authenticate",
                    Role::Client => "authentication rejected",
                };
                self.fail(now, Cause::NotUnderstood(protocol), text);
            }
            protocol @ (Protocol::CCP | Protocol::IPCP | Protocol::IPV6CP) => {
                self.network_rejected(now, protocol);
            }
            // A packet that overtook the negotiation: the peer was not that far yet.
            _ => {}
        }
    }
}

impl Heard {
    const fn at_least(self, other: Self) -> Self {
        match self {
            Self::Nothing => other,
            _ => self,
        }
    }
}

/// The most octets kept of a Terminate-Request's text.
const TEXT_OCTETS_MAX: usize = 256;

/// The most octets kept of an Identification.
const IDENTIFICATION_MAX: usize = 64;
