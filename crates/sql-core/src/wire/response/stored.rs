//! Where the status words of a stored result stand, and how they are set for another session.
//!
//! Everything else of a stored result is served as the server sent it.

use alloc::vec::Vec;

use super::Facts;
use crate::wire::ok::OkPacket;
use crate::wire::packet::{HEADER_BYTES, Header, first};
use crate::wire::{Capabilities, Status};

/// Where the status words of a stored result stand, in bytes from its start: a reply of one result
/// with rows, its last packet without changes of the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatusWords {
    /// In the EOF packet after the columns; 0: there is none.
    pub columns: u32,
    /// In the last packet.
    pub last: u32,
}

impl StatusWords {
    /// Completes a stored result: appends `packet` (the whole packet of
    /// [`Next::Status`](super::Next::Status) with [`Kind::RowsEnd`](super::Kind::RowsEnd) and
    /// `last`) to the passed bytes in `stored`, without its changes, and says where the status
    /// words are. `None`: this is no result that can be served again, and `stored` is as it was:
    /// several results, a cursor, warnings, a file, reports of progress, a statement prepared
    /// again, not all passed bytes in `stored`, or above 4 GiB.
    #[must_use]
    pub fn seal(
        facts: &Facts,
        packet: &[u8],
        capabilities: Capabilities,
        stored: &mut Vec<u8>,
    ) -> Option<Self> {
        let plain = facts.results == 1 && facts.columns > 0 && !facts.cursor;
        let whole = facts.bytes == (stored.len() + packet.len()) as u64;
        if !plain || !whole || facts.files > 0 || facts.progress > 0 {
            return None;
        }
        let packet = first(packet)?;
        let end = OkPacket::parse(packet.payload, capabilities).ok()?;
        let foreign = Status(Status::MORE_RESULTS.0 | Status::METADATA_CHANGED.0);
        if packet.payload.first() != Some(&0xfe) || end.warnings > 0 || (end.status & foreign).0 > 0
        {
            return None;
        }
        let mut payload = Vec::new();
        end.rewrite(capabilities, |_| false, &mut payload);
        let last = stored.len() + HEADER_BYTES + OkPacket::status_at(&payload)?;
        let words = Self {
            columns: u32::try_from(facts.columns_status_at.unwrap_or_default()).ok()?,
            last: u32::try_from(last).ok()?,
        };
        let header = Header { len: payload.len(), sequence: packet.header.sequence };
        stored.extend_from_slice(&header.encode());
        stored.extend_from_slice(&payload);
        Some(words)
    }

    /// Sets the status words in a copy of the stored bytes: bits that belong to the session
    /// ([`SESSION_BITS`]) from `now`, the others as stored.
    pub fn patch(self, bytes: &mut [u8], now: Status) {
        for at in [self.columns, self.last] {
            let word = usize::try_from(at).ok().and_then(|at| bytes.get_mut(at..));
            let Some([low, high, ..]) = word.filter(|_| at > 0) else { continue };
            let stored = Status(u16::from_le_bytes([*low, *high]));
            let stored = stored.without(SESSION_BITS | Status::STATE_CHANGED);
            [*low, *high] = (stored | (now & SESSION_BITS)).0.to_le_bytes();
        }
    }
}

/// Bits of the status word that say something of the session, not of the result.
pub const SESSION_BITS: Status = Status(
    Status::IN_TRANS.0
        | Status::AUTOCOMMIT.0
        | Status::NO_BACKSLASH_ESCAPES.0
        | Status::IN_TRANS_READONLY.0
        | Status::ANSI_QUOTES.0,
);
