//! One HTTP/2 stream: its head as an [`Ask`], its body into a sink, its answer.

use std::future::poll_fn;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use http::{HeaderMap, HeaderName, HeaderValue, Response};
use menshen_base::pace::{Pace, PaceBreach};
use menshen_base::{Counter, EndReason, Phase, Who};
use menshen_net::clock;
use menshen_sys::TransferKind;
use menshen_web_core::fields::Wanted;
use menshen_web_core::head::{Headers, Interest, Method, host_is_valid};
use menshen_web_core::range::{ByteRange, MultipartRanges, content_range};

use super::Shared;
use crate::ask::{Ask, Wire};
use crate::door::Transfer;
use crate::fault::Fault;
use crate::files::{FileEntry, TICK_NS};
use crate::log::{Line, Outcome, Times};
use crate::plan::{FileAnswer, Patience, Plan, Span};
use crate::reply::Reply;
use crate::sink::{Cut, Finished, Sink};

/// Serves one stream.
pub(super) async fn serve(
    shared: &Rc<Shared>,
    request: http::Request<RecvStream>,
    respond: SendResponse<Bytes>,
) {
    let (parts, body) = request.into_parts();
    let begun_us = clock::micros();
    let mut stream =
        Exchange { shared, respond, body, rate: 0, head_only: parts.method == http::Method::HEAD };
    let mut plan = plan(shared, &parts, stream.body.is_end_stream(), Patience::Once);
    if matches!(plan.0, Plan::Tick) {
        tokio::time::sleep(Duration::from_nanos(TICK_NS.unsigned_abs())).await;
        plan = self::plan(shared, &parts, stream.body.is_end_stream(), Patience::Spent);
    }
    let (plan, client, length) = plan;
    let expects = parts.headers.get("expect").is_some();
    let mut told = EndReason::DONE;
    let outcome = match plan {
        Plan::Reply(reply) => {
            told = reply.end.unwrap_or(told);
            stream.answer(*reply).await
        }
        Plan::File(answer) => stream.answer_file(answer).await,
        Plan::Job(job, wanted) => {
            let door = Arc::clone(&shared.door.shared);
            let storing = shared.store();
            let reply = tokio::task::spawn_blocking(move || job.run(&door, wanted))
                .await
                .unwrap_or_else(|_| Reply::fault(Fault::Storage, wanted));
            drop(storing);
            stream.answer(reply).await
        }
        Plan::Zip(question) => Box::pin(stream.answer_zip(question)).await,
        Plan::Bucket(errand, wanted) => Box::pin(stream.answer_bucket(*errand, wanted)).await,
        Plan::Receive(sink) => stream.receive(sink, length, expects).await,
        Plan::Php(call) => stream.call(call).await,
        Plan::Asked(asking) => Box::pin(stream.asked(asking, length, expects)).await,
        Plan::Upload(errand) => Box::pin(stream.upload(errand, length, expects)).await,
        Plan::Linked(linked) => Box::pin(stream.linked(linked, length, expects)).await,
        Plan::Tick => stream.answer(Reply::fault(Fault::Busy, Wanted::Either)).await,
    };
    let door = &shared.door;
    door.slot.add(Counter::RequestsH2, 1);
    door.count_status(outcome.status);
    if door.log.wanted() {
        let total = clock::micros().saturating_sub(begun_us) / 1000;
        let send =
            i64::try_from(total).unwrap_or(0) - outcome.body_ms.max(0) - outcome.store_ms.max(0);
        let handshake = shared.handshake_ms.replace(-1);
        let times = Times {
            handshake,
            head: 0,
            body: outcome.body_ms,
            store: outcome.store_ms,
            send: send.max(0),
        };
        let target = parts.uri.path_and_query().map_or("", |target| target.as_str());
        let target = crate::uploads::shown(target.as_bytes());
        door.log.add(&Line {
            client,
            protocol: "h2",
            request: &[parts.method.as_str().as_bytes(), b" ", &target].concat(),
            status: outcome.status,
            bytes_in: outcome.bytes_in,
            bytes_out: outcome.bytes_out,
            times,
            php: outcome.php,
            end: if outcome.end == EndReason::DONE { told } else { outcome.end },
        });
    }
    stream.linger().await;
}

