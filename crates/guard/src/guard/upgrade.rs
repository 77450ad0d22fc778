//! Upgrade: this process becomes the program that is installed now, and keeps its sockets, its
//! workers and what they share. Nobody outside sees more than of a reload.
//!
//! 1. The program is tried as another process: it reads the inventory and the configuration. What
//!    it has against them is the reason of a refusal, and nothing has changed.
//! 2. Keeper and watch are ended: there is one of each at any time.
//! 3. `exec`, with the descriptors of the inventory. The workers serve on.
//! 4. The new program starts its own workers on the same sockets; when all are ready, those of the
//!    program before finish what they have.
//!
//! As long as the fourth step has not succeeded, this program can come back (`go_back`). One that
//! crashes as the guard cannot: its workers then finish what they have and the service manager
//! starts it again. docs/decisions/0052 says what others do.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use menshen_sys::scoreboard::{HeaderWord, SlotState};
use menshen_sys::spawn::{Foreign, Plan, spawn};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, WaitOptions, WaitStatus, waitpid};

use super::Guard;
use crate::companion::{Companion, handed_over};
use crate::error::GuardError;
use crate::handover::{self, FORMAT, Handed, Inventory, LAYOUTS, Outgoing};
use crate::signals::Asked;
use crate::worker::describe;
use crate::{log, notify};

/// How far an upgrade is.
#[derive(Debug)]
pub(super) enum Upgrade {
    /// The program is tried; it is killed at the moment.
    Trying { process: Companion, said: OwnedFd, until: Instant },
    /// It would do; keeper and watch are waited for.
    Clearing,
}

impl Upgrade {
    /// When it has to be looked after without waking.
    pub(super) const fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Trying { until, .. } => Some(*until),
            Self::Clearing => None,
        }
    }

    /// Nobody wants it any more.
    pub(super) fn drop_it(self) {
        if let Self::Trying { process, .. } = self {
            process.kill();
        }
    }
}

impl Guard {
    pub(super) fn begin_upgrade(&mut self, now: Instant) {
        notify::reloading();
        log::event(&format!("upgrade: trying {}", self.program.display()));
        // Who comes back begins with what is served now, as if it were new: what it names may have
        // gone since, and then nobody could go on.
        if let Err(error) = self.prepare(self.current.config.clone()) {
            let reason = error.render();
            return self.refuse_upgrade(&format!("there would be no way back\n{reason}\n{AHEAD}"));
        }
        match self.try_program(now) {
            Ok(trying) => self.upgrade = Some(trying),
            Err(error) => self.refuse_upgrade(&error.render()),
        }
    }

    /// Whether the ended process was the trial.
    pub(super) fn trial_ended(&mut self, pid: Pid, status: WaitStatus, now: Instant) -> bool {
        let ours = |upgrade: &mut Upgrade| match upgrade {
            Upgrade::Trying { process, .. } => process.pid() == pid,
            Upgrade::Clearing => false,
        };
        let Some(Upgrade::Trying { said, .. }) = self.upgrade.take_if(ours) else { return false };
        if status.exit_status() == Some(0) {
            self.keeper.quit(now);
            self.watch.quit(now);
            self.upgrade = Some(Upgrade::Clearing);
        } else {
            let mut words = vec![0; WORDS_BYTES_MAX];
            let count = rustix::io::read(&said, &mut words).unwrap_or(0);
            let words = String::from_utf8_lossy(words.get(..count).unwrap_or_default());
            let words: String = words.chars().filter(|c| *c == '\n' || !c.is_control()).collect();
            let program = self.program.display();
            let reason = format!("{program} {}\n{}", describe(status), words.trim_end());
            self.refuse_upgrade(reason.trim_end());
        }
        true
    }

    /// Goes on with an upgrade that is under way.
    pub(super) fn go_on_upgrading(&mut self, now: Instant) {
        match &mut self.upgrade {
            Some(Upgrade::Trying { process, until, .. }) if *until <= now => {
                process.kill();
                // Should the kernel take its time, the next look is not before this moment.
                *until = now + Duration::from_secs(1);
            }
            Some(Upgrade::Clearing) if self.keeper.is_gone() && self.watch.is_gone() => {
                self.upgrade = None;
                let error = self.become_next(now);
                self.want_keeper(now);
                self.watch.want(&self.current.config.guard, now);
                self.refuse_upgrade(&error.render());
            }
            _ => {}
        }
    }

    /// This program serves: what the one before left ends.
    pub(super) fn take_over(&mut self, before: &Handed, now: Instant) {
        let left = &before.inventory;
        if let Err(error) = self.current.steer(left.serving) {
            // Each socket has a worker all the same; only the shares are uneven.
            log::event(&error.render());
        }
        let patience = left.drain_seconds.map(|s| Duration::from_secs(s + 2));
        self.retire(now, patience, |_, worker| worker.generation > left.generation);
        if let (Some(plan), Some(desk)) = (&self.current.tunnel, &mut self.tunnels) {
            desk.take_over(plan, &mut self.tunnel_memory);
        }
        self.left_places = (left.generation, before.places.clone());
        self.board.set_header(HeaderWord::Generation, self.current.number);
        if before.can_go_back() {
            self.count_up(HeaderWord::UpgradesDone);
        }
        log::event(&format!("{}: {}", before.told(), self.status_line()));
    }

