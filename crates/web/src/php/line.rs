//! A connection to a FastCGI server, over a Unix socket or TCP.
//!
//! Only an attempt to connect is ever repeated: nothing of a request has left by then. A Unix
//! socket whose queue is full says so at once (`EAGAIN`), and a server that is being restarted is
//! away for a moment; both are waited for, within a limit. What comes later is never repeated,
//! since the script may have run.

use std::io;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use menshen_config::model::PhpAddress;
use rustix::net::{RecvFlags, SendFlags, recv, send};
use tokio::io::Interest;
use tokio::net::{TcpStream, UnixStream};
use tokio::time::Instant;

/// An open connection.
#[derive(Debug)]
pub(crate) enum Line {
    Unix(UnixStream),
    Tcp(TcpStream),
}

impl Line {
    /// Connects; tries again for up to `patience` while the server is away or its queue is full.
    pub(crate) async fn open(address: &PhpAddress, patience: Duration) -> io::Result<Self> {
        let until = Instant::now() + patience;
        loop {
            let attempt = tokio::time::timeout_at(until, Self::attempt(address)).await;
            let error = match attempt {
                Ok(Ok(line)) => return Ok(line),
                Ok(Err(error)) if may_pass(&error) => error,
                Ok(Err(error)) => return Err(error),
                Err(_) => return Err(io::ErrorKind::TimedOut.into()),
            };
            if Instant::now() + PAUSE >= until {
                return Err(error);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn attempt(address: &PhpAddress) -> io::Result<Self> {
        match address {
            PhpAddress::Unix(path) => UnixStream::connect(path).await.map(Self::Unix),
            PhpAddress::Tcp(address) => {
                let stream = TcpStream::connect(address).await?;
                let _ = stream.set_nodelay(true);
                Ok(Self::Tcp(stream))
            }
        }
    }

    /// Receives; 0 is the end. A read that did not fill `out` has emptied the socket, so its
    /// readiness is cleared with it: that spares the read that would only say so.
    pub(crate) fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        out: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        loop {
            match self {
                Self::Unix(stream) => ready!(stream.poll_read_ready(cx))?,
                Self::Tcp(stream) => ready!(stream.poll_read_ready(cx))?,
            }
            let mut got = None;
            let read = || {
                let n = match self {
                    Self::Unix(stream) => recv(stream, &mut *out, RecvFlags::empty())?.1,
                    Self::Tcp(stream) => recv(stream, &mut *out, RecvFlags::empty())?.1,
                };
                got = Some(n);
                if n > 0 && n < out.len() { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(n) }
            };
            let outcome = match self {
                Self::Unix(stream) => stream.try_io(Interest::READABLE, read),
                Self::Tcp(stream) => stream.try_io(Interest::READABLE, read),
            };
            if let Some(n) = got {
                return Poll::Ready(Ok(n));
            }
            match outcome {
                Err(error) if is_later(&error) => {}
                done => return Poll::Ready(done),
            }
        }
    }

    /// Sends as much as the socket takes.
    pub(crate) fn poll_send(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            match self {
                Self::Unix(stream) => ready!(stream.poll_write_ready(cx))?,
                Self::Tcp(stream) => ready!(stream.poll_write_ready(cx))?,
            }
            let flags = SendFlags::NOSIGNAL;
            let outcome = match self {
                Self::Unix(stream) => {
                    stream.try_io(Interest::WRITABLE, || Ok(send(stream, bytes, flags)?))
                }
                Self::Tcp(stream) => {
                    stream.try_io(Interest::WRITABLE, || Ok(send(stream, bytes, flags)?))
                }
            };
            match outcome {
                Err(error) if is_later(&error) => {}
                done => return Poll::Ready(done),
            }
        }
    }
}

/// Whether another attempt to connect may go better.
fn may_pass(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionRefused, ConnectionReset, Interrupted, NotFound, WouldBlock};
    [ConnectionRefused, ConnectionReset, Interrupted, NotFound, WouldBlock].contains(&error.kind())
}

fn is_later(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

/// Between two attempts to connect.
const PAUSE: Duration = Duration::from_millis(20);
