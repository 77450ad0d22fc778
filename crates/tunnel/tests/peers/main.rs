//! Both our ends against programs of others: pptpd as a plain process with a stand-in for pppd, and
//! pptpd with the real pppd in a guest kernel. Each in network namespaces of its own.
//!
//! They run where `MENSHEN_TUNNEL_PEERS` or `MENSHEN_REQUIRE_PEERS` is set. What is missing then
//! (root, TUN, a program) is said loudly and skipped; with the second it fails. Files that are
//! carried are short, or have as many megabytes as `MENSHEN_TUNNEL_MEGABYTES` (down, to who dials)
//! and `MENSHEN_TUNNEL_MEGABYTES_UP` say. Waits have wide bounds: the machine may be busy.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

mod call;
mod door;
mod guest;
mod path;
mod pppd;
mod pptpd;
mod rough;
mod serving;
mod space;
mod sstp;
mod tls;
mod wire;
