//! What status says of certificates: which version of the shelf the workers serve, and what the
//! keeper noted of each name.
//!
//! The keeper wrote the notes and a stranger may have subverted it: they are bounded, and their
//! texts are cleaned. Whoever may not read them sees none.

use std::fmt::Write;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use menshen_base::Counter;
use menshen_base::calendar::rfc3339;
use menshen_config::keeper::{KeepState, Note};
use menshen_sys::scoreboard::HeaderWord;
use menshen_sys::{ScoreView, Slot, SlotDoor, SlotState};
use serde::Serialize;

use super::render::age;
use super::{escape_bytes, living};

/// All of it; its fields are fields of the whole.
#[derive(Debug, Serialize)]
pub(super) struct Certificates {
    /// Version of the certificates that the guard posted.
    certificates_version: u64,
    /// Ready workers that serve another version.
    certificates_behind: Vec<Behind>,
    /// Names of `tls.acme`, as far as their notes can be read.
    certificates: Vec<NameRow>,
    /// When they were read.
    #[serde(skip)]
    now_unix: i64,
}

#[derive(Debug, Serialize)]
struct Behind {
    worker_pid: u64,
    version: u64,
}

#[derive(Debug, Serialize)]
struct NameRow {
    name: String,
    /// `missing`, `ordering`, `kept`, `failing`, or `unknown` when its note is damaged.
    state: &'static str,
    issuer: Option<String>,
    /// Unix seconds, as all that ends so.
    not_after_unix: Option<i64>,
    days_left: Option<i64>,
    fingerprint_sha256: Option<String>,
    renew_unix: Option<i64>,
    window_unix: Option<(i64, i64)>,
    window_explanation: Option<String>,
    next_unix: Option<i64>,
    failures: u32,
    error: Option<String>,
    /// What is worth knowing though it stopped nothing, such as a profile that does not exist.
    remark: Option<String>,
    directory: Option<String>,
    /// Whether the own addresses serve it; none before the first look.
    served: Option<bool>,
}

/// Reads the scoreboard, and the notes in the state folder, as of `now_unix`.
pub(super) fn read(board: ScoreView, state: &Path, now_unix: i64) -> Certificates {
    let posted = board.header(HeaderWord::ShelfVersion);
    // The sql door has a certificate of its own, not one of the shelf.
    let of_the_shelf = |slot: &Slot| slot.door() == SlotDoor::Web;
    let ready = living(board).filter(|slot| slot.state() == SlotState::Ready && of_the_shelf(slot));
    let behind = ready.filter_map(|slot| {
        let version = slot.get(Counter::ShelfVersion);
        (version != posted).then(|| Behind { worker_pid: slot.pid(), version })
    });
    Certificates {
        certificates_version: posted,
        certificates_behind: behind.collect(),
        certificates: notes(&state.join("certificates"), now_unix),
        now_unix,
    }
}

/// The section for people; nothing where there are no names to keep and all is well.
pub(super) fn text(out: &mut String, status: &Certificates) {
    let version = status.certificates_version;
    if status.certificates.is_empty() && status.certificates_behind.is_empty() {
        return;
    }
    let _ = writeln!(out);
    if status.certificates_behind.is_empty() {
        let _ = writeln!(out, "certificates  version {version}, in all workers");
    } else {
        let _ = writeln!(out, "certificates  version {version}, not yet in all workers");
        for row in &status.certificates_behind {
            let _ = writeln!(out, "  pid {} serves version {}", row.worker_pid, row.version);
        }
    }
    let columns = status.certificates.iter().map(|row| row.name.chars().count()).max();
    let columns = columns.unwrap_or(0).min(NAME_COLUMNS_MAX);
    for row in &status.certificates {
        name(out, row, columns, status.now_unix);
    }
}

