//! Whether there is room for one more upload.
//!
//! The records are the books: each creation reads those of all uploads (some microseconds each, at
//! most `uploads_max` of them), so that no count can be wrong after a crash. Answered ones, which
//! never change again, are read once.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::Inner;
use super::disk::{File, Folder};
use super::pair::{Pair, RECORD, id_of};
use crate::{ANSWERED_TIMES, Error, Id, Record, Stage};

/// Uploads that are done with, and where they came from: their records are not read again.
pub(crate) type Done = HashMap<Id, u64>;

impl Inner {
    /// Whether the limits let this upload be made.
    pub(crate) fn check_room(&self, record: &Record) -> Result<(), Error> {
        let (books, answered) = self.books(record.source)?;
        let limits = &self.limits;
        let of_owner = books.values().filter(|one| one.owner == record.owner).count();
        if books.len() >= limits.uploads_max {
            return Err(Error::TooMany { limit: "uploads_max" });
        }
        if record.owner.is_some() && of_owner >= limits.uploads_per_owner_max {
            return Err(Error::TooMany { limit: "uploads_per_owner_max" });
        }
        if record.source != 0 {
            let of_source = books.values().filter(|one| one.source == record.source).count();
            let most = limits.uploads_per_source_max;
            if of_source >= most || answered >= most.saturating_mul(ANSWERED_TIMES) {
                return Err(Error::TooMany { limit: "uploads_per_source_max" });
            }
        }
        let needed = record.length.unwrap_or(0);
        let taken = books.values().fold(0, |sum: u64, one| sum.saturating_add(one.bytes));
        if taken.saturating_add(needed) > limits.unfinished_bytes_max {
            return Err(Error::Full);
        }
        if let Some((group, most)) = record.share {
            let of_group = books.values().filter(|one| one.group == Some(group));
            let taken = of_group.fold(0, |sum: u64, one| sum.saturating_add(one.bytes));
            if taken.saturating_add(needed) > most {
                return Err(Error::Full);
            }
        }
        // Blocks reserved for others are not free any more; what of large ones is reserved later
        // may still fail, and then they wait.
        let wanted = needed.saturating_add(limits.keep_free_bytes);
        if needed > 0 && self.folder.bytes_free() < wanted {
            return Err(Error::Full);
        }
        Ok(())
    }

    /// The open uploads, and how many answered ones of `source` there are.
    fn books(&self, source: u64) -> Result<(HashMap<Id, Line>, usize), Error> {
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        let names = self.folder.names().map_err(Error::from_errno)?;
        let ids: HashSet<Id> = names.iter().filter_map(|name| id_of(name, RECORD)).collect();
        done.retain(|id, _| ids.contains(id));
        let mut books = HashMap::new();
        for id in ids {
            if done.contains_key(&id) {
                continue;
            }
            match self.line(id) {
                Line { answered: true, source, .. } => drop(done.insert(id, source)),
                line => drop(books.insert(id, line)),
            }
        }
        let answered = done.values().filter(|&&of| of == source).count();
        Ok((books, answered))
    }

    /// What an upload counts.
    fn line(&self, id: Id) -> Line {
        // One that cannot be read counts as one of nobody's.
        let unread = Line { owner: None, source: 0, group: None, bytes: 0, answered: false };
        let Ok(pair) = Pair::open(&self.folder, id) else { return unread };
        let slots = [0, 1].map(|number| pair.read_slot(number).ok().flatten());
        let newest = slots.into_iter().flatten().max_by_key(|slot| slot.number);
        let Some(record) = newest.map(|slot| slot.record) else { return unread };
        let there = pair.data.as_ref().map_or(0, |data| data.size().unwrap_or(0));
        let bytes = record.length.unwrap_or(0).max(there);
        let answered = matches!(record.stage, Stage::Answered(_));
        let group = record.share.map(|(group, _)| group);
        Line { owner: record.owner, source: record.source, group, bytes, answered }
    }
}

/// What one upload counts.
#[derive(Debug)]
struct Line {
    owner: Option<[u8; 32]>,
    source: u64,
    group: Option<u64>,
    /// All there will be, as far as that is known.
    bytes: u64,
    /// It will never change again.
    answered: bool,
}

/// The folder's lock, waited for as long as a creation may take.
pub(crate) fn lock(folder: &dyn Folder) -> Result<Arc<dyn File>, Error> {
    let begun = Instant::now();
    loop {
        match folder.lock().map_err(Error::from_errno)? {
            Some(lock) => return Ok(lock),
            None if begun.elapsed() > LOCK_WAIT => {
                return Err(Error::Unavailable { retry_after_s: 1 });
            }
            None => sleep(LOCK_PAUSE),
        }
    }
}

const LOCK_WAIT: Duration = Duration::from_secs(2);
const LOCK_PAUSE: Duration = Duration::from_millis(1);
