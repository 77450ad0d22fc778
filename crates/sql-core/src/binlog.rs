//! Events of the binary log, MariaDB and MySQL, as far as they name tables.
//!
//! Bodies of rows are never decoded. Any bytes may come in: what cannot be read is
//! [`EventKind::Unknown`], which the follower takes for a write to everything. Sources: MariaDB
//! `sql/log_event.h` and "Replication Protocol" in its manual, MySQL "Binary Log Event".

mod fields;
mod query;
#[cfg(test)]
pub(crate) mod tests;

use core::fmt;

use fields::Fields;
pub use query::Query;

/// A GTID of either kind; ordered within one domain or source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Gtid {
    /// `domain-server-sequence`.
    MariaDb {
        /// The replication domain.
        domain: u32,
        /// The server that wrote it first.
        server: u32,
        /// Within the domain.
        sequence: u64,
    },
    /// `uuid:number`.
    MySql {
        /// The source's UUID.
        source: [u8; 16],
        /// Within the source.
        number: u64,
    },
}

impl fmt::Display for Gtid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MariaDb { domain, server, sequence } => write!(f, "{domain}-{server}-{sequence}"),
            Self::MySql { source, number } => {
                for (place, byte) in source.iter().enumerate() {
                    let dash = if matches!(place, 4 | 6 | 8 | 10) { "-" } else { "" };
                    write!(f, "{dash}{byte:02x}")?;
                }
                write!(f, ":{number}")
            }
        }
    }
}

impl Gtid {
    /// Reads `domain-server-sequence` (MariaDB's `last_gtid`) or `uuid:number`.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let text = core::str::from_utf8(text).ok()?;
        if let Some((uuid, number)) = text.split_once(':') {
            let source = uuid_bytes(uuid)?;
            return Some(Self::MySql { source, number: number.parse().ok()? });
        }
        let mut parts = text.split('-');
        let domain = parts.next()?.parse().ok()?;
        let server = parts.next()?.parse().ok()?;
        let sequence = parts.next()?.parse().ok()?;
        parts.next().is_none().then_some(Self::MariaDb { domain, server, sequence })
    }
}

fn uuid_bytes(text: &str) -> Option<[u8; 16]> {
    let mut source = [0; 16];
    let mut digits = text.bytes().filter(|byte| *byte != b'-');
    for byte in &mut source {
        let high = char::from(digits.next()?).to_digit(16)?;
        let low = char::from(digits.next()?).to_digit(16)?;
        *byte = u8::try_from(high * 16 + low).ok()?;
    }
    digits.next().is_none().then_some(source)
}

/// One event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event<'a> {
    /// What it says.
    pub kind: EventKind<'a>,
    /// Its length in the log in bytes, header and checksum included.
    pub length: u32,
    /// Where it ends in its file, modulo 2^32; 0 when it is in no file.
    pub end: u32,
    /// Whether it was made up for this stream and is in no file.
    pub artificial: bool,
}

/// What an event says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind<'a> {
    /// How later events are written.
    Format,
    /// The next event is at `position` of `file`.
    Rotate {
        /// The file's name.
        file: &'a [u8],
        /// In bytes.
        position: u64,
    },
    /// A transaction, or a statement of its own, begins.
    Group {
        /// Its name; `None` for anonymous and tagged ones.
        gtid: Option<Gtid>,
        /// Whether it is one event that no commit follows (MariaDB).
        standalone: bool,
    },
    /// Rows of this table may follow.
    TableMap {
        /// Its number in this group.
        id: u64,
        /// The database.
        db: &'a [u8],
        /// The table.
        table: &'a [u8],
    },
    /// Rows of a table changed or went (`true`), or came.
    Rows {
        /// The number of a [`Self::TableMap`].
        id: u64,
        /// Whether rows changed or went, so that foreign keys may act.
        changed: bool,
    },
    /// A statement.
    Query(Query<'a>),
    /// The transaction is committed.
    Commit,
    /// The transaction is prepared, to be committed or not by `XA COMMIT` or `XA ROLLBACK`.
    XaPrepare {
        /// Its name.
        xid: Xid<'a>,
    },
    /// Nothing happened for a while.
    Heartbeat,
    /// Events in one, not compressed; [`Payload`] gives them.
    Payload(&'a [u8]),
    /// A whole transaction, compressed in a way that is not read: it may be about any table.
    Sealed,
    /// Nothing about tables.
    Nothing,
    /// It may be about any table.
    Unknown,
}

/// The name of an XA transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Xid<'a> {
    /// The format number.
    pub format: u32,
    /// The global part.
    pub global: &'a [u8],
    /// The branch.
    pub branch: &'a [u8],
}

