//! Answers of PHP on an HTTP/2 stream; the counterpart of `h1/php.rs`.

use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, SendStream};
use http::{HeaderName, HeaderValue, Response};
use menshen_base::{Counter, EndReason, Phase, Who};
use menshen_net::clock;
use menshen_sys::TransferKind;
use tokio::time::Instant;

use super::request::{CHUNK_BYTES, Exchange, outcome, set_length, since};
use crate::door::Transfer;
use crate::log::Outcome;
use crate::php::answer::{Left, Streaming, Supply};
use crate::php::call::{Call, Made};
use crate::php::head::{AnswerHead, Offloaded};
use crate::plan::Plan;

/// What a step came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// PHP said something.
    Heard,
    /// The peer takes so many bytes.
    Room(usize),
    /// All was taken.
    Ended,
    /// PHP broke off.
    Broken,
    /// The peer went away.
    Gone,
}

impl Exchange<'_> {
    /// Has PHP answer, and sends the answer.
    pub(super) async fn call(&mut self, call: Box<Call>) -> Outcome {
        let begun_us = clock::micros();
        let door = Rc::clone(&self.shared.door);
        let storing = self.shared.store();
        let respond = &mut self.respond;
        // Asked once, so nobody has to be woken.
        let reset = |respond: &mut SendResponse<Bytes>| {
            respond.poll_reset(&mut Context::from_waker(Waker::noop())).is_ready()
        };
        let made = call.run(&door, || !reset(respond)).await;
        drop(storing);
        let php_ms = since(begun_us);
        let mut outcome = match made {
            Made::Reply(reply, note) => {
                let failed = reply.status >= 500;
                let mut outcome = self.answer(reply).await;
                if failed && outcome.end == EndReason::DONE {
                    outcome.end = EndReason::new(Who::Upstream, Phase::Php);
                }
                Outcome { php: note, ..outcome }
            }
            Made::Streaming(streaming) => self.answer_php(streaming).await,
        };
        outcome.store_ms = outcome.store_ms.max(0) + php_ms;
        outcome
    }

    async fn answer_php(&mut self, mut php: Box<Streaming>) -> Outcome {
        let Some(mut head) = php.take_head() else {
            return outcome(502, Err(EndReason::new(Who::Local, Phase::Send)));
        };
        if let Some(named) = head.offload.take() {
            return self.answer_offloaded(php, &head, &named).await;
        }
        let status = head.status;
        let empty = self.head_only || matches!(status, 204 | 304);
        let announced = head.length.or_else(|| php.rest());
        let mut response = self.response(status);
        push_lines(&mut response, &php, &head);
        let length = if empty { head.length } else { announced };
        if let Some(length) = length.filter(|_| !matches!(status, 204 | 304)) {
            set_length(&mut response, length);
        }
        let nothing = empty || announced == Some(0);
        let sent = match self.respond.send_response(response, nothing) {
            Ok(_) if nothing => Ok(0),
            Ok(mut send) => {
                let door = &self.shared.door;
                let shown = announced.is_none_or(|length| length > SMALL_BYTES);
                let name = &php.script.name;
                let transfer =
                    shown.then(|| door.transfer(TransferKind::Download, announced, name));
                self.relay(&mut php, &mut send, announced, transfer.as_ref()).await
            }
            Err(_) => Err(self.ended(Phase::Send)),
        };
        let left = if sent.is_ok() { Left::Served } else { Left::Gone };
        Outcome { php: php.leave(left), ..outcome(status, sent) }
    }

    /// Moves bytes from PHP to the stream until one of them ends; returns how many.
    async fn relay(
        &self,
        php: &mut Streaming,
        send: &mut SendStream<Bytes>,
        announced: Option<u64>,
        transfer: Option<&Transfer>,
    ) -> Result<u64, EndReason> {
        let door = &self.shared.door;
        let mut left = announced;
        let mut taken = 0_u64;
        let stall = Duration::from_secs(u64::from(door.limits.stall_seconds_max.max(1)));
        // Since when the peer could have taken something; what PHP says is not to its credit.
        let mut offered = Instant::now();
        loop {
            let for_peer = php.supply() == Supply::Bytes;
            let now = Instant::now();
            if !for_peer {
                offered = now;
            }
            // Nobody is to blame for the silence of a script.
            let silence = (!for_peer).then(|| self.shared.store());
            let until = if for_peer { offered + stall } else { now + php.patience() };
            let step = poll_fn(|cx| poll_step(cx, php, send, left));
            let step = tokio::time::timeout_at(until, step).await;
            drop(silence);
            let Ok(step) = step else {
                if php.supply() == Supply::Bytes {
                    door.slot.add(Counter::LimitStall, 1);
                    send.send_reset(Reason::CANCEL);
                    return Err(EndReason::new(Who::Limit, Phase::Send));
                }
                php.gave_up_waiting();
                send.send_reset(Reason::INTERNAL_ERROR);
                return Err(EndReason::new(Who::Upstream, Phase::Send));
            };
            match step {
                Step::Heard => {}
                Step::Gone => return Err(self.ended(Phase::Send)),
                Step::Broken => {
                    send.send_reset(Reason::INTERNAL_ERROR);
                    return Err(EndReason::new(Who::Upstream, Phase::Send));
                }
                Step::Ended => {
                    let ended = send.send_data(Bytes::new(), true);
                    return ended.map(|()| taken).map_err(|_| self.ended(Phase::Send));
                }
                Step::Room(room) => {
                    offered = Instant::now();
                    let mut chunk = vec![0; room];
                    let Ok(got) = php.backlog().peek(&mut chunk) else {
                        send.send_reset(Reason::INTERNAL_ERROR);
                        return Err(EndReason::new(Who::Local, Phase::Send));
                    };
                    chunk.truncate(got);
                    php.backlog().advance(got);
                    taken += got as u64;
                    left = left.map(|left| left.saturating_sub(got as u64));
                    let last = left == Some(0) || php.supply() == Supply::Ended && left.is_none();
                    let sent = send.send_data(chunk.into(), last);
                    sent.map_err(|_| self.ended(Phase::Send))?;
                    match transfer {
                        Some(transfer) => transfer.moved(got as u64),
                        None => door.slot.add(Counter::BytesOut, got as u64),
                    }
                    if last {
                        return Ok(taken);
                    }
                }
            }
        }
    }

    async fn answer_offloaded(
        &mut self,
        php: Box<Streaming>,
        head: &AnswerHead,
        named: &Offloaded,
    ) -> Outcome {
        let plan = self.shared.door.offload(&php.script, &php.kept, head, named);
        let note = php.leave(Left::Served);
        let outcome = match plan {
            Plan::File(answer) => {
                self.shared.door.slot.add(Counter::PhpOffloaded, 1);
                self.rate = named.rate;
                self.answer_file(answer).await
            }
            Plan::Reply(reply) => self.answer(*reply).await,
            _ => outcome(502, Err(EndReason::new(Who::Local, Phase::Send))),
        };
        Outcome { php: note, ..outcome }
    }
}

