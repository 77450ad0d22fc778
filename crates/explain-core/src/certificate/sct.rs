//! Signed certificate timestamps: is each one really by the log it names?
//!
//! A log signs the certificate as it was before the timestamps were put in (RFC 6962 §3.2): the
//! list is taken out of the TBSCertificate again, and the hash of the issuer's key put beside it.
//! Everything else must be octet for octet the same. Certificates issued by way of a special
//! precertificate-signing CA (RFC 6962 §3.1) have another issuer in the signed form and come out as
//! invalid; no public CA is known to do that today.

use alloc::string::String;
use alloc::vec::Vec;

use aws_lc_rs::digest;
use serde::Serialize;

use super::facts::{Certificate, Timestamp};
use super::{der, oid, signature, time};

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

/// Checks every timestamp of `leaf`. `issuer_spki` is the key of its issuer; None when not known.
/// `lifetime_seconds` decides how many are needed.
pub(super) fn transparency(
    leaf: &Certificate,
    issuer_spki: Option<&[u8]>,
    logs: &[CtLog],
    lifetime_seconds: i64,
) -> Transparency {
    let entry = issuer_spki.and_then(|spki| entry(&leaf.der, spki));
    let considered = leaf.timestamps.iter().take(TIMESTAMPS_MAX);
    let verdicts: Vec<SctVerdict> =
        considered.map(|timestamp| verdict(timestamp, entry.as_deref(), logs)).collect();
    let mut ids: Vec<&str> = Vec::new();
    let mut operators: Vec<&str> = Vec::new();
    for good in verdicts.iter().filter(|verdict| verdict.outcome == SctOutcome::Valid) {
        if !ids.contains(&good.log_id.as_str()) {
            ids.push(&good.log_id);
        }
        let operator = good.operator.as_deref().unwrap_or_default();
        if !operators.contains(&operator) {
            operators.push(operator);
        }
    }
    let needed = if lifetime_seconds <= 180 * time::DAY { 2 } else { 3 };
    let (valid, operators) = (ids.len(), operators.len());
    // A list leaves out logs retired since, whose older timestamps still count: where those of
    // unknown logs could make it enough, it cannot be told.
    let of = |outcome| verdicts.iter().filter(|one| one.outcome == outcome).count();
    let strangers = of(SctOutcome::UnknownLog);
    let unknown = logs.is_empty()
        || of(SctOutcome::NoIssuer) > 0
        || (strangers > 0 && valid + strangers >= needed);
    let enough = valid >= needed && operators >= OPERATORS_MIN;
    let enough = (enough || !unknown || verdicts.is_empty()).then_some(enough);
    Transparency { verdicts, needed, valid, operators, enough }
}

fn verdict(timestamp: &Timestamp, entry: Option<&[u8]>, logs: &[CtLog]) -> SctVerdict {
    let log = logs.iter().find(|log| oid::hex(&log.id) == timestamp.log_id);
    let outcome = match (log, entry) {
        (None, _) => SctOutcome::UnknownLog,
        (Some(_), None) => SctOutcome::NoIssuer,
        (Some(log), Some(entry)) => checked(timestamp, log, entry),
    };
    SctVerdict {
        log_id: timestamp.log_id.clone(),
        log: log.map(|log| log.name.clone()),
        operator: log.map(|log| log.operator.clone()),
        timestamp_ms: timestamp.timestamp_ms,
        outcome,
    }
}

fn checked(timestamp: &Timestamp, log: &CtLog, entry: &[u8]) -> SctOutcome {
    let mut message = Vec::with_capacity(entry.len() + 16);
    // Version, and signature type certificate_timestamp.
    message.extend([timestamp.version, 0]);
    message.extend(timestamp.timestamp_ms.to_be_bytes());
    message.extend_from_slice(entry);
    let Ok(length) = u16::try_from(timestamp.extensions.len()) else {
        return SctOutcome::Invalid;
    };
    message.extend(length.to_be_bytes());
    message.extend_from_slice(&timestamp.extensions);
    let (hash, kind) = (timestamp.hash_algorithm, timestamp.signature_algorithm);
    let made = &timestamp.signature;
    if timestamp.version != 0 || !signature::tls_signed(&log.key_der, hash, kind, &message, made) {
        return SctOutcome::Invalid;
    }
    match log.state {
        LogState::Usable => SctOutcome::Valid,
        LogState::Retired { at_ms } if timestamp.timestamp_ms < at_ms => SctOutcome::Valid,
        LogState::Retired { .. } | LogState::Rejected => SctOutcome::LogNotTrusted,
    }
}

/// Entry type, issuer key hash and TBSCertificate without the list, as they are signed.
fn entry(der: &[u8], issuer_spki: &[u8]) -> Option<Vec<u8>> {
    let tbs = without_list(der)?;
    let mut entry = Vec::with_capacity(tbs.len() + 40);
    entry.extend([0, 1]);
    entry.extend_from_slice(digest::digest(&digest::SHA256, issuer_spki).as_ref());
    let length = u32::try_from(tbs.len()).ok()?.to_be_bytes();
    let [0, length @ ..] = length else {
        return None;
    };
    entry.extend(length);
    entry.extend(tbs);
    Some(entry)
}

/// The TBSCertificate without the extension that holds the list.
fn without_list(der: &[u8]) -> Option<Vec<u8>> {
    let certificate = der::only(der, der::SEQUENCE)?;
    let (tbs, _) = der::element(certificate)?;
    let mut fields = Vec::with_capacity(tbs.content.len());
    for field in der::elements(tbs.content) {
        if field.tag != EXTENSIONS {
            fields.extend_from_slice(field.whole);
            continue;
        }
        let list = der::only(field.content, der::SEQUENCE)?;
        let mut kept = Vec::with_capacity(list.len());
        for extension in der::elements(list) {
            let (id, _) = der::element(extension.content)?;
            if oid::dotted(id.content) != oid::SCT_LIST {
                kept.extend_from_slice(extension.whole);
            }
        }
        if !kept.is_empty() {
            fields.extend(der::wrap(EXTENSIONS, &der::wrap(der::SEQUENCE, &kept)));
        }
    }
    Some(der::wrap(der::SEQUENCE, &fields))
}

/// `[3] EXPLICIT` in a TBSCertificate.
const EXTENSIONS: u8 = 0xa3;
/// Operators that the valid timestamps must come from (Chrome and Firefox CT policies).
const OPERATORS_MIN: usize = 2;
/// Timestamps looked at in one certificate.
const TIMESTAMPS_MAX: usize = 32;

#[cfg(test)]
mod tests;
