//! The watch as the guard sees it: a process that looks after memory, given its section of the
//! configuration and the posture, and nothing else.
//!
//! It is started again when it ends by itself, later and later; what its posture asked for ends
//! with it. Nothing waits for it: doors go on without. One that stands still (stopped, traced)
//! while it may hold or brake the groups of others, or while uploads are refused or PHP is made
//! smaller because of it, is ended: the next one takes that back.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::time::{Duration, Instant};

use menshen_config::{Guard, WatchSpec};
use menshen_guard_core::restart::RestartRecord;
use menshen_sys::posture::Word;
use rustix::process::{Pid, WaitStatus};

use crate::companion::Companion;
use crate::log;
use crate::posture::Shared;
use crate::worker::describe;

/// The place of the watch; there is one for the guard's whole life.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    plan: Option<Guard>,
    running: Option<Running>,
    record: RestartRecord,
    start_at: Option<Instant>,
}

#[derive(Debug)]
struct Running {
    process: Companion,
    /// The last beat of its posture, and when it was seen first.
    beat: Option<(u64, Instant)>,
    /// When its beat is looked at again; `None`: it was just started.
    look_at: Option<Instant>,
}

impl Watch {
    /// From now on it works by `plan`; one with another plan is replaced.
    pub(crate) fn want(&mut self, plan: &Guard, now: Instant) {
        let plan = plan.watch.then(|| plan.clone());
        if plan == self.plan {
            return;
        }
        self.start_at = plan.is_some().then_some(now);
        self.plan = plan;
        self.record = RestartRecord::new();
        self.end(now);
    }

    /// Starts what is due, ends what takes too long.
    pub(crate) fn keep_times(&mut self, now: Instant, posture: &Shared, board: &File) {
        if let Some(running) = &mut self.running {
            running.process.keep_times(now);
        }
        self.end_if_still(now, posture);
        // The recorder is one watch's: the next one waits for the end of the last.
        let due = self.running.is_none() && self.start_at.is_some_and(|at| at <= now);
        let Some(plan) = self.plan.as_ref().filter(|_| due) else { return };
        self.start_at = None;
        match launch(plan, posture, board, now) {
            Ok(process) => self.running = Some(Running { process, beat: None, look_at: None }),
            Err(error) => {
                let wait = self.record.ended(Duration::ZERO).max(WAIT_MIN);
                log::event(&format!("the watch could not be started: {error}"));
                self.start_at = Some(now + wait);
            }
        }
    }

    /// Whether the ended process was the watch; nothing it asked for holds any more, and it is
    /// started again.
    pub(crate) fn ended(
        &mut self,
        pid: Pid,
        status: WaitStatus,
        now: Instant,
        posture: &Shared,
    ) -> bool {
        let Some(running) = self.running.take_if(|running| running.process.pid() == pid) else {
            return false;
        };
        posture.clear();
        if !running.process.is_ending() && self.plan.is_some() {
            let wait = self.record.ended(running.process.lived(now));
            let (what, seconds) = (describe(status), wait.as_secs_f32());
            log::event(&format!("watch {what}; starting it again in {seconds:.1} s"));
            self.start_at = Some(now + wait);
        }
        true
    }

    /// Asks it to end.
    pub(crate) fn quit(&mut self, now: Instant) {
        self.plan = None;
        self.start_at = None;
        self.end(now);
    }

    /// Ends it at once.
    pub(crate) fn kill(&mut self, now: Instant) {
        self.quit(now);
        if let Some(running) = &mut self.running {
            running.process.hurry(now);
        }
    }

    /// Whether no process is left.
    pub(crate) const fn is_gone(&self) -> bool {
        self.running.is_none()
    }

    /// Kills a watch that has stood still for [`STILL_MAX`] while others depend on it. Its beat
    /// counts from when it has said that it runs: making the recorder takes what the disk takes.
    fn end_if_still(&mut self, now: Instant, posture: &Shared) {
        let Some(running) = self.running.as_mut() else { return };
        let holds = |plan: &Guard| !(plan.hold_cgroups.is_empty() && plan.brake_cgroups.is_empty());
        let view = posture.posture.view();
        let asks = view.get(Word::UploadsRefused) != 0 || view.get(Word::PhpBytes) != 0;
        let depends = asks || self.plan.as_ref().is_some_and(holds);
        let number = u64::from(running.process.pid().as_raw_nonzero().get().unsigned_abs());
        let begun = view.get(Word::WatchPid) == number;
        running.look_at = Some(now + if depends { LOOK } else { LOOK_CALM });
        let beat = view.get(Word::Beat);
        match running.beat.filter(|_| begun && depends) {
            Some((last, since)) if last == beat => {
                let still = now.saturating_duration_since(since) >= STILL_MAX;
                if still && !running.process.is_ending() {
                    log::event("the watch stands still; killing it");
                    running.process.kill();
                    running.beat = Some((beat, now));
                }
            }
            _ => running.beat = Some((beat, now)),
        }
    }

    /// When the guard has to look after it without being woken.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match &self.running {
            Some(running) => {
                [running.process.deadline(), running.look_at].into_iter().flatten().min()
            }
            None => self.start_at,
        }
    }

    fn end(&mut self, now: Instant) {
        if let Some(running) = &mut self.running {
            running.process.end(now, PATIENCE);
        }
    }
}

fn launch(plan: &Guard, posture: &Shared, board: &File, now: Instant) -> io::Result<Companion> {
    let (posture, board) = (posture.writable(), board.as_fd());
    let spec = WatchSpec {
        guard: plan.clone(),
        posture_fd: Some(posture.as_raw_fd()),
        scoreboard_fd: Some(board.as_raw_fd()),
    };
    Companion::start("watch", &spec, &[posture, board], now)
}

/// How long it may take to end: a disk may be slow with its last records.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a watch that others depend on may stand still: it looks every second.
const STILL_MAX: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_secs(1);
/// The same while nobody depends on it: somebody might by then.
const LOOK_CALM: Duration = Duration::from_secs(5);
const WAIT_MIN: Duration = Duration::from_millis(100);
