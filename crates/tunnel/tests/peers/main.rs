//! Both our ends against programs of others: pptpd as a plain process with a stand-in for pppd, and
//! pptpd with the real pppd in a guest kernel. Each in network namespaces of its own.
//!
//! They run where `MENSHEN_TUNNEL_PEERS` is set, with the packages pptpd and user-mode-linux. Then
//! what is missing (root, TUN, a program) is said loudly and skipped; with `MENSHEN_REQUIRE_PEERS`
//! it fails. Waits have wide bounds: the machine may be busy.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

mod call;
mod guest;
mod pptpd;
mod space;
mod sstp;
