//! A PPTP call as what bears PPP: frames in GRE, the control connection beside it.
//!
//! The control connection often ends before the last words of PPP have come over GRE, which say
//! why: the call is kept for a moment after its end. Nothing of the control connection or of ICMP
//! stops frames while the call is up.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::ops::Range;
use std::task::{Context, Poll};
use std::time::Duration;

use menshen_tunnel_core::mppe::Keys;
use menshen_tunnel_core::pptp::call::{CallEnd, CallUp, Event as Told};
use menshen_tunnel_core::pptp::carrier::{
    Carrier as Call, Counters, Decoy, Limits, Received, Settings,
};
use menshen_tunnel_core::pptp::control::{NoticeResult, Start, StopReason};
use menshen_tunnel_core::time::Moment;

use super::Lost;
use super::gre::Gre;
use super::icmp::{IcmpError, Listener};
use super::line::Line;
use crate::carrier::{Carrier, Event, Sent};

/// A call that is up.
#[derive(Debug)]
pub struct PptpCarrier {
    line: Line,
    gre: Gre,
    errors: Option<Listener>,
    call: Call,
    up: CallUp,
    own: SocketAddr,
    events: VecDeque<Event<Lost>>,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// Frames pass.
    Up,
    /// The call has ended; what is under way may still come until then.
    Ending(Lost, Moment),
    /// It was said that it has ended.
    Ended,
    /// Everything was said.
    Closed,
}

/// What is known of a call.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    /// What the server says of itself. Foreign.
    pub server: Option<Start>,
    /// The call's numbers.
    pub call: CallUp,
    /// This end's address of TCP, and of GRE.
    pub own: SocketAddr,
    /// What was counted in GRE.
    pub counters: Counters,
    /// ICMP errors on packets to the server.
    pub icmp: Vec<IcmpError>,
    /// What sending GRE failed with last, and how often: this host's own firewall, no route.
    pub refused: Option<(std::io::ErrorKind, u64)>,
}

impl PptpCarrier {
    pub(super) fn new(
        line: Line,
        gre: Gre,
        errors: Option<Listener>,
        up: CallUp,
        own: SocketAddr,
    ) -> Self {
        let settings = Settings {
            local: up.call,
            peer: up.peer,
            window: WINDOW,
            peer_window: up.window,
            decoy: Decoy::KeyZero,
            limits: Limits::default(),
        };
        let call = Call::new(settings, line.clock().now());
        let mut carrier =
            Self { line, gre, errors, call, up, own, events: VecDeque::new(), stage: Stage::Up };
        // The decoy goes first.
        carrier.send_bare(carrier.line.clock().now());
        carrier.events.extend([Event::Up, Event::Bound]);
        carrier
    }

    /// What is known of the call.
    #[must_use]
    pub fn facts(&self) -> Facts {
        Facts {
            server: self.line.control.peer().cloned(),
            call: self.up,
            own: self.own,
            counters: self.call.counters(),
            icmp: self.errors.as_ref().map(|all| all.errors().to_vec()).unwrap_or_default(),
            refused: self.gre.refused,
        }
    }

    fn send_bare(&mut self, now: Moment) {
        while let Some(packet) = self.call.next_bare(now) {
            self.gre.send(&packet);
        }
    }

    /// Takes what the control connection has to tell.
    fn told(&mut self, now: Moment) {
        while let Some(event) = self.line.control.next_event() {
            match event {
                Told::CallDown { end: CallEnd::ControlDown, .. } => {}
                Told::CallDown { end, .. } => {
                    self.line.control.stop(now, StopReason::NONE);
                    self.end(now, Lost::Call(end));
                }
                Told::Down(end) => {
                    self.end(now, Lost::Control(end));
                    self.close_if_said();
                }
                Told::Established | Told::CallAsked { .. } | Told::CallUp(_) => {}
            }
        }
    }

    fn end(&mut self, now: Moment, lost: Lost) {
        if let Stage::Up = self.stage {
            self.stage = Stage::Ending(lost, now + LAST_WORDS);
        }
    }

