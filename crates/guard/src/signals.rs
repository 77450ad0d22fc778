//! The signals the guard listens to, as flags and a pipe that wakes its one poll loop.

use std::ffi::c_int;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use menshen_sys::hold::{hold, let_in};
use rustix::process::{Signal, getpid, kill_process};
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2};

/// Flags set by signal handlers.
#[derive(Debug)]
pub(crate) struct Signals {
    wake: UnixStream,
    reload: Arc<AtomicBool>,
    stop: Arc<AtomicBool>,
    interrupt: Arc<AtomicBool>,
    upgrade: Arc<AtomicBool>,
}

/// What was asked for since the last look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    /// `SIGHUP`, or `SIGUSR1`, which log rotation sends: a reload opens the log anew.
    pub(crate) reload: bool,
    /// `SIGTERM`.
    pub(crate) stop: bool,
    /// `SIGINT`.
    pub(crate) interrupt: bool,
    /// `SIGUSR2`: become the program that is installed now.
    pub(crate) upgrade: bool,
}

impl Signals {
    /// Installs the handlers.
    pub(crate) fn install() -> io::Result<Self> {
        let (wake, sender) = UnixStream::pair()?;
        wake.set_nonblocking(true)?;
        let (reload, stop, interrupt, upgrade) = Default::default();
        let flags = Self { wake, reload, stop, interrupt, upgrade };
        let rows = [
            (SIGHUP, Some(&flags.reload)),
            (SIGUSR1, Some(&flags.reload)),
            (SIGTERM, Some(&flags.stop)),
            (SIGINT, Some(&flags.interrupt)),
            (SIGUSR2, Some(&flags.upgrade)),
            (SIGCHLD, None),
        ];
        for (signal, flag) in rows {
            if let Some(flag) = flag {
                // The flag first: handlers run in the order of registration, and a loop that was
                // woken must find it.
                signal_hook::flag::register(signal, Arc::clone(flag))?;
            }
            signal_hook::low_level::pipe::register(signal, sender.try_clone()?)?;
        }
        // What came while another program became this one.
        let_in(&HANDLED)?;
        Ok(flags)
    }

    /// Becomes readable when a signal came.
    pub(crate) fn wake_fd(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }

    /// What was asked for since the last call. `SIGCHLD` only wakes: the caller waits for children
    /// each time.
    pub(crate) fn take(&self) -> Asked {
        let mut drained = [0; 64];
        while matches!((&self.wake).read(&mut drained), Ok(count) if count > 0) {}
        let take = |flag: &AtomicBool| flag.swap(false, Ordering::Relaxed);
        Asked {
            reload: take(&self.reload),
            stop: take(&self.stop),
            interrupt: take(&self.interrupt),
            upgrade: take(&self.upgrade),
        }
    }

    /// Before `exec`: holds all signals back. What was asked for and `not_done` yet waits with them
    /// and arrives when they are let in, here or in the program that this one becomes. Gives all
    /// of it.
    ///
    /// # Errors
    /// What the kernel says; they may be held back then.
    pub(crate) fn hold_with(&self, not_done: Asked) -> io::Result<Asked> {
        // First, or what comes between the look and the hold would be lost.
        hold(&HANDLED)?;
        let taken = self.take();
        let all = Asked {
            reload: taken.reload || not_done.reload,
            stop: taken.stop || not_done.stop,
            interrupt: taken.interrupt || not_done.interrupt,
            upgrade: taken.upgrade || not_done.upgrade,
        };
        let rows = [
            (all.reload, Signal::HUP),
            (all.stop, Signal::TERM),
            (all.interrupt, Signal::INT),
            (all.upgrade, Signal::USR2),
        ];
        for (_, signal) in rows.into_iter().filter(|(asked, _)| *asked) {
            kill_process(getpid(), signal)?;
        }
        Ok(all)
    }
}

impl Asked {
    /// Whether the guard is to end.
    pub(crate) const fn ends(self) -> bool {
        self.stop || self.interrupt
    }
}

/// All that would end a guard without handlers, and what it must not miss.
pub(crate) const HANDLED: [c_int; 6] = [SIGHUP, SIGUSR1, SIGUSR2, SIGTERM, SIGINT, SIGCHLD];
