//! What the server sends in reply to one command, followed packet by packet.
//!
//! The relay hands over bytes as they came from the socket; rows are skipped by their headers,
//! without copying, however the bytes are cut. It learns where a packet stands that says how the
//! command went (OK, ERR, the EOF after rows): such a packet is not passed on before what it means
//! is done (tables invalidated, changes of the session taken in), and its changes may have to be
//! taken out.
//!
//! ```text
//! let mut response = Response::new(Reply::of(&command), capabilities);
//! loop {
//!     let Seen { pass, next } = response.feed(&buffer);   // what was read and not yet consumed
//!     to_client.extend(&buffer[..pass]);                  // as it is
//!     buffer.advance(pass);
//!     match next {
//!         Next::Read { want } => read until buffer.len() >= want,
//!         Next::Status { len, last, .. } => {             // buffer[..len] is one whole packet
//!             act on it, send it or its rewritten form; buffer.advance(len);
//!             if last { break }
//!         }
//!         Next::File => { flush; copy the client's packets up to an empty one to the server }
//!         Next::Auth { len } => { pass buffer[..len], then copy both ways; see the variant }
//!         Next::End => break,                             // nothing held: it has ended
//!         Next::Raw => copy both directions until one ends,
//!         Next::Broken(_) => close both links,
//!     }
//! }
//! ```
//!
//! State never grows; a packet with a status must be whole in the buffer (`want`, at most 16 MiB and
//! only as far as bytes really arrive, as the header's length is the bound from below).

use super::lenenc::{self, Fields};
use super::ok::{ErrPacket, OkPacket, PROGRESS};
use super::packet::{HEADER_BYTES, Header};
use super::{Capabilities, Command, Malformed, Status, command};

/// The shape of the reply to a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// None at all.
    None,
    /// One packet: OK, EOF, ERR or a line of text.
    One,
    /// OK, ERR, a wanted file, or rows; perhaps several.
    Results,
    /// As [`Reply::Results`] for a statement executed with a cursor wanted: no rows may follow the
    /// columns.
    Cursor,
    /// The head of a prepared statement, its parameters and columns.
    Prepared,
    /// Rows without columns before them.
    Rows,
    /// Column definitions up to an EOF.
    Columns,
    /// Packets of authentication up to OK or ERR.
    Auth,
    /// A stream without end.
    Raw,
}

impl Reply {
    /// The shape of the reply to `command`.
    #[must_use]
    pub const fn of(command: &Command<'_>) -> Self {
        match command {
            Command::Quit | Command::Close(_) | Command::LongData { .. } => Self::None,
            Command::Query(_) | Command::Bulk(_) => Self::Results,
            Command::Execute(execute) if execute.flags != 0 => Self::Cursor,
            Command::Execute(_) => Self::Results,
            Command::Prepare(_) => Self::Prepared,
            Command::Fetch { .. } => Self::Rows,
            Command::FieldList(_) => Self::Columns,
            Command::ChangeUser(_) => Self::Auth,
            Command::Dump(_) => Self::Raw,
            Command::InitDb(_)
            | Command::Statistics
            | Command::ProcessKill(_)
            | Command::Ping
            | Command::Reset(_)
            | Command::SetOption(_)
            | Command::ResetConnection => Self::One,
            Command::Other(code) | Command::Broken(code) => Self::of_code(*code),
        }
    }

    const fn of_code(code: u8) -> Self {
        match code {
            // Long data that cannot be read is not answered either (`mysql_stmt_get_longdata`).
            command::LONG_DATA | command::CLOSE => Self::None,
            command::PROCESS_INFO => Self::Results,
            _ => Self::One,
        }
    }
}

/// What [`Response::feed`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Bytes at the front that are passed on as they are. The next call begins after them.
    pub pass: usize,
    /// What stands after them.
    pub next: Next,
}

