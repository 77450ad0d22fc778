//! One client connection: opening it, sending, and taking a response as cheaply as can be.
//!
//! Plain bodies are discarded inside the kernel. Over TLS 1.3 the first response is decrypted to
//! learn how many plaintext bytes a response has; later ones of the same request are counted by
//! record length alone, unless they are chunked. So the client costs less than the server it
//! loads, but a counted response is *not verified*: it must never be taken for a test of
//! correctness.

use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use rustls::{ClientConnection, HandshakeKind};

use crate::body::Body;
use crate::exec::{Core, Route, Socket};
use crate::head::{self, Head};
use crate::record::{self, Protector};
use crate::tls::{self, Settings};

/// What came back.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Response {
    /// Status; of a counted response that of the first one.
    pub(crate) status: u16,
    /// Bytes of the body.
    pub(crate) body_bytes: u64,
}

/// An open connection, plain or over TLS.
#[derive(Debug)]
pub(crate) struct Conn {
    socket: Socket,
    tls: Option<Tls>,
    /// Received bytes not consumed yet: of the stream, or of records when TLS is on.
    pending: Vec<u8>,
    /// Where the body of the last decrypted response begins.
    text: Vec<u8>,
    /// The path the last response named, if it was a 201.
    location: Option<String>,
}

impl Conn {
    /// Connects and, with a TLS configuration, finishes the handshake.
    pub(crate) async fn open(
        core: &Rc<Core>,
        route: &Route,
        tls: Option<&Settings>,
    ) -> io::Result<Self> {
        let socket = Socket::connect(core, route).await?;
        let (pending, text) = (Vec::new(), Vec::new());
        let mut conn = Self { socket, tls: None, pending, text, location: None };
        if let Some(settings) = tls {
            conn.handshake(settings).await?;
        }
        Ok(conn)
    }

