//! A connection to a FastCGI server, over a Unix socket or TCP.
//!
//! Only an attempt to connect is ever repeated: nothing of a request has left by then. A Unix
//! socket whose queue is full says so at once (`EAGAIN`), and a server that is being restarted is
//! away for a moment; both are waited for, within a limit. What comes later is not for this module
//! to repeat: the script may have run.
//!
//! A small request goes out before the runtime hears of the socket, which then is watched for
//! nothing but the answer: that spares two wake-ups of four.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use menshen_config::model::PhpAddress;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketAddrUnix, SocketFlags, SocketType, connect, recv,
    send, socket_with, sockopt,
};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::time::Instant;

/// An open connection.
#[derive(Debug)]
pub(crate) struct Line {
    end: End,
    /// What it is watched for.
    interest: Interest,
    /// Whether it served a request already.
    used: bool,
}

/// Its socket.
#[derive(Debug)]
enum End {
    /// The runtime has not heard of it.
    Fresh(OwnedFd),
    Watched(AsyncFd<OwnedFd>),
    /// The runtime would not watch it.
    Lost,
}

impl Line {
    /// Connects; tries again for up to `patience` while the server is away or its queue is full.
    pub(crate) async fn open(address: &PhpAddress, patience: Duration) -> io::Result<Self> {
        if let PhpAddress::Unix(path) = address
            && let Ok(line) = unix(path)
        {
            return Ok(line);
        }
        let until = Instant::now() + patience;
        loop {
            let error = match tokio::time::timeout_at(until, attempt(address)).await {
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

    /// Sends as much as the socket takes at once; more may follow by [`Line::poll_send`].
    pub(crate) fn send_now(&self, bytes: &[u8]) -> usize {
        // Whatever is wrong with the socket shows at the next try.
        match &self.end {
            End::Fresh(socket) => send(socket, bytes, SEND).unwrap_or(0),
            End::Watched(socket) => send(socket, bytes, SEND).unwrap_or(0),
            End::Lost => 0,
        }
    }

    /// Whether the other side has said nothing that nobody has read, not even goodbye. A process
    /// that has served its last request closes a connection right behind the answer.
    pub(crate) fn is_quiet(&self) -> bool {
        let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
        let heard = match &self.end {
            End::Fresh(socket) => recv(socket, &mut [0; 1][..], flags),
            End::Watched(socket) => recv(socket, &mut [0; 1][..], flags),
            End::Lost => return false,
        };
        matches!(heard, Err(Errno::AGAIN))
    }

    /// Receives; 0 is the end. A read that did not fill `out` has emptied the socket, so its
    /// readiness is cleared with it: that spares the read that would only say so.
    pub(crate) fn poll_recv(
        &mut self,
        cx: &mut Context<'_>,
        out: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let watched = self.watched()?;
        loop {
            let mut guard = ready!(watched.poll_read_ready(cx))?;
            match recv(watched, &mut *out, RecvFlags::DONTWAIT) {
                Ok((_, n)) => {
                    if n > 0 && n < out.len() {
                        guard.clear_ready();
                    }
                    return Poll::Ready(Ok(n));
                }
                Err(Errno::AGAIN) => guard.clear_ready(),
                Err(Errno::INTR) => {}
                Err(error) => return Poll::Ready(Err(error.into())),
            }
        }
    }

    /// Sends as much as the socket takes.
    pub(crate) fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if !self.interest.is_writable() {
            self.interest = Interest::READABLE | Interest::WRITABLE;
            self.end = match std::mem::replace(&mut self.end, End::Lost) {
                End::Watched(watched) => End::Fresh(watched.into_inner()),
                other => other,
            };
        }
        let watched = self.watched()?;
        loop {
            let mut guard = ready!(watched.poll_write_ready(cx))?;
            match send(watched, bytes, SEND) {
                Ok(n) => return Poll::Ready(Ok(n)),
                Err(Errno::AGAIN) => guard.clear_ready(),
                Err(Errno::INTR) => {}
                Err(error) => return Poll::Ready(Err(error.into())),
            }
        }
    }

    /// Whether it served a request already.
    pub(crate) const fn is_used(&self) -> bool {
        self.used
    }

    /// It has served a request.
    pub(crate) const fn mark_used(&mut self) {
        self.used = true;
    }

    /// After its end, with nothing heard: whether php-fpm closed it instead of serving what was
    /// sent. Either it ended its sending only, which it never does to a request that it began, and
    /// waits for our end (measured with PHP 8.2); or it closed it whole and left bytes unread,
    /// which a Unix socket says. A process that dies closes it whole, with all parameters read.
    pub(crate) fn closed_unread(&self) -> bool {
        let socket = match &self.end {
            End::Fresh(socket) => socket,
            End::Watched(socket) => socket.get_ref(),
            End::Lost => return false,
        };
        let mut fds = [PollFd::new(socket, PollFlags::empty())];
        if poll(&mut fds, Some(&Timespec::default())).is_err() {
            return false;
        }
        let whole = fds[0].revents().contains(PollFlags::HUP);
        let left =
            || matches!(recv(socket, &mut [0; 1][..], RecvFlags::DONTWAIT), Err(Errno::CONNRESET));
        !whole || left()
    }

    fn watched(&mut self) -> io::Result<&AsyncFd<OwnedFd>> {
        if let End::Fresh(_) = self.end
            && let End::Fresh(socket) = std::mem::replace(&mut self.end, End::Lost)
        {
            self.end = End::Watched(watch(socket, self.interest)?);
        }
        match &self.end {
            End::Watched(watched) => Ok(watched),
            _ => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    const fn new(socket: OwnedFd) -> Self {
        Self { end: End::Fresh(socket), interest: Interest::READABLE, used: false }
    }
}

#[expect(deprecated, reason = "what takes its place is unsafe, and a descriptor of ours is sound")]
fn watch(socket: OwnedFd, interest: Interest) -> io::Result<AsyncFd<OwnedFd>> {
    AsyncFd::with_interest(socket, interest)
}

async fn attempt(address: &PhpAddress) -> io::Result<Line> {
    match address {
        PhpAddress::Unix(path) => unix(path),
        PhpAddress::Tcp(address) => tcp(address).await,
    }
}

/// A Unix socket connects at once or not at all.
fn unix(path: &Path) -> io::Result<Line> {
    let address = SocketAddrUnix::new(path)?;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, FLAGS, None)?;
    connect(&socket, &address)?;
    Ok(Line::new(socket))
}

async fn tcp(address: &SocketAddr) -> io::Result<Line> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = socket_with(family, SocketType::STREAM, FLAGS, None)?;
    // A FastCGI request is one piece, and so is most of an answer.
    let _ = sockopt::set_tcp_nodelay(&socket, true);
    match connect(&socket, address) {
        Ok(()) => return Ok(Line::new(socket)),
        Err(Errno::INPROGRESS) => {}
        Err(error) => return Err(error.into()),
    }
    let interest = Interest::READABLE | Interest::WRITABLE;
    let watched = watch(socket, interest)?;
    drop(watched.writable().await?);
    sockopt::socket_error(&watched)??;
    Ok(Line { end: End::Watched(watched), interest, used: false })
}

/// Whether another attempt to connect may go better.
fn may_pass(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionRefused, ConnectionReset, Interrupted, NotFound, WouldBlock};
    [ConnectionRefused, ConnectionReset, Interrupted, NotFound, WouldBlock].contains(&error.kind())
}

const FLAGS: SocketFlags = SocketFlags::NONBLOCK.union(SocketFlags::CLOEXEC);
const SEND: SendFlags = SendFlags::NOSIGNAL.union(SendFlags::DONTWAIT);
/// Between two attempts to connect.
const PAUSE: Duration = Duration::from_millis(20);

#[cfg(test)]
mod tests;
