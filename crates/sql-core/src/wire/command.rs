//! Commands: the first byte of a client's message and what follows.
//!
//! Numbers as in `enum enum_server_command` (`include/mysql_com.h`). Reading never fails: what is
//! malformed or unknown is relayed, and the server says what is wrong with it.

use super::lenenc::Fields;
use super::{Capabilities, Malformed};

/// A command, borrowed from its payload.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Command<'a> {
    /// Ends the session; no reply.
    Quit,
    /// Another current database.
    InitDb(&'a [u8]),
    /// A statement. The layout without query attributes, which the door does not offer.
    Query(&'a [u8]),
    /// Columns of a table: its name, NUL, a pattern.
    FieldList(&'a [u8]),
    /// A line of statistics.
    Statistics,
    /// Kills a connection.
    ProcessKill(u32),
    /// Still there?
    Ping,
    /// Logs in anew; the session is reset. See [`ChangeUser::parse`].
    ChangeUser(&'a [u8]),
    /// Prepares a statement.
    Prepare(&'a [u8]),
    /// Executes a prepared statement.
    Execute(Execute<'a>),
    /// A part of a parameter; no reply.
    LongData {
        /// The statement.
        statement: u32,
        /// The parameter, from 0.
        parameter: u16,
        /// The part.
        data: &'a [u8],
    },
    /// Forgets a prepared statement; no reply.
    Close(u32),
    /// Forgets long data and closes the cursor of a prepared statement.
    Reset(u32),
    /// Multi-statements on (0) or off (1).
    SetOption(u16),
    /// Rows of a cursor.
    Fetch {
        /// The statement.
        statement: u32,
        /// At most this many.
        rows: u32,
    },
    /// The session as after the login.
    ResetConnection,
    /// Executes a prepared statement for many rows of parameters (MariaDB).
    Bulk(Bulk<'a>),
    /// The stream of a replica: from here on both directions are copied, nothing is read.
    Dump(u8),
    /// Any other command by its number: relayed as it is, with the usual shapes of reply.
    Other(u8),
    /// A command whose fields cannot be read, by its number; relayed as [`Command::Other`].
    Broken(u8),
}

/// `COM_STMT_EXECUTE`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Execute<'a> {
    /// The statement; [`LAST_STATEMENT`] is the one prepared last (MariaDB).
    pub statement: u32,
    /// The cursor wanted; 0: none.
    pub flags: u8,
    /// Always 1.
    pub iterations: u32,
    /// Which parameters are NULL, whether types follow, types, values. Read by
    /// [`Prepared::key`](super::Prepared::key), which knows how many there are.
    pub body: &'a [u8],
}

/// `COM_STMT_BULK_EXECUTE`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Bulk<'a> {
    /// The statement.
    pub statement: u32,
    /// [`BULK_TYPES`]: types follow; 64: one result for each row.
    pub flags: u16,
    /// Types, if they follow, and rows of values.
    pub body: &'a [u8],
}

impl<'a> Command<'a> {
    /// Reads the payload of a client's message (or, for a long one, its beginning: what is cut off
    /// is then missing at the end of the text or body). An empty payload is `Broken(SLEEP)`.
    #[must_use]
    pub fn parse(payload: &'a [u8]) -> Self {
        let Some((&code, rest)) = payload.split_first() else { return Self::Broken(SLEEP) };
        let fields = Fields::new(rest);
        match code {
            QUIT => Self::Quit,
            INIT_DB => Self::InitDb(rest),
            QUERY => Self::Query(rest),
            FIELD_LIST => Self::FieldList(rest),
            STATISTICS => Self::Statistics,
            PING => Self::Ping,
            CHANGE_USER => Self::ChangeUser(rest),
            PREPARE => Self::Prepare(rest),
            RESET_CONNECTION => Self::ResetConnection,
            BINLOG_DUMP | TABLE_DUMP | BINLOG_DUMP_GTID | CLONE | SUBSCRIBE_GROUP => {
                Self::Dump(code)
            }
            PROCESS_KILL | EXECUTE | LONG_DATA | CLOSE | RESET | SET_OPTION | FETCH | BULK => {
                Self::numbered(code, fields).unwrap_or(Self::Broken(code))
            }
            other => Self::Other(other),
        }
    }

    /// Commands that begin with the number of a statement or connection.
    fn numbered(code: u8, mut fields: Fields<'a>) -> Result<Self, Malformed> {
        if code == SET_OPTION {
            return fields.u16().map(Self::SetOption);
        }
        let statement = fields.u32()?;
        Ok(match code {
            PROCESS_KILL => Self::ProcessKill(statement),
            CLOSE => Self::Close(statement),
            RESET => Self::Reset(statement),
            FETCH => Self::Fetch { statement, rows: fields.u32()? },
            LONG_DATA => {
                let parameter = fields.u16()?;
                Self::LongData { statement, parameter, data: fields.rest() }
            }
            BULK => {
                let flags = fields.u16()?;
                Self::Bulk(Bulk { statement, flags, body: fields.rest() })
            }
            _ => {
                let (flags, iterations) = (fields.u8()?, fields.u32()?);
                Self::Execute(Execute { statement, flags, iterations, body: fields.rest() })
            }
        })
    }

    /// Its number.
    #[must_use]
    pub const fn code(&self) -> u8 {
        match self {
            Self::Quit => QUIT,
            Self::InitDb(_) => INIT_DB,
            Self::Query(_) => QUERY,
            Self::FieldList(_) => FIELD_LIST,
            Self::Statistics => STATISTICS,
            Self::ProcessKill(_) => PROCESS_KILL,
            Self::Ping => PING,
            Self::ChangeUser(_) => CHANGE_USER,
            Self::Prepare(_) => PREPARE,
            Self::Execute(_) => EXECUTE,
            Self::LongData { .. } => LONG_DATA,
            Self::Close(_) => CLOSE,
            Self::Reset(_) => RESET,
            Self::SetOption(_) => SET_OPTION,
            Self::Fetch { .. } => FETCH,
            Self::ResetConnection => RESET_CONNECTION,
            Self::Bulk(_) => BULK,
            Self::Dump(code) | Self::Other(code) | Self::Broken(code) => *code,
        }
    }
}

/// `COM_CHANGE_USER`: a login within a session.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ChangeUser<'a> {
    /// The account.
    pub user: &'a [u8],
    /// The answer to the scramble of the greeting. Secret.
    pub answer: &'a [u8],
    /// The database; empty: none.
    pub database: &'a [u8],
    /// The character set, a collation id, if sent.
    pub charset: Option<u16>,
    /// The plugin of the answer, if sent.
    pub plugin: Option<&'a [u8]>,
    /// Connection attributes and anything else, unread.
    pub rest: &'a [u8],
}

impl<'a> ChangeUser<'a> {
    /// Reads what follows the command's byte.
    ///
    /// # Errors
    /// It is cut short before the database.
    pub fn parse(rest: &'a [u8], capabilities: Capabilities) -> Result<Self, Malformed> {
        let mut fields = Fields::new(rest);
        let user = fields.until_nul()?;
        let answer = if capabilities.has(Capabilities::SECURE_CONNECTION) {
            let len = fields.u8()?;
            fields.bytes(usize::from(len))?
        } else {
            fields.until_nul()?
        };
        let database = fields.until_nul_or_end();
        let charset = fields.u16().ok();
        let plugins = capabilities.has(Capabilities::PLUGIN_AUTH) && !fields.is_empty();
        let plugin = plugins.then(|| fields.until_nul_or_end());
        Ok(Self { user, answer, database, charset, plugin, rest: fields.rest() })
    }
}

impl core::fmt::Debug for Command<'_> {
    /// The number only: statements and parameters hold people's data.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Command({:#04x})", self.code())
    }
}

impl core::fmt::Debug for Execute<'_> {
    /// Without the parameters.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Execute({}, flags {})", self.statement, self.flags)
    }
}

