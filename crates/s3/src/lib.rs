//! A client of the S3 protocol, as far as a store of uploads needs it: objects put, read in
//! ranges, listed and removed; multipart uploads; conditional writes; and a probe of what a
//! bucket really enforces.
//!
//! Requests are signed with SigV4 as presigned URLs of some minutes (`rusty-s3`), so bodies stream
//! without being hashed first (`UNSIGNED-PAYLOAD`); `Content-MD5` is signed with what is in memory.
//! A URL is as good as the right to do what it says until it expires: it is never in an error, a
//! log or a Debug text, and neither are keys of objects, which are names of users' files.
//!
//! Every request has deadlines, every answer that is read into memory a size, every retry a bound.
//! Errors say by cause what happened, and whether an attempt without an answer may have worked.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/Welcome.html>

mod answers;
mod call;
mod client;
mod content;
mod error;
mod login;
mod multipart;
mod objects;
mod place;
mod probe;
mod send;
mod tally;
mod xml;

pub use answers::{Entry, Page, Part, PartPage, Pending, PendingPage};
pub use client::{Client, SetupProblem, Times};
pub use content::Content;
pub use error::{Cause, Code, Error, Missing, Why};
pub use login::{Login, LoginProblem};
pub use menshen_tls::client::Trust;
pub use objects::{Condition, Facts, Labels, Object};
pub use place::{Place, PlaceProblem, Style};
pub use probe::{Abilities, PROBE_FOLDER};
pub use tally::Figures;

/// Fewest bytes of a part that is not the last
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html>).
pub const PART_BYTES_MIN: u64 = 5 << 20;
/// Highest number of a part.
pub const PART_NUMBER_MAX: u16 = 10_000;
