//! HTTP/1.1 on one connection: read a head, carry out its plan, answer, again.
//!
//! While a connection waits it holds no buffer: heads are parsed where they were received, bodies
//! handed on where they were received, and only bytes that cannot be used yet are kept. Deadlines
//! and rates are the watch's; when it ends the connection, a read or write here fails and the
//! breach says why.
//!
//! A connection that always has something to do gives way to the others after every request and
//! every few megabytes.
//!
//! How it fails: framing that is not exactly right is answered and the connection closed, since
//! what follows has no known meaning. A body refused half-way is answered at once; then the rest
//! is read and forgotten for a moment, so that the client sees the answer and not a reset.

mod bucket;
mod link;
mod php;
mod receive;
mod send;
mod sstp;
mod upload;
mod zip;

use std::cell::Cell;
use std::future::poll_fn;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::task::{Poll, ready};
use std::time::Duration;

use menshen_base::{Counter, EndReason, Phase, Who};
use menshen_net::stream::RECORD_ROOM;
use menshen_net::{Breach, SendStep, Stream, Watched, clock};
use menshen_tls::ShownHashes;
use menshen_web_core::fields::Wanted;
use menshen_web_core::head::{
    Framing, HeadError, Method, Parsed, RequestHead, Version, parse_request,
};

use crate::ask::{Ask, Wire};
use crate::door::Door;
use crate::fault::Fault;
use crate::files::TICK_NS;
use crate::job::Job;
use crate::log::{Line, Outcome, PhpNote, Times};
use crate::plan::{Patience, Plan, redirect};
use crate::reply::Reply;
use crate::scratch::with_scratch;

/// What a listener does with requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Serve.
    Serve,
    /// Point to HTTPS.
    Redirect,
    /// Tell the counters.
    Admin,
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Session {
    door: Rc<Door>,
    stream: Stream,
    watched: Rc<Watched>,
    peer: SocketAddr,
    mode: Mode,
    /// Bytes received and not used yet.
    held: Vec<u8>,
    /// Present size of steps over TLS; kept from answer to answer.
    step: SendStep,
    /// Bytes per second the present answer may be sent with, 0 for no limit.
    rate: u64,
    handshake_ms: i64,
    /// The socket's own address, once it was asked for.
    local: Cell<Option<SocketAddr>>,
    /// When the first byte of the present head was there; 0 while none is.
    head_us: u64,
    /// What certificate was shown, as long as the connection may become a tunnel's.
    shown: Option<Box<ShownHashes>>,
}

/// One request, ready to be carried out.
#[derive(Debug)]
struct Request {
    plan: Plan,
    framing: Framing,
    keep_alive: bool,
    version: Version,
    expect_continue: bool,
    head_only: bool,
    client: IpAddr,
    /// Method and target for the log; empty when there is none.
    label: Vec<u8>,
    head_ms: i64,
    started_us: u64,
}

/// What became of an attempt to read a head.
#[derive(Debug)]
enum Step {
    More,
    Tick,
    Ready(Box<Request>),
    Sstp(Box<sstp::Claim>),
    Refused(HeadError),
    Gone,
}

impl Session {
    pub(crate) fn new(
        door: Rc<Door>,
        stream: Stream,
        watched: Rc<Watched>,
        peer: SocketAddr,
        mode: Mode,
        handshake_ms: i64,
    ) -> Self {
        let step = SendStep::FIRST;
        let (held, head_us, rate) = (Vec::new(), 0, 0);
        let (local, shown) = (Cell::new(None), None);
        Self {
            door,
            stream,
            watched,
            peer,
            mode,
            held,
            step,
            rate,
            handshake_ms,
            local,
            head_us,
            shown,
        }
    }

