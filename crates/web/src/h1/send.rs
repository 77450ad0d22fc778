//! Sending answers over HTTP/1.1: small ones in one call, files without copying where the kernel
//! can, over TLS in large aligned steps.

use std::future::poll_fn;
use std::io;
use std::task::{Poll, ready};
use std::time::Duration;

use menshen_base::pace::PaceLimits;
use menshen_base::{Counter, EndReason, Phase, Who};
use menshen_net::clock;
use menshen_sys::TransferKind;
use menshen_sys::scratch::HEAD_ROOM;
use menshen_web_core::head::Version;
use menshen_web_core::range::{ByteRange, MultipartRanges, content_range};
use menshen_web_core::response::ResponseHead;
use rustix::net::SendFlags;

use super::{Session, Turn, Ways};
use crate::door::{Door, Transfer};
use crate::files::FileEntry;
use crate::log::Outcome;
use crate::plan::{FileAnswer, Span};
use crate::reply::Reply;
use crate::scratch::{SCRATCH_BYTES, with_head, with_scratch};

impl Session {
    /// Sends an answer from memory.
    pub(super) async fn answer(&mut self, reply: Reply, ways: &mut Ways) -> Outcome {
        self.settle_body(ways, reply.close).await;
        let status = reply.status;
        let body = reply.body.bytes();
        let mut bytes = Vec::with_capacity(512 + body.len());
        let date = self.door.date();
        let mut head = ResponseHead::begin(&mut bytes, status).push("date", &date);
        for (name, value) in &reply.fields {
            head = head.push(name, value);
        }
        for (name, value) in &reply.lines {
            head = head.push(name, value);
        }
        if !matches!(status, 204 | 304) {
            head = head.push_number("content-length", body.len() as u64);
        }
        end_head(head, *ways);
        let body = if ways.head_only || matches!(status, 204 | 304) { &[] } else { body };
        bytes.extend_from_slice(body);
        self.watched.enter_paced(Phase::Send, self.door.pace());
        let sent = self.send_all(&bytes).await.map(|()| body.len() as u64);
        self.door.slot.add(Counter::BytesOut, *sent.as_ref().unwrap_or(&0));
        self.outcome(status, sent)
    }

    /// Sends a file or a part of it.
    pub(super) async fn answer_file(&mut self, answer: FileAnswer, ways: &mut Ways) -> Outcome {
        self.settle_body(ways, false).await;
        let FileAnswer { file, span } = answer;
        let whole = ByteRange { start: 0, end: file.size };
        match span {
            Span::Whole => self.answer_range(&file, 200, whole, ways).await,
            Span::One(range) => self.answer_range(&file, 206, range, ways).await,
            Span::Many(ranges) => self.answer_ranges(&file, &ranges, ways).await,
        }
    }

    /// 200 or 206 with one stretch of the file.
    async fn answer_range(
        &mut self,
        file: &FileEntry,
        status: u16,
        range: ByteRange,
        ways: &Ways,
    ) -> Outcome {
        let length = range.end.saturating_sub(range.start);
        self.watched.enter_paced(Phase::Send, self.pace());
        let sent = if ways.head_only || length <= SMALL_BYTES as u64 {
            let body = if ways.head_only { 0 } else { length };
            self.send_small(file, status, range, body, *ways).await
        } else {
            let mut bytes = Vec::with_capacity(1024);
            write_file_head(&self.door, file, status, range, *ways, &mut bytes);
            let transfer = self.door.transfer(TransferKind::Download, Some(length), file.path());
            let sent = self.send_stretch(&bytes, file, range, &transfer).await;
            let outcome = self.outcome(status, sent.map(|()| 0));
            return Outcome { bytes_out: transfer.done(), ..outcome };
        };
        if let Ok(bytes) = sent {
            self.door.slot.add(Counter::BytesOut, bytes);
        }
        self.outcome(status, sent)
    }

    /// 206 with several stretches.
    async fn answer_ranges(
        &mut self,
        file: &FileEntry,
        ranges: &[ByteRange],
        ways: &Ways,
    ) -> Outcome {
        let boundary = self.door.boundary();
        let kind = file.media_type.as_bytes();
        let frame = MultipartRanges::new(ranges, file.size, kind, boundary.as_bytes());
        let mut bytes = Vec::with_capacity(1024);
        let mut content_type = Vec::new();
        frame.content_type(&mut content_type);
        let date = self.door.date();
        let head = ResponseHead::begin(&mut bytes, 206)
            .push("date", &date)
            .push_lines(file.lines_without_type())
            .push("content-type", &content_type)
            .push_number("content-length", frame.content_length());
        end_head(head, *ways);
        let length = frame.content_length();
        let transfer = self.door.transfer(TransferKind::Download, Some(length), file.path());
        self.watched.enter_paced(Phase::Send, self.pace());
        let mut sent = Ok(());
        for (index, range) in ranges.iter().enumerate() {
            frame.part_head(index, &mut bytes);
            sent = self.send_stretch(&bytes, file, *range, &transfer).await;
            bytes.clear();
            if sent.is_err() {
                break;
            }
        }
        frame.closing(&mut bytes);
        if sent.is_ok() {
            sent = self.send_all(&bytes).await;
        }
        let outcome = self.outcome(206, sent.map(|()| 0));
        Outcome { bytes_out: transfer.done(), ..outcome }
    }

