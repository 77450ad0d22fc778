//! Why an address refuses or times out: no socket for it, a rule, a full queue.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::IpAddr;

use menshen_base::{Confidence, Finding, Severity};

use super::super::rules::{Block, Certainty, Packet, Sender, blocks};
use super::super::{Facts, Origin, Target, Transport, reach};
use super::{place, subject, unread};

pub(super) fn findings(facts: &Facts, found: &mut Vec<Finding>) {
    let mut told: Vec<(Told, Vec<String>)> = Vec::new();
    for target in &facts.targets {
        for one in here(facts, target).into_iter().chain(from_outside(facts, target)) {
            let address = place(target.address, facts.port);
            match told.iter_mut().find(|(other, _)| *other == one) {
                Some((_, addresses)) => addresses.push(address),
                None => told.push((one, alloc::vec![address])),
            }
        }
    }
    // Once for each cause, with all addresses it holds for.
    for (one, addresses) in told {
        let mut finding = one.finding;
        finding.subject = addresses.join(", ") + one.who;
        found.push(finding);
    }
}

/// A finding without its addresses.
#[derive(PartialEq)]
struct Told {
    finding: Finding,
    /// Who is concerned, after the addresses.
    who: &'static str,
}

impl Told {
    fn here(finding: Finding) -> Self {
        Self { finding, who: "" }
    }
}

/// What probes of this machine showed.
fn here(facts: &Facts, target: &Target) -> Vec<Told> {
    let mut told = Vec::new();
    if !target.ours {
        told.extend(remote(facts, target));
        return told;
    }
    let blocks = blocks_for(facts, target, Sender::ThisMachine);
    let rejects = |block: &&Block| block.reject.is_some();
    let refusing = best(&blocks, rejects);
    let dropping = best(&blocks, |block| block.reject.is_none());
    let listeners = reach::listeners(facts, target);
    let full = listeners.iter().any(|listener| listener.is_full());
    if target.refused != 0 {
        if listeners.is_empty() {
            told.extend(no_socket(facts, target));
        }
        match refusing {
            Some(block) => told.push(ruled(facts, block, "refused", "connect(2): ECONNREFUSED")),
            None if listeners.is_empty() => {}
            None => told.push(unexplained(facts, "port-refused", "refused", "ECONNREFUSED")),
        }
    }
    if target.unreachable != 0 {
        told.push(match refusing {
            Some(block) => ruled(facts, block, "refused", "connect(2): EHOSTUNREACH"),
            None => unexplained(facts, "port-no-route", "unreachable", "EHOSTUNREACH"),
        });
    }
    if target.forbidden != 0 {
        // A local rule for what leaves, or of IPv6 an answer that the administrator forbids it.
        told.push(match refusing.or(dropping) {
            Some(block) => ruled(facts, block, "refused", "connect(2): EACCES or EPERM"),
            None => unexplained(facts, "port-forbidden", "refused", "EACCES or EPERM"),
        });
    }
    if target.timed_out != 0 {
        match dropping {
            Some(block) => told.push(ruled(facts, block, "dropped", "connect(2): no answer")),
            // Told with its socket.
            None if full => {}
            None => told.push(unexplained(facts, "port-times-out", "not answered", "no answer")),
        }
    }
    told.extend(broken(facts, target, full));
    // A dropped datagram looks like one that is not answered; without probes there are only rules.
    let silent = facts.transport == Transport::Udp && target.connected != 0;
    if (silent || target.tries == 0)
        && !listeners.is_empty()
        && let Some(block) = blocks.iter().find(|block| block.certainty != Certainty::Perhaps)
    {
        told.push(ruled(
            facts,
            block,
            if block.reject.is_some() { "refused" } else { "dropped" },
            "not seen by a probe",
        ));
    }
    told
}