/// Reads events of one stream.
#[derive(Clone, Copy, Debug)]
pub struct Decoder {
    /// Whether each event ends with a checksum of 4 bytes.
    checksum: bool,
    /// Bytes of a table's number.
    id_length: usize,
}

impl Default for Decoder {
    fn default() -> Self {
        Self { checksum: false, id_length: 6 }
    }
}

impl Decoder {
    /// For a stream whose first events already end with checksums, as asked for by
    /// `@master_binlog_checksum`.
    #[must_use]
    pub fn with_checksums() -> Self {
        Self { checksum: true, ..Self::default() }
    }

    /// Reads one event. `bytes` may be its head only, if it is longer than what was kept: then
    /// what needs the rest is [`EventKind::Unknown`]. `None` if there is not even a header.
    pub fn event<'a>(&mut self, bytes: &'a [u8]) -> Option<Event<'a>> {
        self.read(bytes, self.checksum)
    }

    fn read<'a>(&mut self, bytes: &'a [u8], checksum: bool) -> Option<Event<'a>> {
        let mut head = Fields::new(bytes);
        let _timestamp = head.u32()?;
        let code = head.u8()?;
        let server = head.u32()?;
        let length = head.u32()?;
        let end = head.u32()?;
        let flags = head.u16()?;
        let whole = usize::try_from(length).is_ok_and(|length| length == bytes.len());
        let body = bytes.get(HEADER..).unwrap_or_default();
        if code == code::FORMAT {
            self.format(body);
            return Some(Event { kind: EventKind::Format, length, end, artificial: end == 0 });
        }
        let body = match (whole, checksum) {
            (true, true) => body.get(..body.len().saturating_sub(CHECKSUM)).unwrap_or_default(),
            _ => body,
        };
        let kind = self.kind(code, body, whole, server);
        let ignorable = matches!(kind, EventKind::Unknown) && flags & flag::IGNORABLE != 0;
        let kind = if ignorable { EventKind::Nothing } else { kind };
        let artificial = flags & flag::ARTIFICIAL != 0 || end == 0;
        Some(Event { kind, length, end, artificial })
    }

    fn kind<'a>(&self, code: u8, body: &'a [u8], whole: bool, server: u32) -> EventKind<'a> {
        let read = match code {
            // The head of a rows event is enough.
            code::WRITE_ROWS_0 | code::WRITE_ROWS_1 | code::WRITE_ROWS_2 => self.rows(body, false),
            code::WRITE_ROWS_PACKED_1 | code::WRITE_ROWS_PACKED_2 => self.rows(body, false),
            code if code::CHANGE_ROWS.contains(&code) => self.rows(body, true),
            code if code::NOTHING.contains(&code) => Some(EventKind::Nothing),
            _ if !whole => None,
            code::QUERY => query::query(body, query::Form::Plain),
            code::QUERY_PACKED => query::query(body, query::Form::Packed),
            code::EXECUTE_LOAD => query::query(body, query::Form::Load),
            code::ROTATE => rotate(body),
            code::XID => Some(EventKind::Commit),
            code::TABLE_MAP => self.table_map(body),
            code::HEARTBEAT | code::HEARTBEAT_2 => Some(EventKind::Heartbeat),
            code::GTID_MARIADB => gtid_mariadb(body, server),
            code::GTID_MYSQL => gtid_mysql(body),
            code::ANONYMOUS | code::GTID_TAGGED => {
                Some(EventKind::Group { gtid: None, standalone: false })
            }
            code::XA_PREPARE => xa_prepare(body),
            code::PAYLOAD => payload(body),
            _ => None,
        };
        read.unwrap_or(EventKind::Unknown)
    }

    /// The algorithm is in the fifth byte from the end, of servers that know checksums (all since
    /// MariaDB 5.3 and MySQL 5.6); this event always has room for one.
    fn format(&mut self, body: &[u8]) {
        let lengths_at = 2 + 50 + 4 + 1;
        let of_table_map = lengths_at + usize::from(code::TABLE_MAP) - 1;
        self.id_length = if body.get(of_table_map) == Some(&6) { 4 } else { 6 };
        let at = body.len().checked_sub(CHECKSUM + 1);
        self.checksum = at.and_then(|at| body.get(at)) == Some(&CRC32);
    }

    fn id(&self, fields: &mut Fields<'_>) -> Option<u64> {
        if self.id_length == 4 { fields.u32().map(u64::from) } else { fields.u48() }
    }

    fn rows<'a>(&self, body: &'a [u8], changed: bool) -> Option<EventKind<'a>> {
        Some(EventKind::Rows { id: self.id(&mut Fields::new(body))?, changed })
    }

    fn table_map<'a>(&self, body: &'a [u8]) -> Option<EventKind<'a>> {
        let mut fields = Fields::new(body);
        let id = self.id(&mut fields)?;
        let _flags = fields.u16()?;
        let length = fields.u8()?;
        let db = fields.bytes(length.into())?;
        let _nul = fields.u8()?;
        let length = fields.u8()?;
        let table = fields.bytes(length.into())?;
        Some(EventKind::TableMap { id, db, table })
    }
}

