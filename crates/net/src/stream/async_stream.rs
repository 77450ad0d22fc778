//! A connection with tokio's own traits, as the HTTP/2 library wants it.
//!
//! That library reads into buffers of its own choice, so what TLS gives beyond them is held here
//! until it is asked for, and no longer: a connection that idles holds nothing.

use std::cell::RefCell;
use std::io::{self, IoSlice, Write};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use rustix::net::SendFlags;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::{RECORD_ROOM, Stream, poll_socket_read, poll_write_tls, settle};

/// A stream as tokio's traits want it.
#[derive(Debug)]
pub struct AsyncStream {
    /// The connection.
    stream: Stream,
    watched: Rc<crate::Watched>,
    held: Vec<u8>,
    held_from: usize,
    /// Bytes read since the last wait.
    turn_bytes: usize,
}

impl AsyncRead for AsyncStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        // A flood of small frames that is always there must not keep the others waiting.
        if this.turn_bytes >= TURN_BYTES {
            this.turn_bytes = 0;
            // Unlike a plain wake-up it comes after the runtime has looked for other events.
            let _ = pin!(tokio::task::yield_now()).poll(cx);
            return Poll::Pending;
        }
        let polled = match &mut this.stream.tls {
            None => poll_socket_read(&this.stream.socket, cx, buf.initialize_unfilled()),
            Some(_) => this.poll_read_tls(cx, buf.initialize_unfilled()),
        };
        if polled.is_pending() {
            this.turn_bytes = 0;
        }
        let got = ready!(polled)?;
        this.turn_bytes += got;
        this.watched.received(got);
        buf.advance(got);
        Poll::Ready(Ok(()))
    }
}

impl AsyncStream {
    /// Wraps a connection whose handshake is done.
    #[must_use]
    pub fn new(mut stream: Stream, watched: Rc<crate::Watched>) -> Self {
        stream.limit_unsent();
        Self { stream, watched, held: Vec::new(), held_from: 0, turn_bytes: 0 }
    }

    /// Memory of this connection that waits to be read, bytes.
    #[cfg(test)]
    pub(super) fn held_bytes(&self) -> usize {
        self.held.capacity()
    }

    /// Like [`Stream::poll_recv`], for a buffer of any size: what does not fit is held here.
    fn poll_read_tls(&mut self, cx: &mut Context<'_>, out: &mut [u8]) -> Poll<io::Result<usize>> {
        if self.held_from == self.held.len() {
            let Self { stream, held, held_from, .. } = self;
            ready!(PLAIN.with_borrow_mut(|plain| {
                stream.poll_recv(cx, ASYNC_READ, plain).map_ok(|n| {
                    let now = n.min(out.len());
                    out[..now].copy_from_slice(&plain[..now]);
                    *held = plain[now..n].to_vec();
                    *held_from = 0;
                    now
                })
            }))
            .map_or_else(|error| Poll::Ready(Err(error)), |n| Poll::Ready(Ok(n)))
        } else {
            let rest = &self.held[self.held_from..];
            let now = rest.len().min(out.len());
            out[..now].copy_from_slice(&rest[..now]);
            self.held_from += now;
            if self.held_from == self.held.len() {
                // A connection that idles holds no buffer.
                (self.held, self.held_from) = (Vec::new(), 0);
            }
            Poll::Ready(Ok(now))
        }
    }
}

impl AsyncWrite for AsyncStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let sent = ready!(this.stream.poll_send(cx, buf, SendFlags::NOSIGNAL))?;
        this.watched.sent(sent);
        Poll::Ready(Ok(sent))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let Stream { socket, tls, .. } = &mut this.stream;
        let sent = match tls {
            Some(tls) => {
                ready!(poll_write_tls(socket, tls, cx))?;
                let taken = tls.writer().write_vectored(bufs)?;
                let _ = poll_write_tls(socket, tls, cx)?;
                taken
            }
            None => ready!(poll_socket_send_vectored(socket, cx, bufs))?,
        };
        this.watched.sent(sent);
        Poll::Ready(Ok(sent))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().stream.poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.stream.poll_flush(cx))?;
        this.stream.finish();
        Poll::Ready(Ok(()))
    }
}

fn poll_socket_send_vectored(
    socket: &TcpStream,
    cx: &mut Context<'_>,
    bufs: &[IoSlice<'_>],
) -> Poll<io::Result<usize>> {
    loop {
        ready!(socket.poll_write_ready(cx))?;
        if let Some(done) = settle(socket.try_write_vectored(bufs)) {
            return Poll::Ready(done);
        }
    }
}

thread_local! {
    static PLAIN: RefCell<Vec<u8>> = RefCell::new(vec![0; ASYNC_READ + RECORD_ROOM]);
}

const ASYNC_READ: usize = 64 << 10;
/// Bytes an HTTP/2 connection reads before the others have their turn.
const TURN_BYTES: usize = 128 << 10;