/// What stands after the passed bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Too little is there to know: feed again when at least `want` bytes are in the buffer, counted
    /// after the passed ones.
    Read {
        /// At least one more than there are.
        want: usize,
    },
    /// A whole packet with a status, to be sent when what it means has been done.
    Status {
        /// Its bytes, header included.
        len: usize,
        /// What it is.
        kind: Kind,
        /// The status word; of an ERR packet or text 0.
        status: Status,
        /// Whether it ends the response. If not, feed again after it.
        last: bool,
    },
    /// The server wants a file of the client (the packet that says so is among the passed bytes):
    /// the client sends it ([`packet::Stream`](super::packet::Stream) up to an empty packet), then
    /// feed again.
    File,
    /// A whole packet of authentication that is neither OK nor ERR, to be passed on. The client may
    /// answer or not (`caching_sha2_password`'s "fast" needs no answer): copy what either side
    /// sends, and feed again with what the server sends.
    Auth {
        /// Its bytes, header included.
        len: usize,
    },
    /// The response has ended with the passed bytes.
    End,
    /// From here on both directions are copied.
    Raw,
    /// The server sent what no reply to this command can be.
    Broken(Malformed),
}

/// What a packet with a status is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// OK: read it with [`OkPacket::parse`].
    Ok,
    /// The end of rows, in either style: read it with [`OkPacket::parse`].
    RowsEnd,
    /// ERR: read it with [`ErrPacket::parse`](super::ErrPacket::parse).
    Err,
    /// A line of text.
    Text,
}

/// The reply to one command; see the module.
#[derive(Clone, Copy, Debug)]
pub struct Response {
    reply: Reply,
    capabilities: Capabilities,
    /// Bytes of rows (or other passed packets) still to come.
    skip: usize,
    facts: Facts,
}

/// What has been seen of a reply; what the cache must know before it keeps one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Results that began: rows, OK or ERR.
    pub results: u32,
    /// Columns of the latest result; 0: it has no rows.
    pub columns: u64,
    /// Rows of all results.
    pub rows: u64,
    /// All bytes passed on or shown in [`Next::Status`], headers included.
    pub bytes: u64,
    /// Where the status word of the EOF packet after the columns stands, counted from the first byte
    /// of the reply; only where EOF packets are used.
    pub columns_status_at: Option<u64>,
    /// A cursor was opened; no rows came.
    pub cursor: bool,
    /// The head of a prepared statement.
    pub prepared: Option<PreparedHead>,
}

/// The head of a prepared statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PreparedHead {
    /// Its id.
    pub statement: u32,
    /// Columns of its result; 0: none.
    pub columns: u16,
    /// Its parameters.
    pub parameters: u16,
    /// Warnings of the preparation.
    pub warnings: u16,
}

impl Response {
    /// Before the first byte of the reply. `capabilities` are those agreed with the server.
    #[must_use]
    pub fn new(_reply: Reply, _capabilities: Capabilities) -> Self {
        unimplemented!()
    }

    /// Looks at `bytes`, what was read and not yet consumed.
    pub fn feed(&mut self, _bytes: &[u8]) -> Seen {
        unimplemented!()
    }

    /// What has been seen so far.
    #[must_use]
    pub const fn facts(&self) -> &Facts {
        &self.facts
    }
}

/// Where the status words of a stored result stand: a reply of one result with rows, its last packet
/// stripped of changes ([`OkPacket::rewrite`] or [`StatusWords::seal`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatusWords {
    /// In the EOF packet after the columns; 0: there is none.
    pub columns: u32,
    /// In the last packet.
    pub last: u32,
}

impl StatusWords {
    /// Completes a stored result: appends `packet` (the whole packet of [`Next::Status`] with
    /// [`Kind::RowsEnd`] and `last`) to the passed bytes in `stored`, without its changes, and says
    /// where the status words are. `None`: this is no result that can be served again: several
    /// results, a cursor, warnings, a file, or above 4 GiB; `stored` is as it was.
    #[must_use]
    pub fn seal(
        _facts: &Facts,
        _packet: &[u8],
        _capabilities: Capabilities,
        _stored: &mut alloc::vec::Vec<u8>,
    ) -> Option<Self> {
        unimplemented!()
    }

    /// Sets the status words in a copy of the stored bytes: bits that belong to the session
    /// ([`SESSION_BITS`]) from `now`, the others as stored.
    pub fn patch(self, _bytes: &mut [u8], _now: Status) {
        unimplemented!()
    }
}

/// Bits of the status word that say something of the session, not of the result.
pub const SESSION_BITS: Status = Status(
    Status::IN_TRANS.0
        | Status::AUTOCOMMIT.0
        | Status::NO_BACKSLASH_ESCAPES.0
        | Status::IN_TRANS_READONLY.0
        | Status::ANSI_QUOTES.0,
);
