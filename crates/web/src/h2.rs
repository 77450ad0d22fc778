//! HTTP/2 on one connection, with the `h2` library underneath: framing, HPACK, flow control and
//! its flood limits are the library's; plans, bodies and answers are the same as in HTTP/1.1.
//!
//! Windows start small and grow for connections that really upload over a long way (`windows`),
//! out of one budget per worker, so uploads are fast without letting a thousand idle connections
//! promise gigabytes. A stream
//! that stalls is ended alone; its siblings go on.
//!
//! How it fails: a connection that floods (resets, settings, empty frames) is ended by the library
//! with `ENHANCE_YOUR_CALM`, which is counted.

mod bucket;
mod link;
mod php;
mod request;
mod upload;
mod windows;
mod zip;

use std::cell::Cell;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::Poll;

use bytes::Bytes;
use h2::Reason;
use h2::server::{Builder, Connection};
use menshen_base::{Counter, EndReason, Phase, Who};
use menshen_net::{AsyncStream, Stream, Watched};

use crate::door::Door;
use crate::log::{Line, Times};

use self::windows::Windows;

/// What the streams of one connection share.
#[derive(Debug)]
pub(crate) struct Shared {
    door: Rc<Door>,
    watched: Rc<Watched>,
    peer: SocketAddr,
    local: SocketAddr,
    /// Streams being served, and how many of them wait for the file system.
    open: Cell<u32>,
    storing: Cell<u32>,
    /// Streams that wait in the midst of a body.
    waiting: Cell<u32>,
    uploaded: Cell<u64>,
    handshake_ms: Cell<i64>,
    /// Rung when a large body comes, or much has come.
    grow: tokio::sync::Notify,
}

/// Serves an HTTP/2 connection until it ends.
pub(crate) async fn run(
    door: Rc<Door>,
    stream: Stream,
    watched: Rc<Watched>,
    peer: SocketAddr,
    handshake_ms: i64,
) {
    watched.enter(Phase::Head, door.limits.head_seconds_max);
    let local = stream.local_addr();
    let io = AsyncStream::new(stream, Rc::clone(&watched));
    let Ok(mut connection) = builder(&door).handshake::<_, Bytes>(io).await else {
        return;
    };
    watched.enter(Phase::Idle, door.limits.idle_seconds_max);
    let shared = Rc::new(Shared {
        door: Rc::clone(&door),
        watched,
        peer,
        local,
        open: Cell::new(0),
        storing: Cell::new(0),
        waiting: Cell::new(0),
        uploaded: Cell::new(0),
        handshake_ms: Cell::new(handshake_ms),
        grow: tokio::sync::Notify::new(),
    });
    let mut windows = Windows::new(Rc::clone(&door), &mut connection);
    let mut leaving = false;
    loop {
        let drain = pin!(door.drain.notified());
        let grow = pin!(shared.grow.notified());
        match next(&mut connection, &mut windows, &shared, (drain, grow)).await {
            Next::Stream(request, respond) => {
                shared.begin();
                let shared = Rc::clone(&shared);
                tokio::task::spawn_local(async move {
                    request::serve(&shared, *request, respond).await;
                    shared.finish();
                });
            }
            Next::Grow => windows.grow(&mut connection),
            Next::Drain if !leaving => {
                leaving = true;
                connection.graceful_shutdown();
            }
            Next::Drain => {}
            Next::End(error) => {
                if let Some(error) = error {
                    report(&shared, &error);
                }
                return;
            }
        }
        if door.watch.draining() && !leaving {
            leaving = true;
            connection.graceful_shutdown();
        }
    }
}

impl Shared {
    fn begin(&self) {
        self.open.set(self.open.get() + 1);
        self.settle();
        self.door.slot.add(Counter::RequestsOpen, 1);
    }

    fn finish(&self) {
        self.open.set(self.open.get().saturating_sub(1));
        self.settle();
        self.door.slot.sub(Counter::RequestsOpen, 1);
    }

    /// A stream waits for the file system until the guard is dropped.
    fn store(self: &Rc<Self>) -> Storing {
        self.storing.set(self.storing.get() + 1);
        self.settle();
        Storing { shared: Rc::clone(self) }
    }

    /// A stream waits in the midst of a body for its destination, until the guard is dropped.
    fn wait(self: &Rc<Self>) -> Waiting {
        self.waiting.set(self.waiting.get() + 1);
        self.settle();
        Waiting { shared: Rc::clone(self) }
    }

    /// Whether some stream does.
    fn waits(&self) -> bool {
        self.waiting.get() > 0
    }

