//! TLS on a link: rustls' buffered connection between the socket and the link's buffer, as its
//! server towards clients and as its client towards the server.
//!
//! Ciphertext is read into a buffer of the thread; of it rustls keeps at most an unfinished record.
//! Outwards at most one step of ciphertext waits. It fails with what the socket says and with
//! `InvalidData` for what is no TLS or cannot be trusted; the alert is sent as far as it goes.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io::{self, IoSlice, Read, Write};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, Connection, ServerConfig, ServerConnection};

use super::READ_BYTES;
use super::buffer::Buffer;
use super::socket::Socket;

/// A TLS connection without its socket.
#[derive(Debug)]
pub(super) struct Secure {
    tls: Connection,
    /// Whether rustls may hold more room than it needs.
    swollen: bool,
    /// Whether the peer has ended its side, with or without saying so.
    ended: bool,
}

impl Secure {
    /// The server's side.
    pub(super) fn server(config: Arc<ServerConfig>) -> io::Result<Self> {
        let tls = ServerConnection::new(config).map_err(invalid)?;
        Ok(Self::over(tls.into()))
    }

    /// The client's side.
    pub(super) fn client(config: Arc<ClientConfig>, name: ServerName<'static>) -> io::Result<Self> {
        let tls = ClientConnection::new(config, name).map_err(invalid)?;
        Ok(Self::over(tls.into()))
    }

    fn over(mut tls: Connection) -> Self {
        tls.set_buffer_limit(None);
        Self { tls, swollen: false, ended: false }
    }

    /// The end-entity certificate the peer has shown.
    pub(super) fn peer_certificate(&self) -> Option<&[u8]> {
        self.tls.peer_certificates()?.first().map(AsRef::as_ref)
    }

    /// Shakes hands; `early` is what of the peer's side has been read before. Plaintext that came
    /// with the last flight goes to `input`.
    pub(super) async fn shake(
        &mut self,
        socket: &Socket,
        early: &[u8],
        input: &mut Buffer,
    ) -> io::Result<()> {
        self.feed(early, input)?;
        while self.tls.is_handshaking() {
            poll_fn(|cx| self.poll_flush(socket, cx)).await?;
            if !self.tls.is_handshaking() {
                break;
            }
            let fed = poll_fn(|cx| self.poll_read(socket, cx, input)).await;
            match fed {
                Ok(0) if self.tls.is_handshaking() => {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                Ok(_) => {}
                Err(error) => {
                    // The alert says why; whether the peer still takes it does not matter.
                    self.write_now(socket);
                    return Err(error);
                }
            }
        }
        poll_fn(|cx| self.poll_flush(socket, cx)).await
    }

    /// Reads until there is plaintext; 0 at the end of the peer's side.
    pub(super) fn poll_recv(
        &mut self,
        socket: &Socket,
        cx: &mut Context<'_>,
        input: &mut Buffer,
    ) -> Poll<io::Result<usize>> {
        loop {
            let before = input.bytes().len();
            let read = self.poll_read(socket, cx, input);
            if read.is_pending() && std::mem::take(&mut self.swollen) {
                self.slim();
            }
            let taken = ready!(read)?;
            let got = input.bytes().len() - before;
            if self.tls.wants_write() {
                // Answers of TLS itself (key updates); what the socket refuses goes later.
                let _ = self.poll_flush(socket, cx)?;
            }
            if got > 0 || taken == 0 || self.ended {
                return Poll::Ready(Ok(got));
            }
        }
    }

    /// Reads ciphertext once; how much of it, 0 at the end.
    fn poll_read(
        &mut self,
        socket: &Socket,
        cx: &mut Context<'_>,
        input: &mut Buffer,
    ) -> Poll<io::Result<usize>> {
        loop {
            if self.ended {
                return Poll::Ready(Ok(0));
            }
            ready!(socket.poll_read_ready(cx))?;
            let read = CIPHER.with_borrow_mut(|cipher| {
                let Poll::Ready(got) = socket.recv_once(cipher) else { return Poll::Pending };
                let count = got?;
                self.ended = count == 0;
                self.feed(&cipher[..count], input)?;
                Poll::Ready(io::Result::Ok(count))
            });
            if read.is_ready() {
                return read;
            }
        }
    }

    /// Takes ciphertext in and plaintext out.
    fn feed(&mut self, mut cipher: &[u8], input: &mut Buffer) -> io::Result<()> {
        self.swollen |= cipher.len() > RUSTLS_READ;
        while !cipher.is_empty() {
            if self.tls.read_tls(&mut cipher)? == 0 {
                break;
            }
            let state = self.tls.process_new_packets().map_err(invalid)?;
            let mut left = state.plaintext_bytes_to_read();
            while left > 0 {
                let count = self.tls.reader().read(input.tail(left))?;
                input.filled(count);
                left = left.saturating_sub(count.max(1));
            }
            self.ended |= state.peer_has_closed();
        }
        Ok(())
    }

    /// Encrypts one step of the parts and writes it; how much plaintext was taken.
    pub(super) fn poll_send(
        &mut self,
        socket: &Socket,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_flush(socket, cx))?;
        let mut taken = 0;
        for part in parts {
            let now = part.len().min(STEP_BYTES - taken);
            self.tls.writer().write_all(&part[..now])?;
            taken += now;
            if taken == STEP_BYTES {
                break;
            }
        }
        let _ = self.poll_flush(socket, cx)?;
        Poll::Ready(Ok(taken))
    }

    /// Waits until the socket has taken all ciphertext.
    pub(super) fn poll_flush(
        &mut self,
        socket: &Socket,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while self.tls.wants_write() {
            match self.tls.write_tls(&mut Once(socket)) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    ready!(socket.poll_write_ready(cx))?;
                }
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Says goodbye, with one try: a peer that does not read gets none.
    pub(super) fn farewell(&mut self, socket: &Socket) {
        self.tls.send_close_notify();
        self.write_now(socket);
    }

    fn write_now(&mut self, socket: &Socket) {
        while self.tls.wants_write() {
            if self.tls.write_tls(&mut Now(socket)).is_err() {
                break;
            }
        }
    }

    /// Lets rustls give back the room of a large record, which it does at its next read.
    fn slim(&mut self) {
        struct Nothing;
        impl Read for Nothing {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::ErrorKind::WouldBlock.into())
            }
        }
        let _ = self.tls.read_tls(&mut Nothing);
    }
}

/// The socket as the runtime believes it to be.
struct Once<'a>(&'a Socket);

impl Write for Once<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(bytes)])
    }

    fn write_vectored(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        match self.0.send_once(parts) {
            Poll::Ready(done) => done,
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The socket itself.
struct Now<'a>(&'a Socket);

impl Write for Now<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.send_now(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn invalid(error: rustls::Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

thread_local! {
    static CIPHER: RefCell<Vec<u8>> = RefCell::new(vec![0; READ_BYTES]);
}

/// Most that rustls takes in at once, bytes; its buffer never is smaller.
const RUSTLS_READ: usize = 4096;
/// Plaintext of one step: four records.
const STEP_BYTES: usize = 64 << 10;
