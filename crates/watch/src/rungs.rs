//! The ladder at work: readings go to the rule ([`menshen_guard_core::ladder`]), and what it says
//! is done and logged with the bytes that came of it.
//!
//! Uploads, caches and PHP are others' to act on: the posture tells them, the scoreboard and the
//! posture tell what it freed. Brake and hold are done here. Without a posture (the watch runs
//! alone) only brake and hold have somebody to act, and only they are taken.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use menshen_base::Counter;
use menshen_config::{Guard, Threshold};
use menshen_guard_core::hold::Standing;
use menshen_guard_core::ladder::{Action, Bytes, Ladder, Marks, Reading, Rules, Step};
use menshen_guard_core::recorder::{self, Body, Pressure, StepEdge};
use menshen_sys::Scoreboard;
use menshen_sys::posture::{Posture, UNKNOWN, Word};
use menshen_sys::scoreboard::SLOTS_MAX;

use crate::domain::Domains;
use crate::log::Log;
use crate::protect::{Protected, Protector};
use crate::recorder::Recorder;
use crate::steps::brake::Brake;
use crate::steps::hold::Hold;
use crate::steps::journal::Journal;

/// Ladder, protection and everything they act on.
#[derive(Debug)]
pub(crate) struct Rungs {
    ladder: Ladder,
    domains: Domains,
    last: Option<Reading>,
    posture: Option<Posture>,
    board: Option<Scoreboard>,
    journal: Journal,
    brake: Brake,
    pub(crate) hold: Hold,
    pub(crate) protector: Protector,
    php_bytes: u64,
    /// Sums when the step began: what workers and guard told.
    shrunk_before: u64,
    php_before: (u64, u64),
    recorder: Recorder,
    log: Log,
}

impl Rungs {
    /// Takes back what an earlier watch left, and begins.
    pub(crate) fn begin(
        guard: &Guard,
        posture: Option<Posture>,
        board: Option<Scoreboard>,
        recorder: Recorder,
        log: Log,
    ) -> Self {
        let mut journal = Journal::open(journal_path(guard), log);
        // Before anything is held: whoever waits for memory by then cannot be asked for its name.
        let mut protector = Protector::new(&guard.protect, log);
        let protected = protector.keep_times(Instant::now()).unwrap_or_default();
        let brake = Brake::new(&guard.brake_cgroups, log);
        let hold = Hold::begin(&guard.hold_cgroups, guard.hold_raise_percent, &mut journal, log);
        let rules = rules(guard, posture.is_some(), brake.is_possible());
        if let Some(posture) = &posture {
            posture.set(Word::RetryAfterSeconds, u64::from(guard.retry_after_seconds));
            posture.set(Word::Protected, protected.in_force);
            posture.set(Word::Unprotected, protected.refused);
            posture.set(Word::WatchPid, u64::from(std::process::id()));
        }
        Self {
            ladder: Ladder::new(rules),
            domains: Domains::find(),
            last: None,
            posture,
            board,
            journal,
            brake,
            hold,
            protector,
            php_bytes: guard.recycle_php_bytes,
            shrunk_before: 0,
            php_before: (0, 0),
            recorder,
            log,
        }
    }

    /// Takes a reading of the machine, and does what follows; gives how soon the next is wanted.
    pub(crate) fn read(&mut self, machine: &Pressure, now: Instant) -> Duration {
        let tightest = self.domains.read(machine, now);
        let reading = tightest.reading;
        self.last = Some(reading);
        if let Some(posture) = &self.posture {
            posture.set(Word::Beat, unix_millis());
            posture.set(Word::Available, reading.available_bytes);
            posture.set(Word::Total, reading.total_bytes);
            posture.set(Word::Pressure, reading.pressure.map_or(UNKNOWN, u64::from));
            posture.set(Word::OfCgroup, u64::from(tightest.of_group));
        }
        for action in self.ladder.read(reading) {
            self.act(&action);
        }
        self.ladder.next_reading(&reading)
    }

