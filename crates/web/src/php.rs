//! PHP pools.

pub(crate) mod admission;
pub(crate) mod pulse;
