//! A reply that is stored as it passes.
//!
//! Only one whole result with rows, without warnings, that no tracker changed: everything else is
//! dropped, and the statement counts as not cached by the reason found.

use std::time::Instant;

use menshen_sql_core::judge::Reason;
use menshen_sql_core::wire::packet::{HEADER_BYTES, Header};
use menshen_sql_core::wire::response::{Facts, Kind};
use menshen_sql_core::wire::{Capabilities, OkPacket, Status};

use crate::cache::{Fill, Pushed, Stored};
use crate::link::PAYLOAD_MAX;

/// A read that is being stored, or whose success opens a snapshot.
#[derive(Debug)]
pub(super) struct Keeping {
    fill: Fill,
    since: Instant,
}

impl Keeping {
    /// `since`: when the server is asked.
    pub(super) fn new(fill: Fill, since: Instant) -> Self {
        Self { fill, since }
    }

    /// Bytes of the reply; why it is kept no longer, if so.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<(), Reason> {
        match self.fill.push(bytes) {
            Pushed::Kept => Ok(()),
            Pushed::TooLong => Err(Reason::ResultTooLarge),
            Pushed::NoRoom => Err(Reason::NoMemory),
        }
    }

    /// The last packet, whole: `facts` are those of the reply up to and with it.
    pub(super) fn seal(
        mut self,
        packet: &[u8],
        kind: Kind,
        facts: &Facts,
        capabilities: Capabilities,
    ) -> Result<(), Reason> {
        if kind == Kind::Err {
            return Err(Reason::ServerError);
        }
        if facts.results != 1 || kind != Kind::RowsEnd || facts.columns == 0 {
            return Err(Reason::SeveralResults);
        }
        if facts.cursor || facts.files > 0 || facts.progress > 0 {
            return Err(Reason::Cursor);
        }
        let end = packet.get(HEADER_BYTES..).map(|payload| OkPacket::parse(payload, capabilities));
        let Some(Ok(end)) = end else { return Err(Reason::ServerError) };
        if end.warnings > 0 {
            return Err(Reason::Warnings);
        }
        if end.status.has(Status::MORE_RESULTS) || end.status.has(Status::METADATA_CHANGED) {
            return Err(Reason::SeveralResults);
        }
        let mut payload = Vec::with_capacity(16);
        end.rewrite(capabilities, |_| false, &mut payload);
        let before = facts.bytes - packet.len() as u64;
        let place = OkPacket::status_at(&payload).filter(|_| payload.len() < PAYLOAD_MAX);
        let last = place.and_then(|at| u32::try_from(before + (HEADER_BYTES + at) as u64).ok());
        let columns = u32::try_from(facts.columns_status_at.unwrap_or_default());
        let (Some(last), Ok(columns)) = (last, columns) else {
            return Err(Reason::ResultTooLarge);
        };
        let sequence = Header::parse(packet).map_or(0, |header| header.sequence);
        self.push(&Header { len: payload.len(), sequence }.encode())?;
        self.push(&payload)?;
        let micros = u32::try_from(self.since.elapsed().as_micros()).unwrap_or(u32::MAX);
        match self.fill.finish([columns, last], micros) {
            Stored::Kept => Ok(()),
            Stored::Overtaken(_) => Err(Reason::ChangedMeanwhile),
            Stored::NoRoom => Err(Reason::NoMemory),
        }
    }
}
