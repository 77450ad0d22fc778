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
//! What a server sends while no command is under way (an ERR before it closes an idle or killed
//! connection) is no reply: pass it on and close.
//!
//! State never grows; a packet with a status must be whole in the buffer (`want`, at most 16 MiB
//! and only as far as bytes really arrive, as the header's length is the bound from below).

use super::lenenc::{self, Fields};
use super::ok::{OkPacket, PROGRESS};
use super::packet::{HEADER_BYTES, Header, PAYLOAD_MAX};
use super::{Capabilities, Command, Malformed, Status, command};

pub use stored::{SESSION_BITS, StatusWords};

mod stored;

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
            command::PROCESS_INFO | command::EXECUTE | command::BULK => Self::Results,
            command::FETCH => Self::Rows,
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
    /// Too little is there to know: feed again when at least `want` bytes are in the buffer,
    /// counted after the passed ones.
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
    stage: Stage,
    /// Bytes of a packet that is passed on, still to come.
    skip: usize,
    /// The next packet continues the one that was passed on: it is passed on unread.
    continues: bool,
    facts: Facts,
}

/// What has been seen of a reply; what the cache must know before it keeps one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Results that began: rows, OK or ERR.
    pub results: u32,
    /// Columns of the latest result; 0: it has no rows.
    pub columns: u64,
    /// Rows of all results (of `COM_FIELD_LIST`: columns).
    pub rows: u64,
    /// All bytes passed on or shown in [`Next::Status`], headers included.
    pub bytes: u64,
    /// Where the status word of the EOF packet after the columns stands, counted from the first
    /// byte of the reply; only where EOF packets are used, and of the latest result.
    pub columns_status_at: Option<u64>,
    /// A cursor was opened; no rows came.
    pub cursor: bool,
    /// Files asked of the client.
    pub files: u32,
    /// Reports of progress (MariaDB), which were passed on.
    pub progress: u32,
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

/// What the next packet is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The first of a result.
    Result,
    /// One of this many definitions, then the EOF packet or rows.
    Columns(u64),
    /// The EOF packet after the columns.
    ColumnsEnd,
    /// A row, or the end of rows.
    Rows,
    /// The first of a prepared statement.
    Prepared,
    /// One of this many packets of a prepared statement.
    Definitions(u64),
    /// The only one.
    One,
    /// One of authentication.
    Auth,
    /// None: it has ended.
    Ended,
}

/// What to do with a packet.
enum Step {
    /// Pass it on.
    Pass,
    /// Pass it on, then the client sends a file.
    File,
    /// More bytes of it are needed.
    Need(usize),
    /// Show it.
    Show(Next),
}

impl Response {
    /// Before the first byte of the reply. `capabilities` are those agreed with the server.
    #[must_use]
    pub fn new(reply: Reply, capabilities: Capabilities) -> Self {
        let stage = match reply {
            Reply::None | Reply::Raw => Stage::Ended,
            Reply::One => Stage::One,
            Reply::Results | Reply::Cursor => Stage::Result,
            Reply::Prepared => Stage::Prepared,
            Reply::Rows | Reply::Columns => Stage::Rows,
            Reply::Auth => Stage::Auth,
        };
        let facts = Facts::default();
        Self { reply, capabilities, stage, skip: 0, continues: false, facts }
    }

    /// Looks at `bytes`, what was read and not yet consumed.
    pub fn feed(&mut self, bytes: &[u8]) -> Seen {
        let (pass, next) = self.advance(bytes);
        let shown = match next {
            Next::Status { len, .. } | Next::Auth { len } => len,
            _ => 0,
        };
        self.facts.bytes = self.facts.bytes.saturating_add((pass + shown) as u64);
        Seen { pass, next }
    }

    /// What has been seen so far.
    #[must_use]
    pub const fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Whether no packet is half passed on: what the server sends now begins with a header.
    #[must_use]
    pub const fn at_packet(&self) -> bool {
        self.skip == 0
    }