    /// Head and body in one buffer and one call.
    async fn send_small(
        &mut self,
        file: &FileEntry,
        status: u16,
        range: ByteRange,
        length: u64,
        ways: Ways,
    ) -> io::Result<u64> {
        let length = usize::try_from(length).unwrap_or(0);
        let door = &self.door;
        let stream = &mut self.stream;
        let watched = &self.watched;
        let rest = poll_fn(|cx| {
            with_scratch(|scratch| {
                let at = with_head(|head| {
                    write_file_head(door, file, status, range, ways, head);
                    // Right before the data, which stays aligned; a head never outgrows its room.
                    let at = HEAD_ROOM.saturating_sub(head.len());
                    scratch.whole()[at..HEAD_ROOM].copy_from_slice(&head[..HEAD_ROOM - at]);
                    at
                });
                read_exactly(file, range.start, &mut scratch.data()[..length])?;
                let bytes = &scratch.whole()[at..HEAD_ROOM + length];
                let sent = ready!(stream.poll_send(cx, bytes, SendFlags::empty()))?;
                watched.sent(sent);
                Poll::Ready(io::Result::Ok(bytes[sent..].to_vec()))
            })
        })
        .await?;
        if rest.is_empty() {
            self.flush().await?
        } else {
            self.send_all(&rest).await?
        }
        Ok(length as u64)
    }

    /// A stretch of a file after some bytes of head.
    async fn send_stretch(
        &mut self,
        head: &[u8],
        file: &FileEntry,
        range: ByteRange,
        transfer: &Transfer,
    ) -> io::Result<()> {
        if self.stream.tls().is_some() {
            return self.send_stretch_tls(head, file, range, transfer).await;
        }
        self.send_some(head, SendFlags::MORE).await?;
        let mut turn = Turn::default();
        let mut offset = range.start;
        while offset < range.end {
            let left = usize::try_from(range.end - offset).unwrap_or(usize::MAX);
            let count = self.within_rate(left.min(SENDFILE_BYTES));
            let sent =
                poll_fn(|cx| self.stream.poll_sendfile(cx, &file.fd, &mut offset, count)).await?;
            if sent == 0 {
                // The file became shorter than its announced length: only a close is honest.
                return Err(shrunk());
            }
            self.watched.sent(sent);
            transfer.moved(sent as u64);
            self.keep_to_rate(sent).await;
            turn.moved(sent).await;
        }
        Ok(())
    }

    async fn send_stretch_tls(
        &mut self,
        head: &[u8],
        file: &FileEntry,
        range: ByteRange,
        transfer: &Transfer,
    ) -> io::Result<()> {
        let mut turn = Turn::default();
        let mut offset = range.start;
        let mut head = head;
        while offset < range.end {
            let asked_ms = clock::coarse_ms();
            let refused = self.stream.holds_unsent();
            if refused {
                self.flush().await?;
            }
            poll_fn(|cx| self.stream.poll_hungry(cx)).await?;
            let slow = clock::coarse_ms().saturating_sub(asked_ms) >= SLOW_MS;
            if refused || slow {
                self.step.shrink();
            }
            let left = usize::try_from(range.end - offset).unwrap_or(usize::MAX);
            let count = self.within_rate(left.min(self.step.bytes()).min(SCRATCH_BYTES));
            let fits = head.len().min(HEAD_ROOM);
            let (first, second) = head.split_at(head.len() - fits);
            if !first.is_empty() {
                self.send_some(first, SendFlags::empty()).await?;
            }
            let stream = &mut self.stream;
            let sent = poll_fn(|cx| {
                ready!(stream.poll_flush(cx))?;
                with_scratch(|scratch| {
                    read_exactly(file, offset, &mut scratch.data()[..count])?;
                    let at = HEAD_ROOM - second.len();
                    scratch.whole()[at..HEAD_ROOM].copy_from_slice(second);
                    stream.poll_send(
                        cx,
                        &scratch.whole()[at..HEAD_ROOM + count],
                        SendFlags::empty(),
                    )
                })
            })
            .await?;
            head = &[];
            self.watched.sent(sent);
            transfer.moved(count as u64);
            offset += count as u64;
            if !slow && !self.stream.holds_unsent() {
                self.step.grow();
            }
            self.keep_to_rate(count).await;
            turn.moved(count).await;
        }
        self.flush().await
    }

