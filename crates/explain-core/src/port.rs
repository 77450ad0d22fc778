//! Who listens at a port, who gets a connection, and why one is refused or times out: facts of
//! sockets, processes, probes and packet filters in, a report with findings out.
//!
//! The rules are those of the kernel: `net/ipv4/inet_hashtables.c` (which listener is chosen),
//! `net/core/sock_reuseport.c` (which member of a group), listen(2), tcp(7), ip(7), ipv6(7).
//! Names, command lines and rules are foreign text: they are kept as they are here, and made fit
//! for a terminal only by [`text`]. Nothing here fails; what was not seen is said to be so.

use alloc::string::String;
use alloc::vec::Vec;
use core::net::IpAddr;

use serde::Serialize;

mod findings;
pub mod groups;
pub mod reach;
mod report;
pub mod rules;
mod text;

pub use report::Report;
pub use text::text;

use self::rules::Ruleset;

/// A transport protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

impl Transport {
    /// `tcp` or `udp`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

/// Everything that was seen.
#[derive(Debug, Clone, Serialize)]
pub struct Facts {
    /// The port.
    pub port: u16,
    /// Of which protocol.
    pub transport: Transport,
    /// What `/etc/services` calls it.
    pub service: Option<String>,
    /// Addresses the user asked about.
    pub asked: Vec<IpAddr>,
    /// What could be seen at all.
    pub sight: Sight,
    /// Sockets that listen; of UDP those that are not connected.
    pub listeners: Vec<Listener>,
    /// Their processes, and the ancestors of those.
    pub processes: Vec<Process>,
    /// What was probed, with the outcome.
    pub targets: Vec<Target>,
    /// Whether a socket of the other protocol has the port.
    pub other_transport: bool,
    /// Packet filters.
    pub firewall: Firewall,
    /// Settings and counters of the kernel.
    pub kernel: Kernel,
    /// Sockets that listen at this port in other network namespaces.
    pub elsewhere: Vec<Elsewhere>,
}

/// What could be seen.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Sight {
    /// Whether it ran as root.
    pub root: bool,
    /// Processes whose descriptors could not be looked at.
    pub hidden_processes: u32,
    /// Whether queue lengths and owners come from the kernel's socket list; else from
    /// `/proc/net`, which does not know the backlog.
    pub socket_list: bool,
    /// Whether probes were allowed.
    pub probes: bool,
    /// Other network namespaces that were looked into; `None`: not looked.
    pub namespaces: Option<u32>,
}

/// A socket that listens.
#[derive(Debug, Clone, Serialize)]
pub struct Listener {
    /// Number of the socket, as in `/proc/PID/fd`.
    pub inode: u32,
    /// Address it is bound to; unspecified: any. Its kind is the socket's family.
    pub address: IpAddr,
    /// Index of the device it is bound to; 0: any.
    pub device: u32,
    /// The name of that device.
    pub device_name: Option<String>,
    /// Owner of the socket.
    pub uid: u32,
    /// The owner's name.
    pub user: Option<String>,
    /// Connections that wait to be accepted; of UDP: bytes that wait to be read.
    pub queue: u32,
    /// How many connections may wait; of UDP 0.
    pub backlog: Option<u32>,
    /// Connections or datagrams that the kernel dropped here.
    pub drops: Option<u32>,
    /// Of an IPv6 socket: whether it leaves IPv4 alone.
    pub only_v6: Option<bool>,
    /// Options read from the socket itself.
    pub options: Option<Options>,
    /// Who has it open.
    pub holders: Vec<Holder>,
}

/// Options of a socket that listens; `None`: not known.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Options {
    /// `SO_REUSEPORT`.
    pub reuse_port: Option<bool>,
    /// `SO_INCOMING_CPU`; none is `None`.
    pub incoming_cpu: Option<u32>,
    /// `TCP_DEFER_ACCEPT`, seconds; 0: off.
    pub defer_accept_seconds: Option<u32>,
    /// Instructions of a filter for what arrives.
    pub filter_instructions: Option<u32>,
}

