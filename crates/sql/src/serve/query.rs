//! `COM_QUERY`: from the cache, by the surface, or by the server.

use menshen_sql_core::judge::CacheType;
use menshen_sql_core::lexer::Mode;
use menshen_sql_core::session::{Effective, Protocol, Serving};
use menshen_sql_core::statement::{Flag, read};
use menshen_sql_core::surface::{Native, stripped, without_keywords};
use menshen_sql_core::wire::{Command, Reply, build, command};

use super::Connection;
use super::exchange::Rest;
use super::explain::judged;
use super::hit::Asked;
use super::plan::{Plan, Planned};
use crate::link::HEADER_BYTES;
use crate::relay::Left;

impl Connection<'_> {
    /// A statement that is there whole.
    pub(super) async fn query(&mut self, text: &[u8], bytes: &[u8]) -> Result<(), Left> {
        let mut compared = None;
        if may_be_cached(text) {
            self.track_for(text).await?;
            if self.locals.strip_comments {
                compared = stripped(text, self.session.mode());
            }
            let asked = Asked::Text(compared.as_deref().unwrap_or(text));
            if !self.session.has_temporary() && self.answered(asked, bytes).await? {
                return Ok(());
            }
        }
        // What is known to be a read of tables is nothing else.
        let asked = Asked::Text(compared.as_deref().unwrap_or(text));
        if let Some(plan) = self.plan_known(Planned { text, asked, binding: None }) {
            let plain = self.plain(bytes, Rest::NOTHING);
            let sent = plain.as_deref().unwrap_or(bytes);
            return self.forward(sent, Rest::NOTHING, Reply::Results, plan).await;
        }
        if self.surfaced(text).await? {
            return Ok(());
        }
        self.ask_server(text, compared.as_deref().unwrap_or(text), bytes).await
    }

    /// A statement that the cache did not answer as it is; `compared` is what it is stored under.
    async fn ask_server(&mut self, text: &[u8], compared: &[u8], bytes: &[u8]) -> Result<(), Left> {
        // What is prepared or assigned now is of the session as it is now. Without room for another
        // state it has no number, and nothing of it is remembered.
        if begins_with_prepare(text) && self.session.serving() == Serving::Ask {
            self.track().await?;
        }
        let _ = self.key_number(Protocol::Text);
        let off = self.is_off();
        self.session.store(if off { CacheType::Off } else { self.locals.cache_type });
        let plan = match self.effective(text) {
            None => self.plan(Planned { text, asked: Asked::Text(compared), binding: None }),
            Some(Effective::Text(whole)) => {
                let asked = Asked::Text(&whole);
                self.track_for(&whole).await?;
                if !self.session.has_temporary() && self.answered(asked, bytes).await? {
                    return Ok(());
                }
                self.plan(Planned { text: &whole, asked, binding: None })
            }
            Some(Effective::Shape(shape)) => self.plan_shape(&shape),
            Some(Effective::Unknown) => Plan::unknown(),
        };
        if plan.intent.diagnostics {
            self.replay().await?;
        }
        let plain = self.plain(bytes, Rest::NOTHING);
        self.forward(plain.as_deref().unwrap_or(bytes), Rest::NOTHING, Reply::Results, plan).await
    }

    /// The command without `SQL_CACHE` and `SQL_NO_CACHE`, where the server knows them no more;
    /// `None`: as it is. What is not there whole is not changed.
    pub(super) fn plain(&self, bytes: &[u8], rest: Rest) -> Option<Vec<u8>> {
        if self.native() == Native::Known || rest != Rest::NOTHING {
            return None;
        }
        without_keywords_in(bytes, self.session.mode())
    }

    /// Has the server report the session's state anew, if that is wanted and the statement is one
    /// for the cache. Only then: reports clear what `SHOW WARNINGS` and the like would tell, which
    /// a SELECT for the cache clears too and never asks for.
    pub(super) async fn track_for(&mut self, text: &[u8]) -> Result<(), Left> {
        if self.session.serving() != Serving::Ask {
            return Ok(());
        }
        let statement = read(text, self.session.mode());
        let facts = self.session.facts(self.locals.cache_type);
        let catalog = self.shared.foreign.catalog.load();
        if statement.is(Flag::Several) || judged(&statement, &facts, &catalog).is_err() {
            return Ok(());
        }
        self.track().await
    }

    /// An execution whose values are not known: what it writes is, but its reply is not stored.
    fn plan_shape(&mut self, shape: &[u8]) -> Plan {
        let mut plan = self.plan(Planned { text: shape, asked: Asked::Text(shape), binding: None });
        plan.keeping = None;
        plan
    }
}

fn begins_with_prepare(text: &[u8]) -> bool {
    let head = text.trim_ascii_start().get(..7);
    head.is_some_and(|head| head.eq_ignore_ascii_case(b"prepare"))
}

/// A whole `COM_QUERY` or `COM_STMT_PREPARE` without the keywords; `None`: there are none in it.
fn without_keywords_in(bytes: &[u8], mode: Mode) -> Option<Vec<u8>> {
    let (code, text) = match Command::parse(bytes.get(HEADER_BYTES..)?) {
        Command::Query(text) => (command::QUERY, text),
        Command::Prepare(text) => (command::PREPARE, text),
        _ => return None,
    };
    let plain = without_keywords(text, mode)?;
    let mut out = Vec::with_capacity(plain.len() + 8);
    build::command(code, &plain, &mut out);
    Some(out)
}

/// The first letter that is no blank, as the query cache's own check begins.
pub(super) fn may_be_cached(text: &[u8]) -> bool {
    let first = text.iter().find(|byte| !byte.is_ascii_whitespace());
    matches!(first, Some(b's' | b'S' | b'w' | b'W' | b'(' | b'/' | b'-' | b'#'))
}

#[cfg(test)]
mod tests;
