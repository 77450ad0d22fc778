//! A failed TLS handshake, as a worker keeps it for `menshen explain https --clients`: what is in a
//! record of the failures file, written and read.
//!
//! The file is [`PLACES`] records of [`RECORD_BYTES`] for every slot of the scoreboard, a ring for
//! each worker; see [`region`]. A record: magic (8 bytes), length of the body and its CRC-32 (4
//! bytes each, little-endian), body. One `pwrite` puts it there, and a reader that meets half of
//! one sees it by the sum. Nothing here opens the file; bytes come in as an argument.
//!
//! How it fails: what is no record gives `None`, whatever the bytes are. Workers talk to strangers,
//! so a reader trusts nothing in the file: lengths are bounded, and texts are cleaned anew.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::ops::{Range, RangeInclusive};

/// One failed handshake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// When it began, Unix milliseconds.
    pub unix_ms: u64,
    /// The client's address: the socket's peer.
    pub client: IpAddr,
    /// Where it connected to.
    pub local: SocketAddr,
    /// From the accepted connection to the end, microseconds.
    pub elapsed_us: u64,
    /// The name it asked for, if the handshake came that far; a ClientHello that was refused is in
    /// the pieces all the same.
    pub sni: Option<String>,
    /// What the TLS library or the system said, without control characters.
    pub error: String,
    /// The client's alert (RFC 8446 §6).
    pub alert_received: Option<u8>,
    /// Our alert, as far as it is known: one that went out encrypted may not be.
    pub alert_sent: Option<u8>,
    /// What ended it.
    pub ended: FailureEnd,
    /// What was read and written, in order; empty when nothing could be kept.
    pub pieces: Vec<Piece>,
    /// Whether bytes are missing at the end of `pieces`.
    pub cut: bool,
}

/// What ended a handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureEnd {
    /// The client closed in the middle.
    Closed,
    /// The client, or something between, reset the connection.
    Reset,
    /// A limit of ours, such as `handshake_seconds_max`.
    Limit,
    /// TLS: an alert of the client, or something we could not accept.
    Tls,
}

/// Bytes read or written in one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Who sent them.
    pub from: Sender,
    /// Microseconds after the connection was accepted.
    pub at_us: u64,
    /// TLS records, whole or in parts.
    pub bytes: Vec<u8>,
}

/// Who sent bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sender {
    /// The client.
    Client,
    /// This server.
    Server,
}

impl Failure {
    /// The record: [`RECORD_BYTES`] at most. Long texts are shortened, and pieces that do not fit
    /// are cut off ([`Failure::cut`]).
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(RECORD_BYTES);
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&[0; 8]);
        out.extend_from_slice(&self.unix_ms.to_le_bytes());
        out.extend_from_slice(&self.elapsed_us.to_le_bytes());
        out.extend_from_slice(&address_bytes(self.client));
        out.extend_from_slice(&address_bytes(self.local.ip()));
        out.extend_from_slice(&self.local.port().to_le_bytes());
        out.push(self.ended.code());
        for alert in [self.alert_received, self.alert_sent] {
            out.extend_from_slice(&[u8::from(alert.is_some()), alert.unwrap_or(0)]);
        }
        out.push(u8::from(self.sni.is_some()));
        put_text(&mut out, self.sni.as_deref().unwrap_or_default(), SNI_BYTES_MAX);
        put_text(&mut out, &self.error, ERROR_BYTES_MAX);
        let cut_at = out.len();
        out.push(0);
        let cut = self.cut | put_pieces(&mut out, &self.pieces);
        if let Some(byte) = out.get_mut(cut_at) {
            *byte = u8::from(cut);
        }
        let body = out.get(HEAD_BYTES..).unwrap_or_default();
        let (length, sum) = (u32::try_from(body.len()).unwrap_or(0), crc32fast::hash(body));
        for (place, word) in [(MAGIC.len(), length), (MAGIC.len() + 4, sum)] {
            if let Some(field) = out.get_mut(place..place + 4) {
                field.copy_from_slice(&word.to_le_bytes());
            }
        }
        out
    }

    /// Reads a record; what follows it is not looked at. `None`: there is none, or half of one.
    #[must_use]
    pub fn decode(record: &[u8]) -> Option<Self> {
        let mut head = Bytes(record);
        if head.take(MAGIC.len())? != MAGIC {
            return None;
        }
        let length = usize::try_from(u32::from_le_bytes(head.array()?)).ok()?;
        let sum = u32::from_le_bytes(head.array()?);
        if length > RECORD_BYTES - HEAD_BYTES {
            return None;
        }
        let body = head.take(length)?;
        if crc32fast::hash(body) != sum {
            return None;
        }
        Self::decode_body(Bytes(body))
    }

    fn decode_body(mut body: Bytes<'_>) -> Option<Self> {
        let unix_ms = u64::from_le_bytes(body.array()?);
        let elapsed_us = u64::from_le_bytes(body.array()?);
        let client = address(body.array()?);
        let local = address(body.array()?);
        let local = SocketAddr::new(local, u16::from_le_bytes(body.array()?));
        let ended = FailureEnd::of(body.byte()?)?;
        let [alert_received, alert_sent] = [body.alert()?, body.alert()?];
        let has_sni = body.byte()? != 0;
        let sni = body.text(SNI_BYTES_MAX)?;
        let error = body.text(ERROR_BYTES_MAX)?;
        let cut = body.byte()? != 0;
        let mut pieces = Vec::new();
        while !body.0.is_empty() {
            let from = match body.byte()? {
                0 => Sender::Client,
                1 => Sender::Server,
                _ => return None,
            };
            let at_us = u64::from_le_bytes(body.array()?);
            let length = u16::from_le_bytes(body.array()?);
            let bytes = body.take(usize::from(length))?.to_vec();
            pieces.push(Piece { from, at_us, bytes });
        }
        let sni = has_sni.then_some(sni);
        Some(Self {
            unix_ms,
            client,
            local,
            elapsed_us,
            sni,
            error,
            alert_received,
            alert_sent,
            ended,
            pieces,
            cut,
        })
    }
}

