//! What status says of the watch: read from the head of its recorder, which any watch keeps up to
//! date, also one that runs alone.

use std::fmt::Write;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use menshen_guard::load;
use menshen_guard_core::recorder::{self, HEAD_BYTES};
use menshen_sys::proc::Stat;
use serde::Serialize;

use super::render::{age, bytes};
use crate::cli::Place;
use crate::out;

/// The watch, as it told last.
#[derive(Debug, Serialize)]
pub(super) struct Watch {
    /// `None`: it does not run.
    pub(super) pid: Option<u32>,
    pub(super) recorder: String,
    pub(super) recorder_bytes: u64,
    /// When it told this, seconds ago; every ten seconds, and when something happens.
    pub(super) told_seconds_ago: u64,
    pub(super) memory_available_bytes: u64,
    pub(super) memory_total_bytes: u64,
    /// Share of the last 10 s in which some program waited for memory; `None`: the kernel does not
    /// say.
    pub(super) pressure_percent: Option<f64>,
    /// How bad it is, 0 (well) to 3.
    pub(super) level: u8,
    /// Kills the watch has the kernel's line of, since it began.
    pub(super) kills_recorded: u64,
    /// Kills the kernel counted in that time; `None`: it does not say.
    pub(super) kills_counted: Option<u64>,
    /// Records that could not be written.
    pub(super) records_dropped: u64,
}

/// Where the recorder of a menshen with the state folder `state` is.
pub(super) fn recorder_of(place: &Place, state: &Path) -> PathBuf {
    let usual = || state.join("recorder");
    let Ok(settings) = load(&place.source(), out::stderr_colour()) else { return usual() };
    let path = settings.config.guard.recorder;
    match path.strip_prefix(&settings.config.state) {
        Ok(inside) => state.join(inside),
        Err(_) => path,
    }
}

/// Reads the head of the recorder; `None`: there is none, or it is not ours to read.
pub(super) fn read(path: &Path, now_millis: u64) -> Option<Watch> {
    let file = File::open(path).ok()?;
    let recorder_bytes = file.metadata().ok().filter(std::fs::Metadata::is_file)?.len();
    let mut head = Vec::new();
    file.take(HEAD_BYTES as u64).read_to_end(&mut head).ok()?;
    let status = recorder::status(&head)?;
    // Its number may be another's by now.
    let same = |stat: Stat| stat.start_ticks == status.start_ticks;
    let runs = status.pid != 0 && Stat::read(status.pid).is_ok_and(same);
    let kib = |count: u64| count.saturating_mul(1024);
    let centi = status.some_avg10_centi.and_then(|share| u32::try_from(share).ok());
    Some(Watch {
        pid: runs.then_some(status.pid),
        recorder: path.display().to_string(),
        recorder_bytes,
        told_seconds_ago: (now_millis / 1000).saturating_sub(status.wall_micros / 1_000_000),
        memory_available_bytes: kib(status.available_kib),
        memory_total_bytes: kib(status.total_kib),
        pressure_percent: centi.map(|share| f64::from(share) / 100.0),
        level: status.level,
        kills_recorded: status.kill_lines,
        kills_counted: status.oom_kills,
        records_dropped: status.dropped,
    })
}

/// Two lines for people; nothing where there is no recorder.
pub(super) fn text(out: &mut String, watch: Option<&Watch>) {
    let Some(watch) = watch else { return };
    let who = match watch.pid {
        Some(pid) => format!("pid {pid}"),
        None => "not running".to_owned(),
    };
    let dropped = match watch.records_dropped {
        0 => String::new(),
        count => format!(", {count} records could not be written"),
    };
    let _ = writeln!(
        out,
        "\nwatch      {who}, recorder {} ({}){dropped}",
        super::escape_bytes(watch.recorder.as_bytes()),
        bytes(watch.recorder_bytes)
    );
    let share = (watch.memory_available_bytes.saturating_mul(100))
        .checked_div(watch.memory_total_bytes)
        .unwrap_or(0);
    let pressure = match watch.pressure_percent {
        Some(percent) => format!(", programs waited {percent:.1} % of the time"),
        None => String::new(),
    };
    let counted = match watch.kills_counted {
        Some(count) => format!(" of {count} the kernel counted"),
        None => String::new(),
    };
    let _ = writeln!(
        out,
        "           {share} % of {} available{pressure}; {} kills recorded{counted}; {} ago",
        bytes(watch.memory_total_bytes),
        watch.kills_recorded,
        age(watch.told_seconds_ago)
    );
}

#[cfg(test)]
mod tests {
    //! A recorder's head in words.
    use menshen_guard_core::recorder::Status;

    use super::*;

    fn told(status: &Status) -> Watch {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("recorder");
        let (offset, bytes) = status.encode();
        let mut file = vec![0; HEAD_BYTES];
        let at = usize::try_from(offset).unwrap();
        file[at..at + bytes.len()].copy_from_slice(&bytes);
        std::fs::write(&path, file).unwrap();
        read(&path, 65_000).unwrap()
    }

    #[test]
    fn the_watch_is_told_in_two_lines() {
        let pid = std::process::id();
        let status = Status {
            version: 1,
            pid,
            start_ticks: Stat::read(pid).unwrap().start_ticks,
            wall_micros: 60_000_000,
            kill_lines: 59,
            oom_kills: Some(60),
            available_kib: 3 << 20,
            total_kib: 4 << 20,
            some_avg10_centi: Some(1234),
            ..Status::default()
        };
        let mut watch = told(&status);
        assert_eq!(watch.pid, Some(pid));
        watch.recorder = "r\x1b".to_owned();
        let mut out = String::new();
        text(&mut out, Some(&watch));
        assert_eq!(
            out,
            format!(
                "\nwatch      pid {pid}, recorder r\\x1b (4.0 KiB)\n           75 % of 4.0 GiB \
                 available, programs waited 12.3 % of the time; 59 kills recorded of 60 the kernel \
                 counted; 5 s ago\n"
            )
        );
        let other = Status { start_ticks: status.start_ticks + 1, ..status };
        assert_eq!(told(&other).pid, None, "the number is another's now");
        assert!(read(Path::new("/nonexistent"), 0).is_none());
    }
}
