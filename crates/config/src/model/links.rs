//! `[links]` as the rest of menshen sees it.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Signed links of the file service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedLinks {
    /// Whether links are made and taken.
    pub enabled: bool,
    /// File of their keys; relative to the state folder.
    pub keys: PathBuf,
    /// What links begin with, without a slash at the end; `None`: the door's own address.
    pub base: Option<String>,
    /// Longest time that a link is made for, seconds.
    pub expires_seconds_max: u64,
    /// Counted links whose uses are remembered at once.
    pub counted_max: u32,
}

impl Default for SignedLinks {
    fn default() -> Self {
        Self {
            enabled: true,
            keys: PathBuf::from("link-keys"),
            base: None,
            expires_seconds_max: 366 * 24 * 3600,
            counted_max: 10_000,
        }
    }
}
