//! An SSTP call as a carrier of PPP frames: the call's rules over the connection's octets.
//!
//! It must never give out or send a packet of the network before the crypto binding was sent
//! (client) or checked (server). It never waits: everything happens in the polls of the task that
//! drives the session. How it ends is a [`Lost`], told once.

use std::collections::VecDeque;
use std::io;
use std::ops::Range;
use std::task::{Context, Poll};
use std::time::Duration;

use menshen_tunnel_core::mppe::Keys;
use menshen_tunnel_core::sstp::packet::{FRAME_OCTETS_MAX, HEADER_OCTETS, Traffic, seal};
use menshen_tunnel_core::sstp::{self, Call, Client, End, Server};
use menshen_tunnel_core::time::Moment;
use tokio::io::{AsyncRead, AsyncWrite};

use super::lost::Lost;
use super::wire::{Cut, ROOM_OCTETS, Wire};
use crate::carrier::{Carrier, Event, Sent};

/// An SSTP call over a stream.
#[derive(Debug)]
pub struct Sstp<S> {
    wire: Wire<S>,
    side: Side,
    events: VecDeque<Event<Lost>>,
    /// Why nothing can be written any more. What the peer said before it went is still heard.
    unwritable: Option<Lost>,
    /// Why the connection, not the call, ended.
    broken: Option<Lost>,
    closing: Closing,
    dropped: Dropped,
}

/// Which end of a call this is.
#[derive(Debug)]
pub(super) enum Side {
    Client(Client),
    Server(Server),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Closing {
    No,
    /// What waits is still to be sent, until then.
    Until(Moment),
    Done,
}

/// Frames that were dropped here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Dropped {
    /// Came before their time (packets of the network before the binding), or after the end.
    pub early: u64,
    /// Were to be sent when nothing was carried, or were too long.
    pub unsent: u64,
    /// Were to be sent while too much waited.
    pub crowded: u64,
}

impl Side {
    fn call(&mut self) -> &mut Call {
        match self {
            Self::Client(client) => client,
            Self::Server(server) => server,
        }
    }

    fn carries(&self, traffic: Traffic) -> bool {
        match self {
            Self::Client(client) => client.carries(traffic),
            Self::Server(server) => server.carries(traffic),
        }
    }

