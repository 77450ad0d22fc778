//! Receiving request bodies over HTTP/1.1.

use std::future::poll_fn;
use std::task::{Poll, ready};

use menshen_base::{Counter, EndReason, Phase, Who};
use menshen_net::clock;
use menshen_sys::TransferKind;
use menshen_web_core::body::{BodyDecoder, BodyError, End};
use menshen_web_core::fields::Wanted;
use menshen_web_core::head::Framing;
use menshen_web_core::response::CONTINUE;

use super::{BODY_RECV, Session, Turn, Ways, has_body, millis};
use crate::door::Transfer;
use crate::fault::Fault;
use crate::log::Outcome;
use crate::reply::Reply;
use crate::scratch::with_scratch;
use crate::sink::{Cut, Fields, Finished, Sink};

/// Why a body did not become whole.
#[derive(Debug)]
enum Broken {
    /// Its destination refused it.
    Fault(Fault),
    /// Its framing is wrong.
    Framing(BodyError),
    /// The client or the watch ended it.
    Gone,
}

impl Broken {
    fn cut(&self) -> Cut {
        match self {
            Self::Fault(fault) => Cut::Fault(*fault),
            Self::Framing(_) | Self::Gone => Cut::Ended,
        }
    }
}

impl Session {
    /// Receives a body into `sink`, stores it, answers.
    pub(super) async fn receive(&mut self, mut sink: Sink, ways: &mut Ways) -> Outcome {
        let total = match ways.framing {
            Framing::Length(n) => Some(n),
            Framing::None => Some(0),
            Framing::Chunked => None,
        };
        let transfer = self.door.transfer(TransferKind::Upload, total, sink.path());
        let wanted = sink.wanted();
        let begun_us = clock::micros();
        let received = self.receive_into(&mut sink, ways, &transfer).await;
        let body_ms = millis(clock::micros().saturating_sub(begun_us));
        let bytes_in = transfer.done();
        drop(transfer);
        if let Err(broken) = received {
            // Asked first: the next phase forgets what ended this one.
            let end = self.end_reason(Phase::Body);
            self.watched.enter(Phase::Store, 0);
            let told = sink.cut(&self.door, broken.cut()).await;
            let mut outcome = self.answer_broken(broken, end, (told, wanted), ways).await;
            (outcome.bytes_in, outcome.body_ms) = (bytes_in, body_ms);
            return outcome;
        }
        self.watched.enter(Phase::Store, 0);
        let store_us = clock::micros();
        let stored = sink.finish(&self.door).await;
        let store_ms = millis(clock::micros().saturating_sub(store_us));
        let mut outcome = match stored {
            Ok(Finished::Reply(reply)) => self.answer(reply, ways).await,
            Ok(Finished::Zip(question)) => Box::pin(self.answer_zip(question, ways)).await,
            Ok(Finished::Call(call)) => Box::pin(self.call(call, ways)).await,
            Err((fault, wanted)) => {
                self.door.count_fault(fault);
                self.door.slot.add(Counter::UploadsAborted, 1);
                let mut outcome = self.answer(Reply::fault(fault, wanted), ways).await;
                if outcome.end == EndReason::DONE && matches!(fault, Fault::Storage | Fault::Full) {
                    outcome.end = EndReason::new(Who::Local, Phase::Store);
                }
                outcome
            }
        };
        outcome.store_ms = store_ms + outcome.store_ms.max(0);
        (outcome.bytes_in, outcome.body_ms) = (bytes_in, body_ms);
        outcome
    }

    async fn receive_into(
        &mut self,
        sink: &mut Sink,
        ways: &mut Ways,
        transfer: &Transfer,
    ) -> Result<(), Broken> {
        if !has_body(ways.framing) {
            return Ok(());
        }
        if ways.expect_continue && self.held.is_empty() {
            self.watched.enter_paced(Phase::Send, self.door.pace());
            self.send_all(CONTINUE).await.map_err(|_| Broken::Gone)?;
        }
        ways.expect_continue = false;
        self.watched.enter_paced(Phase::Body, self.door.pace());
        let mut decoder = BodyDecoder::new(ways.framing);
        let held = std::mem::take(&mut self.held);
        let mut done = self.take(&held, &mut decoder, sink, transfer)?;
        drop(held);
        let mut turn = Turn::default();
        while !done {
            let (whole, received) = poll_fn(|cx| {
                with_scratch(|scratch| {
                    let most = most_to_read(&decoder, ways.framing);
                    let n = ready!(self.stream.poll_recv(cx, most, scratch.data()));
                    let Ok(n @ 1..) = n else { return Poll::Ready(Err(Broken::Gone)) };
                    self.watched.received(n);
                    let bytes = &scratch.data()[..n];
                    let taken = self.take(bytes, &mut decoder, sink, transfer);
                    Poll::Ready(taken.map(|whole| (whole, n)))
                })
            })
            .await?;
            done = whole;
            if sink.is_due()
                && let Some(fields) = self.settled(sink).await?
            {
                self.tell(&fields, ways.version).await.map_err(|_| Broken::Gone)?;
            }
            turn.moved(received).await;
        }
        ways.body_left = false;
        Ok(())
    }

    /// Waits for the destination; meanwhile the client is not to blame that nothing moves.
    async fn settled(&self, sink: &mut Sink) -> Result<Option<Fields>, Broken> {
        self.watched.pause();
        let settled = sink.settle().await;
        self.watched.resume();
        settled.map_err(Broken::Fault)
    }

