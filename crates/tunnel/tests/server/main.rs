//! Our clients against the server of the tunnel door, in network namespaces: packets of the kernel
//! through TUN interfaces and real GRE, TLS in front of SSTP as the web door has it.
//!
//! They need root and /dev/net/tun and say loudly when they are skipped; with
//! `MENSHEN_REQUIRE_PEERS` what is missing is a failure. Waits have wide bounds: the machine may be
//! busy.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

mod bulk;
mod client;
mod limits;
mod place;
mod pptp;
mod space;
mod sstp;
