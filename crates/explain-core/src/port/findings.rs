//! Findings: what of the facts a user has to know, with cause, evidence and what to do.
//!
//! Codes are stable. A finding is an error where clients fail now, a warning where some will, a
//! note where something explains what is seen.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};

use menshen_base::{Finding, Severity};

use super::groups::{Group, Instances};
use super::{Facts, Listener, ReadingOutcome, Transport};

mod members;
mod nobody;
mod targets;

/// All findings, errors first.
pub(super) fn findings(facts: &Facts, groups: &[Group], instances: &Instances) -> Vec<Finding> {
    let mut found = Vec::new();
    nobody::findings(facts, &mut found);
    members::findings(facts, groups, instances, &mut found);
    targets::findings(facts, &mut found);
    sight(facts, &mut found);
    // Stable: within a severity they stay as they were found.
    found.sort_by_key(|finding| core::cmp::Reverse(finding.severity));
    found
}

/// What could not be seen, where that matters for the answer.
fn sight(facts: &Facts, found: &mut Vec<Finding>) {
    let orphan = facts.listeners.iter().any(|listener| listener.holders.is_empty());
    if orphan && facts.sight.hidden_processes != 0 {
        found.push(
            Finding::new(
                "port-holders-hidden",
                Severity::Note,
                subject(facts),
                "whose sockets these are could not be seen for all of them: descriptors of other \
                 users' processes are shown to root only",
            )
            .evidence(
                "processes not looked into",
                "/proc/PID/fd",
                facts.sight.hidden_processes.to_string(),
            )
            .hint("Run it as root."),
        );
    }
}

/// `port 8080/tcp`.
fn subject(facts: &Facts) -> String {
    format!("port {}/{}", facts.port, facts.transport.word())
}

/// `127.0.0.1:8080`, `[::1]:8080`.
fn place(address: IpAddr, port: u16) -> String {
    SocketAddr::new(address, port).to_string()
}

/// A listener with its process: `socket 123 of nginx (pid 7, 8)`.
fn named(facts: &Facts, listener: &Listener) -> String {
    let pids: Vec<String> =
        listener.holders.iter().take(4).map(|holder| holder.pid.to_string()).collect();
    let holder = listener.holders.first().and_then(|holder| facts.process(holder.pid));
    match holder {
        Some(process) => {
            let program = super::groups::program(process);
            let more = if listener.holders.len() > 4 { ", …" } else { "" };
            format!("socket {} of {program} (pid {}{more})", listener.inode, pids.join(", "))
        }
        None => {
            let user = listener.user.clone().unwrap_or_else(|| listener.uid.to_string());
            format!("socket {} of user {user}", listener.inode)
        }
    }
}

/// Where packet filters could not be read: by which program, and why. Empty when all could.
fn unread(facts: &Facts) -> String {
    let why = facts.firewall.readings.iter().filter_map(|reading| match &reading.outcome {
        ReadingOutcome::NotPermitted => Some(format!("{} needs root", reading.program)),
        ReadingOutcome::Failed(why) => Some(format!("{} failed: {why}", reading.program)),
        ReadingOutcome::Absent if reading.program == "nft" => {
            Some("nft is not installed".to_string())
        }
        ReadingOutcome::Absent | ReadingOutcome::Read(_) => None,
    });
    why.collect::<Vec<_>>().join(", ")
}

/// What queues of this protocol hold.
const fn unit(transport: Transport) -> &'static str {
    match transport {
        Transport::Tcp => "connections",
        Transport::Udp => "bytes",
    }
}

#[cfg(test)]
mod tests;
