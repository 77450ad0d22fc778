//! What a program says and what is said of it, line by line: to standard output and error, and to
//! a log file.
//!
//! Streams share a destination without mixing within a line: a line that another one interrupts is
//! ended, and its rest comes after a mark. A terminal gets text that cannot steer it; pipes, files
//! and the log get the bytes. Nothing here waits: see [`sink`].

use std::io;
use std::path::PathBuf;
use std::time::SystemTime;

use crate::escape::{COLOURS_RESET, escape};
use crate::lines::Piece;
use crate::stamp::Stamps;

mod log;
pub(crate) mod sink;

use log::Log;
use sink::Sink;

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// The program's standard output, or both of its streams where a terminal joins them.
    Output,
    /// Its standard error, where apart.
    Error,
    /// We, about it.
    Supervisor,
}

/// What stands before a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Form {
    /// Time and name.
    Stamped(String),
    /// Only the name: the reader adds the time (the journal).
    Named(String),
    /// Nothing.
    Plain,
}

/// One destination: where its lines stand.
#[derive(Debug)]
pub(crate) struct Column {
    form: Form,
    terminal: bool,
    /// Whose line has not ended yet.
    open: Option<Source>,
    stamps: Stamps,
}

impl Column {
    pub(crate) fn new(form: Form, terminal: bool) -> Self {
        Self { form, terminal, open: None, stamps: Stamps::default() }
    }

    /// Adds a piece of a line.
    pub(crate) fn piece(
        &mut self,
        source: Source,
        piece: Piece<'_>,
        now: SystemTime,
        out: &mut Vec<u8>,
    ) {
        if self.open != Some(source) || piece.begins {
            if self.open.is_some() {
                out.push(b'\n');
            }
            self.prefix(source, now, out);
            if !piece.begins {
                out.extend_from_slice("… ".as_bytes());
            }
        }
        if self.terminal {
            let bytes = piece.bytes;
            let bytes = if piece.ends { bytes.strip_suffix(b"\r").unwrap_or(bytes) } else { bytes };
            if escape(bytes, out) {
                out.extend_from_slice(COLOURS_RESET);
            }
        } else {
            out.extend_from_slice(piece.bytes);
        }
        if piece.ends {
            out.push(b'\n');
        }
        self.open = (!piece.ends).then_some(source);
    }

    fn prefix(&mut self, source: Source, now: SystemTime, out: &mut Vec<u8>) {
        let name = match &self.form {
            Form::Stamped(name) => {
                self.stamps.add(now, out);
                out.push(b' ');
                name
            }
            Form::Named(name) => name,
            Form::Plain => return,
        };
        let mark = match source {
            Source::Output | Source::Supervisor => "",
            Source::Error => " err",
        };
        out.extend_from_slice(format!("[{name}{mark}] ").as_bytes());
    }
}

/// All destinations.
#[derive(Debug)]
pub(crate) struct Output {
    out: (Column, Sink),
    /// `None`: standard error is the same file as standard output.
    err: Option<(Column, Sink)>,
    log: Option<Log>,
    scratch: Vec<u8>,
}

impl Output {
    /// Standard output and error as they are, and a log file if one is given.
    pub(crate) fn open(form: &Form, log: Option<PathBuf>, name: &str) -> io::Result<Self> {
        let out = Sink::standard(&io::stdout())?;
        let err = Sink::standard(&io::stderr())?;
        // Two views of one file would break each other's lines.
        let err = (!out.is_same_file(&err)).then_some(err);
        let column = |sink: Sink| (Column::new(form.clone(), sink.is_terminal()), sink);
        let stamped = match form {
            Form::Plain => Form::Plain,
            Form::Stamped(_) | Form::Named(_) => Form::Stamped(name.to_owned()),
        };
        let log = log.map(|path| Log::open(path, stamped)).transpose()?;
        Ok(Self { out: column(out), err: err.map(column), log, scratch: Vec::new() })
    }

    /// A piece of a line of the program.
    pub(crate) fn piece(&mut self, source: Source, piece: Piece<'_>, now: SystemTime) {
        if let Some(log) = &mut self.log {
            log.piece(source, piece, now);
        }
        let (column, sink) = match (&mut self.err, source) {
            (Some(err), Source::Error | Source::Supervisor) => err,
            _ => &mut self.out,
        };
        self.scratch.clear();
        column.piece(source, piece, now, &mut self.scratch);
        sink.push(&self.scratch);
    }

    /// Something about the program, of one or more lines.
    pub(crate) fn say(&mut self, text: &str) {
        let now = SystemTime::now();
        for (number, line) in text.lines().enumerate() {
            let line = if number == 0 { format!("menshen: {line}") } else { line.to_owned() };
            let piece = Piece { bytes: line.as_bytes(), begins: true, ends: true };
            self.piece(Source::Supervisor, piece, now);
        }
    }

    /// The sinks that have something to write, to be polled.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = &Sink> {
        let err = self.err.as_ref().map(|(_, sink)| sink);
        [Some(&self.out.1), err].into_iter().flatten().filter(|sink| sink.is_waiting())
    }

    /// Writes what can be written now; gives what there is to be told of it.
    pub(crate) fn flush(&mut self) -> Vec<String> {
        let mut said = Vec::new();
        said.extend(self.out.1.flush("standard output"));
        if let Some((_, sink)) = &mut self.err {
            said.extend(sink.flush("standard error"));
        }
        if let Some(log) = &mut self.log {
            said.extend(log.flush());
        }
        said
    }

    /// Whether a reader that must not lose anything is behind: the program has to wait for it.
    pub(crate) fn is_behind(&self) -> bool {
        self.out.1.is_behind() || self.err.as_ref().is_some_and(|(_, sink)| sink.is_behind())
    }

    /// Whether the reader of standard output went away.
    pub(crate) fn has_lost_its_reader(&self) -> bool {
        self.out.1.is_gone()
    }

    /// Whether a log file gets everything.
    pub(crate) fn has_log(&self) -> bool {
        self.log.is_some()
    }

    /// Opens the log anew under its name, after it was rotated; what became of it.
    pub(crate) fn reopen_log(&mut self) -> Option<String> {
        self.log.as_mut().and_then(Log::reopen)
    }

    /// Whether standard output is a terminal.
    pub(crate) fn is_terminal(&self) -> bool {
        self.out.1.is_terminal()
    }
}

#[cfg(test)]
mod tests;
