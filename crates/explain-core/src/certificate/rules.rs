//! Findings about a certificate and its chain: one file per group of codes.
//!
//! The Baseline Requirements bind public CAs; what breaks only them is a warning for certificates
//! that are, or look, public and a note for all others ([`Case::binding`]). What clients refuse is
//! an error for everybody.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use menshen_base::{Finding, Severity};

use super::chain::Chain;
use super::class::{ClassVerdict, Ev};
use super::coverage::Coverage;
use super::facts::Certificate;
use super::lifetime::Lifetime;
use super::report::StoreTrust;
use super::sct::Transparency;

mod chain;
mod class;
mod extensions;
mod key;
mod names;
mod transparency;
mod validity;

/// Everything a rule may look at.
pub(super) struct Case<'a> {
    pub(super) leaf: &'a Certificate,
    pub(super) class: &'a ClassVerdict,
    pub(super) ev: &'a Ev,
    pub(super) names: &'a Coverage,
    pub(super) lifetime: &'a Lifetime,
    pub(super) chain: &'a Chain,
    pub(super) transparency: &'a Transparency,
    pub(super) trust: &'a [StoreTrust],
    pub(super) anchors_known: bool,
    pub(super) logs_known: bool,
    pub(super) publicly_trusted: Option<bool>,
    pub(super) now: i64,
}

/// All findings, the gravest first, in a fixed order within.
pub(super) fn all(case: &Case<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    names::find(case, &mut found);
    validity::find(case, &mut found);
    chain::find(case, &mut found);
    key::find(case, &mut found);
    extensions::find(case, &mut found);
    class::find(case, &mut found);
    transparency::find(case, &mut found);
    found.sort_by_key(|finding| core::cmp::Reverse(finding.severity));
    found
}

impl Case<'_> {
    /// A finding about the leaf.
    fn finding(&self, code: &'static str, severity: Severity, claim: impl Into<String>) -> Finding {
        Finding::new(code, severity, self.leaf.title(), claim)
    }

    /// Whether the Baseline Requirements are taken to bind this certificate: its root is public, or
    /// nobody knows and it has a policy of the Forum or timestamps of logs.
    fn is_public(&self) -> bool {
        self.publicly_trusted.unwrap_or_else(|| {
            let forum = |oid: &str| oid.starts_with("2.23.140.1.");
            self.leaf.self_signed == super::facts::SelfSigned::No
                && (self.leaf.policies.iter().any(|policy| forum(&policy.oid))
                    || !self.leaf.timestamps.is_empty())
        })
    }

    /// How grave a breach of the Baseline Requirements is here.
    fn binding(&self) -> Severity {
        if self.is_public() { Severity::Warning } else { Severity::Note }
    }
}

/// `in the certificate` and the like: where evidence was read.
const LEAF: &str = "the certificate";

fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}
