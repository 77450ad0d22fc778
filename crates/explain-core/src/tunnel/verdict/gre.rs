//! Rules of GRE: who sends, who hears, and what the place of the capture lets one say.
//!
//! What a side answers, it has heard. What nobody answers is lost beyond the place of the capture,
//! or was never taken: from one end alone both look the same.

use alloc::format;

use super::{Case, Rule, Verdict, seconds};
use crate::tunnel::Side;
use crate::tunnel::calls::Icmp;
use crate::tunnel::vantage::hops;

pub(super) const RULES: &[Rule] = &[
    rejected,
    refused_by_server,
    refused_on_the_clients_side,
    wrong_call_id,
    only_client,
    only_server,
    one_way,
    deaf,
    none,
];

fn rejected(case: &Case<'_>) -> Option<Verdict> {
    let (client, server) = (case.call.reacts(Side::Client), case.call.reacts(Side::Server));
    let icmp = error(case, |icmp| icmp.is_prohibition() || icmp.kind == 3 && icmp.code < 2)?;
    if client && server {
        return None;
    }
    let code = if icmp.is_prohibition() { "tunnel-gre-rejected" } else { "tunnel-gre-unreachable" };
    Some(with_icmp(case.is(code), icmp).with_counts(case))
}

fn refused_by_server(case: &Case<'_>) -> Option<Verdict> {
    let icmp = error(case, |icmp| icmp.code == 2 && icmp.from == case.call.server)?;
    let taken = is_start(case, icmp, Side::Client);
    // Who has hung up takes no GRE any more: that is an end, and no cause.
    let hung_up = case.control().and_then(|control| control.closed);
    let after = hung_up.is_some_and(|end| end.by == Side::Server && icmp.at_us > end.at_us);
    if taken || after || case.call.reacts(Side::Server) || case.sends(Side::Server) {
        return None;
    }
    Some(with_icmp(case.is("tunnel-server-without-gre"), icmp).with_counts(case))
}

fn refused_on_the_clients_side(case: &Case<'_>) -> Option<Verdict> {
    let icmp = error(case, |icmp| icmp.code == 2 && icmp.from == case.call.client)?;
    if case.call.reacts(Side::Client) || is_start(case, icmp, Side::Server) {
        return None;
    }
    // A NAT has the client's address and another distance.
    let answerer = icmp.ttl.map(hops);
    let behind_nat = case.vantage.client_hops.is_some() && answerer != case.vantage.client_hops;
    let distances = format!("{answerer:?} and {:?}", case.vantage.client_hops);
    let distances = distances.replace("Some(", "").replace(')', "");
    let verdict = match behind_nat {
        true => case.is("tunnel-nat-without-helper"),
        false => case.is("tunnel-client-without-gre"),
    };
    let what = "routers to who answers, and to the client";
    let verdict = with_icmp(verdict, icmp).evidence(what, "TTL", distances).with_counts(case);
    Some(match (behind_nat, case.sends(Side::Client)) {
        (true, true) => verdict,
        (true, false) => verdict.or(&["tunnel-gre-lost-out"], NEAR_CLIENT),
        (false, _) => verdict.or(&["tunnel-nat-without-helper"], NEAR_CLIENT),
    })
}

fn wrong_call_id(case: &Case<'_>) -> Option<Verdict> {
    let strays = case.call.strays.iter();
    let stray = strays.clone().find(|stray| stray.frames > 0 && !case.sends(stray.from))?;
    let expected = match stray.from {
        Side::Client => case.call.server_id,
        Side::Server => case.call.client_id,
    }?;
    let value = format!(
        "{} in {} packets of the {}, not {expected}",
        stray.key,
        stray.packets,
        stray.from.word()
    );
    Some(case.is("tunnel-wrong-call-id").evidence("call id", "GRE", value).with_counts(case))
}

