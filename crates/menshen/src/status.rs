//! `menshen status`: what a running menshen does, read from its scoreboard. Looking changes
//! nothing and needs no answer from the guard, so it works while the guard is busy.

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use menshen_base::Counter;
use menshen_sys::scoreboard::{HeaderWord, SLOTS_MAX};
use menshen_sys::{ScoreView, Slot, SlotDoor, SlotState, TransferKind};
use serde::Serialize;

use crate::cli::StatusArguments;
use crate::{out, reload};

mod bucket;
mod certificates;
mod doors;
mod ladder;
mod php;
mod render;
pub(crate) mod runs;
mod sql;
mod tunnel;
mod watch;

pub(crate) use render::{age, bytes};

/// All of it; `--json` prints it as it is, so field names stay.
#[derive(Debug, Serialize)]
struct Status {
    guard_pid: u32,
    uptime_seconds: u64,
    generation: u64,
    stopping: bool,
    reloads: u64,
    reloads_refused: u64,
    /// Why the last refused reload was refused.
    reload_refusal: Option<String>,
    crashes: u64,
    workers: Vec<WorkerRow>,
    transfers: Vec<TransferRow>,
    /// The bucket of the file service; none without one.
    bucket: Option<bucket::Bucket>,
    /// The sql door; none where there is none.
    sql: Option<sql::Sql>,
    /// The tunnel door; none where there is none.
    tunnel: Option<tunnel::Tunnel>,
    #[serde(flatten)]
    php: php::Php,
    #[serde(flatten)]
    certificates: certificates::Certificates,
    #[serde(flatten)]
    ladder: ladder::Ladder,
    /// The memory watch; none where no recorder was ever made.
    watch: Option<watch::Watch>,
    /// What `menshen run` runs and ran for this user.
    runs: Vec<runs::RunRow>,
    /// Limits that were hit, by counter name, all workers together.
    limits_hit: Vec<LimitRow>,
}

#[derive(Debug, Serialize)]
struct WorkerRow {
    /// `web`, `sql` or `tunnel`.
    door: &'static str,
    index: u64,
    pid: u64,
    generation: u64,
    state: &'static str,
    age_seconds: u64,
    connections: u64,
    requests: u64,
    responses_4xx: u64,
    responses_5xx: u64,
    received_bytes: u64,
    sent_bytes: u64,
}

#[derive(Debug, Serialize)]
struct TransferRow {
    worker_pid: u64,
    direction: &'static str,
    /// Control characters and bytes that are no text as `\xNN`.
    path: String,
    done_bytes: u64,
    total_bytes: Option<u64>,
    seconds: f64,
    average_bytes_per_second: u64,
    current_bytes_per_second: u64,
}

#[derive(Debug, Serialize)]
struct LimitRow {
    name: &'static str,
    count: u64,
}

pub(crate) fn run(arguments: &StatusArguments) -> ExitCode {
    if arguments.runs {
        return runs::answer(&menshen_run::record::folder(), arguments.json);
    }
    let state = match reload::state_of(&arguments.place) {
        Ok(state) => state,
        Err(code) => return code,
    };
    let recorder = watch::recorder_of(&arguments.place, &state);
    // `menshen guard` holds no state folder, so its recorder is asked first.
    if menshen_guard::running_guard(&state).is_none()
        && let Some(watch) =
            watch::read(&recorder, unix_millis()).filter(|watch| watch.pid.is_some())
    {
        return watch_alone(&watch, arguments.json);
    }
    let (pid, board) = match reload::find(&state) {
        Ok(found) => found,
        Err(code) => return code,
    };
    let mut status = read(board, pid, &state);
    status.watch = watch::read(&recorder, unix_millis());
    let text = if arguments.json {
        // Strings and numbers only: nothing in it can fail to become JSON.
        serde_json::to_string_pretty(&status).unwrap_or_default() + "\n"
    } else {
        render::text(&status)
    };
    out::print(&text, 0)
}

/// `menshen guard` without a door: the watch and what `menshen run` runs.
fn watch_alone(watch: &watch::Watch, json: bool) -> ExitCode {
    let runs = runs::read(&menshen_run::record::folder()).unwrap_or_default();
    if json {
        // Strings and numbers only: nothing in it can fail to become JSON.
        let all = serde_json::json!({ "guard_pid": null, "watch": watch, "runs": runs });
        return out::print(&(serde_json::to_string_pretty(&all).unwrap_or_default() + "\n"), 0);
    }
    let mut text = "no door is open here; memory is watched by `menshen guard`\n".to_owned();
    watch::text(&mut text, Some(watch));
    if !runs.is_empty() {
        text.push('\n');
    }
    runs::text(&mut text, &runs);
    out::print(&text, 0)
}

