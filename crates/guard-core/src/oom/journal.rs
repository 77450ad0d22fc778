//! Records of the systemd journal as `journalctl -o export`, `-o verbose` and `-o json` print them
//! (systemd, docs/JOURNAL_EXPORT_FORMATS.md, systemd.journal-fields(7)), and other logs of one
//! JSON object per line.
//!
//! `_TRANSPORT` is the journal's own word and decides whose text it is; what a program says of
//! itself does not. Fields that do not matter are passed over without being copied.

mod json;

use alloc::vec::Vec;

use super::model::{Stamp, Wall};
use super::prefix::{Line, Origin, from_micros, iso_date};
use super::summary::Style;
use super::text::number;

pub(super) use json::read as read_json;

/// One record, as far as it is known.
#[derive(Debug, Default)]
pub(super) struct Entry {
    message: Vec<u8>,
    host: Vec<u8>,
    program: Vec<u8>,
    real_micros: Option<u64>,
    source_real_micros: Option<u64>,
    boot_micros: Option<u64>,
    wall: Option<Wall>,
    transport: Transport,
    facility: Option<u64>,
    /// The message is a line of a log of its own, with its own prefixes.
    raw: bool,
    some: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Transport {
    #[default]
    Unknown,
    Kernel,
    Other,
}

impl Entry {
    /// Begins the next record, in the same memory.
    pub(super) fn clear(&mut self) {
        let Self { mut message, mut host, mut program, .. } = core::mem::take(self);
        message.clear();
        host.clear();
        program.clear();
        *self = Self { message, host, program, ..Self::default() };
    }

    pub(super) const fn is_empty(&self) -> bool {
        !self.some
    }

    /// Whether the message is to be taken apart like a line of text.
    pub(super) const fn is_raw(&self) -> bool {
        self.raw
    }

    pub(super) fn message(&self) -> &[u8] {
        &self.message
    }

    /// Takes a field.
    pub(super) fn field(&mut self, key: &[u8], value: &[u8]) {
        self.some = true;
        match key {
            b"MESSAGE" | b"message" | b"msg" => self.set_message(value),
            b"log" => {
                self.raw = true;
                self.set_message(value.strip_suffix(b"\n").unwrap_or(value));
            }
            b"__REALTIME_TIMESTAMP" => self.real_micros = number(value),
            b"_SOURCE_REALTIME_TIMESTAMP" => self.source_real_micros = number(value),
            b"_SOURCE_MONOTONIC_TIMESTAMP" => self.boot_micros = number(value),
            b"__MONOTONIC_TIMESTAMP" => self.boot_micros = self.boot_micros.or(number(value)),
            b"_HOSTNAME" | b"hostname" | b"host" => set(&mut self.host, value),
            b"SYSLOG_IDENTIFIER" | b"ident" | b"program" | b"programname" => {
                set(&mut self.program, value);
            }
            b"_COMM" if self.program.is_empty() => set(&mut self.program, value),
            b"_TRANSPORT" => {
                self.transport =
                    if value == b"kernel" { Transport::Kernel } else { Transport::Other };
            }
            b"SYSLOG_FACILITY" => self.facility = number(value),
            b"time" | b"@timestamp" | b"timestamp" => self.wall = iso_date(value),
            _ => {}
        }
    }

    /// More of a message that goes over several lines.
    pub(super) fn more(&mut self, text: &[u8], most: usize) {
        if self.message.len().saturating_add(text.len()) < most {
            self.message.push(b'\n');
            self.message.extend_from_slice(text);
        }
    }

    /// The record as a line.
    pub(super) fn line(&self, style: Style) -> Line<'_> {
        let wall = self.source_real_micros.or(self.real_micros).map(from_micros).or(self.wall);
        let boot_micros = self.boot_micros.filter(|_| self.transport != Transport::Other);
        let named = !self.program.is_empty() && self.program != b"kernel";
        let written_by_user = self.facility.is_some_and(|facility| facility != 0);
        let origin = match self.transport {
            _ if named => Origin::Program(&self.program),
            Transport::Other => Origin::Forged,
            _ if written_by_user => Origin::Forged,
            _ => Origin::Kernel,
        };
        Line {
            style,
            origin,
            host: (!self.host.is_empty()).then_some(&self.host),
            stamp: Stamp { boot_micros, wall },
            caller: None,
            text: &self.message,
            decoded: true,
        }
    }

    fn set_message(&mut self, value: &[u8]) {
        if self.message.is_empty() {
            set(&mut self.message, value);
        }
    }
}

/// Whether a line can be a field `KEY=value` of the journal; then its parts.
pub(super) fn split_field(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = memchr::memchr(b'=', line.get(..line.len().min(KEY_BYTES_MAX + 1))?)?;
    let key = line.get(..at)?;
    is_key(key).then_some((key, line.get(at + 1..)?))
}

/// Whether a whole line is the name of a field whose value follows with its length.
pub(super) fn is_key(key: &[u8]) -> bool {
    let plain = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_';
    !key.is_empty()
        && key.len() <= KEY_BYTES_MAX
        && key.iter().all(plain)
        && !key.first().is_some_and(u8::is_ascii_digit)
}

/// Whether a field shows that the log is a journal's export.
pub(super) fn opens_export(line: &[u8]) -> bool {
    line.first() == Some(&b'_') && OPENING.iter().any(|key| line.starts_with(key))
}

fn set(into: &mut Vec<u8>, value: &[u8]) {
    into.clear();
    into.extend_from_slice(value);
}

/// The journal's own limit (`field_is_valid`).
const KEY_BYTES_MAX: usize = 64;

/// Fields by which a record of the export format may begin.
const OPENING: [&[u8]; 6] = [
    b"__CURSOR=",
    b"__REALTIME_TIMESTAMP=",
    b"__MONOTONIC_TIMESTAMP=",
    b"__SEQNUM=",
    b"_BOOT_ID=",
    b"_TRANSPORT=",
];

#[cfg(test)]
mod tests;
