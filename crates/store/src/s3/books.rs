//! Whether there is room for one more upload in a bucket that many nodes share.
//!
//! The states are the books, as in a folder; but to read them all for each creation would cost a
//! request for each. So a worker lists the names of uploads at most every five seconds (and for at
//! most a twentieth of its time), and reads each state once, since owner, source and length of an
//! upload hardly change. What a worker makes itself counts at once; what others make counts when it
//! is listed. So the limits can be passed by what all other workers make within that time. Before
//! anything is refused, what counts against it is read anew: it may be answered by now.
//!
//! How it fails: a bucket that cannot be listed refuses creations. Beyond [`PAGES_MAX`] pages of
//! names nothing is counted any more, which is above any number of open uploads that is allowed,
//! but for answers that are kept.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::{FOLDER, Inner};
use crate::{ANSWERED_TIMES, Error, Id, Limits, Record, Stage};

/// What a worker knows of the uploads in the bucket.
#[derive(Debug, Default)]
pub(crate) struct Books {
    lines: Mutex<HashMap<Id, Line>>,
    turn: tokio::sync::Mutex<Turn>,
}

/// When it was looked.
#[derive(Debug, Default)]
struct Turn {
    listed: Option<(Instant, Duration)>,
    read_anew: Option<Instant>,
    /// Uploads that were listed and not read yet.
    unread: usize,
}

/// What one upload counts.
#[derive(Debug)]
struct Line {
    owner: Option<[u8; 32]>,
    source: u64,
    /// All there will be, as far as that is known.
    bytes: u64,
    is_answered: bool,
    seen: Instant,
}

impl Books {
    /// An upload is gone.
    pub(crate) fn strike(&self, id: &Id) {
        self.lines().remove(id);
    }

    /// An upload is answered.
    pub(crate) fn close(&self, id: &Id) {
        if let Some(line) = self.lines().get_mut(id) {
            line.is_answered = true;
        }
    }

    fn lines(&self) -> MutexGuard<'_, HashMap<Id, Line>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enters an upload that is about to be made, if it may be.
    fn enter(&self, record: &Record, limits: &Limits, unread: usize) -> Result<(), Error> {
        let mut lines = self.lines();
        let open = || lines.values().filter(|line| !line.is_answered);
        if open().count() + unread >= limits.uploads_max {
            return Err(Error::TooMany { limit: "uploads_max" });
        }
        let of_owner = || open().filter(|line| line.owner == record.owner).count();
        if record.owner.is_some() && of_owner() >= limits.uploads_per_owner_max {
            return Err(Error::TooMany { limit: "uploads_per_owner_max" });
        }
        if record.source != 0 {
            let of_source = || lines.values().filter(|line| line.source == record.source);
            let answered = of_source().filter(|line| line.is_answered).count();
            let most = limits.uploads_per_source_max;
            let many = answered >= most.saturating_mul(ANSWERED_TIMES);
            if of_source().count() - answered >= most || many {
                return Err(Error::TooMany { limit: "uploads_per_source_max" });
            }
        }
        let taken = open().fold(0, |sum: u64, line| sum.saturating_add(line.bytes));
        if taken.saturating_add(record.length.unwrap_or(0)) > limits.unfinished_bytes_max {
            return Err(Error::Full);
        }
        lines.insert(record.id, Line::of(record));
        Ok(())
    }
}

impl Line {
    fn of(record: &Record) -> Self {
        Self {
            owner: record.owner,
            source: record.source,
            bytes: record.length.unwrap_or(0).max(record.offset),
            is_answered: matches!(record.stage, Stage::Answered(_)),
            seen: Instant::now(),
        }
    }
}

impl Inner {
    /// Whether the limits let this upload be made; it counts from now on.
    pub(super) async fn admit(&self, record: &Record) -> Result<(), Error> {
        let unread = self.look_through(LISTED_FOR).await?;
        match self.books.enter(record, &self.options.limits, unread) {
            Err(error) => {
                if self.read_anew().await? {
                    return self.books.enter(record, &self.options.limits, unread);
                }
                Err(error)
            }
            Ok(()) => Ok(()),
        }
    }

    /// The open uploads of an owner.
    pub(super) async fn of_owner(&self, owner: &[u8; 32]) -> Result<Vec<Id>, Error> {
        self.look_through(Duration::ZERO).await?;
        let lines = self.books.lines();
        let own = lines
            .iter()
            .filter(|(_, line)| line.owner.as_ref() == Some(owner) && !line.is_answered);
        Ok(own.map(|(id, _)| *id).collect())
    }

