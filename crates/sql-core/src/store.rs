//! One shard of the cache: entries by key, bounded in bytes, least useful evicted.
//!
//! This never locks, waits or counts for anybody: the `sql` crate's cache holds the locks, the
//! sum of bytes and the clock. What an entry costs is [`Entry::charge`], allocator's rounding and
//! table places included, so that the sum is what the process really holds.

mod entry;
mod shard;
mod slab;

use core::hash::{BuildHasher, Hasher};

pub use entry::{Contents, Entry, Figures, Reply, SHORT, allocated_bytes};
pub use shard::{Shard, Swept, Tails};
pub use slab::Line;

/// What a reply is found by: exact bytes, no hash.
///
/// The fingerprint says everything of the session that shapes replies, and whether the protocol is
/// text or binary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key<'a> {
    fingerprint: u32,
    statement: &'a [u8],
    parameters: &'a [u8],
}

impl<'a> Key<'a> {
    /// Of a statement in the text protocol.
    #[must_use]
    pub fn text(fingerprint: u32, statement: &'a [u8]) -> Self {
        Self { fingerprint, statement, parameters: &[] }
    }

    /// Of an execution of a prepared statement: its text, and types and bytes of its parameters.
    #[must_use]
    pub fn execute(fingerprint: u32, statement: &'a [u8], parameters: &'a [u8]) -> Self {
        Self { fingerprint, statement, parameters }
    }

    /// The session's fingerprint.
    #[must_use]
    pub fn fingerprint(&self) -> u32 {
        self.fingerprint
    }

    /// The statement's bytes.
    #[must_use]
    pub fn statement(&self) -> &'a [u8] {
        self.statement
    }

    /// Types and bytes of parameters.
    #[must_use]
    pub fn parameters(&self) -> &'a [u8] {
        self.parameters
    }
}

/// Hashes keys, so that nobody outside can tell which fall together.
#[derive(Debug)]
pub struct Seed {
    builder: hashbrown::DefaultHashBuilder,
    random: u64,
}

impl Seed {
    /// With a number nobody knows.
    #[must_use]
    pub fn new(random: u64) -> Self {
        Self { builder: hashbrown::DefaultHashBuilder::default(), random }
    }

    /// The key's hash.
    #[must_use]
    pub fn hash(&self, key: &Key<'_>) -> u64 {
        let mut hasher = self.builder.build_hasher();
        hasher.write_u64(self.random);
        hasher.write_u32(key.fingerprint);
        hasher.write_usize(key.statement.len());
        hasher.write(key.statement);
        hasher.write(key.parameters);
        hasher.finish()
    }
}

#[cfg(test)]
mod tests;
