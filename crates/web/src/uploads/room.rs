//! Room that uploads hold in the quotas of the folders they are for: taken when one is made, given
//! back when it is gone, and counted anew from the records themselves now and then.
//!
//! An upload of unknown length takes room when it is whole; it waits then as long as there is none.
//! How it fails: `crate::quota`.

use std::rc::Rc;
use std::sync::Arc;

use menshen_store::{Destination, Record, Stage, Store};

use super::Scope;
use super::append::Way;
use super::publish::held_by;
use super::said::Said;
use crate::door::Door;
use crate::quota::Sum;
use crate::quota::count::Which;
use crate::reply::Reply;

impl Way {
    /// Takes room for a new upload, and writes down with it what was taken.
    pub(super) async fn take_room(
        &self,
        door: &Rc<Door>,
        record: &mut Record,
    ) -> Result<(), Reply> {
        let (Some(quotas), Some(length)) = (door.shared.spool.quotas(), record.length) else {
            return Ok(());
        };
        let Destination::File { path, .. } = &record.destination else { return Ok(()) };
        let (quotas, path) = (Arc::clone(quotas), path.clone());
        let take = move || quotas.upload_made(&path, Sum::file(length));
        let taken = tokio::task::spawn_blocking(take).await;
        let taken = taken.unwrap_or(Err(crate::fault::Fault::Storage));
        taken.map_err(|fault| self.fault(door, fault))?;
        let mut said = Said::of(record);
        said.held = Some(length);
        record.metadata = said.json();
        Ok(())
    }
}

impl Door {
    /// An upload is gone: so is what it held.
    pub(super) async fn give_room_back(&self, record: &Record) {
        let (Some(quotas), Destination::File { path, .. }) =
            (self.shared.spool.quotas(), &record.destination)
        else {
            return;
        };
        let held = held_by(record);
        if held != Sum::default() && !matches!(record.stage, Stage::Answered(_)) {
            let (quotas, path) = (Arc::clone(quotas), path.clone());
            let give = move || quotas.upload_gone(&path, held);
            let _ = tokio::task::spawn_blocking(give).await;
        }
    }

    /// Counts what rests in folders with quotas, all of them or where that is due.
    pub(crate) async fn count_quotas(self: &Rc<Self>, which: Which) {
        let Some(quotas) = self.shared.spool.quotas().map(Arc::clone) else { return };
        // None were made where there is no store.
        let has = self.shared.root.has_folder(super::FOLDER);
        let store = if has { self.store(&Scope::Files).await.ok() } else { None };
        let runtime = tokio::runtime::Handle::current();
        let uploads = move || {
            let Some(store) = &store else { return (!has).then(Vec::new) };
            // Quotas are of folders: with a bucket there are none.
            let Store::Dir(dir) = store else { return None };
            let all = runtime.block_on(dir.unfinished()).ok()?;
            let held = all.iter().filter_map(|record| match &record.destination {
                Destination::File { path, .. } => Some((path.clone(), held_by(record))),
                _ => None,
            });
            Some(held.collect())
        };
        let count = move || quotas.count(which, &uploads);
        let _ = tokio::task::spawn_blocking(count).await;
    }
}
