//! Durable uploads: bytes on their way rest here until they are whole, and after that what was
//! answered, so that it can be said again.
//!
//! What is promised: an offset that was told to a client never goes back, whoever is killed and
//! whenever the power fails; of two who write, the newer wins and not a byte of theirs is mixed;
//! nothing is delivered twice without somebody having said so. How the folder does it, and what it
//! costs: `docs/decisions/0037-an-upload-in-a-folder.md`.
//!
//! It must never: tell an offset that is not durable; touch a file that does not bear a name of
//! its own; wait for a disk on the thread that asks (only [`Writer::push`] writes there, into the
//! page cache). How it fails: [`Error`], by cause.

mod answer;
mod digest;
mod dir;
mod error;
mod id;
mod octets;
mod record;
pub mod s3;
mod spans;
mod store;
mod whole;
mod writer;

#[cfg(any(test, feature = "fault"))]
pub mod fault;

/// Passes a step at which drills may kill; nothing in the product.
macro_rules! step {
    ($point:ident) => {
        #[cfg(any(test, feature = "fault"))]
        $crate::fault::at($crate::fault::Point::$point);
    };
}
use step;

pub use answer::{
    ANSWER_BODY_BYTES_MAX, ANSWER_FIELDS_BYTES_MAX, Aim, BY_BYTES_MAX, Begun, Outcome, Stage,
    Stored,
};
pub use digest::{Algorithm, Promise, Running};
pub use dir::Dir;
pub use error::Error;
pub use id::{ID_CHARS, Id, IdError};
pub use record::{
    Destination, HEAD_BYTES_MAX, METADATA_BYTES_MAX, Order, PATH_BYTES_MAX, PROMISES_MAX, Record,
};
pub use spans::{SPANS_MAX, Spans};
pub use store::{ANSWERED_TIMES, Limits, Store};
pub use whole::{Replace, Whole};
pub use writer::{Patience, Push, Start, Writer};
