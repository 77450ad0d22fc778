//! One control protocol: the automaton with its packets, and the rules by which a negotiation
//! ends (RFC 1661 sections 4 and 5).
//!
//! What options mean is [`Options`]' own. It must never go on without end: Naks become Rejects,
//! refusals are counted both ways, and so are negotiations. Copies of packets that were answered
//! already change nothing.

use alloc::vec::Vec;
use core::time::Duration;

use super::automaton::{Action, Automaton, Happening, State};
use super::event::Cause;
use super::frame::Protocol;
use super::outbox::Outbox;
use super::packet::{Choice, Choices, Code, Packet, push_option};
use super::settings::{Limits, MRU_DEFAULT};
use crate::time::Moment;

/// What the options of one protocol mean.
pub(crate) trait Options {
    /// The protocol.
    const PROTOCOL: Protocol;

    /// A negotiation begins anew: our wishes are the first ones again.
    fn restart(&mut self);

    /// Appends our wishes.
    fn request(&self, out: &mut Vec<u8>);

    /// A request of the peer begins: what it said before is void.
    fn begin(&mut self);

    /// What we think of one option of the peer's request.
    fn opinion(&mut self, choice: Choice<'_>) -> Opinion;

    /// Appends options that the peer left out and should ask for.
    fn missing(&mut self, out: &mut Vec<u8>);

    /// The peer proposes another value for one of our wishes, or a wish we did not have.
    fn proposed(&mut self, choice: Choice<'_>);

    /// The peer does not want to hear of one of our wishes.
    fn rejected(&mut self, choice: Choice<'_>);

    /// Why there is no sense in going on, if so.
    fn failure(&self) -> Option<Cause>;
}

/// What we think of an option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Opinion {
    /// It is fine.
    Take,
    /// Another value, please.
    Rather(Vec<u8>),
    /// Not at all.
    Reject,
}

/// One control protocol.
#[derive(Debug)]
pub(crate) struct Layer<O> {
    /// The options.
    pub(crate) options: O,
    automaton: Automaton,
    limits: Limits,
    /// The identifier last used for a packet of ours.
    id: u8,
    /// Our last request, while nothing has answered it.
    request: Option<Request>,
    /// The peer's request that was accepted last.
    accepted: Option<Accepted>,
    naks: u32,
    refusals: u32,
    openings: u32,
    /// What a Terminate-Request says.
    farewell: Vec<u8>,
}

/// A Configure-Request as it was sent.
#[derive(Debug, PartialEq, Eq)]
struct Request {
    id: u8,
    options: Vec<u8>,
}

/// What a step led to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Signals {
    /// The layer opened.
    pub(crate) up: bool,
    /// The layer left `Opened`.
    pub(crate) down: bool,
    /// The layer is over.
    pub(crate) finished: bool,
    /// The packet was dropped: an answer to nothing, or lengths that do not fit.
    pub(crate) stale: bool,
}

/// A request of the peer that we answered with an Ack.
#[derive(Debug)]
struct Accepted {
    request: Request,
    answered: Moment,
    /// How often it came again since.
    copies: u32,
}

/// What answers a request of the peer.
enum Judgement {
    Ack,
    Nak(Vec<u8>),
    Reject(Vec<u8>),
}

impl<O: Options> Layer<O> {
    /// In state `Initial`.
    pub(crate) fn new(options: O, limits: &Limits) -> Self {
        Self {
            options,
            automaton: Automaton::new(limits),
            limits: *limits,
            id: 0,
            request: None,
            accepted: None,
            naks: 0,
            refusals: 0,
            openings: 0,
            farewell: Vec::new(),
        }
    }

    /// Its state.
    pub(crate) const fn state(&self) -> State {
        self.automaton.state()
    }

    /// Whether it is open.
    pub(crate) fn is_open(&self) -> bool {
        self.state() == State::Opened
    }

    /// When its timer runs out.
    pub(crate) const fn deadline(&self) -> Option<Moment> {
        self.automaton.deadline()
    }

    /// An identifier for a packet of ours.
    pub(crate) const fn next_id(&mut self) -> u8 {
        self.id = self.id.wrapping_add(1);
        self.id
    }

    /// Why there is no sense in going on, if so.
    pub(crate) fn failure(&self) -> Option<Cause> {
        if let Some(cause) = self.options.failure() {
            return Some(cause);
        }
        if self.refusals > self.limits.refusals_max {
            return Some(Cause::NeverConverged(O::PROTOCOL));
        }
        (self.openings > self.limits.openings_max).then_some(Cause::Restless(O::PROTOCOL))
    }

    /// The owner wants it, and the lower layer is up.
    pub(crate) fn start(&mut self, now: Moment, out: &mut Outbox) -> Signals {
        let signals = self.happen(now, Happening::Open, None, out);
        signals.and(self.happen(now, Happening::Up, None, out))
    }

    /// The owner does not want it any more, for this reason.
    pub(crate) fn close(&mut self, now: Moment, farewell: &[u8], out: &mut Outbox) -> Signals {
        self.farewell = farewell.to_vec();
        self.happen(now, Happening::Close, None, out)
    }

