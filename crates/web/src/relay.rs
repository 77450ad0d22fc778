//! Octets both ways between a client's TLS connection and a unix socket, until both sides are done.
//!
//! A relay looks at no octet but the status of the first answer. It holds nothing while nothing
//! moves: octets lie in the worker's scratch, and only what one side did not take yet is kept: of
//! the client's at most [`UP_STEP_MAX`] and what TLS has unfinished, of the other side's one step
//! of ciphertext, which is small for slow readers. Nothing is read where what was read before is
//! not gone, so slowness passes on to whoever sends.
//!
//! Either side may end before the other. There is no limit on silence: what is behind the socket
//! has its own. How it ends is an [`End`]; a client that takes nothing of what waits for it for
//! long, and a socket that never answers, are ended by the watch.

use std::cell::Cell;
use std::future::{Future as _, poll_fn};
use std::io;
use std::os::fd::AsFd;
use std::pin::pin;
use std::task::{Context, Poll, ready};

use menshen_base::{Counter, EndReason, Phase, Who};
use menshen_net::{SendStep, Stream, Watched};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{RecvFlags, SendFlags, Shutdown, recv, send, shutdown};
use tokio::io::Interest;
use tokio::net::UnixStream;
use tokio::sync::Notify;

use crate::door::Transfer;
use crate::scratch::with_scratch;

/// One connection being relayed. The client's must have TLS.
pub(crate) struct Relay<'a> {
    client: &'a mut Stream,
    other: UnixStream,
    watched: &'a Watched,
    transfer: &'a Transfer,
    /// The client's octets that the other side has not taken yet.
    kept: Vec<u8>,
    kept_from: usize,
    up: Way,
    down: Way,
    up_step: usize,
    down_step: SendStep,
    /// Sent since the client's socket was asked whether it wants more.
    unasked: usize,
    stuck: Stuck,
    /// Who ended its direction first.
    first: Option<End>,
    /// The other side's socket once more, once it has said its last: how it is told that nobody is
    /// there any more. It is heard apart, since what it tells of room is not what sending needs.
    parting: Option<UnixStream>,
    /// Status of the first answer, 0 before it.
    status: u16,
    figures: Figures,
}

/// What ends all relays of a worker: those that run, and those that begin after it rang.
#[derive(Debug, Default)]
pub(crate) struct Cut {
    is_rung: Cell<bool>,
    bell: Notify,
}

/// What was relayed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Figures {
    /// From the client.
    pub(crate) up: u64,
    /// To the client.
    pub(crate) down: u64,
}

/// Who ended it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The other side, in order.
    Done,
    /// The client went first.
    Client,
    /// The other side broke off.
    Upstream,
    /// The watch: nothing was taken, or nothing answered, for too long.
    Limit,
    /// The worker ends.
    Operator,
}

/// One direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Open,
    Ended,
}

/// Whether the watch has a deadline for what waits for the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stuck {
    No,
    /// Nothing came from the other side yet.
    Unanswered,
    Yes,
}

impl<'a> Relay<'a> {
    /// A relay that sends `first` to the other side before anything else.
    pub(crate) fn new(
        client: &'a mut Stream,
        other: UnixStream,
        watched: &'a Watched,
        transfer: &'a Transfer,
        first: Vec<u8>,
    ) -> Self {
        Self {
            client,
            other,
            watched,
            transfer,
            kept: first,
            kept_from: 0,
            up: Way::Open,
            down: Way::Open,
            up_step: UP_STEP_MIN,
            down_step: SendStep::FIRST,
            unasked: 0,
            stuck: Stuck::Unanswered,
            first: None,
            parting: None,
            status: 0,
            figures: Figures::default(),
        }
    }

