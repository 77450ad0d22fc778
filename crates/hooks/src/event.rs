//! What is told: one JSON object, the same whoever hears it and however often.
//!
//! Names and meanings only ever gain fields. The id tells a repeated delivery from a new event, so
//! it is made once, or follows from the upload's id where the same thing may be found out twice
//! (by a client that comes again after a crash).

use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::{digest, rand};
use serde::{Deserialize, Serialize};

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// An upload that can be resumed was created.
    Created,
    /// A file has its name, or an application has answered to an upload.
    Finished,
    /// A file was removed, or an upload given up by its client.
    Deleted,
}

/// One event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Event {
    /// 32 hex digits.
    pub id: String,
    /// What happened.
    pub event: Kind,
    /// When: Unix time, milliseconds.
    pub time: u64,
    /// The file's path on the file service, or the target of the request to the application.
    pub path: String,
    /// Bytes, where they are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// In hex, where it was made anyway.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Id of the upload, of one that can be resumed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upload: Option<String>,
    /// Whose the upload is, in a word: `token`, `anyone` or `browser-…`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Host of the site; none: the file service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub site: Option<String>,
}

impl Kind {
    /// As it is written in the configuration and on the wire.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Finished => "finished",
            Self::Deleted => "deleted",
        }
    }
}

impl Event {
    /// Of `path`, now.
    #[must_use]
    pub fn new(event: Kind, path: &[u8]) -> Self {
        Self {
            id: random_hex(),
            event,
            time: unix_ms(),
            path: String::from_utf8_lossy(path).into_owned(),
            size: None,
            sha256: None,
            upload: None,
            owner: None,
            site: None,
        }
    }

    /// Of the upload `id` made at `created`: found out twice, it is the same event.
    #[must_use]
    pub fn of_upload(mut self, id: &str, created: u64) -> Self {
        let made = digest::digest(
            &digest::SHA256,
            format!("menshen event\0{}\0{id}\0{created}", self.event.word()).as_bytes(),
        );
        self.id = hex(made.as_ref().get(..ID_BYTES).unwrap_or_default());
        self.upload = Some(id.to_owned());
        self
    }

    pub(crate) fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// 32 hex digits nobody has had before.
pub(crate) fn random_hex() -> String {
    let mut bytes = [0; ID_BYTES];
    if rand::fill(&mut bytes).is_err() {
        // Unique at least: it is no secret.
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        bytes = (now.as_nanos() ^ (u128::from(std::process::id()) << 96)).to_be_bytes();
    }
    hex(&bytes)
}

/// In lower case.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Unix time, milliseconds.
pub(crate) fn unix_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}

const ID_BYTES: usize = 16;

#[cfg(test)]
mod tests;
