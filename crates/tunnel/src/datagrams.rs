//! Datagrams in batches: those that came, taken out one by one, and those that are to go, sent
//! together.
//!
//! It never waits and never holds more than [`BATCH`] of either. A datagram that cannot be sent is
//! dropped and told; one that finds the socket full stays.

use std::io;
use std::net::Ipv4Addr;
use std::os::fd::AsFd;

pub(crate) use menshen_sys::batch::BATCH;
use menshen_sys::batch::{self, Outgoing};

/// Datagrams that came with one system call.
#[derive(Debug)]
pub(crate) struct Inbox {
    rooms: Vec<Box<[u8]>>,
    lengths: [usize; BATCH],
    at: usize,
    count: usize,
    room_octets: usize,
}

/// How a socket was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// As many came as there was room for: there may be more.
    Full,
    /// All that was there came.
    All,
}

impl Inbox {
    /// Rooms of so many octets each, few of them until more are needed.
    pub(crate) fn new(room_octets: usize) -> Self {
        Self { rooms: Vec::new(), lengths: [0; BATCH], at: 0, count: 0, room_octets }
    }

    /// Takes what is there. To be called when [`Self::next`] gave nothing.
    pub(crate) fn fill(&mut self, socket: impl AsFd) -> io::Result<Found> {
        (self.at, self.count) = (0, 0);
        if self.rooms.is_empty() {
            self.grow();
        }
        self.count = batch::receive(socket, &mut self.rooms, &mut self.lengths)?;
        let is_full = self.count == self.rooms.len();
        if is_full {
            self.grow();
        }
        Ok(if is_full { Found::Full } else { Found::All })
    }

    /// The next datagram's place.
    pub(crate) fn next(&mut self) -> Option<usize> {
        let at = self.at;
        self.at += usize::from(at < self.count);
        (at < self.count).then_some(at)
    }

    /// Whether there is a next one.
    pub(crate) const fn has_more(&self) -> bool {
        self.at < self.count
    }

    /// The datagram at a place. One that was longer than its room is cut.
    pub(crate) fn octets(&mut self, place: usize) -> &mut [u8] {
        let length = self.lengths.get(place).copied().unwrap_or(0);
        self.rooms.get_mut(place).and_then(|room| room.get_mut(..length)).unwrap_or_default()
    }

    fn grow(&mut self) {
        let wanted = (self.rooms.len() * 2).clamp(ROOMS_AT_FIRST, BATCH);
        self.rooms.resize_with(wanted, || vec![0; self.room_octets].into_boxed_slice());
    }
}

/// Datagrams that wait to be sent.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    octets: Vec<u8>,
    waiting: Vec<Outgoing>,
    sent: usize,
}

impl Outbox {
    /// Queues a datagram; `to`: where it goes, if the socket is not connected.
    pub(crate) fn push(&mut self, to: Option<Ipv4Addr>, datagram: &[u8]) {
        let start = self.octets.len();
        self.octets.extend_from_slice(datagram);
        self.waiting.push(Outgoing { octets: start..self.octets.len(), to });
    }

    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.waiting.len() - self.sent
    }

    /// Sends what waits. `refused` is told of each datagram that was dropped.
    ///
    /// # Errors
    /// `WouldBlock` alone: the socket takes no more now.
    pub(crate) fn send(
        &mut self,
        socket: impl AsFd,
        mut refused: impl FnMut(io::ErrorKind),
    ) -> io::Result<()> {
        let mut tries = 0;
        while let Some(rest) = self.waiting.get(self.sent..).filter(|rest| !rest.is_empty()) {
            match batch::send(&socket, &self.octets, rest) {
                Ok(sent) => (self.sent, tries) = (self.sent + sent, 0),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Err(error),
                // An ICMP message of before fails one attempt that has nothing to do with it.
                Err(_) if tries == 0 => tries = 1,
                Err(error) => {
                    refused(error.kind());
                    (self.sent, tries) = (self.sent + 1, 0);
                }
            }
        }
        self.octets.clear();
        self.waiting.clear();
        self.sent = 0;
        Ok(())
    }
}

/// Rooms until a batch has filled them.
const ROOMS_AT_FIRST: usize = 8;
