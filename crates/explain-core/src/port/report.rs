//! The facts with what follows from them.

use alloc::vec::Vec;

use menshen_base::{Finding, Severity};
use serde::Serialize;

use super::Facts;
use super::findings::findings;
use super::groups::{Group, Instances, groups, instances};

/// What is told.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Whether nothing worse than a note was found.
    pub good: bool,
    /// What was seen.
    #[serde(flatten)]
    pub facts: Facts,
    /// Sockets that share an address.
    pub groups: Vec<Group>,
    /// Processes that belong together.
    pub instances: Instances,
    /// What there is to say.
    pub findings: Vec<Finding>,
}

impl Report {
    /// Draws the conclusions.
    #[must_use]
    pub fn new(facts: Facts) -> Self {
        let instances = instances(&facts);
        let groups = groups(&facts, &instances);
        let findings = findings(&facts, &groups, &instances);
        let good = findings.iter().all(|finding| finding.severity == Severity::Note);
        Self { good, facts, groups, instances, findings }
    }

    /// Whether nothing worse than a note was found.
    #[must_use]
    pub const fn is_good(&self) -> bool {
        self.good
    }
}
