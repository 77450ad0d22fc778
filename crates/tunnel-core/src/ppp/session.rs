//! One PPP session, either end.

use alloc::vec::Vec;
use core::ops::Range;

use super::{Credentials, Dice, Event, Network, Settings};
use crate::auth::Known;
use crate::time::Moment;

/// One PPP session, either end.
#[derive(Debug)]
pub struct Session {
    settings: Settings,
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Dropped {
    /// No head, or lengths that do not fit.
    Malformed,
}

impl Session {
    /// A session that waits for [`Self::open`]. `credentials`: who a client is.
    pub fn new(settings: Settings, credentials: Option<Credentials>, dice: &mut Dice<'_>) -> Self {
        let _ = (credentials, dice);
        Self { settings }
    }

    /// The carrier bears frames: LCP begins.
    pub fn open(&mut self, now: Moment) {
        let _ = (now, &self.settings);
        unimplemented!()
    }

    /// The carrier is gone.
    pub fn lower_down(&mut self, now: Moment) {
        let _ = now;
        unimplemented!()
    }

    /// Ends the session; the peer is told `text`, at most 64 octets.
    pub fn close(&mut self, now: Moment, text: &str) {
        let _ = (now, text);
        unimplemented!()
    }

    /// The answer to [`Event::Verify`]: what is known about the user.
    pub fn verified(&mut self, now: Moment, known: &Known) {
        let _ = (now, known);
        unimplemented!()
    }

    /// The addresses for the user, if the settings had none.
    pub fn assign(&mut self, now: Moment, network: Network) {
        let _ = (now, network);
        unimplemented!()
    }

    /// Takes a frame; a packet of the network is decrypted in place.
    pub fn input(&mut self, now: Moment, frame: &mut [u8]) -> Input {
        let _ = (now, frame);
        unimplemented!()
    }

    /// Frames a packet in place: `payload` is where it stands in `buffer`, with [`HEADROOM`] octets
    /// before it. Gives the range of the frame; `None`: nothing may pass now, or it is too long.
    pub fn output(
        &mut self,
        ip: Ip,
        buffer: &mut [u8],
        payload: Range<usize>,
    ) -> Option<Range<usize>> {
        let _ = (ip, buffer, payload);
        unimplemented!()
    }

    /// Lets timers run out.
    pub fn poll(&mut self, now: Moment) {
        let _ = now;
        unimplemented!()
    }

    /// When [`Self::poll`] is to be called next.
    #[must_use]
    pub fn deadline(&self) -> Option<Moment> {
        unimplemented!()
    }

    /// Puts the next control frame to send into `out` (cleared before); false if there is none.
    pub fn next_frame(&mut self, out: &mut Vec<u8>) -> bool {
        let _ = out;
        unimplemented!()
    }

    /// What the owner must know next.
    pub fn next_event(&mut self) -> Option<Event> {
        unimplemented!()
    }
}

/// Octets of room before a packet given to [`Session::output`].
pub const HEADROOM: usize = 8;
