//! The facts with what follows from them.

use alloc::format;
use alloc::vec::Vec;

use menshen_base::{Finding, Severity};
use serde::Serialize;

use super::Side;
use super::calls::Call;
use super::capture::{Counts, Facts};
use super::vantage::Vantage;
use super::verdict::causes::finding;
use super::verdict::{Verdict, notes, verdict};

/// What is told of a capture.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
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
        let calls = twins(calls);
        let fine = |call: &CallReport| call.verdict.finding.severity == Severity::Note;
        Self { good: !calls.is_empty() && calls.iter().all(fine), counts, calls }
    }
}

/// Two calls between the same ends, one by call id 0 and well, the other heard by nobody: what lies
/// between them knows no call ids but 0. Linux's connection tracking without the PPTP helper does
/// that: it takes the key of what comes in for 0.
fn twins(mut calls: Vec<CallReport>) -> Vec<CallReport> {
    let ends = |call: &Call| (call.client, call.server);
    let passed: Vec<_> = calls
        .iter()
        .filter(|call| call.call.client_id == Some(0) && call.call.reacts(Side::Server))
        .map(|call| ends(&call.call))
        .collect();
    for call in &mut calls {
        let id = call.call.client_id.unwrap_or(0);
        let unheard = UNHEARD.contains(&call.verdict.finding.code) && !call.verdict.open.is_empty();
        if id != 0 && unheard && passed.contains(&ends(&call.call)) {
            let mut finding =
                finding("tunnel-nat-without-helper", call.verdict.finding.subject.clone());
            finding.evidence.clone_from(&call.verdict.finding.evidence);
            let finding = finding.evidence("call id 0", "another call", "answers come back");
            let finding = finding.evidence(format!("call id {id}"), "this call", "none does");
            call.verdict = Verdict { finding, open: Vec::new(), settle: None };
        }
    }
    calls
}

/// What a call looks like whose answers stay in a NAT.
const UNHEARD: [&str; 2] = ["tunnel-gre-lost", "tunnel-nat-without-helper"];