fn poll_step(
    cx: &mut Context<'_>,
    php: &mut Streaming,
    send: &mut SendStream<Bytes>,
    left: Option<u64>,
) -> Poll<Step> {
    let heard = php.poll_read(cx).is_ready();
    match php.supply() {
        Supply::Bytes => {
            let left = left.map_or(usize::MAX, |left| usize::try_from(left).unwrap_or(usize::MAX));
            let available = usize::try_from(php.backlog().len()).unwrap_or(usize::MAX);
            let want = available.min(left).min(CHUNK_BYTES);
            send.reserve_capacity(want);
            loop {
                if send.capacity() > 0 {
                    return Poll::Ready(Step::Room(send.capacity().min(want)));
                }
                match send.poll_capacity(cx) {
                    Poll::Ready(Some(Ok(_))) => {}
                    Poll::Ready(_) => return Poll::Ready(Step::Gone),
                    Poll::Pending => break,
                }
            }
            php.settle();
        }
        Supply::Ended if left.is_some_and(|left| left > 0) => return Poll::Ready(Step::Broken),
        Supply::Ended => return Poll::Ready(Step::Ended),
        Supply::Broken => return Poll::Ready(Step::Broken),
        Supply::Waiting => {
            // A stream that the peer reset is not worth waiting for.
            if send.poll_reset(cx).is_ready() {
                return Poll::Ready(Step::Gone);
            }
        }
    }
    if heard { Poll::Ready(Step::Heard) } else { Poll::Pending }
}

/// The answer's own fields, and those of the site that it does not have.
fn push_lines(response: &mut Response<()>, php: &Streaming, head: &AnswerHead) {
    let extra = php.script.extra_lines(&head.lines);
    for line in head.lines.split(|&b| b == b'\n').chain(extra.split(|&b| b == b'\n')) {
        let Some(colon) = line.iter().position(|&b| b == b':') else { continue };
        let name = HeaderName::from_bytes(&line[..colon]);
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) = (name, value) {
            response.headers_mut().append(name, value);
        }
    }
}

/// Answers up to this size are not shown as transfers, bytes.
const SMALL_BYTES: u64 = 64 << 10;

#[cfg(test)]
mod tests;
