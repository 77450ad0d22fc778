//! Column definitions (`ColumnDefinition41`) and rows of the text protocol.
//!
//! The cache stores them as bytes; they are read for the control account's own statements and for
//! the statements about the cache that are patched or answered by the door.

use alloc::vec::Vec;

use super::lenenc::{Fields, push_string};
use super::{Capabilities, Malformed};

/// A column of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column<'a> {
    /// The database, empty for an expression.
    pub schema: &'a [u8],
    /// The table's alias; for a merged view the view.
    pub table: &'a [u8],
    /// The table.
    pub org_table: &'a [u8],
    /// The column's alias.
    pub name: &'a [u8],
    /// The column.
    pub org_name: &'a [u8],
    /// MariaDB's extended type information ([`Capabilities::EXTENDED_METADATA`]), unread.
    pub extended: &'a [u8],
    /// The collation id.
    pub charset: u16,
    /// The longest value, in bytes.
    pub length: u32,
    /// `enum_field_types`.
    pub kind: u8,
    /// `NOT_NULL_FLAG` 1, `BINARY_FLAG` 128, …
    pub flags: u16,
    /// Digits after the point; 0x1f: as many as there are.
    pub decimals: u8,
}

impl<'a> Column<'a> {
    /// A text column of an expression: utf8mb3, as the servers send `SHOW STATUS`.
    #[must_use]
    pub const fn text(name: &'a [u8]) -> Self {
        Self {
            schema: b"",
            table: b"",
            org_table: b"",
            name,
            org_name: b"",
            extended: b"",
            charset: 33,
            length: 3 * 1024,
            kind: VAR_STRING,
            flags: 0,
            decimals: 0x1f,
        }
    }

    /// A column of 64-bit integers.
    #[must_use]
    pub const fn number(name: &'a [u8]) -> Self {
        let text = Self::text(name);
        Self { charset: 63, length: 21, kind: LONGLONG, flags: BINARY, decimals: 0, ..text }
    }

    /// Reads the payload of a column definition.
    ///
    /// # Errors
    /// It is malformed.
    pub fn parse(payload: &'a [u8], capabilities: Capabilities) -> Result<Self, Malformed> {
        let mut fields = Fields::new(payload);
        fields.string()?;
        let (schema, table) = (fields.string()?, fields.string()?);
        let (org_table, name) = (fields.string()?, fields.string()?);
        let org_name = fields.string()?;
        let mut extended: &[u8] = b"";
        if capabilities.has(Capabilities::EXTENDED_METADATA) {
            extended = fields.string()?;
        }
        let mut fixed = Fields::new(fields.string()?);
        let (charset, length) = (fixed.u16()?, fixed.u32()?);
        let (kind, flags, decimals) = (fixed.u8()?, fixed.u16()?, fixed.u8()?);
        Ok(Self {
            schema,
            table,
            org_table,
            name,
            org_name,
            extended,
            charset,
            length,
            kind,
            flags,
            decimals,
        })
    }

    /// Appends its payload.
    pub fn encode(&self, capabilities: Capabilities, out: &mut Vec<u8>) {
        for text in [b"def", self.schema, self.table, self.org_table, self.name, self.org_name] {
            push_string(out, text);
        }
        if capabilities.has(Capabilities::EXTENDED_METADATA) {
            push_string(out, self.extended);
        }
        out.push(12);
        out.extend_from_slice(&self.charset.to_le_bytes());
        out.extend_from_slice(&self.length.to_le_bytes());
        out.push(self.kind);
        out.extend_from_slice(&self.flags.to_le_bytes());
        out.extend_from_slice(&[self.decimals, 0, 0]);
    }
}

/// The values of a row of the text protocol, `None` for NULL; ends at the first malformed one.
pub fn row(payload: &[u8]) -> impl Iterator<Item = Option<&[u8]>> {
    let mut fields = Fields::new(payload);
    core::iter::from_fn(move || fields.value().ok())
}

/// `MYSQL_TYPE_LONGLONG`.
pub const LONGLONG: u8 = 8;
/// `MYSQL_TYPE_VAR_STRING`.
pub const VAR_STRING: u8 = 253;

const BINARY: u16 = 128;

#[cfg(test)]
mod tests;
