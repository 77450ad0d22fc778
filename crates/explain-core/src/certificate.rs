//! What a server certificate says, claims and is worth: the pure half of `menshen explain cert`.
//!
//! DER in, facts out ([`Certificate`]); facts and what the collector found out in, a [`Report`]
//! with findings out ([`report`]). Rules are those in force when the certificate was issued, by
//! the CA/ Browser Forum's Baseline Requirements (BR) and EV Guidelines (EVG), RFC 5280, RFC
//! 6125/9525 and RFC 6962.
//!
//! Never: a clock, the network or a trust store (time, intermediates, anchors and log keys come
//! in as arguments); a decision about trust for real traffic (rustls makes that). Reading fails
//! with [`Unreadable`] for bytes that are no certificate and never panics; an odd certificate
//! that can be read at all is kept and its oddities become findings.

mod browser;
mod chain;
mod class;
mod coverage;
mod ct_logs;
mod der;
mod ev_roots;
mod extensions;
mod facts;
mod lifetime;
mod name;
mod oid;
mod read;
mod report;
mod rules;
mod sct;
mod signature;
mod time;

pub use browser::{Browser, BrowserView, GREEN_BAR};
pub use chain::{Anchor, Chain, ChainEnd, Fault, Link, MissingIssuer, Source};
pub use class::{Class, ClassVerdict, Ev, EvVerdict};
pub use coverage::{Bought, Coverage, Match, NameVerdict, Why};
pub use ct_logs::{CT_LOGS_MADE, ct_logs};
pub use ev_roots::{EV_ROOTS, EV_ROOTS_SOURCE, EvRoot};
pub use facts::{
    AlternativeName, BasicConstraints, Certificate, KeyKind, NameConstraints, Policy, Presence,
    PublicKey, SelfSigned, Timestamp, Usage,
};
pub use lifetime::{AtVerdict, Lifetime, Limit};
pub use menshen_base::calendar::{date, date_time};
pub use name::{Attribute, Name};
pub use read::{CERTIFICATE_BYTES_MAX, Unreadable};
pub use report::{Inputs, Report, StoreTrust, Verdict, report};
pub use sct::{CtLog, LogState, SctOutcome, SctVerdict, Transparency};