/// The head as the door sees it, planned.
fn plan(
    shared: &Shared,
    parts: &http::request::Parts,
    no_body: bool,
    patience: Patience,
) -> (Plan, IpAddr, Option<u64>) {
    let door = &shared.door;
    let peer = shared.peer.ip();
    let trouble =
        |status, text| (Plan::from(Reply::trouble(status, text, "", Wanted::Either)), peer, None);
    let target = parts.uri.path_and_query().map_or("", |target| target.as_str()).as_bytes();
    if target.len() > usize::try_from(door.limits.target_bytes_max).unwrap_or(usize::MAX) {
        door.slot.add(Counter::LimitTarget, 1);
        return trouble(414, "the request target is too long");
    }
    if parts.headers.len() > usize::try_from(door.limits.headers_max).unwrap_or(usize::MAX) {
        door.slot.add(Counter::LimitHeadBytes, 1);
        return trouble(431, "too many header fields");
    }
    let named = parts.headers.get("host").map(HeaderValue::as_bytes);
    let authority = parts.uri.authority().map(|authority| authority.as_str().as_bytes());
    let host = match (authority, named) {
        (Some(authority), Some(named)) if !authority.eq_ignore_ascii_case(named) => {
            return trouble(400, "Host and :authority differ");
        }
        (Some(host), _) | (None, Some(host)) => host,
        (None, None) => return trouble(400, "the request names no host"),
    };
    // RFC 9113 §8.3.1: no user information; beyond that the same syntax as in HTTP/1.1.
    if !host_is_valid(host) || parts.headers.get_all("host").iter().count() > 1 {
        return trouble(400, "the request names no valid host");
    }
    let length = match parts.headers.get("content-length") {
        _ if no_body => Some(0),
        Some(value) => menshen_web_core::head::content_length(value.as_bytes()),
        None => None,
    };
    let interest = parts
        .headers
        .keys()
        .fold(Interest::NONE, |all, name| all.with(Interest::of(name.as_str().as_bytes())));
    let fields = Fields(&parts.headers);
    let mut ask = Ask {
        method: Method::of(parts.method.as_str().as_bytes()),
        method_name: parts.method.as_str(),
        target,
        host,
        headers: &fields,
        interest,
        peer,
        length,
        wire: Wire {
            local: &|| shared.local,
            remote: shared.peer,
            secure: true,
            protocol: "HTTP/2.0",
        },
    };
    ask.peer = door.client_of(peer, &ask);
    let beforehand = door.challenge(&ask).or_else(|| door.gre_counts(&ask));
    let plan = beforehand.unwrap_or_else(|| door.plan(&ask, patience));
    (plan, ask.peer, length)
}

/// The library's header map as the core's.
struct Fields<'a>(&'a HeaderMap);

impl Headers for Fields<'_> {
    fn get(&self, name: &str) -> Option<&[u8]> {
        self.0.get(name).map(HeaderValue::as_bytes)
    }

    fn for_each(&self, name: &str, f: &mut dyn FnMut(&[u8])) {
        self.0.get_all(name).iter().for_each(|value| f(value.as_bytes()));
    }

    fn each(&self, f: &mut dyn FnMut(&[u8], &[u8])) {
        self.0.iter().for_each(|(name, value)| f(name.as_str().as_bytes(), value.as_bytes()));
    }
}

/// One request and its answer.
pub(super) struct Exchange<'s> {
    pub(super) shared: &'s Rc<Shared>,
    pub(super) respond: SendResponse<Bytes>,
    body: RecvStream,
    /// Bytes per second the answer may be sent with, 0 for no limit.
    pub(super) rate: u64,
    pub(super) head_only: bool,
}

