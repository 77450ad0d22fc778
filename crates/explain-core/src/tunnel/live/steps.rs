//! The steps of a live probe, one line each: what was done, and what it came to.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use menshen_base::Severity;
use serde::Serialize;

use super::{Attempt, Live, Tcp};
use crate::tunnel::Side;
use crate::tunnel::calls::{Call, Peer};
use crate::tunnel::report::Report;

/// A step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// Its name.
    pub name: &'static str,
    /// Whether it went well.
    pub state: State,
    /// What was seen.
    pub words: String,
}

/// How a step went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Well.
    Well,
    /// Not well.
    Fails,
    /// Neither.
    Open,
}

impl State {
    /// The word in texts.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Well => "well",
            Self::Fails => "FAILS",
            Self::Open => "-",
        }
    }

    const fn of(is_well: bool) -> Self {
        if is_well { Self::Well } else { Self::Fails }
    }
}

/// All steps that were taken, in order.
#[must_use]
pub fn steps(live: &Live, report: &Report) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut add = |name, state, words: String| steps.push(Step { name, state, words });
    let all: Vec<String> = live.addresses.iter().map(|one| one.address.to_string()).collect();
    let has_v4 = live.addresses.iter().any(|one| one.address.is_ipv4());
    add("name", State::of(has_v4), format!("{} is {}", live.host, all.join(", ")));
    if let Some(route) = &live.route {
        let nat = if route.behind_nat { ", behind a NAT" } else { "" };
        let by =
            if route.device.is_empty() { String::new() } else { format!(" by {}", route.device) };
        add("route", State::Well, format!("from {}{by} to {}{nat}", route.from, route.to));
    }
    for address in live.addresses.iter().filter(|one| one.tcp != Tcp::Untried) {
        let state = match address.tcp {
            Tcp::Connected => State::Well,
            Tcp::Unawaited => State::Open,
            _ => State::Fails,
        };
        add(
            "TCP 1723",
            state,
            format!("{} {}", address.address, tcp(address.tcp, address.after_ms)),
        );
    }
    if let Some(why) = &live.no_right {
        add("right", State::Fails, format!("GRE may not be sent: {why}"));
    }
    let call = |attempt: &Attempt| {
        let port = |call: &Call| call.control.as_ref().map(|control| control.client_port);
        report.calls.iter().find(|one| port(&one.call) == Some(attempt.port))
    };
    for (number, attempt) in live.attempts.iter().enumerate() {
        let Some(told) = call(attempt) else { continue };
        if number == 0 {
            greeting(&told.call, &mut add);
        }
        granted(&told.call, attempt, &mut add);
        gre(&told.call, attempt, told.verdict.finding.severity == Severity::Note, &mut add);
    }
    if let Some(attempt) = live.attempts.iter().find(|one| !one.echoes_sent.is_empty()) {
        let most = |all: &[u16]| all.iter().copied().max();
        let (sent, came) = (most(&attempt.echoes_sent), most(&attempt.echoes_answered));
        add(
            "MTU",
            State::of(sent == came),
            match came {
                Some(came) => format!("packets of {came} octets pass both ways"),
                None => "no echo came back".to_string(),
            },
        );
    }
    if let Some(far) = &live.far {
        let words =
            format!("a menshen there saw {} GRE packets of ours, sent {}", far.seen, far.sent);
        add("far end", State::Well, words);
    }
    if let Some(sstp) = &live.sstp {
        let state = if sstp.answers { State::Well } else { State::Open };
        add("SSTP 443", state, sstp.words.clone());
    }
    steps
}

