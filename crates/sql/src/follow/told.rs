//! Up to which moment the writes of others are told, for transactions that must not see one without
//! the other.
//!
//! A moment is *told* when every write that anybody could see before it is marked in the versions.
//! The log is written before a write can be seen, so this is proved: a moment is drawn, then the
//! server is asked where its log ends, and the stream has come to that place. Without a question
//! nothing is proved; so sessions say which moment they want, and one question answers all that
//! were wanted before it. This must never say a moment that was drawn after its question.
//!
//! How it fails: nobody asks or the stream stands still, and the word stays what it was. Sessions
//! do not wait for it.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use tokio::sync::Notify;

/// The word, and who wants it to go on. Moments are those of `Versions`.
#[derive(Debug, Default)]
pub(super) struct Told {
    until: AtomicU64,
    /// What [`Self::get`] should be at least.
    wanted: AtomicU64,
    /// Of the last question.
    drawn: AtomicU64,
    asker: Notify,
    arrival: Notify,
}

impl Told {
    /// All before this moment is marked.
    pub(super) fn get(&self) -> u64 {
        self.until.load(SeqCst)
    }

    /// Somebody wants it to be past `moment`.
    pub(super) fn want(&self, moment: u64) {
        let past = moment.saturating_add(1);
        if self.wanted.fetch_max(past, SeqCst) < past {
            // While a question is under way nobody listens, and this is not a system call.
            self.asker.notify_one();
        }
    }

    /// Whether something is wanted that the last question does not answer.
    pub(super) fn is_wanted(&self) -> bool {
        self.wanted.load(SeqCst) > self.drawn.load(SeqCst)
    }

    /// Until something may be wanted.
    pub(super) async fn wanted(&self) {
        self.asker.notified().await;
    }

    /// A question is about to be asked, of this moment.
    pub(super) fn asks(&self, moment: u64) {
        self.drawn.store(moment, SeqCst);
    }

    /// The stream has come to the place of a question, or past it; if that proves something, all
    /// before `moment` is marked.
    pub(super) fn arrives(&self, moment: u64, proved: bool) {
        if proved {
            self.until.fetch_max(moment, SeqCst);
        }
        self.arrival.notify_one();
    }

    /// Until the stream may have come to the place of a question.
    pub(super) async fn arrived(&self) {
        self.arrival.notified().await;
    }

    /// Whether nobody else writes, so that there is nothing to be told of.
    pub(super) fn is_alone(&self, alone: bool) {
        match alone {
            true => self.until.store(ALONE, SeqCst),
            // Whoever stops being alone also moves the version of everything.
            false => drop(self.until.compare_exchange(ALONE, 0, SeqCst, SeqCst)),
        }
    }
}

/// Past every moment.
const ALONE: u64 = u64::MAX;

#[cfg(test)]
mod tests;
