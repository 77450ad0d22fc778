//! What a web worker says to the tunnel worker before the octets of a connection it hands over.
//!
//! Both are ours, and yet the reader takes any octets: workers of two versions may live side by
//! side while a new program is put in place. The preface says its own length, so a reader takes
//! it and not one octet more; what follows is the client's. It must never hold a secret of the TLS
//! connection, only what everybody saw of it. It fails with a [`HandoverError`]; nothing can be
//! answered then, the connection is closed.
//!
//! Layout, numbers big-endian: magic (4), version (1), kind (1), octets that follow (4); family
//! (1: 4 or 6), port (2), address (4, or 16 and scope 4); for [`Kind::Sstp`] SHA-1 (20), SHA-256
//! (32), and the early octets up to the end. After a preface of [`Kind::GreCounts`] the reader
//! answers one line of JSON and closes.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

use tokio::io::{AsyncRead, AsyncReadExt};

/// One preface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handover {
    /// Who the client is: its own address, also behind a trusted proxy.
    pub client: SocketAddr,
    /// What is wanted.
    pub kind: Kind,
}

/// What the web door wants of the tunnel door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// The connection is SSTP's from its first octet on.
    Sstp(Early),
    /// How many GRE packets were seen from the client's address and sent to it.
    GreCounts,
}

/// What a connection had before it was handed over.
#[derive(Clone, PartialEq, Eq)]
pub struct Early {
    /// SHA-1 of the certificate that this connection was shown.
    pub sha1: [u8; 20],
    /// SHA-256 of it.
    pub sha256: [u8; 32],
    /// The first octets: HTTP's head as it came, and what came behind it. At most
    /// [`EARLY_OCTETS_MAX`]; what is more follows the preface.
    pub octets: Vec<u8>,
}

/// A preface as far as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Read {
    /// More must come.
    NotYet,
    /// It is whole.
    Whole {
        /// The preface.
        handover: Handover,
        /// Its octets; what follows is the client's.
        octets: usize,
    },
}

/// Why octets are not a preface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HandoverError {
    /// Somebody else speaks.
    #[error("not a preface of menshen")]
    Foreign,
    /// Another program's version speaks; it is this one's octet.
    #[error("a preface of version {0}")]
    Version(u8),
    /// A kind that this version does not know.
    #[error("a preface of unknown kind {0}")]
    Kind(u8),
    /// A length or family that does not fit.
    #[error("a preface that is not well-formed")]
    Malformed,
}

/// The octets of a preface. Early octets beyond [`EARLY_OCTETS_MAX`] are left out: the caller
/// writes them behind it.
#[must_use]
pub fn write(handover: &Handover) -> Vec<u8> {
    let Handover { client, kind } = handover;
    let mut body = Vec::new();
    body.push(if client.is_ipv4() { 4 } else { 6 });
    body.extend_from_slice(&client.port().to_be_bytes());
    match client {
        SocketAddr::V4(client) => body.extend_from_slice(&client.ip().octets()),
        SocketAddr::V6(client) => {
            body.extend_from_slice(&client.ip().octets());
            body.extend_from_slice(&client.scope_id().to_be_bytes());
        }
    }
    let kind = match kind {
        Kind::Sstp(early) => {
            body.extend_from_slice(&early.sha1);
            body.extend_from_slice(&early.sha256);
            let most = early.octets.len().min(EARLY_OCTETS_MAX);
            body.extend_from_slice(early.octets.get(..most).unwrap_or_default());
            KIND_SSTP
        }
        Kind::GreCounts => KIND_GRE_COUNTS,
    };
    let mut octets = Vec::with_capacity(START_OCTETS + body.len());
    octets.extend_from_slice(&MAGIC);
    octets.extend_from_slice(&[VERSION, kind]);
    octets.extend_from_slice(&u32::try_from(body.len()).unwrap_or(u32::MAX).to_be_bytes());
    octets.append(&mut body);
    octets
}