fn name(out: &mut String, row: &NameRow, columns: usize, now: i64) {
    let _ = write!(out, "  {:columns$}  {:8}", row.name, row.state);
    if let Some(until) = row.not_after_unix {
        let _ = write!(out, "  until {} ({})", moment(until), relative(until, now));
    }
    if let Some(issuer) = &row.issuer {
        let _ = write!(out, "  by {issuer}");
    }
    out.truncate(out.trim_end().len());
    let _ = writeln!(out);
    let mut line = |text: String| {
        let _ = writeln!(out, "    {text}");
    };
    if let Some(renew) = row.renew_unix {
        line(format!("will be renewed at {} ({})", moment(renew), relative(renew, now)));
    }
    if let Some((from, until)) = row.window_unix {
        let why = row.window_explanation.as_ref().map(|why| format!(": {why}"));
        let why = why.unwrap_or_default();
        line(format!("the authority suggests {} to {}{why}", moment(from), moment(until)));
    }
    if row.failures > 0 || row.error.is_some() {
        let plural = if row.failures == 1 { "" } else { "s" };
        let next = row
            .next_unix
            .map(|next| format!(", next try at {} ({})", moment(next), relative(next, now)));
        line(format!("{} failure{plural}{}", row.failures, next.unwrap_or_default()));
    }
    if let Some(error) = &row.error {
        line(format!("last error: {error}"));
    }
    if let Some(remark) = &row.remark {
        line(format!("note: {remark}"));
    }
    if row.served == Some(false) {
        line("not served: the own addresses answer with another certificate".to_owned());
    }
}

fn notes(folder: &Path, now_unix: i64) -> Vec<NameRow> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries
        .take(ENTRIES_MAX)
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    paths.sort();
    paths.iter().filter_map(|path| row(path, now_unix)).collect()
}

fn row(path: &Path, now_unix: i64) -> Option<NameRow> {
    if !std::fs::symlink_metadata(path).ok()?.is_file() {
        return None;
    }
    let mut text = Vec::new();
    File::open(path).ok()?.take(NOTE_BYTES_MAX).read_to_end(&mut text).ok()?;
    let file = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let note = serde_json::from_slice::<Note>(&text);
    let state = match note.as_ref().map(|note| note.state) {
        Ok(KeepState::Missing) => "missing",
        Ok(KeepState::Ordering) => "ordering",
        Ok(KeepState::Kept) => "kept",
        Ok(KeepState::Failing) => "failing",
        Err(_) => "unknown",
    };
    let note = note.unwrap_or_default();
    let name = if note.name.is_empty() { file } else { note.name };
    let clean = |text: String| {
        let short: String = text.chars().take(TEXT_MAX).collect();
        escape_bytes(short.as_bytes())
    };
    let left = note.not_after_unix.map(|until| until.saturating_sub(now_unix).div_euclid(DAY));
    Some(NameRow {
        name: clean(name),
        state,
        issuer: note.issuer.map(clean),
        not_after_unix: note.not_after_unix,
        days_left: left,
        fingerprint_sha256: note.fingerprint_sha256.map(clean),
        renew_unix: note.renew_unix,
        window_unix: note.window_unix,
        window_explanation: note.window_explanation.map(clean),
        next_unix: note.next_unix,
        failures: note.failures,
        error: note.error.map(clean),
        remark: note.remark.map(clean),
        directory: note.directory.map(clean),
        served: note.served,
    })
}

/// `2026-11-22T12:00:00Z`; a time that is none stays a number.
fn moment(unix: i64) -> String {
    match unix {
        0..=YEAR_9999 => rfc3339(unix),
        _ => unix.to_string(),
    }
}

/// `in 12 d 4 h` or `3 h 0 min ago`.
fn relative(unix: i64, now: i64) -> String {
    let apart = age(unix.abs_diff(now));
    if unix >= now { format!("in {apart}") } else { format!("{apart} ago") }
}

/// Names come with two files each, and there are 128 at most.
const ENTRIES_MAX: usize = 4096;
/// One byte more than the guard stores.
const NOTE_BYTES_MAX: u64 = menshen_config::keeper::NOTE_BYTES_MAX as u64 + 1;
const TEXT_MAX: usize = 500;
/// A longer name breaks the column.
const NAME_COLUMNS_MAX: usize = 40;
const DAY: i64 = 86_400;
const YEAR_9999: i64 = 253_402_300_799;

#[cfg(test)]
mod tests;
