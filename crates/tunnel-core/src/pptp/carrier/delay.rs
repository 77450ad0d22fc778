//! How long to wait for a frame that is missing: as long as frames of this call have come late.
//!
//! Each frame that comes late tells by how much. Where nothing ever comes late, frames are lost
//! and not reordered; waiting for them only delays those behind, so patience shrinks.

use core::time::Duration;

/// How late frames come.
#[derive(Debug, Clone, Copy)]
pub(super) struct Delay {
    /// The latest of the last frames, fading.
    spread: Duration,
}

impl Delay {
    pub(super) const fn new() -> Self {
        Self { spread: FIRST }
    }

    /// A frame came so late, whether it was still awaited or not.
    pub(super) fn came(&mut self, late: Duration) {
        if late <= BELIEVED_MAX {
            self.spread = late.max(self.spread - self.spread / 32);
        }
    }

    /// A frame did not come.
    pub(super) fn did_not_come(&mut self) {
        self.spread -= self.spread / 32;
    }

    /// Twice the latest of the last, within bounds.
    pub(super) fn patience(&self, max: Duration) -> Duration {
        (self.spread * 2).max(PATIENCE_MIN).min(max)
    }
}

/// Before anything was measured: most reordering is far below it.
const FIRST: Duration = Duration::from_millis(10);
/// Less than this is the width of one burst.
const PATIENCE_MIN: Duration = Duration::from_millis(2);
/// Later than this is a repetition and no delay of the way.
const BELIEVED_MAX: Duration = Duration::from_secs(1);