    /// Serves requests until the connection ends.
    pub(crate) async fn run(mut self) {
        let mut first = true;
        loop {
            if first {
                self.watched.enter(Phase::Head, self.door.limits.head_seconds_max);
            } else if self.door.watch.draining() {
                self.watched.enter(Phase::Idle, DRAIN_IDLE_SECONDS);
            } else {
                self.watched.enter(Phase::Idle, self.door.limits.idle_seconds_max);
            }
            first = false;
            match self.next().await {
                Ok(request) => {
                    self.shown = None;
                    if !self.serve(request).await {
                        break;
                    }
                    // Requests that came in one piece are no reason to be served in one piece.
                    tokio::task::consume_budget().await;
                }
                Err(Ending::Sstp(claim)) => {
                    // Boxed, as the few calls of PHP are.
                    Box::pin(self.hand_over(claim)).await;
                    break;
                }
                Err(end) => {
                    self.end_without_request(end).await;
                    break;
                }
            }
        }
    }

    /// Reads until a whole head is there.
    async fn next(&mut self) -> Result<Box<Request>, Ending> {
        let mut patience = Patience::Once;
        let mut step = if self.held.is_empty() {
            self.head_us = 0;
            Step::More
        } else {
            self.begin_head();
            let held = std::mem::take(&mut self.held);
            self.examine(&held, patience)
        };
        loop {
            match step {
                Step::Ready(request) => return Ok(request),
                Step::Sstp(claim) => return Err(Ending::Sstp(claim)),
                Step::Refused(error) => return Err(Ending::Refused(error)),
                Step::Gone => return Err(Ending::Gone),
                Step::Tick => {
                    // One tick of the clock that stamps files; see `Plan::Tick`.
                    tokio::time::sleep(Duration::from_nanos(TICK_NS.unsigned_abs())).await;
                    patience = Patience::Spent;
                    let held = std::mem::take(&mut self.held);
                    step = self.examine(&held, patience);
                }
                Step::More => step = self.receive_head(patience).await,
            }
        }
    }

    /// The first byte of a head is there.
    fn begin_head(&mut self) {
        self.head_us = clock::micros();
        if self.watched.phase() == Phase::Idle {
            self.watched.enter(Phase::Head, self.door.limits.head_seconds_max);
        }
    }

    async fn receive_head(&mut self, patience: Patience) -> Step {
        poll_fn(|cx| {
            with_scratch(|scratch| {
                let room = &mut scratch.data()[..HEAD_RECV + RECORD_ROOM];
                let n = match ready!(self.stream.poll_recv(cx, HEAD_RECV, room)) {
                    Ok(0) | Err(_) => return Poll::Ready(Step::Gone),
                    Ok(n) => n,
                };
                if self.head_us == 0 {
                    self.begin_head();
                }
                if self.held.is_empty() {
                    return Poll::Ready(self.examine(&room[..n], patience));
                }
                self.held.extend_from_slice(&room[..n]);
                // Only a line end can complete a head. Parsing it anew for every byte of a long
                // line would let a few kilobytes cost a second.
                let whole = self.held.len() > self.door.head_limits().head_bytes_max;
                if !whole && !room[..n].contains(&b'\n') {
                    return Poll::Ready(Step::More);
                }
                let held = std::mem::take(&mut self.held);
                Poll::Ready(self.examine(&held, patience))
            })
        })
        .await
    }

    /// Looks for a whole head in `bytes`; keeps what is not used.
    fn examine(&mut self, bytes: &[u8], patience: Patience) -> Step {
        if let Some(step) = self.sstp(bytes) {
            return step;
        }
        let (head, len) = match parse_request(bytes, &self.door.head_limits()) {
            Ok(Parsed::Complete { head, len }) => (head, len),
            Ok(Parsed::Partial) => {
                self.held = bytes.to_vec();
                return Step::More;
            }
            Err(error) => return Step::Refused(error),
        };
        let request = self.plan(&head, patience);
        if matches!(request.plan, Plan::Tick) {
            self.held = bytes.to_vec();
            return Step::Tick;
        }
        if bytes.len() > len {
            self.held = bytes[len..].to_vec();
        }
        Step::Ready(Box::new(request))
    }