/// Reads a preface from a connection's first octets.
///
/// # Errors
/// [`HandoverError`], as soon as it is certain.
pub fn read(octets: &[u8]) -> Result<Read, HandoverError> {
    let known = octets.len().min(MAGIC.len());
    if octets.get(..known) != MAGIC.get(..known) {
        return Err(HandoverError::Foreign);
    }
    if let Some(&version) = octets.get(4).filter(|&&version| version != VERSION) {
        return Err(HandoverError::Version(version));
    }
    let Some((start, rest)) = octets.split_first_chunk::<START_OCTETS>() else {
        return Ok(Read::NotYet);
    };
    let length = body_octets(start)?;
    let Some(body) = rest.get(..length) else { return Ok(Read::NotYet) };
    let handover = read_body(start[5], body)?;
    Ok(Read::Whole { handover, octets: START_OCTETS + length })
}

/// Takes a preface off a connection, and not one octet of what follows. It waits as long as the
/// other side likes: the caller has the clock.
///
/// # Errors
/// What the connection said; `InvalidData` with a [`HandoverError`] inside.
pub async fn receive(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Handover> {
    let broken = |error| io::Error::new(io::ErrorKind::InvalidData, error);
    let mut start = [0; START_OCTETS];
    stream.read_exact(&mut start).await?;
    read(&start).map_err(broken)?;
    let length = body_octets(&start).map_err(broken)?;
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    read_body(start[5], &body).map_err(broken)
}

/// Octets behind the fixed start, bounded by its kind.
fn body_octets(start: &[u8; START_OCTETS]) -> Result<usize, HandoverError> {
    let [.., kind, a, b, c, d] = *start;
    let most = match kind {
        KIND_SSTP => ADDRESS_OCTETS_MAX + HASH_OCTETS + EARLY_OCTETS_MAX,
        KIND_GRE_COUNTS => ADDRESS_OCTETS_MAX,
        other => return Err(HandoverError::Kind(other)),
    };
    let length = usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or(usize::MAX);
    if length > most { Err(HandoverError::Malformed) } else { Ok(length) }
}

fn read_body(kind: u8, body: &[u8]) -> Result<Handover, HandoverError> {
    let (client, rest) = read_client(body).ok_or(HandoverError::Malformed)?;
    let kind = match kind {
        KIND_SSTP => {
            let (sha1, rest) = rest.split_first_chunk().ok_or(HandoverError::Malformed)?;
            let (sha256, rest) = rest.split_first_chunk().ok_or(HandoverError::Malformed)?;
            if rest.len() > EARLY_OCTETS_MAX {
                return Err(HandoverError::Malformed);
            }
            Kind::Sstp(Early { sha1: *sha1, sha256: *sha256, octets: rest.to_vec() })
        }
        KIND_GRE_COUNTS if rest.is_empty() => Kind::GreCounts,
        _ => return Err(HandoverError::Malformed),
    };
    Ok(Handover { client, kind })
}

fn read_client(body: &[u8]) -> Option<(SocketAddr, &[u8])> {
    let (&[family, high, low], rest) = body.split_first_chunk::<3>()?;
    let port = u16::from_be_bytes([high, low]);
    match family {
        4 => {
            let (octets, rest) = rest.split_first_chunk::<4>()?;
            Some(((Ipv4Addr::from(*octets), port).into(), rest))
        }
        6 => {
            let (octets, rest) = rest.split_first_chunk::<16>()?;
            let (scope, rest) = rest.split_first_chunk::<4>()?;
            let scope = u32::from_be_bytes(*scope);
            let address = SocketAddrV6::new(Ipv6Addr::from(*octets), port, 0, scope);
            Some((address.into(), rest))
        }
        _ => None,
    }
}

impl std::fmt::Debug for Early {
    /// Without the octets: a client's head is nobody's log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Early").field("octets", &self.octets.len()).finish_non_exhaustive()
    }
}

/// Most early octets of one preface.
pub const EARLY_OCTETS_MAX: usize = 64 << 10;

/// Most octets of the line that answers [`Kind::GreCounts`], its line feed included.
pub const COUNTS_OCTETS_MAX: usize = 64 << 10;

/// Most octets of a preface.
pub const OCTETS_MAX: usize = START_OCTETS + ADDRESS_OCTETS_MAX + HASH_OCTETS + EARLY_OCTETS_MAX;

const MAGIC: [u8; 4] = *b"mnHO";
const VERSION: u8 = 1;
const KIND_SSTP: u8 = 1;
const KIND_GRE_COUNTS: u8 = 2;
/// Magic, version, kind, length.
const START_OCTETS: usize = 10;
const ADDRESS_OCTETS_MAX: usize = 23;
const HASH_OCTETS: usize = 52;

#[cfg(test)]
mod tests;
