//! A session without the cache: commands go to the server and replies to the client, one after
//! another, as bytes.
//!
//! In the common case a command is one read and one write and so is its reply. What the door alone
//! asked the server to track is taken out of OK packets. A client that ends its side while the
//! server works is not cut off: the server hears of it and decides, as without a door.
//!
//! How it fails: either side is gone ([`Left`]), or the server sends what no reply can be, and both
//! links are closed.

use std::future::poll_fn;
use std::io::IoSlice;
use std::ops::ControlFlow;
use std::task::Poll;

use menshen_base::Counter;
use menshen_sql_core::wire::packet::{self, Stream, StreamEnd};
use menshen_sql_core::wire::response::Kind;
use menshen_sql_core::wire::{
    Capabilities, Command, Next, OkPacket, Reply, Response, Status, command,
};

use crate::link::{Broken, HEADER_BYTES, Link, PAYLOAD_MAX, Packet};
use crate::login::{Ended, Entered, Entrance, change_user};
use crate::seat::{Doing, Leave, Seat};
use crate::tally::Tally;

/// A session with its two links.
#[derive(Debug)]
pub struct Session<'a> {
    /// What logins need, for `COM_CHANGE_USER`.
    pub entrance: &'a Entrance,
    /// Where it is counted, and as which thread's.
    pub tally: (&'a Tally, usize),
    /// Its place.
    pub seat: &'a Seat,
    /// The client.
    pub client: Link,
    /// The server.
    pub server: Link,
    /// Who it is.
    pub entered: Entered,
    /// The client's address as far as the server is told of it, or empty: with the name it decides
    /// which account that is.
    pub host: Vec<u8>,
}

/// How a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// The client said goodbye.
    Quit,
    /// The client is gone.
    Client,
    /// The server is gone, or sent what cannot be.
    Server,
    /// It was asked to.
    Asked(Leave),
}

/// What happened while a session waited for its client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// The client has sent something, or is gone.
    Client,
    /// The server has sent something unasked, or is gone.
    Server,
    /// The session must end.
    Leave(Leave),
}

/// Waits for the next command: the client first, when several things have happened.
pub async fn next(client: &mut Link, server: &mut Link, seat: &Seat) -> Heard {
    poll_fn(|cx| {
        if !client.bytes().is_empty() || client.poll_fill(cx).is_ready() {
            return Poll::Ready(Heard::Client);
        }
        if !server.bytes().is_empty() || server.poll_fill(cx).is_ready() {
            return Poll::Ready(Heard::Server);
        }
        seat.poll_leave(cx).map(Heard::Leave)
    })
    .await
}

/// Waits for more of the server's reply. A client that ends its side meanwhile has the server told
/// so, once, and not before what it had sent ahead is done.
///
/// # Errors
/// The server is gone.
pub async fn more(client: &mut Link, server: &mut Link) -> Result<(), Left> {
    let mut told = client.has_ended();
    poll_fn(|cx| {
        if let Poll::Ready(got) = server.poll_fill(cx) {
            return Poll::Ready(if matches!(got, Ok(1..)) { Ok(()) } else { Err(Left::Server) });
        }
        if !told && client.poll_gone(cx).is_ready() {
            told = true;
            if client.bytes().is_empty() {
                server.finish();
            }
        }
        Poll::Pending
    })
    .await
}

/// Relays until the session ends. The client does not know yet that it has begun.
pub async fn run(mut session: Session<'_>) -> Left {
    if let Some(error) = session.entered.aborted.take() {
        return session.abort(&error).await;
    }
    session.entered.welcome(&mut session.client);
    if session.client.flush().await.is_err() {
        return Left::Client;
    }
    let mut status = session.entered.status();
    loop {
        session.seat.does(resting(status));
        match next(&mut session.client, &mut session.server, session.seat).await {
            Heard::Client => {}
            Heard::Server => return session.last_words().await,
            Heard::Leave(leave) => return Left::Asked(leave),
        }
        session.seat.does(Doing::Command);
        match session.command().await {
            Ok(now) => status = now.unwrap_or(status),
            Err(left) => return left,
        }
    }
}

/// What a session does that waits with this status word.
#[must_use]
pub const fn resting(status: Status) -> Doing {
    if status.has(Status::IN_TRANS) { Doing::Transaction } else { Doing::Rest }
}

