//! Failed handshakes, kept for `menshen explain https --clients`: this worker's own are written to
//! its part of the failures file, and anybody who may open the file reads all of them.
//!
//! A record is one `pwrite` into a file that is never long; a flood is bounded by a rate and told
//! of by counters only. Connections on which no byte came (port scans, health checks) are nobody's
//! trouble and not kept. How it fails: a record that cannot be written is not there.

use std::cell::Cell;
use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;

use menshen_config::failure::{
    Failure, FailureEnd, PLACES, Piece, RECORD_BYTES, REGION_BYTES, Sender, clean, newest_first,
    next_place, region,
};
use menshen_net::clock;
use menshen_net::tape::{Side, Stretch, Tape};
use menshen_sys::scoreboard::SLOTS_MAX;
use rustls::{AlertDescription, ServerConnection};

/// All failed handshakes in the file, of all workers, the newest first.
///
/// # Errors
/// What the kernel says. What is no record is passed over.
pub fn read(file: &File) -> io::Result<Vec<Failure>> {
    let mut all = Vec::new();
    let slots = u32::try_from(SLOTS_MAX).unwrap_or(u32::MAX);
    for slot in 0..slots {
        let bytes = read_region(file, slot)?;
        if bytes.is_empty() {
            break;
        }
        all.extend(newest_first(&bytes));
    }
    all.sort_by_key(|failure| std::cmp::Reverse(failure.unix_ms));
    Ok(all)
}

/// One worker's side.
#[derive(Debug)]
pub(crate) struct Failures {
    file: File,
    slot: u32,
    /// Where the next one goes; `None` before the first.
    place: Cell<Option<usize>>,
    second: Cell<u64>,
    count: Cell<u32>,
}

/// A handshake that failed.
pub(crate) struct Failed<'a> {
    pub(crate) client: SocketAddr,
    pub(crate) local: SocketAddr,
    pub(crate) tls: Option<&'a ServerConnection>,
    pub(crate) error: &'a io::Error,
    /// Whether a limit of ours ended it.
    pub(crate) limit: bool,
    pub(crate) tape: &'a Tape,
}

impl Failures {
    /// The worker in `slot` writes to an adopted descriptor.
    pub(crate) fn new(file: OwnedFd, slot: u32) -> Self {
        let (second, count) = (Cell::new(0), Cell::new(0));
        Self { file: file.into(), slot, place: Cell::new(None), second, count }
    }

    /// Keeps one; false when it was not worth it, too many came, or it could not be written.
    pub(crate) fn keep(&self, failed: &Failed<'_>) -> bool {
        if !failed.tape.has_received() || !self.may_write(clock::unix_s()) {
            return false;
        }
        let place = self.place.get().unwrap_or_else(|| {
            // Whoever had this slot before may have left records that are still of interest.
            next_place(&read_region(&self.file, self.slot).unwrap_or_default())
        });
        self.place.set(Some((place + 1) % PLACES));
        let at = region(self.slot).start + (place * RECORD_BYTES) as u64;
        self.file.write_all_at(&failed.record().encode(), at).is_ok()
    }

    fn may_write(&self, now_s: u64) -> bool {
        if self.second.replace(now_s) != now_s {
            self.count.set(0);
        }
        self.count.set(self.count.get().saturating_add(1));
        self.count.get() <= KEPT_PER_SECOND_MAX
    }
}

impl Failed<'_> {
    fn record(&self) -> Failure {
        let elapsed_us = self.tape.elapsed_us();
        let alert_received = match self.cause() {
            Some(rustls::Error::AlertReceived(alert)) => Some(u8::from(*alert)),
            _ => None,
        };
        let (mut pieces, mut sent) = (Vec::new(), Vec::new());
        for Stretch { side, at_us, bytes } in self.tape.stretches() {
            let from = match side {
                Side::Peer => Sender::Client,
                Side::Own => Sender::Server,
            };
            if from == Sender::Server {
                sent.extend_from_slice(bytes);
            }
            pieces.push(Piece { from, at_us, bytes: bytes.to_vec() });
        }
        Failure {
            unix_ms: clock::unix_ms().saturating_sub(elapsed_us / 1000),
            client: self.client.ip().to_canonical(),
            local: SocketAddr::new(self.local.ip().to_canonical(), self.local.port()),
            elapsed_us,
            sni: self.tls.and_then(ServerConnection::server_name).map(clean),
            error: self.words(),
            alert_received,
            alert_sent: clear_alert(&sent).or_else(|| self.hidden_alert()),
            ended: self.ended(),
            pieces,
            cut: self.tape.is_cut(),
        }
    }

    fn cause(&self) -> Option<&rustls::Error> {
        self.error.get_ref()?.downcast_ref()
    }

    /// Our alert where TLS 1.3 encrypts it: rustls says what was wrong, and that has one alert.
    fn hidden_alert(&self) -> Option<u8> {
        let alert = match self.cause()? {
            rustls::Error::NoApplicationProtocol => AlertDescription::NoApplicationProtocol,
            rustls::Error::DecryptError => AlertDescription::BadRecordMac,
            rustls::Error::PeerSentOversizedRecord => AlertDescription::RecordOverflow,
            _ => return None,
        };
        Some(alert.into())
    }

    fn ended(&self) -> FailureEnd {
        if self.limit {
            return FailureEnd::Limit;
        }
        match self.error.kind() {
            _ if self.cause().is_some() => FailureEnd::Tls,
            io::ErrorKind::UnexpectedEof => FailureEnd::Closed,
            _ => FailureEnd::Reset,
        }
    }

    fn words(&self) -> String {
        match self.ended() {
            FailureEnd::Limit => "the handshake took too long".to_owned(),
            FailureEnd::Closed => "the client closed the connection".to_owned(),
            FailureEnd::Reset | FailureEnd::Tls => clean(&self.error.to_string()),
        }
    }
}

fn read_region(file: &File, slot: u32) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(REGION_BYTES).unwrap_or(0)];
    let (mut at, mut got) = (region(slot).start, 0);
    while let Some(rest) = bytes.get_mut(got..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, at) {
            Ok(0) => break,
            Ok(n) => (at, got) = (at + n as u64, got + n),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    bytes.truncate(got);
    Ok(bytes)
}

/// The code of an alert in clear text among records we sent (RFC 8446 §5.1 and §6). One that is
/// encrypted is longer, or looks like data.
fn clear_alert(mut records: &[u8]) -> Option<u8> {
    while let [kind, _, _, high, low, rest @ ..] = records {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        if let (ALERT, [_level, code]) = (*kind, rest.get(..length)?) {
            return Some(*code);
        }
        records = rest.get(length..)?;
    }
    None
}

const ALERT: u8 = 21;

/// Records one worker writes a second; more are counted only.
const KEPT_PER_SECOND_MAX: u32 = 10;

#[cfg(test)]
mod tests;
