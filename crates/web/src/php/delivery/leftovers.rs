//! What remains of a delivery when PHP has answered.
//!
//! Whatever PHP did not take over is removed, at the latest when this is dropped. The one thing
//! kept are files in a store: those belong to the application once it was told of them.

use crate::php::spool::Named;

/// Files of a delivered body.
#[derive(Debug)]
pub(crate) struct Leftovers {
    /// Removed in any case; PHP may have taken them by renaming.
    spooled: Vec<Named>,
    /// Already in the store.
    stored: Vec<Named>,
    /// Answers after which stored files are removed: ranges of statuses, ends included.
    cleanup: Vec<(u16, u16)>,
    handed_over: bool,
}

impl Leftovers {
    /// Nothing.
    pub(super) const fn none() -> Self {
        Self::spooled(Vec::new())
    }

    /// Files in the spool.
    pub(super) const fn spooled(spooled: Vec<Named>) -> Self {
        Self { spooled, stored: Vec::new(), cleanup: Vec::new(), handed_over: false }
    }

    /// Files in a store.
    pub(super) const fn stored(stored: Vec<Named>, cleanup: Vec<(u16, u16)>) -> Self {
        Self { spooled: Vec::new(), stored, cleanup, handed_over: false }
    }

    /// To be called once PHP may have seen the request. If no answer comes from then on, stored
    /// files are kept: the application may have written down their names.
    pub(crate) const fn handed_over(&mut self) {
        self.handed_over = true;
    }

    /// PHP answered with this status.
    pub(crate) fn answered(mut self, status: u16) {
        self.handed_over =
            !self.cleanup.iter().any(|&(first, last)| (first..=last).contains(&status));
    }

    /// How many files are not PHP's yet.
    #[cfg(test)]
    pub(crate) const fn len(&self) -> usize {
        self.spooled.len() + self.stored.len()
    }
}

impl Drop for Leftovers {
    fn drop(&mut self) {
        self.spooled.clear();
        if self.handed_over {
            self.stored.drain(..).for_each(Named::keep);
        }
    }
}
