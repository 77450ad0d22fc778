//! Everything about one certificate at one moment, and the findings in order of weight.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use menshen_base::{Finding, Severity};
use serde::Serialize;

use super::browser::{self, BrowserView, Scene, Trouble};
use super::chain::{self, Anchor, Chain};
use super::class::{self, ClassVerdict, Ev};
use super::coverage::{self, Coverage};
use super::facts::{Certificate, SelfSigned};
use super::lifetime::{self, Lifetime};
use super::rules::{self, Case};
use super::sct::{self, CtLog, Transparency};

/// What a report is made from.
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a> {
    /// The certificates in the order sent (or in the file); the first should be the leaf.
    pub sent: &'a [Certificate],
    /// The name or address asked for; None for a file without a question.
    pub asked: Option<&'a str>,
    /// Now, Unix seconds; the moment asked for where the user gave `--at`.
    pub now: i64,
    /// Other certificates known (local store, fetched by AIA): may complete the chain.
    pub pool: &'a [Certificate],
    /// Trust anchors of the stores looked at, all together.
    pub anchors: &'a [Anchor],
    /// What the real verification against each store said.
    pub trust: &'a [StoreTrust],
    /// Whether its root is publicly trusted; None when that is not known. The BR bind public CAs
    /// only, so breaches are mere notes otherwise.
    pub publicly_trusted: Option<bool>,
    /// The known logs; empty when there is no list.
    pub logs: &'a [CtLog],
}

/// What one trust store says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StoreTrust {
    /// Which store, such as `system` or `mozilla`.
    pub store: String,
    /// The chain as sent verifies against it (the name and the time left aside).
    pub trusted: bool,
    /// Why not, or which root; one sentence without period.
    pub reason: String,
    /// SHA-256 of the root certificate the chain ends in, where known.
    pub root_sha256: Option<String>,
    /// The store is one of publicly trusted roots as shipped (not with additions of this host).
    pub public: bool,
}

/// Everything about one certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The bottom line.
    pub verdict: Verdict,
    /// The moment it is about, Unix seconds.
    pub now: i64,
    /// The leaf.
    pub leaf: Certificate,
    /// Its class and why.
    pub class: ClassVerdict,
    /// The three verdicts about EV.
    pub ev: Ev,
    /// Names.
    pub names: Coverage,
    /// Lifetime.
    pub lifetime: Lifetime,
    /// The chain.
    pub chain: Chain,
    /// Trust, store by store.
    pub trust: Vec<StoreTrust>,
    /// Whether its root is publicly trusted; None when not known.
    pub publicly_trusted: Option<bool>,
    /// Certificate timestamps.
    pub transparency: Transparency,
    /// What browsers show.
    pub browsers: Vec<BrowserView>,
    /// Findings, the gravest first.
    pub findings: Vec<Finding>,
}

/// The bottom line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// No finding above a note.
    pub good: bool,
    /// Covers the name asked; None when none was.
    pub name_ok: Option<bool>,
    /// In its time.
    pub time_ok: bool,
    /// Some store trusts it; None when none was asked.
    pub trusted: Option<bool>,
    /// One sentence, lower case, without period.
    pub text: String,
}

/// Makes the report; None when nothing was sent.
#[must_use]
pub fn report(inputs: &Inputs<'_>) -> Option<Report> {
    let leaf = inputs.sent.get(chain::leaf_position(inputs.sent))?;
    let built = chain::build(inputs.sent, inputs.pool, inputs.anchors, inputs.now)?;
    let above: Vec<&Certificate> = built.above.iter().collect();
    let roots: Vec<&str> =
        inputs.trust.iter().filter_map(|store| store.root_sha256.as_deref()).collect();
    let class = class::classify(leaf, inputs.publicly_trusted);
    let ev = class::ev(leaf, &above, &roots, inputs.publicly_trusted);
    let names = coverage::coverage(leaf, inputs.asked);
    let lifetime = lifetime::lifetime(leaf, inputs.now);
    let issuer = built.issuer_spki.as_deref();
    let transparency = sct::transparency(leaf, issuer, inputs.logs, lifetime.seconds);
    let findings = rules::all(&Case {
        leaf,
        class: &class,
        ev: &ev,
        names: &names,
        lifetime: &lifetime,
        chain: &built.chain,
        transparency: &transparency,
        trust: inputs.trust,
        anchors_known: !inputs.anchors.is_empty() || !inputs.trust.is_empty(),
        logs_known: !inputs.logs.is_empty(),
        publicly_trusted: inputs.publicly_trusted,
        now: inputs.now,
    });
    let verdict = verdict(inputs, &names, &lifetime, &findings);
    let browsers = browser::views(&scene(leaf, &class, &ev, &verdict, inputs, &findings));
    Some(Report {
        verdict,
        now: inputs.now,
        leaf: leaf.clone(),
        class,
        ev,
        names,
        lifetime,
        chain: built.chain,
        trust: inputs.trust.to_vec(),
        publicly_trusted: inputs.publicly_trusted,
        transparency,
        browsers,
        findings,
    })
}

