//! The Point-to-Point Tunneling Protocol (RFC 2637, [MS-PTPT]): its control connection, its calls
//! and the GRE that carries their frames.
//!
//! [`control`] has the messages, [`call`] what both ends do with them, [`gre`] the packets
//! of a call, [`carrier`] their numbers, acknowledgements and order. Nothing here knows an address:
//! the caller finds the call of a packet by its sender's address **and** its call id, and drops
//! what fits no call. PPTP keeps nothing secret and proves nothing; that is MPPE's part, and weak.

use core::fmt;

pub mod call;
pub mod carrier;
pub mod control;
pub mod gre;
pub mod ids;

/// The number by which one end of a call wants to be spoken to. 0 is in real use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(pub u16);

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// TCP port of the control connection.
pub const PORT: u16 = 1723;
/// Number of GRE among the protocols of IP.
pub const IP_PROTOCOL: u8 = 47;
