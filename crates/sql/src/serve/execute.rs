//! Prepared statements of the binary protocol.
//!
//! A statement keeps what it was prepared under: names in it mean what they meant then, and its
//! text was read in the character set of then. It is answered from the cache only while the session
//! is as it was; what it writes is always found in the database of then.

use std::collections::HashMap;

use menshen_sql_core::judge::CacheType;
use menshen_sql_core::lexer::Mode;
use menshen_sql_core::session::{Protocol, Serving, Session};
use menshen_sql_core::wire::command::{Execute, LAST_STATEMENT};
use menshen_sql_core::wire::prepared::Forward;
use menshen_sql_core::wire::{Command, Prepared, Reply, build};

use super::Connection;
use super::exchange::Rest;
use super::hit::Asked;
use super::plan::{Plan, Planned};
use crate::link::HEADER_BYTES;
use crate::relay::Left;

/// What a statement was prepared under.
#[derive(Debug, Clone)]
pub(super) struct Binding {
    /// The default database.
    pub(super) database: Option<Box<[u8]>>,
    /// How its text was read.
    pub(super) mode: Mode,
    /// Everything that shapes replies; none when the cache was off.
    fingerprint: Option<u32>,
}

impl Binding {
    /// Whether the session is as it was.
    pub(super) fn holds(&self, session: &Session) -> bool {
        self.fingerprint.is_some() && self.fingerprint == session.fingerprint()
    }
}

/// Bindings by statement.
#[derive(Debug, Default)]
pub(super) struct Bindings {
    all: HashMap<u32, Binding>,
    last: Option<u32>,
}

impl Bindings {
    fn number(&self, statement: u32) -> Option<u32> {
        if statement == LAST_STATEMENT { self.last } else { Some(statement) }
    }

    fn get(&self, statement: u32) -> Option<&Binding> {
        self.all.get(&self.number(statement)?)
    }

    pub(super) fn close(&mut self, _prepared: &Prepared, statement: u32) {
        if let Some(number) = self.number(statement) {
            self.all.remove(&number);
        }
    }

    pub(super) fn clear(&mut self) {
        self.all.clear();
        self.last = None;
    }
}