fn greeting(call: &Call, add: &mut impl FnMut(&'static str, State, String)) {
    let Some(control) = &call.control else { return };
    match (&control.server, control.start_result) {
        (Some(peer), result) => {
            let well = result.is_some_and(|(result, _)| result == 1);
            add("greeting", State::of(well), server(peer));
        }
        (None, _) if control.syn_ack_us.is_some() => {
            let words = match &control.foreign {
                Some((_, octets)) => format!("not PPTP: {octets}"),
                None => "no answer to the Start-Control-Connection-Request".to_string(),
            };
            add("greeting", State::Fails, words);
        }
        _ => {}
    }
}

fn server(peer: &Peer) -> String {
    let mut framing = Vec::new();
    for (bit, word) in [(1, "asynchronous"), (2, "synchronous")] {
        if peer.framing & bit != 0 {
            framing.push(word);
        }
    }
    let framing = if framing.is_empty() { "none".to_string() } else { framing.join(" and ") };
    let (major, minor) = (peer.version >> 8, peer.version & 0xff);
    let host = if peer.host.is_empty() { "no name".into() } else { format!("\"{}\"", peer.host) };
    format!(
        "{host}, vendor \"{}\", version {major}.{minor}, framing {framing}, firmware {}",
        peer.vendor, peer.firmware
    )
}

fn granted(call: &Call, attempt: &Attempt, add: &mut impl FnMut(&'static str, State, String)) {
    let Some(control) = call.control.as_ref().filter(|control| control.asked_us.is_some()) else {
        return;
    };
    match (control.call_result, call.server_id) {
        (Some((1, ..)), Some(server)) => {
            add(
                "call",
                State::Well,
                format!("granted: ours is {}, the server's {server}", attempt.id),
            );
        }
        (Some((result, error, cause)), _) => {
            let words = format!("refused: result {result}, error {error}, cause {cause}");
            add("call", State::Fails, words);
        }
        (None, _) => add("call", State::Fails, "the request was not answered".to_string()),
    }
}

fn gre(
    call: &Call,
    attempt: &Attempt,
    is_well: bool,
    add: &mut impl FnMut(&'static str, State, String),
) {
    if call.server_id.is_none() {
        return;
    }
    let out = match &attempt.forbidden {
        Some((error, times)) => format!("sending is forbidden here: {error}, {times} times"),
        None => format!("{} packets sent, call id {}", attempt.sent, attempt.id),
    };
    let heard = call.reacts(Side::Server);
    let state = match (heard, attempt.forbidden.is_some()) {
        (true, _) => State::Well,
        (false, true) => State::Fails,
        // Sent it is; whether it arrived is not known.
        (false, false) => State::Open,
    };
    let told = if heard { "; the server heard them" } else { "; nothing shows that they arrived" };
    let told = if attempt.forbidden.is_some() { "" } else { told };
    add("GRE out", state, format!("{out}{told}"));
    let back = match (attempt.seen, attempt.received) {
        (0, _) => "none came".to_string(),
        (seen, 0) => format!("{seen} packets came to the interface, none to this program"),
        (_, received) => format!("{received} packets came"),
    };
    add("GRE back", State::of(attempt.received > 0), back);
    if attempt.received > 0 {
        let ppp = &call.to_client.ppp;
        let auth = ppp.asked_auth.first().map_or("no authentication", String::as_str);
        let up = ppp.lcp.acks > 0 && call.to_server.ppp.lcp.acks > 0;
        let words = if up { "up" } else { "does not come up" };
        add("LCP", State::of(up && is_well), format!("{words}; the server asks for {auth}"));
        if let Some(methods) = &attempt.methods {
            add("methods", State::Well, methods.words());
        }
    }
}

fn tcp(tcp: Tcp, after_ms: u64) -> String {
    match tcp {
        Tcp::Connected => format!("connected after {after_ms} ms"),
        Tcp::Refused => format!("refused after {after_ms} ms"),
        Tcp::Silent => format!("no answer within {after_ms} ms"),
        Tcp::Unreachable => "no way there".to_string(),
        Tcp::Forbidden => "not permitted by this host".to_string(),
        Tcp::Unawaited => "not waited for".to_string(),
        Tcp::Untried => "not tried".to_string(),
    }
}
