//! OK, EOF and ERR packets, and the changes of the session an OK packet tells of.
//!
//! Written as `net_send_ok` and `Session_tracker::store` write them (`sql/protocol.cc`,
//! `sql/session_tracker.cc`): the info is length-encoded for every client, whatever the
//! documentation says of a string up to the end; it may be left out when it is empty and no changes
//! follow.

use alloc::vec::Vec;

use super::lenenc::{Fields, push_int, push_string};
use super::{Capabilities, Malformed, Status};

/// An OK packet, or the EOF packet that ends rows or stands for an OK packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OkPacket<'a> {
    /// The first byte: 0x00, or 0xFE after rows.
    pub head: u8,
    /// Rows changed or found. 0 in an EOF packet.
    pub affected: u64,
    /// The first id given by auto_increment. 0 in an EOF packet.
    pub insert_id: u64,
    /// The status word.
    pub status: Status,
    /// Warnings of the statement.
    pub warnings: u16,
    /// Human-readable: `Rows matched: 1 …`.
    pub info: &'a [u8],
    /// The changes of the session, unread; see [`OkPacket::changes`].
    pub tracked: &'a [u8],
    /// Whether it is an EOF packet of five bytes.
    pub form: Form,
}

/// How an [`OkPacket`] was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// As OK: counts, status, warnings, info, changes.
    Ok,
    /// As EOF: warnings, status.
    Eof,
}

impl<'a> OkPacket<'a> {
    /// Reads a payload that begins with 0x00, or with 0xFE and is an OK or EOF packet.
    /// `capabilities` are those agreed with the *server*.
    ///
    /// # Errors
    /// It is malformed.
    pub fn parse(payload: &'a [u8], capabilities: Capabilities) -> Result<Self, Malformed> {
        let mut fields = Fields::new(payload);
        let head = fields.u8()?;
        // A row cannot be this short and begin with 0xFE; an OK packet has at least 7 bytes.
        if head == 0xfe && payload.len() < OK_BYTES_MIN {
            let (warnings, status) = (fields.u16()?, Status(fields.u16()?));
            return Ok(Self { head, status, warnings, form: Form::Eof, ..Self::EMPTY });
        }
        if head != 0x00 && head != 0xfe {
            return Err(Malformed("OK packet"));
        }
        let (affected, insert_id) = (fields.int()?, fields.int()?);
        let (status, warnings) = (Status(fields.u16()?), fields.u16()?);
        let info = if fields.is_empty() { b"" } else { fields.string()? };
        let tracks = capabilities.has(Capabilities::SESSION_TRACK);
        let mut tracked: &[u8] = b"";
        if tracks && status.has(Status::STATE_CHANGED) && !fields.is_empty() {
            tracked = fields.string()?;
        }
        Ok(Self { head, affected, insert_id, status, warnings, info, tracked, form: Form::Ok })
    }

