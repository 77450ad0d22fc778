//! The tunnel door: who may come in, what they are given, over which carriers, within which limits.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Network;

/// The tunnel door; without a file of users there is none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tunnel {
    /// The file of users; `None`: no tunnel door.
    pub users: Option<PathBuf>,
    /// IPv4 network whose first host address is ours and whose others are the clients';
    /// prefix 16..=30.
    pub addresses: Network,
    /// Name servers that clients are told, at most two.
    pub dns: Vec<Ipv4Addr>,
    /// IPv4 networks that clients are told to send through the tunnel.
    pub routes: Vec<Network>,
    /// Whether SSTP is served, on the addresses of `web.listen`.
    pub sstp: bool,
    /// Sessions at once; 0: as many as [`Tunnel::addresses`] has clients.
    pub sessions_max: u32,
    /// Sessions of one user at once; 0: any number.
    pub sessions_per_user_max: u32,
    /// Calls that have not authenticated yet, at once.
    pub half_open_max: u32,
    /// Wrong passwords in a row from one address; for one name twice as many.
    pub guesses_max: u32,
    /// Time without a packet after which a session ends, seconds; 0: never.
    pub idle_seconds_max: u32,
    /// Longest session, seconds; 0: any.
    pub session_seconds_max: u32,
    /// What all sessions of a user may receive, and what they may send; 0: as fast as it goes.
    pub rate_bytes_per_second_max: u64,
    /// Where starts and ends of sessions are written; `None`: nowhere.
    pub accounting: Option<PathBuf>,
    /// Time that sessions of an earlier generation are served on after a reload, seconds.
    pub drain_seconds_max: u32,
    /// PPTP.
    pub pptp: Pptp,
}

/// PPTP, which is broken and off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pptp {
    /// Where control connections are taken, IPv4 only; empty: no PPTP.
    pub listen: Vec<SocketAddr>,
    /// Whether packets are encrypted.
    pub mppe: Mppe,
}

/// Whether packets are encrypted (RFC 3078).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mppe {
    /// A client without 128 bits is refused.
    Require,
    /// 128 bits where the client can.
    Allow,
    /// Never.
    Off,
}

impl Tunnel {
    /// Whether there is a tunnel door.
    #[must_use]
    pub const fn is_on(&self) -> bool {
        self.users.is_some()
    }

    /// Our own end of every tunnel: the first host address.
    #[must_use]
    pub fn own_address(&self) -> Ipv4Addr {
        let base = match self.addresses.address {
            IpAddr::V4(base) => base.to_bits(),
            IpAddr::V6(_) => 0,
        };
        Ipv4Addr::from_bits(base.saturating_add(1))
    }

    /// How many clients the network has addresses for: all but its own, ours and the broadcast.
    #[must_use]
    pub fn clients(&self) -> u32 {
        let bits = 32_u32.saturating_sub(u32::from(self.addresses.prefix));
        1_u32.checked_shl(bits).unwrap_or(u32::MAX).saturating_sub(3)
    }

    /// [`Tunnel::sessions_max`] with 0 replaced.
    #[must_use]
    pub fn sessions(&self) -> u32 {
        match self.sessions_max {
            0 => self.clients(),
            given => given.min(self.clients()),
        }
    }
}

impl Default for Tunnel {
    fn default() -> Self {
        Self {
            users: None,
            addresses: Network { address: IpAddr::V4(Ipv4Addr::new(10, 77, 0, 0)), prefix: 24 },
            dns: Vec::new(),
            routes: Vec::new(),
            sstp: true,
            sessions_max: 0,
            sessions_per_user_max: 3,
            half_open_max: 256,
            guesses_max: 10,
            idle_seconds_max: 0,
            session_seconds_max: 0,
            rate_bytes_per_second_max: 0,
            accounting: None,
            drain_seconds_max: 3600,
            pptp: Pptp { listen: Vec::new(), mppe: Mppe::Require },
        }
    }
}
