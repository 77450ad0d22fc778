//! The Secure Socket Tunneling Protocol ([MS-SSTP]): PPP frames in a TLS connection that began as
//! HTTP. Packets, the stream they stand in, both ends of a call, crypto binding, HTTP heads.
//!
//! TLS, PPP and the clock are the caller's. It must never let a network packet through before the
//! crypto binding holds: until then the other end of TLS may be somebody else than the other end of
//! the authentication. Every way to end is an [`End`].

pub use binding::{Binding, Certificate, Hash, Hashes, Mismatch};
pub use call::{Call, End, Event, Timers};
pub use client::Client;
pub use packet::{Message, Packet, Stream, Traffic};
pub use server::Server;
pub use status::{Attribute, Invalid, Status};

pub mod binding;
mod call;
mod client;
pub mod http;
pub mod packet;
mod server;
mod status;

#[cfg(test)]
mod tests;
