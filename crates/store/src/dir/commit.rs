//! A next record: written, flushed, and only then the one that counts.
//!
//! One at a time is on its way, and the cell says which, so that whoever finds it there after a
//! crash knows that it was never acknowledged, and wipes it before anything else is written. A
//! flush that failed is never tried again on the same pages: the system may have marked them clean.
//! The record is wiped, the data cut to what is durable.

use std::thread::sleep;
use std::time::{Duration, Instant};

use super::pair::{Held, Pair, slot_at, write_all};
use super::slot::{HEADER_BYTES, Slot, Tail};
use crate::record::Order;
use crate::{Error, Record, Stage};

/// A change that did not become durable.
#[derive(Debug)]
pub(crate) enum Failed {
    /// Nothing was done.
    Before(Error),
    /// The upload stands at what is durable; what was behind it of a stream is cut off.
    TakenBack(Error),
    /// It could not be taken back; the next claim will try.
    Broken(Error),
}

/// What is flushed with the record.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Plan {
    /// Data and record at once; after a loss of power the tail tells whether both arrived.
    Together(Tail),
    /// The data, then the record.
    DataFirst,
    /// Only the record.
    Record,
}

impl Pair {
    /// Makes `change` of the record that counts durable. `writer` is the epoch that must still be
    /// allowed to write, if any; `Err(Fenced)` when it is not, and then nothing is acknowledged.
    pub(crate) fn commit(
        &self,
        writer: Option<u64>,
        plan: Plan,
        change: impl FnMut(&mut Record) -> Result<(), Error>,
    ) -> Result<Record, Failed> {
        crate::step!(FlushBegun);
        let (held, slot, bytes) = self.announced(writer, plan, change).map_err(Failed::Before)?;
        let number = slot.number;
        let flushed = match plan {
            Plan::DataFirst => {
                drop(held);
                self.data_then_record(number, &bytes)
            }
            Plan::Together(_) | Plan::Record => {
                let written = write_all(&*self.record, &bytes, slot_at(number));
                drop(held);
                crate::step!(FlushWritten);
                written.and_then(|()| self.flush(plan))
            }
        };
        if let Err(error) = flushed {
            self.void(number, writer).map_err(Failed::Broken)?;
            return Err(Failed::TakenBack(error));
        }
        crate::step!(FlushFlushed);
        self.confirm(number, writer).map_err(Failed::Broken)?;
        Ok(slot.record)
    }

    /// The next record with its bytes, and the cell saying that it is on its way.
    pub(super) fn announced(
        &self,
        writer: Option<u64>,
        plan: Plan,
        mut change: impl FnMut(&mut Record) -> Result<(), Error>,
    ) -> Result<(Held<'_>, Slot, Vec<u8>), Error> {
        let mut held = self.settled(writer, AMEND_WAIT)?;
        if writer.is_some_and(|epoch| !held.cell.lets(epoch)) {
            return Err(Error::Fenced);
        }
        let mut record = held.record()?;
        change(&mut record)?;
        record.epoch = held.cell.epoch;
        let number = held.cell.next_number();
        let tail = if let Plan::Together(tail) = plan { Some(tail) } else { None };
        let slot = Slot { number, tail, record };
        let bytes = slot.encode().ok_or(Error::TooLarge { what: "record" })?;
        held.cell.in_flight = number;
        held.cell.in_flight_by = self.folder.me();
        held.write_cell()?;
        crate::step!(FlushAnnounced);
        Ok((held, slot, bytes))
    }

    fn data_then_record(&self, number: u64, bytes: &[u8]) -> Result<(), Error> {
        self.data()?.sync().map_err(Error::from_errno)?;
        crate::step!(FlushDataFirst);
        let held = self.hold()?;
        if held.cell.in_flight != number {
            return Err(Error::Fenced);
        }
        write_all(&*self.record, bytes, slot_at(number))?;
        drop(held);
        crate::step!(FlushWritten);
        self.flush(Plan::Record)
    }

    fn flush(&self, plan: Plan) -> Result<(), Error> {
        match plan {
            Plan::Together(_) => self.folder.sync_both(&*self.record, &**self.data()?),
            Plan::DataFirst | Plan::Record => self.record.sync(),
        }
        .map_err(Error::from_errno)
    }

    /// From now on this record counts.
    pub(super) fn confirm(&self, number: u64, writer: Option<u64>) -> Result<(), Error> {
        let mut held = self.hold()?;
        // Somebody was tired of waiting and took it back.
        if held.cell.in_flight != number {
            return Err(Error::Fenced);
        }
        held.cell.confirmed = number;
        held.cell.in_flight = 0;
        held.write_cell()?;
        crate::step!(FlushConfirmed);
        // Durable, and the next writer finds it; but it is for that one to say so.
        match writer.is_some_and(|epoch| !held.cell.lets(epoch)) {
            true => Err(Error::Fenced),
            false => Ok(()),
        }
    }

    /// Takes the lock when no record is on its way; one that stays there too long, or whose process
    /// is gone, is taken back.
    pub(crate) fn settled(&self, keep: Option<u64>, wait: Duration) -> Result<Held<'_>, Error> {
        let begun = Instant::now();
        loop {
            let held = self.hold()?;
            let number = held.cell.in_flight;
            if number == 0 {
                return Ok(held);
            }
            let lives = self.folder.lives(held.cell.in_flight_by);
            drop(held);
            if lives && begun.elapsed() < wait {
                sleep(PAUSE);
            } else {
                self.void(number, keep)?;
            }
        }
    }

    /// Takes a record back that may or may not have arrived: it must not count after the next loss
    /// of power, when other bytes may be where it says its own are. Writers other than `keep` of a
    /// stream are fenced, since its data is cut.
    ///
    /// Holds the lock while it waits for the disk, which nothing else does. When the disk fails
    /// again, the record stays announced, and the upload cannot be written before that is mended.
    fn void(&self, number: u64, keep: Option<u64>) -> Result<(), Error> {
        let mut held = self.hold()?;
        if held.cell.in_flight != number {
            return Ok(());
        }
        crate::step!(VoidBegun);
        // Should this fail, nobody waits for it.
        held.cell.in_flight_by = 0;
        held.write_cell()?;
        write_all(&*self.record, &[0; HEADER_BYTES], slot_at(number))?;
        self.record.sync().map_err(Error::from_errno)?;
        crate::step!(VoidWiped);
        let record = held.record()?;
        if record.order == Order::Stream && record.stage == Stage::Receiving {
            self.cut_data(record.offset)?;
            self.data()?.sync().map_err(Error::from_errno)?;
            held.cell.writers.retain(|one| Some(one.epoch) == keep);
        }
        crate::step!(VoidCut);
        held.cell.in_flight = 0;
        held.write_cell()
    }
}

impl Failed {
    /// Why, whatever became of it.
    pub(crate) fn error(self) -> Error {
        match self {
            Self::Before(error) | Self::TakenBack(error) | Self::Broken(error) => error,
        }
    }
}

/// How long a claim waits for the flush of the writer it has fenced.
pub(crate) const CLAIM_WAIT: Duration = Duration::from_secs(2);
/// How long others wait for a flush before they take it for lost.
const AMEND_WAIT: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(1);
