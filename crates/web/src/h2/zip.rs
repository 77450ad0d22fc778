//! Sending a folder as a zip file over HTTP/2.

use std::sync::Arc;

use bytes::Bytes;
use h2::{Reason, SendStream};
use menshen_base::{EndReason, Phase, Who};
use menshen_net::clock;
use menshen_sys::TransferKind;
use menshen_web_core::fields::Wanted;
use menshen_web_core::range::content_range;

use super::request::{Exchange, outcome, set, set_length, since};
use crate::door::Transfer;
use crate::fault::Fault;
use crate::files::map_of;
use crate::log::Outcome;
use crate::reply::Reply;
use crate::zip::{Answer, ByLink, Next, Question, Source};

impl Exchange<'_> {
    /// Looks through the folder, then sends it.
    pub(super) async fn answer_zip(&mut self, question: Box<Question>) -> Outcome {
        let shared = Arc::clone(&self.shared.door.shared);
        let (wanted, link) = (question.wanted, question.link.clone());
        let storing = self.shared.store();
        let store_us = clock::micros();
        let put = tokio::task::spawn_blocking(move || question.put(&shared)).await;
        drop(storing);
        let store_ms = since(store_us);
        let outcome = match put {
            Ok(Ok(answer)) => match link {
                Some(link) => self.send_linked(answer, &link, wanted).await,
                None => self.send_archive(answer).await,
            },
            Ok(Err(reply)) => self.answer(*reply).await,
            Err(_) => self.answer(Reply::fault(Fault::Storage, wanted)).await,
        };
        Outcome { store_ms, ..outcome }
    }

    /// The same by a link: its use is taken first, and told how it ended.
    async fn send_linked(&mut self, answer: Answer, link: &ByLink, wanted: Wanted) -> Outcome {
        let take = if self.head_only { None } else { link.take(&answer) };
        let charge = match take {
            Some(take) => self.shared.door.charged(take, wanted).await.map(Some),
            None => Ok(None),
        };
        let charge = match charge {
            Ok(charge) => charge,
            Err(reply) => return self.answer(reply).await,
        };
        self.rate = link.rate;
        let outcome = self.send_archive(answer).await;
        if let Some(charge) = charge {
            charge.sent(outcome.bytes_out, outcome.end);
        }
        outcome
    }

    async fn send_archive(&mut self, answer: Answer) -> Outcome {
        let Answer { archive, status, range, lines } = answer;
        let mut response = self.response(status);
        response.headers_mut().extend(map_of(&lines));
        set_length(&mut response, range.bytes());
        if status == 206 {
            let mut value = Vec::new();
            content_range(range, archive.length(), &mut value);
            set(&mut response, "content-range", &value);
        }
        let empty = self.head_only;
        let mut send = match self.respond.send_response(response, empty) {
            Ok(_) if empty => return outcome(status, Ok(0)),
            Ok(send) => send,
            Err(_) => return outcome(status, Err(self.ended(Phase::Send))),
        };
        let length = Some(range.bytes());
        let door = &self.shared.door;
        let transfer = door.transfer(TransferKind::Download, length, archive.path());
        let sent = self.send_source(&mut send, Source::new(archive, range), &transfer).await;
        outcome(status, sent.map(|()| transfer.done()))
    }

    async fn send_source(
        &self,
        send: &mut SendStream<Bytes>,
        mut source: Source,
        transfer: &Transfer,
    ) -> Result<(), EndReason> {
        loop {
            let left = usize::try_from(source.left()).unwrap_or(usize::MAX);
            if left == 0 {
                return Ok(());
            }
            let room = self.capacity(send, left.min(self.step_bytes())).await?;
            let mut chunk = vec![0; room];
            match source.fill(&mut chunk) {
                Ok(Next::Bytes(count)) => {
                    chunk.truncate(count);
                    self.keep_to_rate(count as u64).await;
                    let end = source.left() == 0;
                    send.send_data(chunk.into(), end).map_err(|_| self.ended(Phase::Send))?;
                    transfer.moved(count as u64);
                }
                Ok(Next::Work(work)) => {
                    // Nobody is blamed for what the disk takes; who has gone is not worked for.
                    let storing = self.shared.store();
                    let done = tokio::task::spawn_blocking(move || work.run()).await;
                    drop(storing);
                    let Ok(Ok(sum)) = done else { return Err(changed(send)) };
                    source.learn(sum);
                }
                // Only a reset is honest.
                Ok(Next::End) | Err(_) => return Err(changed(send)),
            }
        }
    }
}

fn changed(send: &mut SendStream<Bytes>) -> EndReason {
    send.send_reset(Reason::INTERNAL_ERROR);
    EndReason::new(Who::Local, Phase::Send)
}
