//! What else is worth saying of a call: how good the way is, what is in it.

use alloc::format;
use alloc::vec::Vec;

use menshen_base::{Finding, Severity};

use super::Case;
use crate::tunnel::Side;

type Rule = fn(&Case<'_>) -> Option<Finding>;

const RULES: &[Rule] = &[cut, hole, helper, decoy, mtu, fragments, loss, reordering];

pub(super) fn all(case: &Case<'_>) -> Vec<Finding> {
    RULES.iter().filter_map(|rule| rule(case)).collect()
}

fn finding(case: &Case<'_>, code: &'static str, severity: Severity, claim: &str) -> Finding {
    Finding::new(code, severity, case.subject(), claim)
}

fn cut(case: &Case<'_>) -> Option<Finding> {
    if case.counts.cut == 0 {
        return None;
    }
    let claim = "packets were cut when they were captured; what was in them is not read";
    let found = finding(case, "tunnel-capture-cut", Severity::Warning, claim);
    let found = found.evidence("packets", "capture", format!("{}", case.counts.cut));
    Some(found.hint("Capture whole packets: `tcpdump -s 0`."))
}

fn hole(case: &Case<'_>) -> Option<Finding> {
    let control = case.control()?;
    if !control.hole && (control.whole || control.server.is_some()) {
        return None;
    }
    let claim = match control.hole {
        true => "bytes of the control connection are missing in the capture",
        false => "the control connection began before the capture",
    };
    Some(finding(case, "tunnel-capture-incomplete", Severity::Note, claim))
}

/// Linux's helper gives the call the port of the control connection as it is after NAT.
fn helper(case: &Case<'_>) -> Option<Finding> {
    let port = case.control()?.client_port;
    let id = case.call.client_id.filter(|id| *id == port)?;
    let claim = "a NAT with PPTP helper is in the way";
    let found = finding(case, "tunnel-nat-helper", Severity::Note, claim);
    Some(found.evidence(
        "call id",
        "Outgoing-Call-Request",
        format!("{id} = the client's TCP port"),
    ))
}

fn decoy(case: &Case<'_>) -> Option<Finding> {
    let zero = case.call.client_id == Some(0);
    let strays = case.call.strays.iter();
    let sent = strays
        .filter(|stray| zero && stray.from == Side::Client && stray.key == 0 && stray.frames == 0);
    let packets: u64 = sent.map(|stray| stray.packets).sum();
    if packets == 0 {
        return None;
    }
    let claim = "the client took call id 0 and opened the way through NAT with key 0";
    let found = finding(case, "tunnel-decoy", Severity::Note, claim);
    Some(found.evidence("packets with key 0", "GRE", format!("{packets}")))
}

fn mtu(case: &Case<'_>) -> Option<Finding> {
    let icmp = case.call.icmp.iter().find(|icmp| icmp.gre && icmp.kind == 3 && icmp.code == 4)?;
    let claim = "packets are too large for the way";
    let found = finding(case, "tunnel-mtu", Severity::Warning, claim);
    let value = icmp.mtu.map_or_else(|| "not told".into(), |mtu| format!("{mtu}"));
    let found = found.evidence("MTU", format!("ICMP 3/4 from {}", icmp.from), value);
    Some(found.hint("Lower the MTU in the tunnel: that of the way less 44; 1400 is safe mostly."))
}

fn fragments(case: &Case<'_>) -> Option<Finding> {
    let (out, back) = (&case.call.to_server, &case.call.to_client);
    let fragmented = out.fragmented + back.fragmented;
    if fragmented == 0 {
        return None;
    }
    let claim = "GRE is sent in fragments: the MTU in the tunnel is too large";
    let found = finding(case, "tunnel-fragments", Severity::Warning, claim);
    let longest = out.longest.max(back.longest);
    let value = format!("{fragmented} packets, the longest with {longest} octets");
    let found = found.evidence("fragments", "IP", value);
    Some(found.hint("Lower the MTU in the tunnel to 1400; fragments are lost at many filters."))
}

fn loss(case: &Case<'_>) -> Option<Finding> {
    let (out, back) = (&case.call.to_server, &case.call.to_client);
    let missing = out.missing + back.missing;
    let all = out.frames + back.frames + missing;
    // One in a thousand, and more than chance.
    if missing < 5 || missing * 1000 < all {
        return None;
    }
    let claim = "GRE is lost on its way to here";
    let found = finding(case, "tunnel-loss", Severity::Warning, claim);
    let value = |missing: u64, frames: u64| format!("{missing} of {}", frames + missing);
    let found = found.evidence("missing, client to server", "GRE", value(out.missing, out.frames));
    Some(found.evidence("missing, server to client", "GRE", value(back.missing, back.frames)))
}

fn reordering(case: &Case<'_>) -> Option<Finding> {
    let (out, back) = (&case.call.to_server, &case.call.to_client);
    let late = out.late + back.late;
    if late < 5 || late * 1000 < out.frames + back.frames {
        return None;
    }
    let claim = "GRE arrives out of order; the Linux kernel's PPTP drops what is late";
    let found = finding(case, "tunnel-reordering", Severity::Warning, claim);
    let found = found.evidence("late, client to server", "GRE", format!("{}", out.late));
    let found = found.evidence("late, server to client", "GRE", format!("{}", back.late));
    Some(found.hint("menshen puts late packets back in order."))
}
