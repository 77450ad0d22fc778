//! Answers of PHP over HTTP/1.1.
//!
//! Two things happen at once: PHP is read at its own speed, and the client is sent what it takes.
//! They meet in the backlog of [`Streaming`]. While the client stands still this connection holds
//! a few kilobytes, and PHP none of its workers.

use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::task::{Context, Poll};

use menshen_base::{Counter, EndReason, Phase, Who};
use menshen_net::clock;
use menshen_sys::TransferKind;
use menshen_web_core::head::Version;
use menshen_web_core::response::ResponseHead;
use rustix::net::SendFlags;

use super::send::end_head;
use super::{Session, Turn, Ways, millis};
use crate::door::Transfer;
use crate::log::Outcome;
use crate::php::answer::{Left, Streaming, Supply};
use crate::php::call::{Call, Made};
use crate::php::head::{AnswerHead, Offloaded};
use crate::plan::Plan;

/// How the body of an answer ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// There is none.
    Empty,
    /// After so many bytes.
    Length(u64),
    /// With a chunk of no bytes.
    Chunked,
    /// With the connection.
    Close,
}

/// What is on its way to the client.
#[derive(Debug)]
struct Outlet {
    pending: Vec<u8>,
    gone: usize,
    /// Bytes of the body that may still be sent, when their number was announced.
    left: Option<u64>,
    form: Form,
    /// Bytes taken from the backlog at once.
    step: usize,
    /// Bytes of the body that were taken so far.
    taken: u64,
}

/// What a step came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Something moved.
    On,
    /// All was sent.
    Sent,
    /// PHP broke off.
    Broken,
}

impl Session {
    /// Has PHP answer, and sends the answer.
    pub(super) async fn call(&mut self, call: Box<Call>, ways: &mut Ways) -> Outcome {
        self.watched.enter(Phase::Php, 0);
        let begun_us = clock::micros();
        let door = Rc::clone(&self.door);
        let made = call.run(&door, || self.stream.is_open()).await;
        let php_ms = millis(clock::micros().saturating_sub(begun_us));
        let mut outcome = match made {
            Made::Reply(reply, note) => {
                let failed = reply.status >= 500;
                let mut outcome = self.answer(reply, ways).await;
                if failed && outcome.end == EndReason::DONE {
                    outcome.end = EndReason::new(Who::Upstream, Phase::Php);
                }
                Outcome { php: note, ..outcome }
            }
            Made::Streaming(streaming) => self.answer_php(streaming, ways).await,
        };
        outcome.store_ms = outcome.store_ms.max(0) + php_ms;
        outcome
    }

    async fn answer_php(&mut self, mut php: Box<Streaming>, ways: &mut Ways) -> Outcome {
        self.settle_body(ways, false).await;
        let Some(mut head) = php.take_head() else {
            return self.outcome(502, Err(io::ErrorKind::InvalidData.into()));
        };
        if let Some(named) = head.offload.take() {
            return self.answer_offloaded(php, &head, &named, ways).await;
        }
        let form = form_of(&php, &head, *ways);
        let mut bytes = Vec::with_capacity(1024 + php.backlog().memory().len());
        self.write_php_head(&php, &head, form, ways, &mut bytes);
        let transfer = match form {
            Form::Empty => None,
            Form::Length(n) if n <= SMALL_BYTES => None,
            Form::Length(n) => Some(Some(n)),
            _ => Some(None),
        };
        let transfer = transfer
            .map(|total| self.door.transfer(TransferKind::Download, total, &php.script.name));
        let left = if let Form::Length(n) = form { Some(n) } else { None };
        let mut outlet = Outlet { pending: bytes, gone: 0, left, form, step: STEP_FIRST, taken: 0 };
        outlet.take_along(&mut php);
        let sent = if form == Form::Empty {
            self.send_all(&outlet.pending).await.map(|()| Step::Sent)
        } else {
            self.relay(&mut php, &mut outlet, transfer.as_ref()).await
        };
        if transfer.is_none() {
            self.door.slot.add(Counter::BytesOut, outlet.taken);
        }
        let taken = outlet.taken;
        let broken = matches!(sent, Ok(Step::Broken));
        let whole = matches!(sent, Ok(Step::Sent));
        let mut outcome = self.outcome(head.status, sent.map(|_| taken));
        if broken {
            outcome.end = EndReason::new(Who::Upstream, Phase::Send);
        }
        let note = php.leave(if whole { Left::Served } else { Left::Gone });
        ways.keep_alive &= whole;
        Outcome { php: note, ..outcome }
    }

