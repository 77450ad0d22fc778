//! One writer's desk: appending under the lock, flushing, completing. Everything here may block
//! but [`Desk::push`], which writes into the page cache.

use std::sync::Arc;

use super::commit::{CLAIM_WAIT, Failed, Plan};
use super::disk::{File, Locking};
use super::pair::{Pair, feed, write_all};
use super::slot::Tail;
use crate::digest::Running;
use crate::record::Order;
use crate::writer::{Push, Start};
use crate::{Error, Record, Stage};

/// A writer of one upload.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) pair: Pair,
    data: Arc<dyn File>,
    epoch: u64,
    /// As it is durable.
    record: Record,
    /// Where this writer's bytes that are not durable begin.
    start: u64,
    position: u64,
    /// The end of its segment.
    end: Option<u64>,
    /// A length that was said and is not durable.
    length: Option<u64>,
    /// CRC-32 of what is not durable; `None`: of some of it, it is not known.
    crc: Option<crc32fast::Hasher>,
    /// Digests of the whole, if all of it came through here.
    running: Option<Running>,
    reserved: u64,
    /// Up to here the system was asked to write to the disk.
    writing: u64,
    keep_free: u64,
    /// Why it is of no use any more.
    lost: Option<Error>,
}

/// What is claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Claim {
    Stream,
    Segment { start: u64, end: u64 },
}

impl Desk {
    /// The writer of an upload that was made just now.
    pub(crate) fn new(
        pair: Pair,
        record: Record,
        epoch: u64,
        keep_free: u64,
    ) -> Result<Self, Error> {
        let running = (!record.promises.is_empty() && record.order == Order::Stream)
            .then(|| Running::of(&record.promises));
        let mut desk = Self::at(pair, record, epoch, 0, keep_free)?;
        desk.running = running;
        desk.crc = Some(crc32fast::Hasher::new());
        Ok(desk)
    }

    fn at(
        pair: Pair,
        record: Record,
        epoch: u64,
        position: u64,
        keep_free: u64,
    ) -> Result<Self, Error> {
        let data = Arc::clone(pair.data()?);
        let start = record.offset;
        // Who makes an upload of segments claims each of them afterwards.
        let end = (record.order == Order::Segments).then_some(0);
        let (length, crc, running, lost) = (None, None, None, None);
        let (reserved, writing) = (position, position);
        Ok(Self {
            pair,
            data,
            epoch,
            record,
            start,
            position,
            end,
            length,
            crc,
            running,
            reserved,
            writing,
            keep_free,
            lost,
        })
    }

    /// Takes over.
    pub(crate) fn claim(pair: Pair, claim: Claim, keep_free: u64) -> Result<Self, Error> {
        let mut held = pair.hold()?;
        crate::step!(ClaimLocked);
        let mut record = held.record()?;
        may_claim(&record, claim)?;
        let data = Arc::clone(pair.data()?);
        // The mark of a living writer; the collector holds it alone for a moment.
        if !data.try_lock(Locking::Shared).map_err(Error::from_errno)? {
            return Err(Error::Unavailable { retry_after_s: 1 });
        }
        let (from, to) = match claim {
            Claim::Stream => (0, u64::MAX),
            Claim::Segment { start, end } => (start, end),
        };
        let epoch = held.cell.admit(from, to);
        held.write_cell()?;
        crate::step!(ClaimFenced);
        if let Claim::Segment { start, end } = claim {
            drop(held);
            let mut desk = Self::at(pair, record, epoch, start, keep_free)?;
            desk.start = start;
            desk.end = Some(end);
            return Ok(desk);
        }
        if held.cell.in_flight != 0 {
            // Its flush may still arrive, and then it counts.
            drop(held);
            held = pair.settled(Some(epoch), CLAIM_WAIT)?;
            if !held.cell.lets(epoch) {
                return Err(Error::Fenced);
            }
            record = held.record()?;
            may_claim(&record, claim)?;
        }
        let position = data.size().map_err(Error::from_errno)?;
        if position < record.offset {
            return Err(Error::Storage);
        }
        drop(held);
        let fresh = position == record.offset;
        let mut desk = Self::at(pair, record, epoch, position, keep_free)?;
        desk.crc = fresh.then(crc32fast::Hasher::new);
        Ok(desk)
    }

    pub(crate) const fn record(&self) -> &Record {
        &self.record
    }

    pub(crate) const fn position(&self) -> u64 {
        self.position
    }

    /// See [`crate::Writer::start`].
    pub(crate) fn start(&mut self, offset: u64) -> Result<Start, Error> {
        let durable = self.record.offset;
        if self.record.order == Order::Stream && (durable..self.position).contains(&offset) {
            self.cut(offset)?;
        }
        if offset == self.position {
            return Ok(Start::At(offset));
        }
        self.flush().map(Start::Elsewhere)
    }

