//! A call of a client as what bears PPP: frames in GRE, packets from the [`Hub`].
//!
//! The control connection is another task's; this one tells it when the call is to be cleared, and
//! is told when the call is over. The last words of PPP, which say why, often come over GRE after
//! that: frames are taken for a moment longer.

use std::collections::VecDeque;
use std::ops::Range;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use menshen_tunnel_core::mppe::Keys;
use menshen_tunnel_core::pptp::CallId;
use menshen_tunnel_core::pptp::call::{CallEnd, End};
use menshen_tunnel_core::pptp::carrier::{Carrier as Packets, Decoy, Limits, Received, Settings};
use menshen_tunnel_core::sstp::packet::Traffic;
use menshen_tunnel_core::time::Moment;
use tokio::sync::{mpsc, oneshot};

use super::hub::{Hub, Mailbox, Packet};
use crate::carrier::{Carrier, Event, Refused, Sent};
use crate::clock::Clock;
use crate::pptp::Lost;

/// A call that is up.
#[derive(Debug)]
pub(super) struct ServerCall {
    hub: Rc<Hub>,
    mailbox: Rc<Mailbox>,
    packets: Packets,
    clock: Clock,
    /// The control connection says here that the call is over.
    over: Option<oneshot::Receiver<Lost>>,
    /// And hears here that it shall be.
    clear: mpsc::UnboundedSender<CallId>,
    events: VecDeque<Event<Lost>>,
    stage: Stage,
    /// The packet whose frame was given out last.
    current: Option<Packet>,
}

#[derive(Debug)]
enum Stage {
    /// Frames pass.
    Up,
    /// The call has ended; what is under way may still come until then.
    Ending(Lost, Moment),
    /// Everything was said.
    Closed,
}

/// What the task of the control connection and this one tell each other.
#[derive(Debug)]
pub(super) struct Wires {
    pub(super) over: oneshot::Receiver<Lost>,
    pub(super) clear: mpsc::UnboundedSender<CallId>,
}

impl ServerCall {
    /// A call that was accepted. `window`: packets the client holds unacknowledged.
    pub(super) fn new(
        hub: Rc<Hub>,
        mailbox: Rc<Mailbox>,
        window: u16,
        wires: Wires,
        clock: Clock,
    ) -> Self {
        let settings = Settings {
            local: mailbox.call,
            peer: mailbox.peer,
            window: WINDOW,
            peer_window: window,
            decoy: Decoy::Never,
            limits: Limits::default(),
        };
        Self {
            packets: Packets::new(settings, clock.now()),
            hub,
            mailbox,
            clock,
            over: Some(wires.over),
            clear: wires.clear,
            events: VecDeque::from([Event::Up, Event::Bound]),
            stage: Stage::Up,
            current: None,
        }
    }

    const fn carries(&self) -> bool {
        matches!(self.stage, Stage::Up | Stage::Ending(..))
    }

    fn send_bare(&mut self, now: Moment) {
        while let Some(packet) = self.packets.next_bare(now) {
            self.mailbox.send(now, &packet, None);
        }
    }

    fn close_with(&mut self, lost: Lost) {
        self.stage = Stage::Closed;
        self.events.extend([Event::Ended(lost), Event::Closed]);
    }

    fn rest(&mut self) {
        if let Some(packet) = self.current.take() {
            self.hub.put_back(packet);
        }
    }

    /// The next frame's place in the packet that is now the current one.
    fn next_frame(&mut self, now: Moment) -> Option<Range<usize>> {
        for _ in 0..PACKETS {
            self.rest();
            let packet = self.current.insert(self.mailbox.take()?);
            if let Ok(Received::Frame(frame)) = self.packets.receive(now, packet.octets()) {
                return Some(frame);
            }
        }
        None
    }
}

impl Carrier for ServerCall {
    type Lost = Lost;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.mailbox.flush();
        let mut ready = !self.events.is_empty();
        if let Stage::Closed = self.stage {
            return if ready { Poll::Ready(()) } else { Poll::Pending };
        }
        if let Some(over) = &mut self.over
            && let Poll::Ready(lost) = Pin::new(over).poll(cx)
        {
            self.over = None;
            let lost = lost.unwrap_or(Lost::Control(End::ByUs));
            if let Stage::Up = self.stage {
                self.stage = Stage::Ending(lost, self.clock.now() + LAST_WORDS);
            }
            ready = true;
        }
        let due = self.packets.is_frame_due(self.clock.now());
        if self.mailbox.poll(cx).is_ready() || due || ready {
            return Poll::Ready(());
        }
        Poll::Pending
    }

    fn receive(&mut self, now: Moment) -> Option<&mut [u8]> {
        if !self.carries() {
            return None;
        }
        if self.packets.is_frame_due(now) {
            return self.packets.next_held(now);
        }
        let Some(frame) = self.next_frame(now) else {
            self.rest();
            return None;
        };
        self.current.as_mut().and_then(|packet| packet.octets().get_mut(frame))
    }

    fn has_room(&self) -> bool {
        self.mailbox.has_room()
    }

    fn send(&mut self, now: Moment, buffer: &mut [u8], frame: Range<usize>) -> Sent {
        if !self.carries() {
            return Sent::Dropped;
        }
        let traffic = Traffic::of(buffer.get(frame.clone()).unwrap_or_default());
        let network = (traffic == Traffic::Network).then_some(frame.len());
        let packet = self.packets.send(buffer, frame).and_then(|packet| buffer.get(packet));
        match packet {
            Some(packet) if self.mailbox.send(now, packet, network) => Sent::Taken,
            _ => Sent::Dropped,
        }
    }

    fn refused(&mut self) -> Refused {
        self.mailbox.refused()
    }

    fn poll(&mut self, now: Moment) {
        if self.carries() {
            self.send_bare(now);
        }
        if let Stage::Ending(_, until) = self.stage
            && now >= until
            && let Stage::Ending(lost, _) = std::mem::replace(&mut self.stage, Stage::Closed)
        {
            self.close_with(lost);
        }
    }

    fn deadline(&self) -> Option<Moment> {
        let ending = match self.stage {
            Stage::Ending(_, until) => Some(until),
            Stage::Closed => return None,
            Stage::Up => None,
        };
        [ending, self.packets.deadline()].into_iter().flatten().min()
    }

    fn next_event(&mut self) -> Option<Event<Lost>> {
        self.events.pop_front()
    }

    fn authenticated(&mut self, _: Moment, _: Option<&Keys>) {}

    fn close(&mut self, _: Moment) {
        match std::mem::replace(&mut self.stage, Stage::Closed) {
            Stage::Up => {
                // Nobody hears it when the control connection is gone.
                let _ = self.clear.send(self.mailbox.call);
                self.close_with(Lost::Call(CallEnd::ByUs));
            }
            Stage::Ending(lost, _) => self.close_with(lost),
            Stage::Closed => {}
        }
    }
}

impl Drop for ServerCall {
    fn drop(&mut self) {
        self.mailbox.flush();
        self.rest();
        self.hub.close_call(&self.mailbox);
    }
}

/// Packets that we say we hold unacknowledged; half of them are acknowledged at the latest.
pub(super) const WINDOW: u16 = 64;
/// How long frames are taken after the end of the call: they may say why.
const LAST_WORDS: Duration = Duration::from_millis(300);
/// Packets without a frame taken before others have their turn.
const PACKETS: usize = 64;