    fn write_php_head(
        &self,
        php: &Streaming,
        head: &AnswerHead,
        form: Form,
        ways: &mut Ways,
        out: &mut Vec<u8>,
    ) {
        let date = self.door.date();
        let mut lines = ResponseHead::begin(out, head.status)
            .push("date", &date)
            .push_lines(&head.lines)
            .push_lines(&php.script.extra_lines(&head.lines));
        match form {
            Form::Length(length) => lines = lines.push_number("content-length", length),
            Form::Chunked => lines = lines.push("transfer-encoding", b"chunked"),
            Form::Close => ways.keep_alive = false,
            Form::Empty => {
                if let Some(length) = head.length.filter(|_| !matches!(head.status, 204 | 304)) {
                    lines = lines.push_number("content-length", length);
                }
            }
        }
        end_head(lines, *ways);
    }

    /// Moves bytes from PHP to the client until one of them ends.
    async fn relay(
        &mut self,
        php: &mut Streaming,
        outlet: &mut Outlet,
        transfer: Option<&Transfer>,
    ) -> io::Result<Step> {
        let mut turn = Turn::default();
        self.watched.enter_paced(Phase::Send, self.door.pace());
        let mut silent_since = clock::coarse_ms();
        loop {
            let before = outlet.taken;
            let patience = php.patience();
            let moved = poll_fn(|cx| self.poll_relay(cx, php, outlet));
            let step = match tokio::time::timeout(patience, moved).await {
                Ok(step) => step?,
                Err(_) => {
                    // The client's own slowness is the watch's matter.
                    let waits = clock::coarse_ms().saturating_sub(silent_since);
                    if php.supply() == Supply::Waiting && u128::from(waits) >= patience.as_millis()
                    {
                        php.gave_up_waiting();
                    }
                    Step::On
                }
            };
            if php.take_heard() {
                silent_since = clock::coarse_ms();
            }
            let moved = outlet.taken - before;
            if let Some(transfer) = transfer {
                transfer.moved(moved);
            }
            match step {
                Step::On => {}
                Step::Sent => {
                    self.flush().await?;
                    return Ok(Step::Sent);
                }
                Step::Broken => return Ok(Step::Broken),
            }
            // Nobody is to blame for the silence of a script.
            let idle = outlet.is_empty() && php.supply() == Supply::Waiting;
            match (idle, self.watched.phase()) {
                (true, Phase::Send) if !self.stream.holds_unsent() => {
                    self.watched.enter(Phase::Php, 0);
                }
                (false, Phase::Php) => self.watched.enter_paced(Phase::Send, self.door.pace()),
                _ => {}
            }
            self.keep_to_rate(usize::try_from(moved).unwrap_or(0)).await;
            turn.moved(usize::try_from(moved).unwrap_or(0)).await;
        }
    }

    fn poll_relay(
        &mut self,
        cx: &mut Context<'_>,
        php: &mut Streaming,
        outlet: &mut Outlet,
    ) -> Poll<io::Result<Step>> {
        let mut moved = php.poll_read(cx).is_ready();
        let mut blocked = false;
        while !blocked {
            if !outlet.is_empty() {
                let bytes = &outlet.pending[outlet.gone..];
                match self.stream.poll_send(cx, bytes, SendFlags::empty()) {
                    Poll::Ready(sent) => {
                        let sent = sent?;
                        self.watched.sent(sent);
                        outlet.gone += sent;
                        moved = true;
                    }
                    Poll::Pending => blocked = true,
                }
                continue;
            }
            if outlet.taken >= CALM_BYTES {
                // A reader that stands still must cost neither ciphertext nor a full socket.
                let stream = &mut self.stream;
                let ready = match stream.poll_flush(cx) {
                    Poll::Ready(flushed) => {
                        flushed?;
                        stream.poll_hungry(cx)
                    }
                    Poll::Pending => Poll::Pending,
                };
                match ready {
                    Poll::Ready(hungry) => hungry?,
                    Poll::Pending => {
                        blocked = true;
                        continue;
                    }
                }
            }
            if outlet.left == Some(0) {
                return Poll::Ready(Ok(Step::Sent));
            }
            match php.supply() {
                Supply::Waiting => break,
                Supply::Broken => return Poll::Ready(Ok(Step::Broken)),
                Supply::Ended if outlet.is_short() => return Poll::Ready(Ok(Step::Broken)),
                Supply::Ended if !outlet.end() => return Poll::Ready(Ok(Step::Sent)),
                Supply::Ended => {}
                Supply::Bytes => {
                    outlet.fill(php)?;
                    // One piece a turn, so that PHP is read in between.
                    if moved {
                        break;
                    }
                }
            }
        }
        if blocked {
            php.settle();
            outlet.shrink();
        }
        if moved { Poll::Ready(Ok(Step::On)) } else { Poll::Pending }
    }