    /// See [`crate::Writer::set_length`].
    pub(crate) fn set_length(&mut self, length: u64) -> Result<(), Error> {
        let said = self.record.length.or(self.length);
        if said.is_some_and(|said| said != length) || length < self.position {
            return Err(Error::Length);
        }
        if said.is_none() {
            if self.record.largest.is_some_and(|largest| length > largest) {
                return Err(Error::TooLong);
            }
            self.length = Some(length);
        }
        Ok(())
    }

    /// See [`crate::Writer::push`].
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<Push, Error> {
        self.usable()?;
        if bytes.is_empty() {
            return Ok(Push::Taken);
        }
        let end = self.position.checked_add(bytes.len() as u64).ok_or(Error::TooLong)?;
        if end > self.bound() {
            return Err(Error::TooLong);
        }
        self.reserve(end)?;
        let Some(held) = self.pair.try_hold()? else { return Ok(Push::Wait) };
        crate::step!(PushLocked);
        if !held.cell.lets(self.epoch) {
            let error = if held.cell.removed { Error::Gone } else { Error::Fenced };
            drop(held);
            self.lost = Some(error.clone());
            return Err(error);
        }
        let written = write_all(&*self.data, bytes, self.position);
        crate::step!(PushWritten);
        if written.is_err() && self.record.order == Order::Stream {
            // A part may be there; the next push writes over it, or a claim finds it: it is what
            // the client sent.
            let _ = self.data.cut(self.position);
        }
        drop(held);
        written?;
        crate::step!(PushDone);
        self.position = end;
        self.begin_writing();
        if let Some(crc) = &mut self.crc {
            crc.update(bytes);
        }
        if let Some(running) = &mut self.running {
            running.update(bytes);
        }
        Ok(Push::Taken)
    }

