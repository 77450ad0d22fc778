//! One link: the connection to a client or to the server, over TCP or a unix socket, plain or with
//! TLS on top, with a buffer of what was read and one of what is to be written.
//!
//! What was read is lent out as it lies in the buffer ([`Link::bytes`]), so a command or a reply
//! goes from one link to the other without a copy of our own: one read, one write. A link that
//! waits holds no buffer; they come from a store of the thread and go back to it.
//! Packets are those of the client/server protocol: three bytes of length, one of sequence
//! (<https://mariadb.com/docs/server/reference/clientserver-protocol/0-packet>).
//!
//! How it fails: the peer is gone (`None` or 0 between packets, `UnexpectedEof` within one,
//! otherwise what the socket said), or broken TLS (`InvalidData`). A link that failed stays so.
//! It never holds more than a caller asked for and [`READ_BYTES`].

mod buffer;
mod secure;
mod socket;

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ServerConfig};

use buffer::Buffer;
use secure::Secure;
pub use socket::Socket;

/// The connection to a client or to the server.
#[derive(Debug)]
pub struct Link {
    socket: Socket,
    tls: Option<Box<Secure>>,
    input: Buffer,
    output: Vec<u8>,
    ended: bool,
}

/// A packet at the front of a link's buffer: its header has been read, its payload as far as
/// `held` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet {
    /// Its place in the exchange.
    pub sequence: u8,
    /// Bytes of the payload, at most [`PAYLOAD_MAX`].
    pub length: usize,
    /// Bytes of the payload that lie in the buffer.
    pub held: usize,
}

/// Which of two links something happened to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The client's.
    Client,
    /// The server's.
    Server,
}

/// Why bytes could not be passed on.
#[derive(Debug)]
pub enum Broken {
    /// Reading failed, or the stream ended too early.
    Source(io::Error),
    /// Writing failed.
    Sink(io::Error),
}

impl Packet {
    /// Whether all of its payload lies in the buffer.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.held == self.length
    }

    /// Whether the same payload goes on in the next packet.
    #[must_use]
    pub const fn continues(&self) -> bool {
        self.length == PAYLOAD_MAX
    }

    /// Bytes on the wire: header and payload.
    #[must_use]
    pub const fn wire_bytes(&self) -> usize {
        HEADER_BYTES + self.length
    }
}

impl Link {
    /// A plain link over a connected socket.
    #[must_use]
    pub fn new(socket: Socket) -> Self {
        Self { socket, tls: None, input: Buffer::default(), output: Vec::new(), ended: false }
    }

    /// The socket below.
    #[must_use]
    pub const fn socket(&self) -> &Socket {
        &self.socket
    }

    /// Whether TLS is on top.
    #[must_use]
    pub const fn is_secure(&self) -> bool {
        self.tls.is_some()
    }

    /// Whether nobody else can read along: TLS, or a socket that does not leave the machine's
    /// kernel. It is what authentication by a password in the clear asks for.
    #[must_use]
    pub const fn is_private(&self) -> bool {
        self.tls.is_some() || matches!(self.socket, Socket::Unix(_))
    }

    /// The server's certificate on a link to it with TLS, in DER.
    #[must_use]
    pub fn peer_certificate(&self) -> Option<&[u8]> {
        self.tls.as_ref()?.peer_certificate()
    }

    /// Puts TLS on top as its server and shakes hands. What was read and not consumed already
    /// belongs to the handshake.
    ///
    /// # Errors
    /// What the socket said; `InvalidData` with rustls' error inside.
    pub async fn accept_tls(&mut self, config: Arc<ServerConfig>) -> io::Result<()> {
        let secure = Secure::server(config)?;
        self.begin_tls(secure).await
    }

    /// Puts TLS on top as its client and shakes hands.
    ///
    /// # Errors
    /// What the socket said; `InvalidData` with rustls' error inside, such as a certificate that
    /// is not trusted.
    pub async fn connect_tls(
        &mut self,
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
    ) -> io::Result<()> {
        let secure = Secure::client(config, name)?;
        self.begin_tls(secure).await
    }