    /// How the client reached a trusted proxy in front of this plain listener.
    fn forwarded(&self, head: &RequestHead<'_>) -> Option<Forwarded> {
        if self.stream.tls().is_some() || !self.door.trusts(self.peer.ip()) {
            return None;
        }
        let proto = head.get("x-forwarded-proto")?;
        if proto.eq_ignore_ascii_case(b"https") {
            Some(Forwarded::Https)
        } else if proto.eq_ignore_ascii_case(b"http") {
            Some(Forwarded::Http)
        } else {
            None
        }
    }

    fn plan(&self, head: &RequestHead<'_>, patience: Patience) -> Request {
        let forwarded = self.forwarded(head);
        let mut ask = Ask {
            method: head.method,
            method_name: head.method_name,
            target: head.target,
            host: head.host,
            headers: head,
            interest: head.interest,
            peer: self.peer.ip(),
            length: match head.framing {
                Framing::None => Some(0),
                Framing::Length(n) => Some(n),
                Framing::Chunked => None,
            },
            wire: Wire {
                local: &|| {
                    let local = self.local.get().unwrap_or_else(|| self.stream.local_addr());
                    self.local.set(Some(local));
                    local
                },
                remote: self.peer,
                secure: self.stream.tls().is_some() || forwarded == Some(Forwarded::Https),
                protocol: match head.version {
                    Version::Http10 => "HTTP/1.0",
                    Version::Http11 => "HTTP/1.1",
                },
            },
        };
        ask.peer = self.door.client_of(ask.peer, &ask);
        let beforehand = self.door.challenge(&ask).or_else(|| self.door.gre_counts(&ask));
        let plan = match (self.mode, beforehand, forwarded) {
            (Mode::Admin, ..) => {
                crate::metrics::answer(&ask, &self.door.shared.board.view()).into()
            }
            (_, Some(plan), _) => plan,
            // TLS ended at the proxy, or should have: its own HTTPS port is the usual one.
            (_, _, Some(Forwarded::Http)) => redirect(&ask, HTTPS_PORT).into(),
            (Mode::Serve, ..) | (_, _, Some(Forwarded::Https)) => self.door.plan(&ask, patience),
            (Mode::Redirect, _, None) => redirect(&ask, self.door.https_port).into(),
        };
        let label = if self.door.log.wanted() {
            [head.method_name.as_bytes(), b" ", &crate::uploads::shown(head.target)].concat()
        } else {
            Vec::new()
        };
        let now = clock::micros();
        Request {
            plan,
            framing: head.framing,
            keep_alive: head.keep_alive,
            version: head.version,
            expect_continue: head.expect_continue,
            head_only: head.method == Method::Head,
            client: ask.peer,
            label,
            head_ms: millis(now.saturating_sub(self.head_us)),
            started_us: now,
        }
    }

