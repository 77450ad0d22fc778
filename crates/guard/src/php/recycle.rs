//! Children of our own php-fpm that got large end after their request, while memory is short.
//!
//! A child ends in order on SIGQUIT: it stops accepting, finishes what it has, and the master
//! starts another in its place (`sig_soft_quit` of php-fpm's `fpm_signals.c`). The guard is not its
//! parent, so a child is named by a descriptor of the process: numbers can be another's by then.
//!
//! It never ends a child with a request, and at most a quarter of a pool, at least one, is on its
//! way out at a time. How it fails: a child that is held by its request for long counts as on its
//! way out until then; one that cannot be read is left alone.

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use menshen_sys::posture::{Posture, Word};
use menshen_sys::proc;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::log;

/// Children on their way out, of all pools.
#[derive(Debug, Default)]
pub(crate) struct Recycler {
    leaving: Vec<Leaving>,
    look_at: Option<Instant>,
}

#[derive(Debug)]
struct Leaving {
    master: Pid,
    pid: u32,
    start_ticks: u64,
    /// What it had of its own when it was asked.
    own_bytes: u64,
    asked: Instant,
}

impl Recycler {
    /// When the posture is to be looked at next.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.look_at
    }

    /// Looks at the posture once in a while, when there are pools of our own: each master with its
    /// number of children.
    pub(crate) fn keep_times(&mut self, masters: &[(Pid, u32)], posture: &Posture, now: Instant) {
        if masters.is_empty() && self.leaving.is_empty() {
            self.look_at = None;
            return;
        }
        if self.look_at.is_some_and(|at| now < at) {
            return;
        }
        self.look_at = Some(now + LOOK);
        self.bury(posture, now);
        let limit = posture.view().get(Word::PhpBytes);
        if limit == 0 {
            return;
        }
        for &(master, children) in masters {
            self.ask(master, children, limit, posture, now);
        }
    }

    /// Counts those that ended.
    fn bury(&mut self, posture: &Posture, now: Instant) {
        self.leaving.retain(|child| {
            let alive = proc::Stat::read(child.pid)
                .is_ok_and(|stat| stat.start_ticks == child.start_ticks && stat.state != b'Z');
            if !alive {
                posture.add(Word::PhpEnded, 1);
                posture.add(Word::PhpFreed, child.own_bytes);
                log::event(&format!(
                    "php-fpm child {} ended after {:.1} s and freed {}",
                    child.pid,
                    now.saturating_duration_since(child.asked).as_secs_f32(),
                    menshen_guard_core::ladder::Bytes(child.own_bytes),
                ));
            }
            alive
        });
    }

    fn ask(&mut self, master: Pid, children: u32, limit: u64, posture: &Posture, now: Instant) {
        let most = usize::try_from(children / 4).unwrap_or(usize::MAX).max(1);
        let leaving = self.leaving.iter().filter(|child| child.master == master).count();
        let Some(room) = most.checked_sub(leaving).filter(|room| *room > 0) else { return };
        let mut large: Vec<(u64, u32)> = children_of(master)
            .into_iter()
            .filter(|pid| self.leaving.iter().all(|child| child.pid != *pid))
            .filter_map(|pid| {
                let resident = proc::Status::read(pid).ok()?.rss_kib * 1024;
                (resident > limit).then_some((resident, pid))
            })
            .collect();
        large.sort_unstable_by(|one, other| other.cmp(one));
        for (resident, pid) in large.into_iter().take(room) {
            let Some(child) = ask_one(master, pid, now) else { continue };
            posture.add(Word::PhpAsked, 1);
            log::event(&format!(
                "php-fpm child {pid} has {} resident; it ends after its request",
                menshen_guard_core::ladder::Bytes(resident)
            ));
            self.leaving.push(child);
        }
    }
}

/// Asks one child to end, if it still is that child.
fn ask_one(master: Pid, pid: u32, now: Instant) -> Option<Leaving> {
    let number = Pid::from_raw(i32::try_from(pid).ok()?)?;
    let process: OwnedFd = pidfd_open(number, PidfdFlags::empty()).ok()?;
    // Read behind the descriptor: whoever has the number now is who gets the signal.
    let stat = proc::Stat::read(pid).ok()?;
    if i32::try_from(stat.parent).ok() != Some(master.as_raw_nonzero().get()) {
        return None;
    }
    let status = proc::Status::read(pid).ok()?;
    pidfd_send_signal(&process, Signal::QUIT).ok()?;
    let own_bytes = (status.anon_kib + status.swap_kib) * 1024;
    Some(Leaving { master, pid, start_ticks: stat.start_ticks, own_bytes, asked: now })
}

/// Children of a process: as the kernel lists them, or by everybody's parent where it does not.
fn children_of(master: Pid) -> Vec<u32> {
    let number = master.as_raw_nonzero().get().unsigned_abs();
    match proc::read(number, &format!("task/{number}/children"), CHILDREN_BYTES_MAX) {
        Ok(text) => text
            .split(u8::is_ascii_whitespace)
            .filter_map(|word| std::str::from_utf8(word).ok()?.parse().ok())
            .collect(),
        Err(_) => proc::pids()
            .unwrap_or_default()
            .into_iter()
            .filter(|pid| proc::Stat::read(*pid).is_ok_and(|stat| stat.parent == number))
            .collect(),
    }
}

const LOOK: Duration = Duration::from_millis(500);
const CHILDREN_BYTES_MAX: usize = 1 << 20;
