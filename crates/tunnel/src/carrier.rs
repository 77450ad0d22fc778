//! What bears the frames of one PPP session: a PPTP call's GRE, or an SSTP call's TLS connection.
//!
//! A carrier is polled by the one task that drives the session. It never waits in `receive` or
//! `send`, never keeps more than a named bound, and lets no network packet pass in either direction
//! before its binding holds, where it has one. How it ends is told once, as [`Event::Ended`].

use std::error::Error;
use std::ops::Range;
use std::task::{Context, Poll};

use menshen_tunnel_core::mppe::Keys;
use menshen_tunnel_core::time::Moment;

/// Bears PPP frames, both ways.
pub trait Carrier {
    /// Why it ended; its text is for people.
    type Lost: Error + 'static;

    /// Sends what is queued, and is ready when [`Self::receive`] or [`Self::next_event`] may have
    /// something, or [`Self::has_room`] has become true. It registers the task for all of these.
    /// After [`Event::Closed`] it is never ready.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()>;

    /// The next frame that is there, without waiting; the session changes it in place. `None`:
    /// there is none now (ask for events, then for readiness).
    fn receive(&mut self, now: Moment) -> Option<&mut [u8]>;

    /// Whether frames are taken now: packets of the network are not read from the device before.
    fn has_room(&self) -> bool;

    /// Sends the frame at `frame` of `buffer`, in front of which are [`HEADROOM`] octets to be
    /// written over. It is copied if it cannot be sent at once.
    fn send(&mut self, now: Moment, buffer: &mut [u8], frame: Range<usize>) -> Sent;

    /// Packets of the network that were taken and could not be sent after all, since this was asked
    /// last.
    fn refused(&mut self) -> Refused {
        Refused::default()
    }

    /// Lets its timers run out. Harmless when none is due.
    fn poll(&mut self, now: Moment);

    /// When [`Self::poll`] has something to do.
    fn deadline(&self) -> Option<Moment>;

    /// What happened, in order.
    fn next_event(&mut self) -> Option<Event<Self::Lost>>;

    /// PPP's authentication is done, or there was none. `keys`: what MS-CHAPv2 gave, for a crypto
    /// binding. Called once.
    fn authenticated(&mut self, now: Moment, keys: Option<&Keys>);

    /// Ends it in good order: the peer is told, then [`Event::Closed`] comes within seconds. PPP
    /// has ended before, and its last frames were sent. Harmless when it has ended by itself.
    fn close(&mut self, now: Moment);
}

/// What a session has to know of its carrier.
#[derive(Debug)]
pub enum Event<L> {
    /// Frames pass: PPP may begin.
    Up,
    /// Packets of the network pass, too. Where there is no binding it comes right after `Up`.
    Bound,
    /// It is over: PPP is to be taken down. What remains is courtesy to the peer.
    Ended(L),
    /// Everything was said; to be dropped. It comes after `Ended`, or after a close.
    Closed,
}

/// What became of a frame that was to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// It is on its way or queued.
    Taken,
    /// It was dropped: there was no room, the binding does not hold yet, or nothing passes any
    /// more.
    Dropped,
}

/// Frames of packets of the network that were not sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Refused {
    /// How many.
    pub frames: u64,
    /// Their octets.
    pub octets: u64,
}

/// Octets of room in front of a frame given to [`Carrier::send`]: the longest header of any
/// carrier, GRE's (SSTP has 4).
pub const HEADROOM: usize = menshen_tunnel_core::pptp::gre::HEADER_BYTES_MAX;