    fn control(&mut self, now: Moment, packet: &[u8]) {
        match self {
            Self::Client(client) => client.control(now, packet),
            Self::Server(server) => server.control(now, packet),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Sstp<S> {
    /// A call over a stream whose HTTP is done. `early`: what of SSTP has been read already.
    pub(super) fn new(now: Moment, stream: S, early: Vec<u8>, side: Side) -> Self {
        let (wire, events) = (Wire::new(stream, early), VecDeque::new());
        let (closing, dropped) = (Closing::No, Dropped::default());
        let (unwritable, broken) = (None, None);
        let mut call = Self { wire, side, events, unwritable, broken, closing, dropped };
        call.settle(now);
        call
    }

    /// What was dropped so far.
    pub const fn dropped(&self) -> Dropped {
        self.dropped
    }

    /// Octets of memory for what waits in either direction.
    #[cfg(test)]
    pub(super) fn held_octets(&self) -> usize {
        self.wire.held_octets()
    }

    /// Takes over what the call wants to say and what has happened to it.
    fn settle(&mut self, now: Moment) {
        self.gather();
        while let Some(event) = self.side.call().next_event() {
            let event = match event {
                sstp::Event::LowerUp => Event::Up,
                sstp::Event::Connected => Event::Bound,
                sstp::Event::Ended(End::LowerDown) => {
                    Event::Ended(self.broken.take().unwrap_or(Lost::Call(End::LowerDown)))
                }
                sstp::Event::Ended(end) => Event::Ended(Lost::Call(end)),
                sstp::Event::Closed => {
                    self.wire.deafen();
                    self.closing = Closing::Until(now + FAREWELL);
                    continue;
                }
            };
            self.events.push_back(event);
        }
    }

    /// Control packets go out in front of whatever is sent later. While the peer does not read,
    /// they stay with the call, which bounds them.
    fn gather(&mut self) {
        if self.wire.waiting() < ROOM_OCTETS + CONTROL_ROOM_OCTETS {
            self.side.call().next_packets(self.wire.out());
        }
    }

    /// The stream failed: nothing more can be said.
    fn break_off(&mut self, why: Lost) {
        self.broken = Some(why);
        self.side.call().lower_down();
        // No moment is needed: there is nothing to wait for.
        self.settle(Moment::default());
        self.wire.abandon();
        self.shut();
    }

    fn shut(&mut self) {
        if self.closing != Closing::Done {
            self.closing = Closing::Done;
            self.wire.abandon();
            self.events.push_back(Event::Closed);
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) {
        let finishing = matches!(self.closing, Closing::Until(_));
        loop {
            let sent = if finishing { self.wire.poll_finish(cx) } else { self.wire.poll_send(cx) };
            match sent {
                Poll::Ready(Ok(())) if finishing => return self.shut(),
                Poll::Ready(Ok(())) => {
                    self.gather();
                    if self.wire.waiting() == 0 {
                        return;
                    }
                }
                Poll::Ready(Err(_)) if finishing => return self.shut(),
                Poll::Ready(Err(error)) => {
                    self.wire.mute();
                    self.unwritable.get_or_insert_with(|| Lost::of(error));
                    return;
                }
                Poll::Pending => return,
            }
        }
    }

    /// Reads until there is something to cut; whether there is.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> bool {
        while self.closing == Closing::No {
            if self.wire.is_cut_due() {
                return true;
            }
            match self.wire.poll_read(cx) {
                Poll::Pending => match self.unwritable.take() {
                    Some(why) => self.break_off(why),
                    None => return false,
                },
                Poll::Ready(Ok(0)) => self.break_off(Lost::CutOff),
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(error)) => self.break_off(Lost::of(error)),
            }
        }
        false
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Carrier for Sstp<S> {
    type Lost = Lost;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let was_full = !self.has_room();
        if self.closing != Closing::Done {
            self.poll_write(cx);
        }
        let came = self.poll_read(cx);
        if came || !self.events.is_empty() || (was_full && self.has_room()) {
            return Poll::Ready(());
        }
        Poll::Pending
    }

    fn receive(&mut self, now: Moment) -> Option<&mut [u8]> {
        let frame = loop {
            match self.wire.cut() {
                Ok(Some(Cut::Data(frame))) => {
                    self.side.call().heard(now);
                    if self.side.carries(Traffic::of(self.wire.octets(frame.clone()))) {
                        break frame;
                    }
                    self.dropped.early += 1;
                }
                Ok(Some(Cut::Control(packet))) => {
                    self.side.control(now, self.wire.octets(packet));
                    self.settle(now);
                    if !self.events.is_empty() {
                        // What follows may need them: a server's first words of PPP come right
                        // behind the acknowledgement that lets PPP begin.
                        return None;
                    }
                }
                Ok(None) => return None,
                Err(sstp::packet::Broken) => {
                    self.side.call().broken();
                    self.settle(now);
                    return None;
                }
            }
        };
        Some(self.wire.octets(frame))
    }

    fn has_room(&self) -> bool {
        self.wire.waiting() < ROOM_OCTETS
    }

    fn send(&mut self, _: Moment, buffer: &mut [u8], frame: Range<usize>) -> Sent {
        let traffic = Traffic::of(buffer.get(frame.clone()).unwrap_or_default());
        if !self.side.carries(traffic) || frame.len() > FRAME_OCTETS_MAX {
            self.dropped.unsent += 1;
            return Sent::Dropped;
        }
        let room = match traffic {
            Traffic::Network => ROOM_OCTETS,
            // Without these a crowded call would die of its own crowd.
            Traffic::Control => ROOM_OCTETS + CONTROL_ROOM_OCTETS,
        };
        if self.wire.waiting() >= room {
            self.dropped.crowded += 1;
            return Sent::Dropped;
        }
        let packet = frame.start.checked_sub(HEADER_OCTETS).map(|start| start..frame.end);
        if let Some(packet) = packet.and_then(|packet| buffer.get_mut(packet))
            && seal(packet)
        {
            self.wire.out().extend_from_slice(packet);
            return Sent::Taken;
        }
        self.dropped.unsent += 1;
        Sent::Dropped
    }

    fn poll(&mut self, now: Moment) {
        match self.closing {
            Closing::Until(by) if by <= now => self.shut(),
            Closing::Until(_) | Closing::Done => {}
            Closing::No => {
                if self.side.call().deadline().is_some_and(|deadline| deadline <= now) {
                    // Nothing came for the hello time: what is idle holds no buffers.
                    self.wire.rest();
                }
                self.side.call().poll(now);
                self.settle(now);
            }
        }
    }

    fn deadline(&self) -> Option<Moment> {
        match (self.closing, &self.side) {
            (Closing::Done, _) => None,
            (Closing::Until(by), _) => Some(by),
            (Closing::No, Side::Client(client)) => client.deadline(),
            (Closing::No, Side::Server(server)) => server.deadline(),
        }
    }

    fn next_event(&mut self) -> Option<Event<Lost>> {
        self.events.pop_front()
    }

    fn authenticated(&mut self, now: Moment, keys: Option<&Keys>) {
        match &mut self.side {
            Side::Client(client) => client.authenticated(now, keys),
            Side::Server(server) => server.authenticated(now, keys),
        }
        self.settle(now);
    }

    fn close(&mut self, now: Moment) {
        self.side.call().close(now);
        self.settle(now);
    }
}

impl Lost {
    fn of(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::UnexpectedEof {
            return Self::CutOff;
        }
        Self::Connection(error)
    }
}

/// How long the last octets may take to be written.
const FAREWELL: Duration = Duration::from_secs(2);

/// Octets more than packets of the network get, for control packets and PPP's own frames.
const CONTROL_ROOM_OCTETS: usize = 16 << 10;