    /// What came goes to the disk while more comes, so that a flush waits for the last of it only.
    fn begin_writing(&mut self) {
        let (from, bytes) = (self.writing, self.position.saturating_sub(self.writing));
        if bytes < WRITE_OUT_BYTES {
            return;
        }
        self.writing = self.position;
        // It may wait for a busy disk.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let data = Arc::clone(&self.data);
            runtime.spawn_blocking(move || data.begin_writing(from, bytes));
        }
    }

    /// See [`crate::Writer::cut`].
    pub(crate) fn cut(&mut self, position: u64) -> Result<(), Error> {
        self.usable()?;
        if position == self.position {
            return Ok(());
        }
        if !(self.start..self.position).contains(&position) {
            return Err(Error::Offset { durable: self.start });
        }
        let held = self.pair.hold()?;
        if !held.cell.lets(self.epoch) {
            self.lost = Some(Error::Fenced);
            return Err(Error::Fenced);
        }
        if self.record.order == Order::Stream {
            self.data.cut(position).map_err(Error::from_errno)?;
        }
        crate::step!(ClaimCut);
        drop(held);
        self.position = position;
        self.reserved = position;
        self.writing = position;
        self.running = None;
        self.crc = (position == self.start).then(crc32fast::Hasher::new);
        Ok(())
    }

    /// The whole is the file: nothing may be behind it, nor blocks that were reserved.
    fn trim(&mut self) -> Result<(), Error> {
        let size = self.data.size().map_err(Error::from_errno)?;
        if size < self.position {
            return Err(Error::Storage);
        }
        if size == self.position && self.reserved <= size {
            return Ok(());
        }
        let held = self.pair.hold()?;
        if !held.cell.lets(self.epoch) {
            drop(held);
            self.lost = Some(Error::Fenced);
            return Err(Error::Fenced);
        }
        self.data.cut(self.position).map_err(Error::from_errno)?;
        drop(held);
        self.reserved = self.position;
        Ok(())
    }

    /// See [`crate::Writer::flush`].
    pub(crate) fn flush(&mut self) -> Result<u64, Error> {
        self.usable()?;
        if self.position > self.start || self.length.is_some() {
            self.commit(&Stage::Receiving)?;
        }
        Ok(self.record.offset)
    }

    /// See [`crate::Writer::complete`].
    pub(crate) fn complete(&mut self) -> Result<Record, Error> {
        self.usable()?;
        if self.record.order == Order::Segments {
            self.flush()?;
            if Some(self.record.offset) != self.record.length {
                return Err(Error::Incomplete);
            }
        } else {
            let length = self.record.length.or(self.length).unwrap_or(self.position);
            self.length = Some(length);
            if length != self.position {
                self.flush()?;
                return Err(Error::Incomplete);
            }
        }
        if !self.promises_kept()? {
            self.flush()?;
            return Err(Error::Digest);
        }
        self.trim()?;
        crate::step!(CompleteChecked);
        self.commit(&Stage::Whole)?;
        Ok(self.record.clone())
    }

    fn commit(&mut self, stage: &Stage) -> Result<(), Error> {
        let (start, position, length) = (self.start, self.position, self.length);
        let plan = match (&self.crc, self.record.order) {
            _ if position == start => Plan::Record,
            (_, Order::Segments) => {
                // Others' records may be on their way; this data waits for none of them.
                if let Err(error) = self.data.sync() {
                    self.stand_at(start);
                    return Err(Error::from_errno(error));
                }
                Plan::Record
            }
            (Some(crc), _) if position - start <= CHECKED_BYTES_MAX => {
                Plan::Together(Tail { start, crc: crc.clone().finalize() })
            }
            _ => Plan::DataFirst,
        };
        let committed = self.pair.commit(Some(self.epoch), plan, |record| {
            match record.order {
                Order::Stream => record.offset = position,
                Order::Segments => {
                    if !record.spans.insert(start, position) {
                        return Err(Error::Segments);
                    }
                    record.offset = record.spans.prefix();
                }
            }
            record.length = record.length.or(length);
            record.stage = stage.clone();
            Ok(())
        });
        match committed {
            Ok(record) => {
                self.record = record;
                self.start = position;
                self.length = None;
                self.crc = Some(crc32fast::Hasher::new());
                Ok(())
            }
            Err(Failed::Before(Error::Fenced)) => {
                self.lost = Some(Error::Fenced);
                Err(Error::Fenced)
            }
            Err(Failed::Before(error)) => Err(error),
            Err(Failed::TakenBack(error)) => {
                self.stand_at(start);
                Err(error)
            }
            Err(Failed::Broken(error)) => {
                self.lost = Some(error.clone());
                Err(error)
            }
        }
    }

    /// After a failed flush: what was not durable is cut off.
    fn stand_at(&mut self, position: u64) {
        self.position = position;
        self.reserved = position;
        self.writing = position;
        self.crc = Some(crc32fast::Hasher::new());
        self.running = None;
    }

    fn promises_kept(&mut self) -> Result<bool, Error> {
        let mut running = match self.running.take() {
            Some(running) => return Ok(running.kept()),
            None if self.record.promises.is_empty() => return Ok(true),
            None => Running::of(&self.record.promises),
        };
        feed(&*self.data, 0..self.position, |part| running.update(part))?;
        Ok(running.kept())
    }

    fn usable(&self) -> Result<(), Error> {
        self.lost.clone().map_or(Ok(()), Err)
    }

    fn bound(&self) -> u64 {
        let length = self.record.length.or(self.length);
        length.or(self.record.largest).unwrap_or(u64::MAX).min(self.end.unwrap_or(u64::MAX))
    }

    /// Reserves blocks up to `end` and some more.
    fn reserve(&mut self, end: u64) -> Result<(), Error> {
        if end <= self.reserved {
            return Ok(());
        }
        let step = match (self.record.source, self.bound()) {
            (1.., _) => RESERVE_STEP_STRANGER,
            (0, u64::MAX) => RESERVE_STEP,
            (0, _) => RESERVE_STEP_KNOWN,
        };
        let until = end.saturating_add(step).min(self.bound());
        if self.pair.folder.bytes_free() < (end - self.position).saturating_add(self.keep_free) {
            return Err(Error::Full);
        }
        // The step is a wish; the bytes themselves are needed.
        if self.data.reserve(self.position, until - self.position).is_err() {
            let needed = end - self.position;
            self.data.reserve(self.position, needed).map_err(Error::from_errno)?;
            self.reserved = end;
            return Ok(());
        }
        self.reserved = until;
        Ok(())
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        // Tidiness: a writer that stays in the cell is fenced by the next one.
        if let Ok(Some(mut held)) = self.pair.try_hold()
            && held.cell.lets(self.epoch)
        {
            held.cell.dismiss(self.epoch);
            let _ = held.write_cell();
        }
    }
}

fn may_claim(record: &Record, claim: Claim) -> Result<(), Error> {
    if record.is_complete() {
        return Err(Error::Complete);
    }
    match (claim, record.order) {
        (Claim::Stream, Order::Stream) => Ok(()),
        (Claim::Segment { start, end }, Order::Segments) => {
            if start > end || record.spans.overlaps(start, end) {
                return Err(Error::Segments);
            }
            let fits = record.length.is_some_and(|length| end <= length);
            fits.then_some(()).ok_or(Error::TooLong)
        }
        _ => Err(Error::Segments),
    }
}

/// Larger pieces are flushed before their record: they would take long to read after a loss of
/// power.
const CHECKED_BYTES_MAX: u64 = 64 << 20;
/// What is reserved for strangers whether or not it comes.
const RESERVE_STEP_STRANGER: u64 = 1 << 20;
const RESERVE_STEP: u64 = 16 << 20;
const WRITE_OUT_BYTES: u64 = 1 << 20;
const RESERVE_STEP_KNOWN: u64 = 1 << 30;
