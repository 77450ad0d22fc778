//! What it comes to: findings, and the one header or the edits that repair the page. Pure.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use menshen_base::{Confidence, Finding, Severity};
use serde::Serialize;
use url::Url;

use super::Reference;
use super::classify::{HostKind, Outcome, host_kind, twin};
use super::kind::Kind;

mod findings;

/// What was seen of a page.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// The address that was asked for, and every address it was sent on to.
    pub hops: Vec<Hop>,
    /// The address of the page itself.
    pub page: String,
    /// It was read from a file, not fetched.
    pub saved: bool,
    /// `upgrade-insecure-requests` is in force.
    pub upgrades: bool,
    /// The obsolete `block-all-mixed-content` is there.
    pub blocks_all: bool,
    /// Documents that were read, the page first.
    pub documents: Vec<Document>,
    /// References without https.
    pub references: Vec<Reference>,
    /// The https twin of each address in `references` that was tried.
    pub twins: BTreeMap<String, Twin>,
    /// Addresses looked at, https or not.
    pub seen: usize,
    /// A limit was reached; the rest was not looked at.
    pub cut: bool,
}

/// One redirect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Hop {
    /// Who sent on.
    pub from: String,
    /// With which status.
    pub status: u16,
    /// Where to.
    pub to: String,
}

/// One document that was read, or could not be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Document {
    /// Its address.
    pub url: String,
    /// `page`, `stylesheet`, `manifest` or `frame`.
    pub kind: &'static str,
    /// Its status; 0 when none came.
    pub status: u16,
    /// Why it could not be read.
    pub fault: Option<String>,
}

/// How an address answers over https.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "result")]
pub enum Twin {
    /// As it should.
    Works {
        /// The status.
        status: u16,
    },
    /// With an error.
    Status {
        /// The status.
        status: u16,
    },
    /// It sends back to an address without https, which is blocked.
    Downgrades {
        /// Where to.
        to: String,
    },
    /// With a page where something else is expected.
    OtherType {
        /// The media type.
        media_type: String,
    },
    /// With a certificate that browsers refuse.
    BadCertificate {
        /// Why.
        why: String,
    },
    /// Not at all.
    Unreachable {
        /// Why.
        why: String,
    },
}

/// What repairs the page.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Fix {
    /// One header that repairs all that no edit is named for.
    pub header: Option<Header>,
    /// Twins were not tried, so nothing shows that the fix works.
    pub untested: bool,
    /// What the header does not repair, one by one.
    pub edits: Vec<Edit>,
}

/// A header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Header {
    /// Its name.
    pub name: &'static str,
    /// Its value.
    pub value: &'static str,
    /// The line for the site in `menshen.toml`.
    pub menshen_toml: String,
    /// The element that does the same, first in the head.
    pub meta: &'static str,
    /// How many references it repairs.
    pub repairs: usize,
}

/// One edit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Edit {
    /// The document to edit.
    pub document: String,
    /// Line, where known.
    pub line: Option<u32>,
    /// Column, where known.
    pub column: Option<u32>,
    /// What is written there.
    pub from: String,
    /// What to write instead; `None`: there is no https to write.
    pub to: Option<String>,
    /// What to do, in words.
    pub advice: String,
}

/// One reference with its twin.
#[derive(Debug, Serialize)]
pub struct Row {
    /// The reference.
    #[serde(flatten)]
    pub reference: Reference,
    /// The host it goes to.
    pub host: HostKind,
    /// Its twin, if it was tried.
    pub twin: Option<Twin>,
}

/// The whole answer; `--json` prints it.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The page.
    pub page: String,
    /// Redirects on the way to it.
    pub hops: Vec<Hop>,
    /// Read from a file.
    pub saved: bool,
    /// `upgrade-insecure-requests` is in force.
    pub upgrade_insecure_requests: bool,
    /// Documents read.
    pub documents: Vec<Document>,
    /// Addresses looked at.
    pub addresses: usize,
    /// The rest was not looked at.
    pub cut: bool,
    /// References without https: worst outcome first, then in document order.
    pub references: Vec<Row>,
    /// What follows.
    pub findings: Vec<Finding>,
    /// What to do.
    pub fix: Fix,
}

impl Report {
    /// Judges what was seen.
    #[must_use]
    pub fn new(facts: Facts) -> Self {
        let findings = findings::of(&facts);
        let fix = fix(&facts);
        let twins = facts.twins;
        let row = |reference: Reference| {
            let twin = twins.get(&reference.url).cloned();
            let host = Url::parse(&reference.url).map_or(HostKind::Name, |url| host_kind(&url));
            Row { reference, host, twin }
        };
        let mut references: Vec<Row> = facts.references.into_iter().map(row).collect();
        references.sort_by_key(|row| row.reference.outcome);
        Self {
            page: facts.page,
            hops: facts.hops,
            saved: facts.saved,
            upgrade_insecure_requests: facts.upgrades,
            documents: facts.documents,
            addresses: facts.seen,
            cut: facts.cut,
            references,
            findings,
            fix,
        }
    }

