//! Whether more of an answer may be taken from PHP, or PHP has to wait for its reader.
//!
//! While the client keeps up there is memory for a little; once it has fallen behind there is the
//! disk, up to `php_answer_spool_bytes_max` and until the file system is nearly full.
//!
//! Who is told to wait is woken: by the reader, which takes from what rests here, or, where it is
//! the disk that is full, by a look at it now and then, since others may have made room.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

use super::backlog::Backlog;

/// The room of one answer.
#[derive(Debug, Default)]
pub(crate) struct Room {
    /// How much had gone to the disk at the last look.
    looked_at: Option<u64>,
    /// The disk is nearly full; it is looked at again when this is over.
    full: Option<Pin<Box<Sleep>>>,
    /// Whether the limit was hit since the client last had caught up.
    hit: bool,
}

/// Why PHP has to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Halt {
    /// The answer's own limit.
    Limit,
    /// The disk is full, or nearly.
    Full,
}

impl Room {
    /// Ready when more may be taken. `most` bytes may rest on the disk, 0 for any number.
    /// `nearly_full` looks at the file system, `count` is told once why.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        answer: &Backlog,
        most: u64,
        mut nearly_full: impl FnMut() -> bool,
        count: impl FnOnce(Halt),
    ) -> Poll<()> {
        if answer.is_stuck() {
            // All that is here has to go to the client first, which wakes us then.
            self.count(Halt::Full, count);
            return Poll::Pending;
        }
        if answer.on_disk() == 0 {
            // What could not go to the disk has gone to the client since.
            if answer.len() < MEMORY_BYTES {
                self.hit = false;
                return Poll::Ready(());
            }
            // Otherwise it goes to the disk with the client's next look, where there is room.
            return if self.full.is_some() {
                self.wait(cx, &mut nearly_full, count)
            } else {
                Poll::Pending
            };
        }
        if most > 0 && answer.on_disk() >= most {
            self.count(Halt::Limit, count);
            return Poll::Pending;
        }
        if self.full.is_none() {
            let due = self.looked_at.is_none_or(|at| answer.spooled() >= at + LOOK_BYTES);
            if due {
                self.looked_at = Some(answer.spooled());
                if nearly_full() {
                    self.ran_out();
                }
            }
        }
        if self.full.is_some() {
            return self.wait(cx, &mut nearly_full, count);
        }
        Poll::Ready(())
    }

    /// Whether the disk is to be used at all; looks at it unless that was done a moment ago.
    pub(super) fn may_have_a_file(&mut self, nearly_full: impl FnOnce() -> bool) -> bool {
        if self.full.as_ref().is_some_and(|again| !again.is_elapsed()) {
            return false;
        }
        self.full = None;
        if nearly_full() {
            self.ran_out();
        }
        self.full.is_none()
    }

    /// The disk took no more.
    fn ran_out(&mut self) {
        self.full = Some(Box::pin(tokio::time::sleep(LOOK_AGAIN)));
    }

    /// Waits until a look finds room.
    fn wait(
        &mut self,
        cx: &mut Context<'_>,
        nearly_full: &mut impl FnMut() -> bool,
        count: impl FnOnce(Halt),
    ) -> Poll<()> {
        self.count(Halt::Full, count);
        while let Some(again) = &mut self.full {
            if again.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            if nearly_full() {
                again.as_mut().reset(Instant::now() + LOOK_AGAIN);
            } else {
                self.full = None;
            }
        }
        Poll::Ready(())
    }

    /// Counts the limit once until the client has caught up.
    fn count(&mut self, halt: Halt, count: impl FnOnce(Halt)) {
        if !std::mem::replace(&mut self.hit, true) {
            count(halt);
        }
    }
}

/// Read ahead of a client that still takes, bytes.
const MEMORY_BYTES: u64 = 128 << 10;
/// The file system is looked at after each so many bytes.
const LOOK_BYTES: u64 = 16 << 20;
/// How soon a disk that was nearly full is looked at again.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests;
