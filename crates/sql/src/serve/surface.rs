//! Statements about the cache itself, as `sql_core::surface` plans them: asked of the server under
//! the client's rights, patched, answered.
//!
//! A reply that is patched is gathered whole before it goes out (lists of variables and counters,
//! some ten kilobytes). It never grants what the server did not: changes are made after its OK.

use menshen_sql_core::surface::{
    Answer, Effect, Format, Native, Patch, Plan as Course, Step, View, look,
};
use menshen_sql_core::wire::column::Column;
use menshen_sql_core::wire::lenenc::Fields;
use menshen_sql_core::wire::{Capabilities, Reply, Status, build, command, packet};

use super::Connection;
use super::exchange::{Ended, Rest};
use super::hit::Asked;
use super::plan::Planned;
use crate::relay::Left;
use crate::surface::{Table, apply, status};

impl Connection<'_> {
    /// Answers a statement of the surface; false: it is none.
    pub(super) async fn surfaced(&mut self, text: &[u8]) -> Result<bool, Left> {
        let Some((mut course, mut step)) = self.course(text) else { return Ok(false) };
        loop {
            let answer = match step {
                Step::Ask(statement) => self.ask_own(&statement).await?,
                Step::Send { statement, patch } => {
                    let ended = self.send_for_client(&statement, patch).await?;
                    Answer::Relayed { ok: ended.status.is_some() }
                }
                Step::Done(effects) => {
                    effects.into_iter().for_each(|effect| self.take_effect(effect));
                    return Ok(true);
                }
                Step::Refuse(payload) => {
                    packet::push(self.link.client.output(), &mut 1, &payload);
                    break;
                }
                Step::Explain(statement) => {
                    let report = self.explain(&statement);
                    self.write_table(&Table::explained(&report));
                    break;
                }
                Step::Top => {
                    self.write_table(&Table::top(&self.shared.cache));
                    break;
                }
            };
            step = self.viewed(|view| course.resume(answer, view));
        }
        self.link.client.flush().await.map_err(|_| Left::Client)?;
        Ok(true)
    }

    /// How an execution of this text in the binary protocol is patched, if it is.
    pub(super) fn patch_of_execution(&self, text: &[u8]) -> Option<(Course, Patch)> {
        match self.course(text)? {
            (course, Step::Send { statement, patch: Some(patch) }) if statement == text => {
                Some((course, patch.of(Format::Binary)))
            }
            _ => None,
        }
    }

    fn course(&self, text: &[u8]) -> Option<(Course, Step)> {
        // With counters of nothing, to see whether it is any business of the surface.
        let globals = self.shared.globals();
        let view = View {
            native: self.native(),
            mode: self.session.mode(),
            globals: &globals,
            locals: &self.locals,
            status: &menshen_sql_core::surface::Status::default(),
            after_hit: false,
            accounts: menshen_sql_core::surface::Accounts::default(),
        };
        look(text, &view)?;
        self.viewed(|view| look(text, view))
    }

    fn native(&self) -> Native {
        use menshen_sql_core::lexer::{Dialect, Server};
        match self.session.server() {
            Server { dialect: Dialect::Mysql, version: 80_000.. } => Native::Removed,
            Server { .. } => Native::Known,
        }
    }

    fn viewed<T>(&self, with: impl FnOnce(&View<'_>) -> T) -> T {
        let shared = &self.shared;
        let status = status(&shared.cache, &shared.counters, self.thread(), self.session_hits);
        let snapshot = shared.by_account.snapshot();
        with(&View {
            native: self.native(),
            mode: self.session.mode(),
            globals: &shared.globals(),
            locals: &self.locals,
            status: &status,
            after_hit: !self.ghost.is_empty(),
            accounts: snapshot.view(&shared.control_user),
        })
    }

    fn take_effect(&mut self, effect: Effect) {
        if effect == Effect::FlushStatus {
            self.session_hits = 0;
        }
        let (shared, thread) = (&self.shared, self.link.tally.1);
        let (cache, counters, accounts) = (&shared.cache, &shared.counters, &shared.by_account);
        let locals = &mut self.locals;
        shared.change_globals(|globals| {
            apply(effect, cache, counters, accounts, thread, globals, locals);
        });
    }

    fn write_table(&mut self, table: &Table) {
        let now = Status(self.session.status());
        table.write(self.link.client.output(), self.link.entered.client, now);
    }

    /// A statement in the client's place, its rows patched on the way.
    async fn send_for_client(
        &mut self,
        statement: &[u8],
        patch: Option<Patch>,
    ) -> Result<Ended, Left> {
        let asked = Asked::Text(statement);
        let mut plan = self.plan(Planned { text: statement, asked, binding: None });
        plan.patch = patch;
        if plan.patch.is_some() {
            plan.keeping = None;
        }
        if plan.intent.diagnostics {
            self.replay().await?;
        }
        let mut bytes = Vec::with_capacity(statement.len() + 8);
        build::command(command::QUERY, statement, &mut bytes);
        self.exchange(&bytes, Rest::NOTHING, Reply::Results, plan).await
    }

    /// A question of the surface to the server.
    async fn ask_own(&mut self, statement: &[u8]) -> Result<Answer, Left> {
        let (answer, bytes) = self.own_whole(command::QUERY, statement, Reply::Results).await?;
        let capabilities = self.link.entered.server;
        if !answer.ok {
            let last = packet::packets(&bytes).last();
            return Ok(Answer::Err(last.map(|it| it.payload.to_vec()).unwrap_or_default()));
        }
        Ok(one_row(&bytes, answer.facts.columns, capabilities).unwrap_or(Answer::Ok))
    }
}