impl Session<'_> {
    /// One command and its reply; the last status word of it.
    async fn command(&mut self) -> Result<Option<Status>, Left> {
        let packet = self.client.packet(WHOLE_MAX).await.map_err(|_| Left::Client)?;
        let packet = packet.ok_or(Left::Client)?;
        let (tally, thread) = self.tally;
        tally.add(thread, Counter::SqlCommands, 1);
        tally.add(thread, Counter::SqlBytesIn, packet.wire_bytes() as u64);
        let command = Command::parse(self.client.payload(packet));
        if let Command::ChangeUser(_) = command {
            return self.change_user(packet).await.map(Some);
        }
        let (reply, code) = (Reply::of(&command), command.code());
        self.forward(packet).await?;
        if code == command::QUIT {
            self.server.finish();
            return Err(Left::Quit);
        }
        match reply {
            Reply::None => Ok(None),
            Reply::Raw => self.both_ways().await,
            reply => self.reply(reply).await,
        }
    }

    /// Sends the server the message that begins with `packet`.
    async fn forward(&mut self, packet: Packet) -> Result<(), Left> {
        let Self { client, server, .. } = self;
        if packet.is_whole() && !packet.continues() {
            let wire = packet.wire_bytes();
            let sent = server.send(client.bytes().get(..wire).unwrap_or_default()).await;
            client.consume(wire);
            return if sent.is_ok() { Ok(()) } else { Err(self.last_words().await) };
        }
        self.stream(StreamEnd::ShortPacket).await
    }

    /// Sends the server what the client sends, up to the end of the message or file.
    async fn stream(&mut self, end: StreamEnd) -> Result<(), Left> {
        let mut stream = Stream::new(end);
        while !stream.ended() {
            if self.client.bytes().is_empty() && !matches!(self.client.fill().await, Ok(1..)) {
                return Err(Left::Client);
            }
            let count = stream.take(self.client.bytes());
            match self.client.pass(&mut self.server, count).await {
                Ok(()) => {}
                Err(Broken::Source(_)) => return Err(Left::Client),
                // A server that takes no more may have said why.
                Err(Broken::Sink(_)) => return Err(self.last_words().await),
            }
        }
        Ok(())
    }

    /// Passes on the reply; its last status word.
    async fn reply(&mut self, reply: Reply) -> Result<Option<Status>, Left> {
        let mut response = Response::new(reply, self.entered.server);
        let mut status = None;
        loop {
            match self.piece(&mut response, &mut status).await? {
                ControlFlow::Continue(()) => {}
                ControlFlow::Break(()) => return Ok(status),
            }
        }
    }

    /// Passes on what of the reply lies in the buffer, in one write if it can be.
    async fn piece(
        &mut self,
        response: &mut Response,
        status: &mut Option<Status>,
    ) -> Result<ControlFlow<()>, Left> {
        let mut ready = 0;
        loop {
            let seen = response.feed(self.server.bytes().get(ready..).unwrap_or_default());
            ready += seen.pass;
            match seen.next {
                Next::Status { len, kind, status: now, last } => {
                    if !matches!(kind, Kind::Err | Kind::Text) {
                        *status = Some(now);
                    }
                    if hides(self.entered.client, kind, now) {
                        self.pass(ready, len).await?;
                        ready = 0;
                    } else {
                        ready += len;
                    }
                    if last {
                        self.pass(ready, 0).await?;
                        return Ok(ControlFlow::Break(()));
                    }
                }
                Next::Auth { len } => ready += len,
                Next::Read { want } => {
                    self.pass(ready, 0).await?;
                    while self.server.bytes().len() < want {
                        more(&mut self.client, &mut self.server).await?;
                    }
                    return Ok(ControlFlow::Continue(()));
                }
                Next::File => {
                    self.pass(ready, 0).await?;
                    self.stream(StreamEnd::EmptyPacket).await?;
                    return Ok(ControlFlow::Continue(()));
                }
                Next::End => {
                    self.pass(ready, 0).await?;
                    return Ok(ControlFlow::Break(()));
                }
                Next::Raw => {
                    self.pass(ready, 0).await?;
                    return self.both_ways().await.map(|_| ControlFlow::Break(()));
                }
                Next::Broken(_) => return Err(Left::Server),
            }
        }
    }

    /// Sends the client the first `ready` bytes as they are, and the packet of `tracked` bytes
    /// behind them without what the client did not ask for.
    async fn pass(&mut self, ready: usize, tracked: usize) -> Result<(), Left> {
        let count = ready + tracked;
        if count == 0 {
            return Ok(());
        }
        let Self { client, server, entered, tally: (tally, thread), .. } = self;
        let (plain, packet) = server.bytes().split_at(ready);
        let packet = packet.get(..tracked).unwrap_or_default();
        let sent = if packet.is_empty() {
            client.send(plain).await
        } else {
            let rewritten = without_tracking(packet, entered.client, entered.server);
            client.send_parts(&mut [IoSlice::new(plain), IoSlice::new(&rewritten)]).await
        };
        tally.add(*thread, Counter::SqlBytesOut, count as u64);
        server.consume(count);
        sent.map_err(|_| Left::Client)
    }

    async fn change_user(&mut self, packet: Packet) -> Result<Status, Left> {
        if !packet.is_whole() || packet.continues() {
            return Err(Left::Client);
        }
        let Self { entrance, entered, client, server, .. } = self;
        match change_user(entrance, entered, client, server, packet).await {
            Ok(()) => {}
            Err(Ended::Refused) => return Ok(entered.status()),
            Err(_) => return Err(Left::Server),
        }
        entered.welcome(client);
        client.flush().await.map_err(|_| Left::Client)?;
        Ok(entered.status())
    }

    /// Copies both directions until one ends: the stream of a replica.
    pub(crate) async fn both_ways(&mut self) -> Result<Option<Status>, Left> {
        let Self { client, server, .. } = self;
        loop {
            match crate::link::either(client, server).await {
                crate::link::Side::Client => {
                    let count = client.bytes().len();
                    if count == 0 {
                        return Err(Left::Client);
                    }
                    client.pass(server, count).await.map_err(|_| Left::Server)?;
                }
                crate::link::Side::Server => {
                    let count = server.bytes().len();
                    if count == 0 {
                        return Err(Left::Server);
                    }
                    server.pass(client, count).await.map_err(|_| Left::Client)?;
                }
            }
        }
    }

    /// Ends a session that the server has ended with its answer to a first command of the door's
    /// own: the client is logged in and given that answer to its own first one.
    pub(crate) async fn abort(&mut self, error: &[u8]) -> Left {
        let Self { entered, client, .. } = self;
        entered.welcome(client);
        if client.flush().await.is_err() {
            return Left::Client;
        }
        let Ok(Some(first)) = client.packet(0).await else { return Left::Client };
        let mut sequence = first.sequence.wrapping_add(1);
        packet::push(client.output(), &mut sequence, error);
        let _ = client.flush().await;
        client.finish();
        Left::Server
    }

    /// Passes on what a server still says that listens no longer, and ends.
    pub(crate) async fn last_words(&mut self) -> Left {
        let Self { client, server, .. } = self;
        loop {
            let count = server.bytes().len();
            if count > 0 && server.pass(client, count).await.is_err() {
                return Left::Client;
            }
            if !matches!(server.fill().await, Ok(1..)) {
                client.finish();
                return Left::Server;
            }
        }
    }
}

/// Whether a packet tells of changes that the client did not ask for.
pub(crate) fn hides(client: Capabilities, kind: Kind, status: Status) -> bool {
    matches!(kind, Kind::Ok | Kind::RowsEnd)
        && status.has(Status::STATE_CHANGED)
        && !client.has(Capabilities::SESSION_TRACK)
}

/// The packet, whole, as a client with other capabilities is sent it.
pub(crate) fn without_tracking(
    packet: &[u8],
    client: Capabilities,
    server: Capabilities,
) -> Vec<u8> {
    let (header, payload) = packet.split_at(HEADER_BYTES.min(packet.len()));
    let Ok(ok) = OkPacket::parse(payload, server) else { return packet.to_vec() };
    let mut out = vec![0; HEADER_BYTES];
    ok.rewrite(client, |_| true, &mut out);
    let length = (out.len() - HEADER_BYTES).min(PAYLOAD_MAX).to_le_bytes();
    let sequence = header.last().copied().unwrap_or(0);
    out.splice(..HEADER_BYTES, [length[0], length[1], length[2], sequence]);
    out
}

/// Commands up to this many bytes are waited for before the server is sent them.
const WHOLE_MAX: usize = 32 << 10;

#[cfg(test)]
mod tests;
