//! The findings: one for each outcome that was met, with its references as evidence.

use alloc::format;
use alloc::vec::Vec;

use menshen_base::{Confidence, Finding, Severity};

use super::{Facts, Twin};
use crate::page::Reference;
use crate::page::classify::Outcome;

/// All findings, the worst first.
pub(super) fn of(facts: &Facts) -> Vec<Finding> {
    let mut found = Vec::new();
    if facts.page.starts_with("http://") {
        found.push(page_in_the_clear(facts));
    }
    found.extend(group(facts, "page-blocked", Severity::Error, BLOCKED, |one| {
        one.outcome == Outcome::Blocked && one.confidence == Confidence::Certain
    }));
    found.extend(group(facts, "page-upgrade-fails", Severity::Error, UPGRADE_FAILS, |one| {
        one.outcome == Outcome::Upgraded && twin_fails(facts, one)
    }));
    found.extend(group(facts, "page-insecure-form", Severity::Error, FORM, |one| {
        one.outcome == Outcome::InsecureForm
    }));
    found.extend(group(facts, "page-policy-refuses", Severity::Warning, REFUSED, |one| {
        one.outcome == Outcome::Refused
    }));
    found.extend(group(facts, "page-local-network", Severity::Warning, LOCAL, |one| {
        one.outcome == Outcome::AllowedLocal
    }));
    let upgraded = |one: &Reference| one.outcome == Outcome::Upgraded && !twin_fails(facts, one);
    found.extend(if facts.upgrades {
        group(facts, "page-policy-upgrades", Severity::Note, POLICY_UPGRADES, upgraded)
    } else {
        group(facts, "page-upgraded", Severity::Warning, UPGRADED, upgraded)
    });
    let likely = group(facts, "page-script-blocked", Severity::Warning, SCRIPT, |one| {
        one.outcome == Outcome::Blocked && one.confidence == Confidence::Likely
    });
    found.extend(likely.map(|finding| Finding { confidence: Confidence::Likely, ..finding }));
    let named = group(facts, "page-script-address", Severity::Note, NAMED, |one| {
        one.outcome == Outcome::Unknown
    });
    found.extend(named.map(|finding| Finding { confidence: Confidence::Likely, ..finding }));
    found.extend(group(facts, "page-loopback", Severity::Warning, LOOPBACK, |one| {
        one.outcome == Outcome::Allowed
    }));
    found.extend(group(facts, "page-links", Severity::Note, LINKS, |one| {
        one.outcome == Outcome::Navigation
    }));
    found.extend(group(facts, "page-unused", Severity::Note, UNUSED, |one| {
        one.outcome == Outcome::NotFetched
    }));
    found.extend(about_policies(facts));
    found.extend(about_reading(facts));
    found
}

/// Claim and hint.
type Words = (&'static str, &'static str);

const BLOCKED: Words = (
    "browsers refuse to load this without https, so it is missing on the page",
    "See the fix. The address bar shows no mark: nothing insecure was loaded.",
);
const UPGRADE_FAILS: Words = (
    "browsers ask for this over https instead, and there it does not work: it is missing",
    "Get https to work there, or copy it to your own site.",
);
const FORM: Words = (
    "a form is sent in the clear: Chromium marks its fields and warns before it is sent",
    "Let it send to https.",
);
const REFUSED: Words = (
    "the page's own Content-Security-Policy refuses this, whatever its scheme",
    "Allow its host in the policy, or remove the reference.",
);
const LOCAL: Words = (
    "this goes in the clear to the visitor's own network; Chromium asks the visitor first",
    "Fit for a page about devices at home; else remove it.",
);
const POLICY_UPGRADES: Words =
    ("upgrade-insecure-requests has browsers ask for this over https", "");
const UPGRADED: Words = (
    "browsers ask for this over https instead; it works there, so no mark is shown",
    "Write https: older browsers still load it in the clear.",
);
const SCRIPT: Words = (
    "a script asks for this without https, which browsers refuse",
    "Read from its strings, not run: look at the script.",
);
const NAMED: Words = ("a script names an address without https; its use is not seen", "");
const LOOPBACK: Words = (
    "this is asked of the visitor's own machine: trustworthy, and not what a public page wants",
    "Left over from development? No visitor has it.",
);
const LINKS: Words = (
    "following this leaves https; links are not mixed content",
    "Link to https where it works: it saves a redirect that can be tampered with.",
);
const UNUSED: Words = ("Chromium on a desktop does not fetch this; other systems may", "");

fn twin_fails(facts: &Facts, one: &Reference) -> bool {
    facts.twins.get(&one.url).is_some_and(|twin| !twin.works())
}

fn group(
    facts: &Facts,
    code: &'static str,
    severity: Severity,
    (claim, hint): Words,
    belongs: impl Fn(&Reference) -> bool,
) -> Option<Finding> {
    let all: Vec<&Reference> = facts.references.iter().filter(|one| belongs(one)).collect();
    // What only browsers without scripts see is worth a note at most.
    let shown = all.iter().any(|one| !one.without_scripts_only);
    let severity = if shown { severity } else { Severity::Note };
    let first = all.first()?;
    let subject = match all.len() {
        1 => first.url.clone(),
        count => format!("{count} references"),
    };
    let mut finding = Finding::new(code, severity, subject, claim).hint(hint);
    for one in all.iter().take(EVIDENCE_MAX) {
        let twin = facts.twins.get(&one.url).map(Twin::text);
        let twin = twin.map(|twin| format!("; over https: {twin}")).unwrap_or_default();
        let value = format!("{}{twin}", one.url);
        finding = finding.evidence(one.place.clone(), one.position(), value);
    }
    Some(finding)
}

fn page_in_the_clear(facts: &Facts) -> Finding {
    let claim = "the page itself is served without https; what follows is what https would change";
    let hint = "Redirect it to https: until then browsers mark the whole page as not secure.";
    Finding::new("page-in-the-clear", Severity::Error, facts.page.clone(), claim).hint(hint)
}

fn about_policies(facts: &Facts) -> Option<Finding> {
    let claim = "block-all-mixed-content is obsolete: browsers block it all without being told";
    facts.blocks_all.then(|| {
        Finding::new("page-obsolete-policy", Severity::Note, facts.page.clone(), claim)
            .hint("Remove it; upgrade-insecure-requests repairs where it only blocked.")
    })
}

fn about_reading(facts: &Facts) -> Vec<Finding> {
    let mut found = Vec::new();
    for document in facts.documents.iter() {
        let Some(fault) = &document.fault else { continue };
        let claim = format!("a {} was not read, so what it refers to is not known", document.kind);
        let finding = Finding::new("page-unread", Severity::Note, document.url.clone(), claim);
        found.push(finding.evidence("fetch", document.url.clone(), fault.clone()));
    }
    if facts.cut {
        let claim = "the page is larger than what is looked at; the rest is not judged";
        found.push(Finding::new("page-cut", Severity::Warning, facts.page.clone(), claim));
    }
    found
}

/// References shown with a finding; all are in the list of references.
const EVIDENCE_MAX: usize = 20;
