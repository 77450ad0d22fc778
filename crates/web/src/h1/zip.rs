//! Sending a folder as a zip file over HTTP/1.1: read in steps into the shared buffer, since every
//! byte has to be summed.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::{Poll, ready};

use menshen_base::Phase;
use menshen_net::clock;
use menshen_sys::TransferKind;
use menshen_web_core::fields::Wanted;
use menshen_web_core::range::content_range;
use menshen_web_core::response::ResponseHead;
use rustix::net::SendFlags;

use super::send::end_head;
use super::{Session, Turn, Ways, millis};
use crate::door::Transfer;
use crate::fault::Fault;
use crate::log::Outcome;
use crate::reply::Reply;
use crate::scratch::with_scratch;
use crate::zip::{Answer, ByLink, Next, Question, Source, Work};

/// What a step came to.
enum Step {
    /// So many bytes were put, of which these were not taken.
    Put(usize, Vec<u8>),
    Work(Work),
    End,
}

impl Session {
    /// Looks through the folder, then sends it.
    pub(super) async fn answer_zip(&mut self, question: Box<Question>, ways: &mut Ways) -> Outcome {
        let shared = Arc::clone(&self.door.shared);
        let (wanted, link) = (question.wanted, question.link.clone());
        self.watched.enter(Phase::Store, 0);
        let store_us = clock::micros();
        let put = tokio::task::spawn_blocking(move || question.put(&shared)).await;
        let store_ms = millis(clock::micros().saturating_sub(store_us));
        let outcome = match put {
            Ok(Ok(answer)) => match link {
                Some(link) => self.send_linked(answer, &link, wanted, ways).await,
                None => self.send_archive(answer, ways).await,
            },
            Ok(Err(reply)) => self.answer(*reply, ways).await,
            Err(_) => self.answer(Reply::fault(Fault::Storage, wanted), ways).await,
        };
        Outcome { store_ms, ..outcome }
    }

    /// The same by a link: its use is taken first, and told how it ended.
    async fn send_linked(
        &mut self,
        answer: Answer,
        link: &ByLink,
        wanted: Wanted,
        ways: &mut Ways,
    ) -> Outcome {
        let take = if ways.head_only { None } else { link.take(&answer) };
        let charge = match take {
            Some(take) => self.door.charged(take, wanted).await.map(Some),
            None => Ok(None),
        };
        let charge = match charge {
            Ok(charge) => charge,
            Err(reply) => return self.answer(reply, ways).await,
        };
        self.rate = link.rate;
        let outcome = self.send_archive(answer, ways).await;
        self.rate = 0;
        if let Some(charge) = charge {
            charge.sent(outcome.bytes_out, outcome.end);
        }
        outcome
    }

    async fn send_archive(&mut self, answer: Answer, ways: &mut Ways) -> Outcome {
        self.settle_body(ways, false).await;
        let Answer { archive, status, range, lines } = answer;
        let mut head = Vec::with_capacity(1024);
        let date = self.door.date();
        let mut written = ResponseHead::begin(&mut head, status)
            .push("date", &date)
            .push_lines(&lines)
            .push_number("content-length", range.bytes());
        let mut value = Vec::new();
        if status == 206 {
            content_range(range, archive.length(), &mut value);
            written = written.push("content-range", &value);
        }
        end_head(written, *ways);
        self.watched.enter_paced(Phase::Send, self.pace());
        if ways.head_only {
            let sent = self.send_all(&head).await;
            return self.outcome(status, sent.map(|()| 0));
        }
        let length = Some(range.bytes());
        let transfer = self.door.transfer(TransferKind::Download, length, archive.path());
        let sent = self.send_source(&head, Source::new(archive, range), &transfer).await;
        self.outcome(status, sent.map(|()| transfer.done()))
    }

    async fn send_source(
        &mut self,
        head: &[u8],
        mut source: Source,
        transfer: &Transfer,
    ) -> io::Result<()> {
        self.send_some(head, SendFlags::MORE).await?;
        let mut turn = Turn::default();
        loop {
            // A reader that stands still costs no step.
            poll_fn(|cx| self.stream.poll_hungry(cx)).await?;
            match self.send_step(&mut source).await? {
                Step::Put(count, rest) => {
                    self.watched.sent(count - rest.len());
                    self.send_some(&rest, SendFlags::empty()).await?;
                    transfer.moved(count as u64);
                    self.keep_to_rate(count).await;
                    turn.moved(count).await;
                }
                Step::Work(work) => {
                    self.flush().await?;
                    // Nobody is blamed for what the disk takes; who has gone is not worked for.
                    self.watched.enter(Phase::Store, 0);
                    let sum = tokio::task::spawn_blocking(move || work.run()).await??;
                    source.learn(sum);
                    if !self.stream.is_open() {
                        return Err(io::ErrorKind::ConnectionReset.into());
                    }
                    self.watched.enter_paced(Phase::Send, self.pace());
                }
                Step::End => return self.flush().await,
            }
        }
    }

    /// Fills the shared buffer and sends it; what the socket does not take is kept.
    async fn send_step(&mut self, source: &mut Source) -> io::Result<Step> {
        let most = self.within_rate(STEP_BYTES);
        let stream = &mut self.stream;
        poll_fn(|cx| {
            ready!(stream.poll_flush(cx))?;
            with_scratch(|scratch| {
                let room = scratch.data();
                let most = room.len().min(most);
                let count = match source.fill(&mut room[..most])? {
                    Next::Bytes(count) => count,
                    Next::Work(work) => return Poll::Ready(Ok(Step::Work(work))),
                    Next::End => return Poll::Ready(Ok(Step::End)),
                };
                let sent = match stream.poll_send(cx, &room[..count], SendFlags::empty()) {
                    Poll::Ready(sent) => sent?,
                    Poll::Pending => 0,
                };
                Poll::Ready(Ok(Step::Put(count, room[sent..count].to_vec())))
            })
        })
        .await
    }
}

/// Read and sent at once: what a slow reader's connection may have to keep.
const STEP_BYTES: usize = 128 << 10;
