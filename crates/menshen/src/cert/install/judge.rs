//! What an authority sent back, against the key and the request: the chain to serve, and findings.
//! Pure.
//!
//! An error means that browsers or other clients would refuse the result; nothing is installed
//! then. The chain is built by names and signatures, never by the order of the files.

use menshen_base::{Finding, Severity};
use menshen_explain_core::certificate::{AlternativeName, Anchor, Certificate, date};
use menshen_tls::order::Requested;

/// What is judged.
#[derive(Debug)]
pub(super) struct Inputs<'a> {
    /// All certificates of the files, in their order.
    pub(super) sent: &'a [Certificate],
    /// The key's SubjectPublicKeyInfo.
    pub(super) key: &'a [u8],
    /// The request, where there is one.
    pub(super) requested: Option<&'a Requested>,
    /// Trusted roots.
    pub(super) roots: &'a [Anchor],
    /// Unix seconds.
    pub(super) now: i64,
}

/// What follows.
#[derive(Debug, Default)]
pub(super) struct Judgement {
    /// Places in the input of the certificates to serve, leaf first; empty without a leaf.
    pub(super) chain: Vec<usize>,
    /// What is wrong or worth knowing.
    pub(super) findings: Vec<Finding>,
}

/// Finds the leaf, builds the chain, compares.
pub(super) fn judge(inputs: &Inputs<'_>) -> Judgement {
    let mut judgement = Judgement::default();
    let Some(leaf) = leaf(inputs) else {
        judgement.findings.push(no_leaf(inputs));
        return judgement;
    };
    let (chain, root, end) = build(inputs, leaf);
    judgement.chain = chain;
    judgement.findings.extend(self_signed(inputs, leaf));
    judgement.findings.extend(end.and_then(|end| missing(inputs, end)));
    judgement.findings.extend(dates(inputs, &judgement.chain));
    judgement.findings.extend(compare(inputs, &inputs.sent[leaf]));
    judgement.findings.extend(tidied(inputs, &judgement.chain, root));
    judgement
}

/// The certificate for the key that ends last.
fn leaf(inputs: &Inputs<'_>) -> Option<usize> {
    let ours = inputs.sent.iter().enumerate().filter(|(_, sent)| sent.spki == inputs.key);
    ours.max_by_key(|(_, sent)| (!sent.is_ca(), sent.not_after)).map(|(place, _)| place)
}

fn no_leaf(inputs: &Inputs<'_>) -> Finding {
    let claim = "none of the certificates belongs to the key";
    let mut finding = Finding::new("install-key-mismatch", Severity::Error, "key", claim).hint(
        "Give the key the certificate was requested with (--key); a certificate for a lost key is \
         worth nothing, let the authority issue it again for a new request.",
    );
    for sent in inputs.sent.iter().take(SHOWN_MAX) {
        finding = finding.evidence("certificate", "the files", sent.title());
    }
    finding
}

/// From the leaf upwards: the chain without its root, the root if it was sent, and the last
/// certificate if its issuer was not.
fn build(inputs: &Inputs<'_>, leaf: usize) -> (Vec<usize>, Option<usize>, Option<usize>) {
    let mut chain = vec![leaf];
    loop {
        let Some(&last) = chain.last() else { return (chain, None, None) };
        let below = &inputs.sent[last];
        if below.issuer.der == below.subject.der {
            // A root has no place in what is sent, unless it is all there is.
            let root = (chain.len() > 1).then(|| chain.pop()).flatten();
            return (chain, root, None);
        }
        let issuers = inputs.sent.iter().enumerate().filter(|(place, sent)| {
            let named = sent.subject.der == below.issuer.der;
            named && !chain.contains(place) && sent.is_ca() && sent.signed(below)
        });
        // Of several with the same name and key the one that lasts: the others are cross-signed.
        match issuers.max_by_key(|(_, sent)| sent.not_after) {
            Some((place, _)) if chain.len() < CHAIN_MAX => chain.push(place),
            _ => return (chain, None, Some(last)),
        }
    }
}

/// Nobody vouches for it, though it fits the key.
fn self_signed(inputs: &Inputs<'_>, leaf: usize) -> Option<Finding> {
    let leaf = &inputs.sent[leaf];
    let own = leaf.issuer.der == leaf.subject.der && leaf.signed(leaf);
    if !own || inputs.roots.iter().any(|root| root.spki == leaf.spki) {
        return None;
    }
    let claim = "it is self-signed: browsers and programs refuse it";
    let hint = "Install what the authority sent, or use tls.acme; for development \
                `menshen cert dev` has a CA that can be trusted.";
    Some(
        Finding::new("install-self-signed", Severity::Warning, leaf.title(), claim)
            .evidence("issuer", "certificate", leaf.issuer.text.clone())
            .hint(hint),
    )
}