/// The events in a [`EventKind::Payload`], which have no checksums of their own.
#[derive(Clone, Debug)]
pub struct Payload<'a> {
    decoder: Decoder,
    rest: &'a [u8],
}

impl<'a> Payload<'a> {
    /// The events of `bytes`, of a stream that `decoder` reads.
    #[must_use]
    pub fn new(bytes: &'a [u8], decoder: Decoder) -> Self {
        Self { decoder, rest: bytes }
    }
}

impl<'a> Iterator for Payload<'a> {
    type Item = Event<'a>;

    /// What cannot be read is one unknown event, the last.
    fn next(&mut self) -> Option<Event<'a>> {
        if self.rest.is_empty() {
            return None;
        }
        let mut head = Fields::new(self.rest.get(9..).unwrap_or_default());
        let length = head.u32().and_then(|length| usize::try_from(length).ok());
        let parts = length
            .filter(|length| *length >= HEADER)
            .and_then(|length| self.rest.split_at_checked(length));
        let Some((event, rest)) = parts else {
            self.rest = &[];
            let (length, end) = (0, 0);
            return Some(Event { kind: EventKind::Unknown, length, end, artificial: true });
        };
        self.rest = rest;
        self.decoder.read(event, false)
    }
}

fn rotate(body: &[u8]) -> Option<EventKind<'_>> {
    let mut fields = Fields::new(body);
    let position = fields.u64()?;
    Some(EventKind::Rotate { position, file: fields.rest() })
}

fn gtid_mariadb(body: &[u8], server: u32) -> Option<EventKind<'_>> {
    let mut fields = Fields::new(body);
    let sequence = fields.u64()?;
    let domain = fields.u32()?;
    let standalone = fields.u8()? & flag::STANDALONE != 0;
    let gtid = Some(Gtid::MariaDb { domain, server, sequence });
    Some(EventKind::Group { gtid, standalone })
}

fn gtid_mysql(body: &[u8]) -> Option<EventKind<'_>> {
    let mut fields = Fields::new(body);
    let _flags = fields.u8()?;
    let source = fields.bytes(16)?.try_into().ok()?;
    let gtid = Some(Gtid::MySql { source, number: fields.u64()? });
    Some(EventKind::Group { gtid, standalone: false })
}