    /// Relays until it ends, or until `cut` rings. `stuck_seconds`: how long octets may wait for
    /// a client that takes none; 0 for as long as it likes.
    pub(crate) async fn run(&mut self, stuck_seconds: u32, cut: &Cut) -> End {
        self.watched.enter(Phase::Tunnel, ANSWER_SECONDS);
        let mut cut = pin!(cut.rung());
        loop {
            let turn = poll_fn(|cx| {
                if cut.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(Some(End::Operator));
                }
                self.poll(cx, stuck_seconds)
            });
            match turn.await {
                Some(end) => return end,
                // Others have something to send too.
                None => tokio::task::yield_now().await,
            }
        }
    }

    /// Status of the first answer; 0 when there was none.
    pub(crate) const fn status(&self) -> u16 {
        self.status
    }

    /// Octets relayed so far; of the first ones, those that this relay was not given.
    pub(crate) const fn figures(&self) -> Figures {
        self.figures
    }

    /// `None`: enough moved for one turn.
    fn poll(&mut self, cx: &mut Context<'_>, stuck_seconds: u32) -> Poll<Option<End>> {
        let mut moved = 0;
        loop {
            let (up, down) = (self.poll_up(cx), self.poll_down(cx, stuck_seconds));
            let waits = up.is_pending() && down.is_pending();
            for side in [up, down] {
                match side {
                    Poll::Ready(Ok(bytes)) => moved += bytes,
                    Poll::Ready(Err(end)) => return Poll::Ready(Some(end)),
                    Poll::Pending => {}
                }
            }
            if self.down == Way::Ended {
                let end = *self.first.get_or_insert(End::Done);
                if self.up == Way::Ended || self.poll_deserted(cx).is_ready() {
                    return Poll::Ready(Some(end));
                }
            }
            if waits {
                return Poll::Pending;
            }
            if moved >= TURN_BYTES {
                return Poll::Ready(None);
            }
        }
    }

    /// Moves some of the client's octets.
    fn poll_up(&mut self, cx: &mut Context<'_>) -> Poll<Result<usize, End>> {
        if self.up == Way::Ended {
            return Poll::Pending;
        }
        if self.kept_from < self.kept.len() {
            let rest = self.kept.get(self.kept_from..).unwrap_or_default();
            let Ok(taken) = ready!(poll_other_send(&self.other, cx, rest)) else {
                return self.no_more_up();
            };
            self.kept_from += taken;
            if self.kept_from == self.kept.len() {
                (self.kept, self.kept_from) = (Vec::new(), 0);
            }
            return Poll::Ready(Ok(taken));
        }
        let Self { client, other, kept, up_step, .. } = self;
        let received = ready!(with_scratch(|scratch| {
            client.poll_recv(cx, *up_step, scratch.data()).map_ok(|got| {
                let octets = scratch.data().get(..got).unwrap_or_default();
                // A refusal for good is found when the rest is sent.
                let taken = try_other_send(other, octets).unwrap_or(0);
                if taken < got {
                    *kept = octets.get(taken..).unwrap_or_default().to_vec();
                    *up_step = UP_STEP_MIN;
                } else if got >= *up_step {
                    *up_step = (*up_step * 2).min(UP_STEP_MAX);
                }
                got
            })
        }));
        match received {
            Ok(got @ 1..) => {
                self.figures.up += got as u64;
                self.transfer.moved_as(Counter::BytesIn, got as u64);
                Poll::Ready(Ok(got))
            }
            _ if self.watched.breach().is_some() => Poll::Ready(Err(End::Limit)),
            Ok(_) => {
                self.first.get_or_insert(End::Client);
                let _ = shutdown(&self.other, Shutdown::Write);
                self.no_more_up()
            }
            Err(_) => Poll::Ready(Err(End::Client)),
        }
    }

    /// Ends the client's direction; the other side's last words are waited for.
    fn no_more_up(&mut self) -> Poll<Result<usize, End>> {
        (self.kept, self.kept_from) = (Vec::new(), 0);
        self.up = Way::Ended;
        Poll::Ready(Ok(0))
    }

    /// Moves some octets to the client.
    fn poll_down(&mut self, cx: &mut Context<'_>, stuck_seconds: u32) -> Poll<Result<usize, End>> {
        if self.down == Way::Ended {
            return Poll::Pending;
        }
        let Poll::Ready(room) = self.poll_room(cx) else {
            if self.stuck == Stuck::No {
                self.stuck = Stuck::Yes;
                self.watched.enter(Phase::Tunnel, stuck_seconds);
            }
            return Poll::Pending;
        };
        room.map_err(|_| self.lost())?;
        if self.stuck == Stuck::Yes {
            self.stuck = Stuck::No;
            self.watched.enter(Phase::Tunnel, 0);
        }
        let Self { client, other, down_step, status, .. } = self;
        let step = down_step.bytes();
        let moved = ready!(with_scratch(|scratch| {
            let octets = scratch.data().get_mut(..step).unwrap_or_default();
            let got = match ready!(poll_other_recv(other, cx, octets)) {
                Ok(got) => got,
                // Its last words were read before. It only did not read all of ours (unix(7)),
                // as happens to whoever ends while a client is busy.
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => 0,
                Err(_) => return Poll::Ready(Err(End::Upstream)),
            };
            let octets = octets.get(..got).unwrap_or_default();
            if *status == 0 {
                *status = status_of(octets);
            }
            if got == 0 {
                return Poll::Ready(Ok(0));
            }
            // Over TLS all of it is taken; there was room.
            let sent = client.poll_send(cx, octets, SendFlags::empty());
            sent.map_ok(|_| got).map_err(|_| End::Client)
        }))?;
        if moved == 0 {
            return Poll::Ready(self.no_more_down());
        }
        if self.stuck == Stuck::Unanswered {
            self.stuck = Stuck::No;
            self.watched.enter(Phase::Tunnel, 0);
        }
        if self.client.holds_unsent() {
            self.down_step.shrink();
        } else if moved == step {
            self.down_step.grow();
        }
        self.unasked += moved;
        self.figures.down += moved as u64;
        self.transfer.moved_as(Counter::BytesOut, moved as u64);
        Poll::Ready(Ok(moved))
    }

    /// Waits until the client's socket has what was sent, and wants more.
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.client.holds_unsent() {
            ready!(self.client.poll_flush(cx))?;
        }
        if self.unasked >= UNASKED_MAX {
            ready!(self.client.poll_hungry(cx))?;
            self.unasked = 0;
        }
        Poll::Ready(Ok(()))
    }

    /// The other side has said its last; the client may go on for a moment.
    fn no_more_down(&mut self) -> Result<usize, End> {
        if self.figures.down == 0 {
            return Err(self.first.unwrap_or(End::Upstream));
        }
        self.down = Way::Ended;
        let other = self.other.as_fd().try_clone_to_owned();
        // Without a descriptor left the watch ends it.
        self.parting = other.and_then(|other| UnixStream::from_std(other.into())).ok();
        self.client.finish();
        self.watched.enter(Phase::Tunnel, AFTERWARDS_SECONDS);
        Ok(0)
    }

    /// Why the client's connection failed.
    fn lost(&self) -> End {
        if self.watched.breach().is_some() { End::Limit } else { End::Client }
    }

    /// Waits until the other side takes nothing any more.
    fn poll_deserted(&self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            if self.is_deserted() {
                return Poll::Ready(());
            }
            let Some(parting) = &self.parting else { return Poll::Pending };
            if ready!(parting.poll_write_ready(cx)).is_err() {
                return Poll::Ready(());
            }
            // Forgets that there is room. What cannot be forgotten is an end, seen above next.
            let forget = || Err::<(), _>(io::ErrorKind::WouldBlock.into());
            let _ = parting.try_io(Interest::WRITABLE, forget);
        }
    }

    /// Whether the other side takes nothing any more.
    fn is_deserted(&self) -> bool {
        let mut fds = [PollFd::new(&self.other, PollFlags::empty())];
        let asked = poll(&mut fds, Some(&Timespec::default()));
        asked.is_err() || fds[0].revents().intersects(PollFlags::HUP | PollFlags::ERR)
    }
}

