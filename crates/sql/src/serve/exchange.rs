//! One command sent to the server and its reply passed on, the last packet held back until what it
//! means is done.
//!
//! What the packets say of the session is taken in on the way; what of them only the door asked for
//! is taken out. A reply that is being stored is pushed into its fill as it passes. How it fails:
//! the client does not take its reply (if the statement writes, the rest of the reply is awaited
//! and settled, otherwise the session ends at once), the server is gone or sends nonsense (the
//! session ends with what is pending left to the orphans).

use std::io::IoSlice;
use std::time::Instant;

use menshen_base::Counter;
use menshen_sql_core::wire::packet::{Stream, StreamEnd};
use menshen_sql_core::wire::response::Kind;
use menshen_sql_core::wire::{Change, Next, OkPacket, Reply, Response, Status};

use super::Connection;
use super::plan::Plan;
use super::surface::patched;
use crate::link::{Broken, HEADER_BYTES};
use crate::relay::{Left, hides, more, without_tracking};

/// What of a command is still to be passed on behind what was read of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rest {
    /// Bytes of its packet.
    pub(super) bytes: usize,
    /// Whether the message goes on in another packet.
    pub(super) continues: bool,
}

impl Rest {
    pub(super) const NOTHING: Self = Self { bytes: 0, continues: false };
}

/// How a reply ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ended {
    /// The last status word; none after ERR.
    pub(super) status: Option<Status>,
    /// What was seen of it.
    pub(super) facts: menshen_sql_core::wire::response::Facts,
}

/// A reply under way.
pub(super) struct Passing {
    pub(super) response: Response,
    /// Bytes at the front of the server's link that are to be sent to the client.
    pub(super) ready: usize,
    status: Option<Status>,
    /// The client takes no more; the reply is only awaited.
    deaf: bool,
    /// The reply is gathered here, to be patched when it is whole.
    gathered: Option<Vec<u8>>,
}