/// Only the client's GRE is here.
fn only_client(case: &Case<'_>) -> Option<Verdict> {
    if !case.sends(Side::Client) || case.call.to_client.packets > 0 {
        return None;
    }
    if case.vantage.is_near_server() {
        let code = "tunnel-server-sends-no-gre";
        return enough(case, Side::Client).then(|| case.is(code).with_counts(case));
    }
    if let Some(after) = gave_up(case, Side::Server) {
        let value = format!("{} after it granted the call", seconds(after));
        let verdict = case.is("tunnel-nat-without-helper");
        let verdict = verdict.evidence("end by the server", "control connection", value);
        let open = ["tunnel-gre-lost-out", "tunnel-gre-lost-back", "tunnel-server-gave-up"];
        return Some(verdict.with_counts(case).or(&open, NEAR_SERVER));
    }
    if !enough(case, Side::Client) {
        return None;
    }
    // A NAT that does not know the server's GRE may also drop it without a word.
    let open = [
        "tunnel-gre-lost-out",
        "tunnel-gre-lost-back",
        "tunnel-nat-without-helper",
        "tunnel-server-sends-no-gre",
    ];
    Some(case.is("tunnel-gre-lost").with_counts(case).or(&open, BOTH_ENDS))
}

/// Only the server's GRE is here.
fn only_server(case: &Case<'_>) -> Option<Verdict> {
    if !case.sends(Side::Server) || case.call.to_server.packets > 0 || !enough(case, Side::Server) {
        return None;
    }
    if case.vantage.is_near_client() {
        return Some(case.is("tunnel-client-sends-no-gre").with_counts(case));
    }
    let open = ["tunnel-gre-lost-out", "tunnel-gre-lost", "tunnel-client-sends-no-gre"];
    Some(case.is("tunnel-gre-not-arriving").with_counts(case).or(&open, BOTH_ENDS))
}

/// Both send, one hears.
fn one_way(case: &Case<'_>) -> Option<Verdict> {
    let (client, server) = (case.call.reacts(Side::Client), case.call.reacts(Side::Server));
    let verdict = match (client, server) {
        (true, false) if enough(case, Side::Client) => match case.vantage.is_near_server() {
            true => case.is("tunnel-server-ignores-gre"),
            false => case.is("tunnel-gre-lost-out"),
        },
        (false, true) if enough(case, Side::Server) || deaf_to_answers(case) => {
            match case.vantage.is_near_client() {
                true => case.is("tunnel-client-ignores-gre"),
                false => case.is("tunnel-gre-lost-back"),
            }
        }
        _ => return None,
    };
    let verdict = verdict.with_counts(case);
    // The box that drops may be the end itself, behind where it was captured.
    Some(match verdict.finding.code {
        "tunnel-gre-lost-out" => verdict.or(&["tunnel-server-ignores-gre"], NEAR_SERVER),
        "tunnel-gre-lost-back" => verdict.or(&["tunnel-client-ignores-gre"], NEAR_CLIENT),
        _ => verdict,
    })
}

