//! Writes whose outcome nobody awaits any more: their slots stay pending until the server says that
//! they are over.

use menshen_sql_core::versions::Slot;

/// What must be over before slots are let go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Until {
    /// The server's thread of that id (the greeting's connection id) is gone.
    ThreadGone(u64),
    /// No rows of INSERT DELAYED are waiting.
    DelayedFlushed,
}

/// The handle sessions have.
#[derive(Clone, Debug)]
pub struct Orphans {
    _asks: (),
}

impl Orphans {
    /// Takes over slots that `Versions::begin` was called for. `end(Happened)` is called for them
    /// once `until` is fulfilled, however long that takes.
    pub fn adopt(&self, _slots: Vec<Slot>, _until: Until) {
        unimplemented!()
    }
}
