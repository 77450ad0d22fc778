//! What a worker has to tell the operator besides the access log: lines on standard error, where
//! the guard's own events go.
//!
//! A reader that stopped reading costs lines, never a wait; and whoever can make lines (a script
//! that complains on every request) is told of only so many a second. Values are escaped like
//! those of the access log.

use std::cell::Cell;
use std::fmt::Write;

use menshen_net::clock;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::log::{escape, is_disguise};

/// A worker's notes.
#[derive(Debug)]
pub(crate) struct Notes {
    worker: String,
    second: Cell<u64>,
    count: Cell<u32>,
    held_back: Cell<u64>,
}

impl Notes {
    /// For `worker`, such as `web/0`.
    pub(crate) fn new(worker: String) -> Self {
        let (second, count, held_back) = (Cell::new(0), Cell::new(0), Cell::new(0));
        Self { worker, second, count, held_back }
    }

    /// Writes one line: `what`, then `value` escaped, if there is one.
    pub(crate) fn tell(&self, what: &str, value: &[u8]) {
        if !self.may_write() {
            return;
        }
        let mut line = format!("menshen: {}: ", self.worker);
        // Findings repeat what a pool says of itself.
        line.extend(what.chars().map(|c| if c.is_control() || is_disguise(c) { '?' } else { c }));
        if !value.is_empty() {
            line.push_str(": ");
            escape(value, &mut line);
        }
        let missed = self.held_back.replace(0);
        if missed > 0 {
            let _ = write!(line, " ({missed} lines before this one were held back)");
        }
        // A cut line must not run into the next one.
        line.truncate(line.floor_char_boundary(LINE_BYTES - 1));
        line.push('\n');
        let stderr = rustix::stdio::stderr();
        let mut fds = [PollFd::new(&stderr, PollFlags::OUT)];
        let takes = poll(&mut fds, Some(&Timespec::default())).is_ok_and(|ready| ready > 0);
        if !takes || rustix::io::write(stderr, line.as_bytes()).is_err() {
            self.held_back.set(self.held_back.get() + missed + 1);
        }
    }

    fn may_write(&self) -> bool {
        let now = clock::unix_s();
        if self.second.replace(now) != now {
            self.count.set(0);
        }
        let count = self.count.get();
        if count >= LINES_PER_SECOND_MAX {
            self.held_back.set(self.held_back.get() + 1);
            return false;
        }
        self.count.set(count + 1);
        true
    }
}

/// What a pipe takes whole once it takes anything (`PIPE_BUF`).
const LINE_BYTES: usize = 4096;
const LINES_PER_SECOND_MAX: u32 = 50;
