//! One shard of the cache: entries by key, bounded in bytes, least useful evicted.

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
