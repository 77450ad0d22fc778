//! The Point-to-Point Protocol (RFC 1661) for both ends of a tunnel: frames, the automaton, LCP,
//! authentication, CCP with MPPE, IPCP with name servers, IPV6CP.
//!
//! One engine for every carrier (GRE, SSTP): no HDLC, no escapes, no frame check sequence. It must
//! never touch a clock, a socket or a source of randomness; [`session::Session`] is given all three
//! as values. Octets of the peer can make it drop, refuse or end, never panic or grow.

pub use event::{
    Agreed, Cause, Event, Heard, Ipv4Link, Ipv6Link, Meaning, MppeMissing, Opened, Phase,
};
pub use frame::{Framing, Protocol};
pub use session::{Dropped, HEADROOM, Input, Ip, Session};
pub use settings::{
    AddressPlan, Ciphers, Credentials, Echo, Interface, Limits, Mppe, NameServers, Network, Role,
    Settings, Stateful,
};

pub mod automaton;
mod ccp;
pub mod clamp;
mod event;
pub mod frame;
mod ipcp;
mod ipv6cp;
mod layer;
mod lcp;
mod lots;
mod outbox;
pub mod packet;
pub mod session;
mod settings;

/// Fills octets with randomness that no peer can guess: the caller's, asked once for each session.
pub type Dice<'a> = dyn FnMut(&mut [u8]) + 'a;
