//! The report for people: each call with its verdict, evidence and events.
//!
//! Texts of peers were escaped where they were read.

use alloc::format;
use alloc::string::{String, ToString};
use core::fmt::Write as _;

use menshen_base::Finding;

use super::Report;
use super::calls::{Call, Event};
use super::live::Step;
use super::report::CallReport;
use super::verdict::Verdict;

/// The report as text, with a line end.
#[must_use]
pub fn text(report: &Report) -> String {
    let mut out = String::new();
    let counts = &report.counts;
    let _ = writeln!(
        out,
        "{} packets in {}: {} of GRE, {} of port 1723, {} ICMP errors about them",
        counts.packets,
        seconds(counts.last_us),
        counts.gre,
        counts.control,
        counts.icmp
    );
    if report.calls.is_empty() {
        out.push_str("no PPTP is in the capture\n");
        if counts.unknown_links > 0 {
            let _ = writeln!(out, "  {} packets are of an unknown link type", counts.unknown_links);
        }
    }
    for (number, call) in report.calls.iter().enumerate().take(CALLS_SHOWN) {
        out.push('\n');
        self::call(number + 1, call, &mut out);
    }
    if let Some(more @ 1..) = report.calls.len().checked_sub(CALLS_SHOWN) {
        let _ = writeln!(out, "\n{more} more calls; all are in the output of --json");
    }
    if counts.left_out > 0 {
        let _ = writeln!(out, "\n{} flows or calls did not fit and were left out", counts.left_out);
    }
    out
}

fn call(number: usize, report: &CallReport, out: &mut String) {
    let call = &report.call;
    let ids = match (call.client_id, call.server_id) {
        (Some(client), Some(server)) => format!(", call ids {client} and {server}"),
        (Some(client), None) => format!(", call id {client}"),
        _ => String::new(),
    };
    let _ = writeln!(out, "call {number}: client {} → server {}{ids}", call.client, call.server);
    let _ = writeln!(out, "  captured {}", report.vantage.place.words());
    if call.sides_inferred {
        let _ = writeln!(out, "  no control connection: who is client is inferred from PPP");
    }
    verdict(&report.verdict, out);
    for note in &report.notes {
        finding(note, out);
    }
    events(call, out);
}

/// A verdict: claim, evidence, what to do, what stays open.
pub fn verdict(verdict: &Verdict, out: &mut String) {
    finding(&verdict.finding, out);
    if !verdict.open.is_empty() {
        let _ = writeln!(out, "    cannot be told apart from here: {}", verdict.open.join(", "));
    }
    if let Some(settle) = verdict.settle {
        let _ = writeln!(out, "    {settle}");
    }
}

/// The steps of a live probe, one a line.
pub fn steps(steps: &[Step], out: &mut String) {
    for Step { name, state, words } in steps {
        let _ = writeln!(out, "  {:5}  {name:8}  {words}", state.word());
    }
}

/// A finding with its evidence, indented.
pub fn finding(finding: &Finding, out: &mut String) {
    let Finding { severity, code, claim, evidence, hint, .. } = finding;
    let _ = writeln!(out, "  {}: {claim} [{code}]", severity.word());
    for evidence in evidence {
        let _ = writeln!(out, "    {} ({}): {}", evidence.what, evidence.place, evidence.value);
    }
    if !hint.is_empty() {
        let _ = writeln!(out, "    hint: {hint}");
    }
}

/// Repetitions in one line.
fn events(call: &Call, out: &mut String) {
    let mut rest = &call.events[..];
    let mut lines = 0;
    while let Some(first) = rest.first() {
        let alike = |event: &&Event| event.what == first.what && event.from == first.from;
        let count = rest.iter().take_while(alike).count();
        let times = if count > 1 { format!(" (×{count})") } else { String::new() };
        let at = seconds(first.at_us.saturating_sub(call.began_us));
        let _ = writeln!(out, "  {at:>10}  {:6}  {}{times}", first.from.word(), first.what);
        rest = rest.get(count..).unwrap_or_default();
        lines += 1;
        if lines >= EVENTS_SHOWN && !rest.is_empty() {
            let _ = writeln!(out, "  … {} more events", rest.len());
            return;
        }
    }
}

fn seconds(us: u64) -> String {
    format!("{}.{:03} s", us / 1_000_000, us % 1_000_000 / 1000).to_string()
}

/// Calls printed; a capture of a server can have thousands.
const CALLS_SHOWN: usize = 50;
/// Lines of events printed of one call.
const EVENTS_SHOWN: usize = 40;
