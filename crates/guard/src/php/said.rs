//! What a php-fpm says on its standard error: passed on to the guard's log line by line, the last
//! lines kept for the moment it dies. It may hold words of applications, so it is bounded and its
//! control characters are taken out; nothing is decided by it but whether a start succeeded.

use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::pipe::{PipeFlags, pipe_with};

/// The reading end and what came of it.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) pipe: OwnedFd,
    partial: Vec<u8>,
    last: VecDeque<String>,
    /// Whether php-fpm said that it accepts requests.
    pub(crate) ready: bool,
    window: Option<Instant>,
    passed: usize,
    dropped: usize,
}

impl Said {
    /// A new pipe: this reads, the descriptor is for php-fpm to write to.
    pub(crate) fn new() -> io::Result<(Self, OwnedFd)> {
        let (pipe, theirs) = pipe_with(PipeFlags::CLOEXEC)?;
        rustix::io::ioctl_fionbio(&pipe, true)?;
        Ok((Self::of(pipe), theirs))
    }

    /// Goes on reading a pipe, which does not block, where another program left off.
    pub(crate) const fn of(pipe: OwnedFd) -> Self {
        Self {
            pipe,
            partial: Vec::new(),
            last: VecDeque::new(),
            ready: false,
            window: None,
            passed: 0,
            dropped: 0,
        }
    }

    /// Takes what is there, up to a bound per call, and gives the lines for the log.
    pub(crate) fn hear(&mut self, now: Instant) -> Vec<String> {
        let mut lines = Vec::new();
        let mut piece = [0; 4096];
        for _ in 0..READS_MAX {
            match rustix::io::read(&self.pipe, &mut piece) {
                Ok(count) if count > 0 => self.take(&piece[..count], now, &mut lines),
                _ => break,
            }
        }
        lines
    }

    /// The last lines, oldest first.
    pub(crate) fn last_words(&self) -> String {
        let words: Vec<&str> = self.last.iter().map(String::as_str).collect();
        words.join("; ")
    }

    fn take(&mut self, bytes: &[u8], now: Instant, lines: &mut Vec<String>) {
        for &byte in bytes {
            match byte {
                b'\n' => self.line(now, lines),
                _ if self.partial.len() < LINE_BYTES_MAX => self.partial.push(byte),
                _ => {}
            }
        }
    }

    fn line(&mut self, now: Instant, lines: &mut Vec<String>) {
        let text = printable(&std::mem::take(&mut self.partial));
        let text = without_time(&text);
        if let Some(notice) = text.strip_prefix("NOTICE: ") {
            self.ready |= notice == "ready to handle connections";
            // What PHP itself complains of at the start comes as a notice too.
            if !notice.starts_with(PHP_MESSAGE) {
                return;
            }
        }
        if is_told_by_workers(text) {
            return;
        }
        if self.last.len() == LAST_LINES {
            self.last.pop_front();
        }
        self.last.push_back(text.to_owned());
        if self.window.is_none_or(|began| now.saturating_duration_since(began) >= WINDOW) {
            if self.dropped > 0 {
                lines.push(format!("({} more lines were left out)", self.dropped));
            }
            (self.window, self.passed, self.dropped) = (Some(now), 0, 0);
        }
        if self.passed < LINES_PER_WINDOW {
            self.passed += 1;
            lines.push(text.to_owned());
        } else {
            self.dropped += 1;
        }
    }
}

/// `[22-Nov-2026 15:25:52] ` in front of a line says what our own log says already.
fn without_time(text: &str) -> &str {
    let inside = text.strip_prefix('[').and_then(|rest| rest.split_once("] "));
    inside.filter(|(time, _)| time.len() <= 32).map_or(text, |(_, rest)| rest)
}

/// Whether it is what a script complained of: php-fpm repeats here what it has said to the worker
/// that asked, who tells of it together with the script. What was written to `php://stderr` comes
/// only this way. The inner lines of a longer message cannot be told from that and come twice.
fn is_told_by_workers(text: &str) -> bool {
    let Some((_, words)) = text.split_once(" said into stderr: \"") else { return false };
    let notice = words.strip_prefix("NOTICE: ").is_some_and(|rest| rest.starts_with(PHP_MESSAGE));
    notice || TRACE.iter().any(|start| words.starts_with(start))
}

fn printable(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

/// How php-fpm begins what PHP logs.
const PHP_MESSAGE: &str = "PHP message: ";
/// How the lines of a stack trace begin.
const TRACE: [&str; 3] = ["Stack trace:", "#", "  thrown in "];
const LINE_BYTES_MAX: usize = 500;
const LAST_LINES: usize = 8;
/// 64 KiB per look: what is left waits for the next one, after everything else had its turn.
const READS_MAX: usize = 16;
/// So many lines reach the log in so much time.
const LINES_PER_WINDOW: usize = 20;
const WINDOW: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    //! Lines are cut, cleaned, counted and never awaited.
    use super::*;

    #[test]
    fn what_workers_tell_is_not_told_twice() {
        let (mut said, theirs) = Said::new().unwrap();
        let mut hear = |words: &str| {
            let line = format!("[22-Nov-2026 16:35:01] {words}\n");
            rustix::io::write(&theirs, line.as_bytes()).unwrap();
            said.hear(Instant::now())
        };
        let child = |words: &str| {
            format!("WARNING: [pool menshen] child 8357 said into stderr: \"{words}\"")
        };
        for told in ["NOTICE: PHP message: PHP Fatal error:  no", "Stack trace:", "#0 {main}"] {
            assert_eq!(hear(&child(told)), [""; 0], "{told}");
        }
        // Only this way, or before there is a worker that could tell.
        let direct = child("written to php://stderr");
        let startup = "NOTICE: PHP message: PHP Warning:  PHP Startup: no such extension";
        for other in [&direct, startup, "WARNING: [pool menshen] child 1 exited on signal 9"] {
            assert_eq!(hear(other), [other]);
        }
    }

    #[test]
    fn lines_are_bounded_and_clean() {
        let (mut said, theirs) = Said::new().unwrap();
        let now = Instant::now();
        assert_eq!(said.hear(now), [""; 0], "nothing is there, nothing is waited for");
        let write = |text: &str| rustix::io::write(&theirs, text.as_bytes()).unwrap();
        write("[22-Nov-2026 15:25:52] NOTICE: fpm is running, pid 1\n");
        write("[22-Nov-2026 15:25:52] ERROR: no \x1b[31mway\nhalf");
        assert_eq!(said.hear(now), ["ERROR: no ?[31mway"]);
        assert!(!said.ready);
        write(&format!("{}\n[x] NOTICE: ready to handle connections\n", "y".repeat(1000)));
        assert_eq!(said.hear(now)[0].len(), LINE_BYTES_MAX);
        assert!(said.ready);
        write(&"z\n".repeat(100));
        assert_eq!(said.hear(now).len(), LINES_PER_WINDOW - 2);
        write("z\n");
        let later = said.hear(now + WINDOW);
        assert_eq!(later, ["(82 more lines were left out)", "z"]);
        assert_eq!(said.last_words().split("; ").count(), LAST_LINES);
        drop(theirs);
        assert_eq!(said.hear(now), [""; 0], "its end is no error");
    }
}