impl Connection<'_> {
    /// Sends a command and passes on its reply.
    pub(super) async fn exchange(
        &mut self,
        bytes: &[u8],
        rest: Rest,
        reply: Reply,
        mut plan: Plan,
    ) -> Result<Ended, Left> {
        self.begin(&plan);
        self.send(bytes, rest).await?;
        self.ghost.clear();
        let response = Response::new(reply, self.link.entered.server);
        let gathered = plan.patch.is_some().then(Vec::new);
        let mut passing = Passing { response, ready: 0, status: None, deaf: false, gathered };
        while !self.piece(&mut passing, &mut plan).await? {}
        if let (Some(patch), Some(whole)) = (plan.patch.take(), passing.gathered.take()) {
            let client = &mut self.link.client;
            *client.output() = patched(&whole, patch, self.link.entered.client);
            passing.deaf = client.flush().await.is_err();
        }
        if passing.deaf {
            return Err(Left::Client);
        }
        Ok(Ended { status: passing.status, facts: *passing.response.facts() })
    }

    /// Sends a command to the server, what was not read of it straight from the client.
    pub(super) async fn send(&mut self, bytes: &[u8], rest: Rest) -> Result<(), Left> {
        self.used = Instant::now();
        let sent = self.link.server.send(bytes).await;
        if sent.is_err() {
            return Err(self.link.last_words().await);
        }
        let Rest { mut bytes, mut continues } = rest;
        loop {
            self.stream(bytes).await?;
            if !continues {
                return Ok(());
            }
            let next = self.link.client.packet(0).await.map_err(|_| Left::Client)?;
            let next = next.ok_or(Left::Client)?;
            (bytes, continues) = (next.wire_bytes(), next.continues());
        }
    }

    async fn stream(&mut self, bytes: usize) -> Result<(), Left> {
        if bytes == 0 {
            return Ok(());
        }
        match self.link.client.pass(&mut self.link.server, bytes).await {
            Ok(()) => Ok(()),
            Err(Broken::Source(_)) => Err(Left::Client),
            Err(Broken::Sink(_)) => Err(self.link.last_words().await),
        }
    }

    /// The client's file, up to its empty packet.
    async fn file(&mut self) -> Result<(), Left> {
        let mut stream = Stream::new(StreamEnd::EmptyPacket);
        while !stream.ended() {
            let client = &mut self.link.client;
            if client.bytes().is_empty() && !matches!(client.fill().await, Ok(1..)) {
                return Err(Left::Client);
            }
            let count = stream.take(client.bytes());
            self.stream(count).await?;
        }
        Ok(())
    }

    /// Passes on what of the reply lies in the buffer; whether it has ended.
    async fn piece(&mut self, passing: &mut Passing, plan: &mut Plan) -> Result<bool, Left> {
        loop {
            let unseen = self.link.server.bytes().get(passing.ready..).unwrap_or_default();
            let seen = passing.response.feed(unseen);
            let kept = plan.keep(unseen.get(..seen.pass).unwrap_or_default());
            if let Some(reason) = kept {
                self.gave_up(reason);
            }
            passing.ready += seen.pass;
            match seen.next {
                Next::Status { len, kind, status, last } => {
                    self.hear(passing.ready, len, kind, plan);
                    if !matches!(kind, Kind::Err | Kind::Text) {
                        passing.status = Some(status);
                    } else if kind == Kind::Err {
                        passing.status = None;
                    }
                    if last {
                        self.seal(passing, len, kind, plan);
                        self.settle(plan, passing.status).await;
                    }
                    self.pass_status(passing, len, hides(self.link.entered.client, kind, status))
                        .await?;
                    if last {
                        self.pass(passing, &[]).await?;
                        return Ok(true);
                    }
                }
                Next::Read { want } => {
                    self.pass(passing, &[]).await?;
                    while self.link.server.bytes().len() < want {
                        more(&mut self.link.client, &mut self.link.server).await?;
                    }
                    return Ok(false);
                }
                Next::File => {
                    self.pass(passing, &[]).await?;
                    self.file().await?;
                    return Ok(false);
                }
                Next::End => {
                    self.settle(plan, passing.status).await;
                    self.pass(passing, &[]).await?;
                    return Ok(true);
                }
                Next::Auth { len } => passing.ready += len,
                Next::Raw => {
                    self.pass(passing, &[]).await?;
                    return self.link.both_ways().await.map(|_| true);
                }
                Next::Broken(_) => return Err(Left::Server),
            }
        }
    }

    /// Takes in what a packet with a status says of the session.
    pub(super) fn hear(&mut self, at: usize, len: usize, kind: Kind, plan: &mut Plan) {
        if !matches!(kind, Kind::Ok | Kind::RowsEnd) {
            return;
        }
        let payload = self.link.server.bytes().get(at + HEADER_BYTES..at + len);
        let parsed = payload.map(|it| OkPacket::parse(it, self.link.entered.server));
        let Some(Ok(packet)) = parsed else { return self.session.unnamed_change() };
        if !packet.status.has(Status::STATE_CHANGED) {
            return;
        }
        if packet.form == menshen_sql_core::wire::ok::Form::Eof {
            // It has no room to say what.
            self.session.unnamed_change();
        }
        let mut schema = false;
        for change in packet.changes() {
            match change {
                Change::Variable { name: b"last_gtid", value } => {
                    plan.gtid.clear();
                    plan.gtid.extend_from_slice(value);
                }
                Change::Variable { name, value } => self.session.variable(name, value),
                Change::Schema(name) => {
                    self.session.schema(name);
                    schema = true;
                }
                Change::State(_) | Change::Unreadable(_) => self.session.unnamed_change(),
                Change::Gtids(_)
                | Change::Characteristics(_)
                | Change::Transaction(_)
                | Change::Other { .. } => {}
            }
        }
        if schema {
            self.forget_account();
        }
    }

    /// Moves on over a packet with a status, which follows what is ready; rewritten if it says what
    /// the client did not ask for.
    async fn pass_status(
        &mut self,
        passing: &mut Passing,
        len: usize,
        rewritten: bool,
    ) -> Result<(), Left> {
        if !rewritten {
            passing.ready += len;
            return Ok(());
        }
        let entered = &self.link.entered;
        let packet = self.link.server.bytes().get(passing.ready..passing.ready + len);
        let packet = without_tracking(packet.unwrap_or_default(), entered.client, entered.server);
        self.pass(passing, &packet).await?;
        self.link.server.consume(len);
        Ok(())
    }

    /// Sends the client what is ready, and `then` behind it.
    async fn pass(&mut self, passing: &mut Passing, then: &[u8]) -> Result<(), Left> {
        let ready = std::mem::take(&mut passing.ready);
        let (client, server) = (&mut self.link.client, &mut self.link.server);
        let bytes = server.bytes().get(..ready).unwrap_or_default();
        if let Some(gathered) = &mut passing.gathered {
            gathered.extend_from_slice(bytes);
            gathered.extend_from_slice(then);
        } else if !passing.deaf && ready + then.len() > 0 {
            let sent = match then {
                [] => client.send(bytes).await,
                then => client.send_parts(&mut [IoSlice::new(bytes), IoSlice::new(then)]).await,
            };
            let (tally, thread) = self.link.tally;
            tally.add(thread, Counter::SqlBytesOut, (ready + then.len()) as u64);
            passing.deaf = sent.is_err();
        }
        server.consume(ready);
        // What is pending must be settled by the server's own word, if there is one.
        if passing.deaf && self.writes.is_empty() {
            return Err(Left::Client);
        }
        Ok(())
    }
}
