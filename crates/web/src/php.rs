//! PHP pools.

pub(crate) mod admission;