impl Connection<'_> {
    /// `COM_STMT_PREPARE`.
    pub(super) async fn prepare(
        &mut self,
        text: &[u8],
        bytes: &[u8],
        rest: Rest,
    ) -> Result<(), Left> {
        if rest != Rest::NOTHING {
            self.too_long_to_read();
        }
        self.track_for(text).await?;
        let _ = self.key_number(Protocol::Binary);
        let binding = Binding {
            database: self.session.database().map(Into::into),
            mode: self.session.mode(),
            fingerprint: self.session.fingerprint().filter(|_| !self.is_off()),
        };
        let plain = self.plain(bytes, rest);
        let bytes = plain.as_deref().unwrap_or(bytes);
        let ended = self.exchange(bytes, rest, Reply::Prepared, Plan::nothing()).await?;
        match ended.facts.prepared {
            // Of a long text only the head is known: it is not kept.
            Some(head) if rest == Rest::NOTHING => {
                self.prepared.prepared(head, text);
                self.bindings.all.insert(head.statement, binding);
                self.bindings.last = Some(head.statement);
            }
            _ => {
                self.prepared.failed();
                self.bindings.last = None;
            }
        }
        Ok(())
    }

    /// Whether nothing is stored for this session: what is prepared then is not stored later.
    pub(super) fn is_off(&self) -> bool {
        let size = self.shared.cache.size();
        self.shared.is_off() || size == 0 || self.locals.cache_type == CacheType::Off
    }

    /// `COM_STMT_EXECUTE`, whole.
    pub(super) async fn execute(
        &mut self,
        execute: &Execute<'_>,
        bytes: &[u8],
    ) -> Result<(), Left> {
        let mut key = std::mem::take(&mut self.scratch);
        key.clear();
        let done = self.execute_by(execute, bytes, &mut key).await;
        if key.capacity() <= super::COMMAND_KEPT {
            self.scratch = key;
        }
        done
    }

    async fn execute_by(
        &mut self,
        execute: &Execute<'_>,
        bytes: &[u8],
        key: &mut Vec<u8>,
    ) -> Result<(), Left> {
        let keyed = self.prepared.key(execute, key).is_ok();
        let binding = self.bindings.get(execute.statement);
        let holds = binding.is_some_and(|binding| binding.holds(&self.session));
        if keyed && self.session.serving() == Serving::Ask {
            let text = self.text_of(execute.statement);
            self.track_for(&text).await?;
        }
        if keyed && holds && !self.session.has_temporary() {
            // The text is wanted only to ask the server about rights, which is rare; a prepared
            // statement was checked when it was prepared, but rights may have changed since.
            let text = self.text_of(execute.statement);
            let asked = Asked::Execution { key, text: &text };
            if self.answered(asked, bytes).await? {
                return Ok(());
            }
        }
        let text = self.text_of(execute.statement);
        let plan = if text.is_empty() {
            Plan::unknown()
        } else {
            let binding = self.bindings.get(execute.statement).cloned();
            let asked = Asked::Execution { key, text: &text };
            let planned = Planned { text: &text, asked, binding: binding.as_ref() };
            let known = if keyed { self.plan_known(planned) } else { None };
            known.unwrap_or_else(|| self.plan_execution(planned, keyed))
        };
        if plan.intent.diagnostics {
            self.replay().await?;
        }
        let reply = Reply::of(&Command::Execute(*execute));
        let forwarded = self.as_forwarded(bytes.to_vec());
        let ended = self.exchange(&forwarded, Rest::NOTHING, reply, plan).await?;
        if ended.facts.cursor {
            self.prepared.opened_cursor(execute.statement);
        }
        Ok(())
    }

    /// In full; without a key the reply is not stored.
    fn plan_execution(&mut self, planned: Planned<'_>, keyed: bool) -> Plan {
        let mut plan = self.plan(planned);
        if !keyed {
            plan.keeping = None;
        }
        if let Some((_, patch)) = self.patch_of_execution(planned.text) {
            plan.patch = Some(patch);
            plan.keeping = None;
        }
        plan
    }

    fn text_of(&self, statement: u32) -> Box<[u8]> {
        self.prepared.get(statement).and_then(|one| one.text.clone()).unwrap_or_default()
    }

    /// `COM_STMT_BULK_EXECUTE`, and executions that are not there whole.
    pub(super) async fn bulk(
        &mut self,
        command: &Command<'_>,
        bytes: &[u8],
        rest: Rest,
    ) -> Result<(), Left> {
        let statement = match command {
            Command::Bulk(bulk) => bulk.statement,
            Command::Execute(execute) => execute.statement,
            _ => LAST_STATEMENT,
        };
        let text = self.text_of(statement);
        let mut plan = Plan::unknown();
        if !text.is_empty() {
            let binding = self.bindings.get(statement).cloned();
            let asked = Asked::Execution { key: b"", text: &text };
            plan = self.plan(Planned { text: &text, asked, binding: binding.as_ref() });
            plan.keeping = None;
        }
        if plan.intent.diagnostics {
            self.replay().await?;
        }
        let reply = Reply::of(command);
        let forwarded =
            if rest == Rest::NOTHING { self.as_forwarded(bytes.to_vec()) } else { bytes.to_vec() };
        let ended = self.exchange(&forwarded, rest, reply, plan).await?;
        if ended.facts.cursor {
            self.prepared.opened_cursor(statement);
        }
        Ok(())
    }

    /// The command as the server must see it: with the types of parameters that it has not seen,
    /// and by the statement's own number, since the door may have prepared another one meanwhile.
    pub(super) fn as_forwarded(&mut self, mut bytes: Vec<u8>) -> Vec<u8> {
        let mut out = Vec::new();
        let payload = bytes.get(HEADER_BYTES..).unwrap_or_default();
        let forward = match Command::parse(payload) {
            Command::Execute(execute) => self.prepared.forward(&execute, &mut out),
            Command::Bulk(bulk) => self.prepared.forward_bulk(&bulk, &mut out),
            _ => return bytes,
        };
        if forward == Forward::Rewritten
            && let Some((code, rest)) = out.split_first()
        {
            let mut rewritten = Vec::with_capacity(out.len() + HEADER_BYTES);
            build::command(*code, rest, &mut rewritten);
            bytes = rewritten;
        }
        let place = HEADER_BYTES + 1..HEADER_BYTES + 5;
        let last = self
            .bindings
            .last
            .filter(|_| bytes.get(place.clone()) == Some(&LAST_STATEMENT.to_le_bytes()[..]));
        if let (Some(number), Some(field)) = (last, bytes.get_mut(place)) {
            field.copy_from_slice(&number.to_le_bytes());
        }
        bytes
    }
}
