//! Signed certificate timestamps: is each one really by the log it names?

use alloc::string::String;
use alloc::vec::Vec;

use serde::Serialize;

/// A Certificate Transparency log, from the log list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CtLog {
    /// SHA-256 of its key: the log id.
    pub id: [u8; 32],
    /// Its SubjectPublicKeyInfo, DER.
    pub key_der: Vec<u8>,
    /// Who runs it.
    pub operator: String,
    /// What it is called.
    pub name: String,
    /// Its state.
    pub state: LogState,
}

/// State of a log in the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LogState {
    /// Accepts or counts today: qualified, usable or read-only.
    Usable,
    /// Was trusted until this moment (milliseconds since 1970).
    Retired {
        /// Timestamps before this one still count.
        at_ms: u64,
    },
    /// Not, or no longer, trusted.
    Rejected,
}

/// All timestamps of a certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Transparency {
    /// One verdict for each embedded timestamp, in order.
    pub verdicts: Vec<SctVerdict>,
    /// How many valid ones browsers ask for, by lifetime.
    pub needed: usize,
    /// How many are valid and count.
    pub valid: usize,
    /// From how many different operators.
    pub operators: usize,
    /// Enough; None when it cannot be told (no issuer, no log list).
    pub enough: Option<bool>,
}

/// One timestamp.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SctVerdict {
    /// The log id.
    pub log_id: String,
    /// The log's name; None when unknown.
    pub log: Option<String>,
    /// Its operator; None when unknown.
    pub operator: Option<String>,
    /// Milliseconds since 1970.
    pub timestamp_ms: u64,
    /// The outcome.
    pub outcome: SctOutcome,
}

/// Outcome of checking one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SctOutcome {
    /// The log's key made it, for this certificate.
    Valid,
    /// Not by that key, or not for this certificate.
    Invalid,
    /// The log is not in the list given.
    UnknownLog,
    /// The issuer's certificate is needed to check and is not there.
    NoIssuer,
    /// Valid, but the log does not count (rejected, or retired before).
    LogNotTrusted,
}
