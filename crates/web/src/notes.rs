//! What a worker has to tell the operator besides the access log: lines on standard error, where
//! the guard's own events go.
//!
//! A reader that stopped reading costs lines, never a wait; and whoever can make lines (a script
//! that complains on every request) is told of only so many a second. Values are escaped like
//! those of the access log.

use std::cell::Cell;
use std::fmt::Write;
use std::os::fd::AsFd;

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
        if !self.may_write(clock::unix_s()) {
            return;
        }
        self.write_to(rustix::stdio::stderr(), what, value);
    }

    fn write_to(&self, out: impl AsFd, what: &str, value: &[u8]) {
        let held_back = self.held_back.get();
        let line = self.line(what, value, held_back);
        let mut fds = [PollFd::new(&out, PollFlags::OUT)];
        let takes = poll(&mut fds, Some(&Timespec::default())).is_ok_and(|ready| ready > 0);
        let written = takes && rustix::io::write(&out, line.as_bytes()).is_ok();
        self.held_back.set(if written { 0 } else { held_back + 1 });
    }

    /// A line of at most [`LINE_BYTES`], which always ends.
    fn line(&self, what: &str, value: &[u8], held_back: u64) -> String {
        let mut line = format!("menshen: {}: ", self.worker);
        // Findings repeat what a pool says of itself.
        line.extend(what.chars().map(|c| if c.is_control() || is_disguise(c) { '?' } else { c }));
        if !value.is_empty() {
            line.push_str(": ");
            escape(value, &mut line);
        }
        let mut end = String::new();
        if held_back > 0 {
            let _ = write!(end, " ({held_back} lines before this one were held back)");
        }
        end.push('\n');
        line.truncate(line.floor_char_boundary(LINE_BYTES - end.len()));
        line + &end
    }

    fn may_write(&self, now_s: u64) -> bool {
        if self.second.replace(now_s) != now_s {
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

#[cfg(test)]
mod tests;