    /// Lets the timer run out.
    pub(crate) fn poll(&mut self, now: Moment, out: &mut Outbox) -> Signals {
        match self.automaton.timeout(now) {
            Some(timeout) => self.happen(now, timeout, None, out),
            None => Signals::default(),
        }
    }

    /// Takes a packet. Codes that the protocol has beyond 7 are the session's, not for here.
    pub(crate) fn input(&mut self, now: Moment, packet: Packet<'_>, out: &mut Outbox) -> Signals {
        match packet.code {
            Code::CONFIGURE_REQUEST => self.asked(now, packet, out),
            Code::CONFIGURE_ACK | Code::CONFIGURE_NAK | Code::CONFIGURE_REJECT => {
                self.answered(now, packet, out)
            }
            Code::TERMINATE_REQUEST => {
                self.happen(now, Happening::TerminateRequest, Some(packet), out)
            }
            Code::TERMINATE_ACK => self.happen(now, Happening::TerminateAck, None, out),
            Code::CODE_REJECT => {
                let fatal = packet.data.first().is_some_and(|code| (1..=7).contains(code));
                let reject = if fatal { Happening::FatalReject } else { Happening::HarmlessReject };
                self.happen(now, reject, None, out)
            }
            _ => self.happen(now, Happening::UnknownCode, Some(packet), out),
        }
    }

    fn asked(&mut self, now: Moment, packet: Packet<'_>, out: &mut Outbox) -> Signals {
        if !Choices::new(packet.data).is_whole() {
            return Signals::STALE;
        }
        let acked = matches!(self.state(), State::Opened | State::AckSent);
        if acked && self.accepted.as_ref().is_some_and(|accepted| accepted.covers(now, packet)) {
            return Signals::STALE;
        }
        match self.state() {
            State::Initial | State::Starting => return Signals::STALE,
            State::Opened => {
                if let Some(accepted) = &mut self.accepted
                    && accepted.copies < COPIES_MAX
                    && accepted.request.is(packet)
                {
                    // Our Ack was lost, or this is a copy: the same answer, and nothing changes.
                    accepted.copies += 1;
                    accepted.answered = now;
                    out.answer(now, O::PROTOCOL, Code::CONFIGURE_ACK, packet.id, packet.data);
                    return Signals::default();
                }
                self.restart();
            }
            State::Stopped => self.restart(),
            State::Closed | State::Closing | State::Stopping => {
                return self.happen(now, Happening::GoodRequest, Some(packet), out);
            }
            State::ReqSent | State::AckRcvd | State::AckSent => {}
        }
        let judgement = self.judge(packet.data);
        let (code, data) = match judgement {
            Judgement::Ack => {
                let request = Request::of(packet);
                self.accepted = Some(Accepted { request, answered: now, copies: 0 });
                self.naks = 0;
                return self.happen(now, Happening::GoodRequest, Some(packet), out);
            }
            Judgement::Nak(data) => (Code::CONFIGURE_NAK, data),
            Judgement::Reject(data) => (Code::CONFIGURE_REJECT, data),
        };
        self.refusals += 1;
        let refusal = Packet { code, id: packet.id, data: &data };
        self.happen(now, Happening::BadRequest, Some(refusal), out)
    }

    fn judge(&mut self, asked: &[u8]) -> Judgement {
        let (mut naks, mut rejects) = (Vec::new(), Vec::new());
        let patient = self.naks < self.limits.max_failure;
        self.options.begin();
        for choice in Choices::new(asked) {
            match self.options.opinion(choice) {
                Opinion::Take => {}
                Opinion::Rather(value) if patient => push_option(choice.kind, &[&value], &mut naks),
                Opinion::Rather(_) | Opinion::Reject => choice.push(&mut rejects),
            }
        }
        if patient {
            self.options.missing(&mut naks);
        }
        if !rejects.is_empty() {
            Judgement::Reject(rejects)
        } else if !naks.is_empty() {
            self.naks += 1;
            Judgement::Nak(naks)
        } else {
            Judgement::Ack
        }
    }

    fn answered(&mut self, now: Moment, packet: Packet<'_>, out: &mut Outbox) -> Signals {
        let awaited = self.request.as_ref().filter(|request| request.id == packet.id);
        let Some(request) = awaited else { return Signals::STALE };
        let fits = match packet.code {
            Code::CONFIGURE_ACK => request.options == packet.data,
            _ => Choices::new(packet.data).is_whole(),
        };
        if !fits {
            return Signals::STALE;
        }
        let request = self.request.take();
        if packet.code == Code::CONFIGURE_ACK {
            return self.happen(now, Happening::Ack, None, out);
        }
        self.refusals += 1;
        let sent = request.map(|request| request.options).unwrap_or_default();
        for choice in Choices::new(packet.data) {
            match packet.code {
                Code::CONFIGURE_NAK => self.options.proposed(choice),
                // What we did not ask for cannot be rejected.
                _ if Choices::new(&sent).any(|ours| ours.kind == choice.kind) => {
                    self.options.rejected(choice);
                }
                _ => {}
            }
        }
        if self.failure().is_some() {
            // Without what was refused there is nothing to ask for; the owner ends it.
            return Signals::default();
        }
        self.happen(now, Happening::Refusal, None, out)
    }

