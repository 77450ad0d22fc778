//! Packets: three bytes of length, a sequence number, the payload; a payload of 0xFFFFFF bytes
//! continues in the next packet (`sql/net_serv.cc`).
//!
//! *Packet* here is what has one header; a *message* is one or more packets, the last of them
//! shorter than 0xFFFFFF (perhaps empty). Commands are messages.

use alloc::borrow::Cow;
use alloc::vec::Vec;

/// The header of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Bytes of payload, at most [`PAYLOAD_MAX`].
    pub len: usize,
    /// The sequence number; a command begins with 0, each further packet of the exchange counts up.
    pub sequence: u8,
}

impl Header {
    /// The header at the front of `bytes`; `None`: fewer than [`HEADER_BYTES`].
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let [a, b, c, sequence] = *bytes.first_chunk()?;
        let len = usize::from(a) | usize::from(b) << 8 | usize::from(c) << 16;
        Some(Self { len, sequence })
    }

    /// Its bytes.
    #[must_use]
    pub fn encode(self) -> [u8; HEADER_BYTES] {
        let [a, b, c, ..] = self.len.to_le_bytes();
        [a, b, c, self.sequence]
    }

    /// Whether the message goes on in the next packet.
    #[must_use]
    pub const fn continues(self) -> bool {
        self.len >= PAYLOAD_MAX
    }
}

/// One packet with all its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Its header.
    pub header: Header,
    /// Its payload.
    pub payload: &'a [u8],
}

impl Packet<'_> {
    /// Bytes on the wire, header included.
    #[must_use]
    pub const fn wire_len(&self) -> usize {
        HEADER_BYTES + self.payload.len()
    }
}

/// The first packet of `bytes`, if all of it is there.
#[must_use]
pub fn first(bytes: &[u8]) -> Option<Packet<'_>> {
    let header = Header::parse(bytes)?;
    let payload = bytes.get(HEADER_BYTES..HEADER_BYTES + header.len)?;
    Some(Packet { header, payload })
}

/// The whole packets at the front of `bytes`, one after another.
#[must_use]
pub const fn packets(bytes: &[u8]) -> Packets<'_> {
    Packets { rest: bytes }
}

/// See [`packets`].
#[derive(Clone, Copy, Debug)]
pub struct Packets<'a> {
    rest: &'a [u8],
}

impl<'a> Packets<'a> {
    /// The bytes after the packets that were yielded.
    #[must_use]
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

impl<'a> Iterator for Packets<'a> {
    type Item = Packet<'a>;

    fn next(&mut self) -> Option<Packet<'a>> {
        let packet = first(self.rest)?;
        self.rest = self.rest.get(packet.wire_len()..)?;
        Some(packet)
    }
}

/// How much of a message is there; see [`message`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message {
    /// Not all of it: at least this many bytes are needed from its start, header included. A bound
    /// from below; ask again with them.
    Partial {
        /// Bytes from the start of the message.
        want: usize,
    },
    /// All of it.
    Whole {
        /// Bytes on the wire, all headers included.
        wire_len: usize,
        /// The sequence number of its first packet; 0 for a command.
        first_sequence: u8,
        /// The sequence number of its last packet; the reply begins with the next one.
        last_sequence: u8,
    },
    /// Its packets announce more than the allowed payload. It can still be relayed as it is with a
    /// [`Stream`], without being read.
    TooLong,
}

/// Looks at the message at the front of `bytes`; payloads above `payload_max` bytes are not waited
/// for.
#[must_use]
pub fn message(bytes: &[u8], payload_max: usize) -> Message {
    let mut at = 0_usize;
    let mut payload = 0_usize;
    let mut first_sequence = None;
    loop {
        let Some(header) = bytes.get(at..).and_then(Header::parse) else {
            return Message::Partial { want: at.saturating_add(HEADER_BYTES) };
        };
        let first_sequence = *first_sequence.get_or_insert(header.sequence);
        payload = payload.saturating_add(header.len);
        at = at.saturating_add(HEADER_BYTES + header.len);
        if payload > payload_max {
            return Message::TooLong;
        }
        if bytes.len() < at {
            return Message::Partial { want: at };
        }
        if !header.continues() {
            let last_sequence = header.sequence;
            return Message::Whole { wire_len: at, first_sequence, last_sequence };
        }
    }
}

