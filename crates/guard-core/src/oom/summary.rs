//! What was seen besides the events: raw counts, for the line that says how complete a log is, and
//! what the limits cost.
//!
//! Only lines of the kernel are counted as its; a kill a program talks about is `foreign`.

use alloc::collections::BTreeSet;

use serde::Serialize;

/// Counts over everything a [`Reader`](super::Reader) was given.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Summary {
    /// Bytes.
    pub bytes: u64,
    /// Lines; a last one without line end counts.
    pub lines: u64,
    /// Forms of lines that were met.
    pub styles: BTreeSet<Style>,
    /// Lines `X invoked oom-killer: …`.
    pub headers: u64,
    /// Headings of process tables.
    pub tables: u64,
    /// Rows of process tables, read or not.
    pub rows: u64,
    /// Rows that could not be read.
    pub rows_unread: u64,
    /// Lines `oom-kill:constraint=…`.
    pub verdicts: u64,
    /// Lines `Kill process N …`: announced only.
    pub announcements: u64,
    /// Lines `Killed process N …`: the kernel's counter `oom_kill` counts each of them, also when
    /// two name the same process.
    pub kills: u64,
    /// Lines `oom_reaper: reaped process N …`.
    pub reaped: u64,
    /// Lines of a kill that stand in `/dev/kmsg` but were not written by the kernel.
    pub forged: u64,
    /// Lines of a kill that a program, not the kernel, wrote into a system log.
    pub foreign: u64,
    /// Reports given out.
    pub reports: u64,
    /// Lines longer than `line_bytes_max`.
    pub lines_cut: u64,
    /// Rows beyond `report_tasks_max`.
    pub tasks_dropped: u64,
    /// Kills beyond `report_kills_max`.
    pub kills_dropped: u64,
    /// Statistics beyond `report_stats_max`.
    pub stats_dropped: u64,
    /// Lines of reports longer than `text_bytes_max`: a text in them may have been shortened.
    pub texts_cut: u64,
    /// Reports ended early because of `open_reports_max` or `open_rows_max`.
    pub reports_forced: u64,
    /// Hosts whose clock was forgotten because of `hosts_max`.
    pub hosts_forgotten: u64,
}

/// The form of a line: who put what before the kernel's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Style {
    /// Nothing before the text.
    Bare,
    /// A record of `/dev/kmsg`.
    Kmsg,
    /// `[  123.456789] …`, also with `<4>` before it.
    Dmesg,
    /// `[Mon Jan  2 03:04:05 2023] …`, in any language, and other dates of `dmesg`.
    DmesgDate,
    /// `Jan  2 03:04:05 host kernel: …`.
    Syslog,
    /// `2023-01-02T03:04:05+01:00 host kernel: …` and its relatives.
    IsoDate,
    /// `journalctl -o export` or `-o verbose`: `FIELD=value` lines.
    JournalFields,
    /// `journalctl -o json`, or another log of one JSON object per line.
    Json,
}
