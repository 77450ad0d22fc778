//! What a server tells of itself: sessions, counters, counts of GRE. For `menshen status`, the web
//! door's answers about GRE, and logs.
//!
//! Nothing secret is in it. Names of users are those of the users' file; what peers say of
//! themselves is foreign and to be escaped by whoever prints it.

use std::net::{IpAddr, Ipv4Addr};

use serde::{Deserialize, Serialize};

/// How a server is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Snapshot {
    /// Sessions, half open ones included, the oldest first.
    pub sessions: Vec<SessionFacts>,
    /// What was counted since the start.
    pub counters: Counters,
    /// Addresses.
    pub pool: PoolFacts,
    /// Users in the file.
    pub users: usize,
    /// Why the users' file that is there now was not taken; the one before it is in force.
    pub users_problem: Option<String>,
    /// Connections and calls of whom nobody knows yet who they are.
    pub half_open: usize,
    /// Control connections of PPTP.
    pub control_connections: usize,
}

/// A session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SessionFacts {
    /// Its number, never used again by this process.
    pub id: u64,
    /// The user's name, once he has proved it.
    pub user: Option<String>,
    /// The client's address as it reached this machine.
    pub client: IpAddr,
    /// What bears it.
    pub bearer: Bearer,
    /// The client's address within the tunnel.
    pub address: Option<Ipv4Addr>,
    /// The TUN interface.
    pub interface: Option<String>,
    /// How far it is: `dead`, `establish`, `authenticate`, `network`, `open`, `terminate`.
    pub phase: String,
    /// By what the user proved himself: `MS-CHAPv2`, `PAP`.
    pub method: Option<String>,
    /// Bits of MPPE towards the client; `None`: there is no MPPE.
    pub mppe_bits: Option<u16>,
    /// How long it has lasted, in seconds.
    pub seconds: u64,
    /// Since the last packet of the network either way, in seconds.
    pub idle_seconds: u64,
    /// Octets of packets from the client.
    pub received_octets: u64,
    /// Octets of packets to the client.
    pub sent_octets: u64,
    /// Packets from the client.
    pub received_packets: u64,
    /// Packets to the client.
    pub sent_packets: u64,
    /// Packets from the client whose source was not the client's address: dropped.
    pub spoofed: u64,
    /// Packets from and to the client beyond the user's rate: those from it were dropped, those to
    /// it waited.
    pub over_rate: u64,
    /// How long the last echo took, in microseconds.
    pub round_trip_us: Option<u64>,
}

/// What bears a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Bearer {
    /// GRE of a PPTP call.
    Pptp,
    /// TLS with SSTP.
    Sstp,
}

/// What a server has counted since its start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counters {
    /// Control connections of PPTP that were taken.
    pub control_connections: u64,
    /// Those that were closed at once, because GRE could not be received for them.
    pub control_connections_failed: u64,
    /// Connections handed over for SSTP.
    pub handovers: u64,
    /// Handovers that were none, and connections whose request was not SSTP's.
    pub handovers_bad: u64,
    /// Users let in.
    pub logins: u64,
    /// Wrong names or passwords.
    pub logins_refused: u64,
    /// Proofs refused unread, because there were too many wrong ones from this address or for this
    /// name.
    pub guesses_limited: u64,
    /// Connections and calls refused because too many were half open.
    pub half_open_limited: u64,
    /// Half open ones that took too long.
    pub half_open_timeouts: u64,
    /// Calls and users refused because there were too many sessions.
    pub sessions_limited: u64,
    /// Users refused because they had as many sessions as they may.
    pub sessions_per_user_limited: u64,
    /// Users refused because no address was free.
    pub pool_empty: u64,
    /// Users refused because their own address was in use.
    pub address_in_use: u64,
    /// Sessions ended by the idle limit.
    pub idle_ended: u64,
    /// Sessions ended by the limit of a session's time.
    pub time_ended: u64,
    /// Packets of GRE that were for no call.
    pub gre_unknown: u64,
    /// Packets of GRE that found their session's queue full.
    pub gre_crowded: u64,
    /// Packets from clients whose inner source was not theirs, and packets to a client's interface
    /// that were not for it: dropped.
    pub spoofed: u64,
    /// Questions for addresses and routes that were answered (DHCPINFORM).
    pub informs: u64,
    /// Lines of accounting that could not be written.
    pub accounting_lost: u64,
    /// Octets of packets from clients, of all sessions.
    pub received_octets: u64,
    /// Octets of packets to clients, of all sessions.
    pub sent_octets: u64,
    /// Packets beyond a user's rate, of all sessions.
    pub over_rate: u64,
}

impl Counters {
    /// Adds what a session has counted.
    pub(super) const fn add(&mut self, session: &SessionFacts) {
        self.received_octets += session.received_octets;
        self.sent_octets += session.sent_octets;
        self.over_rate += session.over_rate;
    }
}

/// Addresses of a server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PoolFacts {
    /// Addresses that sessions may have.
    pub size: usize,
    /// Those in use.
    pub taken: usize,
}

/// Packets of GRE of one call of a client address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallCount {
    /// Our number of the call: the key of packets to us. Of packets that were for no call, their
    /// key.
    pub call: u16,
    /// The client's number of the call, if there is or was such a call.
    pub peer: Option<u16>,
    /// Packets that came from the address.
    pub seen: u64,
    /// Packets that were sent to it.
    pub sent: u64,
    /// Seconds since the last of either.
    pub seconds_ago: u64,
}