fn xa_prepare(body: &[u8]) -> Option<EventKind<'_>> {
    let mut fields = Fields::new(body);
    let one_phase = fields.u8()? != 0;
    let format = fields.u32()?;
    let global = usize::try_from(fields.u32()?).ok()?;
    let branch = usize::try_from(fields.u32()?).ok()?;
    let xid = Xid { format, global: fields.bytes(global)?, branch: fields.bytes(branch)? };
    Some(if one_phase { EventKind::Commit } else { EventKind::XaPrepare { xid } })
}

/// Of compressed ones (zstd) nothing is known.
fn payload(body: &[u8]) -> Option<EventKind<'_>> {
    let mut fields = Fields::new(body);
    let mut plain = false;
    loop {
        let field = fields.length_encoded()?;
        if field == 0 {
            break;
        }
        let length = usize::try_from(fields.length_encoded()?).ok()?;
        let mut value = Fields::new(fields.bytes(length)?);
        if field == PAYLOAD_COMPRESSION {
            plain = value.length_encoded()? == PAYLOAD_PLAIN;
        }
    }
    Some(if plain { EventKind::Payload(fields.rest()) } else { EventKind::Sealed })
}

/// Numbers of events (`Log_event_type`).
mod code {
    pub(super) const QUERY: u8 = 2;
    pub(super) const ROTATE: u8 = 4;
    pub(super) const FORMAT: u8 = 15;
    pub(super) const XID: u8 = 16;
    pub(super) const EXECUTE_LOAD: u8 = 18;
    pub(super) const TABLE_MAP: u8 = 19;
    pub(super) const WRITE_ROWS_0: u8 = 20;
    pub(super) const WRITE_ROWS_1: u8 = 23;
    pub(super) const HEARTBEAT: u8 = 27;
    pub(super) const WRITE_ROWS_2: u8 = 30;
    pub(super) const GTID_MYSQL: u8 = 33;
    pub(super) const ANONYMOUS: u8 = 34;
    pub(super) const XA_PREPARE: u8 = 38;
    pub(super) const PAYLOAD: u8 = 40;
    pub(super) const HEARTBEAT_2: u8 = 41;
    pub(super) const GTID_TAGGED: u8 = 42;
    pub(super) const GTID_MARIADB: u8 = 162;
    pub(super) const QUERY_PACKED: u8 = 165;
    pub(super) const WRITE_ROWS_PACKED_1: u8 = 166;
    pub(super) const WRITE_ROWS_PACKED_2: u8 = 169;
    /// Update and delete rows in all versions, compressed ones, and partial updates.
    pub(super) const CHANGE_ROWS: &[u8] = &[21, 22, 24, 25, 31, 32, 39, 167, 168, 170, 171];
    /// STOP, INTVAR, APPEND_BLOCK, DELETE_FILE, RAND, USER_VAR, BEGIN_LOAD_QUERY, IGNORABLE,
    /// ROWS_QUERY, PREVIOUS_GTIDS, TRANSACTION_CONTEXT, VIEW_CHANGE; MariaDB's ANNOTATE_ROWS,
    /// BINLOG_CHECKPOINT, GTID_LIST, START_ENCRYPTION.
    pub(super) const NOTHING: &[u8] =
        &[3, 5, 9, 11, 13, 14, 17, 28, 29, 35, 36, 37, 160, 161, 163, 164];
}

mod flag {
    /// `LOG_EVENT_ARTIFICIAL_F`.
    pub(super) const ARTIFICIAL: u16 = 0x20;
    /// `LOG_EVENT_IGNORABLE_F`.
    pub(super) const IGNORABLE: u16 = 0x80;
    /// `FL_STANDALONE` of MariaDB's GTID event.
    pub(super) const STANDALONE: u8 = 1;
}

/// Bytes of every event's header.
const HEADER: usize = 19;
/// Bytes of a checksum.
const CHECKSUM: usize = 4;
/// The checksum's algorithm, the only one.
const CRC32: u8 = 1;
/// `OTW_PAYLOAD_COMPRESSION_TYPE_FIELD`.
const PAYLOAD_COMPRESSION: u64 = 2;
/// `binary_log::transaction::compression::type::NONE`.
const PAYLOAD_PLAIN: u64 = 255;
