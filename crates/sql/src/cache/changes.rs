//! Who invalidated a table last, for people who ask why a statement was not served.
//!
//! A fixed number of places; a slot that falls on another's place takes it.

use std::sync::{Arc, Mutex, PoisonError};

use menshen_sql_core::versions::Slot;

/// A change of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalidation {
    /// The table, `database.table`.
    pub table: String,
    /// What changed it: the statement's digest, or a GTID, or what else is known.
    pub by: String,
    /// Who: account and connection, or `binlog`.
    pub who: String,
    /// When, milliseconds since 1970.
    pub unix_ms: u64,
}

#[derive(Debug)]
pub(super) struct Changes {
    places: Mutex<Vec<Option<Noted>>>,
}

type Noted = (Slot, Arc<Invalidation>);

impl Changes {
    pub(super) fn new() -> Self {
        Self { places: Mutex::new(vec![None; PLACES]) }
    }

    pub(super) fn note(&self, slot: Slot, change: Arc<Invalidation>) {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let old = places[usize::from(slot.number()) % PLACES].replace((slot, change));
        drop(places);
        drop(old);
    }

    pub(super) fn last(&self, slot: Slot) -> Option<Arc<Invalidation>> {
        let places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let (of, change) = places[usize::from(slot.number()) % PLACES].as_ref()?;
        (*of == slot).then(|| Arc::clone(change))
    }
}

const PLACES: usize = 4096;
