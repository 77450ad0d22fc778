//! `[uploads]` as the rest of menshen sees it.

use serde::{Deserialize, Serialize};

use super::Hook;

/// Uploads that go on after a cut.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Uploads {
    /// Whether uploads can be resumed at all.
    pub enabled: bool,
    /// Hours an unfinished upload is kept after it was last written to.
    pub unfinished_hours: u32,
    /// Hours the answer to a finished upload is kept for a client that lost it.
    pub answered_hours: u32,
    /// Bytes all unfinished uploads of one store may hold; 0: no limit.
    pub unfinished_bytes_max: u64,
    /// Unfinished uploads of one owner.
    pub uploads_per_owner_max: u32,
    /// Bytes of one appending request; 0: no limit.
    pub append_bytes_max: u64,
    /// Who is told of them, and of files that came and went.
    pub hooks: Vec<Hook>,
}

impl Default for Uploads {
    fn default() -> Self {
        Self {
            enabled: true,
            unfinished_hours: 24,
            answered_hours: 24,
            unfinished_bytes_max: 0,
            uploads_per_owner_max: 1000,
            append_bytes_max: 0,
            hooks: Vec::new(),
        }
    }
}