    /// The phase that the streams together make: when all wait for the disk, the peer has nothing
    /// to move and is not blamed for it.
    fn settle(&self) {
        let limits = &self.door.limits;
        match self.open.get() {
            0 if self.door.watch.draining() => self.watched.enter(Phase::Idle, DRAIN_IDLE_SECONDS),
            0 => self.watched.enter(Phase::Idle, limits.idle_seconds_max),
            open if open == self.storing.get() => self.watched.enter(Phase::Store, 0),
            _ if self.watched.phase() == Phase::Body => {}
            _ => self.watched.enter_paced(Phase::Body, self.door.pace()),
        }
        // No new phase, which would begin the time of grace anew.
        if self.waits() && self.waiting.get() + self.storing.get() >= self.open.get() {
            self.watched.pause();
        } else {
            self.watched.resume();
        }
    }

    /// A body of this length, where it is known, begins.
    fn begin_body(&self, length: Option<u64>) {
        if length.is_some_and(|length| length >= windows::UPLOAD_BYTES_MIN) {
            self.grow.notify_one();
        }
    }

    /// Bytes of a body arrived.
    fn uploaded(&self, bytes: usize) {
        let before = self.uploaded.get();
        self.uploaded.set(before + bytes as u64);
        if before < windows::UPLOAD_BYTES_MIN && self.uploaded.get() >= windows::UPLOAD_BYTES_MIN {
            self.grow.notify_one();
        }
    }
}

/// One stream's wait for the file system.
#[derive(Debug)]
struct Storing {
    shared: Rc<Shared>,
}

impl Drop for Storing {
    fn drop(&mut self) {
        self.shared.storing.set(self.shared.storing.get().saturating_sub(1));
        self.shared.settle();
    }
}

/// One stream's wait in the midst of its body.
#[derive(Debug)]
struct Waiting {
    shared: Rc<Shared>,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.shared.waiting.set(self.shared.waiting.get().saturating_sub(1));
        self.shared.settle();
    }
}

type Bell<'a, 'n> = Pin<&'a mut tokio::sync::futures::Notified<'n>>;

enum Next {
    Stream(Box<http::Request<h2::RecvStream>>, h2::server::SendResponse<Bytes>),
    Grow,
    Drain,
    End(Option<h2::Error>),
}

/// The next event of the connection; driving it is also what moves the bytes of its streams.
async fn next(
    connection: &mut Connection<AsyncStream, Bytes>,
    windows: &mut Windows,
    shared: &Shared,
    (mut drain, mut grow): (Bell<'_, '_>, Bell<'_, '_>),
) -> Next {
    poll_fn(|cx| {
        if drain.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Next::Drain);
        }
        if grow.as_mut().poll(cx).is_ready() {
            windows.begin();
        }
        if windows.poll_short(cx, shared.uploaded.get()).is_ready() {
            return Poll::Ready(Next::Grow);
        }
        connection.poll_accept(cx).map(|accepted| match accepted {
            Some(Ok((request, respond))) => Next::Stream(Box::new(request), respond),
            Some(Err(error)) => Next::End(Some(error)),
            None => Next::End(None),
        })
    })
    .await
}

/// Counts and logs a connection that ended badly.
fn report(shared: &Shared, error: &h2::Error) {
    let who = match error.reason() {
        Some(Reason::ENHANCE_YOUR_CALM) => {
            shared.door.slot.add(Counter::LimitH2, 1);
            Who::Limit
        }
        _ if shared.watched.breach().is_some() => Who::Limit,
        _ => Who::Client,
    };
    let request: &[u8] = match error.reason() {
        Some(Reason::ENHANCE_YOUR_CALM) => b"(flood)",
        Some(reason) if reason != Reason::NO_ERROR => b"(protocol error)",
        // Connections are often just closed.
        _ => return,
    };
    shared.door.log.add(&Line {
        client: shared.peer.ip(),
        protocol: "h2",
        request,
        status: 0,
        bytes_in: 0,
        bytes_out: 0,
        times: Times::NONE,
        php: crate::log::PhpNote::default(),
        end: EndReason::new(who, Phase::Head),
    });
}

fn builder(door: &Door) -> Builder {
    let mut builder = Builder::new();
    builder
        .initial_window_size(windows::FIRST_BYTES)
        .initial_connection_window_size(windows::FIRST_BYTES)
        .max_concurrent_streams(door.limits.h2_streams_max)
        .max_header_list_size(door.limits.head_bytes_max)
        .max_send_buffer_size(SEND_BUFFER_BYTES)
        .max_concurrent_reset_streams(RESETS_MAX)
        .max_pending_accept_reset_streams(RESETS_MAX)
        .max_local_error_reset_streams(Some(LOCAL_RESETS_MAX));
    builder
}

/// Window bytes of all connections of a worker together.
pub(crate) const WINDOW_BUDGET_BYTES: u64 = 128 << 20;
/// Most that a stream holds of what its peer does not take, bytes; a stalled reader costs this.
const SEND_BUFFER_BYTES: usize = 64 << 10;
/// While draining, how long a connection without streams may still answer our farewell.
const DRAIN_IDLE_SECONDS: u32 = 1;
const RESETS_MAX: usize = 20;
const LOCAL_RESETS_MAX: usize = 256;
