//! What a PPP session is told before it begins. Nothing here is read from the peer.

use alloc::vec::Vec;
use core::net::Ipv4Addr;
use core::time::Duration;

use crate::auth::{Method, Secret};
use crate::mppe::{Bits, Strength};

/// Which end of the tunnel a session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Dials: proves who it is when asked, asks for addresses.
    Client,
    /// Is dialled: asks for a proof, gives addresses.
    Server,
}

/// Everything a session is told.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Which end this is.
    pub role: Role,
    /// Server: the methods to ask for, the preferred one first; empty lets anybody in. Client: the
    /// methods by which it proves itself, the preferred one first.
    pub methods: Vec<Method>,
    /// Encryption by MPPE.
    pub mppe: Mppe,
    /// The longest packet we take, in octets; 128 to 1500 (what a carrier bears).
    pub mru: u16,
    /// Addresses. A server may leave it out and call [`super::Session::assign`] once the user is
    /// known; the network protocols wait for that.
    pub network: Option<Network>,
    /// What the server calls itself in challenges; at most 64 octets are sent.
    pub name: Vec<u8>,
    /// Whether the peer lives.
    pub echo: Echo,
    /// Counters and times.
    pub limits: Limits,
}

impl Settings {
    /// A client that asks for addresses and proves itself by MS-CHAPv2.
    #[must_use]
    pub fn client(mppe: Mppe) -> Self {
        Self {
            role: Role::Client,
            methods: Vec::from([Method::MsChapV2]),
            mppe,
            mru: MRU_DEFAULT,
            network: Some(Network {
                ipv4: Some(AddressPlan::Ask { wish: Ipv4Addr::UNSPECIFIED }),
                name_servers: NameServers::default(),
                ipv6: None,
            }),
            name: Vec::new(),
            echo: Echo::default(),
            limits: Limits::default(),
        }
    }

    /// A server that asks for MS-CHAPv2 and is told the addresses later.
    #[must_use]
    pub fn server(mppe: Mppe) -> Self {
        Self { role: Role::Server, network: None, ..Self::client(mppe) }
    }
}

/// Who an authenticating client is. Has no `Debug` text of the password; wiped when dropped.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The user's name, with `DOMAIN\` if there is one.
    pub user: Vec<u8>,
    /// The password.
    pub password: Secret,
}

/// Whether packets are encrypted by MPPE (RFC 3078).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mppe {
    /// Never; a peer that asks is refused.
    Off,
    /// If the peer can.
    Allowed(Ciphers),
    /// Always: no packet passes in clear, and the session ends without it.
    Required(Ciphers),
}

impl Mppe {
    /// What may be agreed to, if anything.
    #[must_use]
    pub const fn ciphers(self) -> Option<Ciphers> {
        match self {
            Self::Off => None,
            Self::Allowed(ciphers) | Self::Required(ciphers) => Some(ciphers),
        }
    }

    /// Whether the session ends without it.
    #[must_use]
    pub const fn is_required(self) -> bool {
        matches!(self, Self::Required(_))
    }
}

/// What of MPPE may be agreed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ciphers {
    /// The strengths, as bits of CCP option 18; other bits are ignored.
    pub strengths: Bits,
    /// Whether stateful mode is taken from a peer that cannot do the other.
    pub stateful: Stateful,
}

impl Ciphers {
    /// 128 bits, stateless: what is least bad.
    pub const BITS_128: Self =
        Self { strengths: Strength::Bits128.bits(), stateful: Stateful::Refused };
}

/// Whether MPPE may keep one key for 256 packets, so that a loss costs a round trip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stateful {
    /// Stateless only.
    Refused,
    /// Stateless is asked for first, stateful is taken.
    Allowed,
}

/// Addresses of both ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// IPv4, if it is to be carried.
    pub ipv4: Option<AddressPlan>,
    /// Name servers (RFC 1877), asked for or given away.
    pub name_servers: NameServers,
    /// IPv6, if it is to be carried.
    pub ipv6: Option<Interface>,
}

/// Where IPv4 addresses come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressPlan {
    /// The peer names ours; `wish` is asked for first, 0.0.0.0 is no wish.
    Ask {
        /// The address to ask for.
        wish: Ipv4Addr,
    },
    /// We name both.
    Give {
        /// Our end's.
        local: Ipv4Addr,
        /// The peer's.
        peer: Ipv4Addr,
    },
}

/// Name servers that go with IPv4 addresses: to give away, or nothing (then a client asks).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NameServers {
    /// DNS, primary and secondary.
    pub dns: [Option<Ipv4Addr>; 2],
    /// WINS (NBNS), primary and secondary. Never asked for.
    pub wins: [Option<Ipv4Addr>; 2],
}

/// Interface identifiers (RFC 5072): the lower half of link-local addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Interface {
    /// Ours; nothing takes a random one.
    pub local: Option<[u8; 8]>,
    /// The peer's, which it is told when it asks for another; nothing leaves it to the peer.
    pub peer: Option<[u8; 8]>,
}

/// When a silent peer is asked whether it lives, and when it is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Echo {
    /// After this long without a frame of the peer; at least a second.
    pub interval: Duration,
    /// So many questions without an answer end the session; at least 1.
    pub failures: u32,
}

impl Default for Echo {
    fn default() -> Self {
        Self { interval: Duration::from_secs(20), failures: 4 }
    }
}

/// Counters and times that bound every negotiation (RFC 1661 section 4.6, and ours).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The restart timer: a request not answered is sent again.
    pub restart: Duration,
    /// Configure-Requests (and challenges) sent without any answer.
    pub max_configure: u32,
    /// Terminate-Requests sent without an answer.
    pub max_terminate: u32,
    /// Configure-Naks sent before they become Configure-Rejects.
    pub max_failure: u32,
    /// Refusals, sent or received, within one negotiation of one protocol before it is given up.
    pub refusals_max: u32,
    /// Negotiations of one protocol within a session before it is given up.
    pub openings_max: u32,
    /// The time from the first request to the first network protocol that is open.
    pub setup: Duration,
    /// How long IP waits for the peer to say anything about encryption that is only allowed.
    pub encryption_wait: Duration,
    /// Answers to the peer that may be sent at once, and in two seconds; more are dropped.
    pub answers_burst: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            restart: Duration::from_secs(3),
            max_configure: 10,
            max_terminate: 2,
            max_failure: 5,
            refusals_max: 24,
            openings_max: 16,
            setup: Duration::from_secs(90),
            encryption_wait: Duration::from_secs(6),
            answers_burst: 64,
        }
    }
}

/// What every link bears without being asked (RFC 1661 section 6.1), in octets.
pub(super) const MRU_DEFAULT: u16 = 1500;

/// The least MRU agreed to, in octets.
pub(super) const MRU_MIN: u16 = 128;
