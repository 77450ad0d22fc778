//! Clients of doors that share a bucket, and a checker of what became of their uploads.
//!
//! How it can be fooled, and what stands against it: bytes that look alike (every block says whose
//! it is and where it belongs); a checker that never fires (faults are planted at the end, and each
//! has to be found); loads that were not there (takeovers, kills and refusals are counted, and too
//! few are a failure of the run); a file checked too early (those that stay are read again at the
//! end, and tag and time must not have changed, so a late second delivery shows).

pub mod bucket;
pub mod check;
pub mod content;
pub mod counts;
pub mod dialect;
pub mod fleet;
pub mod plant;
pub mod upload;
pub mod wire;