impl Exchange<'_> {
    pub(super) async fn answer(&mut self, reply: Reply) -> Outcome {
        let status = reply.status;
        let mut response = self.response(status);
        for (name, value) in &reply.fields {
            let value = HeaderValue::from_bytes(value).unwrap_or(HeaderValue::from_static(""));
            response.headers_mut().append(HeaderName::from_static(name), value);
        }
        for (name, value) in &reply.lines {
            // Both were fields before; what HTTP/2 does not take is left out.
            let name = HeaderName::from_bytes(name.as_bytes());
            if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(value)) {
                response.headers_mut().append(name, value);
            }
        }
        let body = match reply.body {
            crate::reply::Body::Empty => Bytes::new(),
            crate::reply::Body::Owned(bytes) => Bytes::from(bytes),
            crate::reply::Body::Fixed(bytes) => Bytes::from_static(bytes),
        };
        if !matches!(status, 204 | 304) {
            set_length(&mut response, body.len() as u64);
        }
        let empty = self.head_only || body.is_empty() || matches!(status, 204 | 304);
        let length = body.len() as u64;
        let sent = match self.respond.send_response(response, empty) {
            Ok(_) if empty => Ok(0),
            Ok(mut send) => self.send(&mut send, body, Last::Yes).await.map(|()| length),
            Err(_) => Err(self.ended(Phase::Send)),
        };
        self.shared.door.slot.add(Counter::BytesOut, *sent.as_ref().unwrap_or(&0));
        outcome(status, sent)
    }

    pub(super) async fn answer_file(&mut self, answer: FileAnswer) -> Outcome {
        let FileAnswer { file, span } = answer;
        let whole = ByteRange { start: 0, end: file.size };
        match span {
            Span::Whole => self.answer_range(&file, 200, whole).await,
            Span::One(range) => self.answer_range(&file, 206, range).await,
            Span::Many(ranges) => self.answer_ranges(&file, &ranges).await,
        }
    }

    async fn answer_range(&mut self, file: &FileEntry, status: u16, range: ByteRange) -> Outcome {
        let mut response = self.response(status);
        response.headers_mut().extend(file.map().clone());
        let length = range.end.saturating_sub(range.start);
        set_length(&mut response, length);
        if status == 206 {
            let mut value = Vec::new();
            content_range(range, file.size, &mut value);
            set(&mut response, "content-range", &value);
        }
        let empty = self.head_only || length == 0;
        let mut send = match self.respond.send_response(response, empty) {
            Ok(_) if empty => return outcome(status, Ok(0)),
            Ok(send) => send,
            Err(_) => return outcome(status, Err(self.ended(Phase::Send))),
        };
        let transfer = self.shared.door.transfer(TransferKind::Download, Some(length), file.path());
        let sent = self.send_stretch(&mut send, file, range, Last::Yes, &transfer).await;
        Outcome { bytes_out: transfer.done(), ..outcome(status, sent.map(|()| 0)) }
    }

    async fn answer_ranges(&mut self, file: &FileEntry, ranges: &[ByteRange]) -> Outcome {
        let boundary = self.shared.door.boundary();
        let kind = file.media_type.as_bytes();
        let frame = MultipartRanges::new(ranges, file.size, kind, boundary.as_bytes());
        let mut response = self.response(206);
        response.headers_mut().extend(file.map().clone());
        let mut value = Vec::new();
        frame.content_type(&mut value);
        set(&mut response, "content-type", &value);
        set_length(&mut response, frame.content_length());
        let Ok(mut send) = self.respond.send_response(response, false) else {
            return outcome(206, Err(self.ended(Phase::Send)));
        };
        let total = Some(frame.content_length());
        let transfer = self.shared.door.transfer(TransferKind::Download, total, file.path());
        for (index, range) in ranges.iter().enumerate() {
            let mut head = Vec::new();
            frame.part_head(index, &mut head);
            if let Err(end) = self.send(&mut send, head.into(), Last::No).await {
                return Outcome { bytes_out: transfer.done(), ..outcome(206, Err(end)) };
            }
            let sent = self.send_stretch(&mut send, file, *range, Last::No, &transfer).await;
            if let Err(end) = sent {
                return Outcome { bytes_out: transfer.done(), ..outcome(206, Err(end)) };
            }
        }
        let mut closing = Vec::new();
        frame.closing(&mut closing);
        let sent = self.send(&mut send, closing.into(), Last::Yes).await;
        Outcome { bytes_out: transfer.done(), ..outcome(206, sent.map(|()| 0)) }
    }

    pub(super) async fn receive(
        &mut self,
        mut sink: Sink,
        length: Option<u64>,
        expects: bool,
    ) -> Outcome {
        let transfer = self.shared.door.transfer(TransferKind::Upload, length, sink.path());
        let begun_us = clock::micros();
        self.shared.begin_body(length);
        if expects && !self.body.is_end_stream() {
            let mut interim = Response::new(());
            *interim.status_mut() = http::StatusCode::CONTINUE;
            // A client that went on without it loses nothing.
            let _ = self.respond.send_informational(interim);
        }
        let wanted = sink.wanted();
        let received = self.receive_into(&mut sink, &transfer).await;
        let body_ms = since(begun_us);
        let bytes_in = transfer.done();
        drop(transfer);
        let store_us = clock::micros();
        let (mut result, store_ms) = match received {
            Ok(()) => {
                let storing = self.shared.store();
                let stored = sink.finish(&self.shared.door).await;
                drop(storing);
                let store_ms = since(store_us);
                let answered = match stored {
                    Ok(Finished::Reply(reply)) => self.answer(reply).await,
                    Ok(Finished::Zip(question)) => Box::pin(self.answer_zip(question)).await,
                    Ok(Finished::Call(call)) => self.call(call).await,
                    Err((fault, wanted)) => {
                        let reply = self.refused(fault, wanted);
                        self.answer(reply).await
                    }
                };
                let store_ms = store_ms + answered.store_ms.max(0);
                (answered, store_ms)
            }
            Err(Broken::Fault(fault)) => {
                let who = if fault.status() >= 500 { Who::Local } else { Who::Client };
                self.shared.door.count_fault(fault);
                let storing = self.shared.store();
                let told = sink.cut(&self.shared.door, Cut::Fault(fault)).await;
                drop(storing);
                let reply = told.unwrap_or_else(|| Reply::fault(fault, wanted));
                let answered = self.answer(reply).await;
                (Outcome { end: EndReason::new(who, Phase::Body), ..answered }, -1)
            }
            Err(Broken::Gone(end)) => {
                sink.cut(&self.shared.door, Cut::Ended).await;
                self.respond.send_reset(Reason::CANCEL);
                (outcome(0, Err(end)), -1)
            }
        };
        (result.bytes_in, result.body_ms, result.store_ms) = (bytes_in, body_ms, store_ms);
        result
    }

    async fn receive_into(&mut self, sink: &mut Sink, transfer: &Transfer) -> Result<(), Broken> {
        let door = &self.shared.door;
        let limits = door.pace();
        let mut judged_ms = clock::coarse_ms();
        let mut pace = Pace::new(judged_ms, &limits);
        loop {
            let next = poll_fn(|cx| self.body.poll_data(cx));
            match tokio::time::timeout(JUDGED_EVERY, next).await {
                Ok(None) => return Ok(()),
                Ok(Some(data)) => {
                    let data = data.map_err(|_| Broken::Gone(self.ended(Phase::Body)))?;
                    sink.take(&data).map_err(Broken::Fault)?;
                    if sink.is_due() {
                        let (waiting, begun_ms) = (self.shared.wait(), clock::coarse_ms());
                        let settled = sink.settle().await;
                        drop(waiting);
                        let waited_ms = clock::coarse_ms().saturating_sub(begun_ms);
                        pace.waited(waited_ms);
                        judged_ms += waited_ms;
                        if let Some(fields) = settled.map_err(Broken::Fault)? {
                            self.tell(fields);
                        }
                    }
                    pace.moved(data.len() as u64);
                    transfer.moved(data.len() as u64);
                    self.shared.uploaded(data.len());
                    // The window opens again only for what the disk has taken.
                    let _ = self.body.flow_control().release_capacity(data.len());
                }
                Err(_) => {}
            }
            // A stream that drips is ended alone; the watch sees only the whole connection.
            let now_ms = clock::coarse_ms();
            if self.shared.waits() {
                // Another stream waits for the store with what it has of the connection's window:
                // perhaps this one may not send.
                pace.waited(now_ms.saturating_sub(judged_ms));
            }
            judged_ms = now_ms;
            if let Some(breach) = pace.judge(now_ms, &limits) {
                door.slot.add(
                    match breach {
                        PaceBreach::Stall => Counter::LimitStall,
                        PaceBreach::Rate => Counter::LimitRate,
                    },
                    1,
                );
                return Err(Broken::Gone(EndReason::new(Who::Limit, Phase::Body)));
            }
        }
    }

    /// After an answer that came before the end of its body: what still arrives is read and
    /// forgotten for a moment. The reset that ends the body (RFC 9113 §8.1) makes some clients
    /// forget an answer they have not looked at yet.
    async fn linger(&mut self) {
        let until = tokio::time::Instant::now() + LINGER;
        let mut left = LINGER_BYTES;
        while left > 0 && !self.body.is_end_stream() {
            let next = poll_fn(|cx| self.body.poll_data(cx));
            let Ok(Some(Ok(data))) = tokio::time::timeout_at(until, next).await else { return };
            left = left.saturating_sub(data.len());
            let _ = self.body.flow_control().release_capacity(data.len());
        }
    }

    /// What is sent at once under the present rate: about a tenth of a second's.
    pub(super) fn step_bytes(&self) -> usize {
        let tenth = usize::try_from(self.rate / 10).unwrap_or(usize::MAX).max(RATE_STEP_MIN);
        if self.rate == 0 { CHUNK_BYTES } else { CHUNK_BYTES.min(tenth) }
    }

    /// Waits as long as `bytes` take at the present rate.
    pub(super) async fn keep_to_rate(&self, bytes: u64) {
        if let Some(us) = bytes.saturating_mul(1_000_000).checked_div(self.rate) {
            // The connection is not blamed for a wait that was asked for.
            let waiting = self.shared.store();
            tokio::time::sleep(Duration::from_micros(us)).await;
            drop(waiting);
        }
    }

    async fn send_stretch(
        &self,
        send: &mut SendStream<Bytes>,
        file: &FileEntry,
        range: ByteRange,
        last: Last,
        transfer: &Transfer,
    ) -> Result<(), EndReason> {
        let mut offset = range.start;
        while offset < range.end {
            let left = usize::try_from(range.end - offset).unwrap_or(usize::MAX);
            let room = self.capacity(send, left.min(self.step_bytes())).await?;
            let mut chunk = Vec::with_capacity(room);
            let read =
                rustix::io::pread(&file.fd, rustix::buffer::spare_capacity(&mut chunk), offset);
            match read {
                Ok(n) if n > 0 => {}
                _ => {
                    // The file became shorter than announced: only a reset is honest.
                    send.send_reset(Reason::INTERNAL_ERROR);
                    return Err(EndReason::new(Who::Local, Phase::Send));
                }
            }
            offset += chunk.len() as u64;
            let bytes = chunk.len() as u64;
            self.keep_to_rate(bytes).await;
            let end = last == Last::Yes && offset >= range.end;
            send.send_data(chunk.into(), end).map_err(|_| self.ended(Phase::Send))?;
            transfer.moved(bytes);
        }
        Ok(())
    }

    pub(super) async fn send(
        &self,
        send: &mut SendStream<Bytes>,
        mut bytes: Bytes,
        last: Last,
    ) -> Result<(), EndReason> {
        while !bytes.is_empty() {
            let room = self.capacity(send, bytes.len()).await?;
            let piece = bytes.split_to(room.min(bytes.len()));
            let end = last == Last::Yes && bytes.is_empty();
            send.send_data(piece, end).map_err(|_| self.ended(Phase::Send))?;
        }
        Ok(())
    }

    /// Waits until the peer's windows and our send buffer allow some of `want` bytes.
    pub(super) async fn capacity(
        &self,
        send: &mut SendStream<Bytes>,
        want: usize,
    ) -> Result<usize, EndReason> {
        let door = &self.shared.door;
        let stall = Duration::from_secs(u64::from(door.limits.stall_seconds_max.max(1)));
        send.reserve_capacity(want);
        loop {
            if send.capacity() > 0 {
                return Ok(send.capacity().min(want));
            }
            match tokio::time::timeout(stall, poll_fn(|cx| send.poll_capacity(cx))).await {
                Ok(Some(Ok(_))) => {}
                Ok(_) => return Err(self.ended(Phase::Send)),
                Err(_) => {
                    door.slot.add(Counter::LimitStall, 1);
                    send.send_reset(Reason::CANCEL);
                    return Err(EndReason::new(Who::Limit, Phase::Send));
                }
            }
        }
    }

    fn refused(&self, fault: Fault, wanted: Wanted) -> Reply {
        self.shared.door.count_fault(fault);
        self.shared.door.slot.add(Counter::UploadsAborted, 1);
        Reply::fault(fault, wanted)
    }

    pub(super) fn ended(&self, phase: Phase) -> EndReason {
        let who = if self.shared.watched.breach().is_some() { Who::Limit } else { Who::Client };
        EndReason::new(who, phase)
    }

    pub(super) fn response(&self, status: u16) -> Response<()> {
        let mut response = Response::new(());
        *response.status_mut() =
            http::StatusCode::from_u16(status).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
        set(&mut response, "date", &self.shared.door.date());
        response
    }
}

