//! The catalog that all threads share, and who reads it from the server.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use menshen_sql_core::catalog::{Catalog, Scope};

/// The catalog of the moment. Read on a miss, never on a hit.
#[derive(Debug, Default)]
pub struct CatalogCell {
    catalog: RwLock<Arc<Catalog>>,
    generation: AtomicU64,
}

impl CatalogCell {
    /// The catalog of the moment.
    pub fn load(&self) -> Arc<Catalog> {
        Arc::clone(&self.catalog.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether `catalog` is still the one of the moment. What was derived from it (tables of a
    /// statement, slots) must be derived anew if not: take the stamp first, then ask this.
    pub fn is_current(&self, catalog: &Catalog) -> bool {
        self.generation.load(Ordering::SeqCst) == catalog.generation()
    }
}

/// Reads the schema again when asked to.
#[derive(Clone, Debug)]
pub struct CatalogKeeper {
    _asks: (),
}

/// What became of a request to read names again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refreshed {
    /// The catalog of the moment knows them as they are now.
    Done,
    /// They could not be read in time: the catalog calls them unknown, until they have been.
    Unknown,
}

impl CatalogKeeper {
    /// Reads these again after DDL. Never waits longer than about a second.
    pub async fn refresh(&self, _scopes: Vec<Scope>) -> Refreshed {
        unimplemented!()
    }
}
