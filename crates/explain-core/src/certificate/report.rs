//! Everything about one certificate at one moment, and the findings in order of weight.

use alloc::string::String;
use alloc::vec::Vec;

use menshen_base::Finding;
use serde::Serialize;

use super::browser::BrowserView;
use super::chain::{Anchor, Chain};
use super::class::{ClassVerdict, Ev};
use super::coverage::Coverage;
use super::facts::Certificate;
use super::lifetime::Lifetime;
use super::sct::{CtLog, Transparency};

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
    let _leaf = inputs.sent.first()?;
    None
}