    fn advance(&mut self, bytes: &[u8]) -> (usize, Next) {
        let mut at = 0;
        loop {
            let step = self.skip.min(bytes.len() - at);
            (at, self.skip) = (at + step, self.skip - step);
            if self.skip > 0 {
                return (at, Next::Read { want: 1 });
            }
            if self.stage == Stage::Rows {
                at = self.rows(bytes, at);
                if self.skip > 0 {
                    return (at, Next::Read { want: 1 });
                }
            }
            if self.stage == Stage::Ended {
                let next = if self.reply == Reply::Raw { Next::Raw } else { Next::End };
                return (at, next);
            }
            let rest = bytes.get(at..).unwrap_or_default();
            let Some(header) = Header::parse(rest) else {
                return (at, Next::Read { want: HEADER_BYTES });
            };
            match self.packet(header, rest, at) {
                Ok(Step::Pass) => {
                    self.skip = HEADER_BYTES + header.len;
                    self.continues = header.continues();
                }
                Ok(Step::File) => return (at + HEADER_BYTES + header.len, Next::File),
                Ok(Step::Need(want)) => return (at, Next::Read { want }),
                Ok(Step::Show(next)) => return (at, next),
                Err(error) => return (at, Next::Broken(error)),
            }
        }
    }

    /// Skips rows from `at` on, as far as their headers and first bytes are there.
    fn rows(&mut self, bytes: &[u8], mut at: usize) -> usize {
        let end_len = self.end_len();
        while let Some([a, b, c, _, first]) = bytes.get(at..).and_then(|rest| rest.first_chunk()) {
            let len = usize::from(*a) | usize::from(*b) << 8 | usize::from(*c) << 16;
            let special = *first == 0xff || (*first == 0xfe && len <= end_len) || len == 0;
            if special || self.continues || len == PAYLOAD_MAX {
                return at;
            }
            self.facts.rows += 1;
            at += HEADER_BYTES + len;
            if at > bytes.len() {
                self.skip = at - bytes.len();
                return bytes.len();
            }
        }
        at
    }

    /// The longest payload that, beginning with 0xFE, is the end of rows and not a row.
    const fn end_len(&self) -> usize {
        if self.capabilities.has(Capabilities::DEPRECATE_EOF) {
            PAYLOAD_MAX - 1
        } else {
            EOF_BYTES_MAX
        }
    }

    /// What to do with the packet at the front of `rest`, `at` bytes into this call.
    fn packet(&mut self, header: Header, rest: &[u8], at: usize) -> Result<Step, Malformed> {
        if self.continues {
            return Ok(Step::Pass);
        }
        let whole = HEADER_BYTES + header.len;
        // Behind an empty packet stands the next packet.
        let first = match rest.get(HEADER_BYTES) {
            _ if header.len == 0 => None,
            Some(first) => Some(*first),
            None => return Ok(Step::Need(HEADER_BYTES + 1)),
        };
        let row = match (self.stage, first) {
            (Stage::Rows, Some(0xfe)) => header.len > self.end_len(),
            (Stage::Rows, first) => first != Some(0xff),
            (Stage::Columns(_) | Stage::Definitions(_), first) => first != Some(0xff),
            _ => false,
        };
        if row {
            self.passed_definition_or_row();
            return Ok(Step::Pass);
        }
        if header.continues() {
            return Err(Malformed("status packet of 16 MiB"));
        }
        let Some(payload) = rest.get(HEADER_BYTES..whole) else { return Ok(Step::Need(whole)) };
        if first == Some(0xff) {
            return self.error(payload, whole);
        }
        match self.stage {
            Stage::Result => self.result(payload, whole),
            Stage::ColumnsEnd => self.columns_end(payload, whole, at),
            Stage::Rows => self.status(payload, whole, Kind::RowsEnd),
            Stage::Prepared => self.prepared(payload),
            Stage::Auth if first == Some(0x00) => self.status(payload, whole, Kind::Ok),
            Stage::Auth => Ok(Step::Show(Next::Auth { len: whole })),
            _ => self.one(payload, whole),
        }
    }

    fn passed_definition_or_row(&mut self) {
        let ends = self.capabilities.has(Capabilities::DEPRECATE_EOF);
        self.stage = match self.stage {
            Stage::Columns(left) if left > 1 => Stage::Columns(left - 1),
            Stage::Columns(_) if ends => Stage::Rows,
            Stage::Columns(_) => Stage::ColumnsEnd,
            Stage::Definitions(left) if left > 1 => Stage::Definitions(left - 1),
            Stage::Definitions(_) => Stage::Ended,
            other => {
                self.facts.rows += 1;
                other
            }
        };
    }

