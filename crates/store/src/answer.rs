//! What becomes of an upload that is whole: delivered once, answered once, and the answer kept.
//!
//! `Receiving → Whole → Delivering → Answered`. Who delivers says so first, durably, and what it
//! aims at; a process that dies in between leaves `Delivering`, and the next one finds out what
//! happened where that can be known (a file that was renamed is not in the folder any more) and is
//! told that it cannot be known where it cannot (a request to an application).

use serde::{Deserialize, Serialize};

use crate::Whole;
use crate::s3::S3Whole;

/// How far an upload is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "lowercase")]
pub enum Stage {
    /// Bytes are missing, or nobody has said that these were all.
    #[default]
    Receiving,
    /// All bytes are there, durable, and their digests as promised.
    Whole,
    /// Somebody has set about delivering it.
    Delivering {
        /// Counted from 1.
        attempt: u32,
        /// Who, in the caller's words; at most [`BY_BYTES_MAX`] bytes.
        by: String,
        /// When, unix seconds.
        since: u64,
        /// What it was going to do.
        aim: Aim,
        /// Device and inode of the file in the folder, to find it again under another name.
        file: (u64, u64),
    },
    /// It was delivered or refused for good; the answer stays until the upload expires.
    Answered(Stored),
}

/// What a delivery is going to do; decides what can be known after it was interrupted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "to", rename_all = "lowercase")]
pub enum Aim {
    /// Rename the file out of the folder ([`Whole::publish_to`]). Afterwards it is either there or
    /// not, so an interrupted attempt is always understood.
    Move,
    /// Rename a copy that was made elsewhere; the caller looks whether the target is that file.
    Copy {
        /// The copy's device number.
        device: u64,
        /// The copy's inode number.
        inode: u64,
    },
    /// Hand it to an application. Whether that happened cannot be known afterwards.
    Request,
}

/// What [`Store::begin_delivery`](crate::Store::begin_delivery) found.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one at a time, and it is taken apart")]
pub enum Begun {
    /// Deliver this, then say [`Store::answer`](crate::Store::answer).
    Go {
        /// The bytes.
        whole: Whole,
        /// This attempt, counted from 1.
        attempt: u32,
    },
    /// It became an object under its own name when it became whole; what is left is to say
    /// [`Store::answer`](crate::Store::answer) with attempt 0.
    Stands(Box<S3Whole>),
    /// It was delivered before; this was the answer.
    Answered(Stored),
    /// An attempt was made by a process that is gone, and what became of it is for the caller to
    /// find out or to decide: then either [`Store::answer`](crate::Store::answer) or
    /// [`Store::release`](crate::Store::release), which lets it be delivered again.
    Interrupted {
        /// That attempt.
        attempt: u32,
        /// When it began, unix seconds.
        since: u64,
        /// What it aimed at.
        aim: Aim,
        /// Device and inode of the file that was in the folder.
        file: (u64, u64),
        /// What is known of it.
        outcome: Outcome,
    },
}

/// What is known of an interrupted attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The file has left the folder: it has its name. Answer as if this attempt had done it.
    Done,
    /// Nothing can tell from here.
    Unknown,
}

/// An answer that is kept, to be said again to a client that lost it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
    /// The status.
    pub status: u16,
    /// Names and values; together at most [`ANSWER_FIELDS_BYTES_MAX`] bytes.
    #[serde(with = "crate::octets::pairs")]
    pub fields: Vec<(Vec<u8>, Vec<u8>)>,
    /// At most [`ANSWER_BODY_BYTES_MAX`] bytes; kept beside the JSON.
    #[serde(skip)]
    pub body: Vec<u8>,
}

/// Bytes of a kept answer's body.
pub const ANSWER_BODY_BYTES_MAX: usize = 64 << 10;
/// Bytes of a kept answer's names and values.
pub const ANSWER_FIELDS_BYTES_MAX: usize = 8 << 10;
/// Bytes of the word that says who delivers.
pub const BY_BYTES_MAX: usize = 64;
