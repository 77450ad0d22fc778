//! `EXPLAIN CACHE`: what the cache thinks of a statement of this session, without storing, counting
//! or sending anything.
//!
//! The rows are asked in the order in which [`plan`](super::plan) asks them. What only a reply can
//! show (warnings, its length) is not known here: such a statement is said to be cacheable.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use menshen_sql_core::judge::{CacheType, Reason, Table, Verdict, judge};
use menshen_sql_core::session::Serving;
use menshen_sql_core::statement::{Flag, digest, read};
use menshen_sql_core::wire::{Capabilities, packet};

use super::Connection;
use super::hit::Asked;
use super::plan::slot;
use crate::cache::{Absence, DIGEST_BYTES_MAX, Reply};
use crate::report::{
    ChangeReport, EntryReport, ExplainReport, TableReport, Verdict as Becomes, Why,
};

impl Connection<'_> {
    /// What becomes of `text`, if this session sends it next.
    pub(super) fn explain(&mut self, text: &[u8]) -> ExplainReport {
        let mode = self.session.mode();
        let digest = String::from_utf8_lossy(&digest(text, mode, DIGEST_BYTES_MAX)).into_owned();
        let mut report = ExplainReport { digest, ..ExplainReport::default() };
        match self.judged(text) {
            Err(reason) => report.why = Some(why(reason)),
            Ok(tables) => {
                report.tables = tables.iter().map(|table| self.table(table)).collect();
                report.verdict = Becomes::Cacheable;
                self.entry(text, &mut report);
            }
        }
        report
    }

    fn judged(&self, text: &[u8]) -> Result<Vec<Table>, Reason> {
        match self.session.serving() {
            Serving::Yes { .. } | Serving::Opens | Serving::Ask => {}
            Serving::No(reason) => return Err(reason),
        }
        if self.shared.is_off() || self.locals.cache_type == CacheType::Off {
            return Err(Reason::CacheOff);
        }
        self.shared.open().ok_or(Reason::NoFollower)?;
        let statement = read(text, self.session.mode());
        if statement.is(Flag::Several) {
            return Err(Reason::SeveralResults);
        }
        let facts = self.session.facts(self.locals.cache_type);
        let catalog = self.shared.foreign.catalog.load();
        let known = match judge(&statement, &facts, &*catalog) {
            Verdict::Cacheable(known) => known,
            Verdict::Not(reason) => return Err(reason),
        };
        Ok(known.iter().flat_map(|one| one.reads.iter().cloned()).collect())
    }

    fn table(&self, table: &Table) -> TableReport {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let slot = slot(table);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let now = u64::try_from(now).unwrap_or(u64::MAX);
        let changed = self.shared.cache.last_change(slot).map(|change| ChangeReport {
            by: change.by.clone(),
            who: change.who.clone(),
            seconds_ago: now.saturating_sub(change.unix_ms) / 1000,
        });
        TableReport {
            name: format!("{}.{}", text(&table.database), text(&table.name)),
            changed,
            being_written: self.shared.versions.pending(slot) > 0,
        }
    }

    fn entry(&mut self, text: &[u8], report: &mut ExplainReport) {
        let snapshot = match self.session.serving() {
            Serving::Yes { snapshot } => snapshot,
            _ => None,
        };
        let Some(ask) = self.ask(Asked::Text(text), snapshot, Instant::now()) else { return };
        let Some(view) = self.shared.cache.explain(&ask) else { return };
        if view.absence.is_none() {
            report.verdict = Becomes::Cached;
        }
        report.entries.push(EntryReport {
            reply_bytes: view.reply_bytes,
            charged_bytes: view.charged_bytes,
            age_ms: view.age_ms,
            saved_micros: u64::from(view.micros),
            absence: view.absence.map(|absence| said(absence).to_owned()),
        });
    }

    /// Counts a hit for the server's statistics of users and clients.
    pub(super) fn count_by_account(&self, reply: &Reply) {
        let eof = !self.link.entered.server.has(Capabilities::DEPRECATE_EOF);
        let mut packets = packet::packets(reply);
        let columns = packets.next().and_then(|first| first.payload.first().copied());
        let others = usize::from(columns.unwrap_or(0)) + usize::from(eof) + 1;
        let rows = packets.count().saturating_sub(others) as u64;
        let entered = &self.link.entered;
        self.shared.hits.hit(&entered.user, &self.link.host, rows);
    }
}

fn why(reason: Reason) -> Why {
    Why {
        code: reason.code().to_owned(),
        says: reason.says().to_owned(),
        hint: reason.hint().to_owned(),
    }
}

fn said(absence: Absence) -> &'static str {
    match absence {
        Absence::Unknown => "never stored",
        Absence::Stale(_) => "a table has changed since",
        Absence::Pending(_) => "a table is being written",
        Absence::Snapshot(_) => "newer than the snapshot",
        Absence::Expired => "older than the time bound",
        Absence::Off => "the cache is off",
    }
}

