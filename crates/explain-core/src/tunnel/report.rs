//! The facts with what follows from them.

use alloc::vec::Vec;

use menshen_base::{Finding, Severity};
use serde::Serialize;

use super::calls::Call;
use super::capture::{Counts, Facts};
use super::vantage::Vantage;
use super::verdict::{Verdict, notes, verdict};

/// What is told of a capture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Whether no call has a verdict worse than a note; false without any call.
    pub good: bool,
    /// What was counted.
    pub counts: Counts,
    /// Every call.
    pub calls: Vec<CallReport>,
}

/// What is told of a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CallReport {
    /// What was seen.
    #[serde(flatten)]
    pub call: Call,
    /// Where it was captured.
    pub vantage: Vantage,
    /// What it came to.
    pub verdict: Verdict,
    /// What else there is to say.
    pub notes: Vec<Finding>,
}

impl Report {
    /// Draws the conclusions.
    #[must_use]
    pub fn new(facts: Facts) -> Self {
        let counts = facts.counts;
        let calls: Vec<CallReport> = facts
            .calls
            .into_iter()
            .map(|call| {
                let vantage = Vantage::of(&call);
                let verdict = verdict(&call, &vantage, &counts);
                let notes = notes(&call, &vantage, &counts);
                CallReport { call, vantage, verdict, notes }
            })
            .collect();
        let fine = |call: &CallReport| call.verdict.finding.severity == Severity::Note;
        Self { good: !calls.is_empty() && calls.iter().all(fine), counts, calls }
    }
}
