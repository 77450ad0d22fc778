//! The two files of an upload: opening, locking, and finding the record that counts.
//!
//! In one boot the cell says which record counts. After a loss of power it is found out: the
//! newest record that is whole and whose data is there as it says; the data is then cut to it.

use std::ops::Range;
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::io::Errno;

use super::cell::{CELL_BYTES, Cell};
use super::disk::{File, Folder, Locking};
use super::slot::{HEADER_BYTES, SLOTS, Slot, Tail};
use crate::record::Order;
use crate::{Error, Id, Record, Stage};

/// The files of an upload, opened for one user of them.
#[derive(Debug, Clone)]
pub(crate) struct Pair {
    pub(crate) folder: Arc<dyn Folder>,
    pub(crate) id: Id,
    pub(crate) record: Arc<dyn File>,
    /// `None`: it has left the folder, or its answer was kept.
    pub(crate) data: Option<Arc<dyn File>>,
}

/// The lock of a record's file, with the cell as it was when it was taken.
#[derive(Debug)]
pub(crate) struct Held<'p> {
    pub(crate) pair: &'p Pair,
    pub(crate) cell: Cell,
}

impl Pair {
    /// Opens an upload's files.
    pub(crate) fn open(folder: &Arc<dyn Folder>, id: Id) -> Result<Self, Error> {
        let record = folder.open(&record_name(&id)).map_err(Error::from_errno)?;
        let data = match folder.open(&data_name(&id)) {
            Ok(data) => Some(data),
            Err(Errno::NOENT) => None,
            Err(error) => return Err(Error::from_errno(error)),
        };
        Ok(Self { folder: Arc::clone(folder), id, record, data })
    }

    /// The data's file.
    pub(crate) fn data(&self) -> Result<&Arc<dyn File>, Error> {
        self.data.as_ref().ok_or(Error::Gone)
    }

    /// Takes the lock and finds the record that counts, after a loss of power too.
    pub(crate) fn hold(&self) -> Result<Held<'_>, Error> {
        self.lock()?;
        let mut held = Held { pair: self, cell: Cell::default() };
        match self.read_cell()? {
            Some(cell) => held.cell = cell,
            None => held.recover()?,
        }
        if held.cell.removed || held.cell.confirmed == 0 {
            return Err(Error::Gone);
        }
        Ok(held)
    }

    /// Takes the lock at once, or not at all; what the cell says is for the caller to judge.
    pub(crate) fn try_hold(&self) -> Result<Option<Held<'_>>, Error> {
        if !self.record.try_lock(Locking::Exclusive).map_err(Error::from_errno)? {
            return Ok(None);
        }
        let mut held = Held { pair: self, cell: Cell::default() };
        held.cell = self.read_cell()?.ok_or(Error::Storage)?;
        Ok(Some(held))
    }

    fn lock(&self) -> Result<(), Error> {
        let begun = Instant::now();
        while !self.record.try_lock(Locking::Exclusive).map_err(Error::from_errno)? {
            if begun.elapsed() > LOCK_WAIT {
                return Err(Error::Unavailable { retry_after_s: 1 });
            }
            sleep(LOCK_PAUSE);
        }
        Ok(())
    }

    fn read_cell(&self) -> Result<Option<Cell>, Error> {
        let mut bytes = [0; CELL_BYTES];
        let there = read_all(&*self.record, &mut bytes, 0)?;
        Ok(Cell::decode(bytes.get(..there).unwrap_or_default(), self.folder.boot()))
    }

    /// The record in the slot of `number`, whichever it is; `None` when there is no whole one.
    pub(crate) fn read_slot(&self, number: u64) -> Result<Option<Slot>, Error> {
        let at = slot_at(number);
        let mut bytes = vec![0; HEADER_BYTES];
        if read_all(&*self.record, &mut bytes, at)? < HEADER_BYTES {
            return Ok(None);
        }
        let Some(rest) = Slot::rest(&bytes) else { return Ok(None) };
        bytes.resize(HEADER_BYTES + rest, 0);
        let read = read_all(
            &*self.record,
            bytes.get_mut(HEADER_BYTES..).unwrap_or_default(),
            at + HEADER_BYTES as u64,
        )?;
        Ok(if read == rest { Slot::decode(&bytes) } else { None })
    }

    /// Cuts the data to `size`, and has what of it shares a block with what is cut written anew: a
    /// flush that failed may have spoilt that block on the disk though it looks well from here.
    pub(crate) fn cut_data(&self, size: u64) -> Result<(), Error> {
        let data = self.data()?;
        data.cut(size).map_err(Error::from_errno)?;
        let start = size / BLOCK * BLOCK;
        let mut block = vec![0; usize::try_from(size - start).unwrap_or(0)];
        if read_all(&**data, &mut block, start)? < block.len() {
            return Err(Error::Storage);
        }
        write_all(&**data, &block, start)
    }
}