/// The one row of a reply, with the types of its columns.
fn one_row(bytes: &[u8], columns: u64, capabilities: Capabilities) -> Option<Answer> {
    let count = usize::try_from(columns).ok().filter(|count| *count > 0)?;
    let mut packets = packet::packets(bytes).skip(1);
    let mut types = Vec::with_capacity(count);
    for _ in 0..count {
        types.push(Column::parse(packets.next()?.payload, capabilities).ok()?.kind);
    }
    if !capabilities.has(Capabilities::DEPRECATE_EOF) {
        packets.next()?;
    }
    let mut fields = Fields::new(packets.next()?.payload);
    let mut values = Vec::with_capacity(count);
    for _ in 0..count {
        values.push(fields.value().ok()?.map(<[u8]>::to_vec));
    }
    Some(Answer::Row { types, values })
}

/// A whole reply with its rows patched and its packets numbered anew.
pub(super) fn patched(bytes: &[u8], mut patch: Patch, capabilities: Capabilities) -> Vec<u8> {
    let all: Vec<_> = packet::packets(bytes).collect();
    let columns = all.first().and_then(|head| Fields::new(head.payload).int().ok());
    let columns = columns.and_then(|count| usize::try_from(count).ok()).unwrap_or(0);
    let eof = usize::from(!capabilities.has(Capabilities::DEPRECATE_EOF));
    let rows_from = columns.saturating_add(1 + eof);
    let mut out = Vec::with_capacity(bytes.len() + 256);
    let mut sequence = 1;
    let last = all.len().saturating_sub(1);
    // OK or ERR has no rows.
    let has_rows = columns > 0 && rows_from <= last;
    for (place, one) in all.iter().enumerate() {
        if has_rows && place == last && one.payload.first() != Some(&0xff) {
            for row in patch.end() {
                packet::push(&mut out, &mut sequence, &row);
            }
        }
        let changed = (has_rows && (rows_from..last).contains(&place))
            .then(|| patch.row(one.payload))
            .flatten();
        packet::push(&mut out, &mut sequence, changed.as_deref().unwrap_or(one.payload));
    }
    out
}