    /// Hands payload on; keeps what follows the body. True: the body is whole.
    fn take(
        &mut self,
        bytes: &[u8],
        decoder: &mut BodyDecoder,
        sink: &mut Sink,
        transfer: &Transfer,
    ) -> Result<bool, Broken> {
        let mut at = 0;
        let mut payload = 0;
        let done = loop {
            let input = &bytes[at..];
            let decoded = decoder.decode(input).map_err(Broken::Framing)?;
            let data = &input[decoded.data];
            if !data.is_empty() {
                payload += data.len();
                sink.take(data).map_err(Broken::Fault)?;
            }
            at += decoded.consumed;
            match decoded.end {
                End::Done => break true,
                End::More if decoded.consumed == 0 || at >= bytes.len() => break false,
                End::More => {}
            }
        };
        transfer.moved(payload as u64);
        if done && at < bytes.len() {
            self.held = bytes[at..].to_vec();
        }
        Ok(done)
    }

    /// `end`: whose doing it is that nothing more came; `told`: the answer, where the destination
    /// has one of its own.
    async fn answer_broken(
        &mut self,
        broken: Broken,
        end: EndReason,
        (told, wanted): (Option<Reply>, Wanted),
        ways: &mut Ways,
    ) -> Outcome {
        let (reply, end) = match broken {
            Broken::Fault(fault) => {
                self.door.count_fault(fault);
                let who = if fault.status() >= 500 { Who::Local } else { Who::Client };
                let reply = told.unwrap_or_else(|| Reply::fault(fault, wanted));
                (reply, EndReason::new(who, Phase::Body))
            }
            Broken::Framing(error) => {
                let reply = Reply::trouble(error.status(), error.reason(), "", wanted);
                (reply, EndReason::new(Who::Client, Phase::Body))
            }
            Broken::Gone => {
                if end.who == Who::Client {
                    // Nobody is there to read an answer.
                    let sent = Err(std::io::ErrorKind::BrokenPipe.into());
                    return Outcome { end, ..self.outcome(0, sent) };
                }
                let text = "the request body came too slowly";
                (Reply::trouble(408, text, "", wanted), end)
            }
        };
        ways.keep_alive = false;
        let outcome = self.answer(reply, ways).await;
        Outcome { end, ..outcome }
    }

    /// Before an answer to a request whose body nobody wants: a small one is read and forgotten,
    /// so that the connection can go on; otherwise the connection ends with the answer.
    pub(super) async fn settle_body(&mut self, ways: &mut Ways, close: bool) {
        if !ways.body_left {
            ways.keep_alive &= !close;
            return;
        }
        let small = matches!(ways.framing, Framing::Length(n) if n <= DISCARD_BYTES)
            || ways.framing == Framing::Chunked;
        // Without our 100 the client may send the body or not; nobody can tell what comes next.
        if close || !ways.keep_alive || !small || ways.expect_continue {
            ways.keep_alive = false;
            return;
        }
        let transfer = self.door.transfer(TransferKind::Upload, None, b"");
        let mut sink = Sink::Discard(DISCARD_BYTES);
        let discarded = self.receive_into(&mut sink, ways, &transfer).await;
        ways.keep_alive &= discarded.is_ok();
    }
}

/// With a known length no byte of a following request is taken, so nothing need be kept; and reads
/// end where the file's offset is a multiple of [`BODY_RECV`], since a file system writes aligned
/// pieces as large folios and others page by page. A piece is never so small that it would cost a
/// call of its own.
fn most_to_read(decoder: &BodyDecoder, framing: Framing) -> usize {
    let (Some(left), Framing::Length(total)) = (decoder.remaining(), framing) else {
        return BODY_RECV;
    };
    let past = usize::try_from(total.saturating_sub(left) % BODY_RECV as u64).unwrap_or(0);
    let piece = BODY_RECV - past;
    let piece = if piece < BODY_RECV / 4 { piece + BODY_RECV } else { piece };
    usize::try_from(left).unwrap_or(usize::MAX).clamp(1, piece)
}

/// A body that nobody wants is read up to so many bytes to keep the connection.
const DISCARD_BYTES: u64 = 64 << 10;

#[cfg(test)]
mod tests {
    //! How much is read at once.
    use super::*;

    #[test]
    fn reads_end_at_whole_pieces_and_never_past_the_body() {
        let total = 3_000_000;
        let framing = Framing::Length(total);
        for first in [1, 16_284, BODY_RECV - 10, BODY_RECV, BODY_RECV + 7] {
            let mut decoder = BodyDecoder::new(framing);
            let mut at = decoder.decode(&vec![b'x'; first]).unwrap().consumed;
            while !decoder.is_done() {
                let most = most_to_read(&decoder, framing);
                assert!(most >= BODY_RECV / 4 || (at + most) as u64 == total, "{at}: {most}");
                assert!(most < BODY_RECV + BODY_RECV / 4 && (at + most) as u64 <= total);
                assert!((at + most).is_multiple_of(BODY_RECV) || (at + most) as u64 == total);
                at += decoder.decode(&vec![b'x'; most]).unwrap().consumed;
            }
            assert_eq!(at as u64, total);
        }
        assert_eq!(most_to_read(&BodyDecoder::new(Framing::Chunked), Framing::Chunked), BODY_RECV);
    }
}
