//! Words every menshen crate shares: findings, end reasons, counters, the pace of a transfer, days
//! of the calendar, errors with their causes.
//!
//! This crate never touches a clock, a socket, a file or a thread; `no_std` keeps it so.
#![no_std]

extern crate alloc;

pub mod bucket;
pub mod calendar;
pub mod causes;
pub mod counter;
pub mod end;
pub mod finding;
pub mod pace;
pub mod runtime;

pub use bucket::{BucketMode, BucketWhy};
pub use causes::with_causes;
pub use counter::{Counter, CounterKind};
pub use end::{EndReason, Phase, Who};
pub use finding::{Confidence, Evidence, Finding, Severity};
pub use runtime::Runtime;