/// Bytes of the file that belong to the worker with this scoreboard slot.
#[must_use]
pub const fn region(slot: u32) -> Range<u64> {
    let begin = slot as u64 * REGION_BYTES;
    begin..begin + REGION_BYTES
}

/// All records in a part of the file that begins with a record, the newest first.
#[must_use]
pub fn newest_first(bytes: &[u8]) -> Vec<Failure> {
    let mut found: Vec<Failure> = bytes.chunks(RECORD_BYTES).filter_map(Failure::decode).collect();
    found.sort_by_key(|failure| std::cmp::Reverse(failure.unix_ms));
    found
}

/// Where the next record of a region goes: to the first place without one, else over the oldest.
/// A worker asks once, when it takes a slot that another may have had, and then goes round.
#[must_use]
pub fn next_place(region: &[u8]) -> usize {
    let age = |place: &usize| {
        let record = region.get(place * RECORD_BYTES..).unwrap_or_default();
        Failure::decode(record).map(|failure| failure.unix_ms)
    };
    (0..PLACES).min_by_key(age).unwrap_or(0)
}

/// A text without anything that could steer a terminal or turn a line around.
#[must_use]
pub fn clean(text: &str) -> String {
    const TURNS: [RangeInclusive<char>; 3] =
        ['\u{200e}'..='\u{200f}', '\u{2028}'..='\u{202e}', '\u{2066}'..='\u{2069}'];
    let turns = |c| TURNS.iter().any(|range| range.contains(&c));
    text.chars().map(|c| if c.is_control() || turns(c) { '?' } else { c }).collect()
}

impl FailureEnd {
    const fn code(self) -> u8 {
        match self {
            Self::Closed => 0,
            Self::Reset => 1,
            Self::Limit => 2,
            Self::Tls => 3,
        }
    }

    const fn of(code: u8) -> Option<Self> {
        Some(match code {
            0 => Self::Closed,
            1 => Self::Reset,
            2 => Self::Limit,
            3 => Self::Tls,
            _ => return None,
        })
    }
}

/// What is left to be read.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn byte(&mut self) -> Option<u8> {
        self.array().map(|[byte]: [u8; 1]| byte)
    }

    fn alert(&mut self) -> Option<Option<u8>> {
        let [there, code]: [u8; 2] = self.array()?;
        Some((there != 0).then_some(code))
    }

    fn text(&mut self, bytes_max: usize) -> Option<String> {
        let length = usize::from(u16::from_le_bytes(self.array()?));
        if length > bytes_max {
            return None;
        }
        Some(clean(std::str::from_utf8(self.take(length)?).ok()?))
    }
}

fn put_text(out: &mut Vec<u8>, text: &str, bytes_max: usize) {
    let text = clean(text);
    let text = text.get(..text.floor_char_boundary(bytes_max)).unwrap_or_default();
    out.extend_from_slice(&u16::try_from(text.len()).unwrap_or(0).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}

/// As many pieces as fit; whether something was left out.
fn put_pieces(out: &mut Vec<u8>, pieces: &[Piece]) -> bool {
    for piece in pieces {
        let room = RECORD_BYTES.saturating_sub(out.len() + PIECE_HEAD_BYTES);
        let fits = piece.bytes.get(..piece.bytes.len().min(room)).unwrap_or_default();
        if room == 0 {
            return true;
        }
        out.push(match piece.from {
            Sender::Client => 0,
            Sender::Server => 1,
        });
        out.extend_from_slice(&piece.at_us.to_le_bytes());
        out.extend_from_slice(&u16::try_from(fits.len()).unwrap_or(0).to_le_bytes());
        out.extend_from_slice(fits);
        if fits.len() < piece.bytes.len() {
            return true;
        }
    }
    false
}

/// IPv4 addresses are written as IPv6 ones, and read as what they are.
fn address_bytes(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
        IpAddr::V6(v6) => v6.octets(),
    }
}

fn address(bytes: [u8; 16]) -> IpAddr {
    IpAddr::V6(Ipv6Addr::from(bytes)).to_canonical()
}

/// Bytes of one place of the file.
pub const RECORD_BYTES: usize = 8192;

/// Records a worker keeps.
pub const PLACES: usize = 16;

/// Bytes of the file that belong to one worker.
pub const REGION_BYTES: u64 = (PLACES * RECORD_BYTES) as u64;

const MAGIC: &[u8; 8] = b"menshenF";
const HEAD_BYTES: usize = MAGIC.len() + 4 + 4;
const PIECE_HEAD_BYTES: usize = 1 + 8 + 2;
/// RFC 1035 §2.3.4 allows 253.
const SNI_BYTES_MAX: usize = 255;
const ERROR_BYTES_MAX: usize = 512;

#[cfg(test)]
mod tests;