    /// An ERR packet, or a report of progress.
    fn error(&mut self, payload: &[u8], len: usize) -> Result<Step, Malformed> {
        let mut fields = Fields::new(payload.get(1..).unwrap_or_default());
        let code = fields.u16()?;
        if code == PROGRESS && self.capabilities.has(Capabilities::PROGRESS) {
            self.facts.progress = self.facts.progress.saturating_add(1);
            return Ok(Step::Pass);
        }
        if self.stage == Stage::Result {
            self.begun(0);
        }
        self.stage = Stage::Ended;
        Ok(Step::Show(Next::Status { len, kind: Kind::Err, status: Status(0), last: true }))
    }

    /// The first packet of a result.
    fn result(&mut self, payload: &[u8], len: usize) -> Result<Step, Malformed> {
        match payload.first() {
            // 0xFE: some commands of some servers end with EOF where others send OK.
            Some(0x00 | 0xfe) => {
                self.begun(0);
                self.status(payload, len, Kind::Ok)
            }
            Some(&lenenc::NULL) => {
                self.facts.files = self.facts.files.saturating_add(1);
                Ok(Step::File)
            }
            _ => {
                let mut fields = Fields::new(payload);
                let columns = fields.int()?;
                if columns == 0 || !fields.is_empty() {
                    return Err(Malformed("column count"));
                }
                self.begun(columns);
                self.stage = Stage::Columns(columns);
                Ok(Step::Pass)
            }
        }
    }

    fn begun(&mut self, columns: u64) {
        self.facts.results = self.facts.results.saturating_add(1);
        self.facts.columns = columns;
        self.facts.columns_status_at = None;
    }

    fn columns_end(&mut self, payload: &[u8], len: usize, at: usize) -> Result<Step, Malformed> {
        if payload.first() != Some(&0xfe) {
            return Err(Malformed("EOF packet after columns"));
        }
        let packet = OkPacket::parse(payload, self.capabilities)?;
        if self.reply == Reply::Cursor && packet.status.has(Status::CURSOR_EXISTS) {
            return self.status(payload, len, Kind::RowsEnd);
        }
        let place = OkPacket::status_at(payload).unwrap_or_default();
        self.facts.columns_status_at = Some(self.facts.bytes + (at + HEADER_BYTES + place) as u64);
        self.stage = Stage::Rows;
        Ok(Step::Pass)
    }

    /// An OK packet or the end of rows.
    fn status(&mut self, payload: &[u8], len: usize, kind: Kind) -> Result<Step, Malformed> {
        let status = OkPacket::parse(payload, self.capabilities)?.status;
        let several = matches!(self.reply, Reply::Results | Reply::Cursor);
        let last = !(several && status.has(Status::MORE_RESULTS));
        self.facts.cursor |= self.reply == Reply::Cursor
            && kind == Kind::RowsEnd
            && status.has(Status::CURSOR_EXISTS);
        self.stage = if last { Stage::Ended } else { Stage::Result };
        Ok(Step::Show(Next::Status { len, kind, status, last }))
    }

    fn prepared(&mut self, payload: &[u8]) -> Result<Step, Malformed> {
        let mut fields = Fields::new(payload);
        if fields.u8()? != 0x00 {
            return Err(Malformed("head of a prepared statement"));
        }
        let statement = fields.u32()?;
        let (columns, parameters) = (fields.u16()?, fields.u16()?);
        fields.u8()?;
        // Left out by servers of before 5.0.
        let warnings = fields.u16().unwrap_or_default();
        self.facts.prepared = Some(PreparedHead { statement, columns, parameters, warnings });
        let ends = u64::from(!self.capabilities.has(Capabilities::DEPRECATE_EOF));
        let packets = |count: u16| u64::from(count) + if count > 0 { ends } else { 0 };
        self.stage = match packets(columns) + packets(parameters) {
            0 => Stage::Ended,
            packets => Stage::Definitions(packets),
        };
        Ok(Step::Pass)
    }

    /// The only packet.
    fn one(&mut self, payload: &[u8], len: usize) -> Result<Step, Malformed> {
        if let Some(0x00 | 0xfe) = payload.first() {
            return self.status(payload, len, Kind::Ok);
        }
        self.stage = Stage::Ended;
        Ok(Step::Show(Next::Status { len, kind: Kind::Text, status: Status(0), last: true }))
    }
}

/// The longest EOF packet: a longer payload that begins with 0xFE is a row.
const EOF_BYTES_MAX: usize = 8;

#[cfg(test)]
mod tests;
