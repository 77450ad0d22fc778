//! The log file: lines appended, the program's bytes as they are.
//!
//! Without stamps it is exactly what the program wrote and nothing of ours. A disk that is full
//! loses lines and is told once; it never stops the program. It is opened anew when asked to, for
//! log rotation.

use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::SystemTime;

use super::{Column, Form, Source};
use crate::lines::Piece;

/// An open log file.
#[derive(Debug)]
pub(crate) struct Log {
    path: PathBuf,
    file: File,
    column: Column,
    exact: bool,
    waiting: Vec<u8>,
    failed: bool,
}

impl Log {
    pub(crate) fn open(path: PathBuf, form: Form) -> io::Result<Self> {
        let file = append(&path)?;
        let exact = form == Form::Plain;
        let (column, waiting) = (Column::new(form, false), Vec::new());
        Ok(Self { path, file, column, exact, waiting, failed: false })
    }

    pub(crate) fn piece(&mut self, source: Source, piece: Piece<'_>, now: SystemTime) {
        if !self.exact {
            return self.column.piece(source, piece, now, &mut self.waiting);
        }
        if source != Source::Supervisor {
            self.waiting.extend_from_slice(piece.bytes);
            self.waiting.extend_from_slice(if piece.ends { b"\n" } else { b"" });
        }
    }

    pub(crate) fn flush(&mut self) -> Option<String> {
        if self.waiting.is_empty() {
            return None;
        }
        let result = self.file.write_all(&self.waiting);
        self.waiting.clear();
        let before = std::mem::replace(&mut self.failed, result.is_err());
        result.err().filter(|_| !before).map(|error| format!("the log cannot be written: {error}"))
    }

    pub(crate) fn reopen(&mut self) -> Option<String> {
        match append(&self.path) {
            Ok(file) => {
                self.file = file;
                None
            }
            Err(error) => {
                Some(format!("the log cannot be opened anew, the old one stays: {error}"))
            }
        }
    }
}

fn append(path: &PathBuf) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    // Output can hold secrets; a file that is there keeps the rights it has.
    File::options().append(true).create(true).mode(0o640).open(path)
}
