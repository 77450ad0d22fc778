//! The journal's export and verbose formats, whose records go over several lines and whose values
//! may hold line ends (systemd, docs/JOURNAL_EXPORT_FORMATS.md).
//!
//! A value longer than a line may be is cut; what is no field ends the format.

use alloc::vec::Vec;

use super::Reader;
use super::lines::line_ends;
use crate::oom::journal::{is_key, split_field};
use crate::oom::summary::Style;
use crate::oom::text::{has, trim_start};

/// A field `KEY\n<length><bytes>\n`.
#[derive(Debug, Default)]
pub(super) struct Binary {
    key: Vec<u8>,
    /// The eight bytes of the length, as they come.
    length: Vec<u8>,
    value: Vec<u8>,
    /// Bytes of the value still to come.
    rest: u64,
}

impl Reader {
    /// A line of these formats; `false`: it is none, and the format has ended.
    pub(super) fn field_line(&mut self, line: &[u8]) -> bool {
        if line.is_empty() || is_verbose_start(line) || line.starts_with(b"-- ") {
            self.end_entry();
            return true;
        }
        if let Some((key, value)) = split_field(line) {
            self.note_message(key);
            self.entry.field(key, value);
            return true;
        }
        if is_key(line) {
            self.note_message(line);
            self.binary = Some(Binary { key: Vec::from(line), ..Binary::default() });
            return true;
        }
        if let Some(indented) = line.strip_prefix(b"    ") {
            if let Some((key, value)) = split_field(indented) {
                self.note_message(key);
                self.entry.field(key, value);
            } else {
                self.entry.more(trim_start(indented), self.limits.line_bytes_max);
            }
            return true;
        }
        self.end_entry();
        self.style = Style::Bare;
        false
    }

    /// The record is complete.
    pub(super) fn end_entry(&mut self) {
        if self.entry.is_empty() {
            return;
        }
        let mut entry = core::mem::take(&mut self.entry);
        self.accept(&entry.line(Style::JournalFields));
        self.message_line = None;
        entry.clear();
        self.entry = entry;
    }

    /// Bytes of a field with a length; how many were taken.
    pub(super) fn take_binary(&mut self, bytes: &[u8]) -> usize {
        let Some(mut field) = self.binary.take() else { return 0 };
        let mut taken = 0;
        if field.length.len() < LENGTH_BYTES {
            taken = (LENGTH_BYTES - field.length.len()).min(bytes.len());
            field.length.extend_from_slice(bytes.get(..taken).unwrap_or_default());
            if let Ok(length) = <[u8; LENGTH_BYTES]>::try_from(&field.length[..]) {
                field.rest = u64::from_le_bytes(length);
                if field.rest > VALUE_BYTES_MAX {
                    // No journal holds such a value: this is no export, or it is damaged.
                    self.count_binary(bytes, taken);
                    self.style = Style::Bare;
                    return taken;
                }
            }
        }
        if field.length.len() == LENGTH_BYTES {
            let rest = bytes.get(taken..).unwrap_or_default();
            let size = usize::try_from(field.rest).unwrap_or(usize::MAX).min(rest.len());
            let room = self.limits.line_bytes_max.saturating_sub(field.value.len()).min(size);
            field.value.extend_from_slice(rest.get(..room).unwrap_or_default());
            field.rest -= u64::try_from(size).unwrap_or_default();
            taken += size;
            // The line end after the value is an empty rest of a line, which is no record's end.
            if field.rest == 0 && rest.len() > size {
                taken += usize::from(rest.get(size) == Some(&b'\n'));
                self.entry.field(&field.key, &field.value);
                self.count_binary(bytes, taken);
                return taken;
            }
        }
        self.binary = Some(field);
        self.count_binary(bytes, taken);
        taken
    }

    fn count_binary(&mut self, bytes: &[u8], taken: usize) {
        self.summary.lines += line_ends(bytes.get(..taken).unwrap_or_default());
        self.advance(taken);
    }

    /// The record stands where its message stands.
    fn note_message(&mut self, key: &[u8]) {
        if key == b"MESSAGE" {
            self.message_line = Some(self.summary.lines);
        }
    }
}

/// `Mon 2023-01-02 03:04:05.678901 CET [s=…;i=…]`.
pub(super) fn is_verbose_start(line: &[u8]) -> bool {
    line.ends_with(b"]") && line.len() < 512 && has(line, b" [s=") && has(line, b";i=")
}

const LENGTH_BYTES: usize = 8;

/// More than `systemd-journald` takes (768 MiB).
const VALUE_BYTES_MAX: u64 = 1 << 30;
