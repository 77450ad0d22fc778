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
        let may_open = self.session.is_open() || plan.intent.turn != Turn::Goes;
        let transaction = self.session.transaction_mut();
        if may_open {
            transaction.sends(self.shared.versions.now());
        }
        let slots = transaction.begin(&plan.targets);
        self.writes.begin(&slots);
        for (target, name) in plan.targets.iter().zip(&plan.names) {
            self.began.insert(target.slot, (name.clone(), digest_text(&plan.digest)));
        }
    }

    /// The last packet is there: what was kept is stored, if it is fit to be.
    pub(super) fn seal(&mut self, passing: &Passing, len: usize, kind: Kind, plan: &mut Plan) {
        let facts = passing.response.facts();
        if (plan.opens && facts.rows > 0) || plan.intent.turn == (Turn::Begins { snapshot: true }) {
            self.opened();
        }
        let Some(keeping) = plan.keeping.take() else { return };
        let bytes = self.link.server.bytes();
        let packet = bytes.get(passing.ready..passing.ready + len).unwrap_or_default();
        if let Err(reason) = keeping.seal(packet, kind, facts, self.link.entered.server) {
            self.gave_up(reason);
        }
    }

    /// The reply proves that the server has taken the transaction's snapshot.
    fn opened(&mut self) {
        let now = self.shared.versions.now();
        self.session.transaction_mut().proves_snapshot(now);
        if std::mem::take(&mut self.confirms) {
            self.shared.foreign.follower.want(now);
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
            self.shared.bump(self.thread(), &[Slot::EVERYTHING]);
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
        let decided = self.settle_xa(plan, &settled, status.is_some());
        self.tell(plan, &settled, &decided);
        if plan.delayed {
            self.writes.delay(std::mem::take(&mut settled.happened));
        }
        self.count(&settled);
        self.writes.apply(&settled);
        if let Some((slots, change)) = decided {
            if change == Change::Happened {
                self.shared.count_changes(self.thread(), slots.len());
            }
            self.shared.versions.end(&slots, change);
        }
        if self.writes.is_empty() {
            self.began.clear();
        }
        if plan.intent.changes_role() {
            self.forget_account();
        }
    }

    /// Tables locked for writing: with `query_cache_wlock_invalidate` they count as written from
    /// lock to unlock; without, the server forgets them at the unlock, and so does the door.
    fn settle_locks(&mut self, plan: &Plan, was_locked: bool, ok: bool) {
        if was_locked && (!self.session.is_locked() || !plan.locks.is_empty()) {
            let slots = self.session.transaction_mut().unlock();
            self.shared.count_changes(self.thread(), slots.len());
            self.writes.end(&slots, Change::Happened);
            let locked = std::mem::take(&mut self.locked);
            self.shared.bump(self.thread(), &locked);
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
        self.shared.bump(self.thread(), &slots);
    }

    /// What an XA decision ends: slots that were parked, and how.
    fn settle_xa(&self, plan: &Plan, settled: &Settled, ok: bool) -> Option<(Vec<Slot>, Change)> {
        let (verb, xid) = plan.xa.as_ref().filter(|_| ok)?;
        let change = match verb {
            XaVerb::Commit => Change::Happened,
            XaVerb::Rollback => Change::Nothing,
            _ => {
                self.shared.parked.park(xid, &settled.parked);
                return None;
            }
        };
        let parked = self.shared.parked.take(xid);
        if parked.is_none() && *verb == XaVerb::Commit {
            // Prepared past this door, or before it was there.
            self.shared.bump(self.thread(), &[Slot::EVERYTHING]);
        }
        parked.map(|slots| (slots, change))
    }

    /// Tells the follower of an own commit, and people who ask what changed a table.
    fn tell(&self, plan: &Plan, settled: &Settled, decided: &Option<(Vec<Slot>, Change)>) {
        let decided = decided.as_ref().map_or(&[][..], |(slots, _)| slots);
        let Settled { happened, bumped, parked, .. } = settled;
        let changed = [happened.as_slice(), bumped, decided].concat();
        if !plan.gtid.is_empty() {
            // Rows of an XA transaction are logged when it is prepared.
            let logged = [changed.as_slice(), parked].concat();
            if !logged.is_empty() {
                self.shared.foreign.follower.own_commit(&plan.gtid, &logged);
            }
        }
        if changed.is_empty() {
            return;
        }
        let entered = &self.link.entered;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let who = format!(
            "{} (connection {})",
            String::from_utf8_lossy(&entered.user),
            entered.greeting.thread_id
        );
        let unix_ms = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        for slot in &changed {
            // A COMMIT names no table: the statement that wrote is what people ask for.
            let began = self.began.get(slot).cloned();
            let (table, by) = began.unwrap_or_else(|| (String::new(), digest_text(&plan.digest)));
            let noted = Invalidation { table, by, who: who.clone(), unix_ms };
            self.shared.cache.note_change(*slot, Arc::new(noted));
        }
    }

    /// Counts what `settled` is about to change.
    pub(super) fn count(&self, settled: &Settled) {
        let changed = settled.happened.len() + settled.bumped.len();
        self.shared.count_changes(self.thread(), changed);
    }
}

fn digest_text(digest: &[u8]) -> String {
    match digest {
        b"" => "a statement that was not read".to_owned(),
        digest => String::from_utf8_lossy(digest).into_owned(),
    }
}