/// The payload of a whole message (`bytes[..wire_len]` of [`Message::Whole`]), without copying when
/// it is one packet.
#[must_use]
pub fn payload(bytes: &[u8]) -> Cow<'_, [u8]> {
    match first(bytes) {
        Some(packet) if !packet.header.continues() => Cow::Borrowed(packet.payload),
        _ => Cow::Owned(packets(bytes).flat_map(|packet| packet.payload).copied().collect()),
    }
}

/// Follows messages that are relayed without being read: a command longer than what is inspected,
/// or the file of `LOAD DATA LOCAL`.
#[derive(Clone, Copy, Debug)]
pub struct Stream {
    end: StreamEnd,
    skip: usize,
    head: [u8; HEADER_BYTES],
    head_len: usize,
    last: bool,
    ended: bool,
    sequence: u8,
}

/// Where a [`Stream`] ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamEnd {
    /// With the first packet shorter than [`PAYLOAD_MAX`]: one message.
    ShortPacket,
    /// With the first packet without payload: a file sent by the client.
    EmptyPacket,
}

impl Stream {
    /// At the start of a packet.
    #[must_use]
    pub const fn new(end: StreamEnd) -> Self {
        let head = [0; HEADER_BYTES];
        Self { end, skip: 0, head, head_len: 0, last: false, ended: false, sequence: 0 }
    }

    /// How many bytes of `bytes` belong to it. Fewer than all of them only when it has ended.
    pub fn take(&mut self, bytes: &[u8]) -> usize {
        let mut at = 0;
        while !self.ended {
            if self.skip > 0 {
                let step = self.skip.min(bytes.len() - at);
                (at, self.skip) = (at + step, self.skip - step);
                if self.skip > 0 {
                    return at;
                }
                self.ended = self.last;
                continue;
            }
            let Some(byte) = bytes.get(at) else { return at };
            if let Some(place) = self.head.get_mut(self.head_len) {
                *place = *byte;
            }
            (at, self.head_len) = (at + 1, self.head_len + 1);
            if self.head_len < HEADER_BYTES {
                continue;
            }
            self.head_len = 0;
            let Some(header) = Header::parse(&self.head) else { continue };
            (self.skip, self.sequence) = (header.len, header.sequence);
            self.last = match self.end {
                StreamEnd::ShortPacket => !header.continues(),
                StreamEnd::EmptyPacket => header.len == 0,
            };
            self.ended = self.last && self.skip == 0;
        }
        at
    }

    /// Whether its last byte has been seen.
    #[must_use]
    pub const fn ended(&self) -> bool {
        self.ended
    }

    /// The sequence number of the latest packet that began.
    #[must_use]
    pub const fn sequence(&self) -> u8 {
        self.sequence
    }
}

/// Appends `payload` as one message and counts `sequence` up for each of its packets.
pub fn push(out: &mut Vec<u8>, sequence: &mut u8, payload: &[u8]) {
    let mut rest = payload;
    loop {
        let (now, later) = rest.split_at(rest.len().min(PAYLOAD_MAX));
        let header = Header { len: now.len(), sequence: *sequence };
        *sequence = sequence.wrapping_add(1);
        out.extend_from_slice(&header.encode());
        out.extend_from_slice(now);
        rest = later;
        if !header.continues() {
            return;
        }
    }
}

/// Bytes of a header.
pub const HEADER_BYTES: usize = 4;

/// The longest payload of one packet; one of exactly this length continues in the next.
pub const PAYLOAD_MAX: usize = 0xff_ffff;

#[cfg(test)]
mod tests;