    /// Sends all bytes.
    pub(crate) async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Some(tls) = &mut self.tls else { return self.socket.write_all(bytes).await };
        tls.sealed.clear();
        for plain in bytes.chunks(record::PLAIN_BYTES_MAX) {
            tls.tx.seal(plain, &mut tls.sealed).ok_or_else(|| io::Error::other("not sealed"))?;
        }
        self.socket.write_all(&tls.sealed).await
    }

    /// Takes one response in full.
    pub(crate) async fn response(&mut self) -> io::Result<Response> {
        match self.tls {
            None => self.plain_response().await,
            Some(_) => self.decrypted_response().await,
        }
    }

    /// Takes one response that has the size of the one before, counting records over TLS.
    pub(crate) async fn response_like_the_last(&mut self) -> io::Result<Response> {
        match &self.tls {
            Some(Tls { last: Some((response, bytes)), .. }) => {
                let (response, bytes) = (*response, *bytes);
                self.count_records(bytes).await?;
                Ok(response)
            }
            _ => self.response().await,
        }
    }

    /// Takes one response over TLS in full at about `rate` bytes a second.
    pub(crate) async fn response_at(&mut self, core: &Core, rate: u64) -> io::Result<Response> {
        let mut taken = Taken::default();
        let mut next = Instant::now();
        loop {
            if let Some(done) = self.open_records(&mut taken)? {
                return Ok(done);
            }
            core.sleep_until(next).await;
            let len = self.socket.read_into(&mut self.pending, SLOW_READ_BYTES).await? as u64;
            // Counted from now: a server that was late is not read faster to make up for it.
            next = Instant::now() + Duration::from_nanos(len * 1_000_000_000 / rate.max(1));
        }
    }

    /// The first bytes of the body of the response decrypted last, at most 64 of them.
    pub(crate) fn text(&self) -> &[u8] {
        &self.text
    }

    /// The path of what the last response, a 201, has made.
    pub(crate) fn take_location(&mut self) -> Option<String> {
        self.location.take()
    }

    async fn handshake(&mut self, settings: &Settings) -> io::Result<()> {
        let mut state = tls::start(settings)?;
        loop {
            let mut flight = Vec::new();
            while state.wants_write() {
                state.write_tls(&mut flight)?;
            }
            self.socket.write_all(&flight).await?;
            if !state.is_handshaking() {
                break;
            }
            self.fill().await?;
            // Record by record, so that nothing after the handshake enters the state machine.
            while let Some(len) = record::whole(&self.pending)
                && state.is_handshaking()
            {
                let mut one = &self.pending[..len];
                while !one.is_empty() {
                    state.read_tls(&mut one)?;
                    state.process_new_packets().map_err(io::Error::other)?;
                }
                self.pending.drain(..len);
            }
        }
        let resumed = state.handshake_kind() == Some(HandshakeKind::Resumed);
        if settings.resumes() {
            self.take_ticket(&mut state).await?;
        }
        let secrets = state.dangerous_extract_secrets().map_err(io::Error::other)?;
        let unsupported = || io::Error::other("cipher suite is not AES-GCM");
        let tx = Protector::new(secrets.tx).ok_or_else(unsupported)?;
        let rx = Protector::new(secrets.rx).ok_or_else(unsupported)?;
        self.tls = Some(Tls { tx, rx, resumed, sealed: Vec::new(), last: None });
        Ok(())
    }

    /// Waits for the first record after the handshake, which holds a ticket.
    async fn take_ticket(&mut self, state: &mut ClientConnection) -> io::Result<()> {
        let len = loop {
            match record::whole(&self.pending) {
                Some(len) => break len,
                None => self.fill().await?,
            }
        };
        state.read_tls(&mut &self.pending[..len])?;
        state.process_new_packets().map_err(io::Error::other)?;
        self.pending.drain(..len);
        Ok(())
    }

    /// Whether the handshake resumed a session.
    pub(crate) fn resumed(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.resumed)
    }

    async fn plain_response(&mut self) -> io::Result<Response> {
        let (head, head_end) = loop {
            match head::end(&self.pending)? {
                Some(end) => {
                    let head = Head::parse(&self.pending[..end]);
                    if !head.is_interim() {
                        self.location = head.made(&self.pending[..end]);
                        break (head, end);
                    }
                    self.pending.drain(..end);
                }
                None => self.fill().await?,
            }
        };
        let Some(body_bytes) = head.content_length else {
            // Chunked: good enough for short answers that do not hold the last-chunk marker.
            while !self.pending.ends_with(b"0\r\n\r\n") {
                self.fill().await?;
            }
            let body_bytes = (self.pending.len() - head_end) as u64;
            self.pending.clear();
            return Ok(Response { status: head.status, body_bytes });
        };
        let mut left = body_bytes
            .checked_sub((self.pending.len() - head_end) as u64)
            .ok_or_else(|| io::Error::other("more bytes than content-length"))?;
        self.pending.clear();
        while left > 0 {
            let step = usize::try_from(left).unwrap_or(usize::MAX);
            left -= self.socket.discard(step).await? as u64;
        }
        Ok(Response { status: head.status, body_bytes })
    }

    async fn decrypted_response(&mut self) -> io::Result<Response> {
        let mut taken = Taken::default();
        loop {
            if let Some(done) = self.open_records(&mut taken)? {
                return Ok(done);
            }
            self.fill().await?;
        }
    }

    /// Opens records that have arrived; the response once it is whole. What follows it, such as the
    /// alert that ends a connection, is left.
    fn open_records(&mut self, taken: &mut Taken) -> io::Result<Option<Response>> {
        let Some(tls) = &mut self.tls else { return Err(io::Error::other("no TLS")) };
        let mut used = 0;
        while taken.done().is_none()
            && let Some(len) = record::whole(&self.pending[used..])
        {
            let one = &mut self.pending[used..used + len];
            used += len;
            let (kind, len) = tls.rx.open(one).ok_or_else(|| io::Error::other("bad record"))?;
            match kind {
                record::APPLICATION_DATA => taken.add(&one[record::HEADER_BYTES..][..len])?,
                record::HANDSHAKE => {} // session tickets
                record::ALERT => return Err(io::ErrorKind::UnexpectedEof.into()),
                _ => return Err(io::Error::other("unexpected record type")),
            }
        }
        self.pending.drain(..used);
        let done = taken.done();
        if let Some(done) = done {
            // A chunked response need not have the length of the one before.
            tls.last = taken.has_length().then_some((done, taken.total));
            self.text = std::mem::take(&mut taken.text);
            self.location = taken.location.take();
        }
        Ok(done)
    }

    /// Skips records until they have carried `bytes` of plaintext.
    async fn count_records(&mut self, bytes: u64) -> io::Result<()> {
        let mut left = bytes;
        while left > 0 {
            while left > 0
                && let Some(body) = record::body_bytes(&self.pending)
            {
                let plain = body.saturating_sub(record::TRAILER_BYTES) as u64;
                // An alert, a ticket or a response of another size would go unnoticed otherwise.
                left = left
                    .checked_sub(plain)
                    .ok_or_else(|| io::Error::other("responses differ in length"))?;
                let whole = record::HEADER_BYTES + body;
                let mut missing = whole.saturating_sub(self.pending.len());
                self.pending.drain(..whole.min(self.pending.len()));
                while missing > 0 {
                    missing -= self.socket.discard(missing).await?;
                }
            }
            if left > 0 {
                // Only the next header, so that its body can be discarded; near the end more.
                let mut buf = [0; 32];
                let header = record::HEADER_BYTES - self.pending.len().min(4);
                let want = if left > 4000 { header } else { buf.len() };
                let len = self.socket.read(&mut buf[..want]).await?;
                self.pending.extend_from_slice(&buf[..len]);
            }
        }
        Ok(())
    }

    async fn fill(&mut self) -> io::Result<()> {
        // Without TLS a short read, so that most of a long body is left for `discard`.
        let most = if self.tls.is_none() { PLAIN_READ_BYTES } else { READ_BYTES };
        self.socket.read_into(&mut self.pending, most).await.map(drop)
    }
}

