//! One client connection: a TCP socket, plain or with TLS on top.
//!
//! Reading and writing are `poll_` methods over the caller's buffers, so a worker can lend its one
//! scratch buffer to whichever connection has bytes. TLS goes through rustls' buffered connection,
//! fed in large pieces: it holds at most one unfinished record inwards, and outwards what the
//! socket has not taken of one step.
//!
//! How it fails: a peer that stops reading leaves one step of ciphertext here, so steps begin
//! small and shrink at the first refusal ([`SendStep`]).

mod async_stream;

use std::cell::RefCell;
use std::io::{self, IoSlice, Read, Write};
use std::net::SocketAddr;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::sendfile;
use rustix::net::{RecvFlags, SendFlags, recv, send};
use rustls::ServerConnection;
use socket2::SockRef;
use tokio::io::Interest;
use tokio::net::TcpStream;

use crate::tape::Tape;

pub use async_stream::AsyncStream;

/// One client connection.
#[derive(Debug)]
pub struct Stream {
    socket: Rc<TcpStream>,
    tls: Option<Box<ServerConnection>>,
    watches_unsent: bool,
    /// Whether rustls may hold more room than it needs.
    swollen: bool,
}

/// How large the next piece of a download is: grows while the socket takes whole pieces.
#[derive(Debug, Clone, Copy)]
pub struct SendStep {
    bytes: usize,
}

impl Stream {
    /// Wraps an accepted socket; `tls` when a handshake is to follow.
    #[must_use]
    pub fn new(socket: Rc<TcpStream>, tls: Option<ServerConnection>) -> Self {
        let tls = tls.map(|mut connection| {
            connection.set_buffer_limit(None);
            Box::new(connection)
        });
        Self { socket, tls, watches_unsent: false, swollen: false }
    }

