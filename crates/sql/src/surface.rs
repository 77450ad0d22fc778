//! The cache's own statements meet the cache: counters for `SHOW STATUS`, what a statement of the
//! surface changes, the tables of `SHOW QUERY CACHE` and `EXPLAIN CACHE`.
//!
//! What such a statement means is decided in `sql_core::surface`. This never asks a server, and
//! shows statements as digests only: literals of one client are no business of another. It cannot
//! fail.

mod accounts;

pub use accounts::{HitsByAccount, Snapshot};
use menshen_sql_core::surface::{Effect, Globals, Locals, Setting, Status};
use menshen_sql_core::wire::column::Column;
use menshen_sql_core::wire::{self, Capabilities, build::Builder};

use crate::cache::{Cache, StatementView};
use crate::counters::{Counters, Event};
use crate::report::{ExplainReport, Verdict};

/// The counters as a session sees them now. `session_hits`: its hits since its `FLUSH STATUS`.
#[must_use]
pub fn status(cache: &Cache, counters: &Counters, thread: usize, session_hits: u64) -> Status {
    Status { qcache: cache.qcache(thread), hits_ever: counters.sum(Event::Hit), session_hits }
}

/// Does what a statement of the surface has led to. `globals` are the door's settings, held by the
/// caller so that no other change is lost.
pub fn apply(
    effect: Effect,
    cache: &Cache,
    counters: &Counters,
    accounts: &HitsByAccount,
    thread: usize,
    globals: &mut Globals,
    locals: &mut Locals,
) {
    match effect {
        Effect::Global(setting) => {
            globals.apply(setting);
            match setting {
                Setting::Size(bytes) => {
                    // As in the server, whose resized cache is a new one.
                    cache.reset(thread);
                    cache.resize(thread, bytes);
                }
                Setting::Limit(bytes) => cache.set_result_bytes_max(bytes),
                _ => {}
            }
        }
        Effect::Session(setting) => locals.apply(setting),
        Effect::Reset => cache.reset(thread),
        Effect::Defragment => cache.flush(),
        Effect::FlushStatus => counters.flush_status(),
        Effect::CountAccounts(on) => accounts.count(on),
        Effect::FlushUsers => accounts.flush_users(),
        Effect::FlushClients => accounts.flush_clients(),
    }
}

/// A result of the door's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    columns: &'static [(&'static str, Kind)],
    rows: Vec<Vec<Option<String>>>,
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Number,
}

impl Table {
    /// `SHOW QUERY CACHE`: the statements with most hits, then those whose results were most often
    /// stored for nothing.
    #[must_use]
    pub fn top(cache: &Cache) -> Self {
        let mut rows = Vec::new();
        for (list, views) in [("hits", cache.top_by_hits(TOP)), ("waste", cache.top_by_waste(TOP))]
        {
            rows.extend(views.iter().map(|view| top_row(list, view)));
        }
        Self { columns: TOP_COLUMNS, rows }
    }

    /// `EXPLAIN CACHE`: one row for each table the statement depends on, or one row without a
    /// table.
    #[must_use]
    pub fn explained(report: &ExplainReport) -> Self {
        let cached = match report.verdict {
            Verdict::Cached => "yes",
            Verdict::Cacheable => "not yet",
            Verdict::NotCached => "no",
        };
        let absence = report.entries.iter().find_map(|entry| entry.absence.clone());
        let why = report.why.as_ref();
        let code = why.map(|why| why.code.clone()).or(absence);
        let says = why.map(|why| why.says.clone());
        let hits = report.figures.as_ref().map_or(0, |figures| figures.hits);
        let row = |table: Option<String>, by: Option<String>, ago: Option<u64>| {
            vec![
                Some(cached.to_owned()),
                code.clone(),
                says.clone(),
                table,
                by,
                ago.map(|ago| ago.to_string()),
                Some(hits.to_string()),
            ]
        };
        let mut rows: Vec<_> = report
            .tables
            .iter()
            .map(|table| {
                let changed = table.changed.as_ref();
                let by = changed.map(|change| format!("{} ({})", change.by, change.who));
                row(Some(table.name.clone()), by, changed.map(|change| change.seconds_ago))
            })
            .collect();
        if rows.is_empty() {
            rows.push(row(None, None, None));
        }
        Self { columns: EXPLAIN_COLUMNS, rows }
    }

    /// The reply to a `COM_QUERY`, its packets.
    pub fn write(&self, out: &mut Vec<u8>, capabilities: Capabilities, status: wire::Status) {
        let columns: Vec<_> = self
            .columns
            .iter()
            .map(|(name, kind)| match kind {
                Kind::Text => Column::text(name.as_bytes()),
                Kind::Number => Column::number(name.as_bytes()),
            })
            .collect();
        let mut builder = Builder::new(out, capabilities, 1);
        builder.columns(&columns, status);
        for row in &self.rows {
            builder.row(row.iter().map(|value| value.as_ref().map(String::as_bytes)));
        }
        builder.end(status, 0);
    }
}

fn top_row(list: &str, view: &StatementView) -> Vec<Option<String>> {
    let digest = String::from_utf8_lossy(&view.digest).into_owned();
    let numbers = [view.hits, view.fills, view.wasted, view.bytes, view.saved_micros / 1000];
    let numbers = numbers.map(|number| Some(number.to_string()));
    [Some(list.to_owned()), Some(digest)].into_iter().chain(numbers).collect()
}

/// Statements a list of `SHOW QUERY CACHE` has.
const TOP: usize = 20;

const TOP_COLUMNS: &[(&str, Kind)] = &[
    ("Top_by", Kind::Text),
    ("Statement", Kind::Text),
    ("Hits", Kind::Number),
    ("Fills", Kind::Number),
    ("Wasted", Kind::Number),
    ("Bytes", Kind::Number),
    ("Saved_ms", Kind::Number),
];

const EXPLAIN_COLUMNS: &[(&str, Kind)] = &[
    ("Cached", Kind::Text),
    ("Reason", Kind::Text),
    ("Explanation", Kind::Text),
    ("Table", Kind::Text),
    ("Last_invalidated_by", Kind::Text),
    ("Seconds_ago", Kind::Number),
    ("Hits", Kind::Number),
];

#[cfg(test)]
mod tests;
