//! Making uploads: room is found and reserved, both files are made, and only when all is flushed
//! does the upload exist. What is left of a half-made one is collected.

use std::sync::Arc;

use super::cell::Cell;
use super::commit::{Failed, Plan};
use super::desk::Desk;
use super::disk::{File, Locking};
use super::pair::{Pair, data_name, feed, record_name, slot_at, write_all};
use super::slot::{SLOTS, Slot};
use super::{Inner, room};
use crate::digest::Running;
use crate::record::Order;
use crate::{Error, Id, Record, Spans, Stage};

impl Inner {
    /// See [`crate::Store::create`].
    pub(crate) fn create(&self, record: Record) -> Result<Desk, Error> {
        let record = Record { offset: 0, stage: Stage::Receiving, ..record };
        let (pair, record) = self.make(record, |_| Ok(()))?;
        Desk::new(pair, record, FIRST_EPOCH, self.limits.keep_free_bytes)
    }

    /// See [`crate::Store::concat`].
    pub(crate) fn concat(&self, parts: &[Id], record: Record) -> Result<(Pair, Record), Error> {
        let mut sources = Vec::with_capacity(parts.len());
        let mut length: u64 = 0;
        for part in parts {
            let pair = Pair::open(&self.folder, *part)?;
            let of_part = pair.hold()?.record()?;
            if !of_part.is_complete() {
                return Err(Error::Incomplete);
            }
            length = length.checked_add(of_part.offset).ok_or(Error::TooLong)?;
            sources.push((Arc::clone(pair.data()?), of_part.offset));
        }
        if record.length.is_some_and(|said| said != length) {
            return Err(Error::Length);
        }
        if record.largest.is_some_and(|largest| length > largest) {
            return Err(Error::TooLong);
        }
        let whole = Record {
            order: Order::Stream,
            length: Some(length),
            offset: length,
            stage: Stage::Whole,
            ..record
        };
        let promises = whole.promises.clone();
        self.make(whole, |data| {
            let mut at = 0;
            for (source, bytes) in &sources {
                let copied = data.copy_from(&**source, at, *bytes).map_err(Error::from_errno)?;
                if copied != *bytes {
                    return Err(Error::Storage);
                }
                at += bytes;
            }
            crate::step!(ConcatCopied);
            let kept = promises.is_empty() || {
                let mut running = Running::of(&promises);
                feed(data, 0..length, |part| running.update(part))?;
                running.kept()
            };
            kept.then_some(()).ok_or(Error::Digest)
        })
    }

    /// Makes the files of an upload; `fill` writes what of the data is there from the start.
    fn make(
        &self,
        record: Record,
        fill: impl FnOnce(&dyn File) -> Result<(), Error>,
    ) -> Result<(Pair, Record), Error> {
        let record = Record { spans: Spans::new(), attempts: 0, epoch: FIRST_EPOCH, ..record };
        record.check()?;
        crate::step!(CreateBegun);
        let pair = self.make_files(&record)?;
        let made = Self::make_durable(&pair, &record, fill);
        if made.is_err() {
            // Names first to go are those that make it an upload.
            let _ = self.folder.unlink(&record_name(&record.id));
            let _ = self.folder.unlink(&data_name(&record.id));
        }
        made.map(|()| (pair, record))
    }

    fn make_files(&self, record: &Record) -> Result<Pair, Error> {
        // Two who make uploads at once must see each other's, or the limits are none.
        let _lock = room::lock(&*self.folder)?;
        self.check_room(record)?;
        let file = self.folder.make(&record_name(&record.id)).map_err(Error::from_errno)?;
        crate::step!(CreateRecordMade);
        let made = self.folder.make(&data_name(&record.id)).map_err(Error::from_errno);
        let data = match made {
            Ok(data) => data,
            Err(error) => {
                let _ = self.folder.unlink(&record_name(&record.id));
                return Err(error);
            }
        };
        crate::step!(CreateDataMade);
        let folder = Arc::clone(&self.folder);
        let pair = Pair { folder, id: record.id, record: file, data: Some(data) };
        Self::reserve(&pair, record).inspect_err(|_| {
            let _ = self.folder.unlink(&record_name(&record.id));
            let _ = self.folder.unlink(&data_name(&record.id));
        })?;
        Ok(pair)
    }

    fn reserve(pair: &Pair, record: &Record) -> Result<(), Error> {
        // A stranger pays for room with bytes.
        let promised = record.length.filter(|_| record.source == 0);
        let first = promised.unwrap_or(0).min(RESERVE_FIRST);
        if first >= RESERVE_MIN {
            pair.data()?.reserve(0, first).map_err(Error::from_errno)?;
        }
        // Records to come must not fail on a full disk, and to write over blocks that were written
        // is cheaper to flush than to fill reserved ones.
        for at in SLOTS {
            write_all(&*pair.record, &[0; RESERVE_RECORD], at)?;
        }
        crate::step!(CreateReserved);
        Ok(())
    }

    fn make_durable(
        pair: &Pair,
        record: &Record,
        fill: impl FnOnce(&dyn File) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let data = pair.data()?;
        // Nobody else has it open: this is the mark of a living writer.
        data.try_lock(Locking::Shared).map_err(Error::from_errno)?;
        fill(&**data)?;
        let slot = Slot { number: 1, tail: None, record: record.clone() };
        let bytes = slot.encode().ok_or(Error::TooLarge { what: "record" })?;
        let mut cell = Cell { boot: pair.folder.boot(), number: 1, ..Cell::default() };
        // Not confirmed: to others it is not there yet.
        write_all(&*pair.record, &cell.encode(), 0)?;
        write_all(&*pair.record, &bytes, slot_at(1))?;
        crate::step!(CreateWritten);
        pair.folder.sync_both(&*pair.record, &**data).map_err(Error::from_errno)?;
        crate::step!(CreateFilesFlushed);
        pair.folder.sync().map_err(Error::from_errno)?;
        crate::step!(CreateNamesFlushed);
        cell.confirmed = 1;
        cell.admit(0, if record.order == Order::Stream { u64::MAX } else { 0 });
        write_all(&*pair.record, &cell.encode(), 0)?;
        crate::step!(CreateDone);
        Ok(())
    }
}

impl Pair {
    /// Commits a change that is not a writer's.
    pub(crate) fn amend(
        &self,
        change: impl FnMut(&mut Record) -> Result<(), Error>,
    ) -> Result<Record, Error> {
        self.commit(None, Plan::Record, change).map_err(Failed::error)
    }
}

const FIRST_EPOCH: u64 = 1;
/// Smaller ones are left to the file system.
const RESERVE_MIN: u64 = 128 << 10;
/// The rest of a larger one is reserved as it comes.
const RESERVE_FIRST: u64 = 1 << 30;
const RESERVE_RECORD: usize = 8 << 10;