/// Connections that came about and were of no use, and probes that failed here.
fn broken(facts: &Facts, target: &Target, full: bool) -> Vec<Told> {
    let mut told = Vec::new();
    if target.reset != 0 && !(full && facts.kernel.abort_on_overflow == Some(true)) {
        told.push(Told::here(
            Finding::new(
                "port-resets",
                Severity::Warning,
                "",
                "connections came about and were reset at once",
            )
            .evidence("probes", "recv(2): ECONNRESET", target.reset.to_string())
            .hint(
                "The server closes them unread: a limit, or a list of addresses it does not like.",
            ),
        ));
    }
    if let Some(why) = &target.failed {
        told.push(Told::here(
            Finding::new("port-probe-failed", Severity::Warning, "", "it could not be probed")
                .evidence("error", "connect(2)", why.clone()),
        ));
    }
    told
}

/// What rules do with who connects from another machine, where this machine itself gets through.
fn from_outside(facts: &Facts, target: &Target) -> Option<Told> {
    let loopback = target.address.is_loopback() || reach::is_link_local(target.address);
    let listeners = reach::listeners(facts, target);
    if !target.ours || loopback || listeners.is_empty() {
        return None;
    }
    let inside = blocks_for(facts, target, Sender::ThisMachine);
    if inside.iter().any(|block| block.certainty != Certainty::Perhaps) {
        return None;
    }
    let outside = blocks_for(facts, target, Sender::Another);
    let block = best(&outside, |_| true)?;
    let effect = if block.reject.is_some() { "refused" } else { "dropped" };
    let mut told = ruled(facts, block, effect, "rules only: this machine itself gets through");
    told.finding.severity = match block.certainty {
        Certainty::Perhaps => Severity::Note,
        Certainty::Likely | Certainty::Certain => Severity::Warning,
    };
    told.who = ", from other machines";
    Some(told)
}

fn blocks_for(facts: &Facts, target: &Target, sender: Sender) -> Vec<Block> {
    let (transport, port) = (facts.transport, facts.port);
    let packet = Packet { transport, to: target.address, port, sender };
    blocks(&facts.firewall.rules, &packet)
}

/// The surest of some blocks, the first of those equally sure.
fn best(blocks: &[Block], fits: impl Fn(&&Block) -> bool) -> Option<&Block> {
    blocks.iter().filter(fits).rev().max_by_key(|block| block.certainty)
}

fn ruled(facts: &Facts, block: &Block, effect: &str, seen: &str) -> Told {
    let (code, says) = match &block.reject {
        Some(how) => ("port-rejected-by-rule", format!("a rule rejects it ({how})")),
        None if block.rule.starts_with("policy") => {
            ("port-dropped-by-rule", "no rule lets it in, and the chain drops the rest".into())
        }
        None => ("port-dropped-by-rule", "a rule drops it: clients time out".into()),
    };
    let mut finding = Finding::new(code, Severity::Error, "", format!("{effect}: {says}"))
        .evidence(
            "rule",
            format!("{}, table {}, chain {}", block.program, block.table, block.chain),
            block.rule.clone(),
        )
        .evidence("probe", "this machine", seen);
    if block.certainty != Certainty::Certain {
        finding.confidence = Confidence::Likely;
    }
    let port = facts.port;
    finding = finding.hint(match (block.program, facts.transport) {
        ("nft", transport) => format!(
            "Let it in before that rule: nft insert rule {} {} {} dport {port} accept",
            block.table,
            block.chain,
            transport.word()
        ),
        (program, transport) => format!(
            "Let it in before that rule: {} -I {} -p {} --dport {port} -j ACCEPT",
            program.trim_end_matches("-save"),
            block.chain,
            transport.word()
        ),
    });
    Told::here(finding)
}