impl Held<'_> {
    /// The record that counts.
    pub(crate) fn record(&self) -> Result<Record, Error> {
        let slot = self.pair.read_slot(self.cell.confirmed)?.ok_or(Error::Storage)?;
        (slot.number == self.cell.confirmed).then_some(slot.record).ok_or(Error::Storage)
    }

    /// Writes the cell; it lives in the page cache and is not flushed.
    pub(crate) fn write_cell(&self) -> Result<(), Error> {
        write_all(&*self.pair.record, &self.cell.encode(), 0)
    }

    /// The first look in this boot.
    fn recover(&mut self) -> Result<(), Error> {
        crate::step!(RecoverRead);
        let pair = self.pair;
        let mut found: Vec<Slot> = Vec::new();
        for number in [0, 1] {
            found.extend(pair.read_slot(number)?);
        }
        found.sort_by_key(|slot| slot.number);
        let newest = found.last().map_or(0, |slot| slot.number);
        let mut lost = false;
        let chosen = loop {
            // Half made: the creation was never acknowledged.
            let Some(slot) = found.pop() else {
                return Err(if lost { Error::Storage } else { Error::Gone });
            };
            if pair.bears_out(&slot)? {
                break slot;
            }
            lost = true;
        };
        if let (Some(data), false) = (&pair.data, is_done(&chosen.record)) {
            let end = match chosen.record.order {
                Order::Stream => chosen.record.offset,
                Order::Segments => chosen.record.spans.end(),
            };
            data.cut(end).map_err(Error::from_errno)?;
            crate::step!(RecoverCut);
            data.sync().map_err(Error::from_errno)?;
        }
        pair.record.sync().map_err(Error::from_errno)?;
        crate::step!(RecoverFlushed);
        self.cell = Cell {
            boot: pair.folder.boot(),
            confirmed: chosen.number,
            number: newest,
            epoch: chosen.record.epoch,
            ..Cell::default()
        };
        self.write_cell()
    }
}

impl Pair {
    /// Whether the data is as a record says.
    fn bears_out(&self, slot: &Slot) -> Result<bool, Error> {
        if is_done(&slot.record) {
            return Ok(true);
        }
        // Removed, but the record's name came back.
        let Some(data) = &self.data else { return Err(Error::Gone) };
        if data.size().map_err(Error::from_errno)? < slot.record.offset.max(slot.record.spans.end())
        {
            return Ok(false);
        }
        let Some(Tail { start, crc }) = slot.tail else { return Ok(true) };
        let mut hasher = crc32fast::Hasher::new();
        feed(&**data, start..slot.record.offset, |part| hasher.update(part))?;
        Ok(hasher.finalize() == crc)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.pair.record.unlock();
    }
}

/// Whether the data may have left the folder.
const fn is_done(record: &Record) -> bool {
    matches!(record.stage, Stage::Delivering { .. } | Stage::Answered(_))
}

/// Where the record of a number is in the file.
pub(crate) const fn slot_at(number: u64) -> u64 {
    if number.is_multiple_of(2) { SLOTS[0] } else { SLOTS[1] }
}

/// Reads until the end or all; returns how many.
pub(crate) fn read_all(file: &dyn File, mut bytes: &mut [u8], at: u64) -> Result<usize, Error> {
    let mut there = 0;
    while !bytes.is_empty() {
        let read = file.read_at(bytes, at + there as u64).map_err(Error::from_errno)?;
        if read == 0 {
            break;
        }
        there += read;
        bytes = bytes.get_mut(read..).unwrap_or_default();
    }
    Ok(there)
}

/// Shows these bytes to `to`, in pieces.
pub(crate) fn feed(
    file: &dyn File,
    bytes: Range<u64>,
    mut to: impl FnMut(&[u8]),
) -> Result<(), Error> {
    let (mut at, mut buffer) = (bytes.start, vec![0; BUFFER]);
    while at < bytes.end {
        let room = usize::try_from(bytes.end - at).unwrap_or(BUFFER).min(BUFFER);
        let part = buffer.get_mut(..room).unwrap_or_default();
        if read_all(file, part, at)? < room {
            return Err(Error::Storage);
        }
        to(part);
        at += room as u64;
    }
    Ok(())
}

/// Writes all.
pub(crate) fn write_all(file: &dyn File, mut bytes: &[u8], mut at: u64) -> Result<(), Error> {
    while !bytes.is_empty() {
        match file.write_at(bytes, at).map_err(Error::from_errno)? {
            0 => return Err(Error::Storage),
            written => {
                at += written as u64;
                bytes = bytes.get(written..).unwrap_or_default();
            }
        }
    }
    Ok(())
}

/// `ID.record`.
pub(crate) fn record_name(id: &Id) -> String {
    format!("{id}{RECORD}")
}

/// `ID.data`.
pub(crate) fn data_name(id: &Id) -> String {
    format!("{id}{DATA}")
}

/// The id of a name that ends so.
pub(crate) fn id_of(name: &str, ending: &str) -> Option<Id> {
    Id::parse(name.strip_suffix(ending)?).ok()
}

/// How names of records end.
pub(crate) const RECORD: &str = ".record";
/// How names of data end.
pub(crate) const DATA: &str = ".data";
const LOCK_WAIT: Duration = Duration::from_secs(2);
const LOCK_PAUSE: Duration = Duration::from_millis(1);
const BLOCK: u64 = 4096;
const BUFFER: usize = 256 << 10;
