//! Packet captures, read as they come: pcap and pcapng.
//!
//! A [`Reader`] takes the bytes of a file in pieces of any size and hands out packets that borrow
//! them: no copy and no allocation per packet, except for the one packet a cut goes through. What a
//! packet holds is decoded by [`link`], [`ip`] and [`tcp`]; [`connections`] puts the TLS
//! connections of a capture together.
//!
//! Formats: draft-ietf-opsawg-pcap and draft-ietf-opsawg-pcapng. Any bytes may come: what no writer
//! of these formats writes is [`CaptureError`], and nothing larger than [`BLOCK_BYTES_MAX`] is
//! held.

use alloc::vec::Vec;
use core::fmt;

pub mod connections;
pub mod ip;
pub mod link;
mod pcap;
mod pcapng;
pub mod tcp;

/// One packet, as it lies in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Nanoseconds since 1970; 0 where the file has no time for it.
    pub unix_ns: u64,
    /// Link type, a number of the `LINKTYPE_` registry.
    pub link: u16,
    /// What was captured of it, which may be less than what was on the wire.
    pub bytes: &'a [u8],
    /// Its length on the wire, in bytes.
    pub wire_bytes: u32,
}

/// One thing of use in a capture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Item<'a> {
    /// A packet.
    Packet(Packet<'a>),
    /// The text of a key log (RFC 9850) that the file carries in a Decryption Secrets Block.
    KeyLog(&'a [u8]),
}

/// Why bytes are no capture, or none any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CaptureError {
    /// The first bytes are of neither format.
    NotACapture,
    /// A block that cannot be, from this byte of the file on.
    Damaged {
        /// Offset in the file, in bytes.
        offset: u64,
        /// What is wrong there.
        what: &'static str,
    },
}

impl fmt::Display for CaptureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotACapture => f.write_str("the file is neither pcap nor pcapng"),
            Self::Damaged { offset, what } => write!(f, "{what} at byte {offset} of the file"),
        }
    }
}

impl core::error::Error for CaptureError {}

/// Reads a capture of either format.
#[derive(Debug, Default)]
pub struct Reader {
    format: Format,
    /// The beginning of a block that a cut went through.
    carry: Vec<u8>,
    /// How many bytes `carry` must have before it is of use.
    need: usize,
    /// Bytes of a block that is of no use, still to come.
    skip: u64,
    /// Bytes of the file that are done.
    offset: u64,
    failed: Option<CaptureError>,
}

#[derive(Debug, Default)]
enum Format {
    #[default]
    Unknown,
    Pcap(pcap::File),
    Pcapng(pcapng::File),
}

/// What the bytes at the front are.
#[derive(Debug, PartialEq, Eq)]
enum Step<'a> {
    /// Not enough: so many bytes are needed from the front on.
    More(usize),
    /// So many bytes are done, and may have held something.
    Took(usize, Option<Item<'a>>),
    /// So many bytes, from the front on, are of no use; they need not be there yet.
    Skip(u64),
}

impl Reader {
    /// A reader at the beginning of a file.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes of the file and hands out all that is complete.
    ///
    /// # Errors
    /// When the bytes are no capture, or are damaged; all calls after that fail alike. What was
    /// handed out before stands.
    pub fn push(
        &mut self,
        mut bytes: &[u8],
        mut sink: impl FnMut(Item<'_>),
    ) -> Result<(), CaptureError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        while !bytes.is_empty() {
            if self.skip > 0 {
                bytes = self.skip_some(bytes);
            } else if self.carry.is_empty() {
                match self.step(bytes)? {
                    Step::Took(used, item) => {
                        item.into_iter().for_each(&mut sink);
                        bytes = bytes.get(used..).unwrap_or_default();
                        self.advance(used);
                    }
                    Step::Skip(length) => self.skip = length,
                    Step::More(need) => {
                        self.need = need;
                        self.carry.extend_from_slice(bytes);
                        return Ok(());
                    }
                }
            } else {
                let missing = self.need.saturating_sub(self.carry.len()).min(bytes.len());
                let (now, later) = bytes.split_at(missing);
                self.carry.extend_from_slice(now);
                bytes = later;
                if self.carry.len() >= self.need {
                    self.step_carried(&mut sink)?;
                }
            }
        }
        Ok(())
    }

