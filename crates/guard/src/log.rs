//! Lines of the guard to standard error and standard output, which must never stop it.
//!
//! A reader that went away, a terminal that closed or a full pipe nobody reads loses lines, not the
//! guard: nothing is written while the descriptor would block, and errors are ignored.

use std::os::fd::AsFd;
use std::time::{SystemTime, UNIX_EPOCH};

use menshen_base::calendar::rfc3339;
use menshen_base::{Finding, Severity};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// Writes one event, with the time unless the journal adds it.
pub fn event(text: &str) {
    let stamp = if std::env::var_os("JOURNAL_STREAM").is_some() {
        String::new()
    } else {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
        format!("{} ", rfc3339(now.cast_signed()))
    };
    to_stderr(&format!("{stamp}menshen: {text}\n"));
}

/// Writes text to standard error.
pub(crate) fn to_stderr(text: &str) {
    write(&std::io::stderr(), text);
}

/// Writes text to standard output.
pub(crate) fn to_stdout(text: &str) {
    write(&std::io::stdout(), text);
}

/// A finding in the form of a message, no line end at its end.
#[must_use]
pub fn finding_text(finding: &Finding) -> String {
    let severity = match finding.severity {
        Severity::Note => "note",
        Severity::Warning => "warning",
        Severity::Error => "error",
    };
    let mut text = format!("{severity}: {}: {}", finding.subject, finding.claim);
    for fact in &finding.evidence {
        text.push_str(&format!("\n  detail: {} in {}: {}", fact.what, fact.place, fact.value));
    }
    if !finding.hint.is_empty() {
        text.push_str(&format!("\n  hint: {}", finding.hint));
    }
    text
}

/// Writes line by line. A descriptor reported writable takes [`PIPE_BYTES`] without blocking.
fn write(to: &impl AsFd, text: &str) {
    for line in text.split_inclusive('\n') {
        for piece in line.as_bytes().chunks(PIPE_BYTES) {
            let mut polled = [PollFd::new(to, PollFlags::OUT)];
            let now = Timespec { tv_sec: 0, tv_nsec: 0 };
            let ready = poll(&mut polled, Some(&now)).is_ok_and(|count| count > 0);
            if !ready || rustix::io::write(to, piece).is_err() {
                return;
            }
        }
    }
}

/// `PIPE_BUF` of Linux.
const PIPE_BYTES: usize = 4096;

#[cfg(test)]
mod tests {
    //! Output nobody reads.
    use super::*;

    #[test]
    fn a_full_pipe_or_a_lost_reader_stops_nobody() {
        let (reader, writer) = rustix::pipe::pipe().unwrap();
        let line = format!("{}\n", "x".repeat(1000));
        // Far more than a pipe holds; this test hangs if a write blocks.
        for _ in 0..2000 {
            write(&writer, &line);
        }
        drop(reader);
        write(&writer, &line);
    }
}
