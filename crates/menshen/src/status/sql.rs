//! What status says of the sql door: figures from the scoreboard, over all its workers that live,
//! and what only the door itself knows, asked over its control socket.

use std::path::Path;

use menshen_base::Counter;
use menshen_guard::sql_control;
use menshen_sql::report::{self, Answer, FollowerState, Question, StatementReport, StatusReport};
use menshen_sys::{ScoreView, SlotDoor};
use serde::Serialize;

use super::doors::{self, Rows};
use super::render::{age, bytes};

/// The sql door; `--json` prints it as it is, so field names stay.
#[derive(Debug, Serialize)]
pub(super) struct Sql {
    /// Sessions held now, by workers of all generations.
    pub(super) sessions: u64,
    /// Those of them that are relayed without the cache.
    pub(super) sessions_uncached: u64,
    /// Commands of clients.
    pub(super) commands: u64,
    /// Reads answered from the cache.
    pub(super) hits: u64,
    /// Hits of all reads that could have been hits: `hits + inserts + not_cached`; `None`: none
    /// came yet.
    pub(super) hit_ratio: Option<f64>,
    /// What the server would have taken for the hits, seconds.
    pub(super) saved_seconds: u64,
    /// Results dropped to make room.
    pub(super) prunes: u64,
    /// Changes of tables, whoever made them.
    pub(super) invalidations: u64,
    /// Of those, changes that did not come through the door.
    pub(super) foreign_changes: u64,
    /// What the door that serves new sessions said; `None`: see `unanswered`.
    pub(super) door: Option<StatusReport>,
    /// Why the door said nothing.
    pub(super) unanswered: Option<String>,
}

/// Reads and asks; `None`: there is no sql door.
pub(super) fn read(board: ScoreView, state: &Path) -> Option<Sql> {
    let asked = sql_control(state).and_then(|stream| report::ask(stream, &Question::Status {}));
    let looked = doors::look(board, SlotDoor::Sql, asked, |answer| match answer {
        Answer::Status(door) => Ok(*door),
        Answer::Refused(why) => Err(why),
        Answer::Explain(_) => Err("it answered another question".to_owned()),
    })?;
    let sum = |counter| looked.sum(counter);
    let hits = sum(Counter::SqlHits);
    let reads = hits + sum(Counter::SqlInserts) + sum(Counter::SqlNotCached);
    Some(Sql {
        sessions: sum(Counter::SqlSessions),
        sessions_uncached: sum(Counter::SqlUncached),
        commands: sum(Counter::SqlCommands),
        hits,
        hit_ratio: ratio(hits, reads),
        saved_seconds: sum(Counter::SqlSavedMicros) / 1_000_000,
        prunes: sum(Counter::SqlPrunes),
        invalidations: sum(Counter::SqlInvalidations),
        foreign_changes: sum(Counter::SqlForeign),
        door: looked.door,
        unanswered: looked.unanswered,
    })
}

/// Lines for people; nothing without a sql door.
pub(super) fn text(out: &mut String, sql: Option<&Sql>) {
    let Some(sql) = sql else { return };
    let mut row = Rows::new(out, "sql");
    if let Some(door) = &sql.door {
        let server = door.server_version.as_deref().map(|version| format!(" ({version})"));
        row.add(&format!(
            "{} → {}{}",
            door.listen.join(", "),
            door.upstream,
            server.unwrap_or_default()
        ));
    }
    let plain = match sql.sessions_uncached {
        0 => String::new(),
        count => format!(" ({count} of them without the cache)"),
    };
    row.add(&format!("{} sessions{plain}, {} commands", sql.sessions, sql.commands));
    row.label("cache");
    match (&sql.door, &sql.unanswered) {
        (Some(door), _) => cache(&mut row, sql, door),
        (None, why) => row.silent(why.as_deref()),
    }
}

