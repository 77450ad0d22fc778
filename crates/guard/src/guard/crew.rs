//! Starting workers, noticing that they are ready or ended, and starting them again.

use std::time::{Duration, Instant};

use menshen_base::{Finding, Severity};
use menshen_guard_core::restart::RestartRecord;
use menshen_sys::scoreboard::{HeaderWord, SLOTS_MAX, SlotState};
use rustix::process::{WaitOptions, wait};

use super::Guard;
use crate::error::GuardError;
use crate::generation::Generation;
use crate::handover::Handed;
use crate::worker::{Lent, Role, START_MAX, State, Worker, describe};
use crate::{log, tunnel};

/// The place of one worker of the current generation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seat {
    role: Role,
    index: u32,
    record: RestartRecord,
    /// When its worker is started again; `None`: it runs.
    pub(super) start_at: Option<Instant>,
}

impl Seat {
    const fn new(role: Role, index: u32) -> Self {
        Self { role, index, record: RestartRecord::new(), start_at: None }
    }

    /// One for each worker that `generation` is to have; of `before` those stay whose worker does.
    pub(super) fn all_of(generation: &Generation, before: &[Self]) -> Vec<Self> {
        let mut seats: Vec<Self> =
            (0..generation.workers).map(|index| Self::new(Role::Web, index)).collect();
        for (role, since) in generation.single_workers() {
            let kept = before.iter().find(|seat| seat.role == role);
            let kept = kept.filter(|_| since != generation.number);
            seats.push(kept.copied().unwrap_or_else(|| Self::new(role, 0)));
        }
        seats
    }
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
        self.seats = Seat::all_of(&self.current, &[]);
        for place in 0..self.seats.len() {
            self.start_seat(place, now);
        }
    }

    /// Starts a worker of `generation`; needs a free slot of the scoreboard.
    pub(super) fn start_worker(
        &self,
        generation: &Generation,
        role: Role,
        index: u32,
    ) -> std::io::Result<Worker> {
        let number = self.free_slot().ok_or_else(|| std::io::Error::other("no free slot"))?;
        let slot = self.board.slot(usize::try_from(number).unwrap_or(0));
        let none = || Err(std::io::Error::other("there is no such door"));
        let started = match role {
            Role::Web => {
                let sstp = generation.tunnel.as_ref().filter(|plan| plan.config().sstp);
                let lent = Lent {
                    shelf: self.certificates.shelf(),
                    challenges: self.keeper.challenges(),
                    sstp_file: sstp.and(self.tunnels.as_ref()).map(tunnel::Desk::sstp_file),
                };
                Worker::start(&self.home, lent, generation, index, number, slot)
            }
            Role::Sql => {
                generation.sql.as_ref().zip(self.desk.as_ref()).map_or_else(none, |(plan, desk)| {
                    Worker::start_sql(&self.home, plan, desk, number, slot)
                })
            }
            Role::Tunnel => generation.tunnel.as_ref().zip(self.tunnels.as_ref()).map_or_else(
                none,
                |(plan, desk)| {
                    let shared = (desk, &self.tunnel_memory);
                    Worker::start_tunnel(&self.home, plan, shared, number, slot)
                },
            ),
        };
        started.inspect_err(|_| slot.set_state(SlotState::Free))
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
                let known = self.trial_ended(pid, status, now);
                let posture = &self.home.posture;
                let known = known
                    || self.keeper.ended(pid, status, now)
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
            if worker.role == Role::Sql && worker.served && status.exit_status() != Some(0) {
                self.begin_words_anew(now);
            }
            if worker.asked {
                if status.exit_status() != Some(0) {
                    log::event(&format!("{what} while it drained"));
                }
            } else if self.is_current(&worker) {
                self.crashed(&worker, &what, lived, now);
            } else if self.is_left(&worker) {
                log::event(&format!("{what} before this program serves"));
            } else {
                self.abort_reload(&format!("{what} before it was ready"), now);
            }
        }
        let workers = &self.workers;
        self.retired.retain(|(number, _)| {
            workers.iter().any(|w| w.role == Role::Web && w.generation == *number)
        });
        let (left, places) = &mut self.left_places;
        if !workers.iter().any(|w| w.role == Role::Web && w.generation <= *left) {
            places.clear();
        }
    }

    /// Whether the program before started it.
    fn is_left(&self, worker: &Worker) -> bool {
        let left = |before: &Handed| worker.generation <= before.inventory.generation;
        self.before.as_deref().is_some_and(left)
    }

    /// Whether it belongs to what is served now.
    pub(super) fn is_current(&self, worker: &Worker) -> bool {
        match worker.role {
            Role::Web => worker.generation == self.current.number,
            role => self.current.single_workers().any(|one| one == (role, worker.generation)),
        }
    }

    /// A worker of the sql door may have left writes in flight that nobody will settle: the others
    /// end their sessions, and a next one starts with fresh versions.
    fn begin_words_anew(&mut self, now: Instant) {
        let served = |worker: &&Worker| worker.role == Role::Sql && worker.served;
        let next = self.pending.as_ref().map(|next| next.number);
        if self.workers.iter().filter(served).any(|worker| Some(worker.generation) == next) {
            self.abort_reload("the sql door had to start afresh meanwhile", now);
        }
        let Some(desk) = &mut self.desk else { return };
        if let Err(error) = desk.retire() {
            // The old ones are retired: the next worker serves nothing from its cache.
            log::event(&error.render());
        }
        let patience = self.patience();
        let mut ended = false;
        for place in 0..self.workers.len() {
            let worker = &self.workers[place];
            if worker.role != Role::Sql || !worker.served {
                continue;
            }
            ended |= self.is_current(worker) && !worker.asked;
            self.slot_of(worker).set_state(SlotState::Draining);
            self.workers[place].drain(now, patience);
        }
        if ended && !self.stopping {
            log::event("the sql door starts again: another worker of it left writes in flight");
            self.start_seat(self.current_sql_seat(), now);
        }
    }

    fn current_sql_seat(&self) -> usize {
        self.seats.iter().position(|seat| seat.role == Role::Sql).unwrap_or(usize::MAX)
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
        let due: Vec<usize> = (0..self.seats.len()).filter(|at| due(&self.seats[*at])).collect();
        for place in due {
            self.start_seat(place, now);
        }
    }

    /// Starts the worker of the seat in this place.
    fn start_seat(&mut self, place: usize, now: Instant) {
        let Some(Seat { role, index, .. }) = self.seats.get(place).copied() else { return };
        let started = self.start_worker(&self.current, role, index);
        let Some(seat) = self.seats.get_mut(place) else { return };
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
                let what = format!("worker {}/{index} could not be started: {error}", role.word());
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
        let own = |seat: &Seat| seat.role == worker.role && seat.index == worker.index;
        let Some(place) = self.seats.iter().position(own) else { return };
        let seat = &mut self.seats[place];
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
            self.start_seat(place, now);
        }
        self.give_up_unless_open(hopeless, what.to_owned(), now);
    }

    fn give_up_unless_open(&mut self, hopeless: bool, detail: String, now: Instant) {
        if hopeless && !self.opened && !self.stopping {
            // One of them may well be the cause.
            self.log_findings();
            let error = GuardError::LocalWorkers { detail };
            self.go_back(&error, now);
            self.fatal = Some(error);
            self.begin_stop(now, "giving up: the workers do not get ready");
        }
    }

    /// Whether all workers of a generation run and are ready.
    fn is_complete(&self, generation: &Generation) -> bool {
        let ready = |role, number| {
            let all = self.workers.iter().filter(|worker| matches!(worker.state, State::Ready));
            all.filter(|worker| (worker.role, worker.generation) == (role, number)).count()
        };
        let web = u32::try_from(ready(Role::Web, generation.number));
        // A worker of another door that is kept was ready once.
        let others = generation
            .single_workers()
            .all(|(role, since)| since != generation.number || ready(role, since) > 0);
        others && web.is_ok_and(|count| count >= generation.workers)
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
