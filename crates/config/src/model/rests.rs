//! `[[web.quota]]` and `[[web.expire]]` as the rest of menshen sees them.

use serde::{Deserialize, Serialize};

/// How much may rest in a folder of the file service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quota {
    /// Absolute, ends in `/`.
    pub path: String,
    /// Bytes of all files below it, those on their way included; at least 1.
    pub bytes_max: u64,
    /// How many files, likewise; 0: no limit.
    pub files_max: u64,
    /// Minutes between two counts of what is really there.
    pub rescan_minutes: u32,
}

/// How long files rest in a folder of the file service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expire {
    /// Absolute, ends in `/`.
    pub path: String,
    /// Seconds since a file was last written, or got its name there.
    pub age_seconds_max: u32,
}

impl Default for Quota {
    fn default() -> Self {
        Self { path: String::new(), bytes_max: 0, files_max: 0, rescan_minutes: 60 }
    }
}
