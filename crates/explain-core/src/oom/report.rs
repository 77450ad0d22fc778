//! What a night comes to: one sentence, findings, completeness.

use alloc::string::String;
use alloc::vec::Vec;

use menshen_base::Finding;
use serde::Serialize;

use super::completeness::Completeness;
use super::headline::headline;
use super::night::Night;
use super::rules;

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// What happened, in one sentence.
    pub headline: String,
    /// Causes and remedies, the gravest first.
    pub findings: Vec<Finding>,
    /// What may be missing.
    pub completeness: Completeness,
}

/// Draws the conclusions.
#[must_use]
pub fn report(night: &Night) -> Report {
    let completeness = Completeness::of(night);
    let case = rules::Case::new(night, &completeness);
    let headline = headline(&case);
    let findings = rules::all(&case);
    Report { headline, findings, completeness }
}