/// Whether a piece ends the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Last {
    Yes,
    No,
}

/// Why a body did not become whole.
#[derive(Debug)]
enum Broken {
    Fault(Fault),
    Gone(EndReason),
}

pub(super) fn outcome(status: u16, sent: Result<u64, EndReason>) -> Outcome {
    let (bytes_out, end) = match sent {
        Ok(bytes) => (bytes, EndReason::DONE),
        Err(end) => (0, end),
    };
    Outcome::answered(status, bytes_out, end)
}

pub(super) fn set(response: &mut Response<()>, name: &'static str, value: &[u8]) {
    let value = HeaderValue::from_bytes(value).unwrap_or(HeaderValue::from_static(""));
    response.headers_mut().insert(HeaderName::from_static(name), value);
}

pub(super) fn set_length(response: &mut Response<()>, length: u64) {
    response.headers_mut().insert("content-length", HeaderValue::from(length));
}

pub(super) fn since(us: u64) -> i64 {
    i64::try_from(clock::micros().saturating_sub(us) / 1000).unwrap_or(0)
}

/// Most that a stream holds of what its peer does not take, bytes.
pub(super) const CHUNK_BYTES: usize = 64 << 10;
/// How often the pace of a body is judged while none of it comes.
const RATE_STEP_MIN: usize = 1024;
const JUDGED_EVERY: Duration = Duration::from_secs(1);
const LINGER: Duration = Duration::from_secs(2);
const LINGER_BYTES: usize = 4 << 20;
