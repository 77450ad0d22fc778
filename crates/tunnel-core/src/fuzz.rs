//! Doors for the fuzzer: one function for each decoder. Each takes any bytes and panics when an
//! invariant of its module breaks.
//!
//! It must never hold a rule of its own. The same functions serve the fuzz targets in `fuzz/`, the
//! replay of the committed corpus (`tests/corpus.rs`) and the property tests. A new target is a
//! function here, a row in [`TARGETS`], a file in `fuzz/fuzz_targets/` and seeds in `fuzz/corpus/`,
//! all named with `tunnel-` before the function's name.

pub use auth::auth;
pub use dhcp::dhcp;
pub use mppe::mppe;
pub use ppp::{ppp_session, ppp_wire};
pub use pptp::{control, gre};
pub use sstp::sstp;

mod auth;
mod dhcp;
mod mppe;
pub(crate) mod ppp;
mod pptp;
mod sstp;

/// One fuzz target: checks the invariants on any bytes.
pub type Target = fn(&[u8]);

/// Every target by the name of its corpus folder.
pub const TARGETS: &[(&str, Target)] = &[
    ("tunnel-auth", auth),
    ("tunnel-control", control),
    ("tunnel-dhcp", dhcp),
    ("tunnel-gre", gre),
    ("tunnel-mppe", mppe),
    ("tunnel-ppp-session", ppp_session),
    ("tunnel-ppp-wire", ppp_wire),
    ("tunnel-sstp", sstp),
];
