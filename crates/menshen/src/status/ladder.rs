//! What status says of the ladder: which steps against memory shortage hold, and what they freed.
//! It comes from the posture, which is numbers only.

use std::fmt::Write;
use std::path::Path;

use menshen_base::Counter;
use menshen_guard::posture_path;
use menshen_guard_core::ladder::Step;
use menshen_sys::ScoreView;
use menshen_sys::posture::{PostureView, UNKNOWN, Word};
use serde::Serialize;

use super::render::{age, bytes};
use super::sum;

/// All of it; its fields are fields of the whole.
#[derive(Debug, Serialize)]
pub(super) struct Ladder {
    /// Memory as the ladder sees it; none where no watch runs.
    memory: Option<MemoryRow>,
    /// Steps that hold or were ever taken.
    ladder: Vec<StepRow>,
    /// Uploads that got 503 for it.
    uploads_refused: u64,
    /// Processes of `[[guard.protect]]` that have their score.
    protected: u64,
    /// Programs of it that do not.
    unprotected: u64,
}

#[derive(Debug, Serialize)]
struct MemoryRow {
    available_bytes: u64,
    total_bytes: u64,
    /// `machine` or `cgroup`: whose limit is the tightest.
    of: &'static str,
    /// Share of the last seconds in which programs waited for memory; none without PSI.
    pressure_percent: Option<f64>,
}

#[derive(Debug, Serialize)]
struct StepRow {
    step: &'static str,
    /// How long it holds; none: it does not.
    holds_seconds: Option<u64>,
    taken: u64,
    freed_last_bytes: u64,
    freed_bytes: u64,
}

/// Reads what the posture of this state folder has.
pub(super) fn read(board: ScoreView, state: &Path, now_unix_ms: u64) -> Ladder {
    let posture = PostureView::open(&posture_path(state)).ok();
    let word = |word| posture.map_or(0, |posture| posture.get(word));
    Ladder {
        memory: posture.and_then(memory),
        ladder: posture.map_or_else(Vec::new, |posture| steps(posture, now_unix_ms)),
        uploads_refused: sum(board, Counter::UploadsRefused),
        protected: word(Word::Protected),
        unprotected: word(Word::Unprotected),
    }
}

/// Adds it to the text; nothing where no watch runs.
pub(super) fn text(out: &mut String, ladder: &Ladder) {
    let Some(memory) = &ladder.memory else { return };
    let pressure = memory
        .pressure_percent
        .map_or_else(String::new, |share| format!(", programs waited {share:.1} % of the time"));
    let share = (memory.available_bytes * 100).checked_div(memory.total_bytes).unwrap_or(100);
    let _ = writeln!(
        out,
        "\nmemory     {} of {} available ({share} %), of the {}{pressure}",
        bytes(memory.available_bytes),
        bytes(memory.total_bytes),
        memory.of
    );
    if ladder.protected + ladder.unprotected > 0 {
        let _ = writeln!(
            out,
            "protected  {} processes; {} programs could not be",
            ladder.protected, ladder.unprotected
        );
    }
    if ladder.ladder.is_empty() {
        let _ = writeln!(out, "ladder     no step was needed");
        return;
    }
    let _ = writeln!(
        out,
        "\n{:<16} {:>10} {:>6} {:>12} {:>12}",
        "step", "holds", "taken", "freed last", "freed"
    );
    for row in &ladder.ladder {
        let holds = row.holds_seconds.map_or_else(|| "no".to_owned(), age);
        let (last, all) = (bytes(row.freed_last_bytes), bytes(row.freed_bytes));
        let _ = writeln!(out, "{:<16} {holds:>10} {:>6} {last:>12} {all:>12}", row.step, row.taken);
    }
    if ladder.uploads_refused > 0 {
        let _ = writeln!(out, "uploads refused with 503: {}", ladder.uploads_refused);
    }
}

fn memory(posture: PostureView) -> Option<MemoryRow> {
    (posture.get(Word::WatchPid) != 0 && posture.get(Word::Total) > 0).then(|| {
        let share = posture.get(Word::Pressure);
        let share = u32::try_from(share).ok().filter(|_| share != UNKNOWN);
        MemoryRow {
            available_bytes: posture.get(Word::Available),
            total_bytes: posture.get(Word::Total),
            of: if posture.get(Word::OfCgroup) == 1 { "cgroup" } else { "machine" },
            pressure_percent: share.map(|per_mille| f64::from(per_mille) / 10.0),
        }
    })
}

fn steps(posture: PostureView, now_unix_ms: u64) -> Vec<StepRow> {
    let row = |step: Step| {
        let view = posture.step(step.number());
        (view.taken > 0).then(|| StepRow {
            step: step.name(),
            holds_seconds: (view.since_unix_ms > 0)
                .then(|| now_unix_ms.saturating_sub(view.since_unix_ms) / 1000),
            taken: view.taken,
            freed_last_bytes: view.freed_last,
            freed_bytes: view.freed,
        })
    };
    Step::ALL.into_iter().filter_map(row).collect()
}

#[cfg(test)]
mod tests {
    //! A posture written here.
    use menshen_sys::Scoreboard;
    use menshen_sys::posture::Posture;

    use super::*;

    #[test]
    fn steps_that_hold_and_those_that_did_are_shown() {
        let state = tempfile::tempdir().unwrap();
        let board = Scoreboard::private().unwrap();
        let none = read(board.view(), state.path(), 0);
        let mut out = String::new();
        text(&mut out, &none);
        assert_eq!(out, "", "no watch, no words");
        let (posture, _file) = Posture::create(&posture_path(state.path())).unwrap();
        posture.set(Word::WatchPid, 1);
        posture.set(Word::Total, 1000 << 20);
        posture.set(Word::Available, 90 << 20);
        posture.set(Word::Pressure, 125);
        posture.set(Word::OfCgroup, 1);
        posture.step_taken(0, 1_000);
        posture.step_freed(0, 5 << 20);
        posture.step_taken(1, 2_000);
        posture.step_left(1);
        board.slot(0).add(Counter::UploadsRefused, 7);
        let read = read(board.view(), state.path(), 31_000);
        let json = serde_json::to_value(&read).unwrap();
        assert_eq!(json["memory"]["pressure_percent"], 12.5);
        assert_eq!(json["ladder"][0]["step"], "refuse-uploads");
        assert_eq!(json["ladder"][0]["holds_seconds"], 30);
        assert_eq!(json["ladder"][0]["freed_last_bytes"], 5 << 20);
        assert!(json["ladder"][1]["holds_seconds"].is_null());
        text(&mut out, &read);
        assert!(out.contains("90 MiB of 0.9 GiB available (9 %), of the cgroup"), "{out}");
        assert!(out.contains("uploads refused with 503: 7"), "{out}");
    }
}
