//! `cert-eku-*`, `cert-ca-*`, `cert-revocation-*` …: extensions (RFC 5280 §4.2, BR §7.1.2.7).

use alloc::format;
use alloc::vec::Vec;

use menshen_base::{Finding, Severity};

use super::super::facts::{KeyKind, Presence, SelfSigned};
use super::super::oid;
use super::{Case, LEAF};

pub(super) fn find(case: &Case<'_>, out: &mut Vec<Finding>) {
    usage(case, out);
    role(case, out);
    pointers(case, out);
    oddities(case, out);
}

fn usage(case: &Case<'_>, out: &mut Vec<Finding>) {
    match &case.leaf.extended_key_usage {
        None if case.is_public() && !case.leaf.is_ca() => {
            let claim = "it has no extended key usage; public ones must say serverAuth";
            out.push(case.finding("cert-eku-absent", Severity::Warning, claim));
        }
        None => {}
        Some(usages) => {
            let has = |oid: &str| usages.iter().any(|usage| usage.oid == oid);
            let list: Vec<&str> =
                usages.iter().map(|usage| usage.name.unwrap_or(&usage.oid)).collect();
            let list = list.join(", ");
            if !has(oid::SERVER_AUTH) && !has(oid::ANY_USAGE) {
                let claim = "its extended key usage leaves out serverAuth: it is not for servers";
                out.push(
                    case.finding("cert-eku-not-server", Severity::Error, claim)
                        .evidence("extKeyUsage", LEAF, list.as_str())
                        .hint("Have it issued again for TLS servers."),
                );
            }
            if has(oid::CLIENT_AUTH) && case.is_public() {
                let claim = "it is for clients too (clientAuth); Chrome's root programme takes no \
                             such leaf issued after 2027-03-15";
                out.push(
                    case.finding("cert-eku-client", Severity::Note, claim)
                        .evidence("extKeyUsage", LEAF, list.as_str())
                        .hint("Use a private CA for client certificates."),
                );
            }
        }
    }
    let Some(usages) = &case.leaf.key_usage else {
        return;
    };
    if !usages.contains(&"digitalSignature") && !case.leaf.is_ca() {
        let rsa = case.leaf.public_key.kind == KeyKind::Rsa;
        let severity = if rsa { Severity::Warning } else { Severity::Error };
        let claim = "its key usage leaves out digitalSignature, which TLS 1.3 and ECDHE need";
        out.push(case.finding("cert-key-usage", severity, claim).evidence(
            "keyUsage",
            LEAF,
            usages.join(", "),
        ));
    }
}

fn role(case: &Case<'_>, out: &mut Vec<Finding>) {
    let leaf = case.leaf;
    if leaf.is_ca() {
        let claim = "it is the certificate of a CA, and clients refuse one as a server's";
        // Self-signed ones are mostly so by the defaults of their tool; that weighs more.
        let own = leaf.self_signed == SelfSigned::SelfSigned;
        let severity = if own { Severity::Note } else { Severity::Error };
        out.push(
            case.finding("cert-ca-as-leaf", severity, claim)
                .evidence("basicConstraints", LEAF, "CA")
                .hint("Issue a certificate for the server with this CA and serve that."),
        );
    }
    if leaf.version < 3 {
        let claim = format!("it is of X.509 version {}, without extensions", leaf.version);
        out.push(case.finding("cert-version-old", Severity::Error, claim));
    }
    if leaf.poisoned {
        let claim = "it is a precertificate: made for the logs, not for servers";
        out.push(
            case.finding("cert-precertificate", Severity::Error, claim)
                .evidence("extension", LEAF, oid::POISON)
                .hint("Install the final certificate the CA sent."),
        );
    }
    if leaf.name_constraints.is_some() && !leaf.is_ca() {
        let claim = "it has name constraints, which belong into CA certificates only";
        out.push(case.finding("cert-name-constraints", case.binding(), claim).evidence(
            "extension",
            LEAF,
            "nameConstraints",
        ));
    }
}

fn pointers(case: &Case<'_>, out: &mut Vec<Finding>) {
    let leaf = case.leaf;
    if leaf.is_ca() {
        return;
    }
    if case.is_public() && leaf.authority_info_presence == Presence::Absent {
        let claim = "it does not say where its issuer's certificate is (no AIA)";
        out.push(
            case.finding("cert-no-aia", Severity::Warning, claim)
                .hint("Public ones must; browsers cannot mend a missing intermediate without it."),
        );
    }
    let none = leaf.crl_urls.is_empty() && leaf.ocsp_urls.is_empty();
    if none && !case.lifetime.short_lived {
        let claim = "it points to no revocation list and no OCSP: it cannot be called back";
        out.push(case.finding("cert-no-revocation", case.binding(), claim).hint(
            "Only short-lived certificates may go without; a private CA that revokes nothing too.",
        ));
    }
    if leaf.must_staple {
        let (severity, claim) = if leaf.ocsp_urls.is_empty() {
            (Severity::Error, "it demands a stapled OCSP answer and names nobody who gives one")
        } else {
            (Severity::Note, "it demands a stapled OCSP answer (must-staple)")
        };
        out.push(
            case.finding("cert-must-staple", severity, claim)
                .evidence("extension", LEAF, oid::TLS_FEATURE)
                .hint("Without the staple Firefox refuses it; most CAs have given it up."),
        );
    }
}

fn oddities(case: &Case<'_>, out: &mut Vec<Finding>) {
    for id in &case.leaf.unknown_critical {
        let claim = format!("the critical extension {id} is unknown, so clients must refuse it");
        out.push(case.finding("cert-critical-unknown", Severity::Error, claim).evidence(
            "extension",
            LEAF,
            id.as_str(),
        ));
    }
    for id in &case.leaf.unreadable_extensions {
        let claim = format!("the extension {id} is malformed or there twice");
        out.push(case.finding("cert-extension-unreadable", Severity::Warning, claim).evidence(
            "extension",
            LEAF,
            id.as_str(),
        ));
    }
}
