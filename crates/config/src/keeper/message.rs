//! The wire from the keeper to the guard: what it got, as numbers, lengths and opaque bytes.
//!
//! Root reads this and a stranger may have written it, so the form is as plain as can be: a head of
//! fixed size (kind, number, length of each of two parts, little-endian), then the parts. Every
//! length has a bound that is checked before a byte of the part is kept. Nothing here looks into a
//! part, and nothing may: whoever needs to know what is in it does so elsewhere, without rights.
//!
//! How it fails: an unknown kind or a length out of its bounds is an error for good, since nobody
//! knows where the next message would begin; the guard then ends the keeper and starts another one.

use std::fmt;

/// One message; the keeper writes, the guard reads.
#[derive(Clone, PartialEq, Eq)]
pub enum Message {
    /// A certificate to store and to serve.
    Certificate {
        /// Index of the name in [`super::KeeperSpec::orders`].
        order: u32,
        /// PEM chain, leaf first.
        chain_pem: Vec<u8>,
        /// PEM private key.
        key_pem: Vec<u8>,
    },
    /// An account to store; it comes back as [`super::DirectorySpec::account`].
    Account {
        /// Index of the authority in [`super::KeeperSpec::directories`].
        directory: u32,
        /// Credentials, with the account's key.
        credentials: Vec<u8>,
    },
    /// What to remember of a name; it comes back as [`super::OrderSpec::note`].
    Note {
        /// Index of the name in [`super::KeeperSpec::orders`].
        order: u32,
        /// A [`super::Note`] as JSON.
        json: Vec<u8>,
    },
}

/// Why bytes are no messages, or why a message cannot be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageError {
    /// No such kind.
    Kind(u8),
    /// A part that is empty where it must not be, or longer than its bound.
    Length {
        /// The kind of message.
        kind: u8,
        /// Length of the part in bytes.
        bytes: usize,
    },
}

/// Cuts messages out of a stream of bytes, however it is chopped.
#[derive(Default)]
pub struct MessageReader {
    buffer: Vec<u8>,
    broken: Option<MessageError>,
}

impl Message {
    /// The message as bytes.
    ///
    /// # Errors
    /// A part out of its bounds; the reader would refuse it.
    pub fn encode(&self) -> Result<Vec<u8>, MessageError> {
        let none: &[u8] = &[];
        let (kind, number, first, second) = match self {
            Self::Certificate { order, chain_pem, key_pem } => {
                (CERTIFICATE, *order, chain_pem.as_slice(), key_pem.as_slice())
            }
            Self::Account { directory, credentials } => {
                (ACCOUNT, *directory, credentials.as_slice(), none)
            }
            Self::Note { order, json } => (NOTE, *order, json.as_slice(), none),
        };
        let mut bytes = Vec::with_capacity(HEAD_BYTES + first.len() + second.len());
        bytes.push(kind);
        bytes.extend_from_slice(&number.to_le_bytes());
        for part in [first, second] {
            let length = u32::try_from(part.len())
                .map_err(|_| MessageError::Length { kind, bytes: part.len() })?;
            bytes.extend_from_slice(&length.to_le_bytes());
        }
        Head::read(&bytes)?;
        bytes.extend_from_slice(first);
        bytes.extend_from_slice(second);
        Ok(bytes)
    }
}

impl MessageReader {
    /// Takes the next bytes of the stream; gives the messages they complete, in order.
    ///
    /// # Errors
    /// The stream is no message stream; every later call gives the same error. Messages that were
    /// complete before the fault in the same call are lost: their writer is not to be trusted.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Vec<Message>, MessageError> {
        if let Some(error) = self.broken {
            return Err(error);
        }
        self.buffer.extend_from_slice(bytes);
        let mut messages = Vec::new();
        let mut rest = self.buffer.as_slice();
        loop {
            match cut(rest) {
                Ok(Some((message, behind))) => {
                    messages.push(message);
                    rest = behind;
                }
                Ok(None) => break,
                Err(error) => {
                    self.broken = Some(error);
                    self.buffer = Vec::new();
                    return Err(error);
                }
            }
        }
        let taken = self.buffer.len() - rest.len();
        self.buffer.drain(..taken);
        Ok(messages)
    }

    /// Whether the stream may end here: no message is half read.
    #[must_use]
    pub fn is_between_messages(&self) -> bool {
        self.buffer.is_empty() && self.broken.is_none()
    }
}

