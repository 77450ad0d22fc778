//! What has been used of a counted link: one record of 512 bytes, judged and changed here, kept and
//! locked by the caller.
//!
//! Everything is taken before it is used and what was not used is given back, so a link never gives
//! more than it says, whatever is killed when; a killed worker's open answers stay counted whole.
//! A download is counted when it begins. Who began one may go on with it by requests for ranges,
//! from the same network, within [`RESUME_SECONDS`], and up to the file and what may have been lost
//! on the way: as much again, but [`SPARE_BYTES`] at most. So a count of `n` is never worth more
//! than `2n` files.
//!
//! How it fails: a record that is not whole is refused, since believing it empty would give a used
//! link its uses again; the [`BEGUN_MAX`] latest downloads are remembered, an older one that goes
//! on counts anew.

use alloc::vec::Vec;

/// How a link may be used in all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How often.
    pub count: Option<u32>,
    /// How many bytes.
    pub bytes: Option<u64>,
    /// Unix seconds after which nobody needs the record.
    pub expires: u64,
}

/// What is asked of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Want {
    /// A file or a part of it.
    Fetch {
        /// Who asks for which file; the same for the same.
        mark: [u8; 8],
        /// Whether a range was asked for.
        part: Part,
        /// Bytes of content it would send.
        bytes: u64,
        /// Bytes of the whole file.
        size: u64,
    },
    /// Room for files to come.
    Store {
        /// How many; `None`: not known yet, all that may still come.
        files: Option<u32>,
        /// Bytes of them all; `None`: not known yet.
        bytes: Option<u64>,
    },
}

/// What of a file is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// All of it: a new download.
    Whole,
    /// A range: maybe the rest of one that began.
    Range,
}

/// What was taken for a use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// Uses; 0 for one that goes on.
    pub count: u32,
    /// Bytes; counted for links without a budget as well.
    pub bytes: u64,
    mark: Option<[u8; 8]>,
}

impl Taken {
    /// What was taken to store so much, as whoever wrote it down finds it again.
    #[must_use]
    pub const fn to_store(count: u32, bytes: u64) -> Self {
        Self { count, bytes, mark: None }
    }
}

/// What a link has no more of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spent {
    /// It was used as often as it may be.
    Count,
    /// All its bytes are used, or held by uses that last.
    Bytes,
    /// There are fewer bytes left than this use needs.
    TooLarge {
        /// How many are left.
        left: u64,
    },
}

/// The record is not what [`Tally::write`] wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Broken;

/// What was used of one link.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tally {
    /// Unix seconds of [`Limits::expires`].
    pub expires: u64,
    /// Uses so far.
    pub count: u32,
    /// Bytes so far, those taken for uses that last included.
    pub bytes: u64,
    /// The latest last.
    begun: Vec<Begun>,
}

/// A download that may go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Begun {
    mark: [u8; 8],
    at: u64,
    left: u64,
}

impl Tally {
    /// Reads a record; an empty one is that of a link never used.
    ///
    /// # Errors
    /// [`Broken`].
    pub fn read(record: &[u8]) -> Result<Self, Broken> {
        if record.is_empty() || (record.len() == RECORD_BYTES && record.iter().all(|&b| b == 0)) {
            return Ok(Self::default());
        }
        let (body, check) = record.split_last_chunk::<8>().ok_or(Broken)?;
        let framed = record.len() == RECORD_BYTES && body.starts_with(MAGIC);
        if !framed || u64::from_be_bytes(*check) != sum(body) {
            return Err(Broken);
        }
        let word = |at: usize| {
            let bytes = body.get(at..at + 8).and_then(|bytes| bytes.try_into().ok());
            bytes.map(u64::from_be_bytes).ok_or(Broken)
        };
        let mut tally = Self {
            expires: word(8)?,
            count: u32::try_from(word(16)?).map_err(|_| Broken)?,
            bytes: word(24)?,
            begun: Vec::new(),
        };
        for place in 0..BEGUN_MAX {
            let at = HEAD_BYTES + place * BEGUN_BYTES;
            let begun =
                Begun { mark: word(at)?.to_be_bytes(), at: word(at + 8)?, left: word(at + 16)? };
            if begun.at != 0 {
                tally.begun.push(begun);
            }
        }
        Ok(tally)
    }

    /// The record.
    #[must_use]
    pub fn write(&self) -> [u8; RECORD_BYTES] {
        let mut record = [0; RECORD_BYTES];
        let mut put = |at: usize, word: u64| {
            if let Some(place) = record.get_mut(at..at + 8) {
                place.copy_from_slice(&word.to_be_bytes());
            }
        };
        put(0, u64::from_be_bytes(*MAGIC));
        put(8, self.expires);
        put(16, u64::from(self.count));
        put(24, self.bytes);
        for (place, begun) in self.begun.iter().take(BEGUN_MAX).enumerate() {
            let at = HEAD_BYTES + place * BEGUN_BYTES;
            put(at, u64::from_be_bytes(begun.mark));
            put(at + 8, begun.at);
            put(at + 16, begun.left);
        }
        let check = sum(record.get(..RECORD_BYTES - 8).unwrap_or_default());
        if let Some(place) = record.get_mut(RECORD_BYTES - 8..) {
            place.copy_from_slice(&check.to_be_bytes());
        }
        record
    }