    /// Whether the control connection has nothing more to say or to hear.
    fn close_if_said(&mut self) {
        if let Stage::Ended = self.stage
            && self.line.control.deadline().is_none()
        {
            self.stage = Stage::Closed;
            self.events.push_back(Event::Closed);
        }
    }

    const fn carries(&self) -> bool {
        matches!(self.stage, Stage::Up | Stage::Ending(..))
    }
}

impl Carrier for PptpCarrier {
    type Lost = Lost;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Stage::Closed = self.stage
            && self.events.is_empty()
        {
            return Poll::Pending;
        }
        let mut ready = self.line.poll(cx);
        if let Some(errors) = &mut self.errors {
            errors.poll(cx);
        }
        if self.carries() && self.gre.poll_ready(cx).is_ready() {
            ready = Poll::Ready(());
        }
        let due = self.carries() && self.call.is_frame_due(self.line.clock().now());
        if due || !self.events.is_empty() {
            ready = Poll::Ready(());
        }
        ready
    }

    fn receive(&mut self, now: Moment) -> Option<&mut [u8]> {
        if !self.carries() {
            return None;
        }
        if self.call.is_frame_due(now) {
            return self.call.next_held(now);
        }
        for _ in 0..PACKETS {
            let (place, gre) = match self.gre.receive() {
                Ok(Some(found)) => found,
                Ok(None) => break,
                Err(error) => {
                    self.end(now, Lost::Gre(error.kind()));
                    break;
                }
            };
            let start = gre.start;
            let packet = self.gre.octets(place).get(gre).unwrap_or_default();
            if let Ok(Received::Frame(frame)) = self.call.receive(now, packet) {
                return self.gre.octets(place).get_mut(start + frame.start..start + frame.end);
            }
        }
        None
    }

    fn has_room(&self) -> bool {
        self.gre.has_room()
    }

    fn send(&mut self, _: Moment, buffer: &mut [u8], frame: Range<usize>) -> Sent {
        if !self.carries() {
            return Sent::Dropped;
        }
        let packet = self.call.send(buffer, frame).and_then(|packet| buffer.get(packet));
        match packet {
            Some(packet) if self.gre.send(packet) => Sent::Taken,
            _ => Sent::Dropped,
        }
    }

    fn poll(&mut self, now: Moment) {
        self.line.control.poll(now);
        if self.carries() {
            self.send_bare(now);
        }
        self.told(now);
        if let Stage::Ending(_, until) = self.stage
            && now >= until
            && let Stage::Ending(lost, _) = std::mem::replace(&mut self.stage, Stage::Ended)
        {
            self.events.push_back(Event::Ended(lost));
            self.close_if_said();
        }
    }

    fn deadline(&self) -> Option<Moment> {
        let ending = match self.stage {
            Stage::Ending(_, until) => Some(until),
            _ => None,
        };
        let call = self.call.deadline().filter(|_| self.carries());
        [ending, call, self.line.control.deadline()].into_iter().flatten().min()
    }

    fn next_event(&mut self) -> Option<Event<Lost>> {
        self.told(self.line.clock().now());
        self.events.pop_front()
    }

    fn authenticated(&mut self, _: Moment, _: Option<&Keys>) {}

    fn close(&mut self, now: Moment) {
        // PPP's last words.
        self.gre.flush();
        if self.line.control.clear(now, self.up.call, NoticeResult::ADMIN_SHUTDOWN).is_err() {
            self.line.control.stop(now, StopReason::NONE);
        }
        match std::mem::replace(&mut self.stage, Stage::Ended) {
            Stage::Up => self.events.push_back(Event::Ended(Lost::Call(CallEnd::ByUs))),
            Stage::Ending(lost, _) => self.events.push_back(Event::Ended(lost)),
            Stage::Ended => {}
            Stage::Closed => self.stage = Stage::Closed,
        }
        self.told(now);
        self.close_if_said();
    }
}

/// Packets that we say we hold unacknowledged; half of them are acknowledged at the latest.
pub(super) const WINDOW: u16 = 64;
/// How long frames are taken after the end of the call: they may say why.
const LAST_WORDS: Duration = Duration::from_millis(300);
/// Packets without a frame taken before others have their turn.
const PACKETS: usize = 64;