    /// Lists the uploads, unless that was done within `fresh`; how many could not be read yet.
    async fn look_through(&self, fresh: Duration) -> Result<usize, Error> {
        let mut turn = self.books.turn.lock().await;
        if let Some((at, took)) = turn.listed
            && at.elapsed() < fresh.max(took * LISTED_SHARE)
        {
            return Ok(turn.unread);
        }
        let begun = Instant::now();
        let (ids, is_all) = self.names().await?;
        let unknown: Vec<Id> = {
            let mut lines = self.books.lines();
            if is_all {
                // What is being made just now is not there yet.
                lines.retain(|id, line| ids.contains(id) || line.seen.elapsed() < MAKING);
            }
            ids.into_iter().filter(|id| !lines.contains_key(id)).collect()
        };
        turn.unread = unknown.len().saturating_sub(READS_MAX);
        self.enter_read(unknown.into_iter().take(READS_MAX)).await?;
        turn.listed = Some((Instant::now(), begun.elapsed()));
        Ok(turn.unread)
    }

    /// Reads the open uploads anew that were read longest ago; false when that was just done.
    async fn read_anew(&self) -> Result<bool, Error> {
        let mut turn = self.books.turn.lock().await;
        if turn.read_anew.is_some_and(|at| at.elapsed() < LISTED_FOR) {
            return Ok(false);
        }
        let mut old: Vec<(Instant, Id)> = {
            let lines = self.books.lines();
            let open = lines.iter().filter(|(_, line)| !line.is_answered);
            let old = open.filter(|(_, line)| line.seen.elapsed() >= LISTED_FOR);
            old.map(|(id, line)| (line.seen, *id)).collect()
        };
        old.sort_unstable();
        self.enter_read(old.into_iter().map(|(_, id)| id).take(READS_MAX)).await?;
        turn.read_anew = Some(Instant::now());
        Ok(true)
    }

    /// Enters what the states of these say.
    async fn enter_read(&self, ids: impl Iterator<Item = Id>) -> Result<(), Error> {
        let mut reading = JoinSet::new();
        let mut ids = ids;
        loop {
            while reading.len() < READS_AT_ONCE
                && let Some(id) = ids.next()
            {
                let ledger = self.ledger.clone();
                reading.spawn(async move { (id, ledger.read(&id).await) });
            }
            match reading.join_next().await {
                None => return Ok(()),
                Some(Err(_)) => return Err(Error::Storage),
                Some(Ok((id, Ok(state)))) => {
                    self.books.lines().insert(id, Line::of(&state.seen()));
                }
                Some(Ok((id, Err(Error::Gone)))) => self.books.strike(&id),
                // One that cannot be read counts as one of nobody's.
                Some(Ok((id, Err(Error::Storage)))) => {
                    let nobody = Record::new(id, 0, 0);
                    self.books.lines().insert(id, Line::of(&nobody));
                }
                Some(Ok((_, Err(error)))) => return Err(error),
            }
        }
    }

    /// The ids of uploads, and whether these are all.
    async fn names(&self) -> Result<(HashSet<Id>, bool), Error> {
        let (mut ids, mut after) = (HashSet::new(), None);
        for _ in 0..PAGES_MAX {
            let (found, next) = self.names_behind(after.as_deref()).await?;
            ids.extend(found);
            after = next;
            if after.is_none() {
                return Ok((ids, true));
            }
        }
        Ok((ids, false))
    }

    /// A page of the ids of uploads, and where the next one begins.
    pub(super) async fn names_behind(
        &self,
        after: Option<&str>,
    ) -> Result<(Vec<Id>, Option<String>), Error> {
        let beginning = format!("{FOLDER}/");
        let page = self.ledger.client().list(&beginning, Some('/'), after).await;
        let page = page.map_err(|error| self.ledger.sorted(&error))?;
        let name = |folder: &String| {
            let name = folder.strip_prefix(&beginning)?.strip_suffix('/')?;
            Id::parse(name).ok()
        };
        Ok((page.folders.iter().filter_map(name).collect(), page.next))
    }
}

/// How long a list is believed.
const LISTED_FOR: Duration = Duration::from_secs(5);
/// A list is believed for as many times as long as it took, at least.
const LISTED_SHARE: u32 = 20;
/// How long after it was entered an upload need not be listed.
const MAKING: Duration = Duration::from_secs(60);
/// Pages of 500 names.
const PAGES_MAX: usize = 40;
/// States read in one look.
const READS_MAX: usize = 256;
const READS_AT_ONCE: usize = 16;

#[cfg(test)]
mod tests;
