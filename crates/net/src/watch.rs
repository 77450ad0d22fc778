//! The watch: deadlines and minimum rates of all connections of a worker, judged by one sweep.
//!
//! A connection costs a few stores per event, no timer. When it is too slow the sweep shuts its
//! socket down, which wakes the task that waits on it; the task asks [`Watched::breach`] why.
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
    /// Bytes moved in this phase, and how many of them the judge has heard of.
    moved: Cell<u64>,
    judged: Cell<u64>,
    breach: Cell<Option<Breach>>,
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
            moved: Cell::new(0),
            judged: Cell::new(0),
            breach: Cell::new(None),
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

    /// Judges every connection once; calls `on_breach` for each it ends.
    pub fn sweep(&self, mut on_breach: impl FnMut(Breach)) {
        let now = coarse_ms();
        self.all.borrow_mut().retain(|weak| {
            let Some(watched) = weak.upgrade() else { return false };
            if let Some(breach) = watched.judge(now, self.draining.get()) {
                watched.end(breach);
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
    }

    /// Enters a phase in which bytes must keep moving.
    pub fn enter_paced(&self, phase: Phase, limits: PaceLimits) {
        self.phase.set(phase);
        self.deadline_ms.set(NEVER);
        self.moved.set(0);
        self.judged.set(0);
        self.pace.replace(Some((Pace::new(coarse_ms(), &limits), limits)));
    }

    /// Bytes moved in the present phase.
    pub fn moved(&self, bytes: usize) {
        self.moved.set(self.moved.get() + bytes as u64);
    }

    /// The present phase.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.phase.get()
    }

    /// Why the sweep ended this connection, if it did.
    #[must_use]
    pub fn breach(&self) -> Option<Breach> {
        self.breach.get()
    }

    fn judge(&self, now: u64, draining: bool) -> Option<Breach> {
        if self.breach.get().is_some() {
            return None;
        }
        let phase = self.phase.get();
        if now >= self.deadline_ms.get() {
            let idle_drain = draining && phase == Phase::Idle;
            return Some(if idle_drain { Breach::Drain } else { Breach::Deadline(phase) });
        }
        let mut judge = self.pace.borrow_mut();
        let (pace, limits) = judge.as_mut()?;
        let taken = self.taken(phase);
        pace.moved(taken.saturating_sub(self.judged.get()));
        self.judged.set(taken.max(self.judged.get()));
        pace.judge(now, limits).map(|breach| match breach {
            PaceBreach::Stall => Breach::Stall(phase),
            PaceBreach::Rate => Breach::Rate(phase),
        })
    }

    /// Bytes the peer has really moved: what lies in our socket is not yet its merit.
    fn taken(&self, phase: Phase) -> u64 {
        let moved = self.moved.get();
        if phase != Phase::Send {
            return moved;
        }
        moved.saturating_sub(unacknowledged_bytes(&self.socket).unwrap_or(0))
    }

    /// Wakes the connection's task. A reader can still answer (408), so only its reading side is
    /// shut; a peer that does not take its answer is reset, which frees the kernel's buffers.
    fn end(&self, breach: Breach) {
        self.breach.set(Some(breach));
        let sending = matches!(
            breach,
            Breach::Deadline(Phase::Send) | Breach::Stall(Phase::Send) | Breach::Rate(Phase::Send)
        );
        let how = if sending { Shutdown::Both } else { Shutdown::Read };
        if sending {
            // Failure means the socket is already gone.
            let _ = sockopt::set_socket_linger(&self.socket, Some(Duration::ZERO));
        }
        let _ = shutdown(&self.socket, how);
    }
}

const NEVER: u64 = u64::MAX;

/// Interval of the sweep, milliseconds.
pub const SWEEP_MS: u64 = 250;
