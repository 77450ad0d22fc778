//! Lines of the guard to standard error and standard output, which must never stop it.
//!
//! A reader that went away, a terminal that closed or a full pipe nobody reads loses lines, not the
//! guard: nothing is written while the descriptor would block, and errors are ignored.

use std::os::fd::AsFd;
use std::time::{SystemTime, UNIX_EPOCH};

use menshen_base::{Finding, Severity};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// Writes one event, with the time unless the journal adds it.
pub fn event(text: &str) {
    let stamp = if std::env::var_os("JOURNAL_STREAM").is_some() {
        String::new()
    } else {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
        format!("{} ", utc(now))
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

/// `seconds` since 1970 as `2026-11-22T12:00:00Z`.
#[must_use]
pub fn utc(seconds: u64) -> String {
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // Years are counted from March so that the leap day is the last one; eras of 400 years from
    // 1 March of the year 0, which is 719468 days before 1970.
    let day = days + 719_468;
    let (era, day) = (day / 146_097, day % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, year) = if month < 10 { (month + 3, year) } else { (month - 9, year + 1) };
    format!(
        "{:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z",
        year + era * 400,
        second / 3600,
        second / 60 % 60,
        second % 60
    )
}

/// `PIPE_BUF` of Linux.
const PIPE_BYTES: usize = 4096;

#[cfg(test)]
mod tests {
    //! Dates, and output nobody reads.
    use super::*;

    #[test]
    fn dates_match_the_calendar() {
        let table = [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_709_251_199, "2024-02-29T23:59:59Z"),
            (1_795_350_136, "2026-11-22T12:22:16Z"),
            (4_107_542_399, "2100-02-28T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ];
        for (seconds, text) in table {
            assert_eq!(utc(seconds), text, "{seconds}");
        }
    }

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