    /// Whether anything is wrong: warnings and errors are, notes are not.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.findings.iter().all(|finding| finding.severity == Severity::Note)
    }
}

impl Twin {
    /// Whether a browser gets what it asked for.
    #[must_use]
    pub const fn works(&self) -> bool {
        matches!(self, Self::Works { .. })
    }

    /// In words.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::Works { status } => format!("works ({status})"),
            Self::Status { status } => format!("answers {status}"),
            Self::Downgrades { to } => format!("sends back to {to}"),
            Self::OtherType { media_type } => format!("answers with {media_type} instead"),
            Self::BadCertificate { why } => format!("bad certificate: {why}"),
            Self::Unreachable { why } => format!("unreachable: {why}"),
        }
    }
}

/// Whether it needs a repair, given its twin.
pub(crate) fn needs_repair(reference: &Reference, facts: &Facts) -> bool {
    if !reference.outcome.is_fault() || reference.confidence == Confidence::Likely {
        return false;
    }
    // What the policy upgrades is repaired already, if its twin works.
    let repaired = facts.upgrades && reference.outcome == Outcome::Upgraded;
    !(repaired && facts.twins.get(&reference.url).is_none_or(Twin::works))
}

fn fix(facts: &Facts) -> Fix {
    let needed: Vec<&Reference> =
        facts.references.iter().filter(|reference| needs_repair(reference, facts)).collect();
    let untested = !needed.is_empty() && facts.twins.is_empty();
    let (good, rest): (Vec<&Reference>, Vec<&Reference>) = needed.into_iter().partition(|one| {
        let works = facts.twins.get(&one.url).map_or(untested, Twin::works);
        works && !facts.upgrades && upgradeable_by_policy(one)
    });
    // The header must not break what works now: a form or a local host without https.
    let harms =
        rest.iter().any(|one| matches!(one.outcome, Outcome::InsecureForm | Outcome::AllowedLocal));
    if good.is_empty() || harms {
        let edits = good.iter().chain(&rest).map(|one| edit(one, facts)).collect();
        return Fix { header: None, untested, edits };
    }
    let header = Header {
        name: "Content-Security-Policy",
        value: UPGRADE,
        menshen_toml: format!("headers = {{ Content-Security-Policy = \"{UPGRADE}\" }}"),
        meta: "<meta http-equiv=\"Content-Security-Policy\" content=\"upgrade-insecure-requests\">",
        repairs: good.len(),
    };
    Fix { header: Some(header), untested, edits: rest.iter().map(|one| edit(one, facts)).collect() }
}

fn upgradeable_by_policy(reference: &Reference) -> bool {
    let local = reference.outcome == Outcome::AllowedLocal;
    reference.outcome != Outcome::Refused
        && (local || reference.kind.row().upgrading == Outcome::Upgraded)
}

fn edit(reference: &Reference, facts: &Facts) -> Edit {
    let works = facts.twins.get(&reference.url).map(Twin::works);
    let written = reference.written.trim();
    let secure = match written.get(..3) {
        _ if written.get(..5).is_some_and(|head| head.eq_ignore_ascii_case("http:")) => {
            format!("https:{}", written.get(5..).unwrap_or_default())
        }
        Some(head) if head.eq_ignore_ascii_case("ws:") => {
            format!("wss:{}", written.get(3..).unwrap_or_default())
        }
        _ => {
            Url::parse(&reference.url).map_or_else(|_| String::new(), |url| twin(&url).to_string())
        }
    };
    let refused = reference.outcome == Outcome::Refused;
    let (to, advice) = match works {
        _ if refused => (
            None,
            "The page's own Content-Security-Policy forbids it: allow its host \
            there, or remove the reference.",
        ),
        Some(false) if reference.outcome == Outcome::AllowedLocal => (
            None,
            "A public page cannot \
            count on hosts of its visitors' networks; remove it, or give the host https.",
        ),
        Some(false) => (
            None,
            "Its host has no working https for it: get https to work there, copy \
            it to your own site, or remove the reference.",
        ),
        _ => (Some(secure), ""),
    };
    let kind = reference.kind;
    let advice = match (&to, kind) {
        (Some(_), Kind::Plugin) => "upgrade-insecure-requests does not reach object and embed.",
        _ => advice,
    };
    Edit {
        document: reference.document.clone(),
        line: reference.line,
        column: reference.column,
        from: reference.written.clone(),
        to,
        advice: advice.to_string(),
    }
}

const UPGRADE: &str = "upgrade-insecure-requests";

#[cfg(test)]
mod tests;