    /// Carries a request out; whether another may follow.
    async fn serve(&mut self, request: Box<Request>) -> bool {
        let door = Rc::clone(&self.door);
        door.slot.add(Counter::RequestsOpen, 1);
        let Request {
            plan,
            framing,
            keep_alive,
            version,
            expect_continue,
            head_only,
            client,
            label,
            head_ms,
            started_us,
        } = *request;
        let keep_alive = keep_alive && !door.watch.draining();
        let body_left = has_body(framing);
        let mut ways = Ways { framing, keep_alive, version, expect_continue, head_only, body_left };
        // What the log says of an answer that was sent in order all the same.
        let mut told = EndReason::DONE;
        let outcome = match plan {
            Plan::Reply(reply) => {
                told = reply.end.unwrap_or(told);
                self.answer(*reply, &mut ways).await
            }
            Plan::File(answer) => self.answer_file(answer, &mut ways).await,
            Plan::Job(job, wanted) => self.work(job, wanted, &mut ways).await,
            Plan::Receive(sink) => self.receive(sink, &mut ways).await,
            // Boxed: few connections are about these at a time, and all would be as large.
            Plan::Zip(question) => Box::pin(self.answer_zip(question, &mut ways)).await,
            Plan::Bucket(what, how) => Box::pin(self.answer_bucket(*what, how, &mut ways)).await,
            Plan::Php(call) => Box::pin(self.call(call, &mut ways)).await,
            Plan::Asked(asking) => Box::pin(self.asked(asking, &mut ways)).await,
            Plan::Upload(errand) => Box::pin(self.upload(errand, &mut ways)).await,
            Plan::Linked(linked) => Box::pin(self.linked(linked, &mut ways)).await,
            Plan::Tick => self.answer(Reply::fault(Fault::Busy, Wanted::Either), &mut ways).await,
        };
        door.slot.sub(Counter::RequestsOpen, 1);
        door.count_status(outcome.status);
        if door.log.wanted() {
            let total = millis(clock::micros().saturating_sub(started_us));
            let spent = outcome.body_ms.max(0) + outcome.store_ms.max(0);
            let times = Times {
                handshake: self.handshake_ms,
                head: head_ms,
                body: outcome.body_ms,
                store: outcome.store_ms,
                send: (total - spent).max(0),
            };
            let Outcome { status, bytes_in, bytes_out, php, end, .. } = outcome;
            let end = if end == EndReason::DONE { told } else { end };
            let line = Line {
                client,
                protocol: "h1",
                request: &label,
                status,
                bytes_in,
                bytes_out,
                times,
                php,
                end,
            };
            door.log.add(&line);
        }
        self.handshake_ms = -1;
        // After anything but a whole answer nobody knows where the next would begin.
        if outcome.end == EndReason::DONE && ways.keep_alive && !ways.body_left {
            return true;
        }
        // What was asked after the last answer would turn our goodbye into a reset as well.
        self.linger(ways.body_left || !self.held.is_empty() || door.watch.draining()).await;
        false
    }

    /// Has the file system work on a blocking thread, and answers.
    async fn work(&mut self, job: Box<Job>, wanted: Wanted, ways: &mut Ways) -> Outcome {
        let shared = std::sync::Arc::clone(&self.door.shared);
        self.watched.enter(Phase::Store, 0);
        let store_us = clock::micros();
        let reply = tokio::task::spawn_blocking(move || job.run(&shared, wanted))
            .await
            .unwrap_or_else(|_| Reply::fault(Fault::Storage, wanted));
        let mut outcome = self.answer(reply, ways).await;
        outcome.store_ms = millis(clock::micros().saturating_sub(store_us));
        outcome
    }

    /// Ends a connection on which no (further) request came.
    async fn end_without_request(&mut self, ending: Ending) {
        let breach = self.watched.breach();
        let (reply, end) = match (ending, breach) {
            (Ending::Refused(error), _) => {
                match error.status() {
                    414 => self.door.slot.add(Counter::LimitTarget, 1),
                    431 => self.door.slot.add(Counter::LimitHeadBytes, 1),
                    _ => {}
                }
                let reply = Reply::trouble(error.status(), error.reason(), "", Wanted::Either);
                (Some(reply), EndReason::new(Who::Client, Phase::Head))
            }
            // Not a byte came: browsers open connections ahead, and would show a 408 to nobody's
            // question as the answer to their next.
            (Ending::Gone, Some(Breach::Deadline(Phase::Head))) if self.held.is_empty() => {
                (None, EndReason::new(Who::Limit, Phase::Head))
            }
            (Ending::Gone, Some(Breach::Deadline(Phase::Head))) => {
                let text = "the request head took too long";
                let reply = Reply::trouble(408, text, "", Wanted::Either);
                (Some(reply), EndReason::new(Who::Limit, Phase::Head))
            }
            (Ending::Gone, None) if !self.held.is_empty() => {
                (None, EndReason::new(Who::Client, Phase::Head))
            }
            // An idle connection that ends is no event.
            _ => {
                self.stream.finish();
                return;
            }
        };
        let status = reply.as_ref().map_or(0, |reply| reply.status);
        if let Some(reply) = reply {
            let mut ways = Ways {
                framing: Framing::None,
                keep_alive: false,
                version: Version::Http11,
                expect_continue: false,
                head_only: false,
                body_left: true,
            };
            self.answer(reply, &mut ways).await;
            self.door.count_status(status);
            self.linger(true).await;
        } else {
            self.stream.finish();
        }
        let times = Times { handshake: self.handshake_ms, ..Times::NONE };
        let client = self.peer.ip();
        let line = Line {
            client,
            protocol: "h1",
            request: b"",
            status,
            bytes_in: 0,
            bytes_out: 0,
            times,
            php: PhpNote::default(),
            end,
        };
        self.door.log.add(&line);
    }