    /// The socket's own address; unspecified when it cannot tell.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.socket.local_addr().unwrap_or_else(|_| ([0; 4], 0).into())
    }

    /// Whether the peer is still there, as far as the kernel has heard. A plain client may have
    /// ended its sending side and still wait for its answer; over TLS nobody does.
    #[must_use]
    pub fn is_open(&self) -> bool {
        let gone = PollFlags::ERR | PollFlags::HUP;
        let gone = if self.tls.is_some() { gone | PollFlags::RDHUP } else { gone };
        let mut fds = [PollFd::new(&self.socket, PollFlags::RDHUP)];
        let asked = poll(&mut fds, Some(&Timespec::default()));
        asked.is_err() || !fds[0].revents().intersects(gone)
    }

    /// The TLS side, when there is one.
    #[must_use]
    pub fn tls(&self) -> Option<&ServerConnection> {
        self.tls.as_deref()
    }

    /// Runs the TLS handshake to its end; nothing to do on plain connections. What is read and
    /// written goes onto `tape`.
    ///
    /// # Errors
    /// What the socket said, or `InvalidData` with rustls' own error inside. The alert has been
    /// sent by then as far as the socket took it.
    pub async fn handshake(&mut self, tape: &mut Tape) -> io::Result<()> {
        self.handshake_seen(tape, |_| {}).await
    }

    /// Likewise; shows `seen` the TLS side whenever it has understood something more.
    ///
    /// # Errors
    /// As [`Stream::handshake`].
    pub async fn handshake_seen(
        &mut self,
        tape: &mut Tape,
        mut seen: impl FnMut(&mut ServerConnection),
    ) -> io::Result<()> {
        std::future::poll_fn(|cx| self.poll_handshake(cx, tape, &mut seen)).await
    }

    fn poll_handshake(
        &mut self,
        cx: &mut Context<'_>,
        tape: &mut Tape,
        seen: &mut impl FnMut(&mut ServerConnection),
    ) -> Poll<io::Result<()>> {
        let Self { socket, tls, .. } = self;
        let Some(tls) = tls else { return Poll::Ready(Ok(())) };
        while tls.is_handshaking() {
            if tls.wants_write() {
                ready!(poll_write_taped(socket, tls, cx, tape))?;
                continue;
            }
            let taken = ready!(with_cipher(|cipher| {
                poll_socket_read(socket, cx, &mut cipher[..HANDSHAKE_READ]).map_ok(|n| {
                    tape.received(&cipher[..n]);
                    feed(tls, &cipher[..n], &mut []).map(|_| n)
                })
            }))?;
            match taken {
                Ok(0) => return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
                Ok(_) => seen(tls),
                Err(error) => {
                    // The alert says why; whether the peer still takes it does not matter.
                    let _ = poll_write_taped(socket, tls, cx, tape);
                    return Poll::Ready(Err(error));
                }
            }
        }
        // Session tickets follow the handshake; they go out with the first answer if not now.
        let _ = poll_write_tls(socket, tls, cx)?;
        Poll::Ready(Ok(()))
    }

    /// Receives up to `most` bytes into `out`; 0 is the end of the stream.
    ///
    /// `out` must be at least [`RECORD_ROOM`] longer than `most`, so that what TLS still holds of
    /// an unfinished record fits in too. TLS may bring more than `most`, never more than `out`.
    ///
    /// # Errors
    /// What the socket said, or `InvalidData` for broken TLS.
    pub fn poll_recv(
        &mut self,
        cx: &mut Context<'_>,
        most: usize,
        out: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        debug_assert!(out.len() >= most + RECORD_ROOM, "no room for a held record");
        let Self { socket, tls, swollen, .. } = self;
        let Some(tls) = tls else { return poll_socket_read(socket, cx, &mut out[..most]) };
        let (held, ended) = read_plain(tls, out)?;
        if held > 0 || ended {
            return Poll::Ready(Ok(held));
        }
        // Ciphertext is longer than what is in it: asking for the last few bytes of a body alone
        // would take a call for each piece of their record.
        let most = most.max(CIPHER_READ_MIN).min(out.len().saturating_sub(RECORD_ROOM)).max(1);
        loop {
            let fed = with_cipher(|cipher| {
                let most = most.min(cipher.len());
                poll_socket_read(socket, cx, &mut cipher[..most]).map_ok(|n| {
                    *swollen |= n > RUSTLS_READ;
                    if n == 0 { Ok(None) } else { feed(tls, &cipher[..n], out).map(Some) }
                })
            });
            let Poll::Ready(fed) = fed else {
                if std::mem::take(swollen) {
                    slim(tls);
                }
                return Poll::Pending;
            };
            let fed = fed?;
            if tls.wants_write() {
                let _ = poll_write_tls(socket, tls, cx)?;
            }
            match fed? {
                None => return Poll::Ready(Ok(0)),
                Some((0, false)) => {}
                Some((got, _)) => return Poll::Ready(Ok(got)),
            }
        }
    }

    /// Sends `bytes`: plain, as many as the socket takes; TLS, all of them, of which the socket's
    /// refusal may keep back one step of ciphertext. Waits while an earlier step is still held.
    ///
    /// # Errors
    /// What the socket said.
    pub fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[u8],
        flags: SendFlags,
    ) -> Poll<io::Result<usize>> {
        let Self { socket, tls, .. } = self;
        let Some(tls) = tls else { return poll_socket_send(socket, cx, bytes, flags) };
        ready!(poll_write_tls(socket, tls, cx))?;
        tls.writer().write_all(bytes)?;
        let _ = poll_write_tls(socket, tls, cx)?;
        Poll::Ready(Ok(bytes.len()))
    }

    /// Waits until the socket has taken everything.
    ///
    /// # Errors
    /// What the socket said.
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.tls {
            Some(tls) => poll_write_tls(&self.socket, tls, cx),
            None => Poll::Ready(Ok(())),
        }
    }

    /// Whether the socket wants more: false once [`UNSENT_LOW_BYTES`] lie in it unsent. Asked
    /// before a large step, it keeps a stalled reader from costing one.
    pub fn poll_hungry(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.limit_unsent();
        loop {
            ready!(self.socket.poll_write_ready(cx))?;
            let asked = self.socket.try_io(Interest::WRITABLE, || {
                let mut fds = [PollFd::new(&self.socket, PollFlags::OUT)];
                let ready = poll(&mut fds, Some(&Timespec::default()))?;
                if ready == 0 { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(ready) }
            });
            if let Some(done) = settle(asked) {
                return Poll::Ready(done.map(|_| ()));
            }
        }
    }

    fn limit_unsent(&mut self) {
        if !self.watches_unsent {
            self.watches_unsent = true;
            let unsent = u32::try_from(UNSENT_LOW_BYTES).unwrap_or(u32::MAX);
            // Without the option (before Linux 3.12) the socket is hungry until it is full.
            let _ = SockRef::from(&*self.socket).set_tcp_notsent_lowat(unsent);
        }
    }

    /// Whether ciphertext waits for the socket.
    #[must_use]
    pub fn holds_unsent(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.wants_write())
    }

    /// Sends from a file without copying; plain connections only. 0: the file has ended.
    ///
    /// # Errors
    /// What the socket or the file said.
    pub fn poll_sendfile(
        &mut self,
        cx: &mut Context<'_>,
        file: impl std::os::fd::AsFd,
        offset: &mut u64,
        count: usize,
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.socket.poll_write_ready(cx))?;
            let sent = self.socket.try_io(Interest::WRITABLE, || {
                Ok(sendfile(&self.socket, &file, Some(offset), count)?)
            });
            if let Some(done) = settle(sent) {
                return Poll::Ready(done);
            }
        }
    }

    /// Tells the peer that nothing more will be sent (TLS close_notify, then FIN).
    pub fn finish(&mut self) {
        if let Some(tls) = &mut self.tls {
            if self.watches_unsent {
                // 0 is the system's own value: without it a slow reader's last bytes would leave
                // no room for the farewell, and the end would look like a cut.
                let _ = SockRef::from(&*self.socket).set_tcp_notsent_lowat(0);
            }
            tls.send_close_notify();
            // One try: a peer that does not read gets no farewell. Not through the runtime, which
            // may still believe what it last heard of the socket.
            let _ = tls.write_tls(&mut Farewell { socket: &self.socket });
        }
        let _ = rustix::net::shutdown(&self.socket, rustix::net::Shutdown::Write);
    }
}

