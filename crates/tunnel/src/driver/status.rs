//! How a session is, for whoever shows it. Nothing here is secret; names of the peer are foreign.

use std::time::Duration;

use menshen_tunnel_core::auth::Method;
use menshen_tunnel_core::ppp::{Opened, Phase};

/// How a session is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// How far it is.
    pub phase: Phase,
    /// The method by which one end proved itself, once it did.
    pub method: Option<Method>,
    /// Server: the user who came in, unescaped, at most 256 octets.
    pub user: Option<Vec<u8>>,
    /// What was agreed on, while packets pass.
    pub opened: Option<Opened>,
    /// How long the last echo took.
    pub round_trip: Option<Duration>,
    /// What was counted; published once in a second at most.
    pub counters: Counters,
}

impl Default for Status {
    fn default() -> Self {
        Self {
            phase: Phase::Dead,
            method: None,
            user: None,
            opened: None,
            round_trip: None,
            counters: Counters::default(),
        }
    }
}

/// What was counted in a session. Octets are those of whole packets, without heads.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Packets of the peer given to the device.
    pub received_packets: u64,
    /// Their octets.
    pub received_octets: u64,
    /// Packets of the device sent to the peer.
    pub sent_packets: u64,
    /// Their octets.
    pub sent_octets: u64,
    /// Frames of the peer that were of no use.
    pub frames_dropped: u64,
    /// Packets of the peer that the device had no room for.
    pub device_full: u64,
    /// Packets of the device that could not pass: too long, of another version, or not now.
    pub unsendable: u64,
    /// Packets of the device that the carrier had no room for, or that the kernel did not let out.
    pub carrier_full: u64,
    /// TCP connections whose segment size was lowered.
    pub clamped: u64,
}
