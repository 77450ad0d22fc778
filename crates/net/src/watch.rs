//! The watch: deadlines and minimum rates of all connections of a worker, judged by one sweep.
//!
//! A connection costs a few stores per event, no timer. When it is too slow the sweep shuts its
//! socket down, which wakes the task that waits on it; the task asks [`Watched::breach`] why.
//! A connection that was ended may still answer (408) or flush what it has, as long as its peer
//! takes that: one that enters a new phase is judged anew, any other is reset once
//! [`FAREWELL_MS`] pass in which nothing more was delivered. So no peer can hold it for ever.
//!
//! How it fails: a deadline is noticed up to one sweep interval late. That is accepted.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::time::Duration;

use menshen_base::Phase;
use menshen_base::pace::{Pace, PaceBreach, PaceLimits};
use menshen_sys::queue::unacknowledged_bytes;
use rustix::net::{Shutdown, shutdown, sockopt};
use tokio::net::TcpStream;

use crate::clock::coarse_ms;

/// All watched connections of a worker.
#[derive(Debug, Default)]
pub struct Watch {
    all: RefCell<Vec<Weak<Watched>>>,
    draining: Cell<bool>,
}

/// One connection's clock.
#[derive(Debug)]
pub struct Watched {
    socket: Rc<TcpStream>,
    phase: Cell<Phase>,
    deadline_ms: Cell<u64>,
    /// The judge of the present body.
    pace: RefCell<Option<(Pace, PaceLimits)>>,
    /// Bytes received and sent in this phase, and how many of both the judge has heard of.
    received: Cell<u64>,
    sent: Cell<u64>,
    judged: Cell<u64>,
    breach: Cell<Option<Breach>>,
    /// Since when the peer waits for us; [`NEVER`]: it does not.
    paused_ms: Cell<u64>,
}

/// Why the sweep ended a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Breach {
    /// The phase's deadline passed.
    Deadline(Phase),
    /// No byte moved for too long while a body was read or sent.
    Stall(Phase),
    /// Bytes moved too slowly.
    Rate(Phase),
    /// The worker drains and the connection was idle.
    Drain,
}

impl Watch {
    /// Adds a connection.
    pub fn add(&self, socket: Rc<TcpStream>) -> Rc<Watched> {
        let watched = Rc::new(Watched {
            socket,
            phase: Cell::new(Phase::Handshake),
            deadline_ms: Cell::new(NEVER),
            pace: RefCell::new(None),
            received: Cell::new(0),
            sent: Cell::new(0),
            judged: Cell::new(0),
            breach: Cell::new(None),
            paused_ms: Cell::new(NEVER),
        });
        self.all.borrow_mut().push(Rc::downgrade(&watched));
        watched
    }

    /// Whether the worker drains.
    #[must_use]
    pub fn draining(&self) -> bool {
        self.draining.get()
    }

    /// Begins draining: idle connections get `idle_ms` more to send one last request.
    pub fn drain(&self, idle_ms: u64) {
        self.draining.set(true);
        let latest = coarse_ms() + idle_ms;
        for watched in self.all.borrow().iter().filter_map(Weak::upgrade) {
            if watched.phase.get() == Phase::Idle {
                watched.deadline_ms.set(watched.deadline_ms.get().min(latest));
            }
        }
    }

    /// Resets every connection that is not in `phase`.
    pub fn reset_all_but(&self, phase: Phase) {
        let all = self.all.borrow();
        let others = all.iter().filter_map(Weak::upgrade);
        others.filter(|watched| watched.phase.get() != phase).for_each(|watched| watched.reset());
    }

    /// Judges every connection once; calls `on_breach` for each it ends.
    pub fn sweep(&self, on_breach: impl FnMut(Breach)) {
        self.sweep_at(coarse_ms(), on_breach);
    }

    fn sweep_at(&self, now: u64, mut on_breach: impl FnMut(Breach)) {
        self.all.borrow_mut().retain(|weak| {
            let Some(watched) = weak.upgrade() else { return false };
            if let Some(breach) = watched.judge(now, self.draining.get()) {
                watched.end(breach, now);
                on_breach(breach);
            }
            true
        });
    }

    /// Sweeps for ever, every [`SWEEP_MS`].
    pub async fn run(self: Rc<Self>, mut on_breach: impl FnMut(Breach)) {
        let mut ticks = tokio::time::interval(Duration::from_millis(SWEEP_MS));
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.sweep(&mut on_breach);
        }
    }
}

impl Watched {
    /// Enters a phase that must end within `seconds`; 0 means no deadline.
    pub fn enter(&self, phase: Phase, seconds: u32) {
        self.phase.set(phase);
        let deadline = if seconds == 0 { NEVER } else { coarse_ms() + u64::from(seconds) * 1000 };
        self.deadline_ms.set(deadline);
        self.pace.take();
        self.breach.set(None);
        self.paused_ms.set(NEVER);
    }

