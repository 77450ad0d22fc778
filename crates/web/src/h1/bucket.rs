//! Answers from the bucket over HTTP/1.1. The bucket is read as fast as the client takes it, and
//! nobody is blamed for what the bucket takes.

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::task::Poll;

use menshen_base::Phase;
use menshen_net::clock;
use menshen_sys::TransferKind;
use menshen_web_core::fields::Wanted;
use menshen_web_core::response::ResponseHead;
use rustix::net::SendFlags;

use super::send::end_head;
use super::{Session, Turn, Ways, millis};
use crate::bucket::{Answer, Answered, Body, Errand};
use crate::door::Transfer;
use crate::log::Outcome;

impl Session {
    /// Does what was asked of the bucket, and answers.
    pub(super) async fn answer_bucket(
        &mut self,
        errand: Errand,
        wanted: Wanted,
        ways: &mut Ways,
    ) -> Outcome {
        self.watched.enter(Phase::Store, 0);
        let store_us = clock::micros();
        let answered = errand.run(&self.door, wanted).await;
        let store_ms = millis(clock::micros().saturating_sub(store_us));
        let outcome = match answered {
            Answered::Reply(reply) => self.answer(*reply, ways).await,
            Answered::Object(answer) => self.send_object(*answer, ways).await,
        };
        Outcome { store_ms, ..outcome }
    }

    async fn send_object(&mut self, answer: Answer, ways: &mut Ways) -> Outcome {
        self.settle_body(ways, false).await;
        let Answer { status, lines, mut body, path, rate, charge } = answer;
        let length = body.left();
        let mut head = Vec::with_capacity(1024);
        let date = self.door.date();
        let written = ResponseHead::begin(&mut head, status)
            .push("date", &date)
            .push_lines(&lines)
            .push_number("content-length", length);
        end_head(written, *ways);
        self.watched.enter_paced(Phase::Send, self.pace());
        if ways.head_only {
            let sent = self.send_all(&head).await;
            return self.outcome(status, sent.map(|()| 0));
        }
        self.rate = rate;
        let transfer = self.door.transfer(TransferKind::Download, Some(length), &path);
        let sent = self.send_body(&head, &mut body, &transfer).await;
        self.rate = 0;
        let bytes_out = transfer.done();
        let outcome = Outcome { bytes_out, ..self.outcome(status, sent.map(|()| 0)) };
        if let Some(charge) = charge {
            charge.sent(outcome.bytes_out, outcome.end);
        }
        outcome
    }

    async fn send_body(
        &mut self,
        head: &[u8],
        body: &mut Body,
        transfer: &Transfer,
    ) -> io::Result<()> {
        self.send_some(head, SendFlags::empty()).await?;
        let mut turn = Turn::default();
        loop {
            let next = {
                let mut next = pin!(body.next());
                match poll_fn(|cx| Poll::Ready(next.as_mut().poll(cx))).await {
                    Poll::Ready(next) => next,
                    Poll::Pending => {
                        self.flush().await?;
                        self.watched.enter(Phase::Store, 0);
                        let bytes = next.await;
                        self.watched.enter_paced(Phase::Send, self.pace());
                        bytes
                    }
                }
            };
            // Only a connection that ends early is honest: the length was announced.
            let broken = || io::Error::new(io::ErrorKind::UnexpectedEof, "the bucket broke off");
            let Some(bytes) = next.map_err(|_| broken())? else { return self.flush().await };
            for piece in bytes.chunks(self.within_rate(PIECE_BYTES)) {
                self.send_some(piece, SendFlags::empty()).await?;
                transfer.moved(piece.len() as u64);
                self.keep_to_rate(piece.len()).await;
                turn.moved(piece.len()).await;
            }
        }
    }
}

/// Sent at once, so that a rate is kept and transfers are seen to move.
const PIECE_BYTES: usize = 128 << 10;
