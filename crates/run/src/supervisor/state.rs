//! What is written down of the run while it goes on: [`crate::record`]. A file that cannot be
//! written ends nothing; the run is then not listed.

use std::ffi::OsStr;
use std::io;
use std::time::{SystemTime, UNIX_EPOCH};

use menshen_sys::proc::Stat;

use crate::plan::Plan;
use crate::record::{Facts, Phase, Record, command, folder_made};

/// The facts as they are now, and the file they go to.
#[derive(Debug)]
pub(super) struct Diary {
    pub(super) facts: Facts,
    record: Option<Record>,
}

impl Diary {
    /// Begins it; with the reason if there can be no file.
    pub(super) fn begin(plan: &Plan) -> (Self, Option<io::Error>) {
        let own = std::process::id();
        let words: Vec<&OsStr> =
            std::iter::once(&plan.program).chain(&plan.arguments).map(AsRef::as_ref).collect();
        let facts = Facts {
            name: plan.name.clone(),
            supervisor_pid: own,
            supervisor_start_ticks: Stat::read(own).map_or(0, |stat| stat.start_ticks),
            pid: None,
            command: command(&words),
            phase: Phase::Running,
            began_unix_ms: unix_ms(),
            started_unix_ms: unix_ms(),
            ended_unix_ms: None,
            restarts: 0,
            last_end: None,
            exit_code: None,
            stuck_bytes: 0,
            memory_max_bytes: plan.memory_max,
            memory_kills: 0,
        };
        let record = folder_made(&plan.runs).and_then(|()| Record::create(&plan.runs, &facts));
        match record {
            Ok((record, _)) => (Self { facts, record: Some(record) }, None),
            Err(error) => (Self { facts, record: None }, Some(error)),
        }
    }

    pub(super) fn started(&mut self, pid: u32) {
        self.facts.pid = Some(pid);
        self.facts.started_unix_ms = unix_ms();
        self.facts.phase = Phase::Running;
        self.post();
    }

    pub(super) fn phase(&mut self, phase: Phase) {
        self.facts.phase = phase;
    }

    /// Keeps output.
    pub(super) fn output(&mut self, bytes: &[u8]) {
        if self.record.as_mut().is_some_and(|record| record.output(bytes).is_err()) {
            self.record = None;
        }
    }

    /// Posts the facts if they changed.
    pub(super) fn post(&mut self) {
        if self.record.as_mut().is_some_and(|record| record.facts(&self.facts).is_err()) {
            self.record = None;
        }
    }

    /// The end of all.
    pub(super) fn ended(&mut self, code: u8) {
        self.facts.phase = Phase::Ended;
        self.facts.pid = None;
        self.facts.exit_code = Some(code);
        self.facts.ended_unix_ms = Some(unix_ms());
        self.post();
    }
}

fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.ok().and_then(|time| u64::try_from(time.as_millis()).ok()).unwrap_or(0)
}
