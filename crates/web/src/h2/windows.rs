//! How much a connection that uploads may send ahead: as much as its way holds, and no more.
//!
//! A window has to hold what is under way in two round trips: one that is filled, and one whose
//! credit has not come back (the library gives credit in halves). How long a way is nobody tells,
//! so it is measured: a PING is sent while bytes arrive; if half a window or more has come before
//! its answer, the window was what held the client up, and becomes four times as large. A short way
//! never asks for more; a long one has what it needs after a few round trips.
//!
//! A window is a promise to hold so many bytes should the disk be slow, so all that connections
//! have beyond their first is taken from one budget of the worker. When that is used up, windows
//! stay as they are: slower, never more memory.

use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use h2::server::Connection;
use h2::{Ping, PingPong};
use menshen_net::{AsyncStream, clock};

use crate::door::Door;

/// The windows of one connection; what they took of the budget is given back at the end.
pub(super) struct Windows {
    door: Rc<Door>,
    /// Present size, bytes, of the connection's window and of each stream's.
    size: u32,
    pings: Option<PingPong>,
    asking: Asking,
    /// Answers since the windows last grew: the first is about the windows before.
    answers: u32,
}

/// Where the measuring is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asking {
    /// No large body so far.
    NotYet,
    /// A first step is due when more than so many bytes have come.
    Beyond(Option<u64>),
    /// The next PING is sent when bytes arrive after this time, microseconds.
    From(u64),
    /// A PING is out; so many bytes were uploaded before it.
    Since(u64),
}

impl Windows {
    /// Of a connection that has just begun.
    pub(super) fn new(door: Rc<Door>, connection: &mut Connection<AsyncStream, Bytes>) -> Self {
        let (size, pings, asking) = (FIRST_BYTES, connection.ping_pong(), Asking::NotYet);
        Self { door, size, pings, asking, answers: 0 }
    }

    /// An upload is there, or about to come.
    pub(super) fn begin(&mut self) {
        if self.asking == Asking::NotYet {
            self.asking = Asking::Beyond(None);
        }
    }

    /// Measures; ready when the windows are to grow. `uploaded` is how many bytes have come on this
    /// connection so far.
    pub(super) fn poll_short(&mut self, cx: &mut Context<'_>, uploaded: u64) -> Poll<()> {
        match self.asking {
            Asking::NotYet => Poll::Pending,
            Asking::Beyond(bytes) if bytes.is_some_and(|bytes| uploaded <= bytes) => Poll::Pending,
            Asking::Beyond(_) => {
                // Where the step is refused: again with the next bytes.
                self.asking = Asking::Beyond(Some(uploaded));
                Poll::Ready(())
            }
            Asking::From(at) if clock::micros() < at || self.size >= self.most() => Poll::Pending,
            Asking::From(_) => {
                let sent = self.pings.as_mut().map(|pings| pings.send_ping(Ping::opaque()));
                if matches!(sent, Some(Ok(()))) {
                    self.asking = Asking::Since(uploaded);
                    // The answer wakes whoever has asked for it last.
                    return self.poll_answer(cx, uploaded);
                }
                Poll::Pending
            }
            Asking::Since(_) => self.poll_answer(cx, uploaded),
        }
    }

    fn poll_answer(&mut self, cx: &mut Context<'_>, uploaded: u64) -> Poll<()> {
        let (Some(pings), Asking::Since(before)) = (&mut self.pings, self.asking) else {
            return Poll::Pending;
        };
        match pings.poll_pong(cx) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Ok(_)) => {}
            Poll::Ready(Err(_)) => {
                // The connection has ended; the library tells it elsewhere.
                self.pings = None;
                return Poll::Pending;
            }
        }
        self.answers += 1;
        self.asking = Asking::From(0);
        if 2 * uploaded.saturating_sub(before) >= u64::from(self.size) {
            return Poll::Ready(());
        }
        if self.answers >= ANSWERS_MAX {
            self.pause();
        }
        Poll::Pending
    }

    fn pause(&mut self) {
        self.answers = 0;
        self.asking = Asking::From(clock::micros() + PAUSE_US);
    }

    /// Makes the windows larger as far as budget and limit allow.
    pub(super) fn grow(&mut self, connection: &mut Connection<AsyncStream, Bytes>) {
        let wanted = self.size.saturating_mul(4).max(SECOND_BYTES).min(self.most());
        let more = u64::from(wanted.saturating_sub(self.size));
        let budget = self.door.window_budget.get();
        if more == 0 || budget < more {
            self.pause();
            return;
        }
        // Refused while the client has not acknowledged the settings before: later, then.
        if connection.set_initial_window_size(wanted).is_ok() {
            connection.set_target_window_size(wanted);
            self.door.window_budget.set(budget - more);
            (self.size, self.answers, self.asking) = (wanted, 0, Asking::From(0));
        }
    }

    /// The limit of a window, bytes.
    fn most(&self) -> u32 {
        self.door.limits.h2_window_bytes_max
    }
}

impl Drop for Windows {
    fn drop(&mut self) {
        let taken = u64::from(self.size.saturating_sub(FIRST_BYTES));
        self.door.window_budget.set(self.door.window_budget.get() + taken);
    }
}

/// First window of a stream and of a connection, bytes.
pub(super) const FIRST_BYTES: u32 = 256 << 10;
/// The window of whoever uploads as much as [`UPLOAD_BYTES_MIN`], bytes.
const SECOND_BYTES: u32 = 4 << 20;
/// Smaller bodies do not make a connection one that uploads, nor less than this in all, bytes.
pub(super) const UPLOAD_BYTES_MIN: u64 = 512 << 10;
/// PINGs that may follow each other before the windows count as large enough.
const ANSWERS_MAX: u32 = 4;
/// Until the next PINGs then, microseconds.
const PAUSE_US: u64 = 250_000;

#[cfg(test)]
mod tests;
