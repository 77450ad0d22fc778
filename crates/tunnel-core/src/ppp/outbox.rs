//! Control frames that wait to be sent: a bounded queue, and a bounded rate of answers.
//!
//! What a peer sends may cost an answer; a storm of it must never cost a storm of answers, nor
//! memory. What does not fit is dropped and counted: the peer's timers ask again.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use super::frame::Protocol;
use super::packet::{self, Code};
use crate::time::Moment;

/// The queue.
pub(crate) struct Outbox {
    frames: VecDeque<(Protocol, Vec<u8>)>,
    /// How much answering is left; an answer costs `cost`.
    credit: Duration,
    counted: Moment,
    cost: Duration,
    lost: u64,
}

impl Outbox {
    /// An empty one; `burst` answers at once, and as many in [`WINDOW`].
    pub(crate) fn new(burst: u32) -> Self {
        Self {
            frames: VecDeque::new(),
            credit: WINDOW,
            counted: Moment::default(),
            cost: WINDOW / burst.max(1),
            lost: 0,
        }
    }

    /// Queues a packet of our own will.
    pub(crate) fn send(&mut self, protocol: Protocol, code: Code, id: u8, data: &[u8]) {
        let mut octets = Vec::with_capacity(packet::HEADER_OCTETS + data.len());
        packet::push(code, id, data, &mut octets);
        self.send_octets(protocol, octets);
    }

    /// Queues a packet that is written already.
    pub(crate) fn send_octets(&mut self, protocol: Protocol, octets: Vec<u8>) {
        if self.frames.len() < FRAMES_MAX {
            self.frames.push_back((protocol, octets));
        } else {
            self.lost += 1;
        }
    }

    /// Queues an answer; false if there were too many of late.
    pub(crate) fn answer(
        &mut self,
        now: Moment,
        protocol: Protocol,
        code: Code,
        id: u8,
        data: &[u8],
    ) -> bool {
        let allowed = self.allow(now);
        if allowed {
            self.send(protocol, code, id, data);
        }
        allowed
    }

    /// Pays for an answer; false if there is no credit.
    pub(crate) fn allow(&mut self, now: Moment) -> bool {
        self.credit = self.credit.saturating_add(now.since(self.counted)).min(WINDOW);
        self.counted = self.counted.max(now);
        let left = self.credit.checked_sub(self.cost);
        self.credit = left.unwrap_or(self.credit);
        if left.is_none() {
            self.lost += 1;
        }
        left.is_some()
    }

    /// The next packet to send.
    pub(crate) fn pop(&mut self) -> Option<(Protocol, Vec<u8>)> {
        self.frames.pop_front()
    }

    /// How many packets were dropped.
    pub(crate) const fn lost(&self) -> u64 {
        self.lost
    }
}

// A packet of PAP holds a password.
impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { frames, credit, lost, .. } = self;
        write!(f, "Outbox {{ frames: {}, credit: {credit:?}, lost: {lost} }}", frames.len())
    }
}

/// The most packets that wait.
const FRAMES_MAX: usize = 32;

/// The time in which a burst of answers is allowed again.
const WINDOW: Duration = Duration::from_secs(2);
