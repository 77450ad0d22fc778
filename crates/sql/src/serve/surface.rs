//! Statements about the cache itself, answered with the server's help.
//!
//! `sql_core::surface` decides; here its steps are taken on the session's own link, one after
//! another, as if the client had sent what the server is asked. A reply whose rows change is held
//! whole before it is passed on, up to [`HELD_MAX`]. What fails on the link ends the session, as it
//! does for every other command.

use std::time::Instant;

use menshen_sql_core::lexer::Dialect;
use menshen_sql_core::surface::{
    Answer, Concern, Format, Native, Patch, Plan as Surface, Step, View, concern, look,
};
use menshen_sql_core::wire::column::{Column, row};
use menshen_sql_core::wire::packet::{self, HEADER_BYTES};
use menshen_sql_core::wire::response::Kind;
use menshen_sql_core::wire::{
    Capabilities, Next, Reply, Response, Status, build, build::Builder, command,
};

use super::Connection;
use super::exchange::Rest;
use super::hit::Asked;
use super::plan::{Plan, Planned};
use crate::relay::{Left, more};
use crate::surface::{Table, apply, status};

/// A whole reply, its packets' payloads.
struct Held {
    packets: Vec<Vec<u8>>,
    ok: bool,
}

impl Connection<'_> {
    /// Answers a statement about the cache; whether it was one.
    pub(super) async fn surfaced(&mut self, text: &[u8]) -> Result<bool, Left> {
        let concern = concern(text);
        if concern == Concern::Nothing {
            return Ok(false);
        }
        let Some((mut surface, mut step)) = self.with_view(concern, |view| look(text, view)) else {
            return Ok(false);
        };
        loop {
            let answer = match step {
                Step::Ask(statement) => self.asked(&statement).await?,
                Step::Send { statement, patch: None } => {
                    let ok = self.sent(&statement).await?;
                    Answer::Relayed { ok }
                }
                Step::Send { statement, patch: Some(patch) } => {
                    let ok = self.patched(&statement, patch).await?;
                    Answer::Relayed { ok }
                }
                Step::Done(effects) => {
                    self.apply(&effects);
                    return Ok(true);
                }
                Step::Refuse(payload) => {
                    self.answer(|out, capabilities, _| {
                        Builder::new(out, capabilities, 1).packet(&payload);
                    })
                    .await?;
                    return Ok(true);
                }
                Step::Explain(statement) => {
                    let report = self.explain(&statement);
                    let table = Table::explained(&report);
                    self.answer(|out, capabilities, status| table.write(out, capabilities, status))
                        .await?;
                    return Ok(true);
                }
                Step::Top => {
                    let table = Table::top(&self.shared.cache);
                    self.answer(|out, capabilities, status| table.write(out, capabilities, status))
                        .await?;
                    return Ok(true);
                }
            };
            step = self.resumed(&mut surface, answer, concern);
        }
    }

    fn resumed(&self, surface: &mut Surface, answer: Answer, concern: Concern) -> Step {
        self.with_view(concern, |view| surface.resume(answer, view))
    }

    fn with_view<T>(&self, concern: Concern, then: impl FnOnce(&View<'_>) -> T) -> T {
        let shared = &self.shared;
        // Counters are exact, which costs a look at every entry.
        let counters = match concern {
            Concern::Counters => {
                status(&shared.cache, &shared.counters, self.thread(), self.hits)
            }
            _ => Default::default(),
        };
        let accounts = shared.hits.snapshot();
        let server = self.session.server();
        let removed = server.dialect == Dialect::Mysql && server.version >= 80_000;
        then(&View {
            native: if removed { Native::Removed } else { Native::Known },
            mode: self.session.mode(),
            globals: &shared.globals(),
            locals: &self.locals,
            status: &counters,
            after_hit: !self.ghost.is_empty(),
            accounts: accounts.view(&shared.control_user),
        })
    }

    fn apply(&mut self, effects: &[menshen_sql_core::surface::Effect]) {
        let shared = std::sync::Arc::clone(&self.shared);
        let thread = self.thread();
        for effect in effects {
            if *effect == menshen_sql_core::surface::Effect::FlushStatus {
                self.hits = 0;
            }
            let locals = &mut self.locals;
            shared.change_globals(|globals| {
                apply(
                    *effect,
                    &shared.cache,
                    &shared.counters,
                    &shared.hits,
                    thread,
                    globals,
                    locals,
                );
            });
        }
    }

    /// A statement of the door's own whose one row is wanted.
    async fn asked(&mut self, statement: &[u8]) -> Result<Answer, Left> {
        let held = self.held(statement).await?;
        let capabilities = self.link.entered.server;
        let Some(first) = held.packets.first() else { return Ok(Answer::Ok) };
        if !held.ok {
            return Ok(Answer::Err(held.packets.last().cloned().unwrap_or_default()));
        }
        if first.first() == Some(&0) {
            return Ok(Answer::Ok);
        }
        let columns = usize::from(first.first().copied().unwrap_or(0));
        let types = held.packets.iter().skip(1).take(columns);
        let types = types.map(|one| Column::parse(one, capabilities).map_or(0, |it| it.kind));
        let rows = 1 + columns + usize::from(!capabilities.has(Capabilities::DEPRECATE_EOF));
        let values = held.packets.get(rows).filter(|_| rows + 1 < held.packets.len());
        let values = values.map_or_else(Vec::new, |one| {
            row(one).map(|value| value.map(<[u8]>::to_vec)).collect()
        });
        Ok(Answer::Row { types: types.collect(), values })
    }

    /// A statement in place of the client's; its reply goes to the client.
    async fn sent(&mut self, statement: &[u8]) -> Result<bool, Left> {
        let mut bytes = Vec::with_capacity(statement.len() + HEADER_BYTES + 1);
        build::command(command::QUERY, statement, &mut bytes);
        // Raising a condition is nothing to tables, nor to the session.
        let plan = if statement.starts_with(b"SIGNAL ") {
            Plan::nothing()
        } else {
            self.plan(Planned { text: statement, asked: Asked::Text(statement), binding: None })
        };
        if plan.intent.diagnostics {
            self.replay().await?;
        }
        let ended = self.exchange(&bytes, Rest::NOTHING, Reply::Results, plan).await?;
        Ok(ended.status.is_some())
    }

    /// A statement whose rows change on their way.
    async fn patched(&mut self, statement: &[u8], patch: Patch) -> Result<bool, Left> {
        let held = self.held(statement).await?;
        self.ghost.clear();
        let capabilities = self.link.entered.client;
        let with_eof = !capabilities.has(Capabilities::DEPRECATE_EOF);
        let columns = held.packets.first().and_then(|first| first.first().copied());
        let columns = columns.filter(|count| (1..=8).contains(count) && held.ok);
        let rows = 1 + usize::from(columns.unwrap_or(0)) + usize::from(with_eof);
        let mut patch = patch.of(Format::Text);
        let ok = held.ok;
        self.answer(move |out, _, _| {
            let mut builder = Builder::new(out, capabilities, 1);
            let last = held.packets.len().saturating_sub(1);
            for (number, payload) in held.packets.iter().enumerate() {
                if columns.is_none() || number < rows {
                    builder.packet(payload);
                } else if number < last {
                    match patch.row(payload) {
                        Some(changed) => builder.packet(&changed),
                        None => builder.packet(payload),
                    }
                } else {
                    for added in patch.end() {
                        builder.packet(&added);
                    }
                    builder.packet(payload);
                }
            }
        })
        .await?;
        Ok(ok)
    }

    /// Writes a reply of the door's own.
    async fn answer(
        &mut self,
        write: impl FnOnce(&mut Vec<u8>, Capabilities, Status),
    ) -> Result<(), Left> {
        let status = Status(self.session.status());
        let mut out = Vec::new();
        write(&mut out, self.link.entered.client, status);
        self.link.client.output().extend_from_slice(&out);
        self.link.client.flush().await.map_err(|_| Left::Client)
    }

    /// Sends a statement of the door's own and holds its reply, without what the client has not
    /// asked to be tracked.
    async fn held(&mut self, statement: &[u8]) -> Result<Held, Left> {
        let mut bytes = Vec::with_capacity(statement.len() + HEADER_BYTES + 1);
        build::command(command::QUERY, statement, &mut bytes);
        self.used = Instant::now();
        self.link.server.send(&bytes).await.map_err(|_| Left::Server)?;
        let (client, server) = (self.link.entered.client, self.link.entered.server);
        let mut response = Response::new(Reply::Results, server);
        let (mut reply, mut ok, mut over) = (Vec::new(), true, false);
        while !over {
            let seen = response.feed(self.link.server.bytes());
            let passed = self.link.server.bytes().get(..seen.pass).unwrap_or_default();
            reply.extend_from_slice(passed);
            self.link.server.consume(seen.pass);
            match seen.next {
                _ if reply.len() > HELD_MAX => return Err(Left::Server),
                Next::Read { want } => {
                    while self.link.server.bytes().len() < want {
                        more(&mut self.link.client, &mut self.link.server).await?;
                    }
                }
                Next::Status { len, kind, status, last } => {
                    self.hear(0, len, kind, &mut Plan::nothing());
                    ok &= kind != Kind::Err;
                    let packet = self.link.server.bytes().get(..len).unwrap_or_default();
                    if crate::relay::hides(client, kind, status) {
                        reply.extend(crate::relay::without_tracking(packet, client, server));
                    } else {
                        reply.extend_from_slice(packet);
                    }
                    self.link.server.consume(len);
                    over = last;
                }
                Next::End => over = true,
                Next::File | Next::Auth { .. } | Next::Raw | Next::Broken(_) => {
                    return Err(Left::Server);
                }
            }
        }
        let packets = packet::packets(&reply).map(|one| one.payload.to_vec()).collect();
        Ok(Held { packets, ok })
    }
}

/// The longest reply that is held, bytes: lists of variables and counters have some 100 KiB.
const HELD_MAX: usize = 16 << 20;
