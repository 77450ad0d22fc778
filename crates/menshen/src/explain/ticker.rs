//! A line on the terminal while reading takes long. Nothing is written elsewhere.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

/// The line.
#[derive(Debug)]
pub(super) struct Ticker {
    terminal: bool,
    next: Instant,
    written: bool,
}

impl Ticker {
    /// Nothing is written at first: most of what is read is read at once.
    pub(super) fn new() -> Self {
        let terminal = std::io::stderr().is_terminal();
        Self { terminal, next: Instant::now() + STEP, written: false }
    }

    /// So many bytes were read, of so many on disk.
    pub(super) fn tick(&mut self, bytes: u64, bytes_all: Option<u64>) {
        if !self.terminal || Instant::now() < self.next {
            return;
        }
        self.next = Instant::now() + STEP;
        self.written = true;
        let read = bytes >> 20;
        // Of compressed files the size on disk is less than what is read.
        let all = bytes_all.map(|all| all >> 20).filter(|all| *all >= read);
        let all = all.map(|all| format!(" of {all}")).unwrap_or_default();
        // Nobody is left to be told.
        let _ = write!(std::io::stderr(), "\r\x1b[Kmenshen: {read}{all} MiB read");
    }

    /// Takes the line away.
    pub(super) fn clear(&self) {
        if self.written {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}

const STEP: Duration = Duration::from_millis(500);
