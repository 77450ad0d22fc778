//! Nobody listens: where the socket is instead, and what would keep one from being made.

use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;

use menshen_base::{Finding, Severity};

use super::super::{Facts, Transport};
use super::{place, subject};

pub(super) fn findings(facts: &Facts, found: &mut Vec<Finding>) {
    if !facts.listeners.is_empty() {
        return;
    }
    let (what, place) = match facts.transport {
        Transport::Tcp => ("sockets that listen", "the kernel's socket list, TCP, IPv4 and IPv6"),
        Transport::Udp => ("unconnected sockets", "the kernel's socket list, UDP, IPv4 and IPv6"),
    };
    found.push(
        Finding::new(
            "port-nobody-listens",
            Severity::Error,
            subject(facts),
            "nobody listens at this port: every connection is refused",
        )
        .evidence(what, place, "0")
        .hint("Start the server, or look in its configuration and log for the port it uses."),
    );
    elsewhere(facts, found);
    if facts.other_transport {
        let other = match facts.transport {
            Transport::Tcp => "udp",
            Transport::Udp => "tcp",
        };
        found.push(
            Finding::new(
                "port-other-protocol",
                Severity::Note,
                subject(facts),
                format!("a socket has this port, but of {other}"),
            )
            .hint(format!(
                "`menshen explain port {}{}` shows it.",
                facts.port,
                if other == "udp" { " --udp" } else { "" }
            )),
        );
    }
    hindrances(facts, found);
}

/// Other network namespaces.
fn elsewhere(facts: &Facts, found: &mut Vec<Finding>) {
    for other in &facts.elsewhere {
        let name = match &other.name {
            Some(name) => format!("{name} ({})", other.namespace),
            None => other.namespace.to_string(),
        };
        let process = match &other.process {
            Some((pid, name)) => format!("{name} (pid {pid})"),
            None => "a process that could not be seen".to_string(),
        };
        let hint = match (&other.process, &other.name) {
            (_, Some(name)) => format!(
                "`ip netns exec {name} menshen explain port {}` looks there; from here only a \
                 route or a forwarded port leads to it.",
                facts.port
            ),
            (Some((pid, _)), None) => format!(
                "`nsenter -t {pid} -n menshen explain port {}` looks there; from here only a \
                 route or a forwarded port leads to it.",
                facts.port
            ),
            (None, None) => "It is a container's, most likely; publish its port.".to_string(),
        };
        found.push(
            Finding::new(
                "port-in-other-namespace",
                Severity::Warning,
                place(other.address, facts.port),
                format!("{process} listens at this port in another network namespace"),
            )
            .evidence("network namespace", "/proc/PID/ns/net", name)
            .evidence("socket", "/proc/PID/net", other.inode.to_string())
            .hint(hint),
        );
    }
}

/// What would make bind(2) fail.
fn hindrances(facts: &Facts, found: &mut Vec<Finding>) {
    let kernel = &facts.kernel;
    let mut note =
        |code, claim: alloc::string::String, what: &str, file: &str, value, hint: &str| {
            let finding = Finding::new(code, Severity::Note, subject(facts), claim);
            found.push(finding.evidence(what, file, value).hint(hint));
        };
    if let Some(first) = kernel.unprivileged_from.filter(|first| facts.port < *first) {
        note(
            "port-privileged",
            format!("only root, or CAP_NET_BIND_SERVICE, may bind a port below {first}"),
            "ip_unprivileged_port_start",
            "/proc/sys/net/ipv4/ip_unprivileged_port_start",
            first.to_string(),
            "In a unit of systemd: AmbientCapabilities=CAP_NET_BIND_SERVICE.",
        );
    }
    if kernel.connections != 0 {
        note(
            "port-in-use-by-connections",
            format!(
                "{} connections have this local port, {} of them in TIME_WAIT: without \
                 SO_REUSEADDR, bind(2) fails with \"address already in use\"",
                kernel.connections, kernel.time_wait
            ),
            "connections",
            "the kernel's socket list",
            kernel.connections.to_string(),
            "The server has to set SO_REUSEADDR, as nearly all do; TIME_WAIT ends after a minute.",
        );
    }
    if let Some((first, last)) =
        kernel.ephemeral.filter(|(first, last)| (*first..=*last).contains(&facts.port))
        && !kernel.reserved
    {
        note(
            "port-ephemeral",
            "the kernel gives this port to outgoing connections too; while one has it, bind(2) \
             may fail"
                .into(),
            "ip_local_port_range",
            "/proc/sys/net/ipv4/ip_local_port_range",
            format!("{first} {last}"),
            "Use a port outside of the range, or put it into net.ipv4.ip_local_reserved_ports.",
        );
    }
}
