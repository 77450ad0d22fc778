//! PHP's answer on its way to the client.
//!
//! PHP is read at its own speed, whatever the client's: what the client does not take rests in the
//! [`Backlog`]. The moment PHP has said all, its worker is free; that is the point of the door.
//!
//! How it fails: PHP breaks off in the middle (the client's answer breaks off too, it must not
//! look whole); PHP is silent for too long; the disk is nearly full or the answer's limit is
//! reached (PHP waits for its reader, counted; see [`Room`]).

use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use menshen_base::Counter;
use menshen_net::clock;
use menshen_web_core::cgi::CgiError;

use super::Pool;
use super::admission::Ticket;
use super::backlog::Backlog;
use super::call::Failure;
use super::delivery::Leftovers;
use super::exchange::{Exchange, State, Trouble};
use super::head::{AnswerHead, judge};
use super::kept::Kept;
use super::line::Line;
use super::room::{Halt, Room};
use crate::door::Door;
use crate::log::PhpNote;
use crate::site::Script;

/// An answer whose head is known and whose body may still be coming.
#[derive(Debug)]
pub(crate) struct Streaming {
    pub(super) door: Rc<Door>,
    pub(super) pool: Rc<Pool>,
    pub(crate) script: Box<Script>,
    pub(super) exchange: Exchange,
    pub(super) room: Room,
    /// The place at PHP; `None` once it was given back.
    pub(super) ticket: Option<Ticket<Line>>,
    pub(super) leftovers: Option<Leftovers>,
    pub(crate) kept: Kept,
    pub(crate) note: PhpNote,
    pub(super) began_us: u64,
    pub(super) head: Option<AnswerHead>,
    /// The answer's status; 0 while it is not known.
    pub(super) status: u16,
}

/// What there is to send now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Supply {
    /// Bytes can be taken from the backlog.
    Bytes,
    /// Nothing now, more may come.
    Waiting,
    /// All was taken.
    Ended,
    /// It will never be whole.
    Broken,
}

/// How a client left an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Left {
    /// With all it wanted.
    Served,
    /// Before that.
    Gone,
}

impl Streaming {
    /// Reads until the answer's head is whole.
    pub(super) async fn hear_head(&mut self) -> Result<(), Failure> {
        let most = usize::try_from(self.door.limits.php_head_bytes_max).unwrap_or(usize::MAX);
        let patience = self.patience();
        let mut searched = 0;
        loop {
            self.exchange.take_heard();
            let heard = poll_fn(|cx| self.exchange.poll_step(cx));
            if tokio::time::timeout(patience, heard).await.is_err() {
                // A PHP that still takes its input is not silent.
                if self.exchange.take_heard() {
                    continue;
                }
                self.release(Some(Failure::Silent));
                return Err(Failure::Silent);
            }
            match judge(self.exchange.answer.memory(), most, &mut searched) {
                Ok(Some((head, len))) => {
                    self.exchange.answer.advance(len);
                    self.status = head.status;
                    self.head = Some(head);
                    self.after_step();
                    return Ok(());
                }
                Ok(None) => {}
                Err(error) => {
                    if matches!(error, CgiError::TooLong | CgiError::TooManyFields) {
                        self.door.slot.add(Counter::LimitPhpHead, 1);
                    }
                    self.release(Some(Failure::BadHead(error)));
                    return Err(Failure::BadHead(error));
                }
            }
            let failure = match self.exchange.state {
                State::Open => continue,
                State::Broken(Trouble::Closed) if self.exchange.was_unread() => {
                    match self.pool.connect_anew(&self.door).await {
                        Ok(line) => {
                            self.exchange.begin_again(line);
                            continue;
                        }
                        Err(failure) => failure,
                    }
                }
                State::Whole => Failure::Broken(Trouble::Headless),
                State::Broken(trouble) => Failure::Broken(trouble),
            };
            self.release(Some(failure));
            return Err(failure);
        }
    }

    /// Whether the prepend script put the files in place, if it was told to: its word comes with
    /// the answer. Otherwise the application has seen placeholders, and the next upload must not.
    pub(super) fn check_swap(&self, nonce: Option<&str>) {
        let Some(nonce) = nonce else { return };
        let said = self.head.as_ref().and_then(|head| head.swap.as_deref()).unwrap_or_default();
        let mut words = said.split(|&b| b == b' ');
        let ours = words.next() == Some(nonce.as_bytes());
        let failed = words.nth(1);
        if !ours || failed != Some(b"0") {
            self.pool.swap_failed(&self.door, &self.script);
        }
    }

    /// The answer's status.
    pub(crate) const fn status(&self) -> u16 {
        self.status
    }

    /// The head; taken once.
    pub(crate) fn take_head(&mut self) -> Option<AnswerHead> {
        self.head.take()
    }

