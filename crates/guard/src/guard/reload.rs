//! Reload: the next generation is prepared and started beside the current one and takes over when
//! all of it is ready; until then any failure leaves everything as it is.

use std::time::Instant;

use menshen_config::Colour;
use menshen_sys::scoreboard::{HeaderWord, SlotState};

use super::Guard;
use crate::error::GuardError;
use crate::generation::Generation;
use crate::{log, notify, settings};

impl Guard {
    pub(super) fn begin_reload(&mut self) {
        notify::reloading();
        let generation = match self.prepare_next() {
            Ok(generation) => generation,
            Err(error) => return self.refuse(&error.render()),
        };
        self.last_number = generation.number;
        // Its workers read the shelf as they start.
        self.certificates.offer(&generation.certificates);
        self.pending = Some(generation);
        self.pending_waits = true;
        // A pool that is new starts now; its workers when it is there.
        let now = Instant::now();
        self.php.keep_times(now);
        self.start_crews(now);
    }

    /// Starts the workers of the next generation.
    pub(super) fn start_pending(&mut self, now: Instant) {
        let Some(generation) = self.pending.take() else { return };
        let started = match self.php.failure(&generation.php, Some(&self.current.php)) {
            Some(failure) => Err(format!("PHP does not run: {failure}")),
            None => (0..generation.workers).try_for_each(|index| {
                let worker = self.start_worker(&generation, index);
                let error = |error| format!("worker web/{index} could not be started: {error}");
                worker.map(|worker| self.workers.push(worker)).map_err(error)
            }),
        };
        self.pending = Some(generation);
        if let Err(reason) = started {
            self.abort_reload(&reason, now);
        }
    }

    /// The next generation takes over; the old workers finish what they have.
    pub(super) fn commit_reload(&mut self, now: Instant) {
        let Some(next) = self.pending.take() else { return };
        let patience = self.patience();
        let old = std::mem::replace(&mut self.current, next);
        if let Err(error) = self.current.steer(old.workers) {
            // Each socket has a worker all the same; only the shares are uneven.
            log::event(&error.render());
        }
        self.seats = vec![super::Seat::default(); self.current.workers.try_into().unwrap_or(0)];
        for place in 0..self.workers.len() {
            let worker = &self.workers[place];
            if worker.generation != self.current.number {
                self.slot_of(worker).set_state(SlotState::Draining);
                self.workers[place].drain(now, patience);
            }
        }
        self.certificates.take(std::mem::take(&mut self.current.certificates));
        // What the keeper gave while the new workers started.
        self.certificates.refresh(&self.current.config, &self.store);
        self.want_keeper(now);
        self.watch.want(&self.current.config.guard, now);
        // Addresses no longer wanted lose their sockets here, and in the old workers as they
        // stop accepting.
        // A pool is used as long as a worker of its generation lives.
        self.retired.push((old.number, old.php));
        self.count_up(HeaderWord::ReloadsDone);
        self.board.set_header(HeaderWord::Generation, self.current.number);
        self.current.php.show(&self.board);
        log::event(&format!("configuration reloaded: {}", self.status_line()));
        self.log_findings();
        notify::ready(&self.status_line());
    }

    /// Ends the workers of the next generation; the current one goes on.
    pub(super) fn abort_reload(&mut self, reason: &str, now: Instant) {
        let Some(next) = self.pending.take() else { return };
        for worker in self.workers.iter_mut().filter(|w| w.generation == next.number) {
            worker.asked = true;
            worker.kill(now);
        }
        self.certificates.withdraw();
        self.refuse(reason);
    }

    fn prepare_next(&mut self) -> Result<Generation, GuardError> {
        let settings = settings::load(&self.options.source, Colour::Plain)?;
        if settings.config.state != self.current.config.state {
            return Err(GuardError::ConfigNeedsRestart { key: "state" });
        }
        log::to_stderr(&settings.warnings);
        let (number, serving) = (self.last_number + 1, self.current.workers);
        let (doors, php) = (&self.current.doors, &mut self.php);
        let shelf = (&self.store, Some(self.certificates.current()));
        let next = Generation::prepare(settings.config, number, doors, serving, php, shelf)?;
        let room = self.free_slots().count();
        if usize::try_from(next.workers).is_ok_and(|needed| needed > room) {
            let detail = format!("{room} places are left, {} are needed", next.workers);
            return Err(GuardError::LocalDraining { detail });
        }
        Ok(next)
    }

    fn refuse(&self, reason: &str) {
        log::event(&format!("reload refused, nothing changed\n{reason}"));
        // The text first: whoever sees the count move reads it.
        self.board.set_text(reason);
        self.count_up(HeaderWord::ReloadsRefused);
        notify::ready(&self.status_line());
    }

    pub(super) fn count_up(&self, word: HeaderWord) {
        self.board.set_header(word, self.board.view().header(word) + 1);
    }
}