    /// Sends the file that PHP named; PHP itself is free before the first byte.
    async fn answer_offloaded(
        &mut self,
        php: Box<Streaming>,
        head: &AnswerHead,
        named: &Offloaded,
        ways: &mut Ways,
    ) -> Outcome {
        let plan = self.door.offload(&php.script, &php.kept, head, named);
        let note = php.leave(Left::Served);
        let outcome = match plan {
            Plan::File(answer) => {
                self.door.slot.add(Counter::PhpOffloaded, 1);
                self.rate = named.rate;
                let outcome = self.answer_file(answer, ways).await;
                self.rate = 0;
                outcome
            }
            Plan::Reply(reply) => self.answer(*reply, ways).await,
            _ => self.outcome(502, Err(io::ErrorKind::InvalidData.into())),
        };
        Outcome { php: note, ..outcome }
    }
}

impl Outlet {
    fn is_empty(&self) -> bool {
        self.gone >= self.pending.len()
    }

    /// Takes what there already is of the body along with the head, so that a small page is one
    /// record and one call.
    fn take_along(&mut self, php: &mut Streaming) {
        let head = std::mem::take(&mut self.pending);
        if self.form == Form::Empty || self.fill(php).is_err() {
            self.pending = head;
            return;
        }
        let body = std::mem::replace(&mut self.pending, head);
        self.pending.extend_from_slice(&body);
    }

    /// Takes the next piece of the backlog, framed.
    fn fill(&mut self, php: &mut Streaming) -> io::Result<()> {
        self.pending.clear();
        self.gone = 0;
        let available = usize::try_from(php.backlog().len()).unwrap_or(usize::MAX);
        let left = self.left.map_or(usize::MAX, |left| usize::try_from(left).unwrap_or(usize::MAX));
        let count = available.min(self.step).min(left);
        if self.form == Form::Chunked && count > 0 {
            self.pending.extend_from_slice(format!("{count:x}\r\n").as_bytes());
        }
        let at = self.pending.len();
        self.pending.resize(at + count, 0);
        let got = php.backlog().peek(&mut self.pending[at..])?;
        debug_assert_eq!(got, count, "the backlog has as much as it said");
        php.backlog().advance(count);
        if self.form == Form::Chunked && count > 0 {
            self.pending.extend_from_slice(b"\r\n");
        }
        self.taken += count as u64;
        self.left = self.left.map(|left| left.saturating_sub(count as u64));
        self.step = (self.step * 2).min(STEP_MAX);
        Ok(())
    }

    /// Whether PHP announced more than it sent.
    fn is_short(&self) -> bool {
        self.left.is_some_and(|left| left > 0)
    }

    /// Adds what ends the body; false when nothing does, or it was added already.
    fn end(&mut self) -> bool {
        if self.form != Form::Chunked {
            return false;
        }
        self.form = Form::Close;
        self.pending.clear();
        self.gone = 0;
        self.pending.extend_from_slice(b"0\r\n\r\n");
        true
    }

    /// The client stands still: small steps from here on, and no more room than is used.
    fn shrink(&mut self) {
        self.step = STEP_MIN;
        if self.pending.capacity() > 2 * STEP_MIN {
            self.pending.drain(..self.gone);
            self.gone = 0;
            self.pending.shrink_to_fit();
        }
    }
}

fn form_of(php: &Streaming, head: &AnswerHead, ways: Ways) -> Form {
    if ways.head_only || matches!(head.status, 204 | 304) {
        return Form::Empty;
    }
    match (head.length, php.rest(), ways.version) {
        // What PHP announced stays announced: a body that is shorter must be seen to be cut.
        (Some(length), ..) | (None, Some(length), _) => Form::Length(length),
        (None, None, Version::Http11) => Form::Chunked,
        (None, None, Version::Http10) => Form::Close,
    }
}

/// Answers up to this size are not shown as transfers, bytes.
const SMALL_BYTES: u64 = 64 << 10;
/// From here on a reader's slowness is watched for before each step, bytes.
const CALM_BYTES: u64 = 64 << 10;
const STEP_MIN: usize = 16 << 10;
const STEP_FIRST: usize = 32 << 10;
const STEP_MAX: usize = 128 << 10;

#[cfg(test)]
mod tests;
