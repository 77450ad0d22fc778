//! `cert-sct-*`: certificate transparency (RFC 6962; CT policies of Chrome, Firefox and Apple).

use alloc::format;
use alloc::vec::Vec;

use menshen_base::{Finding, Severity};

use super::super::sct::SctOutcome;
use super::{Case, LEAF, count};

pub(super) fn find(case: &Case<'_>, out: &mut Vec<Finding>) {
    let found = case.transparency;
    for bad in found.verdicts.iter().filter(|one| one.outcome == SctOutcome::Invalid) {
        let log = bad.log.as_deref().unwrap_or("unknown");
        let claim = format!("the timestamp of the log {log} is not by that log's key");
        out.push(
            case.finding("cert-sct-invalid", Severity::Warning, claim)
                .evidence("log id", LEAF, bad.log_id.as_str())
                .hint("It is forged, or made for another certificate."),
        );
    }
    if case.leaf.timestamps_unreadable {
        let claim = "the list of timestamps is malformed";
        out.push(case.finding("cert-sct-unreadable", Severity::Warning, claim));
    }
    if case.publicly_trusted != Some(true) || case.leaf.timestamps_unreadable {
        return;
    }
    if found.verdicts.is_empty() {
        let claim = "it has no embedded timestamps; browsers refuse it unless the server sends \
                     them in the handshake";
        out.push(
            case.finding("cert-sct-none", Severity::Warning, claim)
                .hint("Have it issued again by way of the logs, as all public CAs do."),
        );
    } else if case.logs_known && found.enough == Some(false) {
        let claim = format!(
            "it has {} that count, from {}; a certificate of {} days needs {} from at least 2",
            count(found.valid, "timestamp"),
            count(found.operators, "operator"),
            case.lifetime.days,
            found.needed,
        );
        out.push(case.finding("cert-sct-too-few", Severity::Warning, claim).hint(
            "Browsers refuse it; if the log list here is old, newer logs are unknown to it.",
        ));
    }
}
