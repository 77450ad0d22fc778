//! What both ends of an SSTP call share: timers, echo, the two ways to end ([MS-SSTP] section 3.1).
//!
//! A message that is not expected ends the call, as the protocol demands; nothing of the peer makes
//! the queue of messages grow. It must never end in silence: there is one [`Event::Ended`] with its
//! cause, then one [`Event::Closed`].

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;

use super::binding::Mismatch;
use super::packet::{Message, Traffic};
use super::status::{Invalid, Status};
use crate::time::Moment;

/// How long each wait of a call is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timers {
    /// For each step until the call stands.
    pub negotiation: Duration,
    /// Silence after which the peer is asked whether it is there, and then its time to answer.
    pub hello: Duration,
    /// For the peer's abort after ours.
    pub abort: Duration,
    /// For the acknowledgement of a disconnect.
    pub disconnect: Duration,
    /// Between the last message and the closing of the connection.
    pub linger: Duration,
}

impl Default for Timers {
    /// 60 s, 60 s, 3 s, 5 s, 1 s.
    fn default() -> Self {
        Self {
            negotiation: Duration::from_secs(60),
            hello: Duration::from_secs(60),
            abort: Duration::from_secs(3),
            disconnect: Duration::from_secs(5),
            linger: Duration::from_secs(1),
        }
    }
}

/// What the caller is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// PPP may start: its control frames are carried.
    LowerUp,
    /// The crypto binding holds (server) or was sent (client): network packets are carried.
    Connected,
    /// The call is over; PPP is to be taken down. What remains is courtesy to the peer.
    Ended(End),
    /// The connection is to be closed once everything was sent.
    Closed,
}

/// Why a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// We ended it.
    Closed,
    /// The peer ended it in good order.
    PeerDisconnected(Option<Invalid>),
    /// The peer ended it at once.
    PeerAborted(Option<Invalid>),
    /// The server refused the call more often than it was asked again.
    Refused(Invalid),
    /// The call did not come about in time.
    NegotiationTimeout,
    /// The peer was silent for twice the hello time.
    Silent,
    /// The peer sent a message that does not fit.
    Invalid(Invalid),
    /// The stream was no SSTP.
    Broken,
    /// The crypto binding does not hold.
    Binding(Mismatch),
    /// The connection was closed under the call.
    LowerDown,
}

/// How far a call is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Before the request.
    Asking,
    /// Between the request's acknowledgement and the binding.
    Binding,
    /// It stands.
    Open,
    /// We aborted and wait for the peer's abort.
    Aborting,
    /// We asked for the end and wait for its acknowledgement.
    Disconnecting,
    /// Everything is said.
    Lingering,
    Closed,
}

/// The part of a call that both ends share; [`super::Client`] and [`super::Server`] are it.
#[derive(Debug)]
pub struct Call {
    timers: Timers,
    pub(super) phase: Phase,
    deadline: Option<Moment>,
    /// An echo was asked for and nothing came since.
    echo: bool,
    queue: Vec<u8>,
    events: VecDeque<Event>,
}

impl Call {
    pub(super) fn new(now: Moment, timers: Timers) -> Self {
        Self {
            timers,
            phase: Phase::Asking,
            deadline: Some(now + timers.negotiation),
            echo: false,
            queue: Vec::new(),
            events: VecDeque::new(),
        }
    }

    /// Whether a frame may be carried now, in either direction; others are dropped.
    #[must_use]
    pub fn carries(&self, traffic: Traffic) -> bool {
        match traffic {
            Traffic::Control => matches!(self.phase, Phase::Binding | Phase::Open),
            Traffic::Network => self.phase == Phase::Open,
        }
    }

    /// Octets of the peer came, of whatever kind.
    pub fn heard(&mut self, now: Moment) {
        if self.phase == Phase::Open {
            self.echo = false;
            self.deadline = Some(now + self.timers.hello);
        }
    }

    /// Ends the call in good order. The peer is told.
    pub fn close(&mut self, now: Moment) {
        match self.phase {
            Phase::Asking | Phase::Binding | Phase::Open => {
                self.send(&Message::Disconnect(Some(Invalid::message(Status::NO_ERROR))));
                self.end(End::Closed);
                self.enter(Phase::Disconnecting, now + self.timers.disconnect);
            }
            _ => {}
        }
    }

    /// The stream could not be cut into packets: the connection must be closed without a word.
    pub fn broken(&mut self) {
        self.drop_dead(End::Broken);
    }

    /// The connection is gone.
    pub fn lower_down(&mut self) {
        self.drop_dead(End::LowerDown);
    }

