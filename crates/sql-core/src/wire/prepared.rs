//! The prepared statements of one session, by the ids the server gave them, and the part of a
//! cache key that an execution makes.
//!
//! Types of parameters are sent by clients with the first execution only. When that execution is
//! answered from the cache, the server has not seen them: the next one that is forwarded must carry
//! them ([`Prepared::forward`]).
//!
//! Memory: ids, counts and types of every open statement (the server bounds them,
//! `max_prepared_stmt_count`), texts up to a total; a statement whose text did not fit is not
//! served from the cache.

use alloc::boxed::Box;
use alloc::vec::Vec;

use hashbrown::HashMap;

use super::command::{Bulk, Execute};
use super::response::PreparedHead;

/// The prepared statements of a session.
#[derive(Debug)]
pub struct Prepared {
    statements: HashMap<u32, Statement>,
    last: Option<u32>,
    text_bytes: usize,
    text_bytes_max: usize,
}

/// A prepared statement.
#[derive(Clone, PartialEq, Eq)]
pub struct Statement {
    /// Its text; `None`: too long to be kept.
    pub text: Option<Box<[u8]>>,
    /// Its parameters.
    pub parameters: u16,
    /// Columns of its result.
    pub columns: u16,
    /// Long data was sent for the next execution, which is therefore forwarded.
    pub long_data: bool,
    /// A cursor is open: executions are forwarded, so that it closes.
    pub cursor: bool,
    types: Types,
}

/// The types of the parameters, two bytes each.
#[derive(Clone, Default, PartialEq, Eq)]
struct Types {
    /// As the client sent them last.
    client: Box<[u8]>,
    /// Whether the server has seen these.
    server_knows: bool,
}

/// Why an execution has no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoKey {
    /// A statement the door does not know, or one whose text it did not keep.
    Unknown,
    /// A cursor is wanted or open.
    Cursor,
    /// Long data was sent.
    LongData,
    /// The parameters cannot be read: missing types, cut short.
    Malformed,
}

/// How an execution is sent to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forward {
    /// As the client sent it.
    AsIs,
    /// `out` holds the payload to send in its place: with the types the server has not seen.
    Rewritten,
}

impl Prepared {
    /// None yet; texts are kept up to `text_bytes_max` bytes together.
    #[must_use]
    pub fn new(text_bytes_max: usize) -> Self {
        Self { statements: HashMap::new(), last: None, text_bytes: 0, text_bytes_max }
    }

    /// A statement was prepared: `head` as in [`Facts::prepared`](super::response::Facts).
    pub fn prepared(&mut self, _head: PreparedHead, _text: &[u8]) {
        unimplemented!()
    }

    /// A preparation failed: MariaDB's "statement prepared last" is none.
    pub fn failed(&mut self) {
        self.last = None;
    }

    /// The statement of this id ([`LAST_STATEMENT`](super::command::LAST_STATEMENT) too).
    #[must_use]
    pub fn get(&self, _statement: u32) -> Option<&Statement> {
        unimplemented!()
    }

    /// Appends the key of an execution: text, types and values of the parameters, so that two
    /// executions have the same key only if they are the same. Remembers the types it carries. Call
    /// it once for every `COM_STMT_EXECUTE`, before a hit is looked for and before
    /// [`Self::forward`].
    ///
    /// # Errors
    /// It must be forwarded and not cached; `out` is as it was.
    pub fn key(&mut self, _execute: &Execute<'_>, _out: &mut Vec<u8>) -> Result<(), NoKey> {
        unimplemented!()
    }

    /// An execution is forwarded to the server: appends the payload to send to `out` if it differs
    /// from the client's.
    pub fn forward(&mut self, _execute: &Execute<'_>, _out: &mut Vec<u8>) -> Forward {
        unimplemented!()
    }

    /// As [`Self::forward`], for `COM_STMT_BULK_EXECUTE`.
    pub fn forward_bulk(&mut self, _bulk: &Bulk<'_>, _out: &mut Vec<u8>) -> Forward {
        unimplemented!()
    }

    /// The reply to a forwarded execution opened a cursor
    /// ([`Facts::cursor`](super::response::Facts)).
    pub fn opened_cursor(&mut self, _statement: u32) {
        unimplemented!()
    }

    /// `COM_STMT_SEND_LONG_DATA` was forwarded.
    pub fn long_data(&mut self, _statement: u32) {
        unimplemented!()
    }

    /// `COM_STMT_RESET` was forwarded.
    pub fn reset(&mut self, _statement: u32) {
        unimplemented!()
    }

    /// `COM_STMT_CLOSE` was forwarded.
    pub fn close(&mut self, _statement: u32) {
        unimplemented!()
    }

    /// The session was reset (`COM_CHANGE_USER`, `COM_RESET_CONNECTION`): all are gone.
    pub fn clear(&mut self) {
        self.statements.clear();
        (self.last, self.text_bytes) = (None, 0);
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.statements.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.statements.is_empty()
    }
}

impl core::fmt::Debug for Statement {
    /// Without the text.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Statement")
            .field("parameters", &self.parameters)
            .field("columns", &self.columns)
            .field("long_data", &self.long_data)
            .field("cursor", &self.cursor)
            .finish_non_exhaustive()
    }
}