    /// The changes of the session. A malformed one is [`Change::Unreadable`], and nothing follows
    /// where it is not known how long it is.
    #[must_use]
    pub const fn changes(&self) -> Changes<'a> {
        Changes::new(self.tracked)
    }

    /// Appends its payload for a client with `capabilities`: with the changes that `keep` wants if
    /// the client tracks the session, else without any; the status bit
    /// [`Status::STATE_CHANGED`] says whether any are left. An EOF packet is written as it was.
    pub fn rewrite(
        &self,
        capabilities: Capabilities,
        keep: impl FnMut(&Change<'_>) -> bool,
        out: &mut Vec<u8>,
    ) {
        let mut tracked = Vec::new();
        if capabilities.has(Capabilities::SESSION_TRACK) {
            self.changes().kept(keep, &mut tracked);
        }
        let status = self.status.without(Status::STATE_CHANGED);
        let status = if tracked.is_empty() { status } else { status | Status::STATE_CHANGED };
        OkPacket { status, tracked: &tracked, ..*self }.encode(out);
    }

    /// Appends its payload. Changes are written if there are any; the status word as it is.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.push(self.head);
        if self.form == Form::Eof {
            out.extend_from_slice(&self.warnings.to_le_bytes());
            out.extend_from_slice(&self.status.0.to_le_bytes());
            return;
        }
        push_int(out, self.affected);
        push_int(out, self.insert_id);
        out.extend_from_slice(&self.status.0.to_le_bytes());
        out.extend_from_slice(&self.warnings.to_le_bytes());
        if !self.tracked.is_empty() || !self.info.is_empty() {
            push_string(out, self.info);
        }
        if !self.tracked.is_empty() {
            push_string(out, self.tracked);
        }
    }

    /// Where the status word stands in the payload; the word of warnings is beside it (behind it in
    /// an OK packet, before it in an EOF packet).
    #[must_use]
    pub fn status_at(payload: &[u8]) -> Option<usize> {
        if payload.first() == Some(&0xfe) && payload.len() < OK_BYTES_MIN {
            return (payload.len() >= 5).then_some(3);
        }
        let mut fields = Fields::new(payload.get(1..)?);
        fields.int().and_then(|_| fields.int()).ok()?;
        (fields.rest().len() >= 4).then(|| payload.len() - fields.rest().len())
    }

    /// An OK packet with nothing in it.
    pub const EMPTY: OkPacket<'static> = OkPacket {
        head: 0x00,
        affected: 0,
        insert_id: 0,
        status: Status(0),
        warnings: 0,
        info: b"",
        tracked: b"",
        form: Form::Ok,
    };
}

