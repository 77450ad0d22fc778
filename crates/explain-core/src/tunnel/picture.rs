//! The ladder of a call: what passed between both ends, rung by rung, and where it stops.
//!
//! Words for who has never heard of GRE; the wire's own names stand beside them. It must never show
//! a packet as arrived that nothing shows to have arrived. Pure; drawing is another crate's.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::IpAddr;

use menshen_base::Severity;

use super::Side;
use super::calls::Call;
use super::report::CallReport;
use super::vantage::Vantage;
use super::verdict::Verdict;
use super::verdict::causes::CAUSES;

mod gre;
mod rungs;

/// A call as a picture has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ladder {
    /// Who asked.
    pub client: IpAddr,
    /// Who was asked.
    pub server: IpAddr,
    /// Call ids, or that there is none.
    pub ids: String,
    /// Where it was captured.
    pub place: &'static str,
    /// From the first step to the last one that was tried.
    pub rungs: Vec<Rung>,
    /// How it ends; it stands behind the last rung.
    pub ending: Ending,
    /// Steps that were never reached.
    pub unreached: Vec<&'static str>,
}

/// One step of the way up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rung {
    /// Its name.
    pub name: &'static str,
    /// What it is for, in plain words.
    pub plain: &'static str,
    /// Whether it was done.
    pub is_done: bool,
    /// What passed.
    pub arrows: Vec<Arrow>,
}

/// Something that was sent, or should have been.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrow {
    /// By whom.
    pub from: Side,
    /// What, escaped.
    pub label: String,
    /// What became of it.
    pub fate: Fate,
}

/// What became of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// It arrived.
    Arrives,
    /// It was sent, and nothing shows whether it arrived.
    Doubt,
    /// It arrived, and says no.
    Refuses,
    /// It was sent and did not arrive.
    Stops,
    /// It should have come and was never seen.
    Missing,
}

/// How it ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// How bad that is.
    pub severity: Severity,
    /// The claim, with a capital.
    pub claim: String,
    /// What to do; may be empty.
    pub hint: String,
    /// What looks the same from here, each in words; empty: it is this.
    pub open: Vec<&'static str>,
    /// What would tell them apart.
    pub settle: Option<&'static str>,
    /// The stable code.
    pub code: &'static str,
}

impl Ladder {
    /// The ladder of a call. `verdict`: instead of the call's own, where more is known.
    #[must_use]
    pub fn of(report: &CallReport, verdict: Option<&Verdict>) -> Self {
        let call = &report.call;
        let verdict = verdict.unwrap_or(&report.verdict);
        let case = Case { call, vantage: &report.vantage, code: verdict.finding.code };
        let mut rungs = rungs::all(&case);
        let first = rungs.iter().position(|rung| !rung.is_done);
        let tried = |rung: &Rung| rung.is_done || !rung.arrows.is_empty();
        let last = rungs.iter().rposition(tried).map_or(0, |last| last + 1);
        // Beyond the step that fails nothing is told but what really passed.
        let shown = first.map_or(rungs.len(), |first| last.max(first + 1));
        let is_good = verdict.finding.severity == Severity::Note;
        let shown = if is_good { last } else { shown };
        let unreached = rungs.split_off(shown.min(rungs.len()));
        let ids = match (call.client_id, call.server_id) {
            (Some(client), Some(server)) => format!("call ids {client} and {server}"),
            (Some(client), None) => format!("call id {client}"),
            _ => "no call id".to_string(),
        };
        Self {
            client: call.client,
            server: call.server,
            ids,
            place: report.vantage.place.words(),
            rungs,
            ending: Ending::of(verdict),
            unreached: unreached.iter().map(|rung| rung.name).collect(),
        }
    }
}

impl Ending {
    /// A verdict in whole sentences.
    #[must_use]
    pub fn of(verdict: &Verdict) -> Self {
        let found = &verdict.finding;
        let open = verdict.open.iter().filter(|code| **code != found.code);
        let claim = |code: &&'static str| {
            let cause = CAUSES.iter().find(|cause| cause.code == *code);
            cause.map_or(*code, |cause| cause.claim)
        };
        Self {
            severity: found.severity,
            claim: capital(&found.claim),
            hint: found.hint.clone(),
            open: open.map(claim).collect(),
            settle: verdict.settle,
            code: found.code,
        }
    }
}

/// What rungs are made from.
struct Case<'a> {
    call: &'a Call,
    vantage: &'a Vantage,
    code: &'static str,
}

fn capital(text: &str) -> String {
    let mut rest = text.chars();
    let first = rest.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    first + rest.as_str()
}
