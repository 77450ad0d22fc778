//! The replica's connection: asks for the binary log and reads events.
//!
//! Of a long event only the head is kept, so rows of any size pass through in little memory.

use std::convert::Infallible;
use std::io::Read as _;
use std::time::{Duration, Instant};

use flate2::read::ZlibDecoder;
use menshen_sql_core::binlog::Decoder;
use menshen_sql_core::lexer::Dialect;
use rustix::rand::{GetRandomFlags, getrandom};
use tokio::time::timeout;

use super::settle::Start;
use super::{Ended, FollowSettings};
use crate::catalog::{CatalogCell, ServerFacts};
use crate::control::{Client, ClientError};
use crate::follow::{OffReason, Shared, locked};
use crate::link::Link;

/// A stream of events.
pub(super) struct Stream {
    link: Link,
    decoder: Decoder,
    silence: Duration,
}

impl Stream {
    /// Registers as a replica and asks for all events from `start` on.
    pub(super) async fn begin(
        mut client: Client,
        start: &Start,
        facts: &ServerFacts,
        settings: &FollowSettings,
    ) -> Result<Self, Ended> {
        let id = settings.server_id.map_or_else(|| chosen(facts), Ok)?;
        // A third of the silence that is taken for a failure, in nanoseconds.
        let period = settings.silence.as_nanos() / 3;
        let sets = [
            "@master_binlog_checksum=@@global.binlog_checksum".to_owned(),
            "@source_binlog_checksum=@@global.binlog_checksum".to_owned(),
            format!("@master_heartbeat_period={period}"),
            format!("@source_heartbeat_period={period}"),
            "@mariadb_slave_capability=4".to_owned(),
        ];
        client.query(&format!("SET {}", sets.join(", ")), 0).await?;
        // Shows the door in SHOW REPLICA HOSTS, where an administrator looks for it.
        let mut hello = id.to_le_bytes().to_vec();
        hello.extend_from_slice(b"\x07menshen\0\0");
        hello.extend_from_slice(&[0; 2 + 4 + 4]);
        match client.command(COM_REGISTER_SLAVE, &hello).await {
            Ok(()) => {}
            Err(ClientError::Server { code, message }) => return Err(refused(code, &message)),
            Err(error) => return Err(error.into()),
        }
        let (code, ask) = match (&start.executed, facts.server().dialect) {
            (Some(executed), Dialect::Mysql) => (COM_BINLOG_DUMP_GTID, dump_gtid(id, executed)?),
            _ => (COM_BINLOG_DUMP, dump(id, start)?),
        };
        let decoder = match facts.variable("binlog_checksum") {
            "CRC32" => Decoder::with_checksums(),
            _ => Decoder::default(),
        };
        let link = client.stream(code, &ask).await?;
        Ok(Self { link, decoder, silence: settings.silence })
    }

    /// Reads until the stream breaks.
    pub(super) async fn run(
        mut self,
        shared: &Shared,
        cell: &CatalogCell,
    ) -> Result<Infallible, Ended> {
        let mut event = Vec::new();
        loop {
            let read = timeout(self.silence, self.next(&mut event));
            read.await.map_err(|_| Ended::Broken)??;
            locked(&shared.machine).heard = Some(Instant::now());
            let bytes = match event.split_first() {
                Some((0, bytes)) => bytes,
                Some((0xff, rest)) => return Err(failed(rest)),
                _ => return Err(Ended::Broken),
            };
            let Some(event) = self.decoder.event(bytes) else { return Err(Ended::Broken) };
            let catalog = cell.load();
            shared.with(|follow, now, out| {
                follow.event(now, &event, &*catalog, &mut inflate, out);
            });
            if shared.ask(|follow| follow.is_unsettled()) == Some(true) {
                shared.unsettled.notify_one();
            }
        }
    }

    /// The next event, as far as it is kept.
    async fn next(&mut self, event: &mut Vec<u8>) -> Result<(), Ended> {
        event.clear();
        loop {
            let packet = self.link.packet(KEPT).await?.ok_or(Ended::Broken)?;
            let room = KEPT.saturating_sub(event.len());
            let payload = self.link.payload(packet);
            event.extend_from_slice(payload.get(..room).unwrap_or(payload));
            let mut rest = packet.length + HEADER;
            loop {
                let there = self.link.bytes().len().min(rest);
                self.link.consume(there);
                rest -= there;
                if rest == 0 {
                    break;
                }
                if self.link.fill().await? == 0 {
                    return Err(Ended::Broken);
                }
            }
            if !packet.continues() {
                return Ok(());
            }
        }
    }
}

