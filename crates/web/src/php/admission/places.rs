//! The places of a pool, counted over all workers in the scoreboard.
//!
//! It decides whether a place is free, never whose it is next; and it writes no word but those of
//! its own worker and, for the one that looks, the number of strangers.

use menshen_sys::{POOLS_MAX, PoolLoad, Scoreboard, Slot};

use super::Class;

/// A pool's places as one worker sees them.
pub(super) struct Places {
    board: Scoreboard,
    slot: Slot,
    place: usize,
    workers: u32,
}

impl Places {
    /// Of the pool at `place`, which has `workers` processes unless the scoreboard says otherwise.
    pub(super) const fn new(board: Scoreboard, slot: Slot, place: usize, workers: u32) -> Self {
        Self { board, slot, place, workers }
    }

    /// Takes a place if one is free for `class`.
    pub(super) fn take(&self, class: Class) -> bool {
        // A look before counting in: others would step back from a place we do not get.
        if !self.is_free(class) {
            return false;
        }
        let own = self.own();
        self.slot.set_pool_load(self.place, own.plus(one(class)));
        if self.within(class, self.all()) {
            self.slot.count_admitted(self.place);
            return true;
        }
        self.slot.set_pool_load(self.place, own);
        false
    }

    /// Whether a place is free for `class`; it may be gone a moment later.
    pub(super) fn is_free(&self, class: Class) -> bool {
        self.within(class, self.all().plus(one(class)))
    }

    /// Gives a place back.
    pub(super) fn give(&self, class: Class) {
        self.slot.set_pool_load(self.place, self.own().minus(one(class)));
    }

    /// Says how many wait in this worker.
    pub(super) fn set_waiting(&self, pages: usize, deliveries: usize) {
        let count = |n: usize| u16::try_from(n).unwrap_or(u16::MAX);
        let now = PoolLoad {
            waiting_pages: count(pages),
            waiting_deliveries: count(deliveries),
            ..self.own()
        };
        self.slot.set_pool_load(self.place, now);
    }

    /// What this worker has with the pool.
    pub(super) fn own(&self) -> PoolLoad {
        self.slot.pool_load(self.place)
    }

    /// What all workers together have.
    pub(super) fn all(&self) -> PoolLoad {
        self.board.view().pool_load(self.place)
    }

    /// What the other workers have.
    pub(super) fn others(&self) -> PoolLoad {
        self.all().minus(self.own())
    }

    /// Processes of the pool, busy or not.
    pub(super) fn workers(&self) -> u32 {
        match self.board.view().pool_limit(self.place) {
            0 => self.workers,
            shown => shown,
        }
    }

    /// Requests that all workers together have admitted.
    pub(super) fn admitted(&self) -> u64 {
        self.board.view().pool_admitted(self.place)
    }

    /// Sets how many processes are busy with what no worker has in flight; how many were before.
    pub(super) fn set_strangers(&self, strangers: u32) -> u32 {
        let before = self.board.view().pool_strangers(self.place);
        if strangers != before {
            self.board.set_pool_strangers(self.place, strangers);
        }
        before
    }

    /// Whether `all` is within the limits of `class`.
    fn within(&self, class: Class, all: PoolLoad) -> bool {
        let limit = self.limit();
        let deliveries_max = limit.saturating_sub(1).max(1);
        all.in_flight <= limit && (class == Class::Page || all.deliveries <= deliveries_max)
    }

    /// Places that are ours to give, at least one.
    fn limit(&self) -> u16 {
        let strangers = self.board.view().pool_strangers(self.place);
        let free = self.workers().saturating_sub(strangers).max(1);
        u16::try_from(free).unwrap_or(u16::MAX)
    }
}

const fn one(class: Class) -> PoolLoad {
    PoolLoad {
        in_flight: 1,
        deliveries: match class {
            Class::Page => 0,
            Class::Delivery => 1,
        },
        waiting_pages: 0,
        waiting_deliveries: 0,
    }
}

const _: () = assert!(POOLS_MAX == menshen_config::POOLS_MAX);

#[cfg(test)]
mod tests;
