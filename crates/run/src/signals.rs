//! The signals a supervisor passes on or acts on, as flags and a pipe that wakes its poll loop.
//!
//! A signal that was ignored when we were started (`nohup`) stays ignored, by the program too.

use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::process::Signal;
use signal_hook::consts::{
    SIGCHLD, SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGUSR1, SIGUSR2, SIGWINCH,
};

/// Flags set by signal handlers.
#[derive(Debug)]
pub(crate) struct Signals {
    wake: UnixStream,
    flags: Vec<(Signal, Arc<AtomicBool>)>,
}

impl Signals {
    /// Installs the handlers; from now on this process is not stopped by a terminal.
    pub(crate) fn install() -> io::Result<Self> {
        menshen_sys::process::ignore_terminal_stops();
        let ignored = menshen_sys::proc::Status::read(std::process::id())?.ignored;
        let (wake, sender) = UnixStream::pair()?;
        wake.set_nonblocking(true)?;
        sender.set_nonblocking(true)?;
        let mut flags = Vec::new();
        for (number, signal) in LISTENED {
            if ignored >> (number - 1) & 1 == 1 {
                continue;
            }
            let flag = Arc::new(AtomicBool::new(false));
            // The flag first: handlers run in the order of registration.
            signal_hook::flag::register(number, Arc::clone(&flag))?;
            signal_hook::low_level::pipe::register(number, sender.try_clone()?)?;
            flags.push((signal, flag));
        }
        Ok(Self { wake, flags })
    }

    /// Becomes readable when a signal came.
    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }

    /// The signals that came since the last call, in the order of [`LISTENED`].
    pub(crate) fn take(&self) -> Vec<Signal> {
        let mut drained = [0; 64];
        while matches!((&self.wake).read(&mut drained), Ok(count) if count > 0) {}
        let came = self.flags.iter().filter(|(_, flag)| flag.swap(false, Ordering::Relaxed));
        came.map(|(signal, _)| *signal).collect()
    }
}

/// Those that ask for the end come first.
const LISTENED: [(i32, Signal); 10] = [
    (SIGTERM, Signal::TERM),
    (SIGINT, Signal::INT),
    (SIGQUIT, Signal::QUIT),
    (SIGHUP, Signal::HUP),
    (SIGUSR1, Signal::USR1),
    (SIGUSR2, Signal::USR2),
    (SIGWINCH, Signal::WINCH),
    (SIGCONT, Signal::CONT),
    (SIGTSTP, Signal::TSTP),
    (SIGCHLD, Signal::CHILD),
];
