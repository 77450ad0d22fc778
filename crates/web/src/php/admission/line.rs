//! Those who wait for a place with a pool, in one class: client networks take turns, within one
//! the longest waiting is first.
//!
//! Nothing here is left over from a waiter that is gone: memory is bounded by how many wait.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;

use tokio::sync::oneshot;

use super::{Refused, Ticket};

/// One request that waits.
pub(super) struct Waiter<C> {
    /// Grows from one waiter to the next.
    pub(super) id: u64,
    /// Since when, microseconds.
    pub(super) since_us: u64,
    pub(super) answer: oneshot::Sender<Result<Ticket<C>, Refused>>,
}

/// The waiters of one class.
pub(super) struct Line<C> {
    /// Never an empty queue.
    clients: HashMap<IpAddr, VecDeque<Waiter<C>>>,
    /// The clients, in the order of their turns.
    turns: VecDeque<IpAddr>,
    len: usize,
}

impl<C> Line<C> {
    /// How many wait.
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// Whether nobody waits.
    pub(super) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Lines up a request of `network`.
    pub(super) fn push(&mut self, network: IpAddr, waiter: Waiter<C>) {
        let queue = self.clients.entry(network).or_default();
        if queue.is_empty() {
            self.turns.push_back(network);
        }
        queue.push_back(waiter);
        self.len += 1;
    }

    /// Takes out whose turn it is.
    pub(super) fn next(&mut self) -> Option<Waiter<C>> {
        let network = self.turns.pop_front()?;
        let queue = self.clients.get_mut(&network)?;
        let waiter = queue.pop_front()?;
        self.len -= 1;
        if queue.is_empty() {
            self.clients.remove(&network);
        } else {
            self.turns.push_back(network);
        }
        Some(waiter)
    }

    /// Takes out a waiter that gave up; nothing when it is not here any more.
    pub(super) fn remove(&mut self, network: IpAddr, id: u64) -> Option<Waiter<C>> {
        let queue = self.clients.get(&network)?;
        let at = queue.binary_search_by_key(&id, |waiter| waiter.id).ok()?;
        self.take(network, at)
    }

    /// Takes out the newest of the client with most waiters, if that makes the line fairer to
    /// `network`, which wants to line up.
    pub(super) fn displace_for(&mut self, network: IpAddr) -> Option<Waiter<C>> {
        let own = self.clients.get(&network).map_or(0, VecDeque::len);
        let (&most, queue) = self.clients.iter().max_by_key(|(_, queue)| queue.len())?;
        let last = queue.len() - 1;
        if last > own { self.take(most, last) } else { None }
    }

    /// Takes out one that waits since `before_us` or longer.
    pub(super) fn waiting_since(&mut self, before_us: u64) -> Option<Waiter<C>> {
        let late = |queue: &VecDeque<Waiter<C>>| {
            queue.front().is_some_and(|waiter| waiter.since_us <= before_us)
        };
        let network = *self.clients.iter().find(|(_, queue)| late(queue))?.0;
        self.take(network, 0)
    }

    fn take(&mut self, network: IpAddr, at: usize) -> Option<Waiter<C>> {
        let queue = self.clients.get_mut(&network)?;
        let waiter = queue.remove(at)?;
        self.len -= 1;
        if queue.is_empty() {
            self.clients.remove(&network);
            self.turns.retain(|&turn| turn != network);
        }
        Some(waiter)
    }
}

impl<C> Default for Line<C> {
    fn default() -> Self {
        Self { clients: HashMap::new(), turns: VecDeque::new(), len: 0 }
    }
}
