//! `EXPLAIN CACHE`: what becomes of a statement in this session, by the same decisions as when it
//! is sent, without sending it.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use menshen_sql_core::catalog::Catalog;
use menshen_sql_core::judge::{CacheType, Facts, Known, Reason, Table, Verdict, judge};
use menshen_sql_core::session::Serving;
use menshen_sql_core::statement::{Statement, digest, read};
use menshen_sql_core::versions::Slot;

use super::hit::Asked;
use super::plan::slot;
use super::{Connection, Shared};
use crate::cache::{Absence, DIGEST_BYTES_MAX};
use crate::desk::statement_report;
use crate::follow::FollowState;
use crate::report::{self, ChangeReport, EntryReport, ExplainReport, TableReport, Why};

impl Shared {
    /// Why nothing is served or stored at all now; `None`: something may be.
    pub(super) fn closed(&self) -> Option<Reason> {
        if self.versions.retired() {
            return Some(Reason::Retired);
        }
        if self.is_off() || self.cache.size() == 0 {
            return Some(Reason::CacheOff);
        }
        if self.open().is_some() {
            return None;
        }
        Some(match self.foreign.follower.state() {
            FollowState::Behind => Reason::FollowerBehind,
            FollowState::Following | FollowState::Off(_) => Reason::NoFollower,
        })
    }
}

/// The tables a statement depends on, if it may be stored.
pub(super) fn judged<'n>(
    statement: &Statement<'_>,
    facts: &Facts<'_>,
    catalog: &'n Catalog,
) -> Result<Vec<&'n Known>, Reason> {
    match judge(statement, facts, catalog) {
        Verdict::Cacheable(known) => Ok(known),
        Verdict::Not(reason) => Err(reason),
    }
}

impl Connection<'_> {
    /// What becomes of a statement.
    pub(super) fn explain(&mut self, text: &[u8]) -> ExplainReport {
        let catalog = self.shared.foreign.catalog.load();
        let statement = read(text, self.session.mode());
        let facts = self.session.facts(self.locals.cache_type);
        let judged = judged(&statement, &facts, &catalog);
        let tables = match &judged {
            Ok(known) => known.iter().flat_map(|one| one.reads.iter()).collect(),
            Err(_) => Vec::new(),
        };
        let tables: Vec<TableReport> = tables.into_iter().map(|it| self.table(it)).collect();
        let off = (self.locals.cache_type == CacheType::Off).then_some(Reason::CacheOff);
        let session = match self.session.serving() {
            Serving::No(reason) => Some(reason),
            Serving::Yes { .. } | Serving::Opens | Serving::Ask => None,
        };
        let why = self.shared.closed().or(off).or(session).or_else(|| judged.err());
        let entry = self.entry(text);
        let verdict = match (&why, &entry) {
            (Some(_), _) => report::Verdict::NotCached,
            (None, Some(EntryReport { absence: None, .. })) => report::Verdict::Cached,
            (None, _) => report::Verdict::Cacheable,
        };
        let digest = digest(text, self.session.mode(), DIGEST_BYTES_MAX);
        let figures = self.shared.cache.statement(&digest);
        ExplainReport {
            digest: String::from_utf8_lossy(&digest).into_owned(),
            verdict,
            why: why.map(why_of),
            unknown: Vec::new(),
            tables,
            entries: entry.into_iter().collect(),
            figures: figures.as_ref().map(statement_report),
        }
    }

    fn entry(&mut self, text: &[u8]) -> Option<EntryReport> {
        let snapshot = match self.session.serving() {
            Serving::Yes { snapshot } => snapshot.map(|snapshot| self.sight(snapshot)),
            _ => None,
        };
        let ask = self.ask(Asked::Text(text), snapshot, Instant::now())?;
        let view = self.shared.cache.explain(&ask)?;
        Some(EntryReport {
            reply_bytes: view.reply_bytes,
            charged_bytes: view.charged_bytes,
            age_ms: view.age_ms,
            saved_micros: view.micros.into(),
            absence: view.absence.map(|absence| code_of(absence).to_owned()),
        })
    }

    fn table(&self, table: &Table) -> TableReport {
        let slot = slot(table);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let cache = &self.shared.cache;
        let changes = [cache.last_change(slot), cache.last_change(Slot::EVERYTHING)];
        let last = changes.into_iter().flatten().max_by_key(|change| change.unix_ms);
        let changed = last.map(|change| ChangeReport {
            by: change.by.clone(),
            who: change.who.clone(),
            seconds_ago: u64::try_from(now).unwrap_or(0).saturating_sub(change.unix_ms) / 1000,
        });
        TableReport {
            name: format!(
                "{}.{}",
                String::from_utf8_lossy(&table.database),
                String::from_utf8_lossy(&table.name)
            ),
            changed,
            being_written: self.shared.versions.pending(slot) > 0,
        }
    }
}

/// As the column `Reason` names it.
fn code_of(absence: Absence) -> &'static str {
    match absence {
        Absence::Unknown => "unknown",
        Absence::Stale(_) => "stale",
        Absence::Pending(_) => "pending",
        Absence::Snapshot(_) => "snapshot",
        Absence::Unconfirmed(_) => "unconfirmed",
        Absence::Unopened => "unopened",
        Absence::Expired => "expired",
        Absence::Off => "off",
    }
}

fn why_of(reason: Reason) -> Why {
    Why {
        code: reason.code().to_owned(),
        says: reason.says().to_owned(),
        hint: reason.hint().to_owned(),
    }
}
