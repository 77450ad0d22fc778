//! Counting what is really there: at the start, at intervals, and sooner when something changed
//! while it was counted.
//!
//! One process counts at a time. Whatever is written down between the beginning and the end of a
//! count is added to what was found, so that nothing is missed; it may count twice then, and one
//! minute later it is counted again.

use std::sync::atomic::Ordering;
use std::time::Duration;

use menshen_net::clock;
use rustix::fs::{FlockOperation, Mode, OFlags, flock, openat};

use super::book::{Locked, Wait};
use super::{Quotas, Rule, Sum};
use crate::fault::Fault;
use crate::tree::{Mounts, walk};

/// Which quotas are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    /// At the start: what was written meanwhile is seen.
    All,
    Due,
}

impl Quotas {
    /// Counts. `uploads` tells paths of uploads that can be resumed, and what they
    /// hold.
    pub(crate) fn count(&self, which: Which, uploads: &dyn Fn() -> Option<Vec<(Vec<u8>, Sum)>>) {
        for rule in &self.rules {
            // Trouble with one keeps nobody from the others; it is due again soon.
            let _ = self.count_one(rule, which, uploads);
        }
    }

    fn count_one(
        &self,
        rule: &Rule,
        which: Which,
        uploads: &dyn Fn() -> Option<Vec<(Vec<u8>, Sum)>>,
    ) -> Result<(), Fault> {
        let folder = self.folder()?;
        let mut open = self.open(rule, Wait::Shortly)?;
        open.mend(rule)?;
        let due = open.book.is_due(rule.rescan_s) || rule.missed.load(Ordering::Relaxed);
        drop(open);
        if which == Which::Due && !due {
            return Ok(());
        }
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let mark = format!("{}.count", rule.name);
        let mark = openat(folder, mark, flags, Mode::RUSR | Mode::WUSR);
        let mark = mark.map_err(Fault::from_errno)?;
        if flock(&mark, FlockOperation::NonBlockingLockExclusive).is_err() {
            return Ok(());
        }
        let mut open = self.open(rule, Wait::Shortly)?;
        let first = open.book.counted == 0 && which == Which::All;
        open.book.begin();
        open.write(rule.held())?;
        rule.missed.store(false, Ordering::Relaxed);
        drop(open);
        if !first {
            // Uploads that took room just before may not be in the store yet; and where the book
            // was lost, others say meanwhile what they hold.
            std::thread::sleep(CREATION);
        }
        let mut rests = Sum::default();
        walk(&self.root, &rule.path, Mounts::Entered, &mut |_, stat| {
            rests = rests.plus(Sum::file(u64::try_from(stat.st_size).unwrap_or(0)));
            Ok(())
        })?;
        let uploads = uploads().ok_or(Fault::Storage)?;
        let held = uploads.iter().filter(|(path, _)| rule.holds(path));
        let held = held.fold(Sum::default(), |all, (_, sum)| all.plus(*sum));
        let mut open = self.open(rule, Wait::Shortly)?;
        open.book.end(rests, held, clock::unix_s());
        open.write(rule.held())
    }
}

impl Locked {
    /// Has it say what is held, where it said something else.
    pub(super) fn mend(&mut self, rule: &Rule) -> Result<(), Fault> {
        if self.was_stale() { self.write(rule.held()) } else { Ok(()) }
    }
}

impl super::book::Book {
    fn is_due(&self, every_s: u64) -> bool {
        let age = clock::unix_s().saturating_sub(self.counted);
        self.counted == 0 || age >= every_s || self.stirred && age >= STIRRED_S.min(every_s)
    }
}

/// As long as making an upload may take.
const CREATION: Duration = Duration::from_secs(3);
/// After a count during which something changed.
const STIRRED_S: u64 = 60;