    async fn begin_tls(&mut self, mut secure: Secure) -> io::Result<()> {
        self.flush().await?;
        let early = self.input.bytes().to_vec();
        self.input.consume(early.len());
        secure.shake(&self.socket, &early, &mut self.input).await?;
        self.tls = Some(Box::new(secure));
        Ok(())
    }

    /// What was read and not consumed.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.input.bytes()
    }

    /// Drops the first `count` of [`Self::bytes`], or all when there are fewer. An emptied buffer
    /// goes back to the thread's store.
    pub fn consume(&mut self, count: usize) {
        self.input.consume(count);
    }

    /// Whether the peer has ended its side of the stream.
    #[must_use]
    pub const fn has_ended(&self) -> bool {
        self.ended
    }

    /// Reads once, behind what is there; returns how many bytes came, 0 at the end of the stream.
    ///
    /// # Errors
    /// What the socket said, or `InvalidData` for broken TLS.
    pub fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.ended {
            return Poll::Ready(Ok(0));
        }
        let got = match &mut self.tls {
            None => ready!(self.socket.poll_recv(cx, &mut self.input)),
            Some(tls) => ready!(tls.poll_recv(&self.socket, cx, &mut self.input)),
        };
        self.input.release_if_empty();
        self.ended |= !matches!(got, Ok(1..));
        Poll::Ready(got)
    }

    /// As [`Self::poll_fill`].
    ///
    /// # Errors
    /// What the socket said, or `InvalidData` for broken TLS.
    pub async fn fill(&mut self) -> io::Result<usize> {
        poll_fn(|cx| self.poll_fill(cx)).await
    }

    /// The packet at the front, if its header and up to `whole_max` bytes of its payload have been
    /// read already.
    #[must_use]
    pub fn packet_held(&self, whole_max: usize) -> Option<Packet> {
        let packet = self.front()?;
        (packet.held >= packet.length.min(whole_max)).then_some(packet)
    }

    /// Waits for the next packet: its header and up to `whole_max` bytes of its payload. `None`
    /// when the stream ends before it. Nothing is consumed.
    ///
    /// # Errors
    /// `UnexpectedEof` when the stream ends within the packet; otherwise as [`Self::fill`].
    pub async fn packet(&mut self, whole_max: usize) -> io::Result<Option<Packet>> {
        poll_fn(|cx| self.poll_packet(cx, whole_max)).await
    }

    /// As [`Self::packet`].
    ///
    /// # Errors
    /// As [`Self::packet`].
    pub fn poll_packet(
        &mut self,
        cx: &mut Context<'_>,
        whole_max: usize,
    ) -> Poll<io::Result<Option<Packet>>> {
        loop {
            if let Some(packet) = self.packet_held(whole_max) {
                return Poll::Ready(Ok(Some(packet)));
            }
            if ready!(self.poll_fill(cx))? == 0 {
                let cut = !self.input.bytes().is_empty();
                let end = if cut { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(None) };
                return Poll::Ready(end);
            }
        }
    }

    /// The part of the front packet's payload that has been read.
    #[must_use]
    pub fn payload(&self, packet: Packet) -> &[u8] {
        self.bytes().get(HEADER_BYTES..HEADER_BYTES + packet.held).unwrap_or_default()
    }

    fn front(&self) -> Option<Packet> {
        let [a, b, c, sequence, rest @ ..] = self.bytes() else { return None };
        let length = usize::from(*a) | usize::from(*b) << 8 | usize::from(*c) << 16;
        Some(Packet { sequence: *sequence, length, held: rest.len().min(length) })
    }

    /// Resolves when the client has ended its side. Bytes it sends ahead meanwhile are kept for
    /// the next command, up to a bound; one that sends more is no longer listened to.
    pub fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            if self.input.bytes().len() >= READ_BYTES {
                return Poll::Pending;
            }
            if let Ok(1..) = ready!(self.poll_fill(cx)) {
                continue;
            }
            return Poll::Ready(());
        }
    }

    /// What waits to be written; append to it and [`Self::flush`].
    pub const fn output(&mut self) -> &mut Vec<u8> {
        &mut self.output
    }

    /// Writes what waits in [`Self::output`].
    ///
    /// # Errors
    /// What the socket said.
    pub async fn flush(&mut self) -> io::Result<()> {
        if self.output.is_empty() {
            return Ok(());
        }
        let mut output = std::mem::take(&mut self.output);
        let sent = self.put(&mut [IoSlice::new(&output)]).await;
        output.clear();
        if output.capacity() <= OUTPUT_KEPT {
            self.output = output;
        }
        sent
    }

    /// Writes `bytes`, behind what waits: one write when the socket takes them.
    ///
    /// # Errors
    /// What the socket said.
    pub async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.flush().await?;
        self.put(&mut [IoSlice::new(bytes)]).await
    }

    /// Writes the parts, behind what waits: one write when the socket takes them.
    ///
    /// # Errors
    /// What the socket said.
    pub async fn send_parts(&mut self, parts: &mut [IoSlice<'_>]) -> io::Result<()> {
        self.flush().await?;
        self.put(parts).await
    }

    async fn put(&mut self, mut parts: &mut [IoSlice<'_>]) -> io::Result<()> {
        let Self { socket, tls, .. } = self;
        IoSlice::advance_slices(&mut parts, 0);
        while !parts.is_empty() {
            let sent = match tls {
                None => poll_fn(|cx| socket.poll_send(cx, parts)).await?,
                Some(tls) => poll_fn(|cx| tls.poll_send(socket, cx, parts)).await?,
            };
            if sent == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            IoSlice::advance_slices(&mut parts, sent);
        }
        match tls {
            Some(tls) => poll_fn(|cx| tls.poll_flush(socket, cx)).await,
            None => Ok(()),
        }
    }

    /// Moves `count` bytes of the stream to `sink`, those in the buffer first.
    ///
    /// # Errors
    /// Which of the two failed; the end of this stream is its failure.
    pub async fn pass(&mut self, sink: &mut Self, mut count: usize) -> Result<(), Broken> {
        while count > 0 {
            if self.bytes().is_empty() && self.fill().await.map_err(Broken::Source)? == 0 {
                return Err(Broken::Source(io::ErrorKind::UnexpectedEof.into()));
            }
            let held = self.bytes();
            let now = held.len().min(count);
            sink.send(&held[..now]).await.map_err(Broken::Sink)?;
            self.consume(now);
            count -= now;
        }
        Ok(())
    }

    /// Tells the peer that nothing more will be sent: `close_notify` with TLS, then FIN. What it
    /// still sends can be read.
    pub fn finish(&mut self) {
        if let Some(tls) = &mut self.tls {
            tls.farewell(&self.socket);
        }
        self.socket.shutdown_write();
    }
}

/// Waits until one of the links has bytes or has ended: the client's first, when both have.
///
/// # Errors
/// None of its own: what ails a link shows when it is read.
pub async fn either(client: &mut Link, server: &mut Link) -> Side {
    poll_fn(|cx| {
        if !client.bytes().is_empty() || client.poll_fill(cx).is_ready() {
            return Poll::Ready(Side::Client);
        }
        if !server.bytes().is_empty() || server.poll_fill(cx).is_ready() {
            return Poll::Ready(Side::Server);
        }
        Poll::Pending
    })
    .await
}

/// Bytes of a packet's header.
pub const HEADER_BYTES: usize = 4;
/// Most bytes of one packet's payload; that many mean that it goes on in the next.
pub const PAYLOAD_MAX: usize = 0xff_ffff;
/// Most bytes that one read brings.
pub const READ_BYTES: usize = 64 << 10;
/// An emptied output buffer of at most this size stays with the link.
const OUTPUT_KEPT: usize = 512;

#[cfg(test)]
mod tests;