    /// How slow the client may be: half as fast as it is sent to will do.
    pub(super) fn pace(&self) -> PaceLimits {
        let pace = self.door.pace();
        if self.rate == 0 {
            return pace;
        }
        let half = u32::try_from(self.rate / 2).unwrap_or(u32::MAX);
        PaceLimits { rate_min_bytes_per_s: pace.rate_min_bytes_per_s.min(half), ..pace }
    }

    /// A step's size under the present rate: about ten a second.
    pub(super) fn within_rate(&self, count: usize) -> usize {
        let tenth = usize::try_from(self.rate / 10).unwrap_or(usize::MAX);
        if self.rate == 0 { count } else { count.min(tenth.max(RATE_STEP_MIN)) }
    }

    /// Waits as long as `bytes` take at the present rate. A client that is slower waits longer by
    /// itself; it is not made up for.
    pub(super) async fn keep_to_rate(&self, bytes: usize) {
        if let Some(us) = (bytes as u64).saturating_mul(1_000_000).checked_div(self.rate) {
            tokio::time::sleep(Duration::from_micros(us)).await;
        }
    }

    /// Sends all of `bytes` and waits until the socket has them.
    pub(super) async fn send_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.send_some(bytes, SendFlags::empty()).await?;
        self.flush().await
    }

    pub(super) async fn send_some(&mut self, mut bytes: &[u8], flags: SendFlags) -> io::Result<()> {
        while !bytes.is_empty() {
            let step = &bytes[..bytes.len().min(SCRATCH_BYTES)];
            let sent = poll_fn(|cx| self.stream.poll_send(cx, step, flags)).await?;
            self.watched.sent(sent);
            bytes = &bytes[sent..];
        }
        Ok(())
    }

    pub(super) async fn flush(&mut self) -> io::Result<()> {
        if !self.stream.holds_unsent() {
            return Ok(());
        }
        poll_fn(|cx| self.stream.poll_flush(cx)).await
    }

    /// What became of an answer.
    pub(super) fn outcome(&self, status: u16, sent: io::Result<u64>) -> Outcome {
        let (bytes_out, end) = match sent {
            Ok(bytes) => (bytes, EndReason::DONE),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                (0, EndReason::new(Who::Local, Phase::Send))
            }
            Err(_) => (0, self.end_reason(Phase::Send)),
        };
        Outcome::answered(status, bytes_out, end)
    }
}

/// Writes the head of a 200 or 206.
fn write_file_head(
    door: &Door,
    file: &FileEntry,
    status: u16,
    range: ByteRange,
    ways: Ways,
    out: &mut Vec<u8>,
) {
    let date = door.date();
    let head = ResponseHead::begin(out, status)
        .push("date", &date)
        .push_lines(&file.lines)
        .push_number("content-length", range.end.saturating_sub(range.start));
    if status == 206 {
        let mut value = Vec::new();
        content_range(range, file.size, &mut value);
        end_head(head.push("content-range", &value), ways);
    } else {
        end_head(head, ways);
    }
}

/// Ends a head with what becomes of the connection. An HTTP/1.0 client waits for the end of the
/// connection unless it is told of another request's chance (RFC 9112 §9.3, RFC 2068 §19.7.1).
pub(super) fn end_head(head: ResponseHead<'_>, ways: Ways) {
    match (ways.keep_alive && !ways.body_left, ways.version) {
        (true, Version::Http11) => head.finish(),
        (true, Version::Http10) => head.push_lines(KEEP_ALIVE).finish(),
        (false, _) => head.push_lines(CLOSE).finish(),
    }
}

/// Reads exactly what was announced.
fn read_exactly(file: &FileEntry, offset: u64, out: &mut [u8]) -> io::Result<()> {
    let mut at = 0;
    while at < out.len() {
        match rustix::io::pread(&file.fd, &mut out[at..], offset + at as u64)? {
            0 => return Err(shrunk()),
            n => at += n,
        }
    }
    Ok(())
}

fn shrunk() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the file became shorter while it was sent")
}

/// Largest file sent together with its head; larger ones go by sendfile or in steps, bytes.
const SMALL_BYTES: usize = 32 << 10;
const SENDFILE_BYTES: usize = 512 << 10;
/// A reader that makes a step wait this long gets smaller ones, milliseconds.
const SLOW_MS: u64 = 50;
const RATE_STEP_MIN: usize = 1024;
const KEEP_ALIVE: &[u8] = b"connection: keep-alive\r\n";
const CLOSE: &[u8] = b"connection: close\r\n";

const _: () = assert!(SMALL_BYTES <= SCRATCH_BYTES);
