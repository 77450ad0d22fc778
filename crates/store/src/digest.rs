//! Digests that were promised: of the whole, checked when it is complete, and whatever else a
//! caller has bytes of ([`Running`]).
//!
//! A digest's state is not kept in the record: an upload that came in more than one request is
//! read once more, from the page cache or the disk, at about the speed of the hash (SHA-256 with
//! the processor's help some 1.5 GB/s, MD5 0.6 GB/s; 64 MiB: 50 to 110 ms), on a blocking thread.
//! One that came in a single request was hashed as it came. Nothing promised costs nothing.

mod running;

use serde::{Deserialize, Serialize};

pub use running::Running;

/// How a digest is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Algorithm {
    /// 4 bytes, most significant first (the checksum of zlib).
    Crc32,
    /// 16 bytes.
    Md5,
    /// 20 bytes.
    Sha1,
    /// 32 bytes.
    Sha256,
    /// 64 bytes.
    Sha512,
}

/// What the whole must hash to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Promise {
    /// How it is made.
    pub algorithm: Algorithm,
    /// As many bytes as [`Algorithm::bytes`] says.
    #[serde(with = "crate::octets")]
    pub value: Vec<u8>,
}

impl Algorithm {
    /// How long its value is.
    #[must_use]
    pub const fn bytes(self) -> usize {
        match self {
            Self::Crc32 => 4,
            Self::Md5 => 16,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }
}