    /// Takes what a use needs, at `now` in Unix seconds. Nothing is taken with an error.
    ///
    /// # Errors
    /// [`Spent`].
    pub fn take(&mut self, limits: &Limits, want: &Want, now: u64) -> Result<Taken, Spent> {
        let left = limits.bytes.map(|most| most.saturating_sub(self.bytes));
        let uses = limits.count.map(|most| most.saturating_sub(self.count));
        let taken = match *want {
            Want::Fetch { mark, part, bytes, size } => {
                if part == Part::Range && limits.count.is_some() && self.goes_on(mark, bytes, now) {
                    Taken { count: 0, bytes, mark: Some(mark) }
                } else {
                    let mark = limits.count.is_some().then_some(mark);
                    self.begin(mark, size, bytes, now, uses)?
                }
            }
            Want::Store { files, bytes } => {
                let count = files.unwrap_or_else(|| uses.map_or(0, |uses| uses.max(1)));
                if uses.is_some_and(|uses| count > uses) {
                    return Err(Spent::Count);
                }
                let bytes = bytes.unwrap_or_else(|| left.map_or(0, |left| left.max(1)));
                Taken { count, bytes, mark: None }
            }
        };
        if let Some(left) = left.filter(|&left| taken.bytes > left) {
            self.undo_begin(&taken);
            return Err(if left == 0 { Spent::Bytes } else { Spent::TooLarge { left } });
        }
        self.expires = limits.expires;
        self.count = self.count.saturating_add(taken.count);
        self.bytes = self.bytes.saturating_add(taken.bytes);
        if let Some(begun) = taken.mark.and_then(|mark| self.latest(mark)) {
            begun.left = begun.left.saturating_sub(taken.bytes);
        }
        Ok(taken)
    }

    /// Says what was really used of `taken`: the rest is given back.
    pub fn settle(&mut self, taken: &Taken, count: u32, bytes: u64) {
        self.count = self.count.saturating_sub(taken.count).saturating_add(count);
        self.bytes = self.bytes.saturating_sub(taken.bytes).saturating_add(bytes);
        let unused = taken.bytes.saturating_sub(bytes);
        if taken.count > 0 && count == 0 {
            self.undo_begin(taken);
        } else if let Some(begun) = taken.mark.and_then(|mark| self.latest(mark)) {
            begun.left = begun.left.saturating_add(unused);
        }
    }

    fn begin(
        &mut self,
        mark: Option<[u8; 8]>,
        size: u64,
        bytes: u64,
        now: u64,
        uses: Option<u32>,
    ) -> Result<Taken, Spent> {
        if uses == Some(0) {
            return Err(Spent::Count);
        }
        if let Some(mark) = mark {
            if self.begun.len() >= BEGUN_MAX {
                self.begun.remove(0);
            }
            let left = size.saturating_add(size.min(SPARE_BYTES)).max(bytes);
            self.begun.push(Begun { mark, at: now.max(1), left });
        }
        Ok(Taken { count: 1, bytes, mark })
    }

    fn undo_begin(&mut self, taken: &Taken) {
        let place = self.begun.iter().rposition(|begun| Some(begun.mark) == taken.mark);
        if let Some(place) = place.filter(|_| taken.count > 0) {
            self.begun.remove(place);
        }
    }

    /// Whether somebody who began may have `bytes` more.
    fn goes_on(&mut self, mark: [u8; 8], bytes: u64, now: u64) -> bool {
        self.latest(mark).is_some_and(|begun| {
            bytes <= begun.left && now.saturating_sub(begun.at) < RESUME_SECONDS
        })
    }

    fn latest(&mut self, mark: [u8; 8]) -> Option<&mut Begun> {
        self.begun.iter_mut().rev().find(|begun| begun.mark == mark)
    }
}

/// FNV-1a: tells a torn record from a whole one; it stands against accidents, not against people,
/// who cannot write here.
fn sum(bytes: &[u8]) -> u64 {
    let step = |sum: u64, byte: &u8| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
}

/// Length of a record: a sector, so that a disk writes it whole or not at all.
pub const RECORD_BYTES: usize = 512;
/// Downloads of one link that can be gone on with.
pub const BEGUN_MAX: usize = 19;
/// How long after its begin a download may be gone on with, seconds.
pub const RESUME_SECONDS: u64 = 24 * 3600;
/// What a client may lose and fetch again beside the file itself, bytes.
pub const SPARE_BYTES: u64 = 4 << 20;
const MAGIC: &[u8; 8] = b"mslink1\0";
const HEAD_BYTES: usize = 32;
const BEGUN_BYTES: usize = 24;

const _: () = assert!(HEAD_BYTES + BEGUN_MAX * BEGUN_BYTES + 8 <= RECORD_BYTES);

#[cfg(test)]
mod tests;