fn missing(inputs: &Inputs<'_>, end: usize) -> Option<Finding> {
    let end = &inputs.sent[end];
    if inputs.roots.iter().any(|root| root.name == end.issuer.der) {
        return None;
    }
    let issuer = &end.issuer.text;
    let claim = format!("the issuer of {} is not among the certificates", end.title());
    let from = end.issuer_urls.first();
    let hint = match from {
        Some(url) => {
            format!("Get it from {url} (convert DER with `openssl x509`), and add its file.")
        }
        None => "Ask the authority for the intermediate, and add its file; an authority inside \
                 the house is named with --roots."
            .to_owned(),
    };
    let finding = Finding::new("install-intermediate-missing", Severity::Error, issuer, claim);
    Some(finding.evidence("issuer", "certificate", issuer.clone()).hint(hint))
}

fn dates(inputs: &Inputs<'_>, chain: &[usize]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for sent in chain.iter().map(|place| &inputs.sent[*place]) {
        let finding = |code, severity, claim: String| {
            let validity = format!("{} to {}", date(sent.not_before), date(sent.not_after));
            Finding::new(code, severity, sent.title(), claim).evidence(
                "validity",
                "certificate",
                validity,
            )
        };
        if sent.not_after < inputs.now {
            let claim = format!("it expired on {}", date(sent.not_after));
            findings.push(finding("install-expired", Severity::Error, claim));
        } else if sent.not_before > inputs.now {
            let claim = format!("it is not valid before {}", date(sent.not_before));
            let hint = "Check the clock of this machine; clients refuse it until then.";
            findings.push(finding("install-not-yet-valid", Severity::Warning, claim).hint(hint));
        }
    }
    findings
}

/// The leaf against the request.
fn compare(inputs: &Inputs<'_>, leaf: &Certificate) -> Vec<Finding> {
    let Some(requested) = inputs.requested else { return Vec::new() };
    let names: Vec<String> = leaf
        .alternative_names
        .iter()
        .filter_map(|name| match name {
            AlternativeName::Dns(host) => Some(host.to_ascii_lowercase()),
            AlternativeName::Ip(address) => Some(address.to_string()),
            _ => None,
        })
        .collect();
    let mut findings = Vec::new();
    let without = |these: &[String], those: &[String]| {
        let left = these.iter().filter(|name| !those.contains(name)).cloned();
        left.collect::<Vec<_>>().join(", ")
    };
    let lost = without(&requested.names, &names);
    if !lost.is_empty() {
        let claim = format!("asked for and not in the certificate: {lost}");
        let hint = "Ask the authority; until then clients of these names get an error.";
        findings.push(
            Finding::new("install-names-lost", Severity::Warning, leaf.title(), claim).hint(hint),
        );
    }
    let added = without(&names, &requested.names);
    if !added.is_empty() {
        let claim = format!("in the certificate without being asked for: {added}");
        findings.push(Finding::new("install-names-added", Severity::Note, leaf.title(), claim));
    }
    let organization = leaf.subject.get("O").map(str::to_owned);
    if organization != requested.organization {
        let word = |name: &Option<String>| name.clone().unwrap_or_else(|| "none".to_owned());
        let claim = "the organisation is another one than was asked for";
        findings.push(
            Finding::new("install-subject-changed", Severity::Warning, leaf.title(), claim)
                .evidence("O", "request", word(&requested.organization))
                .evidence("O", "certificate", word(&organization)),
        );
    }
    findings
}

/// What was put into order.
fn tidied(inputs: &Inputs<'_>, chain: &[usize], root: Option<usize>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut note = |code, subject: &str, claim: String| {
        findings.push(Finding::new(code, Severity::Note, subject, claim));
    };
    if let Some(root) = root.map(|place| &inputs.sent[place]) {
        let claim = "the root is left out: clients have it, or do not trust it anyway".to_owned();
        note("install-root-left-out", root.title(), claim);
    }
    if !chain.is_sorted() {
        let claim = "the certificates were put into order, each before its issuer".to_owned();
        note("install-reordered", "chain", claim);
    }
    for (place, sent) in inputs.sent.iter().enumerate() {
        let twin = chain.iter().any(|used| inputs.sent[*used].der == sent.der);
        if !chain.contains(&place) && root != Some(place) && !twin {
            let claim = "it does not belong to this chain and is left out".to_owned();
            note("install-left-out", sent.title(), claim);
        }
    }
    findings
}

const CHAIN_MAX: usize = 8;
const SHOWN_MAX: usize = 8;

#[cfg(test)]
mod tests;