    /// Says goodbye so that the client reads our last answer: FIN first, then, if it may still be
    /// sending, its bytes are read and forgotten for a moment; a reset would destroy the answer.
    async fn linger(&mut self, unread: bool) {
        self.stream.finish();
        if !unread {
            return;
        }
        self.watched.enter(Phase::Idle, 0);
        let rest = async {
            let mut left = LINGER_BYTES;
            while left > 0 {
                let got = poll_fn(|cx| {
                    with_scratch(|scratch| self.stream.poll_recv(cx, BODY_RECV, scratch.data()))
                })
                .await;
                match got {
                    Ok(n) if n > 0 => left = left.saturating_sub(n),
                    _ => return,
                }
            }
        };
        // Whoever is not done by then gets a reset.
        let _ = tokio::time::timeout(Duration::from_secs(LINGER_SECONDS), rest).await;
    }

    /// Why the connection could not go on in `phase`.
    fn end_reason(&self, phase: Phase) -> EndReason {
        match self.watched.breach() {
            Some(Breach::Drain) => EndReason::new(Who::Operator, phase),
            Some(_) => EndReason::new(Who::Limit, phase),
            None => EndReason::new(Who::Client, phase),
        }
    }
}

/// How the present request is to be answered and what is left of it.
#[derive(Debug, Clone, Copy)]
struct Ways {
    framing: Framing,
    keep_alive: bool,
    version: Version,
    expect_continue: bool,
    head_only: bool,
    /// Whether bytes of the body may still come.
    body_left: bool,
}

/// Counts what a connection moves without having to wait, so that it gives way now and then.
#[derive(Debug, Default)]
struct Turn(usize);

impl Turn {
    async fn moved(&mut self, bytes: usize) {
        self.0 += bytes;
        if self.0 >= TURN_BYTES {
            self.0 = 0;
            tokio::task::yield_now().await;
        }
    }
}

/// The scheme of `X-Forwarded-Proto`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Forwarded {
    Http,
    Https,
}

/// Why no request came.
#[derive(Debug)]
enum Ending {
    /// The connection is another protocol's from here on.
    Sstp(Box<sstp::Claim>),
    Refused(HeadError),
    Gone,
}

fn has_body(framing: Framing) -> bool {
    !matches!(framing, Framing::None | Framing::Length(0))
}

fn millis(us: u64) -> i64 {
    i64::try_from(us / 1000).unwrap_or(i64::MAX)
}

const HTTPS_PORT: u16 = 443;
const HEAD_RECV: usize = 16 << 10;
const BODY_RECV: usize = 256 << 10;
/// While draining, how long an idle connection may still send a last request.
const DRAIN_IDLE_SECONDS: u32 = 1;
const LINGER_SECONDS: u64 = 2;
const LINGER_BYTES: usize = 4 << 20;
/// Bytes one connection moves before the others have their turn; about two milliseconds.
const TURN_BYTES: usize = 4 << 20;

#[cfg(test)]
mod tests;
