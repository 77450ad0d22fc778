//! The dialects in which clients speak to an upload resource: resumable uploads for HTTP (RUFH,
//! `draft-ietf-httpbis-resumable-upload`), tus 1.0.0 and the segments of nginx-upload-module.
//!
//! A request's head becomes an [`Intent`], facts become an [`Answer`]; what lies between, the bytes
//! and their store, is somebody else's. This crate never touches a clock, a socket, a file or a
//! thread; `no_std` keeps it so. Whatever the bytes are, nothing here panics, and memory stays
//! within the limits that are named beside each reader.
#![no_std]

extern crate alloc;

pub mod answer;
pub mod checksum;
pub mod dialect;
mod fields;
pub mod fuzz;
pub mod intent;
pub mod limits;
pub mod metadata;
pub mod refusal;

pub use answer::{Answer, Facts, Interim, Offer, Problem, ProblemKind};
pub use checksum::{Checksum, ChecksumKind};
pub use dialect::{Dialect, Interop};
pub use intent::{
    Append, Checks, Concat, Content, Create, End, Intent, Place, Segment, Span, Spoken, read,
};
pub use limits::Limits;
pub use metadata::Metadata;
pub use refusal::{Refusal, Refused};