/// A number no other replica is likely to have, and not the server's own: of two with one number
/// the server drops the older.
fn chosen(facts: &ServerFacts) -> Result<u32, Ended> {
    let own = facts.variable("server_id").parse::<u32>().unwrap_or(0);
    loop {
        let mut bytes = [0; 4];
        getrandom(&mut bytes, GetRandomFlags::empty()).map_err(std::io::Error::from)?;
        // High, where nobody numbers servers by hand.
        let id = u32::from_le_bytes(bytes) | 0x4000_0000;
        if id != own {
            return Ok(id);
        }
    }
}

fn dump(id: u32, start: &Start) -> Result<Vec<u8>, Ended> {
    // Servers take a place beyond 4 GiB by GTID only; a file is 1 GiB unless one transaction is
    // longer.
    let position = u32::try_from(start.position).map_err(|_| Ended::Broken)?;
    let mut ask = position.to_le_bytes().to_vec();
    ask.extend_from_slice(&[0; 2]);
    ask.extend_from_slice(&id.to_le_bytes());
    ask.extend_from_slice(start.file.as_bytes());
    Ok(ask)
}

/// MySQL's `COM_BINLOG_DUMP_GTID`: flags, number, no file, position 4, the GTIDs not to send.
fn dump_gtid(id: u32, executed: &str) -> Result<Vec<u8>, Ended> {
    let set = gtid_set(executed).ok_or(Ended::Broken)?;
    let mut ask = THROUGH_GTID.to_le_bytes().to_vec();
    ask.extend_from_slice(&id.to_le_bytes());
    ask.extend_from_slice(&0_u32.to_le_bytes());
    ask.extend_from_slice(&4_u64.to_le_bytes());
    ask.extend_from_slice(&u32::try_from(set.len()).map_err(|_| Ended::Broken)?.to_le_bytes());
    ask.extend_from_slice(&set);
    Ok(ask)
}

/// `uuid:1-5:7,uuid:1-3` as the server encodes it (`Gtid_set::encode`): sources with intervals,
/// their ends excluded. `None` for tagged ones.
fn gtid_set(text: &str) -> Option<Vec<u8>> {
    let sources: Vec<&str> = text.split(',').filter(|source| !source.is_empty()).collect();
    let mut set = u64::try_from(sources.len()).ok()?.to_le_bytes().to_vec();
    for source in sources {
        let (uuid, intervals) = source.split_once(':')?;
        let intervals: Vec<&str> = intervals.split(':').collect();
        let digits: Vec<u8> = uuid.bytes().filter(|byte| *byte != b'-').collect();
        if digits.len() != 32 {
            return None;
        }
        for pair in digits.chunks(2) {
            set.push(u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?);
        }
        set.extend_from_slice(&u64::try_from(intervals.len()).ok()?.to_le_bytes());
        for interval in intervals {
            let (first, last) = interval.split_once('-').unwrap_or((interval, interval));
            set.extend_from_slice(&first.parse::<u64>().ok()?.to_le_bytes());
            set.extend_from_slice(&(last.parse::<u64>().ok()?.checked_add(1)?).to_le_bytes());
        }
    }
    Some(set)
}

/// The text of a compressed statement.
fn inflate(bytes: &[u8], length: usize) -> Option<Vec<u8>> {
    if length > KEPT {
        return None;
    }
    let mut text = Vec::with_capacity(length);
    // One more, so that a longer text shows.
    let limit = u64::try_from(length).ok()?.checked_add(1)?;
    ZlibDecoder::new(bytes).take(limit).read_to_end(&mut text).ok()?;
    (text.len() == length).then_some(text)
}

/// An ERR packet instead of an event.
fn failed(rest: &[u8]) -> Ended {
    let code = rest.first_chunk().map_or(0, |code| u16::from_le_bytes(*code));
    refused(code, "the server ended the stream of its binary log")
}

fn refused(code: u16, message: &str) -> Ended {
    match code {
        // ER_ACCESS_DENIED, ER_SPECIFIC_ACCESS_DENIED
        1045 | 1227 => Ended::Off(OffReason {
            code: "control-rights-missing",
            claim: format!("the server refuses its binary log: {message}"),
            hint: crate::control::rights::HINT,
        }),
        _ => Ended::Broken,
    }
}

const COM_BINLOG_DUMP: u8 = 0x12;
const COM_REGISTER_SLAVE: u8 = 0x15;
const COM_BINLOG_DUMP_GTID: u8 = 0x1e;
/// `BINLOG_THROUGH_GTID`.
const THROUGH_GTID: u16 = 4;
const HEADER: usize = 4;
/// Bytes of an event that are kept; a longer statement stands for everything.
const KEPT: usize = 1 << 20;

#[cfg(test)]
mod tests;