    /// Enters a phase in which bytes must keep moving.
    pub fn enter_paced(&self, phase: Phase, limits: PaceLimits) {
        self.phase.set(phase);
        self.deadline_ms.set(NEVER);
        self.breach.set(None);
        self.received.set(0);
        self.sent.set(0);
        self.judged.set(0);
        self.paused_ms.set(NEVER);
        self.pace.replace(Some((Pace::new(coarse_ms(), &limits), limits)));
    }

    /// From now on the peer waits for us (a disk, an object store): until [`Self::resume`] it is
    /// not judged for what does not move. A new phase ends it, too.
    pub fn pause(&self) {
        self.pause_at(coarse_ms());
    }

    /// The peer is to move bytes again. It is judged as if no time had passed: its time of grace is
    /// not renewed.
    pub fn resume(&self) {
        self.resume_at(coarse_ms());
    }

    fn pause_at(&self, now: u64) {
        self.paused_ms.set(self.paused_ms.get().min(now));
    }

    fn resume_at(&self, now: u64) {
        let since = self.paused_ms.replace(NEVER);
        if since != NEVER
            && let Some((pace, _)) = self.pace.borrow_mut().as_mut()
        {
            pace.waited(now.saturating_sub(since));
        }
    }

    /// Bytes received in the present phase.
    pub fn received(&self, bytes: usize) {
        self.received.set(self.received.get() + bytes as u64);
    }

    /// Bytes handed to the socket in the present phase; they count once the peer has them.
    pub fn sent(&self, bytes: usize) {
        self.sent.set(self.sent.get() + bytes as u64);
    }

    /// The present phase.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.phase.get()
    }

    /// Why the sweep ended this connection in the present phase, if it did.
    #[must_use]
    pub fn breach(&self) -> Option<Breach> {
        self.breach.get()
    }

    fn judge(&self, now: u64, draining: bool) -> Option<Breach> {
        if self.breach.get().is_some() {
            self.judge_farewell(now);
            return None;
        }
        let phase = self.phase.get();
        if now >= self.deadline_ms.get() {
            let idle_drain = draining && phase == Phase::Idle;
            return Some(if idle_drain { Breach::Drain } else { Breach::Deadline(phase) });
        }
        if self.paused_ms.get() != NEVER {
            return None;
        }
        let mut judge = self.pace.borrow_mut();
        let (pace, limits) = judge.as_mut()?;
        let taken = self.taken();
        pace.moved(taken.saturating_sub(self.judged.get()));
        self.judged.set(taken.max(self.judged.get()));
        pace.judge(now, limits).map(|breach| match breach {
            PaceBreach::Stall => Breach::Stall(phase),
            PaceBreach::Rate => Breach::Rate(phase),
        })
    }

    /// Bytes the peer has really moved: what lies in our socket is not yet its merit.
    fn taken(&self) -> u64 {
        self.received.get() + self.delivered()
    }

    fn delivered(&self) -> u64 {
        let sent = self.sent.get();
        let waiting = if sent == 0 { 0 } else { unacknowledged_bytes(&self.socket).unwrap_or(0) };
        sent.saturating_sub(waiting)
    }

    /// Wakes the connection's task. A reader can still answer (408), so only its reading side is
    /// shut; a peer that does not take its answer is reset, which frees the kernel's buffers.
    fn end(&self, breach: Breach, now: u64) {
        self.breach.set(Some(breach));
        if self.phase.get() == Phase::Send {
            return self.reset();
        }
        self.deadline_ms.set(now + FAREWELL_MS);
        self.judged.set(self.delivered());
        // Failure means the socket is already gone.
        let _ = shutdown(&self.socket, Shutdown::Read);
    }

    fn judge_farewell(&self, now: u64) {
        if now < self.deadline_ms.get() {
            return;
        }
        let delivered = self.delivered();
        if delivered > self.judged.get() {
            self.judged.set(delivered);
            self.deadline_ms.set(now + FAREWELL_MS);
        } else {
            self.reset();
        }
    }

    fn reset(&self) {
        self.deadline_ms.set(NEVER);
        // Failure means the socket is already gone.
        let _ = sockopt::set_socket_linger(&self.socket, Some(Duration::ZERO));
        let _ = shutdown(&self.socket, Shutdown::Both);
    }
}

const NEVER: u64 = u64::MAX;

/// Interval of the sweep, milliseconds.
pub const SWEEP_MS: u64 = 250;

/// How long an ended connection may deliver nothing before it is reset, milliseconds.
pub const FAREWELL_MS: u64 = 5000;

#[cfg(test)]
mod tests;
