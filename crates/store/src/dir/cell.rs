//! The cell: the first block of a record's file, for those who run now.
//!
//! It says who may write, which record counts, and which one is on its way to the disk. It is read
//! and written under the file's lock and never flushed: it lives in the page cache, which all
//! processes share and which forgets it when the power fails. So it has the boot it belongs to, and
//! one of another boot says nothing.

/// The cell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Cell {
    /// The boot it is of.
    pub(crate) boot: [u8; 16],
    /// Number of the record that counts: flushed, and its data too. 0: none yet.
    pub(crate) confirmed: u64,
    /// The newest number given to a record.
    pub(crate) number: u64,
    /// Number of the record that is being flushed; 0: none.
    pub(crate) in_flight: u64,
    /// The process that flushes it.
    pub(crate) in_flight_by: u32,
    /// The newest epoch given out.
    pub(crate) epoch: u64,
    /// The upload is being removed.
    pub(crate) removed: bool,
    /// Who may write, and where.
    pub(crate) writers: Vec<Entry>,
}

/// A writer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) epoch: u64,
    pub(crate) start: u64,
    pub(crate) end: u64,
}

impl Cell {
    /// Reads the cell of this boot; `None` when it is of another, or none.
    pub(crate) fn decode(bytes: &[u8], boot: [u8; 16]) -> Option<Self> {
        let mut from = Take(bytes);
        if from.take::<8>()? != *MAGIC || from.take::<16>()? != boot {
            return None;
        }
        let (confirmed, number, in_flight) = (from.u64()?, from.u64()?, from.u64()?);
        let (in_flight_by, count) = (from.u32()?, from.u32()?);
        let (epoch, removed) = (from.u64()?, from.u64()? != 0);
        if count > WRITERS_MAX {
            return None;
        }
        let entry = |_| Some(Entry { epoch: from.u64()?, start: from.u64()?, end: from.u64()? });
        let writers = (0..count).map(entry).collect::<Option<_>>()?;
        Some(Self { boot, confirmed, number, in_flight, in_flight_by, epoch, removed, writers })
    }

    /// The bytes; at most [`CELL_BYTES`].
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(CELL_BYTES);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&self.boot);
        bytes.extend_from_slice(&self.confirmed.to_le_bytes());
        bytes.extend_from_slice(&self.number.to_le_bytes());
        bytes.extend_from_slice(&self.in_flight.to_le_bytes());
        bytes.extend_from_slice(&self.in_flight_by.to_le_bytes());
        let count = u32::try_from(self.writers.len()).unwrap_or(0);
        bytes.extend_from_slice(&count.to_le_bytes());
        bytes.extend_from_slice(&self.epoch.to_le_bytes());
        bytes.extend_from_slice(&u64::from(self.removed).to_le_bytes());
        for entry in &self.writers {
            for number in [entry.epoch, entry.start, entry.end] {
                bytes.extend_from_slice(&number.to_le_bytes());
            }
        }
        bytes
    }

    /// Whether the writer of `epoch` may write.
    pub(crate) fn lets(&self, epoch: u64) -> bool {
        !self.removed && self.writers.iter().any(|entry| entry.epoch == epoch)
    }

    /// Lets a new writer write `start..end`; those who would overlap no longer may. Returns its
    /// epoch.
    pub(crate) fn admit(&mut self, start: u64, end: u64) -> u64 {
        self.writers.retain(|one| one.end <= start || end <= one.start);
        if self.writers.len() >= WRITERS_MAX as usize {
            // The oldest is most likely dead.
            self.writers.remove(0);
        }
        self.epoch += 1;
        self.writers.push(Entry { epoch: self.epoch, start, end });
        self.epoch
    }

    /// The next number of a record: one whose slot is not that of the record that counts.
    pub(crate) fn next_number(&mut self) -> u64 {
        let other = (self.confirmed + 1) % 2;
        self.number += if (self.number + 1) % 2 == other { 1 } else { 2 };
        self.number
    }

    /// The writer of `epoch` is done.
    pub(crate) fn dismiss(&mut self, epoch: u64) {
        self.writers.retain(|one| one.epoch != epoch);
    }
}

/// Numbers from the front of bytes.
pub(crate) struct Take<'b>(pub(crate) &'b [u8]);

impl Take<'_> {
    pub(crate) fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*taken)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }
}

/// Bytes that are read for a cell.
pub(crate) const CELL_BYTES: usize = 72 + 24 * WRITERS_MAX as usize;
/// Writers of segments at once; the oldest makes room.
const WRITERS_MAX: u32 = 32;
const MAGIC: &[u8; 8] = b"mnshcel1";

#[cfg(test)]
mod tests;
