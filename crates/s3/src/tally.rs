//! What a client has done so far, in figures.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::error::{Cause, Error};

/// Figures of a client and all that share its connections; they only grow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// Requests that were sent, repetitions among them.
    pub requests: u64,
    /// Requests that repeated one that had failed.
    pub retries: u64,
    /// Calls that failed in the end. That something is not there, or a condition does not hold, is
    /// an answer and no failure.
    pub failures: u64,
    /// Bytes of bodies that were sent whole.
    pub sent: u64,
    /// Bytes of objects that were read.
    pub received: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Tally {
    requests: AtomicU64,
    retries: AtomicU64,
    failures: AtomicU64,
    sent: AtomicU64,
    received: AtomicU64,
}

impl Tally {
    /// Attempt `tried`, from 1, is about to be made.
    pub(crate) fn attempt(&self, tried: u32) {
        self.requests.fetch_add(1, Relaxed);
        self.retries.fetch_add(u64::from(tried > 1), Relaxed);
    }

    pub(crate) fn failed(&self, error: &Error) {
        let answered = matches!(error.cause, Cause::NotFound(_) | Cause::Precondition);
        let answered = answered || error.cause == Cause::Range;
        self.failures.fetch_add(u64::from(!answered), Relaxed);
    }

    pub(crate) fn sent(&self, bytes: u64) {
        self.sent.fetch_add(bytes, Relaxed);
    }

    pub(crate) fn received(&self, bytes: usize) {
        self.received.fetch_add(bytes as u64, Relaxed);
    }

    pub(crate) fn figures(&self) -> Figures {
        Figures {
            requests: self.requests.load(Relaxed),
            retries: self.retries.load(Relaxed),
            failures: self.failures.load(Relaxed),
            sent: self.sent.load(Relaxed),
            received: self.received.load(Relaxed),
        }
    }
}
