//! What the memory watch is given on its standard input.
//!
//! Descriptors are numbers of already inherited files; the recorder it opens itself, by the path of
//! the configuration.

use serde::{Deserialize, Serialize};

use crate::model::Guard;

/// Everything the watch needs; one JSON text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatchSpec {
    /// The section `[guard]`, checked, all paths absolute.
    pub guard: Guard,
    /// The posture, read-write: a page of `menshen_sys::posture`; none when no guard is there to
    /// show it to workers.
    pub posture_fd: Option<i32>,
    /// The scoreboard, where workers count what they gave back; none without a guard.
    #[serde(default)]
    pub scoreboard_fd: Option<i32>,
}