#[derive(Debug)]
struct Tls {
    tx: Protector,
    rx: Protector,
    /// Whether the handshake resumed a session.
    resumed: bool,
    sealed: Vec<u8>,
    /// The response decrypted last and how many plaintext bytes it had.
    last: Option<(Response, u64)>,
}

/// A response over TLS as far as it has been decrypted.
#[derive(Debug, Default)]
struct Taken {
    /// Kept until the head is whole.
    start: Vec<u8>,
    head: Option<Head>,
    body: Body,
    /// The first bytes of the body.
    text: Vec<u8>,
    location: Option<String>,
    /// Plaintext bytes so far, without interim responses.
    total: u64,
}

impl Taken {
    fn add(&mut self, plain: &[u8]) -> io::Result<()> {
        self.total += plain.len() as u64;
        if self.head.is_some() {
            return self.body.take(plain, &mut self.text);
        }
        self.start.extend_from_slice(plain);
        while let Some(end) = head::end(&self.start)? {
            let head = Head::parse(&self.start[..end]);
            let rest = self.start.split_off(end);
            if !head.is_interim() {
                self.location = head.made(&self.start);
                self.head = Some(head);
                self.body = Body::new(head.content_length);
                return self.body.take(&rest, &mut self.text);
            }
            self.total -= end as u64;
            self.start = rest;
        }
        Ok(())
    }

    fn has_length(&self) -> bool {
        self.head.is_some_and(|head| head.content_length.is_some())
    }

    fn done(&self) -> Option<Response> {
        let head = self.head.filter(|_| self.body.is_done())?;
        Some(Response { status: head.status, body_bytes: self.body.bytes() })
    }
}

/// Bytes of one read over TLS.
const READ_BYTES: usize = 64 << 10;
/// Bytes of one read without TLS.
const PLAIN_READ_BYTES: usize = 2048;
/// Bytes of one read of a slow client.
const SLOW_READ_BYTES: usize = 16 << 10;
