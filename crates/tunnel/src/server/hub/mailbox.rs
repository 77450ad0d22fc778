//! One call's packets between the socket and its session.
//!
//! What comes waits here until the session takes it, so many at most; what is sent goes to the
//! socket's batch.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::net::Ipv4Addr;
use std::ops::Range;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use menshen_tunnel_core::pptp::CallId;
use menshen_tunnel_core::time::Moment;

use super::local::Local;
use crate::carrier::Refused;
use crate::datagrams::BATCH;
use crate::server::counts::Row;

/// One call's packets, until its session takes them.
#[derive(Debug)]
pub(in crate::server) struct Mailbox {
    pub(super) client: Ipv4Addr,
    /// Our number of the call.
    pub(in crate::server) call: CallId,
    /// The client's number of it.
    pub(in crate::server) peer: CallId,
    pub(super) local: Rc<Local>,
    pub(super) packets: RefCell<VecDeque<Packet>>,
    pub(super) waker: RefCell<Option<Waker>>,
    /// The session waits for room.
    pub(super) waits: Cell<bool>,
    pub(super) seen: Cell<u64>,
    pub(super) tally: Rc<Tally>,
    pub(super) last: Cell<Moment>,
    /// When a packet came last, or the call began.
    pub(super) heard: Cell<Moment>,
}

/// What became of a call's packets.
#[derive(Debug, Default)]
pub(super) struct Tally {
    sent: Cell<u64>,
    refused: Cell<Refused>,
}

/// A packet on its way.
#[derive(Debug)]
pub(super) struct Sending {
    tally: Rc<Tally>,
    /// Octets of the frame in it, if that bears a packet of the network.
    network: Option<usize>,
}

impl Sending {
    pub(super) fn done(&self, done: Result<(), io::ErrorKind>) {
        let tally = &self.tally;
        if done.is_ok() {
            tally.sent.set(tally.sent.get() + 1);
        } else if let Some(octets) = self.network {
            let mut refused = tally.refused.get();
            refused.frames += 1;
            refused.octets += u64::try_from(octets).unwrap_or(0);
            tally.refused.set(refused);
        }
    }
}

/// A packet of GRE in its buffer.
#[derive(Debug)]
pub(in crate::server) struct Packet {
    pub(super) buffer: Box<[u8]>,
    pub(super) gre: Range<usize>,
}

impl Packet {
    /// The packet, from behind IP's header.
    pub(in crate::server) fn octets(&mut self) -> &mut [u8] {
        self.buffer.get_mut(self.gre.clone()).unwrap_or_default()
    }
}

impl Mailbox {
    /// Sends what waits. Ready when there is a packet, or room to send again.
    pub(in crate::server) fn poll(&self, cx: &Context<'_>) -> Poll<()> {
        self.flush();
        let had_to_wait = self.waits.replace(self.local.full.get());
        if self.local.full.get() {
            let mut waiting = self.local.waiting.borrow_mut();
            if !waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
                waiting.push(cx.waker().clone());
            }
        }
        let has_room_again = had_to_wait && !self.waits.get();
        if has_room_again || !self.packets.borrow().is_empty() {
            return Poll::Ready(());
        }
        let mut waker = self.waker.borrow_mut();
        if waker.as_ref().is_none_or(|waker| !waker.will_wake(cx.waker())) {
            *waker = Some(cx.waker().clone());
        }
        Poll::Pending
    }

    /// The next packet.
    pub(in crate::server) fn take(&self) -> Option<Packet> {
        self.packets.borrow_mut().pop_front()
    }

    pub(in crate::server) fn has_room(&self) -> bool {
        !self.local.full.get()
    }

    /// Queues a packet to the client, which goes with [`Self::flush`]; whether there was room.
    /// `network`: octets of the frame in it, if that bears a packet of the network.
    pub(in crate::server) fn send(
        &self,
        now: Moment,
        packet: &[u8],
        network: Option<usize>,
    ) -> bool {
        if self.local.out.borrow().len() >= BATCH {
            self.local.flush();
        }
        let mut out = self.local.out.borrow_mut();
        if out.len() >= BATCH {
            return false;
        }
        out.push(Some(self.client), packet, Sending { tally: self.tally.clone(), network });
        self.last.set(now);
        true
    }

    /// Sends what waits, as far as there is room.
    pub(in crate::server) fn flush(&self) {
        self.local.flush();
    }

    /// What the kernel did not send, since this was asked last.
    pub(in crate::server) fn refused(&self) -> Refused {
        self.flush();
        self.tally.refused.take()
    }

    /// Takes a packet in; gives it back when there is no room.
    pub(super) fn put(&self, now: Moment, packet: Packet) -> Option<Packet> {
        self.seen.set(self.seen.get() + 1);
        self.last.set(now);
        self.heard.set(now);
        let mut packets = self.packets.borrow_mut();
        if packets.len() >= QUEUE_MAX {
            return Some(packet);
        }
        packets.push_back(packet);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
        None
    }

    pub(super) fn row(&self) -> Row {
        let (seen, sent, last) = (self.seen.get(), self.tally.sent.get(), self.last.get());
        Row { call: self.call, peer: Some(self.peer), seen, sent, last }
    }
}

/// Packets that wait for one session.
const QUEUE_MAX: usize = 256;

#[cfg(test)]
mod tests {
    //! A socket that is full for a while.
    use std::task::Waker;

    use super::*;

    #[test]
    fn who_waits_for_room_is_told_once() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let _inside = runtime.enter();
        let Ok(local) = Local::bound(Ipv4Addr::LOCALHOST) else {
            return crate::fixture::skipped("raw sockets need root");
        };
        let mailbox = Mailbox {
            client: Ipv4Addr::LOCALHOST,
            call: CallId(0),
            peer: CallId(0),
            local: Rc::new(local),
            packets: RefCell::default(),
            waker: RefCell::default(),
            waits: Cell::default(),
            seen: Cell::default(),
            tally: Rc::default(),
            last: Cell::default(),
            heard: Cell::default(),
        };
        let cx = Context::from_waker(Waker::noop());
        assert!(mailbox.poll(&cx).is_pending());
        mailbox.local.full.set(true);
        assert!(mailbox.poll(&cx).is_pending() && !mailbox.has_room());
        mailbox.local.full.set(false);
        assert!(mailbox.poll(&cx).is_ready());
        assert!(mailbox.poll(&cx).is_pending());
    }
}
