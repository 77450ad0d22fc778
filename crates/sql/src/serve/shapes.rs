//! What was found out about SELECTs of one shape, so that the next one is not read and judged
//! again: the tables it depends on, by their version words.
//!
//! Only of reads that are cached; what they write (nothing) and do to the session is always the
//! same. Known things are of one catalog: with another everything is forgotten. Each thread has its
//! own, so nobody waits. How it fails: with more shapes than there is room for all are forgotten,
//! which costs the time of reading them again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use menshen_sql_core::judge::Facts;
use menshen_sql_core::lexer::Mode;
use menshen_sql_core::statement::shape;
use menshen_sql_core::store::Figures;
use menshen_sql_core::versions::SlotSet;

/// Of all threads.
#[derive(Debug)]
pub(super) struct Shapes {
    threads: Box<[Mutex<Shelf>]>,
}

/// What one thread knows.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    /// The catalog's.
    generation: u64,
    reads: HashMap<Box<[u8]>, KnownRead>,
    /// Of the statement at hand; empty: it has none.
    key: Vec<u8>,
}

/// A read that is cached.
#[derive(Debug, Clone)]
pub(super) struct KnownRead {
    /// What it depends on.
    pub(super) slots: SlotSet,
    /// All its tables are of engines without transactions.
    pub(super) timeless: bool,
    /// Its statement's.
    pub(super) figures: Arc<Figures>,
}

impl Shapes {
    pub(super) fn new(threads: usize) -> Self {
        Self { threads: (0..threads.max(1)).map(|_| Mutex::default()).collect() }
    }

    /// A thread's own shelf.
    pub(super) fn of(&self, thread: usize) -> MutexGuard<'_, Shelf> {
        let shelf = &self.threads[thread % self.threads.len()];
        shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shelf {
    /// What is known of a statement, as long as the catalog of `generation` holds.
    pub(super) fn find(
        &mut self,
        text: &[u8],
        mode: Mode,
        facts: &Facts<'_>,
        generation: u64,
    ) -> Option<&mut KnownRead> {
        if self.generation != generation {
            self.generation = generation;
            self.reads.clear();
        }
        self.set_key(text, mode, facts).then_some(())?;
        self.reads.get_mut(&*self.key)
    }

    /// Keeps what was found out with the catalog of `generation`.
    pub(super) fn keep(
        &mut self,
        text: &[u8],
        mode: Mode,
        facts: &Facts<'_>,
        generation: u64,
        read: KnownRead,
    ) {
        if self.generation != generation || !self.set_key(text, mode, facts) {
            return;
        }
        if self.reads.len() >= SHAPES_MAX {
            self.reads.clear();
        }
        self.reads.insert(self.key.as_slice().into(), read);
    }

    /// Everything the judgement depends on, and nothing else.
    fn set_key(&mut self, text: &[u8], mode: Mode, facts: &Facts<'_>) -> bool {
        self.key.clear();
        if !facts.temporary.is_empty() {
            return false;
        }
        let database = facts.database.unwrap_or_default();
        self.key.extend_from_slice(&[facts.cache_type as u8, u8::from(facts.auto_is_null)]);
        self.key.extend_from_slice(&database.len().to_le_bytes());
        self.key.extend_from_slice(database);
        shape(text, mode, &mut self.key)
    }
}

/// Shapes a thread remembers: a few megabytes at the worst, none has more than some kilobytes.
const SHAPES_MAX: usize = 1024;

#[cfg(test)]
mod tests;