    /// Lets time pass.
    pub fn poll(&mut self, now: Moment) {
        if self.deadline.is_none_or(|deadline| now < deadline) {
            return;
        }
        match self.phase {
            Phase::Asking | Phase::Binding => {
                let why = Invalid::message(Status::NEGOTIATION_TIMEOUT);
                self.abort(now, why, End::NegotiationTimeout);
            }
            Phase::Open if self.echo => {
                self.abort(now, Invalid::message(Status::NO_ERROR), End::Silent);
            }
            Phase::Open => {
                self.echo = true;
                self.send(&Message::EchoRequest);
                self.deadline = Some(now + self.timers.hello);
            }
            Phase::Aborting | Phase::Disconnecting | Phase::Lingering | Phase::Closed => {
                self.shut();
            }
        }
    }

    /// When [`Call::poll`] has something to do.
    #[must_use]
    pub fn deadline(&self) -> Option<Moment> {
        self.deadline
    }

    /// Appends the control packets that wait to be sent to `out`; true if there were any. They go
    /// before any data packet.
    pub fn next_packets(&mut self, out: &mut Vec<u8>) -> bool {
        out.extend(&self.queue);
        let any = !self.queue.is_empty();
        self.queue.clear();
        any
    }

    /// What happened, in order.
    pub fn next_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// A control message that means the same for both ends; `Some`: one for the owner.
    pub(super) fn control(&mut self, now: Moment, packet: &[u8]) -> Option<Message> {
        self.heard(now);
        let message = match Message::parse(packet) {
            Ok(message) => message,
            Err(why) => {
                self.invalid(now, why);
                return None;
            }
        };
        match (self.phase, message) {
            (Phase::Closed | Phase::Lingering, _) => None,
            (Phase::Aborting, Message::Abort(_)) => {
                self.enter(Phase::Lingering, now + self.timers.linger);
                None
            }
            (Phase::Aborting, _) => None,
            (_, Message::Abort(why)) => {
                self.send(&Message::Abort(Some(Invalid::message(Status::NO_ERROR))));
                self.end(End::PeerAborted(why));
                self.enter(Phase::Lingering, now + self.timers.linger);
                None
            }
            (_, Message::Disconnect(why)) => {
                self.send(&Message::DisconnectAck);
                self.end(End::PeerDisconnected(why));
                self.enter(Phase::Lingering, now + self.timers.linger);
                None
            }
            (Phase::Disconnecting, Message::DisconnectAck) => {
                self.shut();
                None
            }
            (Phase::Disconnecting, _) => None,
            (Phase::Binding | Phase::Open, Message::EchoRequest) => {
                if self.queue.len() < QUEUE_OCTETS_MAX {
                    self.send(&Message::EchoResponse);
                }
                None
            }
            // What it answers was answered by any other octet before.
            (Phase::Binding | Phase::Open, Message::EchoResponse) => None,
            (_, message) => Some(message),
        }
    }

    /// The next step of the negotiation.
    pub(super) fn negotiate(&mut self, now: Moment, phase: Phase, event: Option<Event>) {
        self.enter(phase, now + self.timers.negotiation);
        self.events.extend(event);
    }

    /// The call stands.
    pub(super) fn open(&mut self, now: Moment) {
        self.enter(Phase::Open, now + self.timers.hello);
        self.events.push_back(Event::Connected);
    }

    /// Ends the call at once for a message that does not fit.
    pub(super) fn invalid(&mut self, now: Moment, why: Invalid) {
        self.abort(now, why, End::Invalid(why));
    }

    /// Ends the call at once; the peer is told why.
    pub(super) fn abort(&mut self, now: Moment, why: Invalid, end: End) {
        if matches!(self.phase, Phase::Asking | Phase::Binding | Phase::Open) {
            self.send(&Message::Abort(Some(why)));
            self.end(end);
            self.enter(Phase::Aborting, now + self.timers.abort);
        }
    }

    /// Queues a message.
    pub(super) fn send(&mut self, message: &Message) {
        message.write(&mut self.queue);
    }

    fn enter(&mut self, phase: Phase, deadline: Moment) {
        self.phase = phase;
        self.deadline = Some(deadline);
    }

    /// Says once why it is over.
    fn end(&mut self, end: End) {
        if matches!(self.phase, Phase::Asking | Phase::Binding | Phase::Open) {
            self.events.push_back(Event::Ended(end));
        }
    }

    fn shut(&mut self) {
        if self.phase != Phase::Closed {
            self.phase = Phase::Closed;
            self.events.push_back(Event::Closed);
        }
        self.deadline = None;
    }

    fn drop_dead(&mut self, end: End) {
        self.end(end);
        self.queue.clear();
        self.shut();
    }
}

/// Octets of control packets that may wait before answers to echo requests are left out: a peer
/// that asks faster than it reads gains nothing. All other messages are a handful for each call.
const QUEUE_OCTETS_MAX: usize = 1024;
