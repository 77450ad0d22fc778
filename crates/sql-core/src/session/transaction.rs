//! Which tables a session has changed without everybody being allowed to see it yet, and when that
//! ends; and which moment its consistent reads show.
//!
//! A table a session writes to is *pending* from before the statement goes to the server until its
//! outcome is known ([`Transaction::begin`], [`Transaction::settle`]). What a transaction wrote
//! stays pending until the transaction ends: it *happened* when it may have been committed, it was
//! *undone* only when the server said OK to a `ROLLBACK`. Where the server leaves it open (an ERR
//! packet has no status; a deadlock rolls back silently), it is kept pending until the next status
//! word, and then counts as happened: invalidating too much is the only error this module makes.
//!
//! Never: forget a pending table. Whoever drops a session must take [`Transaction::abandon`].
//!
//! Cited: implicit commits as in the server's manual, "SQL statements that cause an implicit
//! commit"; consistent reads as in "InnoDB consistent nonlocking reads".

use alloc::vec::Vec;

use crate::versions::Slot;

/// A table a statement is about to write to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target {
    /// Its version word.
    pub slot: Slot,
    /// What a `ROLLBACK` does to it.
    pub undo: Undo,
}

/// What a `ROLLBACK` does to rows of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Undo {
    /// They are gone (InnoDB): nobody sees them before `COMMIT`.
    Transactional,
    /// They stay (MyISAM, MEMORY, Aria): everybody sees them at once.
    Immediate,
    /// The catalog does not know the engine, or there are several behind the name.
    Unknown,
}

/// What a statement does to the transaction it is sent in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Reads or writes rows, or nothing of the kind: the transaction goes on.
    Goes,
    /// `BEGIN`, `START TRANSACTION`: commits the one before.
    Begins {
        /// `WITH CONSISTENT SNAPSHOT`.
        snapshot: bool,
    },
    /// `COMMIT`, with or without `AND CHAIN`.
    Commits,
    /// `ROLLBACK` of the whole transaction.
    RollsBack,
    /// DDL, `LOCK TABLES` and others: commits before it does anything.
    Implicit,
    /// `CALL`, several statements, text that is not understood: may do any of these.
    Anything,
    /// `XA PREPARE`: what was written waits for a decision, maybe of another session.
    Parks,
}

/// How the server answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// OK or rows; `open`: the status word says that a transaction is open.
    Done {
        /// `SERVER_STATUS_IN_TRANS` of the last packet.
        open: bool,
    },
    /// ERR: no status word.
    Failed,
}

/// What becomes of pending tables now. Every list is sorted and without doubles.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Settled {
    /// Changed, and no longer pending.
    pub happened: Vec<Slot>,
    /// No longer pending, and as before.
    pub undone: Vec<Slot>,
    /// Changed, and still pending for what else the transaction may do or have done.
    pub bumped: Vec<Slot>,
    /// Still pending, and from now on the business of an XA transaction id.
    pub parked: Vec<Slot>,
}

/// Between which moments the server took the snapshot that a transaction's consistent reads show,
/// as `Versions::now` counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Snapshot {
    /// Before the first statement was sent with which the server may have taken it: what has not
    /// changed since then is shown.
    pub since: u64,
    /// When a reply had come that the server cannot give without one: what was visible later is not
    /// shown.
    pub until: u64,
}

/// What one session has pending.
#[derive(Debug, Default)]
pub struct Transaction {
    /// Written in the open transaction.
    held: Vec<Slot>,
    /// Of the statement that is under way.
    flight: Vec<Target>,
    /// Locked for writing, with `query_cache_wlock_invalidate`.
    locked: Vec<Slot>,
    /// Sequence before the first statement with which the server may have taken its snapshot.
    since: Option<u64>,
    /// Sequence when it surely had.
    until: Option<u64>,
    /// Sequence before the statement under way was sent.
    sent: Option<u64>,
    /// Sequence when its reply had come, if that proves a snapshot.
    proved: Option<u64>,
}

impl Transaction {
    /// Notes that a statement writing to `targets` is about to be sent; returns the slots to begin,
    /// which are those this session does not hold already.
    pub fn begin(&mut self, targets: &[Target]) -> Vec<Slot> {
        debug_assert!(self.flight.is_empty(), "one statement at a time");
        self.flight.clear();
        self.flight.extend_from_slice(targets);
        self.flight.sort_unstable();
        let mut slots: Vec<Slot> = self.flight.iter().map(|target| target.slot).collect();
        slots.sort_unstable();
        slots.dedup();
        slots.retain(|slot| self.held.binary_search(slot).is_err());
        slots
    }

    /// Whether a statement under way or the open transaction has written to anything.
    #[must_use]
    pub fn has_pending(&self) -> bool {
        !(self.flight.is_empty() && self.held.is_empty() && self.locked.is_empty())
    }

    /// The slots the open transaction holds.
    #[must_use]
    pub fn held(&self) -> &[Slot] {
        &self.held
    }

    /// Notes the versions' sequence before a statement is sent: the server may take its snapshot
    /// with any.
    pub const fn sends(&mut self, now: u64) {
        self.sent = Some(now);
    }

    /// The reply of the statement under way has come, and proves that the server has a snapshot
    /// now.
    pub const fn proves_snapshot(&mut self, now: u64) {
        self.proved = Some(now);
    }

