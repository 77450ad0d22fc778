//! What the process is told by signals: to end, or to dial again.
//!
//! SIGHUP means "dial again", but for the terminal that it comes from when it goes away: then it
//! means "end", as for every program that is used from one.

use std::io::{self, IsTerminal};
use std::task::{Context, Poll};

use tokio::signal::unix::{Signal, SignalKind, signal};

/// What is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// End in good order; the second time at once.
    End,
    /// End the session and dial again.
    Again,
}

/// Signals as they come.
#[derive(Debug)]
pub(super) struct Orders {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
    from_terminal: bool,
}

impl Orders {
    /// Takes the signals over.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
            from_terminal: has_terminal(),
        })
    }

    /// The next one.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Order> {
        let ends = [&mut self.terminate, &mut self.interrupt];
        if ends.into_iter().any(|signal| signal.poll_recv(cx).is_ready()) {
            return Poll::Ready(Order::End);
        }
        self.hang_up.poll_recv(cx).map(|_| match self.from_terminal && !has_terminal() {
            true => Order::End,
            false => Order::Again,
        })
    }
}

/// A terminal that was hung up is none any more.
fn has_terminal() -> bool {
    io::stdin().is_terminal() || io::stdout().is_terminal() || io::stderr().is_terminal()
}
