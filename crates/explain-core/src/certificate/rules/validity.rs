//! `cert-expired`, `cert-lifetime-*`, `cert-renew-*`: time.

use alloc::format;
use alloc::vec::Vec;

use menshen_base::{Finding, Severity};

use super::super::time::{self, date, date_time};
use super::{Case, LEAF};

pub(super) fn find(case: &Case<'_>, out: &mut Vec<Finding>) {
    let (leaf, life) = (case.leaf, case.lifetime);
    if leaf.not_after < leaf.not_before {
        out.push(
            case.finding("cert-time-reversed", Severity::Error, "it ends before it begins")
                .evidence("notBefore", LEAF, date_time(leaf.not_before))
                .evidence("notAfter", LEAF, date_time(leaf.not_after)),
        );
    } else if life.not_yet_seconds > 0 {
        let claim = format!("it is valid only from {}", date_time(leaf.not_before));
        out.push(
            case.finding("cert-not-yet-valid", Severity::Error, claim)
                .evidence("notBefore", LEAF, date_time(leaf.not_before))
                .evidence("now", "the clock", date_time(case.now))
                .hint("Compare the clock of this host first; a fresh certificate often shows it."),
        );
    } else if life.left_seconds <= 0 {
        let ago = -life.left_seconds / time::DAY;
        let claim = format!("it ended {ago} days ago, on {}", date(leaf.not_after));
        out.push(
            case.finding("cert-expired", Severity::Error, claim)
                .evidence("notAfter", LEAF, date_time(leaf.not_after))
                .evidence("now", "the clock", date_time(case.now))
                .hint(
                    "Renew it; if it was renewed, the server still serves the old one: reload it \
                     and compare the fingerprints.",
                ),
        );
    } else {
        renewal(case, out);
    }
    too_long(case, out);
    if case.is_public() && !life.at.issuable && !life.too_long {
        let claim = format!(
            "it could not be issued on {} because {}",
            date(life.at.at),
            life.at.because.join("; ")
        );
        out.push(case.finding("cert-not-issuable-today", Severity::Note, claim).hint(
            "It stays valid under the rules of its own day; the next one will be different.",
        ));
    }
}

fn renewal(case: &Case<'_>, out: &mut Vec<Finding>) {
    let life = case.lifetime;
    if !life.renew_due {
        return;
    }
    let (code, severity) = if life.left_seconds < life.seconds / 6 {
        ("cert-expires-soon", Severity::Warning)
    } else {
        ("cert-renew-due", Severity::Note)
    };
    let hours = life.left_seconds / 3600;
    let left = if hours < 48 { format!("{hours} hours") } else { format!("{} days", hours / 24) };
    let claim =
        format!("{left} are left; two thirds of its life were over on {}", date(life.renew_at));
    out.push(
        case.finding(code, severity, claim)
            .evidence("notAfter", LEAF, date_time(case.leaf.not_after))
            .hint("Renew at two thirds of the life, or when the CA says so (ARI)."),
    );
}

fn too_long(case: &Case<'_>, out: &mut Vec<Finding>) {
    let (leaf, life) = (case.leaf, case.lifetime);
    if let Some(limit) = life.limit.as_ref().filter(|_| life.too_long) {
        let claim = format!(
            "it lives {} days; the limit for certificates issued since {} is {}",
            life.days,
            date(limit.since),
            limit.text
        );
        // Chromium and Safari refuse more than 398 days below a public root, and nothing below
        // another one. That they enforce the shorter limits since 2026 is not verified.
        let severity = match case.is_public() {
            true if life.seconds > 398 * time::DAY => Severity::Error,
            true => Severity::Warning,
            false => Severity::Note,
        };
        out.push(
            case.finding("cert-lifetime-too-long", severity, claim)
                .evidence("notBefore", LEAF, date_time(leaf.not_before))
                .evidence("notAfter", LEAF, date_time(leaf.not_after))
                .evidence("limit", limit.source, limit.text)
                .hint("The last second counts: one second over is another day."),
        );
    }
    if !case.is_public() && leaf.not_before >= APPLE_SINCE && life.seconds > 825 * time::DAY + 1 {
        let claim = format!(
            "it lives {} days, and Apple's systems refuse more than 825 from any CA",
            life.days
        );
        out.push(
            case.finding("cert-lifetime-apple", Severity::Warning, claim)
                .evidence("limit", "support.apple.com/103769", "825 days since 2019-07-01")
                .hint("Give certificates of a private CA at most 825 days."),
        );
    }
}

/// Apple's requirements hold for certificates issued since then.
const APPLE_SINCE: i64 = time::midnight(2019, 7, 1);