    /// The program before is had back, if there is one and this one has not served yet. Returns
    /// only where that cannot be.
    pub(super) fn go_back(&mut self, why: &GuardError, now: Instant) {
        let Some(before) = self.before.clone().filter(|before| before.can_go_back()) else {
            return;
        };
        let left = before.inventory.generation;
        for place in 0..self.workers.len() {
            if self.workers[place].generation > left {
                self.workers[place].kill(now);
                let _ = waitpid(Some(self.workers[place].pid), WaitOptions::empty());
                self.slot_of(&self.workers[place]).set_state(SlotState::Ended);
            }
        }
        self.php.abandon(&before, now);
        let error = before.go_back(why, &self.signals, self.not_done());
        log::event(&error.render());
    }

    /// What was asked for and has to wait.
    fn not_done(&self) -> Asked {
        let (reload, upgrade) = (self.reload_wanted, self.upgrade_wanted);
        Asked { reload, upgrade, ..Asked::default() }
    }

    fn refuse_upgrade(&self, reason: &str) {
        log::event(&format!("upgrade refused, nothing changed\n{reason}"));
        // The text first: whoever sees the count move reads it.
        self.board.set_text(reason);
        self.count_up(HeaderWord::UpgradesRefused);
        notify::ready(&self.status_line());
    }

    fn try_program(&self, now: Instant) -> Result<Upgrade, GuardError> {
        let path = || self.program.clone();
        let failed = |source| GuardError::LocalFile { action: "start", path: path(), source };
        let own = own_program().map_err(failed)?;
        let inventory = self.inventory(&own, now)?;
        let stdin = handed_over("handover", &inventory).map_err(failed)?;
        let (said, output) = pipe_with(PipeFlags::CLOEXEC).map_err(|e| failed(e.into()))?;
        rustix::io::ioctl_fionbio(&said, true).map_err(|e| failed(e.into()))?;
        // The command itself is the first.
        let given: Vec<String> =
            std::env::args_os().skip(2).map(|a| a.to_string_lossy().into_owned()).collect();
        let arguments: Vec<&str> =
            std::iter::once("trial").chain(given.iter().map(String::as_str)).collect();
        let foreign = Foreign { output, user: None, oom_score_adj: None, descriptors: None };
        let pid = spawn(Plan {
            program: &self.program,
            argv0: "menshen: trial",
            arguments: &arguments,
            stdin,
            keep: &[],
            hide: notify::HIDDEN,
            set: &[],
            foreign: Some(foreign),
        });
        let process = Companion::of(pid.map_err(failed)?, now);
        Ok(Upgrade::Trying { process, said, until: now + TRIAL_MAX })
    }

    fn become_next(&self, now: Instant) -> GuardError {
        let failed = |source| GuardError::LocalSystem { action: "open the own program", source };
        let own = match own_program() {
            Ok(own) => own,
            Err(error) => return failed(error),
        };
        match self.inventory(&own, now) {
            Ok(inventory) => {
                let not_done = self.not_done();
                handover::become_next(&self.program, &inventory, &self.signals, not_done)
            }
            Err(error) => error,
        }
    }

    fn inventory(&self, own: &File, now: Instant) -> Result<Inventory, GuardError> {
        let mut outgoing = Outgoing::default();
        let (current, home, out) = (&self.current, &self.home, &mut outgoing);
        let sql = current.sql.as_ref().zip(self.desk.as_ref());
        let tunnel = current.tunnel.as_ref().zip(self.tunnels.as_ref());
        let (places, php) = self.php.hand_over(out);
        let seconds = |drain: Option<u32>| u64::from(drain.unwrap_or(0));
        let inventory = Inventory {
            format: FORMAT,
            layouts: LAYOUTS,
            numbers: Vec::new(),
            program: self.program.clone(),
            program_fd: out.add(own),
            version: handover::version(),
            state: current.config.state.clone(),
            config: Inventory::config_text(&current.config)?,
            lock_fd: out.add(self.state.file()),
            board_fd: out.add(&home.scoreboard),
            failures_fd: out.add(&home.failures),
            posture_fd: out.add(home.posture.writable()),
            instance: home.instance.clone(),
            ticket_key: home.ticket_key,
            score_saved: self.protection.saved,
            descriptors: self.descriptors,
            generation: self.last_number,
            serving: current.workers,
            doors: current.doors.iter().map(|door| door.hand_over(out)).collect(),
            sql: sql.map(|(plan, desk)| plan.hand_over(desk, out)),
            tunnel: tunnel.map(|(plan, desk)| desk.hand_over(plan, out)),
            tunnel_memory: self.tunnel_memory.hand_over(out),
            places,
            php,
            workers: self.workers.iter().map(|worker| worker.hand_over(now)).collect(),
            drain_seconds: [
                u64::from(current.config.limits.drain_seconds_max),
                seconds(current.sql.as_ref().map(crate::sql::Plan::drain_seconds_max)),
                seconds(current.tunnel.as_ref().map(crate::tunnel::Plan::drain_seconds_max)),
            ],
        };
        Ok(Inventory { numbers: outgoing.numbers, ..inventory })
    }
}

/// The program that runs, even if its file is another one by now.
fn own_program() -> std::io::Result<File> {
    File::open("/proc/self/exe")
}

/// What to do where the settings that are served would not do any more.
const AHEAD: &str = "  hint: correct that, or `menshen reload` other settings before the upgrade";
/// How long a program may take to say whether it would do.
const TRIAL_MAX: Duration = Duration::from_secs(10);
/// More than any refusal says.
const WORDS_BYTES_MAX: usize = 4096;
