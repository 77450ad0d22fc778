//! `menshen explain oom`: an out-of-memory night, told.

pub mod picture;
