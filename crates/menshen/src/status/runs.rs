//! What `menshen run` supervises, and what it did: read from files in memory, without asking
//! anybody, so it works while nothing else does.

use std::fmt::Write;
use std::path::Path;
use std::process::ExitCode;

use menshen_run::escape::{COLOURS_RESET, escape};
use menshen_run::record::{Facts, Phase, RunView, View, list};
use serde::Serialize;

use super::render::{age, bytes};
use crate::{EXIT_NO, EXIT_PERMANENT, out};

/// One run; field names stay.
#[derive(Debug, Serialize)]
pub(super) struct RunRow {
    /// `running`, `waiting` (to start it again), `stopping`, `ended`, or `lost`: the supervisor is
    /// gone and said nothing.
    state: &'static str,
    age_seconds: u64,
    output_bytes: u64,
    #[serde(flatten)]
    facts: Facts,
}

/// The runs of this folder, those that run first; an empty list if it cannot be read.
pub(super) fn read(folder: &Path) -> std::io::Result<Vec<RunRow>> {
    let now = super::unix_millis();
    let mut rows: Vec<RunRow> = list(folder)?.into_iter().map(|run| row(run, now)).collect();
    rows.sort_by_key(|row| matches!(row.state, "ended" | "lost"));
    Ok(rows)
}

fn row(run: RunView, now: u64) -> RunRow {
    let state = match (run.view, run.facts.phase) {
        (View::Lost, _) => "lost",
        (View::Ended, _) | (View::Alive, Phase::Ended) => "ended",
        (View::Alive, Phase::Running) => "running",
        (View::Alive, Phase::Waiting) => "waiting",
        (View::Alive, Phase::Stopping) => "stopping",
    };
    let changed = run.changed.duration_since(std::time::UNIX_EPOCH);
    let changed = changed.ok().and_then(|time| u64::try_from(time.as_millis()).ok()).unwrap_or(now);
    let since = match run.view {
        View::Alive => run.facts.started_unix_ms,
        // When nothing was said, the last that was written is the nearest there is.
        View::Ended | View::Lost => run.facts.ended_unix_ms.unwrap_or(changed),
    };
    RunRow {
        state,
        age_seconds: now.saturating_sub(since) / 1000,
        output_bytes: run.output_bytes,
        facts: run.facts,
    }
}

/// `menshen run --list` and `menshen status --runs`: 0 if something runs.
pub(crate) fn answer(folder: &Path, json: bool) -> ExitCode {
    let rows = match read(folder) {
        Ok(rows) => rows,
        Err(error) => {
            out::complain(&format!("menshen: the runs cannot be read\n  detail: {error}"));
            return ExitCode::from(EXIT_PERMANENT);
        }
    };
    let running = rows.iter().any(|row| !matches!(row.state, "ended" | "lost"));
    let shown = if json {
        // Strings and numbers only: nothing in it can fail to become JSON.
        let all = serde_json::json!({ "runs": rows });
        serde_json::to_string_pretty(&all).unwrap_or_default() + "\n"
    } else if rows.is_empty() {
        "nothing runs under menshen run\n".to_owned()
    } else {
        let mut shown = String::new();
        text(&mut shown, &rows);
        shown
    };
    out::print(&shown, if running { 0 } else { EXIT_NO })
}

/// A table of runs; nothing if there are none.
pub(super) fn text(out: &mut String, rows: &[RunRow]) {
    if rows.is_empty() {
        return;
    }
    let _ = writeln!(
        out,
        "{:<20} {:<8} {:>8} {:>12} {:>8} {:>10}  program",
        "run", "state", "pid", "since", "restarts", "output"
    );
    for row in rows {
        let facts = &row.facts;
        let pid = facts.pid.filter(|_| row.state != "lost");
        let _ = writeln!(
            out,
            "{:<20} {:<8} {:>8} {:>12} {:>8} {:>10}  {}",
            facts.name,
            row.state,
            pid.map_or_else(|| "-".to_owned(), |pid| pid.to_string()),
            age(row.age_seconds),
            facts.restarts,
            bytes(row.output_bytes),
            super::escape_bytes(facts.command.join(" ").as_bytes()),
        );
        let mut told = Vec::new();
        told.extend(facts.last_end.as_ref().map(|end| format!("last end: {end}")));
        if row.state == "ended" && facts.last_end.is_none() && facts.pid.is_none() {
            told.push("it could not be started".to_owned());
        }
        if row.state == "lost" {
            let pid = facts.supervisor_pid;
            told.push(format!("its supervisor {pid} was killed or ended without a word"));
        }
        if facts.stuck_bytes > 0 {
            told.push(format!("{} bytes are stuck in C buffers", facts.stuck_bytes));
        }
        if facts.memory_kills > 0 {
            let limit = bytes(facts.memory_max_bytes.unwrap_or(0));
            told.push(format!("{} killed at its limit of {limit}", facts.memory_kills));
        }
        for line in told {
            let _ = writeln!(out, "{:<20} {}", "", super::escape_bytes(line.as_bytes()));
        }
    }
}

/// Last words made fit for a terminal, line by line.
pub(crate) fn escaped(words: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for line in words.split_inclusive(|byte| *byte == b'\n') {
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        if escape(text.strip_suffix(b"\r").unwrap_or(text), &mut out) {
            out.extend_from_slice(COLOURS_RESET);
        }
        out.push(b'\n');
    }
    out
}
