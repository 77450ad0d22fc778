//! Answers from the cache.
//!
//! The way of a hit: no lexing, no allocation but what a reply larger than the link's buffer needs,
//! one shard's lock. It never answers what the session's state forbids, and never lets the server
//! close a session that lives from hits alone (see [`Connection::keep_alive`]).

use std::time::Instant;

use menshen_base::Counter;
use menshen_sql_core::judge::CacheType;
use menshen_sql_core::session::{Protocol, Serving, Snapshot};
use menshen_sql_core::statement::trim;
use menshen_sql_core::store::Key;
use menshen_sql_core::surface::{Native, without_keywords};
use menshen_sql_core::wire::lenenc::Fields;
use menshen_sql_core::wire::packet::packets;
use menshen_sql_core::wire::{Capabilities, Reply, Status, StatusWords, command};

use super::Connection;
use crate::cache::{Absence, Ask, Epoch, Lookup, Sight};
use crate::relay::Left;

/// What a command is asked for by.
#[derive(Debug, Clone, Copy)]
pub(super) enum Asked<'a> {
    /// A statement of the text protocol.
    Text(&'a [u8]),
    /// An execution: text, types and values as one.
    Execution {
        /// The key.
        key: &'a [u8],
        /// The statement's text, for asking the server about rights.
        text: &'a [u8],
    },
}

impl Connection<'_> {
    /// Answers from the cache, if it may and can. `bytes` is the command as it came.
    pub(super) async fn answered(&mut self, asked: Asked<'_>, bytes: &[u8]) -> Result<bool, Left> {
        let now = Instant::now();
        match self.look(asked, now) {
            Some(Lookup::Hit(reply)) => self.hit(&reply, bytes, now).await,
            Some(Lookup::Verify { epoch }) => {
                if !self.verified(asked, epoch).await? {
                    return Ok(false);
                }
                match self.look(asked, now) {
                    Some(Lookup::Hit(reply)) => self.hit(&reply, bytes, now).await,
                    _ => Ok(false),
                }
            }
            Some(Lookup::Miss(Absence::Unconfirmed(moment))) => {
                self.confirms = true;
                self.unconfirmed = true;
                self.shared.foreign.follower.want(moment);
                Ok(false)
            }
            Some(Lookup::Miss(_)) | None => Ok(false),
        }
    }

    fn look(&mut self, asked: Asked<'_>, now: Instant) -> Option<Lookup> {
        let (snapshot, unopened) = match self.session.serving() {
            Serving::Yes { snapshot: None } => (None, false),
            Serving::Yes { snapshot: Some(snapshot) } => (Some(self.sight(snapshot)), false),
            // Without one the answer itself would have begun it.
            Serving::Opens if self.session.in_transaction() => (None, true),
            _ => return None,
        };
        if self.locals.cache_type == CacheType::Off || self.shared.is_off() {
            return None;
        }
        let ttl = self.shared.open()?;
        let ask = self.ask(asked, snapshot, now)?;
        let ttl_ms = ttl.map(|age| age.as_millis().try_into().unwrap_or(u64::MAX));
        let ask = Ask { ttl_ms, unopened, ..ask };
        Some(self.shared.cache.lookup(&ask))
    }

    /// What a snapshot shows, as far as it is known now.
    pub(super) fn sight(&self, snapshot: Snapshot) -> Sight {
        let told = self.shared.foreign.follower.told();
        Sight { since: snapshot.since, until: snapshot.until, told }
    }

    /// What the cache is asked for.
    pub(super) fn ask<'k>(
        &mut self,
        asked: Asked<'k>,
        snapshot: Option<Sight>,
        now: Instant,
    ) -> Option<Ask<'k>> {
        let key = match asked {
            Asked::Text(text) => Key::text(self.key_number(Protocol::Text)?, trim(text)),
            Asked::Execution { key, .. } => Key::text(self.key_number(Protocol::Binary)?, key),
        };
        let account = self.account_number()?;
        let (now_ms, thread) = (self.shared.ms_at(now), self.thread());
        Some(Ask { key, account, snapshot, unopened: false, now_ms, ttl_ms: None, thread })
    }

    async fn hit(
        &mut self,
        reply: &crate::cache::Reply,
        bytes: &[u8],
        now: Instant,
    ) -> Result<bool, Left> {
        self.keep_alive(now).await?;
        let output = self.link.client.output();
        let from = output.len();
        output.extend_from_slice(reply);
        let [columns, last] = reply.marks();
        let copy = output.get_mut(from..).unwrap_or_default();
        StatusWords { columns, last }.patch(copy, Status(self.session.status()));
        self.ghost.clear();
        self.ghost.extend_from_slice(bytes);
        self.session_hits += 1;
        self.confirms |= self.session.in_transaction();
        if self.shared.by_account.is_on() {
            let rows = rows(reply, self.link.entered.client);
            // Where the server is not told of the client it sees the door, which is on its host.
            let host = if self.link.host.is_empty() { b"localhost" } else { &*self.link.host };
            self.shared.by_account.hit(&self.link.entered.user, host, rows);
        }
        let (tally, thread) = self.link.tally;
        tally.add(thread, Counter::SqlBytesOut, reply.len() as u64);
        self.link.client.flush().await.map_err(|_| Left::Client)?;
        Ok(true)
    }

    /// Asks the server whether this account may read what the entry reads, by having it prepare the
    /// statement.
    async fn verified(&mut self, asked: Asked<'_>, epoch: Epoch) -> Result<bool, Left> {
        let text = match asked {
            Asked::Text(text) | Asked::Execution { text, .. } => text,
        };
        let plain = (self.native() == Native::Removed)
            .then(|| without_keywords(text, self.session.mode()))
            .flatten();
        let text = plain.as_deref().unwrap_or(text);
        let answer = self.own(command::PREPARE, trim(text), Reply::Prepared).await?;
        let Some(head) = answer.facts.prepared.filter(|_| answer.ok) else { return Ok(false) };
        self.own(command::CLOSE, &head.statement.to_le_bytes(), Reply::None).await?;
        let Some(ask) = self.ask(asked, None, Instant::now()) else { return Ok(false) };
        self.shared.cache.verified(&ask.key, ask.account, epoch);
        Ok(true)
    }

    /// A link that only sees hits looks idle to the server, which closes it after `wait_timeout`:
    /// a ping long before that.
    async fn keep_alive(&mut self, now: Instant) -> Result<(), Left> {
        if now.saturating_duration_since(self.used) < self.session.patience() {
            return Ok(());
        }
        self.own(command::PING, b"", Reply::One).await.map(|_| ())
    }
}

/// Rows of a stored reply.
fn rows(reply: &[u8], capabilities: Capabilities) -> u64 {
    let mut packets = packets(reply);
    let columns = packets.next().and_then(|head| Fields::new(head.payload).int().ok());
    let eof = u64::from(!capabilities.has(Capabilities::DEPRECATE_EOF));
    (packets.count() as u64).saturating_sub(columns.unwrap_or(0) + eof + 1)
}