    /// When something is due besides readings.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        [self.hold.deadline(), self.protector.deadline()].into_iter().flatten().min()
    }

    /// Does what is due, and what the events of held groups ask for.
    pub(crate) fn keep_times(&mut self, now: Instant) {
        if let Some(Protected { in_force, refused }) = self.protector.keep_times(now)
            && let Some(posture) = &self.posture
        {
            posture.set(Word::Protected, in_force);
            posture.set(Word::Unprotected, refused);
        }
        let protector = &self.protector;
        let standing = |pid: u32| -> Standing { protector.standing(pid) };
        let held = self.hold.look(now, standing);
        if held.groups > 0
            && let Some(posture) = &self.posture
        {
            posture.add(Word::Held, held.groups);
            let number = Step::Hold.number();
            posture.step_taken(number, unix_millis());
            posture.step_freed(number, held.freed);
            posture.step_left(number);
        }
        if held.groups > 0 {
            let detail = held.told.join("; ");
            self.keep(Step::Hold, StepEdge::Effect, Some(held.freed), &detail);
        }
    }

    /// Takes everything back.
    pub(crate) fn end(&mut self) {
        if let Some(reading) = self.last {
            for action in self.ladder.leave_all(reading) {
                self.act(&action);
            }
        }
        self.brake.let_go(&mut self.journal);
        self.hold.end(&mut self.journal);
        if let Some(posture) = &self.posture {
            posture.clear();
        }
    }

    fn act(&mut self, action: &Action) {
        let step = action.step();
        let mut line = action.to_string();
        match action {
            Action::Enter { .. } => {
                if let Some(posture) = &self.posture {
                    posture.step_taken(step.number(), unix_millis());
                }
                self.keep(step, StepEdge::Entered, None, &line);
                (self.log)(&line);
                self.enter(step);
                return;
            }
            Action::Again { .. } => {
                self.keep(step, StepEdge::Entered, None, &line);
                (self.log)(&line);
                self.enter(step);
                return;
            }
            Action::Effect { .. } => {
                let told = self.told(step);
                if let Some((text, bytes)) = &told {
                    line.push_str(&format!("; {text} {}", Bytes(*bytes)));
                }
                let freed = told.map(|(_, bytes)| bytes).or_else(|| action.freed_bytes());
                if let (Some(posture), Some(bytes)) = (&self.posture, freed) {
                    posture.step_freed(step.number(), bytes);
                }
                self.keep(step, StepEdge::Effect, freed, &line);
            }
            Action::Leave { .. } => {
                self.leave(step);
                let mut freed = None;
                // What came after the pause: PHP ends its children when their requests are done.
                if let Some((text, bytes)) = self.told(step) {
                    line.push_str(&format!("; {text} {}", Bytes(bytes)));
                    freed = Some(bytes);
                    if let Some(posture) = &self.posture {
                        let before = posture.view().step(step.number()).freed_last;
                        posture.step_freed(step.number(), bytes.saturating_sub(before));
                    }
                }
                if let Some(posture) = &self.posture {
                    posture.step_left(step.number());
                }
                self.keep(step, StepEdge::Left, freed, &line);
            }
        }
        (self.log)(&line);
    }

    /// Records what is told of a step.
    fn keep(&self, step: Step, edge: StepEdge, freed_bytes: Option<u64>, detail: &str) {
        let (name, detail) = (step.name().as_bytes(), detail.as_bytes());
        self.recorder.record(&Body::Step(recorder::Step { edge, freed_bytes, name, detail }));
    }

    fn enter(&mut self, step: Step) {
        match (step, &self.posture) {
            (Step::RefuseUploads, Some(posture)) => {
                posture.set(Word::UploadsRefused, unix_millis().max(1));
            }
            (Step::ShrinkCaches, Some(posture)) => {
                self.shrunk_before = self.shrunk();
                posture.add(Word::ShrinkEpoch, 1);
            }
            (Step::RecyclePhp, Some(posture)) => {
                let view = posture.view();
                self.php_before = (view.get(Word::PhpEnded), view.get(Word::PhpFreed));
                posture.set(Word::PhpBytes, self.php_bytes.max(1));
            }
            (Step::Brake, _) => self.brake.pull(&mut self.journal),
            _ => {}
        }
    }

    fn leave(&mut self, step: Step) {
        match (step, &self.posture) {
            (Step::RefuseUploads, Some(posture)) => posture.set(Word::UploadsRefused, 0),
            (Step::RecyclePhp, Some(posture)) => posture.set(Word::PhpBytes, 0),
            (Step::Brake, _) => self.brake.let_go(&mut self.journal),
            _ => {}
        }
    }

    /// What those who acted counted themselves.
    fn told(&self, step: Step) -> Option<(String, u64)> {
        match step {
            Step::ShrinkCaches => {
                let bytes = self.shrunk().saturating_sub(self.shrunk_before);
                self.board.is_some().then(|| ("workers gave back".to_owned(), bytes))
            }
            Step::RecyclePhp => {
                let view = self.posture?.view();
                let ended = view.get(Word::PhpEnded).saturating_sub(self.php_before.0);
                let bytes = view.get(Word::PhpFreed).saturating_sub(self.php_before.1);
                Some((format!("{ended} PHP workers ended with"), bytes))
            }
            _ => None,
        }
    }

    /// Bytes that workers gave back so far, of all slots.
    fn shrunk(&self) -> u64 {
        let Some(board) = &self.board else { return 0 };
        (0..SLOTS_MAX).map(|number| board.slot(number).get(Counter::CacheShrunk)).sum()
    }
}

/// Beside the recorder: the one place the watch may write.
fn journal_path(guard: &Guard) -> PathBuf {
    let mut name = guard.recorder.clone().into_os_string();
    name.push(".steps");
    name.into()
}

/// The marks of the steps that have somebody to act.
fn rules(guard: &Guard, has_posture: bool, can_brake: bool) -> Rules {
    let marks = |threshold: &Option<Threshold>, possible: bool| {
        threshold.as_ref().filter(|_| possible).map(|threshold| Marks {
            available: threshold.available.map(|bounds| [bounds.enter, bounds.leave]),
            pressure: threshold.pressure.map(|bounds| [bounds.enter, bounds.leave]),
        })
    };
    Rules {
        marks: [
            marks(&guard.refuse_uploads, has_posture),
            marks(&guard.shrink_caches, has_posture),
            marks(&guard.recycle_php, has_posture),
            marks(&guard.brake, can_brake),
        ],
    }
}

fn unix_millis() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.ok().and_then(|time| u64::try_from(time.as_millis()).ok()).unwrap_or(0)
}
