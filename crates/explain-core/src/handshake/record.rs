//! Cuts the stream of one side into records (RFC 8446 §5.1, RFC 5246 §6.2.1).
//!
//! Takes any bytes in any chunks: the same records come out. Bounded: one record is held at a time,
//! and nothing after [`super::STREAM_BYTES_MAX`]. What is no record ends the stream as "not TLS".

use alloc::vec::Vec;

use super::STREAM_BYTES_MAX;
use super::message::RecordRef;

/// One side's bytes on their way to records.
#[derive(Debug, Default)]
pub(super) struct Stream {
    /// Bytes that were not cut yet.
    buffer: Vec<u8>,
    /// Where the buffer begins in the stream.
    offset: u64,
    /// All bytes of the stream so far.
    total: u64,
    /// The first bytes of the stream, to tell what it is when it is not TLS.
    head: Vec<u8>,
    end: Option<End>,
}

/// Why a stream is not cut any further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// What came is no record.
    NotTls,
    /// Too much of it.
    Limit,
}

/// One record.
#[derive(Debug, Clone)]
pub(super) struct Record {
    /// Its content type; 22 for the hello in the format of SSL 2.0.
    pub(super) kind: u8,
    /// The five bytes of its header; two for the hello in the format of SSL 2.0.
    pub(super) header: [u8; 5],
    pub(super) body: Vec<u8>,
    pub(super) place: RecordRef,
    /// A ClientHello in the format of SSL 2.0 (RFC 5246 appendix E.2).
    pub(super) sslv2: bool,
}

impl Stream {
    /// Adds bytes that passed.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.total = self.total.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        let missing = HEAD_BYTES.saturating_sub(self.head.len()).min(bytes.len());
        self.head.extend_from_slice(bytes.get(..missing).unwrap_or(&[]));
        if self.end.is_none() {
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// The next whole record.
    pub(super) fn next(&mut self) -> Option<Record> {
        if self.end.is_some() {
            return None;
        }
        if self.offset >= STREAM_BYTES_MAX as u64 {
            self.stop(End::Limit);
            return None;
        }
        let header = <[u8; 5]>::try_from(self.buffer.get(..5)?).ok()?;
        let [kind, major, third, high, low] = header;
        let body_bytes = usize::from(u16::from_be_bytes([high, low]));
        if self.offset == 0 && kind & 0x80 != 0 && third == 1 {
            return self.sslv2();
        }
        if !(20..=24).contains(&kind) || major != 3 || body_bytes > BODY_BYTES_MAX {
            self.stop(End::NotTls);
            return None;
        }
        let body = self.buffer.get(5..5 + body_bytes)?.to_vec();
        Some(self.cut(kind, header, body, 5 + body_bytes, false))
    }

    /// Why nothing more comes, if so.
    pub(super) const fn end(&self) -> Option<End> {
        self.end
    }

    /// Gives up on the rest: nothing more is cut.
    pub(super) fn stop(&mut self, end: End) {
        self.end = Some(end);
        self.buffer = Vec::new();
    }

    /// All bytes of the stream so far.
    pub(super) const fn total(&self) -> u64 {
        self.total
    }

    /// The first bytes of the stream.
    pub(super) fn head(&self) -> &[u8] {
        &self.head
    }

    /// Whether records were cut.
    pub(super) const fn any(&self) -> bool {
        self.offset > 0
    }

    /// Whether fewer bytes than a record's header came, and nothing but them.
    pub(super) fn is_stub(&self) -> bool {
        self.end.is_none() && self.offset == 0 && (1..5).contains(&self.total)
    }

    /// A hello of SSL 2.0's format: two bytes of length, then type 1 and the version.
    fn sslv2(&mut self) -> Option<Record> {
        let [high, low, ..] = *self.buffer.as_slice() else { return None };
        let body_bytes = usize::from(u16::from_be_bytes([high & 0x7f, low]));
        if body_bytes < 9 {
            self.stop(End::NotTls);
            return None;
        }
        let body = self.buffer.get(2..2 + body_bytes)?.to_vec();
        let header = [high, low, 0, 0, 0];
        Some(self.cut(22, header, body, 2 + body_bytes, true))
    }

    fn cut(
        &mut self,
        kind: u8,
        header: [u8; 5],
        body: Vec<u8>,
        bytes: usize,
        sslv2: bool,
    ) -> Record {
        self.buffer.drain(..bytes);
        let place = RecordRef { offset: self.offset, bytes };
        self.offset += bytes as u64;
        Record { kind, header, body, place, sslv2 }
    }
}

/// The longest body of a record: TLS 1.2 allows 2^14 + 2048 bytes.
const BODY_BYTES_MAX: usize = (1 << 14) + 2048;
/// Bytes kept to tell what a stream is that is not TLS.
const HEAD_BYTES: usize = 64;

#[cfg(test)]
mod tests;
