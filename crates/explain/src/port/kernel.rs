//! Settings and counters of the kernel, of this network namespace: `/proc/sys/net`
//! (ip(7), tcp(7)) and `/proc/net/netstat`. Read only.

use menshen_explain_core::port::{Kernel, Transport};

use super::sockets;

/// Reads them.
pub(super) fn read(port: u16, transport: Transport) -> Kernel {
    let counters = std::fs::read_to_string(NETSTAT).unwrap_or_default();
    let tcp = transport == Transport::Tcp;
    Kernel {
        listen_overflows: counter(&counters, "ListenOverflows").filter(|_| tcp),
        listen_drops: counter(&counters, "ListenDrops").filter(|_| tcp),
        overflows_while_probed: None,
        abort_on_overflow: setting("ipv4/tcp_abort_on_overflow").map(|flag| flag != 0),
        somaxconn: setting("core/somaxconn"),
        unprivileged_from: setting("ipv4/ip_unprivileged_port_start")
            .and_then(|port| u16::try_from(port).ok()),
        ephemeral: ephemeral(&file("ipv4/ip_local_port_range")),
        reserved: in_ranges(&file("ipv4/ip_local_reserved_ports"), port),
        connections: 0,
        time_wait: 0,
    }
}

/// Reads the counters again and notes by how much they rose.
pub(super) fn compare(kernel: &mut Kernel) {
    let counters = std::fs::read_to_string(NETSTAT).unwrap_or_default();
    let now = counter(&counters, "ListenOverflows");
    if let (Some(before), Some(now)) = (kernel.listen_overflows, now) {
        kernel.overflows_while_probed = Some(now.saturating_sub(before));
        kernel.listen_overflows = Some(now);
    }
}

/// What would keep a server from listening.
pub(super) fn hindrances(kernel: &mut Kernel, port: u16, transport: Transport) {
    if transport == Transport::Tcp {
        (kernel.connections, kernel.time_wait) = sockets::connections(port);
    }
}

/// A number of `TcpExt`: a line of names, then one of values.
fn counter(text: &str, name: &str) -> Option<u64> {
    let mut lines = text.lines().filter(|line| line.starts_with("TcpExt:"));
    let (names, values) = (lines.next()?, lines.next()?);
    let at = names.split_whitespace().position(|word| word == name)?;
    values.split_whitespace().nth(at)?.parse().ok()
}

fn setting(name: &str) -> Option<u32> {
    file(name).trim().parse().ok()
}

fn file(name: &str) -> String {
    std::fs::read_to_string(format!("/proc/sys/net/{name}")).unwrap_or_default()
}

fn ephemeral(text: &str) -> Option<(u16, u16)> {
    let mut words = text.split_whitespace().map(str::parse);
    Some((words.next()?.ok()?, words.next()?.ok()?))
}

/// `8080,9000-9010`.
fn in_ranges(text: &str, port: u16) -> bool {
    text.trim().split(',').any(|part| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let ends = first.parse().ok().zip(last.parse().ok());
        ends.is_some_and(|(first, last)| (first..=last).contains(&port))
    })
}

const NETSTAT: &str = "/proc/thread-self/net/netstat";

#[cfg(test)]
mod tests {
    //! Texts as the kernel writes them.
    use super::*;

    #[test]
    fn texts() {
        let text = "TcpExt: A ListenOverflows B\nTcpExt: 1 7 2\nIpExt: ListenOverflows\nIpExt: 9\n";
        assert_eq!(counter(text, "ListenOverflows"), Some(7));
        assert_eq!(counter(text, "C"), None);
        assert_eq!(ephemeral("32768\t60999\n"), Some((32768, 60999)));
        assert!(in_ranges("80,90-92\n", 91) && !in_ranges("80,90-92\n", 93) && !in_ranges("\n", 0));
        assert!(read(1, Transport::Tcp).listen_overflows.is_some());
    }
}
