//! Commands of the door's own on a session's server link: the client sees nothing of them.
//!
//! They are sent only between two commands of the client, never while a reply is under way, and
//! none of them changes what the client could observe: see each caller.

use std::time::Instant;

use menshen_sql_core::wire::lenenc::Fields;
use menshen_sql_core::wire::response::{Facts, Kind};
use menshen_sql_core::wire::{Capabilities, Next, Reply, Response, Status, build, command, packet};

use super::Connection;
use super::exchange::Rest;
use super::plan::Plan;
use crate::link::HEADER_BYTES;
use crate::login::is_abort;
use crate::relay::{self, Left, more};

/// What came of one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Answer {
    /// It did not end with ERR.
    pub(super) ok: bool,
    /// The last status word, if there was one.
    pub(super) status: Option<Status>,
    /// What was seen.
    pub(super) facts: Facts,
}

impl Connection<'_> {
    /// Makes the server report for the first time, and tells the client that it is logged in.
    pub(super) async fn enter(&mut self) -> Result<(), Left> {
        if let Some(error) = self.link.entered.aborted.take() {
            return Err(self.link.abort(&error).await);
        }
        let text = self.session.tracking();
        let (answer, bytes) = self.own_whole(command::QUERY, &text, Reply::Results).await?;
        self.session.tracked(answer.ok, answer.status.map(|status| status.0));
        let payload = bytes.get(HEADER_BYTES..).unwrap_or_default();
        if is_abort(payload) {
            return Err(self.link.abort(payload).await);
        }
        let relay::Session { entered, client, .. } = &mut self.link;
        entered.welcome(client);
        client.flush().await.map_err(|_| Left::Client)
    }

    /// Makes the server report the session's state.
    pub(super) async fn track(&mut self) -> Result<(), Left> {
        let text = self.session.tracking();
        let answer = self.own(command::QUERY, &text, Reply::Results).await?;
        self.session.tracked(answer.ok, answer.status.map(|status| status.0));
        if self.session.is_miscounted() {
            let (answer, bytes) = self.own_whole(command::QUERY, MADE, Reply::Results).await?;
            let made = first_number(&bytes, answer.facts.columns, self.link.entered.server);
            self.session.counted(made.filter(|_| answer.ok));
        }
        Ok(())
    }

    /// Has the server run the statement that was last answered from the cache, so that what the
    /// next one asks about it (`FOUND_ROWS()`, `SHOW WARNINGS`) is right.
    pub(super) async fn replay(&mut self) -> Result<(), Left> {
        let ghost = std::mem::take(&mut self.ghost);
        if ghost.is_empty() {
            return Ok(());
        }
        let ghost = self.as_forwarded(ghost);
        let ghost = self.plain(&ghost, Rest::NOTHING).unwrap_or(ghost);
        self.send_own(&ghost, Reply::Results, |_| {}).await.map(|_| ())
    }

    /// Sends a command of the door's own and drops the reply.
    pub(super) async fn own(
        &mut self,
        code: u8,
        rest: &[u8],
        reply: Reply,
    ) -> Result<Answer, Left> {
        let mut bytes = Vec::with_capacity(rest.len() + 8);
        build::command(code, rest, &mut bytes);
        self.send_own(&bytes, reply, |_| {}).await
    }

    /// As [`Self::own`], with the reply, which is a short one.
    pub(super) async fn own_whole(
        &mut self,
        code: u8,
        rest: &[u8],
        reply: Reply,
    ) -> Result<(Answer, Vec<u8>), Left> {
        let (mut bytes, mut whole) = (Vec::with_capacity(rest.len() + 8), Vec::new());
        build::command(code, rest, &mut bytes);
        let answer = self.send_own(&bytes, reply, |part| whole.extend_from_slice(part)).await?;
        Ok((answer, whole))
    }

    async fn send_own(
        &mut self,
        bytes: &[u8],
        reply: Reply,
        mut keep: impl FnMut(&[u8]),
    ) -> Result<Answer, Left> {
        self.used = Instant::now();
        self.link.server.send(bytes).await.map_err(|_| Left::Server)?;
        let mut response = Response::new(reply, self.link.entered.server);
        let mut answer = Answer { ok: true, status: None, facts: *response.facts() };
        if reply == Reply::None {
            return Ok(answer);
        }
        loop {
            let seen = response.feed(self.link.server.bytes());
            keep(self.link.server.bytes().get(..seen.pass).unwrap_or_default());
            self.link.server.consume(seen.pass);
            let mut over = false;
            match seen.next {
                Next::Read { want } => {
                    while self.link.server.bytes().len() < want {
                        more(&mut self.link.client, &mut self.link.server).await?;
                    }
                }
                Next::Status { len, kind, status, last } => {
                    self.hear(0, len, kind, &mut Plan::nothing());
                    if kind == Kind::Err {
                        answer.ok = false;
                    } else if kind != Kind::Text {
                        answer.status = Some(status);
                    }
                    keep(self.link.server.bytes().get(..len).unwrap_or_default());
                    self.link.server.consume(len);
                    over = last;
                }
                Next::End => over = true,
                Next::File | Next::Auth { .. } | Next::Raw | Next::Broken(_) => {
                    return Err(Left::Server);
                }
            }
            if over {
                answer.facts = *response.facts();
                return Ok(answer);
            }
        }
    }
}

/// The number in the second column of the only row.
fn first_number(bytes: &[u8], columns: u64, capabilities: Capabilities) -> Option<u64> {
    let eof = usize::from(!capabilities.has(Capabilities::DEPRECATE_EOF));
    let before = usize::try_from(columns).ok()? + 1 + eof;
    let mut fields = Fields::new(packet::packets(bytes).nth(before)?.payload);
    fields.string().ok()?;
    std::str::from_utf8(fields.string().ok()?).ok()?.parse().ok()
}

/// How many temporary tables the session has made, in routines and triggers too (MariaDB).
const MADE: &[u8] = b"SHOW SESSION STATUS LIKE 'Com_create_temporary_table'";
