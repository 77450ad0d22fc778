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

/// Datagrams that wait to be sent, each with whose it is.
#[derive(Debug)]
pub(crate) struct Outbox<T> {
    octets: Vec<u8>,
    waiting: Vec<Outgoing>,
    owners: Vec<T>,
    sent: usize,
}

impl<T> Default for Outbox<T> {
    fn default() -> Self {
        Self { octets: Vec::new(), waiting: Vec::new(), owners: Vec::new(), sent: 0 }
    }
}

impl<T> Outbox<T> {
    /// Queues a datagram; `to`: where it goes, if the socket is not connected.
    pub(crate) fn push(&mut self, to: Option<Ipv4Addr>, datagram: &[u8], owner: T) {
        let start = self.octets.len();
        self.octets.extend_from_slice(datagram);
        self.waiting.push(Outgoing { octets: start..self.octets.len(), to });
        self.owners.push(owner);
    }

    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.waiting.len() - self.sent
    }

    /// Sends what waits. `done` is told of each datagram that went or was dropped.
    ///
    /// # Errors
    /// `WouldBlock` alone: the socket takes no more now.
    pub(crate) fn send(
        &mut self,
        socket: impl AsFd,
        mut done: impl FnMut(&T, Result<(), io::ErrorKind>),
    ) -> io::Result<()> {
        let mut tries = 0;
        while let Some(rest) = self.waiting.get(self.sent..).filter(|rest| !rest.is_empty()) {
            match batch::send(&socket, &self.octets, rest) {
                Ok(sent) => {
                    let owners = self.owners.get(self.sent..).unwrap_or_default();
                    owners.iter().take(sent).for_each(|owner| done(owner, Ok(())));
                    (self.sent, tries) = (self.sent + sent, 0);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.forget_sent();
                    return Err(error);
                }
                // An ICMP message of before fails one attempt that has nothing to do with it.
                Err(_) if tries == 0 => tries = 1,
                Err(error) => {
                    self.owners.get(self.sent).into_iter().for_each(|owner| {
                        done(owner, Err(error.kind()));
                    });
                    (self.sent, tries) = (self.sent + 1, 0);
                }
            }
        }
        self.octets.clear();
        self.waiting.clear();
        self.owners.clear();
        self.sent = 0;
        Ok(())
    }

    /// Gives up the room of what went while others wait, or it would grow with each of them.
    fn forget_sent(&mut self) {
        self.waiting.drain(..self.sent);
        self.owners.drain(..self.sent);
        self.sent = 0;
        let start = self.waiting.first().map_or(self.octets.len(), |first| first.octets.start);
        self.octets.drain(..start);
        for waiting in &mut self.waiting {
            waiting.octets = waiting.octets.start - start..waiting.octets.end - start;
        }
    }
}

/// Rooms until a batch has filled them.
const ROOMS_AT_FIRST: usize = 8;

#[cfg(test)]
mod tests {
    //! Datagrams that go, that are refused, and that find a socket full.
    use std::os::unix::net::UnixDatagram;

    use super::*;

    #[test]
    fn each_owner_is_told_what_became_of_his() {
        let (one, other) = UnixDatagram::pair().unwrap();
        let mut out = Outbox::default();
        for owner in 0..3 {
            out.push(None, b"datagram", owner);
        }
        let mut told = Vec::new();
        out.send(&one, |owner, what| told.push((*owner, what.is_ok()))).unwrap();
        drop(other);
        for owner in 3..5 {
            out.push(None, b"datagram", owner);
        }
        out.send(&one, |owner, what| told.push((*owner, what.is_ok()))).unwrap();
        let all = [(0, true), (1, true), (2, true), (3, false), (4, false)];
        assert_eq!((told.as_slice(), out.len()), (&all[..], 0));
    }

    #[test]
    fn what_went_takes_no_room_while_others_wait() {
        let (one, other) = UnixDatagram::pair().unwrap();
        one.set_nonblocking(true).unwrap();
        other.set_nonblocking(true).unwrap();
        let mut out = Outbox::default();
        let (mut pushed, mut sent, mut came) = (0u32, 0, 0u32);
        let mut buffer = [0; 2000];
        for _ in 0..2000 {
            while out.len() < BATCH {
                let mut datagram = [0; 1000];
                datagram[..4].copy_from_slice(&pushed.to_be_bytes());
                out.push(None, &datagram, pushed);
                pushed += 1;
            }
            let full = out.send(&one, |owner, what| {
                assert_eq!((*owner, what), (sent, Ok(())));
                sent += 1;
            });
            assert!(full.is_err() || out.len() == 0);
            for _ in 0..3 {
                if let Ok(octets) = other.recv(&mut buffer) {
                    assert_eq!(buffer[..octets][..4], came.to_be_bytes());
                    came += 1;
                }
            }
            assert!(out.octets.len() <= BATCH * 1000, "{}", out.octets.len());
        }
        assert!(came > 1000, "{came}");
    }
}
