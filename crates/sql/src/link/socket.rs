//! The socket below a link: TCP or unix, read and written only when the kernel says that it can.
//!
//! A read that does not fill its buffer has emptied the socket, so readiness is cleared with it:
//! that spares the read that would only say so. It fails with what the kernel says.

use std::io::{self, IoSlice};
use std::task::{Context, Poll, ready};

use rustix::net::{
    RecvFlags, SendAncillaryBuffer, SendFlags, Shutdown, recv, send, sendmsg, shutdown,
};
use tokio::io::Interest;
use tokio::net::{TcpStream, UnixStream};

use super::buffer::Buffer;

/// A connected stream socket.
#[derive(Debug)]
pub enum Socket {
    /// TCP, without Nagle's delay.
    Tcp(TcpStream),
    /// A unix socket.
    Unix(UnixStream),
}

impl From<TcpStream> for Socket {
    fn from(socket: TcpStream) -> Self {
        // Small packets, each awaited: both would only cost time where they fail.
        let _ = socket.set_nodelay(true);
        let _ = socket2::SockRef::from(&socket).set_keepalive(true);
        Self::Tcp(socket)
    }
}

impl From<UnixStream> for Socket {
    fn from(socket: UnixStream) -> Self {
        Self::Unix(socket)
    }
}

impl Socket {
    /// Reads once into `input`.
    pub(super) fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        input: &mut Buffer,
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.poll_read_ready(cx))?;
            let tail = input.tail(TAIL_MIN);
            if let Poll::Ready(got) = self.recv_once(tail) {
                if let Ok(count) = got {
                    input.filled(count);
                }
                return Poll::Ready(got);
            }
            input.release_if_empty();
        }
    }

    /// Reads once into `room`; pending when the socket turned out to be empty.
    pub(super) fn recv_once(&self, room: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut got = None;
        let outcome = self.try_io(Interest::READABLE, || {
            let (_, count) = match self {
                Self::Tcp(socket) => recv(socket, &mut *room, RecvFlags::empty()),
                Self::Unix(socket) => recv(socket, &mut *room, RecvFlags::empty()),
            }?;
            got = Some(count);
            let emptied = count > 0 && count < room.len();
            if emptied { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(count) }
        });
        match got {
            Some(count) => Poll::Ready(Ok(count)),
            None => settle(outcome),
        }
    }

    /// Writes once; how many bytes the socket took.
    pub(super) fn poll_send(
        &self,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.poll_write_ready(cx))?;
            if let Poll::Ready(done) = self.send_once(parts) {
                return Poll::Ready(done);
            }
        }
    }

    /// Writes once; pending when the socket is full.
    pub(super) fn send_once(&self, parts: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        settle(self.try_io(Interest::WRITABLE, || match self {
            Self::Tcp(socket) => put(socket, parts),
            Self::Unix(socket) => put(socket, parts),
        }))
    }

    pub(super) fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(socket) => socket.poll_read_ready(cx),
            Self::Unix(socket) => socket.poll_read_ready(cx),
        }
    }

    pub(super) fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(socket) => socket.poll_write_ready(cx),
            Self::Unix(socket) => socket.poll_write_ready(cx),
        }
    }

    fn try_io<R>(
        &self,
        interest: Interest,
        operation: impl FnOnce() -> io::Result<R>,
    ) -> io::Result<R> {
        match self {
            Self::Tcp(socket) => socket.try_io(interest, operation),
            Self::Unix(socket) => socket.try_io(interest, operation),
        }
    }

    /// Ends the sending side; of a socket that is gone already nothing is left to end.
    pub(super) fn shutdown_write(&self) {
        let _ = match self {
            Self::Tcp(socket) => shutdown(socket, Shutdown::Write),
            Self::Unix(socket) => shutdown(socket, Shutdown::Write),
        };
    }

    /// One write past the runtime, which may still believe what it last heard of the socket.
    pub(crate) fn send_now(&self, bytes: &[u8]) -> io::Result<usize> {
        let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
        Ok(match self {
            Self::Tcp(socket) => send(socket, bytes, flags),
            Self::Unix(socket) => send(socket, bytes, flags),
        }?)
    }
}

fn put(socket: impl std::os::fd::AsFd, parts: &[IoSlice<'_>]) -> io::Result<usize> {
    Ok(match parts {
        [one] => send(socket, one, SendFlags::NOSIGNAL)?,
        many => {
            let mut nothing = SendAncillaryBuffer::default();
            let now = many.get(..PARTS_MAX).unwrap_or(many);
            sendmsg(socket, now, &mut nothing, SendFlags::NOSIGNAL)?
        }
    })
}

/// Pending: try again once the socket is ready.
fn settle(outcome: io::Result<usize>) -> Poll<io::Result<usize>> {
    use io::ErrorKind::{Interrupted, WouldBlock};
    match outcome {
        Err(error) if matches!(error.kind(), WouldBlock | Interrupted) => Poll::Pending,
        done => Poll::Ready(done),
    }
}

/// A read is given at least this much room.
const TAIL_MIN: usize = 4 << 10;
/// The kernel takes no more parts at once (`IOV_MAX`).
const PARTS_MAX: usize = 1024;