    /// Whether the file ended at the end of a block. A capture that was cut off or is still being
    /// written does not; what was handed out is good all the same.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.carry.is_empty() && self.skip == 0 && !matches!(self.format, Format::Unknown)
    }

    /// Bytes of the file that are done.
    #[must_use]
    pub const fn offset(&self) -> u64 {
        self.offset
    }

    fn step_carried(&mut self, sink: &mut impl FnMut(Item<'_>)) -> Result<(), CaptureError> {
        // Out of `self`, because the item borrows it; put back to keep its memory.
        let mut carry = core::mem::take(&mut self.carry);
        match self.step(&carry)? {
            Step::More(need) => self.need = need,
            Step::Took(used, item) => {
                item.into_iter().for_each(sink);
                self.advance(used);
                carry.drain(..used.min(carry.len()));
            }
            Step::Skip(length) => {
                let here = u64::try_from(carry.len()).unwrap_or(u64::MAX).min(length);
                self.offset += here;
                self.skip = length - here;
                carry.drain(..usize::try_from(here).unwrap_or(usize::MAX).min(carry.len()));
            }
        }
        self.carry = carry;
        Ok(())
    }

    fn skip_some<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let count = usize::try_from(self.skip).unwrap_or(usize::MAX).min(bytes.len());
        self.skip -= u64::try_from(count).unwrap_or(self.skip);
        self.advance(count);
        bytes.get(count..).unwrap_or_default()
    }

    fn advance(&mut self, count: usize) {
        self.offset = self.offset.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
    }

    fn step<'a>(&mut self, bytes: &'a [u8]) -> Result<Step<'a>, CaptureError> {
        let step = match &mut self.format {
            Format::Pcap(file) => file.step(bytes),
            Format::Pcapng(file) => file.step(bytes),
            Format::Unknown => match bytes.first_chunk::<4>() {
                None => Ok(Step::More(4)),
                Some(&pcapng::SECTION_HEADER) => {
                    self.format = Format::Pcapng(pcapng::File::default());
                    return self.step(bytes);
                }
                Some(magic) if pcap::is_magic(*magic) => match pcap::File::open(bytes) {
                    None => Ok(Step::More(pcap::HEADER_BYTES)),
                    Some(file) => {
                        self.format = Format::Pcap(file);
                        Ok(Step::Took(pcap::HEADER_BYTES, None))
                    }
                },
                Some(_) => {
                    self.failed = Some(CaptureError::NotACapture);
                    return Err(CaptureError::NotACapture);
                }
            },
        };
        step.map_err(|what| {
            let error = CaptureError::Damaged { offset: self.offset, what };
            self.failed = Some(error);
            error
        })
    }
}

/// A number of the file, in the order its writer had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Little,
    Big,
}

impl Order {
    fn u16(self, bytes: &[u8], at: usize) -> Option<u16> {
        let chunk = *bytes.get(at..)?.first_chunk::<2>()?;
        Some(match self {
            Self::Little => u16::from_le_bytes(chunk),
            Self::Big => u16::from_be_bytes(chunk),
        })
    }

    fn u32(self, bytes: &[u8], at: usize) -> Option<u32> {
        let chunk = *bytes.get(at..)?.first_chunk::<4>()?;
        Some(match self {
            Self::Little => u32::from_le_bytes(chunk),
            Self::Big => u32::from_be_bytes(chunk),
        })
    }

    /// As an index or length; more than memory can have becomes the largest.
    fn size(self, bytes: &[u8], at: usize) -> Option<usize> {
        Some(usize::try_from(self.u32(bytes, at)?).unwrap_or(usize::MAX))
    }
}

/// Largest packet or block that is taken, in bytes. Ordinary packets have 64 KiB at most; a key log
/// in a capture can be larger.
pub const BLOCK_BYTES_MAX: usize = 16 * 1024 * 1024;

#[cfg(test)]
mod tests;
