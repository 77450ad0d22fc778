//! The steps of the ladder, each as something that is done and taken back.
//!
//! What outlives this process (`memory.high`, `oom_kill_disable`) is written into a small file
//! before it is set, so that the next watch takes it back if this one cannot.

pub(crate) mod brake;
pub(crate) mod hold;
pub(crate) mod journal;
