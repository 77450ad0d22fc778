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

use super::command::{self, BULK_TYPES, Bulk, Execute, LAST_STATEMENT};
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
    pub fn prepared(&mut self, head: PreparedHead, text: &[u8]) {
        self.close(head.statement);
        let fits = text.len() <= self.text_bytes_max.saturating_sub(self.text_bytes);
        let text: Option<Box<[u8]>> = fits.then(|| text.into());
        self.text_bytes += text.as_deref().map_or(0, <[u8]>::len);
        let (parameters, columns) = (head.parameters, head.columns);
        let types = Types::default();
        let statement =
            Statement { text, parameters, columns, long_data: false, cursor: false, types };
        self.statements.insert(head.statement, statement);
        self.last = Some(head.statement);
    }

    /// A preparation failed: MariaDB's "statement prepared last" is none.
    pub const fn failed(&mut self) {
        self.last = None;
    }

    /// The statement of this id ([`LAST_STATEMENT`] too).
    #[must_use]
    pub fn get(&self, statement: u32) -> Option<&Statement> {
        self.statements.get(&self.id(statement)?)
    }

    /// Appends the key of an execution: text, types and values of the parameters, so that two
    /// executions have the same key only if they are the same. Remembers the types it carries. Call
    /// it once for every `COM_STMT_EXECUTE` that may be answered from the cache, before
    /// [`Self::forward`].
    ///
    /// # Errors
    /// It must be forwarded and not cached; `out` is as it was.
    pub fn key(&mut self, execute: &Execute<'_>, out: &mut Vec<u8>) -> Result<(), NoKey> {
        let statement = self.get_mut(execute.statement).ok_or(NoKey::Unknown)?;
        let count = statement.parameters;
        let parts = Parts::split(execute.body, count);
        if let Some(types) = parts.and_then(|parts| parts.types) {
            statement.types.sent(types);
        }
        let text = statement.text.as_deref().ok_or(NoKey::Unknown)?;
        if execute.flags != 0 || statement.cursor {
            return Err(NoKey::Cursor);
        }
        if statement.long_data {
            return Err(NoKey::LongData);
        }
        let parts = parts.ok_or(NoKey::Malformed)?;
        let types = &statement.types.client;
        if types.len() != usize::from(count) * 2 {
            return Err(NoKey::Malformed);
        }
        let text_len = u32::try_from(text.len()).map_err(|_| NoKey::Unknown)?;
        out.extend_from_slice(&text_len.to_le_bytes());
        out.extend_from_slice(text);
        out.extend_from_slice(&count.to_le_bytes());
        out.extend_from_slice(types);
        out.extend_from_slice(parts.nulls);
        out.extend_from_slice(parts.values);
        Ok(())
    }

    /// Whether the server has not seen the types of this statement's parameters, so that
    /// [`Self::forward`] may have to rewrite an execution: one too long to be kept whole in memory
    /// must then be refused or read all the same.
    #[must_use]
    pub fn lacks_types(&self, statement: u32) -> bool {
        self.get(statement).is_some_and(|statement| statement.types.missing().is_some())
    }

    /// An execution is forwarded to the server: appends the payload to send to `out` if it differs
    /// from the client's.
    pub fn forward(&mut self, execute: &Execute<'_>, out: &mut Vec<u8>) -> Forward {
        let Some(statement) = self.get_mut(execute.statement) else { return Forward::AsIs };
        (statement.long_data, statement.cursor) = (false, false);
        let count = statement.parameters;
        let Some(parts) = Parts::split(execute.body, count) else { return Forward::AsIs };
        if let Some(types) = parts.types {
            statement.types.sent(types);
            statement.types.server_knows = true;
            return Forward::AsIs;
        }
        let Some(types) = statement.types.missing() else { return Forward::AsIs };
        out.push(command::EXECUTE);
        out.extend_from_slice(&execute.statement.to_le_bytes());
        out.push(execute.flags);
        out.extend_from_slice(&execute.iterations.to_le_bytes());
        out.extend_from_slice(parts.nulls);
        out.push(1);
        out.extend_from_slice(types);
        out.extend_from_slice(parts.values);
        statement.types.server_knows = true;
        Forward::Rewritten
    }

    /// As [`Self::forward`], for `COM_STMT_BULK_EXECUTE`.
    pub fn forward_bulk(&mut self, bulk: &Bulk<'_>, out: &mut Vec<u8>) -> Forward {
        let Some(statement) = self.get_mut(bulk.statement) else { return Forward::AsIs };
        (statement.long_data, statement.cursor) = (false, false);
        if bulk.flags & BULK_TYPES != 0 {
            if let Some(types) = bulk.body.get(..usize::from(statement.parameters) * 2) {
                statement.types.sent(types);
                statement.types.server_knows = true;
            }
            return Forward::AsIs;
        }
        let Some(types) = statement.types.missing() else { return Forward::AsIs };
        out.push(command::BULK);
        out.extend_from_slice(&bulk.statement.to_le_bytes());
        out.extend_from_slice(&(bulk.flags | BULK_TYPES).to_le_bytes());
        out.extend_from_slice(types);
        out.extend_from_slice(bulk.body);
        statement.types.server_knows = true;
        Forward::Rewritten
    }

    /// The reply to a forwarded execution opened a cursor
    /// ([`Facts::cursor`](super::response::Facts)).
    pub fn opened_cursor(&mut self, statement: u32) {
        if let Some(statement) = self.get_mut(statement) {
            statement.cursor = true;
        }
    }

    /// `COM_STMT_SEND_LONG_DATA` was forwarded.
    pub fn long_data(&mut self, statement: u32) {
        if let Some(statement) = self.get_mut(statement) {
            statement.long_data = true;
        }
    }

    /// `COM_STMT_RESET` was forwarded.
    pub fn reset(&mut self, statement: u32) {
        if let Some(statement) = self.get_mut(statement) {
            (statement.long_data, statement.cursor) = (false, false);
        }
    }

    /// `COM_STMT_CLOSE` was forwarded.
    pub fn close(&mut self, statement: u32) {
        let Some(id) = self.id(statement) else { return };
        if let Some(gone) = self.statements.remove(&id) {
            self.text_bytes -= gone.text.as_deref().map_or(0, <[u8]>::len);
        }
        if self.last == Some(id) {
            self.last = None;
        }
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

impl Prepared {
    fn id(&self, statement: u32) -> Option<u32> {
        if statement == LAST_STATEMENT { self.last } else { Some(statement) }
    }

    fn get_mut(&mut self, statement: u32) -> Option<&mut Statement> {
        let id = self.id(statement)?;
        self.statements.get_mut(&id)
    }
}

impl Types {
    /// The client sent these.
    fn sent(&mut self, types: &[u8]) {
        if *self.client != *types {
            *self = Self { client: types.into(), server_knows: false };
        }
    }

    /// Those the client has sent and the server has not seen.
    fn missing(&self) -> Option<&[u8]> {
        (!self.server_knows && !self.client.is_empty()).then_some(&*self.client)
    }
}

/// The parts of the body of an execution.
#[derive(Clone, Copy)]
struct Parts<'a> {
    nulls: &'a [u8],
    types: Option<&'a [u8]>,
    values: &'a [u8],
}

impl<'a> Parts<'a> {
    /// `None`: it is too short. Without parameters, whatever follows counts for nothing.
    fn split(body: &'a [u8], count: u16) -> Option<Self> {
        let count = usize::from(count);
        if count == 0 {
            return Some(Self { nulls: b"", types: None, values: b"" });
        }
        let (nulls, rest) = body.split_at_checked(count.div_ceil(8))?;
        let (bound, rest) = rest.split_first()?;
        if *bound == 0 {
            return Some(Self { nulls, types: None, values: rest });
        }
        let (types, values) = rest.split_at_checked(count * 2)?;
        Some(Self { nulls, types: Some(types), values })
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

#[cfg(test)]
mod tests;