impl core::fmt::Debug for Bulk<'_> {
    /// Without the parameters.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Bulk({}, flags {})", self.statement, self.flags)
    }
}

impl core::fmt::Debug for ChangeUser<'_> {
    /// Without the answer.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("ChangeUser").field("charset", &self.charset).finish_non_exhaustive()
    }
}

/// The statement prepared last, in the place of its id (MariaDB's `LAST_STMT_ID`).
pub const LAST_STATEMENT: u32 = u32::MAX;

/// [`Bulk::flags`]: types follow.
pub const BULK_TYPES: u16 = 128;

/// `COM_SLEEP`, never sent.
pub const SLEEP: u8 = 0x00;
/// `COM_QUIT`.
pub const QUIT: u8 = 0x01;
/// `COM_INIT_DB`.
pub const INIT_DB: u8 = 0x02;
/// `COM_QUERY`.
pub const QUERY: u8 = 0x03;
/// `COM_FIELD_LIST`.
pub const FIELD_LIST: u8 = 0x04;
/// `COM_STATISTICS`.
pub const STATISTICS: u8 = 0x09;
/// `COM_PROCESS_INFO`.
pub const PROCESS_INFO: u8 = 0x0a;
/// `COM_PROCESS_KILL`.
pub const PROCESS_KILL: u8 = 0x0c;
/// `COM_PING`.
pub const PING: u8 = 0x0e;
/// `COM_CHANGE_USER`.
pub const CHANGE_USER: u8 = 0x11;
/// `COM_BINLOG_DUMP`.
pub const BINLOG_DUMP: u8 = 0x12;
/// `COM_TABLE_DUMP`, of old servers.
pub const TABLE_DUMP: u8 = 0x13;
/// `COM_REGISTER_SLAVE`.
pub const REGISTER_SLAVE: u8 = 0x15;
/// `COM_STMT_PREPARE`.
pub const PREPARE: u8 = 0x16;
/// `COM_STMT_EXECUTE`.
pub const EXECUTE: u8 = 0x17;
/// `COM_STMT_SEND_LONG_DATA`.
pub const LONG_DATA: u8 = 0x18;
/// `COM_STMT_CLOSE`.
pub const CLOSE: u8 = 0x19;
/// `COM_STMT_RESET`.
pub const RESET: u8 = 0x1a;
/// `COM_SET_OPTION`.
pub const SET_OPTION: u8 = 0x1b;
/// `COM_STMT_FETCH`.
pub const FETCH: u8 = 0x1c;
/// `COM_BINLOG_DUMP_GTID` (MySQL).
pub const BINLOG_DUMP_GTID: u8 = 0x1e;
/// `COM_RESET_CONNECTION`.
pub const RESET_CONNECTION: u8 = 0x1f;
/// `COM_CLONE` (MySQL).
pub const CLONE: u8 = 0x20;
/// `COM_SUBSCRIBE_GROUP_REPLICATION_STREAM` (MySQL).
pub const SUBSCRIBE_GROUP: u8 = 0x21;
/// `COM_STMT_BULK_EXECUTE` (MariaDB).
pub const BULK: u8 = 0xfa;

#[cfg(test)]
mod tests;