impl SendStep {
    /// The first step.
    pub const FIRST: Self = Self { bytes: STEP_MIN };

    /// Bytes to send next.
    #[must_use]
    pub const fn bytes(self) -> usize {
        self.bytes
    }

    /// The socket took the whole step at once: the next may be larger.
    pub fn grow(&mut self) {
        self.bytes = (self.bytes * 2).min(STEP_MAX);
    }

    /// The socket refused a part, or took long for it: what a slow reader makes wait is memory.
    pub fn shrink(&mut self) {
        self.bytes = if self.bytes > STEP_MIN { STEP_MIN } else { STEP_SLOW };
    }
}

/// A synchronous writer over the socket, for rustls.
struct SocketWriter<'a> {
    socket: &'a TcpStream,
}

impl Write for SocketWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.socket.try_write(bytes)
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.socket.try_write_vectored(bufs)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Likewise, with a record of what the socket took.
struct TapedWriter<'a> {
    socket: &'a TcpStream,
    tape: &'a mut Tape,
}

impl Write for TapedWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(bytes)])
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        let taken = self.socket.try_write_vectored(bufs)?;
        self.tape.sent(bufs, taken);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A writer that asks the socket itself.
struct Farewell<'a> {
    socket: &'a TcpStream,
}

impl Write for Farewell<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(send(self.socket, bytes, SendFlags::NOSIGNAL | SendFlags::DONTWAIT)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Feeds ciphertext and takes the plaintext; returns how much, and whether the peer has ended its
/// side. With an empty `out` the plaintext stays with rustls: then feed at most 16 KiB.
fn feed(
    tls: &mut ServerConnection,
    mut cipher: &[u8],
    out: &mut [u8],
) -> io::Result<(usize, bool)> {
    let mut got = 0;
    while !cipher.is_empty() {
        if tls.read_tls(&mut cipher)? == 0 {
            return Ok((got, true));
        }
        let state = tls
            .process_new_packets()
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        if !out.is_empty() {
            got += read_plain(tls, &mut out[got..])?.0;
        }
        if state.peer_has_closed() {
            return Ok((got, true));
        }
    }
    Ok((got, false))
}

/// Lets rustls give back the room of a large record: it does so at its next read, which for a slow
/// sender is a long time. A read that brings nothing changes nothing else.
fn slim(tls: &mut ServerConnection) {
    struct Nothing;
    impl Read for Nothing {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::ErrorKind::WouldBlock.into())
        }
    }
    let _ = tls.read_tls(&mut Nothing);
}