fn cache(row: &mut Rows<'_>, sql: &Sql, door: &StatusReport) {
    match &door.off {
        Some(why) => {
            row.add(&format!("off: {} ({})", why.says, why.code));
            row.hint(&why.hint);
        }
        None => row.add(&format!("on, query_cache_type {}", door.cache_type)),
    }
    if let Some(ratio) = sql.hit_ratio {
        let percent = ratio * 100.0;
        row.add(&format!(
            "{percent:.1} % of reads answered, {} of the server's time saved",
            age(sql.saved_seconds)
        ));
    }
    let q = &door.qcache;
    row.add(&format!(
        "{} of {} in {} results, {} prunes, {} changes of tables",
        bytes(door.used_bytes),
        bytes(door.size_bytes),
        q.queries_in_cache,
        sql.prunes,
        sql.invalidations
    ));
    row.label("Qcache");
    row.add(&format!(
        "hits {}, inserts {}, not_cached {}, lowmem_prunes {}",
        q.hits, q.inserts, q.not_cached, q.lowmem_prunes
    ));
    row.add(&format!(
        "queries_in_cache {}, free_memory {}, free_blocks {}, total_blocks {}",
        q.queries_in_cache, q.free_memory, q.free_blocks, q.total_blocks
    ));
    row.label("binlog");
    follower(row, sql, door);
    statements(row, "most hits", &door.top_hits, |one| {
        let saved = age(one.saved_micros / 1_000_000);
        format!("{} hits, {} stored, {saved} saved", one.hits, one.fills)
    });
    statements(row, "most waste", &door.top_waste, |one| {
        format!("{} of {} stored for nothing", one.wasted, one.fills)
    });
    row.label("refused");
    for refusal in door.refusals.iter().take(REFUSALS_SHOWN) {
        let why = &refusal.why;
        row.add(&format!("{} times: {} ({})", refusal.count, why.says, why.code));
    }
}

/// Whether writes of others are seen, and what holds where they are not.
fn follower(row: &mut Rows<'_>, sql: &Sql, door: &StatusReport) {
    let follower = &door.follower;
    match follower.state {
        FollowerState::Following => {
            let lag = follower.lag_micros.map(|micros| {
                format!(
                    ", 99 % of changes seen within {}.{} ms",
                    micros / 1000,
                    micros % 1000 / 100
                )
            });
            let lag = lag.unwrap_or_default();
            row.add(&format!("followed{lag}; {} changes of others", sql.foreign_changes));
            return;
        }
        FollowerState::Behind => row.add("not caught up"),
        FollowerState::Off => {
            let why = follower.why.as_ref();
            row.add(&format!("not followed: {}", why.map_or("unknown", |why| &why.says)));
        }
    }
    let then = match (&*follower.without_binlog, follower.ttl_ms) {
        ("sole-door", _) => "reads are answered all the same".to_owned(),
        ("ttl", Some(ttl)) => format!("results younger than {ttl} ms are served"),
        _ => "nothing is served from the cache".to_owned(),
    };
    row.add(&format!("without_binlog = \"{}\": {then}", follower.without_binlog));
    if let Some(why) = &follower.why {
        row.hint(&why.hint);
    }
}

fn statements(
    row: &mut Rows<'_>,
    label: &'static str,
    list: &[StatementReport],
    figures: impl Fn(&StatementReport) -> String,
) {
    row.label(label);
    for one in list.iter().take(STATEMENTS_SHOWN) {
        row.add(&format!("{}: {}", figures(one), cut(&one.digest)));
    }
}

fn cut(digest: &str) -> String {
    match digest.char_indices().nth(DIGEST_CHARS_SHOWN) {
        Some((at, _)) => format!("{}…", &digest[..at]),
        None => digest.to_owned(),
    }
}

#[expect(clippy::cast_precision_loss, reason = "a share shown with one decimal")]
fn ratio(part: u64, all: u64) -> Option<f64> {
    (all > 0).then(|| part as f64 / all as f64)
}

const STATEMENTS_SHOWN: usize = 5;
const REFUSALS_SHOWN: usize = 5;
const DIGEST_CHARS_SHOWN: usize = 120;

#[cfg(test)]
mod tests;
