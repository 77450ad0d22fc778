//! Answers from the bucket over HTTP/2. The bucket is read as fast as the client takes it, and
//! nobody is blamed for what the bucket takes.

use std::time::Duration;

use bytes::Bytes;
use h2::{Reason, SendStream};
use menshen_base::{EndReason, Phase, Who};
use menshen_net::clock;
use menshen_sys::TransferKind;
use menshen_web_core::fields::Wanted;

use super::request::{CHUNK_BYTES, Exchange, Last, outcome, set_length, since};
use crate::bucket::{Answer, Answered, Body, Errand};
use crate::door::Transfer;
use crate::files::map_of;
use crate::log::Outcome;

impl Exchange<'_> {
    /// Does what was asked of the bucket, and answers.
    pub(super) async fn answer_bucket(&mut self, errand: Errand, wanted: Wanted) -> Outcome {
        let storing = self.shared.store();
        let store_us = clock::micros();
        let answered = errand.run(&self.shared.door, wanted).await;
        drop(storing);
        let store_ms = since(store_us);
        let outcome = match answered {
            Answered::Reply(reply) => self.answer(*reply).await,
            Answered::Object(answer) => self.send_object(*answer).await,
        };
        Outcome { store_ms, ..outcome }
    }

    async fn send_object(&mut self, answer: Answer) -> Outcome {
        let Answer { status, lines, mut body, path, rate, charge } = answer;
        let length = body.left();
        let mut response = self.response(status);
        response.headers_mut().extend(map_of(&lines));
        set_length(&mut response, length);
        let empty = self.head_only || length == 0;
        let mut send = match self.respond.send_response(response, empty) {
            Ok(_) if empty => {
                if let Some(charge) = charge {
                    charge.sent(0, EndReason::DONE);
                }
                return outcome(status, Ok(0));
            }
            Ok(send) => send,
            Err(_) => return outcome(status, Err(self.ended(Phase::Send))),
        };
        let door = &self.shared.door;
        let transfer = door.transfer(TransferKind::Download, Some(length), &path);
        let sent = self.send_body(&mut send, &mut body, rate, &transfer).await;
        let outcome = Outcome { bytes_out: transfer.done(), ..outcome(status, sent.map(|()| 0)) };
        if let Some(charge) = charge {
            charge.sent(outcome.bytes_out, outcome.end);
        }
        outcome
    }

    async fn send_body(
        &self,
        send: &mut SendStream<Bytes>,
        body: &mut Body,
        rate: u64,
        transfer: &Transfer,
    ) -> Result<(), EndReason> {
        let tenth = usize::try_from(rate / 10).unwrap_or(usize::MAX).max(1024);
        let most = if rate == 0 { CHUNK_BYTES } else { CHUNK_BYTES.min(tenth) };
        loop {
            let storing = self.shared.store();
            let next = body.next().await;
            drop(storing);
            let Ok(next) = next else {
                // The length was announced: only a reset is honest.
                send.send_reset(Reason::INTERNAL_ERROR);
                return Err(EndReason::new(Who::Local, Phase::Send));
            };
            let Some(mut bytes) = next else { return Ok(()) };
            while !bytes.is_empty() {
                let piece = bytes.split_to(most.min(bytes.len()));
                let count = piece.len() as u64;
                if let Some(us) = count.saturating_mul(1_000_000).checked_div(rate) {
                    // The connection is not blamed for a wait that the link asks for.
                    let waiting = self.shared.store();
                    tokio::time::sleep(Duration::from_micros(us)).await;
                    drop(waiting);
                }
                let is_last = bytes.is_empty() && body.left() == 0;
                let last = if is_last { Last::Yes } else { Last::No };
                self.send(send, piece, last).await?;
                transfer.moved(count);
            }
        }
    }
}
