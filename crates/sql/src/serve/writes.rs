//! What one session has begun in the versions and not yet ended, so that nothing is forgotten
//! however the session ends; and what waits for an XA decision.
//!
//! Dropped with slots still pending (the server's link broke, the client left within a transaction,
//! the task was dropped), the outcome is not known: the slots go to the orphans, which end them
//! once the server's thread of this session is gone. Until then nothing of these tables is served.
//! In doubt tables stay pending too long, never too short.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use menshen_sql_core::session::Settled;
use menshen_sql_core::versions::{Change, Slot, Versions};

use crate::orphans::{Orphans, Until};

/// The pending slots of one session, each as often as it was begun.
#[derive(Debug)]
pub(super) struct Writes {
    versions: Versions,
    orphans: Orphans,
    thread_id: u64,
    pending: Vec<Slot>,
}

impl Writes {
    pub(super) const fn new(versions: Versions, orphans: Orphans, thread_id: u64) -> Self {
        Self { versions, orphans, thread_id, pending: Vec::new() }
    }

    /// Before a write is sent.
    pub(super) fn begin(&mut self, slots: &[Slot]) {
        self.versions.begin(slots);
        self.pending.extend_from_slice(slots);
    }

    /// Its outcome. Parked slots are no longer this session's: see [`Parked`].
    pub(super) fn apply(&mut self, settled: &Settled) {
        self.versions.bump(&settled.bumped);
        self.end(&settled.happened, Change::Happened);
        self.end(&settled.undone, Change::Nothing);
        self.let_go(&settled.parked);
    }

    /// Ends slots.
    pub(super) fn end(&mut self, slots: &[Slot], change: Change) {
        self.versions.end(slots, change);
        self.let_go(slots);
    }

    /// Rows of these come after the reply: the orphans wait for them.
    pub(super) fn delay(&mut self, slots: Vec<Slot>) {
        self.let_go(&slots);
        self.orphans.adopt(slots, Until::DelayedFlushed);
    }

    fn let_go(&mut self, slots: &[Slot]) {
        for slot in slots {
            if let Some(place) = self.pending.iter().position(|one| one == slot) {
                self.pending.swap_remove(place);
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }
}

impl Drop for Writes {
    fn drop(&mut self) {
        if !self.pending.is_empty() {
            let slots = std::mem::take(&mut self.pending);
            self.orphans.adopt(slots, Until::ThreadGone(self.thread_id));
        }
    }
}

/// Slots of prepared XA transactions by their id, of all sessions.
#[derive(Debug, Default)]
pub struct Parked {
    slots: Mutex<HashMap<Box<[u8]>, Vec<Slot>>>,
}

impl Parked {
    /// `XA PREPARE` succeeded: these stay pending until the id is decided on.
    pub(super) fn park(&self, xid: &[u8], slots: &[Slot]) {
        let mut all = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry(plain(xid)).or_default().extend_from_slice(slots);
    }

    /// `XA COMMIT` or `XA ROLLBACK` succeeded: what was parked; `None` when this door has not seen
    /// its `XA PREPARE`.
    pub(super) fn take(&self, xid: &[u8]) -> Option<Vec<Slot>> {
        let mut all = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        all.remove(&plain(xid))
    }

    /// Whether nothing waits for a decision.
    pub(super) fn is_empty(&self) -> bool {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }
}

/// Blanks and the kind of quotes do not make another id.
fn plain(xid: &[u8]) -> Box<[u8]> {
    let blank = |byte: &&u8| !byte.is_ascii_whitespace();
    xid.iter().filter(blank).map(|byte| if *byte == b'"' { b'\'' } else { *byte }).collect()
}

#[cfg(test)]
mod tests;