/// The first message of `bytes` with what is behind it; none while it is not whole.
fn cut(bytes: &[u8]) -> Result<Option<(Message, &[u8])>, MessageError> {
    if bytes.len() < HEAD_BYTES {
        // The kind is the first byte: garbage need not wait for a whole head.
        return bytes.first().map_or(Ok(None), |kind| bounds(*kind).map(|_| None));
    }
    let head = Head::read(bytes)?;
    let end = HEAD_BYTES + head.first + head.second;
    let (Some(parts), Some(behind)) = (bytes.get(HEAD_BYTES..end), bytes.get(end..)) else {
        return Ok(None);
    };
    let (first, second) = parts.split_at(head.first);
    let (number, first) = (head.number, first.to_vec());
    let message = match head.kind {
        CERTIFICATE => {
            Message::Certificate { order: number, chain_pem: first, key_pem: second.to_vec() }
        }
        ACCOUNT => Message::Account { directory: number, credentials: first },
        _ => Message::Note { order: number, json: first },
    };
    Ok(Some((message, behind)))
}

struct Head {
    kind: u8,
    number: u32,
    first: usize,
    second: usize,
}

impl Head {
    /// The head at the front of `bytes`, its lengths within their bounds.
    fn read(bytes: &[u8]) -> Result<Self, MessageError> {
        let word = |at: usize| {
            let word = bytes.get(at..at + 4).and_then(|word| <[u8; 4]>::try_from(word).ok());
            u32::from_le_bytes(word.unwrap_or_default())
        };
        let kind = bytes.first().copied().unwrap_or_default();
        let bounds = bounds(kind)?;
        let length = |at: usize, bound: usize| {
            let bytes = usize::try_from(word(at)).unwrap_or(usize::MAX);
            // A kind without a second part has a bound of 0 for it.
            let fits = bytes <= bound && (bytes > 0 || bound == 0);
            if fits { Ok(bytes) } else { Err(MessageError::Length { kind, bytes }) }
        };
        Ok(Self {
            kind,
            number: word(1),
            first: length(5, bounds.0)?,
            second: length(9, bounds.1)?,
        })
    }
}

/// Most bytes of the two parts of a kind.
fn bounds(kind: u8) -> Result<(usize, usize), MessageError> {
    match kind {
        CERTIFICATE => Ok((CHAIN_BYTES_MAX, KEY_BYTES_MAX)),
        ACCOUNT => Ok((ACCOUNT_BYTES_MAX, 0)),
        NOTE => Ok((NOTE_BYTES_MAX, 0)),
        _ => Err(MessageError::Kind(kind)),
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Keys and accounts are secrets, so only sizes are shown.
        match self {
            Self::Certificate { order, chain_pem, key_pem } => {
                write!(f, "Certificate({order}, {} + {} bytes)", chain_pem.len(), key_pem.len())
            }
            Self::Account { directory, credentials } => {
                write!(f, "Account({directory}, {} bytes)", credentials.len())
            }
            Self::Note { order, json } => write!(f, "Note({order}, {} bytes)", json.len()),
        }
    }
}

impl fmt::Debug for MessageReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MessageReader({} bytes, {:?})", self.buffer.len(), self.broken)
    }
}

impl fmt::Display for MessageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kind(kind) => write!(f, "message of unknown kind {kind}"),
            Self::Length { kind, bytes } => {
                write!(f, "message of kind {kind} with a part of {bytes} bytes, out of its bounds")
            }
        }
    }
}

impl std::error::Error for MessageError {}

/// Longest chain: a dozen large certificates.
pub const CHAIN_BYTES_MAX: usize = 256 << 10;
/// Longest private key: RSA of 16384 bits has 13 KiB as PEM.
pub const KEY_BYTES_MAX: usize = 16 << 10;
/// Longest account credentials.
pub const ACCOUNT_BYTES_MAX: usize = 16 << 10;
/// Longest note.
pub const NOTE_BYTES_MAX: usize = 16 << 10;

const HEAD_BYTES: usize = 1 + 4 + 4 + 4;
const CERTIFICATE: u8 = 1;
const ACCOUNT: u8 = 2;
const NOTE: u8 = 3;

#[cfg(test)]
mod tests;
