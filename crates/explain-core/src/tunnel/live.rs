//! What a live probe knows beyond its own capture, and the verdict that follows from both.
//!
//! The probe captures itself, so that the rules of a capture judge it; here is only what no capture
//! shows: the name, the route, rights, what this host's own firewall did, what the server counted.
//! It must never contradict the capture: it says what the capture leaves open.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::IpAddr;

use menshen_base::{Confidence, Finding, Severity};
use serde::Serialize;

use super::Side;
use super::methods::Methods;
use super::report::{CallReport, Report};
use super::verdict::Verdict;
use super::verdict::causes::finding;

mod steps;

pub use steps::{State, Step, steps};

/// What was done and seen.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Live {
    /// As it was asked for, escaped.
    pub host: String,
    /// Its addresses, each with what TCP port 1723 came to.
    pub addresses: Vec<Address>,
    /// How packets leave to the address that was probed.
    pub route: Option<Route>,
    /// Why this process may not send GRE.
    pub no_right: Option<String>,
    /// Each call that was tried.
    pub attempts: Vec<Attempt>,
    /// What the server counted, where a menshen answers there.
    pub far: Option<Far>,
    /// Whether SSTP answers; `None`: it was not asked.
    pub sstp: Option<Sstp>,
    /// Milliseconds that all of it took.
    pub took_ms: u64,
}

/// An address of the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Address {
    /// The address.
    pub address: IpAddr,
    /// What TCP port 1723 came to.
    pub tcp: Tcp,
    /// Milliseconds until that was known.
    pub after_ms: u64,
}

/// What became of a TCP connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tcp {
    /// It came about.
    Connected,
    /// It was refused.
    Refused,
    /// Nothing answered in time.
    Silent,
    /// This host or a router knows no way.
    Unreachable,
    /// This host forbids it.
    Forbidden,
    /// Another address answered first, and this one was not waited for.
    Unawaited,
    /// It was not tried: PPTP goes over IPv4.
    Untried,
}

/// How packets leave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Route {
    /// The server's address.
    pub to: IpAddr,
    /// This host's address on that way.
    pub from: IpAddr,
    /// The interface, escaped; empty: not known.
    pub device: String,
    /// Our address is of a private network and the server's is not: a NAT is in the way.
    pub behind_nat: bool,
}

/// A call that was tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Attempt {
    /// TCP port on this host.
    pub port: u16,
    /// Our call id.
    pub id: u16,
    /// GRE that was sent.
    pub sent: u64,
    /// GRE of the server that the socket gave us.
    pub received: u64,
    /// GRE of the server that passed the interface.
    pub seen: u64,
    /// What sending GRE failed with, and how often.
    pub forbidden: Option<(String, u64)>,
    /// Octets of the IP packets of echoes of LCP that were sent.
    pub echoes_sent: Vec<u16>,
    /// Of them those that were answered.
    pub echoes_answered: Vec<u16>,
    /// Octets of the longest packet that the interface takes.
    pub echoes_max: Option<u16>,
    /// Which methods of authentication the server takes; `None`: it was not asked, or asks for no
    /// proof.
    pub methods: Option<Methods>,
}

/// What the server counted of GRE from and to this address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Far {
    /// GRE of ours that arrived there.
    pub seen: u64,
    /// GRE that it sent to us.
    pub sent: u64,
}

/// What SSTP's port came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sstp {
    /// Whether a call can be made.
    pub answers: bool,
    /// What was seen, in words, escaped.
    pub words: String,
    /// Why the system's roots do not trust the certificate; `None`: they do, or there was none.
    pub untrusted: Option<String>,
}

/// The cause.
#[must_use]
pub fn verdict(live: &Live, report: &Report) -> Verdict {
    let mut verdict = cause(live, report);
    verdict.finding.hint = on_the_spot(&verdict.finding.hint, live);
    verdict
}