/// No socket takes connections to this address, though some listen at the port.
fn no_socket(facts: &Facts, target: &Target) -> Option<Told> {
    let first = facts.listeners.first()?;
    let v6 = target.address.is_ipv6();
    let all_other_family = facts.listeners.iter().all(|one| one.address.is_ipv6() != v6);
    let wildcard = facts.listeners.iter().any(super::super::Listener::is_wildcard);
    let asked = target.origin == Origin::Asked;
    let severity = match (asked, target.origin == Origin::Loopback || wildcard) {
        (true, _) => Severity::Error,
        (false, true) => Severity::Warning,
        (false, false) => Severity::Note,
    };
    let bound: Vec<String> =
        facts.listeners.iter().map(|one| place(one.address, facts.port)).collect();
    let mut bound_once = bound.clone();
    bound_once.dedup();
    let (code, claim, hint) = if all_other_family && v6 && target.origin != Origin::Loopback {
        (
            "port-v4-only",
            "refused over IPv6: only IPv4 sockets listen",
            "Let the server listen on [::] too, or let clients use IPv4.",
        )
    } else if all_other_family && v6 {
        (
            "port-v4-only",
            "refused over IPv6: only IPv4 sockets listen; `localhost` may mean ::1 first",
            "Let the server listen on [::] too, or name 127.0.0.1 where clients say localhost.",
        )
    } else if all_other_family {
        (
            "port-v6-only",
            "refused over IPv4: only IPv6 sockets listen, and they leave IPv4 alone",
            "Let the server listen on 0.0.0.0 too, or set IPV6_V6ONLY to 0 on a socket at [::].",
        )
    } else if facts.listeners.iter().any(|one| one.device != 0 && one.is_wildcard()) {
        (
            "port-bound-to-device",
            "refused: the socket is bound to a device that this address does not belong to",
            "Connect over that device, or take SO_BINDTODEVICE (a VRF) off the socket.",
        )
    } else {
        (
            "port-bound-elsewhere",
            "refused: the sockets are bound to other addresses",
            "Connect to the address it listens at, or let the server listen on all.",
        )
    };
    let mut finding = Finding::new(code, severity, "", claim).evidence(
        "sockets listen at",
        "the kernel's socket list",
        bound_once.join(", "),
    );
    if code == "port-v6-only"
        && let Some(only) = first.only_v6
    {
        let value = if only { "1" } else { "0" };
        finding = finding.evidence("IPV6_V6ONLY", "the kernel's socket list", value);
    }
    if let Some(name) = first.device_name.as_ref().filter(|_| code == "port-bound-to-device") {
        finding = finding.evidence("SO_BINDTODEVICE", "the kernel's socket list", name.clone());
    }
    Some(Told::here(finding.hint(hint)))
}

fn unexplained(facts: &Facts, code: &'static str, effect: &str, seen: &str) -> Told {
    let unread = unread(facts);
    let mut finding = Finding::new(
        code,
        Severity::Error,
        "",
        format!("{effect}, though a socket listens for this address; no cause was seen"),
    )
    .evidence("probe", "connect(2)", seen);
    finding.confidence = Confidence::Likely;
    let hint = if unread.is_empty() {
        "Rules of nft and iptables do not say so; look for BPF programs, SELinux, or a VRF."
            .to_string()
    } else {
        format!("A packet filter is the likely cause, and could not be read: {unread}.")
    };
    Told::here(finding.hint(hint))
}

/// An address of another machine: only what it looks like from here.
fn remote(facts: &Facts, target: &Target) -> Option<Told> {
    let (code, claim) = match target {
        Target { refused: 1.., .. } => {
            ("port-remote-refused", "refuses: nobody listens there, or a rule rejects it")
        }
        Target { unreachable: 1.., .. } => (
            "port-remote-unreachable",
            "says that it cannot be reached: no route, or a rule rejects it",
        ),
        Target { timed_out: 1.., .. } => (
            "port-remote-times-out",
            "does not answer: a rule drops it, its queue is full, or there is no such machine",
        ),
        _ => return None,
    };
    let claim = format!("another machine {claim}");
    let hint = match target.address {
        IpAddr::V4(_) | IpAddr::V6(_) => format!(
            "Run `menshen explain {}` there.",
            subject(facts).replace("/tcp", "").replace("/udp", " --udp")
        ),
    };
    Some(Told::here(Finding::new(code, Severity::Error, "", claim).hint(hint)))
}
