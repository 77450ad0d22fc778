//! Reload: the next generation is prepared and started beside the current one and takes over when
//! all of it is ready; until then any failure leaves everything as it is.

use std::time::{Duration, Instant};

use menshen_config::{Colour, Config};
use menshen_sys::scoreboard::{HeaderWord, SlotState};

use super::Guard;
use crate::error::GuardError;
use crate::generation::{Current, Generation};
use crate::worker::{Role, Worker};
use crate::{log, notify, settings, tunnel};

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
            None => started_anew(&generation).try_for_each(|(role, index)| {
                let worker = self.start_worker(&generation, role, index);
                let what = format!("worker {}/{index}", role.word());
                let error = |error| format!("{what} could not be started: {error}");
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
        self.seats = super::Seat::all_of(&self.current, &self.seats);
        let seconds = |drain: Option<u32>| Duration::from_secs(u64::from(drain.unwrap_or(0)) + 2);
        let sql = seconds(old.sql.as_ref().map(crate::sql::Plan::drain_seconds_max));
        let tunnel = seconds(old.tunnel.as_ref().map(tunnel::Plan::drain_seconds_max));
        self.retire(now, [patience, sql, tunnel], Self::is_current);
        if self.current.sql.is_none() {
            // Nobody would answer there any more.
            self.desk = None;
        }
        match (&self.current.tunnel, &mut self.tunnels) {
            (Some(plan), Some(desk)) => desk.take_over(plan, &mut self.tunnel_memory),
            _ => self.tunnels = None,
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

    /// Lets workers that do not `stay` finish what they have: `patience` is that of the doors web,
    /// sql and tunnel.
    pub(super) fn retire(
        &mut self,
        now: Instant,
        patience: [Duration; 3],
        stay: impl Fn(&Self, &Worker) -> bool,
    ) {
        let [web, sql, tunnel] = patience;
        // A tunnel takes a moment to end in good order, the more so where the peer is gone.
        let tunnel = tunnel + FAREWELL;
        for place in 0..self.workers.len() {
            let worker = &self.workers[place];
            if stay(self, worker) || worker.asked {
                continue;
            }
            self.slot_of(worker).set_state(SlotState::Draining);
            let patience = match worker.role {
                // It cuts all but tunnels by itself.
                Role::Web => web.max(tunnel),
                Role::Sql => sql,
                Role::Tunnel => tunnel,
            };
            self.workers[place].retire(now, patience);
        }
    }

    /// Ends the workers of the next generation; the current one goes on.
    pub(super) fn abort_reload(&mut self, reason: &str, now: Instant) {
        let Some(next) = self.pending.take() else { return };
        let of_next = |w: &&mut Worker| w.generation == next.number;
        for worker in self.workers.iter_mut().filter(of_next) {
            worker.asked = true;
            worker.kill(now);
        }
        self.certificates.withdraw();
        if self.current.sql.is_none() {
            self.desk = None;
        }
        if self.current.tunnel.is_none() {
            self.tunnels = None;
        }
        self.refuse(reason);
    }

    fn prepare_next(&mut self) -> Result<Generation, GuardError> {
        let settings = settings::load(&self.options.source, Colour::Plain)?;
        if settings.config.state != self.current.config.state {
            return Err(GuardError::ConfigNeedsRestart { key: "state" });
        }
        log::to_stderr(&settings.warnings);
        let next = self.prepare(settings.config)?;
        if next.sql.is_some() && self.desk.is_none() {
            self.desk = Some(crate::sql::Desk::create(&self.current.config.state)?);
        }
        if let Some(plan) = &next.tunnel {
            plan.check_users(&self.tunnel_memory)?;
            if self.tunnels.is_none() {
                let (state, memory) = (&self.current.config.state, &mut self.tunnel_memory);
                self.tunnels = Some(tunnel::Desk::create(state, plan, memory, None)?);
            }
        }
        Ok(next)
    }

    /// Opens and makes what `config` needs beside what is served; dropped, nothing has changed.
    pub(super) fn prepare(&mut self, config: Config) -> Result<Generation, GuardError> {
        let (number, serving) = (self.last_number + 1, self.current.workers);
        let Generation { doors, sql, tunnel, .. } = &self.current;
        let sql = sql.as_ref().map(crate::sql::Plan::before);
        let tunnel = tunnel.as_ref().map(tunnel::Plan::before);
        let before = Current { doors, serving, sql, tunnel };
        let shelf = (&self.store, Some(self.certificates.current()));
        let next = Generation::prepare(config, number, before, &mut self.php, shelf)?;
        let (room, needed) = (self.free_slots().count(), started_anew(&next).count());
        if needed > room {
            let detail = format!("{room} places are left, {needed} are needed");
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

/// The workers to start for a generation: all of the web door, those of the other doors where they
/// are others than before.
fn started_anew(generation: &Generation) -> impl Iterator<Item = (Role, u32)> {
    let others = generation.single_workers();
    let others = others.filter(|(_, since)| *since == generation.number);
    let web = (0..generation.workers).map(|index| (Role::Web, index));
    web.chain(others.map(|(role, _)| (role, 0)))
}

/// More than a worker of the tunnel door waits for peers.
const FAREWELL: Duration = Duration::from_secs(10);