/// What to do with this very host: its name in the command, and whether SSTP answers there.
fn on_the_spot(hint: &str, live: &Live) -> String {
    if !hint.contains(COMMAND) {
        return hint.to_string();
    }
    let hint = hint.replace(COMMAND, &format!("sstp://USER@{}", live.host));
    match &live.sstp {
        Some(sstp) if sstp.answers => format!("{hint} SSTP answers there."),
        Some(_) => format!(
            "{hint} SSTP does not answer there yet: ask whoever runs the server to switch it on."
        ),
        None => hint,
    }
}

fn cause(live: &Live, report: &Report) -> Verdict {
    if let Some(verdict) = before(live) {
        return verdict;
    }
    if let Some(verdict) = own_firewall(live) {
        return verdict;
    }
    let Some(call) = primary(report) else {
        return no_tcp(live);
    };
    let verdict = call.verdict.clone();
    match &live.far {
        Some(far) if !verdict.open.is_empty() => settled(live, far, call, verdict),
        _ => verdict,
    }
}

/// What else is worth saying.
#[must_use]
pub fn notes(live: &Live, report: &Report) -> Vec<Finding> {
    let mut notes = Vec::new();
    let subject = || live.host.clone();
    let failed = |call: &&CallReport| call.verdict.finding.severity == Severity::Error;
    let first = report.calls.iter().find(failed);
    if let (Some(first), Some(chosen)) = (first, primary(report))
        && chosen.verdict.finding.severity == Severity::Note
    {
        let id = first.call.client_id.unwrap_or_default();
        let found = finding("tunnel-one-call-failed", subject());
        let claim = first.verdict.finding.claim.clone();
        notes.push(found.evidence(format!("call id {id}"), "probe", claim));
    }
    if let Some(route) = live.route.as_ref().filter(|route| route.behind_nat) {
        let found = finding("tunnel-behind-nat", subject());
        notes.push(found.evidence("address", "this host", route.from.to_string()));
    }
    notes.extend(mtu(live));
    if let Some(sstp) = &live.sstp {
        let code = if sstp.answers { "tunnel-sstp-answers" } else { "tunnel-sstp-absent" };
        let mut found = finding(code, subject()).evidence("port 443", "probe", &*sstp.words);
        if let Some(why) = &sstp.untrusted {
            found = found.evidence("certificate", "roots of this system", &**why);
        }
        notes.push(found);
    }
    notes
}

/// Large packets that do not pass where small ones do.
fn mtu(live: &Live) -> Option<Finding> {
    let attempt = live.attempts.iter().find(|attempt| !attempt.echoes_answered.is_empty())?;
    let passed = attempt.echoes_answered.iter().copied().max()?;
    let tried = attempt.echoes_sent.iter().copied().max()?;
    let code = if passed < tried { "tunnel-mtu-small" } else { "tunnel-mtu-fine" };
    let found = finding(code, live.host.clone());
    let found = found.evidence("longest packet that was answered", "LCP echo", octets(passed));
    Some(match passed < tried {
        true => found.evidence("longest packet that was sent", "LCP echo", octets(tried)),
        false => found,
    })
}

fn octets(count: u16) -> String {
    format!("{count} octets with the IP header")
}

fn plain(code: &'static str, live: &Live) -> Verdict {
    let finding = finding(code, live.host.clone());
    Verdict { finding, open: Vec::new(), settle: None }
}

/// What ends it before a packet is sent.
fn before(live: &Live) -> Option<Verdict> {
    let is_v4 = |address: &Address| address.address.is_ipv4();
    if !live.addresses.iter().any(is_v4) {
        let all: Vec<String> =
            live.addresses.iter().map(|address| address.address.to_string()).collect();
        let verdict = plain("tunnel-ipv6-only", live);
        return Some(verdict.with("addresses", "resolver", all.join(", ")));
    }
    let why = live.no_right.as_ref()?;
    Some(plain("tunnel-no-right", live).with("raw socket", "this host", why.clone()))
}