fn read(board: ScoreView, guard_pid: u32, state: &Path) -> Status {
    let before = transfers(board, unix_millis());
    let mut transfers_now = Vec::new();
    if !before.is_empty() {
        std::thread::sleep(SAMPLE_GAP);
        transfers_now = transfers(board, unix_millis());
        for row in &mut transfers_now {
            let earlier = before.iter().find(|old| {
                old.worker_pid == row.worker_pid
                    && old.path == row.path
                    && old.direction == row.direction
                    && old.done_bytes <= row.done_bytes
            });
            // One that began in between did all of it in at most the gap.
            let moved = row.done_bytes - earlier.map_or(0, |old| old.done_bytes);
            row.current_bytes_per_second = per_second(moved, SAMPLE_GAP.as_secs_f64());
        }
    }
    let now = unix_millis();
    let header = |word| board.header(word);
    let refused = header(HeaderWord::ReloadsRefused);
    let limits = Counter::ALL.iter().filter(|counter| counter.name().starts_with("limit_"));
    Status {
        guard_pid,
        uptime_seconds: now.saturating_sub(header(HeaderWord::StartedUnixMs)) / 1000,
        generation: header(HeaderWord::Generation),
        stopping: header(HeaderWord::Stopping) != 0,
        reloads: header(HeaderWord::ReloadsDone),
        reloads_refused: refused,
        reload_refusal: (refused > 0).then(|| escape_text(&board.text())),
        crashes: header(HeaderWord::Crashes),
        workers: living(board).map(|slot| worker_row(slot, now)).collect(),
        transfers: transfers_now,
        bucket: bucket::read(board),
        sql: sql::read(board, state),
        tunnel: tunnel::read(board, state),
        php: php::read(board),
        ladder: ladder::read(board, state, now),
        certificates: certificates::read(board, state, i64::try_from(now / 1000).unwrap_or(0)),
        watch: None,
        runs: runs::read(&menshen_run::record::folder()).unwrap_or_default(),
        limits_hit: limits
            .map(|&counter| LimitRow { name: counter.name(), count: sum(board, counter) })
            .filter(|row| row.count > 0)
            .collect(),
    }
}

fn living(board: ScoreView) -> impl Iterator<Item = Slot> {
    let mut slots: Vec<Slot> = (0..SLOTS_MAX)
        .map(|number| board.slot(number))
        .filter(|slot| !matches!(slot.state(), SlotState::Free | SlotState::Ended))
        .collect();
    slots.sort_by_key(|slot| (std::cmp::Reverse(slot.generation()), slot.index()));
    slots.into_iter()
}

fn worker_row(slot: Slot, now: u64) -> WorkerRow {
    let (door, place) = match slot.door() {
        SlotDoor::Web => ("web", 0),
        SlotDoor::Sql => ("sql", 1),
        SlotDoor::Tunnel => ("tunnel", 2),
    };
    let of = |doors: [Counter; 3]| slot.get(doors[place]);
    WorkerRow {
        door,
        index: slot.index(),
        pid: slot.pid(),
        generation: slot.generation(),
        state: match slot.state() {
            SlotState::Free => "free",
            SlotState::Starting => "starting",
            SlotState::Ready => "ready",
            SlotState::Draining => "draining",
            SlotState::Ended => "ended",
        },
        age_seconds: now.saturating_sub(slot.started_unix_ms()) / 1000,
        connections: of([Counter::ConnectionsOpen, Counter::SqlSessions, Counter::TunnelSessions]),
        requests: of([Counter::Requests, Counter::SqlCommands, Counter::TunnelLogins]),
        responses_4xx: slot.get(Counter::Status4xx),
        responses_5xx: slot.get(Counter::Status5xx),
        received_bytes: of([Counter::BytesIn, Counter::SqlBytesIn, Counter::TunnelBytesIn]),
        sent_bytes: of([Counter::BytesOut, Counter::SqlBytesOut, Counter::TunnelBytesOut]),
    }
}

fn transfers(board: ScoreView, now: u64) -> Vec<TransferRow> {
    let rows = living(board).flat_map(|slot| {
        slot.transfers().into_iter().map(move |transfer| {
            let millis = now.saturating_sub(transfer.started_unix_ms).max(1);
            let seconds = Duration::from_millis(millis).as_secs_f64();
            TransferRow {
                worker_pid: slot.pid(),
                direction: match transfer.kind {
                    TransferKind::Upload => "upload",
                    TransferKind::Download => "download",
                    TransferKind::Tunnel => "tunnel",
                },
                path: escape_bytes(&transfer.path),
                done_bytes: transfer.done,
                total_bytes: transfer.total,
                seconds,
                average_bytes_per_second: per_second(transfer.done, seconds),
                current_bytes_per_second: 0,
            }
        })
    });
    rows.collect()
}

fn sum(board: ScoreView, counter: Counter) -> u64 {
    (0..SLOTS_MAX).fold(0, |sum: u64, number| sum.saturating_add(board.slot(number).get(counter)))
}

fn per_second(bytes: u64, seconds: f64) -> u64 {
    let millis = Duration::from_secs_f64(seconds).as_millis().max(1);
    u64::try_from(u128::from(bytes) * 1000 / millis).unwrap_or(u64::MAX)
}

/// A client chose these bytes: nothing of them may steer a terminal or turn the line around.
pub(crate) fn escape_bytes(bytes: &[u8]) -> String {
    let mut out = String::new();
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                c if !c.is_control() && !is_directional(c) => out.push(c),
                c => c.encode_utf8(&mut [0; 4]).bytes().for_each(|b| out.push_str(&hex(b))),
            }
        }
        chunk.invalid().iter().for_each(|&byte| out.push_str(&hex(byte)));
    }
    out
}

/// Text of the guard; only its line ends stay.
fn escape_text(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(|line| escape_bytes(line.as_bytes())).collect();
    lines.join("\n")
}

fn hex(byte: u8) -> String {
    format!("\\x{byte:02x}")
}

/// Marks that reorder text.
fn is_directional(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn unix_millis() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.ok().and_then(|time| u64::try_from(time.as_millis()).ok()).unwrap_or(0)
}

/// Between the two looks that give the current rate.
const SAMPLE_GAP: Duration = Duration::from_millis(200);

#[cfg(test)]
mod tests;