/// A process that has the socket open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Holder {
    /// The process.
    pub pid: u32,
    /// Under which numbers.
    pub descriptors: Vec<u32>,
    /// Whether it waits for connections.
    pub waits: Waits,
}

/// Whether a process waits for connections at a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Waits {
    /// A thread is in accept(2), or in poll(2) or select(2) for it.
    Accepts,
    /// It is registered with an epoll of the process.
    Watches,
    /// It waits in a way that does not show what for: io_uring, or memory that cannot be read.
    Perhaps,
    /// Nothing of it was seen.
    No,
    /// It could not be looked at.
    Unknown,
}

/// A process.
#[derive(Debug, Clone, Serialize)]
pub struct Process {
    /// Its id.
    pub pid: u32,
    /// Its parent.
    pub parent: u32,
    /// Its name.
    pub name: String,
    /// The program file, where it could be seen.
    pub program: Option<String>,
    /// Its command line.
    pub command: Vec<String>,
    /// Its effective user.
    pub uid: u32,
    /// That user's name.
    pub user: Option<String>,
    /// The unit of systemd it runs in.
    pub unit: Option<String>,
    /// Its state, as in `/proc/PID/stat`.
    pub state: char,
}

/// Where a target comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// 127.0.0.1 and `::1`, which `localhost` means.
    Loopback,
    /// An address of a device of this machine.
    Own,
    /// An address a socket is bound to.
    Bound,
    /// The user named it.
    Asked,
}

/// An address that clients may use, with what probes of it gave.
#[derive(Debug, Clone, Serialize)]
pub struct Target {
    /// The address.
    pub address: IpAddr,
    /// Where it comes from.
    pub origin: Origin,
    /// Whether it is this machine's.
    pub ours: bool,
    /// Index of its device; 0: not known.
    pub device: u32,
    /// Why it was not probed.
    pub skipped: Option<Skipped>,
    /// How often it was probed.
    pub tries: u32,
    /// How often a connection came about; of UDP: how often nothing came back.
    pub connected: u32,
    /// `ECONNREFUSED`.
    pub refused: u32,
    /// `EHOSTUNREACH` and `ENETUNREACH`.
    pub unreachable: u32,
    /// `EPERM` and `EACCES`.
    pub forbidden: u32,
    /// No answer in time.
    pub timed_out: u32,
    /// Connections that were reset before they were of use.
    pub reset: u32,
    /// Another error of the kernel.
    pub failed: Option<String>,
    /// The longest it took until connected, microseconds.
    pub slowest_micros: u64,
    /// Who accepted how many.
    pub taken: Vec<Taken>,
    /// Where how many were left in the queue until the probe gave up.
    pub left: Vec<Left>,
    /// How many were accepted, or ended, by whom was not seen.
    pub unseen: u32,
    /// How many the kernel keeps back until data comes (`TCP_DEFER_ACCEPT`).
    pub deferred: u32,
}

/// Why a target was not probed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Skipped {
    /// The user wanted no probes.
    NotWanted,
    /// A connection would start a service.
    WouldStartService,
}

/// Connections that a process accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Taken {
    /// Inode of the listener they came through; `None`: the process has several.
    pub listener: Option<u32>,
    /// The process, where it could be seen.
    pub pid: Option<u32>,
    /// How many.
    pub count: u32,
}

/// Connections that nobody accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Left {
    /// Inode of the listener in whose queue they are; `None`: not known.
    pub listener: Option<u32>,
    /// How many.
    pub count: u32,
}

/// Packet filters.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Firewall {
    /// What was asked, and whether it answered.
    pub readings: Vec<Reading>,
    /// All rules.
    #[serde(skip)]
    pub rules: Ruleset,
}

/// A program that lists rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reading {
    /// Its name.
    pub program: &'static str,
    /// Whether it answered.
    pub outcome: ReadingOutcome,
}

/// Whether a program listed its rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReadingOutcome {
    /// It did; so many rules.
    Read(u32),
    /// It is not installed.
    Absent,
    /// It needs root.
    NotPermitted,
    /// It failed; what it said.
    Failed(String),
}