/// Both send, neither hears, though it is here.
fn deaf(case: &Case<'_>) -> Option<Verdict> {
    let heard = case.call.reacts(Side::Client) || case.call.reacts(Side::Server);
    if heard || !enough(case, Side::Client) || !enough(case, Side::Server) {
        return None;
    }
    let (code, open, settle): (_, &[&'static str], _) =
        match (case.vantage.is_near_client(), case.vantage.is_near_server()) {
            (true, false) => ("tunnel-client-ignores-gre", &["tunnel-gre-lost-out"], NEAR_SERVER),
            (false, true) => ("tunnel-server-ignores-gre", &["tunnel-gre-lost-back"], NEAR_CLIENT),
            _ => {
                let open = &["tunnel-client-ignores-gre", "tunnel-server-ignores-gre"];
                ("tunnel-gre-lost", open, BOTH_ENDS)
            }
        };
    Some(case.is(code).with_counts(case).or(open, settle))
}

fn none(case: &Case<'_>) -> Option<Verdict> {
    let granted = case.control()?.call_result.is_some();
    if !granted || case.call.to_server.packets > 0 || case.call.to_client.packets > 0 {
        return None;
    }
    let ends = [
        (Side::Client, "tunnel-client-gave-up", "end by the client"),
        (Side::Server, "tunnel-server-gave-up", "end by the server"),
    ];
    for (side, code, what) in ends {
        let Some(after) = gave_up(case, side) else { continue };
        let value = format!("{} after the call was granted", seconds(after));
        let verdict = case.is(code).evidence(what, "control connection", value);
        let open: &[&'static str] = match side {
            Side::Client => &["tunnel-gre-rejected", "tunnel-no-gre-captured"],
            Side::Server => &["tunnel-no-gre-captured"],
        };
        return Some(verdict.with_counts(case).or(open, NEAR_CLIENT));
    }
    Some(case.is("tunnel-no-gre-captured").with_counts(case))
}

fn error<'a>(case: &'a Case<'_>, which: impl Fn(&Icmp) -> bool) -> Option<&'a Icmp> {
    case.call.icmp.iter().find(|icmp| icmp.gre && icmp.kind == 3 && which(icmp))
}

/// The first packets may be faster than the other end's socket; what came after was taken.
fn is_start(case: &Case<'_>, icmp: &Icmp, sender: Side) -> bool {
    u64::from(icmp.count) * 2 < case.call.sent_by(sender).frames
        && !case.call.reacts(sender.other())
        && icmp.count < REQUESTS_ENOUGH
}

fn with_icmp(verdict: Verdict, icmp: &Icmp) -> Verdict {
    let (words, numbers) = (icmp.words(), icmp.numbers());
    let value = format!(
        "{words} ({numbers}) from {}, {} times, on GRE of the {}",
        icmp.from,
        icmp.count,
        icmp.quotes.word()
    );
    verdict.evidence("ICMP", "capture", value)
}

/// The client goes on asking what the server has granted: it does not hear that.
fn deaf_to_answers(case: &Case<'_>) -> bool {
    enough(case, Side::Client) && case.call.to_client.ppp.lcp.acks >= REQUESTS_ENOUGH
}

/// This side asked often enough to be heard by now.
fn enough(case: &Case<'_>, side: Side) -> bool {
    let lcp = &case.call.sent_by(side).ppp.lcp;
    let asked = lcp.last_request_us.unwrap_or(0).saturating_sub(lcp.first_request_us.unwrap_or(0));
    let watched = lcp.first_request_us.map_or(0, |first| case.counts.last_us.saturating_sub(first));
    lcp.requests >= REQUESTS_ENOUGH && asked.max(watched) >= WAITED_ENOUGH_US
}

/// This side ended the call soon after it was granted: how soon, in microseconds.
fn gave_up(case: &Case<'_>, side: Side) -> Option<u64> {
    let control = case.control()?;
    let granted = control.answered_us?;
    let ended = control.ended.as_ref().map(|ended| (ended.by, ended.at_us));
    let closed = control.closed.map(|closed| (closed.by, closed.at_us));
    let (by, at_us) = [ended, closed].into_iter().flatten().min_by_key(|(_, at_us)| *at_us)?;
    let after = at_us.checked_sub(granted)?;
    (by == side && after < GAVE_UP_WITHIN_US).then_some(after)
}

const BOTH_ENDS: &str = "A capture at the other end at the same time tells which way it is lost; \
with menshen at both ends `menshen explain tunnel HOST` asks the other end.";
const NEAR_CLIENT: &str = "A capture at the client, or on its NAT, tells.";
const NEAR_SERVER: &str = "A capture at the server, or its log, tells.";
/// One may be lost by chance, or be faster than the other end's socket.
const REQUESTS_ENOUGH: u32 = 3;
/// And its answer takes a while.
const WAITED_ENOUGH_US: u64 = 2_000_000;
/// pppd asks for 30 seconds before it gives up; whoever is faster was told something.
const GAVE_UP_WITHIN_US: u64 = 3_000_000;
