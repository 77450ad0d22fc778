//! The cause, one for each call: which step of the way up failed, on what evidence.
//!
//! [`causes::CAUSES`] has what is claimed and what to do, by code; the rules pick one, from the
//! control connection over PPP to GRE, and bring evidence. A rule claims no more than the place of
//! the capture allows: [`Verdict::open`] has the causes that look the same from there.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use menshen_base::{Confidence, Finding};
use serde::Serialize;

use super::Side;
use super::calls::{Call, Control};
use super::capture::Counts;
use super::vantage::Vantage;

pub mod causes;
mod control;
mod gre;
mod notes;
mod ppp;

/// What a call came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// The cause.
    pub finding: Finding,
    /// Causes that look the same from where the capture was taken, this one included; empty: it is
    /// this one.
    pub open: Vec<&'static str>,
    /// What would tell them apart.
    pub settle: Option<&'static str>,
}

/// What rules look at.
pub(super) struct Case<'a> {
    pub(super) call: &'a Call,
    pub(super) vantage: &'a Vantage,
    pub(super) counts: &'a Counts,
}

type Rule = fn(&Case<'_>) -> Option<Verdict>;

/// The first that has something to say says it.
const RULES: &[&[Rule]] = &[control::RULES, ppp::RULES, gre::RULES, ppp::OUTCOMES];

/// The cause.
#[must_use]
pub fn verdict(call: &Call, vantage: &Vantage, counts: &Counts) -> Verdict {
    let case = Case { call, vantage, counts };
    let found = RULES.iter().flat_map(|rules| rules.iter()).find_map(|rule| rule(&case));
    found.unwrap_or_else(|| case.is("tunnel-undecided").with_counts(&case))
}

/// What else there is to say of a call.
#[must_use]
pub fn notes(call: &Call, vantage: &Vantage, counts: &Counts) -> Vec<Finding> {
    notes::all(&Case { call, vantage, counts })
}

impl Case<'_> {
    /// Client and server, as a subject.
    fn subject(&self) -> String {
        format!("{} → {}", self.call.client, self.call.server)
    }

    /// This cause, without evidence.
    fn is(&self, code: &'static str) -> Verdict {
        let finding = causes::finding(code, self.subject());
        Verdict { finding, open: Vec::new(), settle: None }
    }

    fn control(&self) -> Option<&Control> {
        self.call.control.as_ref()
    }

    /// GRE of this side is in the capture.
    fn sends(&self, side: Side) -> bool {
        self.call.sent_by(side).frames > 0
    }
}

impl Verdict {
    fn evidence(mut self, what: &str, place: &str, value: impl Into<String>) -> Self {
        self.finding = self.finding.evidence(what, place, value);
        self
    }

    /// Other causes look the same from here.
    fn or(mut self, others: &[&'static str], settle: &'static str) -> Self {
        self.finding.confidence = Confidence::Likely;
        self.open = [&[self.finding.code], others].concat();
        self.settle = Some(settle);
        self
    }

    /// How many packets there are each way, and where that was seen.
    fn with_counts(self, case: &Case<'_>) -> Self {
        let mut verdict = self;
        for (side, what) in
            [(Side::Client, "GRE of the client"), (Side::Server, "GRE of the server")]
        {
            let way = case.call.sent_by(side);
            let lcp = &way.ppp.lcp;
            let value = match (way.packets, lcp.requests) {
                (0, _) => "no packet".to_string(),
                (_, 0) => format!("{} packets", way.packets),
                _ => format!(
                    "{} packets; LCP: {} Configure-Requests, {} Configure-Acks",
                    way.packets, lcp.requests, lcp.acks
                ),
            };
            verdict = verdict.evidence(what, "capture", value);
        }
        verdict.evidence("place of the capture", "TTL", case.vantage.place.words())
    }
}

/// `0.63 s`.
fn seconds(us: u64) -> String {
    format!("{}.{:02} s", us / 1_000_000, us % 1_000_000 / 10_000)
}
