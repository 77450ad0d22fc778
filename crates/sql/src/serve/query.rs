//! `COM_QUERY`: from the cache, by the surface, or by the server.

use std::sync::Arc;

use menshen_sql_core::judge::CacheType;
use menshen_sql_core::session::{Change, Effective, Protocol, Serving};
use menshen_sql_core::statement::{Kind, read};
use menshen_sql_core::surface::stripped;
use menshen_sql_core::wire::Reply;

use super::Connection;
use super::exchange::Rest;
use super::hit::Asked;
use super::plan::{Plan, Planned};
use crate::relay::Left;

impl Connection<'_> {
    /// A statement that is there whole.
    pub(super) async fn query(&mut self, text: &[u8], bytes: &[u8]) -> Result<(), Left> {
        let mut compared = None;
        if may_be_cached(text) {
            if self.session.serving() == Serving::Ask {
                self.track().await?;
            }
            if self.locals.strip_comments {
                compared = stripped(text, self.session.mode());
            }
            let asked = Asked::Text(compared.as_deref().unwrap_or(text));
            if !self.session.has_temporary() && self.answered(asked, bytes).await? {
                return Ok(());
            }
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
        let _ = self.key_number(Protocol::Text);
        let plan = match self.effective(text) {
            None => self.plan(Planned { text, asked: Asked::Text(compared), binding: None }),
            Some(Effective::Text(whole)) if !self.is_kept(text) => {
                let mut plan =
                    self.plan(Planned { text: &whole, asked: Asked::Text(&whole), binding: None });
                plan.keeping = None;
                plan
            }
            Some(Effective::Text(whole)) => {
                let asked = Asked::Text(&whole);
                if self.session.serving() == Serving::Ask {
                    self.track().await?;
                }
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
        self.note_prepared(&plan);
        self.forward(bytes, Rest::NOTHING, Reply::Results, plan).await
    }

    /// Notes whether the cache was on when a statement was prepared: as in the server, it is asked
    /// for those alone.
    fn note_prepared(&mut self, plan: &Plan) {
        for change in &plan.intent.changes {
            if let Change::Prepared { name, .. } = change {
                self.by_text.retain(|(other, _)| other != name);
                let catalog = self.shared.foreign.catalog.load();
                if self.by_text.len() < PREPARED_MAX {
                    self.by_text.push((name.clone(), self.is_on().then_some(catalog)));
                }
            }
        }
    }

    /// Whether the text of an `EXECUTE` was prepared while the cache was on. Executed while it is
    /// off and after definitions have changed, it is prepared anew by the server, without it.
    fn is_kept(&mut self, text: &[u8]) -> bool {
        let Kind::Execute { name, .. } = read(text, self.session.mode()).kind else { return true };
        let (on, catalog) = (self.is_on(), self.shared.foreign.catalog.load());
        let name = name.bytes();
        let noted = self.by_text.iter_mut().find(|(other, _)| **other == *name);
        let Some((_, under)) = noted else { return false };
        if !on && under.as_ref().is_some_and(|under| !Arc::ptr_eq(under, &catalog)) {
            *under = None;
        }
        under.is_some()
    }

    fn is_on(&self) -> bool {
        self.locals.cache_type != CacheType::Off
            && !self.shared.is_off()
            && self.shared.cache.size() > 0
    }

    /// An execution whose values are not known: what it writes is, but its reply is not stored.
    fn plan_shape(&mut self, shape: &[u8]) -> Plan {
        let mut plan = self.plan(Planned { text: shape, asked: Asked::Text(shape), binding: None });
        plan.keeping = None;
        plan
    }
}

/// The first letter that is no blank, as the query cache's own check begins.
pub(super) fn may_be_cached(text: &[u8]) -> bool {
    let first = text.iter().find(|byte| !byte.is_ascii_whitespace());
    matches!(first, Some(b's' | b'S' | b'w' | b'W' | b'(' | b'/' | b'-' | b'#'))
}

/// Statements prepared by text that are noted; those beyond are not cached.
const PREPARED_MAX: usize = 256;
