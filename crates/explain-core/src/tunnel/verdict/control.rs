//! Rules of the control connection: TCP, greeting, call.

use alloc::format;

use menshen_tunnel_core::pptp::control::{CallResult, ErrorCode, StartResult};

use super::{Case, Rule, Verdict, seconds};
use crate::tunnel::Side;

pub(super) const RULES: &[Rule] = &[port, not_pptp, silent, start_refused, call_refused, no_call];

fn port(case: &Case<'_>) -> Option<Verdict> {
    let control = case.control()?;
    if control.syns == 0 || control.syn_ack_us.is_some() || control.answered_us.is_some() {
        return None;
    }
    let syns = format!("{} without SYN, ACK", control.syns);
    if let Some(icmp) = case.call.icmp.iter().find(|icmp| !icmp.gre && icmp.kind == 3) {
        let value = format!("{} ({}) from {}", icmp.words(), icmp.numbers(), icmp.from);
        let code = if icmp.code < 2 { "tunnel-unreachable" } else { "tunnel-port-rejected" };
        let verdict = case.is(code).evidence("ICMP", "capture", value);
        return Some(verdict.evidence("SYN", "capture", syns));
    }
    let reset = control.closed.filter(|closed| closed.by == Side::Server && closed.reset);
    Some(match reset {
        Some(_) => case.is("tunnel-port-closed").evidence("RST", "capture", "answers the SYN"),
        None => case.is("tunnel-port-filtered").evidence("SYN", "capture", syns),
    })
}

fn not_pptp(case: &Case<'_>) -> Option<Verdict> {
    let (side, octets) = case.control()?.foreign.as_ref()?;
    if *side != Side::Server {
        return None;
    }
    Some(case.is("tunnel-not-pptp").evidence("first bytes of the server", "capture", octets))
}

fn silent(case: &Case<'_>) -> Option<Verdict> {
    let control = case.control()?;
    let asked = control.client.is_some() && control.server.is_none() && control.whole;
    if !asked || control.hole || control.asked_us.is_some() {
        return None;
    }
    let since = case.counts.last_us.saturating_sub(control.connected_us.unwrap_or(0));
    if since < PATIENCE_US && control.closed.is_none() {
        return None;
    }
    let value = "sent, and no Start-Control-Connection-Reply";
    let verdict = case.is("tunnel-control-silent");
    Some(verdict.evidence("Start-Control-Connection-Request", "capture", value))
}

fn start_refused(case: &Case<'_>) -> Option<Verdict> {
    let (result, error) = case.control()?.start_result?;
    if StartResult(result) == StartResult::OK {
        return None;
    }
    let value = format!("{}; error {}", StartResult(result), ErrorCode(error));
    let verdict = case.is("tunnel-start-refused");
    Some(verdict.evidence("result", "Start-Control-Connection-Reply", value))
}

fn call_refused(case: &Case<'_>) -> Option<Verdict> {
    let control = case.control()?;
    let Some((result, error, cause)) = control.call_result else {
        let asked = control.asked_us?;
        let until = control.closed.map_or(case.counts.last_us, |closed| closed.at_us);
        let waited = until.saturating_sub(asked);
        if control.hole || waited < PATIENCE_US && control.closed.is_none() {
            return None;
        }
        let verdict = case.is("tunnel-call-unanswered");
        return Some(verdict.evidence(
            "Outgoing-Call-Request",
            "capture",
            format!("no answer within {}", seconds(waited)),
        ));
    };
    if CallResult(result) == CallResult::CONNECTED {
        return None;
    }
    let mut value = format!("{}", CallResult(result));
    if CallResult(result) == CallResult::GENERAL_ERROR {
        value = format!("{value}; error {}", ErrorCode(error));
    }
    if cause != 0 {
        value = format!("{value}; cause {cause}");
    }
    Some(case.is("tunnel-call-refused").evidence("result", "Outgoing-Call-Reply", value))
}

fn no_call(case: &Case<'_>) -> Option<Verdict> {
    let control = case.control()?;
    let greeted = control.start_result.is_some() && control.asked_us.is_none();
    let none = greeted && control.answered_us.is_none() && case.call.to_server.packets == 0;
    let waited = control.closed.is_some() || case.counts.last_us > case.call.began_us + PATIENCE_US;
    (none && waited && !control.hole).then(|| case.is("tunnel-no-call"))
}

/// After so much silence nothing more is expected.
const PATIENCE_US: u64 = 5_000_000;
