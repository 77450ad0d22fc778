//! The memory that all who bring bytes into a bucket have together.
//!
//! Who has none waits, in the order of coming; and whoever has some and can give it back does so
//! at its next flush while others wait. It must never give more than there is.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Shares of memory. Clones share them.
#[derive(Debug, Clone)]
pub struct Buffers(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    shares: Arc<Semaphore>,
    most: usize,
    waiting: AtomicUsize,
}

/// Some shares; dropped, they are given back.
#[derive(Debug)]
pub struct Share(
    #[expect(dead_code, reason = "it gives back when it is dropped")] OwnedSemaphorePermit,
);

impl Buffers {
    /// So many shares, two or more.
    #[must_use]
    pub fn new(most: usize) -> Self {
        let most = most.max(2);
        let shares = Arc::new(Semaphore::new(most));
        Self(Arc::new(Inner { shares, most, waiting: AtomicUsize::new(0) }))
    }

    /// What `parts` take: no more than half of all, or the next ones would wait for these for ever.
    fn units(&self, parts: u64) -> u32 {
        let most = (self.0.most / 2).max(1) as u64;
        u32::try_from(parts.clamp(1, most)).unwrap_or(1)
    }

    /// Whether [`Self::take`] would wait.
    #[must_use]
    pub fn are_short(&self, parts: u64) -> bool {
        let free = u32::try_from(self.0.shares.available_permits()).unwrap_or(u32::MAX);
        self.is_waited_for() || free < self.units(parts)
    }

    /// Whether somebody waits.
    #[must_use]
    pub fn is_waited_for(&self) -> bool {
        self.0.waiting.load(Ordering::Relaxed) > 0
    }

    /// Memory for so many parts, if it is there and nobody waits for it.
    #[must_use]
    pub fn try_take(&self, parts: u64) -> Option<Share> {
        // Whoever waits already has the next one.
        if self.is_waited_for() {
            return None;
        }
        let all = Arc::clone(&self.0.shares);
        all.try_acquire_many_owned(self.units(parts)).ok().map(Share)
    }

    /// The same, waited for as long as a minute; `None` when others had it all that time.
    pub async fn take(&self, parts: u64) -> Option<Share> {
        let _waiting = Waiting::begin(&self.0.waiting);
        let share = Arc::clone(&self.0.shares).acquire_many_owned(self.units(parts));
        tokio::time::timeout(SHARE_WAIT, share).await.ok()?.ok().map(Share)
    }
}

/// One that waits, counted as long as it lives.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn begin(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How long memory is waited for; the client is then told to come again.
const SHARE_WAIT: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    //! Shares are bounded, given back, and given in turn.
    use super::*;

    #[test]
    fn nobody_passes_who_waits() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let buffers = Buffers::new(4);
            let large = buffers.try_take(100).unwrap();
            assert!(buffers.try_take(2).is_some(), "half of all is the most");
            let one = buffers.try_take(1).unwrap();
            assert!(buffers.are_short(2) && !buffers.are_short(1));
            let waiting = tokio::spawn({
                let buffers = buffers.clone();
                async move { buffers.take(2).await }
            });
            while !buffers.is_waited_for() {
                tokio::task::yield_now().await;
            }
            assert!(buffers.try_take(1).is_none(), "the free one is for who waits");
            drop(large);
            let two = waiting.await.unwrap().unwrap();
            assert!(!buffers.is_waited_for());
            drop((one, two));
            assert_eq!(buffers.0.shares.available_permits(), 4);
        });
    }
}
