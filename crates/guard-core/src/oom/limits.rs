//! How much of a log the reader keeps at once. Whatever exceeds a limit is counted in the summary,
//! never dropped silently.

/// Limits of a [`Reader`](super::Reader). Its memory stays below a small multiple of
/// `line_bytes_max` plus `open_rows_max` rows, whatever the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one line that are looked at; the rest of a longer one is skipped.
    pub line_bytes_max: usize,
    /// Rows of one report's table that are kept.
    pub report_tasks_max: usize,
    /// Kills of one report that are kept.
    pub report_kills_max: usize,
    /// Statistics of a control group that are kept.
    pub report_stats_max: usize,
    /// Bytes of a text of the log that is kept as one (a path, a sentence).
    pub text_bytes_max: usize,
    /// Reports that may be under way at once, all hosts together.
    pub open_reports_max: usize,
    /// Rows of all reports under way together.
    pub open_rows_max: usize,
    /// Hosts whose clocks are remembered.
    pub hosts_max: usize,
    /// Lines without anything of a report, after which it is over.
    pub quiet_lines_max: u64,
    /// Seconds after which it is over, by the lines' own stamps.
    pub quiet_seconds_max: u64,
}

impl Limits {
    /// The limits for ordinary use.
    pub const ORDINARY: Self = Self {
        line_bytes_max: 64 * 1024,
        report_tasks_max: 32_768,
        report_kills_max: 32_768,
        report_stats_max: 256,
        text_bytes_max: 4_096,
        open_reports_max: 64,
        open_rows_max: 65_536,
        hosts_max: 64,
        quiet_lines_max: 4_096,
        quiet_seconds_max: 60,
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self::ORDINARY
    }
}
