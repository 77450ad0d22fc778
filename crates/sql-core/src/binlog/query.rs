//! QUERY events: a statement with what of its session it was read by.

use super::{EventKind, Fields};
use crate::lexer::{Charset, Mode, Server};

/// A statement in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Query<'a> {
    /// The default database, empty without.
    pub db: &'a [u8],
    /// The statement; with [`Self::packed`] as MariaDB compresses it (`log_bin_compress`).
    pub text: &'a [u8],
    /// Whether `text` is compressed.
    pub packed: bool,
    /// `sql_mode` as its bits.
    pub sql_mode: u64,
    /// The number of a collation of `character_set_client`, if it is said.
    pub charset: Option<u16>,
}

impl Query<'_> {
    /// How the server read the text.
    #[must_use]
    pub fn mode(&self, server: Server) -> Mode {
        let charset = match self.charset {
            Some(33 | 45 | 46 | 83 | 192..=247 | 255..=323 | 576..=610 | 11 | 65) => Charset::Utf8,
            Some(5 | 8 | 15 | 31 | 47 | 48 | 49 | 94) => Charset::Other,
            _ => Charset::Ambiguous,
        };
        Mode {
            ansi_quotes: self.sql_mode & mode::ANSI_QUOTES != 0,
            no_backslash_escapes: self.sql_mode & mode::NO_BACKSLASH_ESCAPES != 0,
            foreign_grammar: self.sql_mode & (mode::ORACLE | mode::MSSQL) != 0,
            charset,
            server,
        }
    }

    /// Of compressed text: the deflated bytes behind their header, and the length they will have.
    /// `None` if it is not zlib's.
    #[must_use]
    pub fn deflated(&self) -> Option<(&[u8], usize)> {
        let (head, rest) = self.text.split_first()?;
        // Bits 4-6 are the algorithm, 0 for zlib; bits 0-2 the bytes of the length, big-endian.
        let (known, bytes) = (head & 0xf0 == 0x80, usize::from(head & 7));
        let (length, data) = rest.split_at_checked(bytes)?;
        let sum = length.iter().fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte));
        (known && bytes <= 4).then_some((data, sum))
    }
}

/// Which kind of event carries the statement.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Plain,
    Packed,
    /// LOAD DATA in statement format: the places of the file's name come before the statement.
    Load,
}

pub(super) fn query(body: &[u8], form: Form) -> Option<EventKind<'_>> {
    let mut fields = Fields::new(body);
    let _thread = fields.u32()?;
    let _seconds = fields.u32()?;
    let db_length = fields.u8()?;
    let _error = fields.u16()?;
    let variables = fields.u16()?;
    if form == Form::Load {
        fields.bytes(4 + 4 + 4 + 1)?;
    }
    let (sql_mode, charset) = session(Fields::new(fields.bytes(variables.into())?));
    let db = fields.bytes(db_length.into())?;
    let _nul = fields.u8()?;
    let (text, packed) = (fields.rest(), form == Form::Packed);
    Some(EventKind::Query(Query { db, text, packed, sql_mode, charset }))
}

/// `sql_mode` and the client's character set among the status variables; others are skipped until
/// one that is not known.
fn session(mut fields: Fields<'_>) -> (u64, Option<u16>) {
    let (mut sql_mode, mut charset) = (0, None);
    while !fields.is_empty() {
        if variable(&mut fields, &mut sql_mode, &mut charset).is_none() {
            break;
        }
    }
    (sql_mode, charset)
}

fn variable(fields: &mut Fields<'_>, sql_mode: &mut u64, charset: &mut Option<u16>) -> Option<()> {
    match fields.u8()? {
        // FLAGS2, AUTO_INCREMENT, MASTER_DATA_WRITTEN
        0 | 3 | 10 => fields.bytes(4).map(drop),
        1 => fields.u64().map(|mode| *sql_mode = mode),
        // CATALOG, with a NUL behind it
        2 => {
            let length = fields.u8()?;
            fields.bytes(usize::from(length) + 1).map(drop)
        }
        4 => {
            *charset = Some(fields.u16()?);
            fields.bytes(4).map(drop)
        }
        // TIME_ZONE, CATALOG_NZ
        5 | 6 => {
            let length = fields.u8()?;
            fields.bytes(length.into()).map(drop)
        }
        // LC_TIME_NAMES, CHARSET_DATABASE
        7 | 8 => fields.bytes(2).map(drop),
        // TABLE_MAP_FOR_UPDATE
        9 => fields.bytes(8).map(drop),
        _ => None,
    }
}

/// Bits of `sql_mode` (`sql/sql_class.h`).
mod mode {
    pub(super) const ANSI_QUOTES: u64 = 1 << 2;
    pub(super) const ORACLE: u64 = 1 << 9;
    pub(super) const MSSQL: u64 = 1 << 10;
    pub(super) const NO_BACKSLASH_ESCAPES: u64 = 1 << 20;
}