    /// Steps the automaton and does what it says. `packet`: what is answered, or the refusal.
    fn happen(
        &mut self,
        now: Moment,
        happening: Happening,
        packet: Option<Packet<'_>>,
        out: &mut Outbox,
    ) -> Signals {
        let before = self.state();
        let actions = self.automaton.step(now, happening);
        let mut signals = Signals::default();
        for action in actions {
            match action {
                Action::LayerUp => {
                    signals.up = true;
                    (self.naks, self.refusals) = (0, 0);
                }
                Action::LayerDown => signals.down = true,
                Action::LayerFinished => signals.finished = true,
                Action::SendRequest => self.send_request(before, happening, out),
                Action::SendTerminate => {
                    let id = self.next_id();
                    let farewell = &self.farewell;
                    out.send(O::PROTOCOL, Code::TERMINATE_REQUEST, id, farewell);
                }
                Action::SendAck
                | Action::SendRefusal
                | Action::SendTerminateAck
                | Action::SendCodeReject => self.send_answer(now, *action, packet, out),
                Action::LayerStarted
                | Action::InitCount
                | Action::ZeroCount
                | Action::SendEchoReply => {}
            }
        }
        signals
    }

    fn send_request(&mut self, before: State, happening: Happening, out: &mut Outbox) {
        let began = matches!(happening, Happening::GoodRequest | Happening::BadRequest);
        if !before.negotiates() && !began {
            self.restart();
        }
        // A request that was not answered is sent again as it was, so that a late answer counts.
        let again = happening == Happening::TimeoutMore && self.request.is_some();
        if !again {
            let mut options = Vec::new();
            self.options.request(&mut options);
            self.request = Some(Request { id: self.next_id(), options });
        }
        if let Some(Request { id, options }) = &self.request {
            out.send(O::PROTOCOL, Code::CONFIGURE_REQUEST, *id, options);
        }
    }

    fn send_answer(
        &mut self,
        now: Moment,
        action: Action,
        packet: Option<Packet<'_>>,
        out: &mut Outbox,
    ) {
        let Some(packet) = packet else {
            let id = self.next_id();
            out.answer(now, O::PROTOCOL, Code::TERMINATE_ACK, id, &[]);
            return;
        };
        match action {
            Action::SendAck => {
                out.answer(now, O::PROTOCOL, Code::CONFIGURE_ACK, packet.id, packet.data)
            }
            Action::SendRefusal => {
                out.answer(now, O::PROTOCOL, packet.code, packet.id, packet.data)
            }
            Action::SendTerminateAck => {
                out.answer(now, O::PROTOCOL, Code::TERMINATE_ACK, packet.id, &[])
            }
            _ => {
                let mut rejected = Vec::new();
                super::packet::push(packet.code, packet.id, packet.data, &mut rejected);
                rejected.truncate(usize::from(MRU_DEFAULT) - super::packet::HEADER_OCTETS);
                let id = self.next_id();
                out.answer(now, O::PROTOCOL, Code::CODE_REJECT, id, &rejected)
            }
        };
    }

    /// A negotiation begins.
    fn restart(&mut self) {
        self.options.restart();
        self.openings += 1;
        (self.naks, self.refusals) = (0, 0);
        (self.request, self.accepted) = (None, None);
    }
}

impl Request {
    fn of(packet: Packet<'_>) -> Self {
        Self { id: packet.id, options: packet.data.to_vec() }
    }

    fn is(&self, packet: Packet<'_>) -> bool {
        self.id == packet.id && self.options == packet.data
    }
}

impl Accepted {
    /// Whether the answer that is under way is one to this packet, too.
    fn covers(&self, now: Moment, packet: Packet<'_>) -> bool {
        now.since(self.answered) < ANSWERED_FOR && self.request.is(packet)
    }
}

impl Signals {
    const STALE: Self = Self { up: false, down: false, finished: false, stale: true };

    /// Both.
    pub(crate) const fn and(self, other: Self) -> Self {
        Self {
            up: self.up || other.up,
            down: self.down || other.down,
            finished: self.finished || other.finished,
            stale: self.stale || other.stale,
        }
    }
}

/// A copy that comes so soon after our answer was sent before that could arrive: both had queued
/// somewhere. It must not be answered again: of two Acks for MPPE in a row Linux (6.1;
/// `mppe_init` in drivers/net/ppp/ppp_mppe.c) makes another first key than of one, and then reads
/// nothing of the whole session. If the answer is lost, the next copy comes later than this.
const ANSWERED_FOR: Duration = Duration::from_millis(500);
/// Copies of the accepted request that are answered without a new negotiation. A peer that asks
/// the same again after these has lost its state.
const COPIES_MAX: u32 = 2;

#[cfg(test)]
pub(in crate::ppp) mod tests;