fn verdict(
    inputs: &Inputs<'_>,
    names: &Coverage,
    lifetime: &Lifetime,
    findings: &[Finding],
) -> Verdict {
    let trusted =
        (!inputs.trust.is_empty()).then(|| inputs.trust.iter().any(|store| store.trusted));
    let grave = findings.iter().filter(|found| found.severity == Severity::Error).count();
    let good = findings.iter().all(|found| found.severity == Severity::Note);
    let text = match findings.first().filter(|_| !good) {
        Some(first) if grave > 0 => format!("clients refuse it: {}", first.claim),
        Some(first) => format!("it works, with a fault: {}", first.claim),
        None if trusted == Some(true) => "it is good".to_string(),
        None => "nothing is wrong with it, as far as it was looked at".to_string(),
    };
    Verdict {
        good,
        name_ok: names.asked.as_ref().map(|asked| asked.covered),
        time_ok: lifetime.valid,
        trusted,
        text,
    }
}

fn scene(
    leaf: &Certificate,
    class: &ClassVerdict,
    ev: &Ev,
    verdict: &Verdict,
    inputs: &Inputs<'_>,
    findings: &[Finding],
) -> Scene {
    let found = |codes: &[&str]| {
        findings.iter().any(|one| codes.contains(&one.code) && one.severity == Severity::Error)
    };
    let refused_anyway = found(&REFUSED_AS_UNTRUSTED);
    let self_signed = leaf.self_signed == SelfSigned::SelfSigned;
    // Browsers fetch what is missing by AIA, or have it; programs do not.
    let fetchable = !leaf.issuer_urls.is_empty() && inputs.publicly_trusted != Some(false);
    let mended = found(&["cert-chain-intermediate-not-sent"])
        || (found(&["cert-chain-incomplete"]) && fetchable);
    let untrusted = (verdict.trusted == Some(false) && !mended) || refused_anyway;
    let no_logs = inputs.publicly_trusted == Some(true) && leaf.timestamps.is_empty();
    let rows = [
        (self_signed && verdict.trusted != Some(true), Trouble::SelfSigned),
        (untrusted && !self_signed, Trouble::Untrusted),
        (verdict.name_ok == Some(false), Trouble::Name),
        (found(&["cert-no-san"]), Trouble::Name),
        (no_logs, Trouble::Transparency),
        (found(&["cert-signature-weak"]), Trouble::Signature),
        (found(&["cert-key-weak"]), Trouble::Key),
        (!verdict.time_ok, Trouble::Time),
        (found(&["cert-lifetime-too-long"]), Trouble::TooLong),
    ];
    let organisation = leaf.subject.get("O").unwrap_or_default();
    let country = leaf.subject.get("C").unwrap_or("?");
    Scene {
        ev_identity: ev.browser_treated.holds.then(|| format!("{organisation} [{country}]")),
        qwac: class.qwac,
        troubles: rows.iter().filter(|(holds, _)| *holds).map(|(_, trouble)| *trouble).collect(),
        trust_unknown: verdict.trusted.is_none(),
        mended,
    }
}

/// Findings on which a browser's page says that it does not trust the issuer. An incomplete chain
/// is not among them: browsers fetch what is missing.
const REFUSED_AS_UNTRUSTED: [&str; 5] = [
    "cert-untrusted-root",
    "cert-untrusted",
    "cert-chain-bad-signature",
    "cert-chain-not-ca",
    "cert-ca-as-leaf",
];