    /// When the server took this transaction's snapshot; `None`: it may not have yet.
    #[must_use]
    pub const fn snapshot(&self) -> Option<Snapshot> {
        match (self.since, self.until) {
            (Some(since), Some(until)) => Some(Snapshot { since, until }),
            _ => None,
        }
    }

    /// Before the first statement with which the server may have taken its snapshot; `None`: it has
    /// none. What is read now may be as old.
    #[must_use]
    pub const fn since(&self) -> Option<u64> {
        self.since
    }

    /// Settles the statement under way by its reply.
    #[must_use]
    pub fn settle(&mut self, turn: Turn, outcome: Outcome, was_open: bool) -> Settled {
        let mut settled = Settled::default();
        // A statement that ends a transaction writes nothing; one that claims both is not trusted.
        let turn = match turn {
            Turn::Goes | Turn::Implicit => turn,
            _ if self.flight.is_empty() => turn,
            _ => Turn::Anything,
        };
        let open = match outcome {
            Outcome::Done { open } => open,
            Outcome::Failed => was_open && turn != Turn::Implicit,
        };
        self.settle_held(turn, outcome, open, &mut settled);
        self.settle_flight(turn, open, &mut settled);
        self.settle_snapshot(turn, outcome, open);
        for list in [&mut settled.happened, &mut settled.undone, &mut settled.bumped] {
            list.sort_unstable();
            list.dedup();
        }
        settled
    }

    fn settle_held(&mut self, turn: Turn, outcome: Outcome, open: bool, settled: &mut Settled) {
        let failed = outcome == Outcome::Failed;
        let list = match turn {
            Turn::RollsBack if !failed => &mut settled.undone,
            Turn::Parks if !failed => &mut settled.parked,
            Turn::Commits | Turn::RollsBack | Turn::Implicit => &mut settled.happened,
            Turn::Begins { .. } if !failed => &mut settled.happened,
            _ if !open => &mut settled.happened,
            Turn::Anything => {
                settled.bumped.extend_from_slice(&self.held);
                return;
            }
            Turn::Goes | Turn::Begins { .. } | Turn::Parks => return,
        };
        list.append(&mut self.held);
    }

    fn settle_flight(&mut self, turn: Turn, open: bool, settled: &mut Settled) {
        let at_once = |undo| !open || undo == Undo::Immediate || turn == Turn::Implicit;
        // A slot shared by two targets is begun once, so it must end once: the slower one rules.
        let mut keeps: Vec<Slot> = Vec::new();
        for target in &self.flight {
            if !at_once(target.undo) || (open && self.held.binary_search(&target.slot).is_ok()) {
                keeps.push(target.slot);
            }
        }
        keeps.sort_unstable();
        keeps.dedup();
        for target in self.flight.drain(..) {
            let kept = keeps.binary_search(&target.slot).is_ok();
            if !kept {
                settled.happened.push(target.slot);
            } else if target.undo != Undo::Transactional || turn == Turn::Anything {
                settled.bumped.push(target.slot);
            }
        }
        self.held.append(&mut keeps);
        self.held.sort_unstable();
        self.held.dedup();
    }

    fn settle_snapshot(&mut self, turn: Turn, outcome: Outcome, open: bool) {
        let (sent, proved) = (self.sent.take(), self.proved.take());
        let done = outcome != Outcome::Failed;
        let anew = done && matches!(turn, Turn::Begins { .. } | Turn::Commits | Turn::RollsBack);
        if anew || !open {
            self.since = None;
        }
        // Without a snapshot as yet, or with one of a transaction that may be another now.
        if anew || !open || !done || turn != Turn::Goes {
            self.until = None;
        }
        if open && (!anew || turn == (Turn::Begins { snapshot: true })) {
            // Not noted: from the beginning.
            self.since = self.since.or_else(|| Some(sent.unwrap_or(0)));
        }
        if open && done && self.until.is_none() {
            self.until = proved;
        }
    }

    /// Notes tables locked for writing; returns the slots to begin.
    pub fn lock(&mut self, slots: &[Slot]) -> Vec<Slot> {
        let mut begun: Vec<Slot> = slots.to_vec();
        begun.sort_unstable();
        begun.dedup();
        begun.retain(|slot| !self.locked.contains(slot));
        self.locked.extend_from_slice(&begun);
        begun
    }

    /// The locks are gone: the slots to end, as happened.
    #[must_use]
    pub fn unlock(&mut self) -> Vec<Slot> {
        core::mem::take(&mut self.locked)
    }

    /// The session is over and its outcome not known: all that is pending, each slot as often as
    /// it was begun.
    #[must_use]
    pub fn abandon(&mut self) -> Vec<Slot> {
        let mut flight: Vec<Slot> = self.flight.drain(..).map(|target| target.slot).collect();
        flight.sort_unstable();
        flight.dedup();
        flight.retain(|slot| self.held.binary_search(slot).is_err());
        let mut slots = core::mem::take(&mut self.held);
        slots.append(&mut flight);
        slots.append(&mut self.locked);
        (self.since, self.until, self.sent, self.proved) = (None, None, None, None);
        slots
    }
}

#[cfg(test)]
mod tests;