    /// Reads on from PHP unless too much rests already. Ready when something changed.
    pub(crate) fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.exchange.state != State::Open {
            return Poll::Pending;
        }
        let most = self.door.limits.php_answer_spool_bytes_max;
        let Self { room, exchange, pool, door, script, .. } = self;
        let slot = &door.slot;
        let hit = |halt| {
            slot.add(Counter::LimitPhpAnswerSpool, 1);
            if halt == Halt::Full {
                let what = "finding php-spool error: an answer waits for its reader: disk full";
                door.notes.tell(what, &script.name);
            }
        };
        ready!(room.poll(cx, &exchange.answer, most, || pool.spool.is_nearly_full(), hit));
        let polled = self.exchange.poll_step(cx);
        if polled.is_ready() {
            self.after_step();
        }
        polled
    }

    /// What there is to send now.
    pub(crate) fn supply(&self) -> Supply {
        match self.exchange.state {
            _ if self.exchange.answer.len() > 0 => Supply::Bytes,
            State::Open => Supply::Waiting,
            State::Whole => Supply::Ended,
            State::Broken(_) => Supply::Broken,
        }
    }

    /// Bytes of the body still to come, once PHP has said all.
    pub(crate) fn rest(&self) -> Option<u64> {
        (self.exchange.state == State::Whole).then(|| self.exchange.answer.len())
    }

    /// What PHP said and the client has not taken.
    pub(crate) fn backlog(&mut self) -> &mut Backlog {
        &mut self.exchange.answer
    }

    /// The client does not take more now. What cannot go to the disk stays in memory, and PHP
    /// waits.
    pub(crate) fn settle(&mut self) {
        if !self.exchange.answer.is_for_a_file() {
            return;
        }
        let spool = &self.pool.spool;
        if self.room.may_have_a_file(|| spool.is_nearly_full()) {
            self.exchange.answer.settle(|| spool.anonymous());
        }
    }

    /// How long PHP may be silent.
    pub(crate) fn patience(&self) -> Duration {
        match self.door.limits.php_silence_seconds_max {
            0 => FOREVER,
            seconds => Duration::from_secs(u64::from(seconds)),
        }
    }

    /// Nothing came from PHP for `patience`.
    pub(crate) fn gave_up_waiting(&mut self) {
        self.door.slot.add(Counter::LimitPhpSilence, 1);
        self.exchange.state = State::Broken(Trouble::Closed);
        self.release(Some(Failure::Silent));
    }

    /// Whether PHP was heard, or took something, since the last call.
    pub(crate) fn take_heard(&mut self) -> bool {
        self.exchange.take_heard()
    }

    /// The client is done with it. A script may have more to do behind its answer: it keeps its
    /// place at PHP until it has ended, and nobody waits for it here. A client that went away
    /// takes its script along, as far as PHP lets it. Returns what is known for the log.
    pub(crate) fn leave(mut self: Box<Self>, left: Left) -> PhpNote {
        if left == Left::Gone || self.exchange.state != State::Open {
            self.release(None);
            return self.note;
        }
        let held_us = clock::micros().saturating_sub(self.began_us);
        let note = PhpNote { held_us, ..self.note };
        tokio::task::spawn_local(async move {
            let patience = self.patience();
            while self.exchange.state == State::Open {
                let step = poll_fn(|cx| self.exchange.poll_step(cx));
                if tokio::time::timeout(patience, step).await.is_err() {
                    break;
                }
                let unread = usize::try_from(self.exchange.answer.len()).unwrap_or(usize::MAX);
                self.exchange.answer.advance(unread);
            }
            self.release(None);
        });
        note
    }

    fn after_step(&mut self) {
        match self.exchange.state {
            State::Open => {}
            State::Whole => self.release(None),
            State::Broken(trouble) => {
                self.door.slot.add(Counter::PhpFailed, 1);
                self.release(Some(Failure::Broken(trouble)));
            }
        }
    }

    /// Gives PHP's worker back, tells what it said on its error stream, removes what it left.
    fn release(&mut self, failure: Option<Failure>) {
        let Some(ticket) = self.ticket.take() else { return };
        let held_us = clock::micros().saturating_sub(self.began_us);
        self.note.held_us = held_us;
        match self.exchange.release() {
            Some(line) => ticket.hand_over(line),
            None => drop(ticket),
        }
        if let Some(files) = self.leftovers.take() {
            files.answered(self.status);
        }
        self.pool.count(&self.door, &self.note);
        let stderr = std::mem::take(&mut self.exchange.stderr);
        self.pool.tell(&self.door, &self.script, &stderr, failure);
    }
}

impl Drop for Streaming {
    fn drop(&mut self) {
        self.release(None);
        let spooled = self.exchange.answer.spooled();
        self.door.slot.add(Counter::PhpSpooled, spooled);
    }
}

const FOREVER: Duration = Duration::from_secs(10 * 365 * 86_400);