impl Cut {
    /// Ends them.
    pub(crate) fn ring(&self) {
        self.is_rung.set(true);
        self.bell.notify_waiters();
    }

    /// Waits until it has rung.
    async fn rung(&self) {
        let bell = self.bell.notified();
        if !self.is_rung.get() {
            bell.await;
        }
    }
}

impl End {
    /// As the access log has it.
    pub(crate) const fn reason(self) -> EndReason {
        let who = match self {
            Self::Done => return EndReason::DONE,
            Self::Client => Who::Client,
            Self::Upstream => Who::Upstream,
            Self::Limit => Who::Limit,
            Self::Operator => Who::Operator,
        };
        EndReason::new(who, Phase::Tunnel)
    }
}

/// The three digits of an HTTP answer; 0 when it is none.
fn status_of(octets: &[u8]) -> u16 {
    let digits = octets.strip_prefix(b"HTTP/1.1 ").and_then(|rest| rest.get(..3));
    let digits = digits.and_then(|digits| std::str::from_utf8(digits).ok());
    digits.and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

/// Reads once. A read that did not fill the buffer has emptied the socket, so readiness is cleared
/// with it: that spares the read that would only say so.
fn poll_other_recv(
    other: &UnixStream,
    cx: &mut Context<'_>,
    out: &mut [u8],
) -> Poll<io::Result<usize>> {
    loop {
        ready!(other.poll_read_ready(cx))?;
        let mut got = None;
        let outcome = other.try_io(Interest::READABLE, || {
            let (_, bytes) = recv(other, &mut *out, RecvFlags::empty())?;
            got = Some(bytes);
            let emptied = bytes > 0 && bytes < out.len();
            if emptied { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(bytes) }
        });
        if let Some(bytes) = got {
            return Poll::Ready(Ok(bytes));
        }
        if let Some(done) = settle(outcome) {
            return Poll::Ready(done);
        }
    }
}

fn poll_other_send(
    other: &UnixStream,
    cx: &mut Context<'_>,
    octets: &[u8],
) -> Poll<io::Result<usize>> {
    loop {
        ready!(other.poll_write_ready(cx))?;
        if let Some(done) = settle(try_other_send(other, octets)) {
            return Poll::Ready(done);
        }
    }
}

fn try_other_send(other: &UnixStream, octets: &[u8]) -> io::Result<usize> {
    other.try_io(Interest::WRITABLE, || Ok(send(other, octets, SendFlags::NOSIGNAL)?))
}

/// `None`: try again once the socket is ready.
fn settle(outcome: io::Result<usize>) -> Option<io::Result<usize>> {
    use io::ErrorKind::{Interrupted, WouldBlock};
    match outcome {
        Err(error) if matches!(error.kind(), WouldBlock | Interrupted) => None,
        done => Some(done),
    }
}

/// How long the other side may take for its first octet, seconds: as long as [MS-SSTP] gives it.
const ANSWER_SECONDS: u32 = 60;
/// How long a client may go on sending to a side that has said its last, seconds.
const AFTERWARDS_SECONDS: u32 = 10;
const UP_STEP_MIN: usize = 16 << 10;
/// As much as a unix socket takes at once.
const UP_STEP_MAX: usize = 128 << 10;
/// Most that is sent to a client before its socket is asked whether it wants more, bytes.
const UNASKED_MAX: usize = 64 << 10;
/// Bytes one connection moves before the others have their turn; about a millisecond.
const TURN_BYTES: usize = 1 << 20;

#[cfg(test)]
mod tests;