/// Takes decrypted bytes; returns how many, and whether the peer's side ends behind them.
fn read_plain(tls: &mut ServerConnection, out: &mut [u8]) -> io::Result<(usize, bool)> {
    let mut got = 0;
    while got < out.len() {
        match tls.reader().read(&mut out[got..]) {
            Ok(0) => return Ok((got, true)),
            Ok(n) => got += n,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) => return Err(error),
        }
    }
    Ok((got, false))
}

fn poll_write_tls(
    socket: &TcpStream,
    tls: &mut ServerConnection,
    cx: &mut Context<'_>,
) -> Poll<io::Result<()>> {
    poll_write_into(socket, tls, cx, &mut SocketWriter { socket })
}

fn poll_write_taped(
    socket: &TcpStream,
    tls: &mut ServerConnection,
    cx: &mut Context<'_>,
    tape: &mut Tape,
) -> Poll<io::Result<()>> {
    poll_write_into(socket, tls, cx, &mut TapedWriter { socket, tape })
}

fn poll_write_into(
    socket: &TcpStream,
    tls: &mut ServerConnection,
    cx: &mut Context<'_>,
    writer: &mut dyn Write,
) -> Poll<io::Result<()>> {
    while tls.wants_write() {
        match tls.write_tls(writer) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                ready!(socket.poll_write_ready(cx))?;
            }
            Err(error) => return Poll::Ready(Err(error)),
        }
    }
    Poll::Ready(Ok(()))
}

/// Reads once. A read that did not fill the buffer has emptied the socket, so readiness is cleared
/// with it: that spares the read that would only say so.
fn poll_socket_read(
    socket: &TcpStream,
    cx: &mut Context<'_>,
    buf: &mut [u8],
) -> Poll<io::Result<usize>> {
    loop {
        ready!(socket.poll_read_ready(cx))?;
        let mut got = None;
        let outcome = socket.try_io(Interest::READABLE, || {
            let (_, n) = recv(socket, &mut *buf, RecvFlags::empty())?;
            got = Some(n);
            if n > 0 && n < buf.len() { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(n) }
        });
        if let Some(n) = got {
            return Poll::Ready(Ok(n));
        }
        if let Some(done) = settle(outcome) {
            return Poll::Ready(done);
        }
    }
}

fn poll_socket_send(
    socket: &TcpStream,
    cx: &mut Context<'_>,
    bytes: &[u8],
    flags: SendFlags,
) -> Poll<io::Result<usize>> {
    loop {
        ready!(socket.poll_write_ready(cx))?;
        let sent = socket
            .try_io(Interest::WRITABLE, || Ok(send(socket, bytes, flags | SendFlags::NOSIGNAL)?));
        if let Some(done) = settle(sent) {
            return Poll::Ready(done);
        }
    }
}

/// `None`: try again once the socket is ready.
fn settle(outcome: io::Result<usize>) -> Option<io::Result<usize>> {
    match outcome {
        Err(error)
            if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) =>
        {
            None
        }
        done => Some(done),
    }
}

fn with_cipher<R>(use_it: impl FnOnce(&mut [u8]) -> R) -> R {
    CIPHER.with_borrow_mut(|cipher| use_it(cipher))
}

thread_local! {
    static CIPHER: RefCell<Vec<u8>> = RefCell::new(vec![0; CIPHER_BYTES]);
}

/// Most that rustls may hold of unfinished and undelivered records, bytes.
pub const RECORD_ROOM: usize = 2 * 16_640;

/// Unsent bytes in a socket from which on it is not hungry.
pub const UNSENT_LOW_BYTES: usize = 512 << 10;

const CIPHER_BYTES: usize = 256 << 10;
const CIPHER_READ_MIN: usize = 16 << 10;
/// Most that rustls takes in at once, bytes; its buffer never is smaller.
const RUSTLS_READ: usize = 4096;
const HANDSHAKE_READ: usize = 4096;
/// For slow readers: one record.
const STEP_SLOW: usize = 16 << 10;
const STEP_MIN: usize = 64 << 10;
const STEP_MAX: usize = 512 << 10;

#[cfg(test)]
mod tests;
