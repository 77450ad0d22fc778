//! Before a command is sent, and before the last packet of its reply goes out: what becomes pending
//! and what becomes of it.
//!
//! The order at the end: definitions are read again while their slots are still pending (nobody
//! stores what depends on the old ones); the follower learns of the commit before its slots end, so
//! that it does not take its own event for a foreign one; then slots end; only then the client
//! hears. How it fails: the catalog cannot be read in time (the names are unknown to it from then
//! on, so nothing of them is cached), the catalog changed while a write ran (everything counts as
//! changed).

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use menshen_sql_core::session::{Settled, Turn};
use menshen_sql_core::statement::XaVerb;
use menshen_sql_core::versions::{Change, Slot};
use menshen_sql_core::wire::Status;
use menshen_sql_core::wire::response::Kind;

use super::Connection;
use super::exchange::Passing;
use super::plan::Plan;
use crate::cache::Invalidation;

impl Connection<'_> {
    /// Before the command is sent.
    pub(super) fn begin(&mut self, plan: &Plan) {
        let transaction = self.session.transaction_mut();
        if let Some(now) = plan.opens {
            transaction.take_snapshot(now);
        }
        if plan.intent.turn == (Turn::Begins { snapshot: true }) {
            transaction.take_snapshot(self.shared.versions.now());
        }
        let slots = transaction.begin(&plan.targets);
        self.writes.begin(&slots);
    }

    /// The last packet is there: what was kept is stored, if it is fit to be.
    pub(super) fn seal(&mut self, passing: &Passing, len: usize, kind: Kind, plan: &mut Plan) {
        let facts = passing.response.facts();
        if plan.opens.is_some() && facts.rows == 0 {
            self.session.transaction_mut().take_no_snapshot();
        }
        let Some(keeping) = plan.keeping.take() else { return };
        let bytes = self.link.server.bytes();
        let packet = bytes.get(passing.ready..passing.ready + len).unwrap_or_default();
        if let Err(reason) = keeping.seal(packet, kind, facts, self.link.entered.server) {
            self.shared.counters.refused(self.thread(), reason as usize);
        }
    }

    /// The reply has ended with this status word, or with ERR.
    pub(super) async fn settle(&mut self, plan: &mut Plan, status: Option<Status>) {
        if !plan.definitions.is_empty() {
            let scopes = std::mem::take(&mut plan.definitions);
            // Done or unknown: either way the catalog no longer believes what was.
            let _ = self.shared.foreign.keeper.refresh(scopes).await;
        } else if let Some(catalog) = &plan.catalog
            && !plan.targets.is_empty()
            && !self.shared.foreign.catalog.is_current(catalog)
        {
            self.shared.versions.bump(&[Slot::EVERYTHING]);
        }
        if plan.privileges {
            self.shared.versions.bump_epoch();
        }
        if plan.resets
            && let Some(status) = status
        {
            let database = self.session.database().map(<[u8]>::to_vec);
            self.begin_anew(database.as_deref(), status);
            return;
        }
        let was_locked = self.session.is_locked();
        let mut settled = self.session.settle(&plan.intent, status.map(|status| status.0));
        if let (Some(name), true) = (&plan.uses, status.is_some()) {
            self.session.schema(name);
        }
        self.settle_locks(plan, was_locked, status.is_some());
        self.settle_xa(plan, &settled, status.is_some());
        self.tell(plan, &settled);
        if plan.delayed {
            self.writes.delay(std::mem::take(&mut settled.happened));
        }
        self.writes.apply(&settled);
        if plan.intent.changes_role() {
            self.forget_account();
        }
    }

    /// Tables locked for writing: with `query_cache_wlock_invalidate` they count as written from
    /// lock to unlock; without, the server forgets them at the unlock, and so does the door.
    fn settle_locks(&mut self, plan: &Plan, was_locked: bool, ok: bool) {
        if was_locked && (!self.session.is_locked() || !plan.locks.is_empty()) {
            let slots = self.session.transaction_mut().unlock();
            self.writes.end(&slots, Change::Happened);
            self.shared.versions.bump(&std::mem::take(&mut self.locked));
        }
        if !ok || plan.locks.is_empty() {
            return;
        }
        if !self.locals.wlock_invalidate {
            self.locked.clone_from(&plan.locks);
            return;
        }
        let slots = self.session.transaction_mut().lock(&plan.locks);
        self.writes.begin(&slots);
        // What is stored goes at once, as in the server.
        self.shared.versions.bump(&slots);
    }

    fn settle_xa(&self, plan: &Plan, settled: &Settled, ok: bool) {
        let Some((verb, xid)) = plan.xa.as_ref().filter(|_| ok) else { return };
        match verb {
            XaVerb::Prepare => self.shared.parked.park(xid, &settled.parked),
            XaVerb::Commit | XaVerb::Rollback => {
                let change =
                    if *verb == XaVerb::Commit { Change::Happened } else { Change::Nothing };
                match self.shared.parked.take(xid) {
                    Some(slots) => self.shared.versions.end(&slots, change),
                    // Prepared past this door, or before it was there.
                    None if *verb == XaVerb::Commit => {
                        self.shared.versions.bump(&[Slot::EVERYTHING]);
                    }
                    None => {}
                }
            }
            _ => {}
        }
    }

    /// Tells the follower of an own commit, and people who ask what changed a table.
    fn tell(&self, plan: &Plan, settled: &Settled) {
        if settled.happened.is_empty() && settled.bumped.is_empty() {
            return;
        }
        if !plan.gtid.is_empty() {
            let changed = [settled.happened.as_slice(), &settled.bumped].concat();
            self.shared.foreign.follower.own_commit(&plan.gtid, &changed);
        }
        let entered = &self.link.entered;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let noted = Arc::new(Invalidation {
            table: String::new(),
            by: String::from_utf8_lossy(&plan.digest).into_owned(),
            who: format!(
                "{} (connection {})",
                String::from_utf8_lossy(&entered.user),
                entered.greeting.thread_id
            ),
            unix_ms: u64::try_from(now.as_millis()).unwrap_or(u64::MAX),
        });
        for slot in settled.happened.iter().chain(&settled.bumped) {
            self.shared.cache.note_change(*slot, Arc::clone(&noted));
        }
    }
}
