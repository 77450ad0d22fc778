//! Looking, listing, removing, collecting.

use std::cmp::Reverse;
use std::collections::HashSet;

use super::Inner;
use super::disk::Locking;
use super::pair::{DATA, Pair, RECORD, data_name, id_of, record_name};
use crate::{Error, Id, Record, Stage};

/// Whether an upload is removed although it has not expired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    Always,
    ExpiredAt(u64),
}

impl Inner {
    /// See [`crate::Store::look`].
    pub(crate) fn look(&self, id: Id) -> Result<Record, Error> {
        let pair = Pair::open(&self.folder, id)?;
        let record = pair.hold()?.record()?;
        let gone = pair.data.is_none() && matches!(record.stage, Stage::Receiving | Stage::Whole);
        if gone { Err(Error::Gone) } else { Ok(record) }
    }

    /// See [`crate::Store::list`].
    pub(crate) fn list(&self, owner: [u8; 32]) -> Result<Vec<Record>, Error> {
        let names = self.folder.names().map_err(Error::from_errno)?;
        let mut found: Vec<Record> = names
            .iter()
            .filter_map(|name| id_of(name, RECORD))
            .filter_map(|id| self.look(id).ok())
            .filter(|record| record.owner == Some(owner))
            .collect();
        found.sort_by_key(|record| Reverse((record.created, record.id)));
        Ok(found)
    }

    /// See [`crate::Store::unfinished`].
    pub(crate) fn unfinished(&self) -> Result<Vec<Record>, Error> {
        let names = self.folder.names().map_err(Error::from_errno)?;
        let ids = names.iter().filter_map(|name| id_of(name, RECORD));
        let records = ids.filter_map(|id| self.look(id).ok());
        Ok(records.filter(|record| !matches!(record.stage, Stage::Answered(_))).collect())
    }

    /// See [`crate::Store::remove`].
    pub(crate) fn remove(&self, id: Id) -> Result<Record, Error> {
        self.remove_when(id, When::Always)?.ok_or(Error::Underway)
    }

    /// See [`crate::Store::collect`].
    pub(crate) fn collect(&self, now: u64) -> Result<usize, Error> {
        self.collect_told(now, &mut |_| {})
    }

    /// See [`crate::Store::collect_told`].
    pub(crate) fn collect_told(
        &self,
        now: u64,
        tell: &mut dyn FnMut(Record),
    ) -> Result<usize, Error> {
        let names = self.folder.names().map_err(Error::from_errno)?;
        let records: HashSet<Id> = names.iter().filter_map(|name| id_of(name, RECORD)).collect();
        let mut removed = 0;
        for &id in &records {
            removed += usize::from(self.collect_one(id, now, tell));
        }
        for id in names.iter().filter_map(|name| id_of(name, DATA)) {
            if !records.contains(&id) && self.is_old(&data_name(&id), now) {
                // A creation makes the record first; a removal ends with the data.
                let alone = !self.folder.has(&record_name(&id)).unwrap_or(true);
                removed += usize::from(alone && self.folder.unlink(&data_name(&id)).is_ok());
            }
        }
        Ok(removed)
    }

    /// Whether an upload, or what is left of one, was removed. Trouble with one is left to the next
    /// time and keeps nobody from the others.
    fn collect_one(&self, id: Id, now: u64, tell: &mut dyn FnMut(Record)) -> bool {
        match self.look(id) {
            Ok(record) if record.expires <= now => {
                let removed = self.remove_when(id, When::ExpiredAt(now)).unwrap_or(None);
                let one = removed.is_some();
                removed.into_iter().for_each(tell);
                one
            }
            Ok(Record { stage: Stage::Answered(_), .. }) => {
                // A process died between its answer and this.
                let _ = self.folder.unlink(&data_name(&id));
                false
            }
            Err(Error::Gone) if self.is_old(&record_name(&id), now) => {
                let gone = self.folder.unlink(&record_name(&id)).is_ok();
                let _ = self.folder.unlink(&data_name(&id));
                gone
            }
            _ => false,
        }
    }

    /// Removes an upload and tells what it was at that moment; `None` when somebody is at it.
    fn remove_when(&self, id: Id, when: When) -> Result<Option<Record>, Error> {
        let pair = Pair::open(&self.folder, id)?;
        let mut held = pair.hold()?;
        let record = held.record()?;
        if let Some(data) = &pair.data {
            let alone = data.try_lock(Locking::Exclusive).map_err(Error::from_errno)?;
            let delivered = matches!(record.stage, Stage::Delivering { .. });
            if !alone && (delivered || when != When::Always) {
                return Ok(None);
            }
        }
        if let When::ExpiredAt(now) = when
            && record.expires > now
        {
            return Ok(None);
        }
        held.cell.removed = true;
        held.cell.writers.clear();
        held.write_cell()?;
        crate::step!(RemoveMarked);
        self.folder.unlink(&record_name(&id)).map_err(Error::from_errno)?;
        crate::step!(RemoveRecordGone);
        if pair.data.is_some() {
            self.folder.unlink(&data_name(&id)).map_err(Error::from_errno)?;
        }
        crate::step!(RemoveDataGone);
        drop(held);
        self.folder.sync().map_err(Error::from_errno)?;
        Ok(Some(record))
    }

    fn is_old(&self, name: &str, now: u64) -> bool {
        self.folder.written_at(name).is_ok_and(|at| at.saturating_add(HALF_MADE_S) <= now)
    }
}

/// What is left half made for so long belongs to nobody, seconds.
const HALF_MADE_S: u64 = 3600;