/// What no capture on the interface shows: packets that never got there, or never came further.
fn own_firewall(live: &Live) -> Option<Verdict> {
    let attempt = live.attempts.first()?;
    if let Some((error, times)) = &attempt.forbidden
        && attempt.sent == 0
    {
        let value = format!("{error}, {times} times");
        let verdict = plain("tunnel-own-firewall", live).with("sending GRE", "this host", value);
        return Some(verdict.with("GRE of the server", "interface", packets(attempt.seen)));
    }
    if attempt.seen > 0 && attempt.received == 0 {
        let verdict = plain("tunnel-own-firewall-in", live);
        let verdict = verdict.with("GRE of the server", "interface", packets(attempt.seen));
        return Some(verdict.with("GRE of the server", "our socket", "none came through"));
    }
    None
}

fn packets(count: u64) -> String {
    match count {
        0 => "no packet".to_string(),
        1 => "1 packet".to_string(),
        count => format!("{count} packets"),
    }
}

/// TCP did not even leave; or it was not heard on its way.
fn no_tcp(live: &Live) -> Verdict {
    let has = |tcp: Tcp| live.addresses.iter().find(|address| address.tcp == tcp);
    if has(Tcp::Connected).is_some() {
        let verdict = plain("tunnel-undecided", live);
        return verdict.with("packets of the call", "this host's interfaces", "none was heard");
    }
    let (code, seen) = match (has(Tcp::Unreachable), has(Tcp::Forbidden), has(Tcp::Refused)) {
        (Some(_), ..) => ("tunnel-no-route", "no way to the server"),
        (_, Some(_), _) => ("tunnel-own-firewall-tcp", "connecting is not permitted"),
        (.., Some(_)) => ("tunnel-own-firewall-tcp", "refused, and no SYN left this host"),
        _ => ("tunnel-own-firewall-tcp", "no SYN left this host"),
    };
    plain(code, live).with("TCP port 1723", "this host", seen)
}

/// The call that stands for the host: one that went best, or what one with another call id shows.
fn primary(report: &Report) -> Option<&CallReport> {
    let code = |call: &&CallReport| call.verdict.finding.code;
    let nat = |call: &&CallReport| {
        code(call) == "tunnel-nat-without-helper" && call.verdict.open.is_empty()
    };
    let well = |call: &&CallReport| call.verdict.finding.severity == Severity::Note;
    let calls = || report.calls.iter();
    calls().find(nat).or_else(|| calls().find(well)).or_else(|| report.calls.first())
}

/// The server counted: the direction is known. Whether what stops its answers is a filter or a NAT
/// is not, where there is a NAT.
fn settled(live: &Live, far: &Far, call: &CallReport, before: Verdict) -> Verdict {
    let comes = call.call.sent_by(Side::Server).packets > 0;
    let code = match (far.seen, far.sent) {
        (0, _) => "tunnel-gre-lost-out",
        _ if comes => "tunnel-server-ignores-gre",
        (_, 0) => "tunnel-server-sends-no-gre",
        _ => "tunnel-gre-lost-back",
    };
    let mut found = finding(code, before.finding.subject.clone());
    found.evidence = before.finding.evidence;
    found.confidence = Confidence::Certain;
    let place = "menshen at the server, over HTTPS";
    let found = found.evidence("GRE of ours that arrived", place, packets(far.seen));
    let mut finding = found.evidence("GRE that it sent to us", place, packets(far.sent));
    let (mut open, mut settle) = (Vec::new(), None);
    if code == "tunnel-gre-lost-back" && live.route.as_ref().is_some_and(|way| way.behind_nat) {
        finding.confidence = Confidence::Likely;
        open.extend([code, "tunnel-nat-without-helper"]);
        settle = Some("A capture on the NAT tells.");
    }
    Verdict { finding, open, settle }
}

impl Verdict {
    fn with(mut self, what: &str, place: &str, value: impl Into<String>) -> Self {
        self.finding = self.finding.evidence(what, place, value);
        self
    }
}

/// What a hint has in place of a host.
const COMMAND: &str = "sstp://USER@HOST";

#[cfg(test)]
mod tests;
