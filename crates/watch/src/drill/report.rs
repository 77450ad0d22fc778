//! What a drill came to: one line for each thing that was to be shown.

use menshen_base::finding::{Finding, Severity};
use serde::Serialize;

/// The whole answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Limit of the drill's control group, bytes.
    pub memory_bytes: u64,
    /// In the order they are shown.
    pub lines: Vec<Line>,
}

/// One thing that was to be shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// What, such as `protection`.
    pub name: &'static str,
    /// What came of it.
    pub verdict: Verdict,
    /// What was seen, in short.
    pub claim: String,
    /// What that rests on, one sentence each.
    pub evidence: Vec<String>,
    /// What is missing or wrong, with what would help; `None` when all is well.
    pub finding: Option<Finding>,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It works here.
    Proved,
    /// This host has not got it, and what menshen does instead works.
    DoneWithout,
    /// This host does not permit it.
    NotPermitted,
    /// It should have worked and did not.
    Failed,
}

impl Verdict {
    /// The word in texts.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Proved => "proved",
            Self::DoneWithout => "done without",
            Self::NotPermitted => "not permitted",
            Self::Failed => "FAILED",
        }
    }
}

impl Report {
    pub(crate) const fn new(memory_bytes: u64) -> Self {
        Self { memory_bytes, lines: Vec::new() }
    }

    /// Whether everything was shown.
    #[must_use]
    pub fn is_good(&self) -> bool {
        let good = |line: &Line| matches!(line.verdict, Verdict::Proved | Verdict::DoneWithout);
        !self.lines.is_empty() && self.lines.iter().all(good)
    }

    /// How many lines have this verdict.
    #[must_use]
    pub fn count(&self, verdict: Verdict) -> usize {
        self.lines.iter().filter(|line| line.verdict == verdict).count()
    }
}

impl Line {
    pub(crate) fn new(name: &'static str, verdict: Verdict, claim: impl Into<String>) -> Self {
        Self { name, verdict, claim: claim.into(), evidence: Vec::new(), finding: None }
    }

    pub(crate) fn proved(name: &'static str, claim: impl Into<String>) -> Self {
        Self::new(name, Verdict::Proved, claim)
    }

    pub(crate) fn evidence(mut self, text: impl Into<String>) -> Self {
        self.evidence.push(text.into());
        self
    }

    /// Adds a finding whose claim is the line's.
    pub(crate) fn finding(mut self, code: &'static str, hint: impl Into<String>) -> Self {
        let severity = match self.verdict {
            Verdict::Failed => Severity::Error,
            Verdict::NotPermitted => Severity::Warning,
            Verdict::Proved | Verdict::DoneWithout => Severity::Note,
        };
        let mut finding = Finding::new(code, severity, self.name, self.claim.clone()).hint(hint);
        for text in &self.evidence {
            finding = finding.evidence("seen", "drill", text.clone());
        }
        self.finding = Some(finding);
        self
    }
}
