//! The control account's connections: the schema is read, the binary log followed and writes of
//! unknown outcome watched with them. One thread of their own, so sessions never wait for them.

use std::sync::Arc;

use menshen_sql_core::versions::Versions;

use crate::catalog::{CatalogCell, CatalogKeeper};
use crate::follow::Follower;
use crate::orphans::Orphans;

/// What sessions have of all this.
#[derive(Clone, Debug)]
pub struct Foreign {
    /// The schema.
    pub catalog: Arc<CatalogCell>,
    /// Who reads it again.
    pub keeper: CatalogKeeper,
    /// Who follows the binary log.
    pub follower: Follower,
    /// Who waits for writes of unknown outcome.
    pub orphans: Orphans,
}

/// Starts the thread. Without a control account the gate stays closed.
pub fn start(_versions: Versions) -> std::io::Result<Foreign> {
    unimplemented!()
}
