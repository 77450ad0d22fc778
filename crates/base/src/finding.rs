//! A finding: one explained fact, the same for `check`, `explain`, start-up lines and the log.

use alloc::string::String;
use alloc::vec::Vec;

use serde::Serialize;

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing; nothing to do.
    Note,
    /// Works, but not as well or as safely as it could.
    Warning,
    /// Does not work.
    Error,
}

impl Severity {
    /// The word in texts.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// How sure a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Confidence {
    /// Read directly from the source of truth.
    Certain,
    /// Inferred; other causes remain possible.
    Likely,
}

/// What was read, where, and its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Evidence {
    /// What was read, such as `oom_score_adj`.
    pub what: String,
    /// Where it was read: a file, a system call, a message.
    pub place: String,
    /// The value as found.
    pub value: String,
}

/// One explained fact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Stable code, kebab-case, such as `oom-protection-refused`.
    pub code: &'static str,
    /// How much it matters.
    pub severity: Severity,
    /// What it is about, such as an address or a path.
    pub subject: String,
    /// The fact: lower case, no final period.
    pub claim: String,
    /// What it rests on.
    pub evidence: Vec<Evidence>,
    /// What to do, whole sentences; empty when there is nothing to do.
    pub hint: String,
    /// How sure it is.
    pub confidence: Confidence,
}

impl Finding {
    /// A certain finding without evidence or hint; add them with the other methods.
    #[must_use]
    pub fn new(
        code: &'static str,
        severity: Severity,
        subject: impl Into<String>,
        claim: impl Into<String>,
    ) -> Self {
        Self {
            code,
            severity,
            subject: subject.into(),
            claim: claim.into(),
            evidence: Vec::new(),
            hint: String::new(),
            confidence: Confidence::Certain,
        }
    }

    /// Adds what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    /// Adds one piece of evidence.
    #[must_use]
    pub fn evidence(
        mut self,
        what: impl Into<String>,
        place: impl Into<String>,
        value: impl Into<String>,
    ) -> Self {
        let (what, place, value) = (what.into(), place.into(), value.into());
        self.evidence.push(Evidence { what, place, value });
        self
    }
}
