//! What a writer holds in memory, and when it gives it back.
//!
//! It must never hold bytes without a share of the memory all have together.

use menshen_s3::PART_BYTES_MIN;

use super::super::buffers::Share;
use super::super::plan::part_bytes;
use super::S3Writer;
use crate::writer::FLUSH_BYTES;
use crate::{Error, Patience};

impl S3Writer {
    /// See [`crate::Writer::patience`]. Sooner where others wait for the memory this one has.
    #[must_use]
    pub fn patience(&self) -> Patience {
        if self.is_wanted() {
            return Patience { bytes: PART_BYTES_MIN, ms: 1_000 };
        }
        Patience { bytes: FLUSH_BYTES, ms: 30_000 }
    }

    /// Whether it has to wait for memory that others have.
    #[must_use]
    pub fn lacks_memory(&self) -> bool {
        self.share.is_none() && self.store.buffers.are_short(self.parts())
    }

    /// Makes room by doubling, but not for much more than a part has.
    pub(super) fn grow(&mut self, more: usize) {
        let needed = self.buffer.len() + more;
        if needed > self.buffer.capacity() {
            let most = usize::try_from(self.wanted()).unwrap_or(usize::MAX);
            let doubled = (2 * self.buffer.capacity()).min(most).max(needed);
            self.buffer.reserve_exact(doubled - self.buffer.len());
        }
    }

    /// Waits for memory, and reads into it what belongs there.
    pub(super) async fn unpark(&mut self) -> Result<(), Error> {
        if !self.has_share() {
            // What is on its way gives its share back; waiting for others' meanwhile would be
            // waiting for ourselves.
            self.settle().await?;
            self.share = Some(self.wait_for_share().await?);
        }
        if self.is_parked
            && let Some(tail) = &self.state.tail
        {
            self.buffer = self.store.tail(tail).await?;
        }
        self.is_parked = false;
        Ok(())
    }

    async fn wait_for_share(&self) -> Result<Share, Error> {
        let share = self.store.buffers.take(self.parts()).await;
        share.ok_or(Error::TooMany { limit: "buffers_max" })
    }

    /// Whether others wait for memory that this one has.
    pub(super) fn is_wanted(&self) -> bool {
        self.share.is_some() && self.store.buffers.is_waited_for()
    }

    pub(super) fn is_full(&self) -> bool {
        self.buffer.len() as u64 >= self.wanted()
    }

    /// Bytes of the part that is being filled.
    fn wanted(&self) -> u64 {
        let gone = self.position() - self.behind();
        let length = self.state.record.length;
        let left = length.map(|length| length.saturating_sub(gone));
        part_bytes(self.store.options.part_bytes, left, self.state.next)
    }

    /// Of how many parts' memory this one takes: of one, but for long uploads.
    fn parts(&self) -> u64 {
        self.wanted().div_ceil(self.store.options.part_bytes.max(PART_BYTES_MIN))
    }

    pub(super) fn has_share(&mut self) -> bool {
        if self.share.is_none() {
            self.share = self.store.buffers.try_take(self.parts());
        }
        self.share.is_some()
    }

    /// Gives the memory back: what was in it is saved.
    pub(super) fn park(&mut self) {
        self.is_parked = self.state.tail.is_some();
        self.buffer = Vec::new();
        self.share = None;
    }
}
