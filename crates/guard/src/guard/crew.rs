//! Starting workers, noticing that they are ready or ended, and starting them again.

use std::time::{Duration, Instant};

use menshen_base::{Finding, Severity};
use menshen_guard_core::restart::RestartRecord;
use menshen_sys::scoreboard::{HeaderWord, SLOTS_MAX, SlotState};
use rustix::process::{WaitOptions, wait};

use super::Guard;
use crate::error::GuardError;
use crate::generation::Generation;
use crate::log;
use crate::worker::{Bulletins, START_MAX, State, Worker, describe};

/// The place of one worker of the current generation.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Seat {
    record: RestartRecord,
    /// When its worker is started again; `None`: it runs.
    pub(super) start_at: Option<Instant>,
}

impl Guard {
    /// Starts the workers that waited for their pools; a worker's first look at PHP should not be
    /// at one that is still starting.
    pub(super) fn start_crews(&mut self, now: Instant) {
        if self.stopping || !self.php.settled() {
            return;
        }
        if self.seats.is_empty() {
            if let Some(failure) = self.php.failure(&self.current.php, None) {
                let claim = format!("PHP does not run: {failure}");
                let finding = Finding::new("php-pool-down", Severity::Error, "php", claim);
                self.current.findings.push(finding);
            }
            self.fill_seats(now);
        }
        if std::mem::take(&mut self.pending_waits) {
            self.start_pending(now);
        }
    }

    /// Starts all workers of the first generation.
    fn fill_seats(&mut self, now: Instant) {
        for index in 0..self.current.workers {
            self.seats.push(Seat::default());
            self.start_seat(index, now);
        }
    }

    /// Starts a worker of `generation`; needs a free slot of the scoreboard.
    pub(super) fn start_worker(
        &self,
        generation: &Generation,
        index: u32,
    ) -> std::io::Result<Worker> {
        let number = self.free_slot().ok_or_else(|| std::io::Error::other("no free slot"))?;
        let slot = self.board.slot(usize::try_from(number).unwrap_or(0));
        let bulletins =
            Bulletins { shelf: self.certificates.shelf(), challenges: self.keeper.challenges() };
        Worker::start(&self.home, bulletins, generation, index, number, slot).inspect_err(|_| {
            slot.set_state(SlotState::Free);
        })
    }

    /// Slots no living worker writes to.
    pub(super) fn free_slots(&self) -> impl Iterator<Item = u32> {
        let taken = |number| self.workers.iter().any(move |worker| worker.slot == number);
        (0u32..).take(SLOTS_MAX).filter(move |number| !taken(*number))
    }

