//! `cert-chain-*`, `cert-self-signed`, `cert-untrusted`: what the server sent beside the leaf.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use menshen_base::{Finding, Severity};

use super::super::chain::{ChainEnd, Fault, MissingIssuer};
use super::super::facts::SelfSigned;
use super::super::name::Name;
use super::super::time::date;
use super::Case;

pub(super) fn find(case: &Case<'_>, out: &mut Vec<Finding>) {
    if let Some(missing) = &case.chain.missing {
        out.push(incomplete(case, missing));
    }
    end(case, out);
    for fault in &case.chain.faults {
        out.push(of_fault(case, fault));
    }
}

fn incomplete(case: &Case<'_>, missing: &MissingIssuer) -> Finding {
    let name = brief(&missing.name);
    let from = urls(&missing.urls);
    if case.chain.built.len() > 1 && !case.anchors_known {
        // Nobody gave roots: the name above the last intermediate is one, most likely.
        let claim = format!("the chain ends below \"{name}\", which was not looked for");
        return case.finding("cert-chain-root-not-given", Severity::Note, claim);
    }
    let claim = format!("the issuer of \"{}\" is missing: \"{name}\"", missing.needed_by);
    // Of an authority's own certificate this is not what is wrong.
    let severity = if case.leaf.is_ca() { Severity::Note } else { Severity::Error };
    case.finding("cert-chain-incomplete", severity, claim)
        .evidence("issuer", &missing.needed_by, missing.name.text.as_str())
        .hint(format!(
            "Add its certificate after the leaf, in the order of signing{from}. Browsers hide \
             this by fetching it or knowing it; curl, Java and most programs fail."
        ))
}

fn end(case: &Case<'_>, out: &mut Vec<Finding>) {
    let trusted = case.trust.iter().any(|store| store.trusted);
    if case.leaf.self_signed == SelfSigned::SelfSigned {
        let severity = if trusted { Severity::Note } else { Severity::Error };
        let claim = "it is self-signed: its own key vouches for it and nobody else";
        out.push(
            case.finding("cert-self-signed", severity, claim)
                .evidence("issuer", "the certificate", case.leaf.issuer.text.as_str())
                .hint(
                    "Get one by ACME (tls.acme), or for development trust the CA of \
                     `menshen cert dev`.",
                ),
        );
    } else if case.chain.end == ChainEnd::Untrusted && case.anchors_known && !trusted {
        let root = case.chain.built.last().map(|last| last.subject.as_str()).unwrap_or_default();
        let claim = format!("it ends at {root}, which none of the stores trusts");
        let mut finding = case.finding("cert-untrusted-root", Severity::Error, claim);
        for store in case.trust {
            finding = finding.evidence("trust store", &store.store, store.reason.as_str());
        }
        out.push(finding.hint("Clients need that root; public names need a public CA."));
    } else if !trusted && !case.trust.is_empty() && case.chain.end == ChainEnd::Anchor {
        let claim = "the chain is complete, yet no store accepts it";
        let mut finding = case.finding("cert-untrusted", Severity::Error, claim);
        for store in case.trust {
            finding = finding.evidence("trust store", &store.store, store.reason.as_str());
        }
        out.push(finding);
    }
}

fn of_fault(case: &Case<'_>, fault: &Fault) -> Finding {
    match fault {
        Fault::LeafNotFirst { position } => {
            let claim =
                format!("the server's own certificate is number {}, not the first", position + 1);
            case.finding("cert-chain-leaf-not-first", Severity::Error, claim)
                .hint("Turn the file round: the leaf first, then each issuer (it looks reversed).")
        }
        Fault::NotSent { subject, sha256, urls } => {
            let claim = format!("the intermediate {subject} is needed and was not sent");
            case.finding("cert-chain-intermediate-not-sent", Severity::Error, claim)
                .evidence("SHA-256", "found elsewhere", sha256.as_str())
                .hint(format!(
                    "Add it after the leaf{}. Browsers hide this; curl and most programs fail.",
                    self::urls(urls)
                ))
        }
        Fault::BadSignature { subject } => {
            let claim = format!("{subject} names an issuer whose key did not sign it");
            case.finding("cert-chain-bad-signature", Severity::Error, claim)
                .hint("Another certificate of the same name is meant; ask the CA for the bundle.")
        }
        Fault::NotCa { subject } => {
            let claim = format!("{subject} has signed a certificate and is no CA");
            case.finding("cert-chain-not-ca", Severity::Error, claim)
        }
        Fault::Order { should_be } => {
            let order: Vec<String> = should_be.iter().map(|at| format!("{}", at + 1)).collect();
            let claim =
                format!("the certificates are in the wrong order; right is {}", order.join(", "));
            case.finding("cert-chain-order", Severity::Warning, claim)
                .hint("TLS 1.2 asks for each issuer right after what it signed; old clients fail.")
        }
        Fault::Duplicate { position, first } => {
            let claim = format!("certificate {} is number {} once more", position + 1, first + 1);
            case.finding("cert-chain-duplicate", Severity::Note, claim)
                .hint("Take it out; it costs bytes in every handshake.")
        }
        Fault::Foreign { position, subject } => {
            let claim =
                format!("certificate {}, {subject}, has nothing to do with it", position + 1);
            case.finding("cert-chain-foreign", Severity::Warning, claim)
                .hint("Take it out; it is likely left over from another CA.")
        }
        Fault::RootSent { position, subject } => {
            let claim = format!("certificate {} is the root {subject}", position + 1);
            case.finding("cert-chain-root-sent", Severity::Note, claim)
                .hint("Clients have it or do not trust it; it costs bytes in every handshake.")
        }
        Fault::Expired { subject, not_before, not_after, on_path, anchor } => {
            let when = if *not_before > case.now {
                format!("begins only on {}", date(*not_before))
            } else {
                format!("ended on {}", date(*not_after))
            };
            let (severity, where_to) = match (on_path, anchor) {
                (true, false) => (Severity::Error, "and the chain needs it"),
                (true, true) => (Severity::Warning, "the root; strict clients refuse it"),
                (false, _) => (Severity::Warning, "beside a path that is good"),
            };
            let claim = format!("{subject} {when}, {where_to}");
            case.finding("cert-chain-expired", severity, claim)
                .hint("Old clients that take this path fail; send the bundle the CA gives today.")
        }
    }
}

/// The common name, else the organisation, else all of it.
fn brief(name: &Name) -> &str {
    name.get("CN").or_else(|| name.get("O")).unwrap_or(&name.text)
}

fn urls(urls: &[String]) -> String {
    if urls.is_empty() { String::new() } else { format!(" (get it from {})", urls.join(" or ")) }
}