/// A change of the session, as the server tracks it (`enum_session_state_type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change<'a> {
    /// A system variable has this value now (0). MariaDB may put several into one block; they come
    /// one after another.
    Variable {
        /// Its name, lower case.
        name: &'a [u8],
        /// Its value as text.
        value: &'a [u8],
    },
    /// The current database (1).
    Schema(&'a [u8]),
    /// Something changed (`session_track_state_change`) (2): the byte `1`, or `0`; unread.
    State(&'a [u8]),
    /// GTIDs (MySQL) (3), unread.
    Gtids(&'a [u8]),
    /// Statements that open the same transaction again (4).
    Characteristics(&'a [u8]),
    /// The state of the transaction: eight letters (5).
    Transaction(&'a [u8]),
    /// Another kind; its data unread.
    Other {
        /// The kind.
        kind: u8,
        /// Its data.
        data: &'a [u8],
    },
    /// What could not be read. The session's state is not known any more.
    Unreadable(&'a [u8]),
}

/// See [`OkPacket::changes`].
#[derive(Clone, Copy, Debug)]
pub struct Changes<'a> {
    blocks: Fields<'a>,
    variables: Fields<'a>,
}

impl<'a> Changes<'a> {
    const fn new(tracked: &'a [u8]) -> Self {
        Self { blocks: Fields::new(tracked), variables: Fields::new(b"") }
    }

    /// Appends those that `keep` wants, each in a block of its own.
    fn kept(self, mut keep: impl FnMut(&Change<'_>) -> bool, out: &mut Vec<u8>) {
        let mut data = Vec::new();
        for change in self.filter(|change| keep(change)) {
            data.clear();
            let kind = change.encode(&mut data);
            if let Some(kind) = kind {
                out.push(kind);
                push_string(out, &data);
            }
        }
    }
}

impl<'a> Iterator for Changes<'a> {
    type Item = Change<'a>;

    fn next(&mut self) -> Option<Change<'a>> {
        loop {
            if !self.variables.is_empty() {
                let rest = self.variables.rest();
                if let (Ok(name), Ok(value)) = (self.variables.string(), self.variables.string()) {
                    return Some(Change::Variable { name, value });
                }
                *self = Self::new(b"");
                return Some(Change::Unreadable(rest));
            }
            if self.blocks.is_empty() {
                return None;
            }
            let rest = self.blocks.rest();
            let (Ok(kind), Ok(data)) = (self.blocks.u8(), self.blocks.string()) else {
                *self = Self::new(b"");
                return Some(Change::Unreadable(rest));
            };
            match kind {
                0 => self.variables = Fields::new(data),
                _ => return Some(Change::read(kind, data)),
            }
        }
    }
}

impl<'a> Change<'a> {
    /// A block of any kind but variables.
    fn read(kind: u8, data: &'a [u8]) -> Self {
        let text = Fields::new(data).string();
        match (kind, text) {
            (1, Ok(text)) => Self::Schema(text),
            (2, _) => Self::State(data),
            (3, _) => Self::Gtids(data),
            (4, Ok(text)) => Self::Characteristics(text),
            (5, Ok(text)) => Self::Transaction(text),
            (1 | 4 | 5, Err(_)) => Self::Unreadable(data),
            _ => Self::Other { kind, data },
        }
    }

    /// Appends its data and says its kind; `None`: it cannot be written.
    fn encode(&self, data: &mut Vec<u8>) -> Option<u8> {
        let (kind, raw) = match *self {
            Self::Variable { name, value } => {
                push_string(data, name);
                push_string(data, value);
                return Some(0);
            }
            Self::State(raw) => (2, raw),
            Self::Gtids(raw) => (3, raw),
            Self::Other { kind, data: raw } => (kind, raw),
            Self::Unreadable(_) => return None,
            Self::Schema(text) => return Some(tagged(1, text, data)),
            Self::Characteristics(text) => return Some(tagged(4, text, data)),
            Self::Transaction(text) => return Some(tagged(5, text, data)),
        };
        data.extend_from_slice(raw);
        Some(kind)
    }
}

/// Appends the data of a change that is one string.
fn tagged(kind: u8, text: &[u8], data: &mut Vec<u8>) -> u8 {
    push_string(data, text);
    kind
}

/// An ERR packet, or MariaDB's report of progress, which looks like one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrPacket<'a> {
    /// The error's number; [`PROGRESS`] is no error.
    pub code: u16,
    /// The SQLSTATE; empty where it was not sent.
    pub state: &'a [u8],
    /// The message, in `character_set_results`. Foreign text: escape it before it is shown.
    pub message: &'a [u8],
}

impl<'a> ErrPacket<'a> {
    /// Reads a payload that begins with 0xFF, after the login.
    ///
    /// # Errors
    /// It is malformed.
    pub fn parse(payload: &'a [u8]) -> Result<Self, Malformed> {
        let mut fields = Fields::new(payload);
        if fields.u8()? != 0xff {
            return Err(Malformed("ERR packet"));
        }
        let code = fields.u16()?;
        if fields.rest().first() == Some(&b'#') && code != PROGRESS {
            fields.u8()?;
            let state = fields.bytes(5)?;
            return Ok(Self { code, state, message: fields.rest() });
        }
        Ok(Self { code, state: b"", message: fields.rest() })
    }

    /// Reads an ERR packet in the place of the greeting, where no SQLSTATE is sent (MariaDB sends
    /// one all the same).
    ///
    /// # Errors
    /// It is malformed.
    pub fn parse_early(payload: &'a [u8]) -> Result<Self, Malformed> {
        Self::parse(payload)
    }

    /// Appends its payload.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.push(0xff);
        out.extend_from_slice(&self.code.to_le_bytes());
        if self.state.len() == 5 {
            out.push(b'#');
            out.extend_from_slice(self.state);
        }
        out.extend_from_slice(self.message);
    }
}

/// The error number of MariaDB's reports of progress.
pub const PROGRESS: u16 = 0xffff;

/// An OK packet: head, two counts, status, warnings.
const OK_BYTES_MIN: usize = 7;

#[cfg(test)]
mod tests;
