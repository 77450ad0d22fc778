//! Options of `menshen explain port`.

use std::net::IpAddr;

use clap::Args;

/// Who listens at a port, who accepts, and why a connection is refused or times out
///
/// Every socket is shown, also where several share one address (SO_REUSEPORT): IPv4, IPv6 or both,
/// its accept queue and backlog, who holds it and who waits for its connections. Then each address
/// of this machine is probed: connections without data, up to 64 for a group that shares an
/// address and 4 otherwise, closed within a second. They show the share each member gets, and
/// members that never accept. Rules of nft and iptables are read and judged, for this machine and
/// for others.
///
/// Only root sees other users' descriptors and the rules; without it the answer says what it could
/// not see. Nothing is changed. A port whose service is started by its first connection (a socket
/// unit of systemd) is not probed.
///
/// Exit code 0: reachable and fine; 1: an error or a warning was found; 2: usage; 100: sockets or
/// processes cannot be listed here.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    menshen explain port 8443                     who has it, and does it work\n  \
    menshen explain port https --no-probe         look only\n  \
    menshen explain port 53 --udp\n  \
    menshen explain port 5432 --address 10.0.0.5  as a client of that address sees it")]
pub(crate) struct PortArguments {
    /// The port, or the name of a service as in /etc/services
    #[arg(value_name = "PORT|SERVICE")]
    pub(crate) port: String,
    /// UDP instead of TCP
    #[arg(long)]
    pub(crate) udp: bool,
    /// Probe this address too, of this machine or of another; can be repeated
    #[arg(long, value_name = "ADDR")]
    pub(crate) address: Vec<IpAddr>,
    /// Make no connection
    #[arg(long)]
    pub(crate) no_probe: bool,
    /// Print JSON instead of text
    #[arg(long)]
    pub(crate) json: bool,
}