    /// Waits for all children that ended.
    pub(super) fn collect_ended(&mut self, now: Instant) {
        while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
            let Some(place) = self.workers.iter().position(|worker| worker.pid == pid) else {
                let posture = &self.home.posture;
                let known = self.keeper.ended(pid, status, now)
                    || self.watch.ended(pid, status, now, posture);
                if !known {
                    self.php.ended(pid, status, now);
                }
                continue;
            };
            let worker = self.workers.swap_remove(place);
            self.slot_of(&worker).set_state(SlotState::Ended);
            let lived = now.saturating_duration_since(worker.started);
            let what = format!("worker {} {}", worker.name(), describe(status));
            if worker.asked {
                if status.exit_status() != Some(0) {
                    log::event(&format!("{what} while it drained"));
                }
            } else if worker.generation == self.current.number {
                self.crashed(&worker, &what, lived, now);
            } else {
                self.abort_reload(&format!("{what} before it was ready"), now);
            }
        }
        let workers = &self.workers;
        self.retired.retain(|(number, _)| workers.iter().any(|w| w.generation == *number));
    }

    /// Takes the ready bytes.
    pub(super) fn welcome_ready(&mut self, now: Instant) {
        let mut came = false;
        for place in 0..self.workers.len() {
            if self.workers[place].became_ready() {
                came = true;
                let slot = self.slot_of(&self.workers[place]);
                if slot.state() == SlotState::Starting {
                    slot.set_state(SlotState::Ready);
                }
            }
        }
        if !came {
            return;
        }
        if !self.opened && self.is_complete(&self.current) {
            self.open();
        }
        if self.pending.as_ref().is_some_and(|pending| self.is_complete(pending)) {
            self.commit_reload(now);
        }
    }

    /// Ends what took too long, starts what is due.
    pub(super) fn look_after_workers(&mut self, now: Instant) {
        for worker in &mut self.workers {
            if worker.deadline().is_none_or(|until| now < until) {
                continue;
            }
            let late = match worker.state {
                State::Starting { .. } => {
                    format!("was not ready after {} s", START_MAX.as_secs())
                }
                _ => "did not end in time".to_owned(),
            };
            log::event(&format!("worker {} {late}; killing it", worker.name()));
            worker.kill(now);
        }
        let due = |seat: &Seat| seat.start_at.is_some_and(|at| at <= now);
        let due: Vec<u32> = (0u32..)
            .zip(&self.seats)
            .filter(|(_, seat)| due(seat))
            .map(|(index, _)| index)
            .collect();
        for index in due {
            self.start_seat(index, now);
        }
    }

    fn start_seat(&mut self, index: u32, now: Instant) {
        let started = self.start_worker(&self.current, index);
        let Some(seat) = usize::try_from(index).ok().and_then(|at| self.seats.get_mut(at)) else {
            return;
        };
        match started {
            Ok(worker) => {
                seat.start_at = None;
                self.workers.push(worker);
            }
            Err(error) => {
                // Never at once: whatever is missing will not be there a moment later.
                let wait = seat.record.ended(Duration::ZERO).max(Duration::from_millis(100));
                seat.start_at = Some(now + wait);
                let hopeless = seat.record.hopeless_at_start();
                let what = format!("worker web/{index} could not be started: {error}");
                log::event(&what);
                self.give_up_unless_open(hopeless, what, now);
            }
        }
    }

    fn crashed(&mut self, worker: &Worker, what: &str, lived: Duration, now: Instant) {
        self.count_up(HeaderWord::Crashes);
        if self.stopping {
            return;
        }
        let seat = usize::try_from(worker.index).ok().and_then(|at| self.seats.get_mut(at));
        let Some(seat) = seat else { return };
        let wait = seat.record.ended(lived);
        let again = if wait.is_zero() {
            "starting it again at once".to_owned()
        } else {
            format!("starting it again in {:.1} s", wait.as_secs_f32())
        };
        log::event(&format!("{what} after {:.1} s; {again}", lived.as_secs_f32()));
        seat.start_at = Some(now + wait);
        let hopeless = seat.record.hopeless_at_start();
        if wait.is_zero() {
            self.start_seat(worker.index, now);
        }
        self.give_up_unless_open(hopeless, what.to_owned(), now);
    }

    fn give_up_unless_open(&mut self, hopeless: bool, detail: String, now: Instant) {
        if hopeless && !self.opened && !self.stopping {
            // One of them may well be the cause.
            self.log_findings();
            self.fatal = Some(GuardError::LocalWorkers { detail });
            self.begin_stop(now, "giving up: the workers do not get ready");
        }
    }

    /// Whether all workers of a generation run and are ready.
    fn is_complete(&self, generation: &Generation) -> bool {
        let ready = self.workers.iter().filter(|worker| {
            worker.generation == generation.number && matches!(worker.state, State::Ready)
        });
        u32::try_from(ready.count()).is_ok_and(|count| count >= generation.workers)
    }

    fn free_slot(&self) -> Option<u32> {
        // A slot never used first: figures of ended workers are kept while there is room.
        let state = |number: &u32| self.board.slot(usize::try_from(*number).unwrap_or(0)).state();
        self.free_slots()
            .find(|number| state(number) == SlotState::Free)
            .or_else(|| self.free_slots().next())
    }

    pub(super) fn slot_of(&self, worker: &Worker) -> menshen_sys::Slot {
        self.board.slot(usize::try_from(worker.slot).unwrap_or(0))
    }
}