/// Settings and counters of the kernel.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Kernel {
    /// `ListenOverflows` of `/proc/net/netstat`: connections dropped since the queue was full, of
    /// all listeners since the namespace was made.
    pub listen_overflows: Option<u64>,
    /// `ListenDrops`: those, and others dropped at a listener.
    pub listen_drops: Option<u64>,
    /// By how much `ListenOverflows` rose while it was probed.
    pub overflows_while_probed: Option<u64>,
    /// `tcp_abort_on_overflow`: whether a full queue answers with a reset.
    pub abort_on_overflow: Option<bool>,
    /// `somaxconn`: no backlog is longer.
    pub somaxconn: Option<u32>,
    /// The first port that needs no right to be bound.
    pub unprivileged_from: Option<u16>,
    /// Ports the kernel gives to those who ask for any.
    pub ephemeral: Option<(u16, u16)>,
    /// Whether the port is in `ip_local_reserved_ports`.
    pub reserved: bool,
    /// Connections with this local port, where nobody listens.
    pub connections: u32,
    /// Of them those in `TIME_WAIT`.
    pub time_wait: u32,
}

/// A socket that listens in another network namespace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Elsewhere {
    /// Inode of the namespace.
    pub namespace: u64,
    /// Its name for ip-netns(8).
    pub name: Option<String>,
    /// Address.
    pub address: IpAddr,
    /// Inode of the socket.
    pub inode: u32,
    /// A process in that namespace that has it, with its name.
    pub process: Option<(u32, String)>,
}

impl Facts {
    /// A process by its id.
    #[must_use]
    pub fn process(&self, pid: u32) -> Option<&Process> {
        self.processes.iter().find(|process| process.pid == pid)
    }

    /// A listener by its inode.
    #[must_use]
    pub fn listener(&self, inode: u32) -> Option<&Listener> {
        self.listeners.iter().find(|listener| listener.inode == inode)
    }

    /// Probes of all targets that this listener took, and those left in its queue.
    #[must_use]
    pub fn share(&self, inode: u32) -> (u32, u32) {
        let mut share = (0, 0);
        for target in &self.targets {
            let taken = target.taken.iter().filter(|taken| taken.listener == Some(inode));
            share.0 += taken.map(|taken| taken.count).sum::<u32>();
            let left = target.left.iter().filter(|left| left.listener == Some(inode));
            share.1 += left.map(|left| left.count).sum::<u32>();
        }
        share
    }
}

impl Facts {
    /// Probes that somebody accepted, through which socket was not seen.
    #[must_use]
    pub fn unattributed(&self) -> u32 {
        let taken = self.targets.iter().flat_map(|target| &target.taken);
        let taken = taken.filter(|taken| taken.listener.is_none()).map(|taken| taken.count);
        taken.sum::<u32>() + self.targets.iter().map(|target| target.unseen).sum::<u32>()
    }
}

impl Listener {
    /// Whether more wait than may: the kernel drops who comes now. listen(2) lets one more in than
    /// it was asked for.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.backlog.is_some_and(|backlog| self.queue > backlog)
    }

    /// Whether any address of its families is meant.
    #[must_use]
    pub const fn is_wildcard(&self) -> bool {
        self.address.is_unspecified()
    }

    /// Whether some process is known to wait for its connections.
    #[must_use]
    pub fn is_waited_for(&self) -> bool {
        self.holders.iter().any(|holder| matches!(holder.waits, Waits::Accepts | Waits::Watches))
    }
}

impl Target {
    /// One that was not probed yet.
    #[must_use]
    pub const fn new(address: IpAddr, origin: Origin) -> Self {
        Self {
            address,
            origin,
            ours: true,
            device: 0,
            skipped: None,
            tries: 0,
            connected: 0,
            refused: 0,
            unreachable: 0,
            forbidden: 0,
            timed_out: 0,
            reset: 0,
            failed: None,
            slowest_micros: 0,
            taken: Vec::new(),
            left: Vec::new(),
            unseen: 0,
            deferred: 0,
        }
    }

    /// Whether every probe was connected.
    #[must_use]
    pub const fn is_reached(&self) -> bool {
        self.tries != 0 && self.connected == self.tries
    }
}
