//! The Secure Socket Tunneling Protocol over real connections ([MS-SSTP]): how a client gets to a
//! call, how a server takes one, and the call as a carrier of PPP frames.
//!
//! The protocol's rules are `menshen_tunnel_core::sstp`; here are TLS, HTTP's two heads and the
//! octets. It must never carry a packet of the network before the crypto binding. Ways to fail:
//! [`ConnectError`] before the call, [`ServeError`] likewise on the other side, [`Lost`] after.

pub use carrier::{Dropped, Sstp};
pub use connect::{
    ClientStream, ConnectError, Connection, Facts, Patience, Target, connect, connect_by,
};
pub use lost::Lost;
pub use serve::{Accepted, ServeError, serve};
pub use trust::{Trust, TrustProblem};

mod carrier;
mod connect;
mod lost;
mod serve;
mod trust;
mod wire;

#[cfg(test)]
mod tests;
