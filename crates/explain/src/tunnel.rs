//! `menshen explain tunnel`: why a PPTP tunnel does not come up, from a capture or by trying.
//!
//! Packets go to `menshen-explain-core`, which names the cause; a live probe hands over what it
//! captured of itself, so that there is one table of causes for both. Everything that is read is
//! foreign: who calls this has given up the rights of root before. Fails with [`TunnelError`] where
//! there is nothing to tell from.

mod file;
pub mod live;
mod picture;
mod text;

use std::io;

use menshen_base::{Finding, Severity};
use menshen_explain_core::capture::CaptureError;
pub use menshen_explain_core::tunnel::Report;
use menshen_explain_core::tunnel::live::Live;
use menshen_explain_core::tunnel::verdict::Verdict;
use serde::Serialize;

pub use self::file::{Progress, from_capture};
pub use self::picture::svg;
pub use self::text::text;

/// What is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Told {
    /// The calls, each with its verdict.
    #[serde(flatten)]
    pub report: Report,
    /// What is to be said beside the calls: of the capture itself, of the host that was probed.
    pub findings: Vec<Finding>,
    /// The one verdict of a live probe.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// What a live probe did and saw beside its packets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub live: Option<Live>,
}

/// Why there is nothing to tell from.
#[derive(Debug, thiserror::Error)]
pub enum TunnelError {
    /// The capture cannot be read.
    #[error("the capture could not be read")]
    Read(#[source] io::Error),
    /// It is none.
    #[error(transparent)]
    Capture(#[from] CaptureError),
}

impl Told {
    /// Whether there is nothing to do: every call is well.
    #[must_use]
    pub fn is_good(&self) -> bool {
        let fine = |finding: &Finding| finding.severity == Severity::Note;
        let calls = match &self.verdict {
            Some(verdict) => fine(&verdict.finding),
            None => self.report.good,
        };
        calls && self.findings.iter().all(fine)
    }

    /// As JSON, with a line end.
    #[must_use]
    pub fn json(&self) -> String {
        // Strings and numbers only: nothing in it can fail to become JSON.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }
}
