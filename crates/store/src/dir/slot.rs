//! A slot: one of the two places of a record in its file, written in turn. The one that counts is
//! never written over, so a write that is torn leaves it.
//!
//! Header (little-endian): magic, number, how long JSON and body are, where the checked tail of the
//! data begins and its CRC-32, then SHA-256 of all of that, JSON and body. The body is that of a
//! kept answer.

use aws_lc_rs::digest::{Context, SHA256};

use super::cell::Take;
use crate::{ANSWER_BODY_BYTES_MAX, Record, Stage};

/// A record as it is in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Slot {
    /// Counts up.
    pub(crate) number: u64,
    /// What has to be true of the data for this record to count after a loss of power: it was not
    /// flushed before the record.
    pub(crate) tail: Option<Tail>,
    pub(crate) record: Record,
}

/// The bytes of the data from `start` to the record's offset have this CRC-32.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tail {
    pub(crate) start: u64,
    pub(crate) crc: u32,
}

impl Slot {
    /// The bytes; `None` when they do not fit.
    pub(crate) fn encode(&self) -> Option<Vec<u8>> {
        let json = serde_json::to_vec(&self.record).ok()?;
        let body: &[u8] = match &self.record.stage {
            Stage::Answered(answer) => &answer.body,
            _ => &[],
        };
        if json.len() > JSON_BYTES_MAX || body.len() > ANSWER_BODY_BYTES_MAX {
            return None;
        }
        let mut bytes = Vec::with_capacity(HEADER_BYTES + json.len() + body.len());
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&self.number.to_le_bytes());
        bytes.extend_from_slice(&u32::try_from(json.len()).ok()?.to_le_bytes());
        bytes.extend_from_slice(&u32::try_from(body.len()).ok()?.to_le_bytes());
        let tail = self.tail.unwrap_or(Tail { start: u64::MAX, crc: 0 });
        bytes.extend_from_slice(&tail.start.to_le_bytes());
        bytes.extend_from_slice(&u64::from(tail.crc).to_le_bytes());
        let digest = digest(&[&bytes, &json, body]);
        bytes.extend_from_slice(&digest);
        bytes.extend_from_slice(&json);
        bytes.extend_from_slice(body);
        Some(bytes)
    }

    /// How many bytes follow the header; `None` when it is none.
    pub(crate) fn rest(header: &[u8]) -> Option<usize> {
        let mut from = Take(header);
        if from.take::<8>()? != *MAGIC {
            return None;
        }
        from.u64()?;
        let (json, body) = (from.u32()? as usize, from.u32()? as usize);
        (json <= JSON_BYTES_MAX && body <= ANSWER_BODY_BYTES_MAX).then_some(json + body)
    }

    /// Reads header and rest; `None` when they are not a whole record.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let rest = Self::rest(bytes)?;
        let mut from = Take(bytes);
        from.take::<8>()?;
        let number = from.u64()?;
        let json = from.u32()? as usize;
        from.u32()?;
        let (start, crc) = (from.u64()?, u32::try_from(from.u64()?).ok()?);
        let told = from.take::<32>()?;
        let rest = from.0.get(..rest)?;
        let (head, _) = bytes.split_at_checked(HEADER_BYTES - 32)?;
        let (json, body) = rest.split_at_checked(json)?;
        if digest(&[head, json, body]) != told {
            return None;
        }
        let mut record: Record = serde_json::from_slice(json).ok()?;
        if let Stage::Answered(answer) = &mut record.stage {
            answer.body = body.to_vec();
        }
        let tail = (start != u64::MAX).then_some(Tail { start, crc });
        Some(Self { number, tail, record })
    }
}

fn digest(parts: &[&[u8]]) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    parts.iter().for_each(|part| context.update(part));
    let made = context.finish();
    let mut digest = [0; 32];
    digest.iter_mut().zip(made.as_ref()).for_each(|(to, from)| *to = *from);
    digest
}

/// Bytes of a slot's header.
pub(crate) const HEADER_BYTES: usize = 72;
/// Where slot 0 and slot 1 are: a block for the cell, then room for the largest record each.
pub(crate) const SLOTS: [u64; 2] = [4096, 4096 + SLOT_BYTES];
const JSON_BYTES_MAX: usize = 384 << 10;
const SLOT_BYTES: u64 =
    (HEADER_BYTES + JSON_BYTES_MAX + ANSWER_BODY_BYTES_MAX + 4095) as u64 / 4096 * 4096;
const MAGIC: &[u8; 8] = b"mnshrec1";

#[cfg(test)]
mod tests;
