//! A session's place in its thread: what it does, since when, and whether it has been asked to
//! leave.
//!
//! No session has a timer. One sweep looks at all places of a thread and asks those that are over
//! their time, or all that may when the worker ends; a session hears of it where it waits for its
//! client, never in the middle of a command. How it fails: a limit is noticed up to one sweep late.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, Waker};

use menshen_net::clock::coarse_ms;

/// A session's place.
#[derive(Debug)]
pub struct Seat {
    doing: Cell<Doing>,
    since_ms: Cell<u64>,
    asked: Cell<Option<Leave>>,
    waker: RefCell<Option<Waker>>,
}

/// What a session does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doing {
    /// It logs in.
    Login,
    /// It waits for its client between two commands, with nothing unfinished.
    Rest,
    /// It waits for its client with a transaction open, or with other things that would be lost.
    Transaction,
    /// It is at a command.
    Command,
}

/// Why a session must end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leave {
    /// Its login took too long.
    Slow,
    /// Its client was silent for too long.
    Idle,
    /// The worker ends.
    Stop,
}

/// The places of one thread.
#[derive(Debug)]
pub struct Room {
    seats: RefCell<Vec<Weak<Seat>>>,
    stopping: Cell<bool>,
    login_ms_max: u64,
    idle_ms_max: u64,
}

impl Room {
    /// A room whose sessions have so long for their login and for silence, seconds; 0: for ever.
    #[must_use]
    pub fn new(login_seconds_max: u32, idle_seconds_max: u32) -> Self {
        let (seats, stopping) = (RefCell::default(), Cell::new(false));
        let ms = |seconds: u32| if seconds == 0 { u64::MAX } else { u64::from(seconds) * 1000 };
        let (login_ms_max, idle_ms_max) = (ms(login_seconds_max), ms(idle_seconds_max));
        Self { seats, stopping, login_ms_max, idle_ms_max }
    }

    /// A new session's place, which logs in.
    #[must_use]
    pub fn enter(&self) -> Rc<Seat> {
        let seat = Rc::new(Seat {
            doing: Cell::new(Doing::Login),
            since_ms: Cell::new(coarse_ms()),
            asked: Cell::new(self.stopping.get().then_some(Leave::Stop)),
            waker: RefCell::new(None),
        });
        self.seats.borrow_mut().push(Rc::downgrade(&seat));
        seat
    }

    /// Asks those that are over their time to leave.
    pub fn sweep(&self) {
        self.sweep_at(coarse_ms());
    }

    /// Asks everybody to leave, now and from now on: those in a transaction or at a command when
    /// they are through.
    pub fn stop(&self) {
        self.stopping.set(true);
        for seat in self.seats.borrow().iter().filter_map(Weak::upgrade) {
            seat.ask(Leave::Stop);
        }
    }

    /// Sessions that are there.
    #[must_use]
    pub fn len(&self) -> usize {
        self.seats.borrow().iter().filter(|seat| seat.strong_count() > 0).count()
    }

    /// Whether no session is there.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn sweep_at(&self, now_ms: u64) {
        self.seats.borrow_mut().retain(|seat| {
            let Some(seat) = seat.upgrade() else { return false };
            let age = now_ms.saturating_sub(seat.since_ms.get());
            match seat.doing.get() {
                Doing::Login if age > self.login_ms_max => seat.ask(Leave::Slow),
                Doing::Rest | Doing::Transaction if age > self.idle_ms_max => seat.ask(Leave::Idle),
                _ => {}
            }
            true
        });
    }
}

impl Seat {
    /// Says what the session does from now on.
    pub fn does(&self, doing: Doing) {
        self.doing.set(doing);
        // Nobody asks how long a command has taken.
        if doing != Doing::Command {
            self.since_ms.set(coarse_ms());
        }
    }

    /// Since when it does what it does, in milliseconds of the coarse clock.
    #[must_use]
    pub const fn since_ms(&self) -> u64 {
        self.since_ms.get()
    }

    /// Resolves when the session must leave, which may be at once.
    pub fn poll_leave(&self, cx: &mut Context<'_>) -> Poll<Leave> {
        match (self.asked.get(), self.doing.get()) {
            (Some(Leave::Stop), Doing::Transaction | Doing::Command) | (None, _) => {}
            (Some(leave), _) => return Poll::Ready(leave),
        }
        let mut waker = self.waker.borrow_mut();
        if !waker.as_ref().is_some_and(|known| known.will_wake(cx.waker())) {
            *waker = Some(cx.waker().clone());
        }
        Poll::Pending
    }

    fn ask(&self, leave: Leave) {
        if self.asked.replace(Some(leave)).is_none()
            && let Some(waker) = self.waker.borrow().as_ref()
        {
            waker.wake_by_ref();
        }
    }
}

/// Time between two sweeps, milliseconds.
pub const SWEEP_MS: u64 = 500;

#[cfg(test)]
mod tests;
