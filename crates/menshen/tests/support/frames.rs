//! HTTP/2 frames by hand (RFC 9113 §4, §6), so that a test can send what no client library would.
//!
//! Header blocks are plain literals (RFC 7541 §6.2.2). Our settings forbid a dynamic table, so the
//! status of an answer can be read without one.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Read, Write};
use std::time::{Duration, Instant};

use super::live::Live;
use super::secure::{Secure, client, connect};

/// One HTTP/2 connection over TLS.
pub(crate) struct Frames {
    stream: Secure,
    held: Vec<u8>,
    /// Bytes of DATA the server still allows on the connection.
    pub(crate) window: u64,
    /// Streams the server has reset: code and time.
    pub(crate) resets: BTreeMap<u32, (u32, Instant)>,
}

/// A frame as received.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) id: u32,
    pub(crate) payload: Vec<u8>,
}

/// How a stream, or the connection under it, was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// An answer with this status.
    Status(u16),
    /// RST_STREAM with this code.
    Reset(u32),
    /// GOAWAY with this code.
    GoAway(u32),
    /// The connection ended without a word.
    Closed,
    /// Nothing came.
    Silent,
}

impl Frames {
    /// Connects, exchanges settings.
    pub(crate) fn open(live: &Live) -> Self {
        Self::open_with(live, 1 << 20)
    }

    /// As [`Self::open`], with a first window of so many bytes for each answer.
    pub(crate) fn open_with(live: &Live, stream_window: u32) -> Self {
        let stream = connect(&client(live, &[b"h2"]), live.https.unwrap());
        assert_eq!(stream.conn.alpn_protocol(), Some(&b"h2"[..]));
        let resets = BTreeMap::new();
        let mut frames = Self { stream, held: Vec::new(), window: 65_535, resets };
        let no_table = [0, 1, 0, 0, 0, 0];
        let window = [&[0, 4][..], &stream_window.to_be_bytes()].concat();
        let settings = frame(SETTINGS, 0, 0, &[&no_table[..], &window].concat());
        // What one stream does not take must not stop its siblings.
        let wide = frame(WINDOW_UPDATE, 0, 0, &(1_u32 << 30).to_be_bytes());
        frames.send(&[PREFACE, &settings, &wide].concat()).unwrap();
        let theirs = frames.next(PATIENCE).unwrap();
        assert_eq!((theirs.kind, theirs.flags), (SETTINGS, 0));
        frames.send(&frame(SETTINGS, ACK, 0, &[])).unwrap();
        frames
    }

    /// Gives up sending after so long: a server that does not read on is a way of saying no.
    pub(crate) fn send_within(&self, patience: Duration) {
        self.stream.sock.set_write_timeout(Some(patience)).unwrap();
    }

    /// Sends bytes as they are.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)?;
        self.stream.flush()
    }

    /// The next frame; `None` at the end or when nothing comes in time. Pings are answered, window
    /// updates of the connection taken note of.
    pub(crate) fn next(&mut self, within: Duration) -> Option<Frame> {
        let until = Instant::now() + within;
        loop {
            let frame = self.raw(until)?;
            if frame.kind == RST_STREAM {
                self.resets.insert(frame.id, (word(&frame.payload), Instant::now()));
            }
            match frame.kind {
                PING if frame.flags & ACK == 0 => {
                    let _ = self.send(&super::frames::frame(PING, ACK, 0, &frame.payload));
                }
                WINDOW_UPDATE if frame.id == 0 => self.window += u64::from(word(&frame.payload)),
                _ => return Some(frame),
            }
        }
    }

    /// What becomes of a stream.
    pub(crate) fn outcome(&mut self, id: u32) -> End {
        let until = Instant::now() + PATIENCE;
        loop {
            let Some(frame) = self.next(until.saturating_duration_since(Instant::now())) else {
                return if Instant::now() < until { End::Closed } else { End::Silent };
            };
            match frame.kind {
                HEADERS if frame.id == id => return End::Status(status(&frame.payload)),
                RST_STREAM if frame.id == id => return End::Reset(word(&frame.payload)),
                GOAWAY => return End::GoAway(word(&frame.payload[4..])),
                _ => {}
            }
        }
    }

    /// A GET and its outcome.
    pub(crate) fn get(&mut self, id: u32, path: &str) -> End {
        let block = block(&request("GET", path));
        if self.send(&frame(HEADERS, END_HEADERS | END_STREAM, id, &block)).is_err() {
            return End::Closed;
        }
        self.outcome(id)
    }

    fn raw(&mut self, until: Instant) -> Option<Frame> {
        loop {
            if let Some(head) = self.held.first_chunk::<9>() {
                let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8;
                let length = length | usize::from(head[2]);
                if self.held.len() >= 9 + length {
                    let (kind, flags, id) = (head[3], head[4], word(&head[5..]));
                    let payload = self.held[9..9 + length].to_vec();
                    self.held.drain(..9 + length);
                    return Some(Frame { kind, flags, id, payload });
                }
            }
            let left = until.checked_duration_since(Instant::now())?;
            let left = left.max(Duration::from_millis(1));
            self.stream.sock.set_read_timeout(Some(left)).unwrap();
            let mut piece = [0; 16 << 10];
            match self.stream.read(&mut piece) {
                Ok(0) => return None,
                Ok(n) => self.held.extend_from_slice(&piece[..n]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => return None,
            }
        }
    }
}

/// A frame as sent.
pub(crate) fn frame(kind: u8, flags: u8, id: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let head = [&length[1..], &[kind, flags], &id.to_be_bytes()].concat();
    [&head, payload].concat()
}

/// The pseudo-headers of a request.
pub(crate) fn request<'a>(method: &'a str, path: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![(":method", method), (":scheme", "https"), (":authority", "localhost"), (":path", path)]
}

/// A header block of literals without indexing.
pub(crate) fn block<N: AsRef<[u8]>, V: AsRef<[u8]>>(fields: &[(N, V)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, value) in fields {
        out.push(0);
        for text in [name.as_ref(), value.as_ref()] {
            integer(text.len(), &mut out);
            out.extend_from_slice(text);
        }
    }
    out
}

/// A length with a 7-bit prefix (RFC 7541 §5.1).
pub(crate) fn integer(mut value: usize, out: &mut Vec<u8>) {
    if value < 127 {
        out.push(u8::try_from(value).unwrap());
        return;
    }
    out.push(127);
    value -= 127;
    while value >= 128 {
        out.push(u8::try_from(value % 128).unwrap() | 128);
        value /= 128;
    }
    out.push(u8::try_from(value).unwrap());
}

/// The four bytes at the start, without the reserved bit.
fn word(bytes: &[u8]) -> u32 {
    u32::from_be_bytes(*bytes.first_chunk().unwrap()) & 0x7fff_ffff
}

/// `:status`, which comes first.
pub(crate) fn status(block: &[u8]) -> u16 {
    let known = [(8, 200), (9, 204), (10, 206), (11, 304), (12, 400), (13, 404), (14, 500)];
    let updates = block.iter().take_while(|&&byte| byte & 0xe0 == 0x20).count();
    let (first, rest) = block[updates..].split_first().unwrap();
    if first & 0x80 != 0 {
        return known.iter().find(|(index, _)| index | 0x80 == *first).unwrap().1;
    }
    assert!(matches!(first, 0x08 | 0x18 | 0x48), "no status first: {block:02x?}");
    let text = &rest[1..=usize::from(rest[0] & 0x7f)];
    if rest[0] & 0x80 == 0 {
        return std::str::from_utf8(text).unwrap().parse().unwrap();
    }
    // Huffman codes of digits: five bits for 0 to 2, six for the others (RFC 7541, appendix B).
    let bits: Vec<u8> = text.iter().flat_map(|b| (0..8).rev().map(move |at| b >> at & 1)).collect();
    let (mut at, mut value) = (0, 0);
    for _ in 0..3 {
        let code =
            |n: usize| bits[at..at + n].iter().fold(0, |code, bit| code << 1 | u16::from(*bit));
        let five = code(5);
        let (digit, length) = if five <= 2 { (five, 5) } else { (code(6) - 25 + 3, 6) };
        value = value * 10 + digit;
        at += length;
    }
    value
}

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const PRIORITY: u8 = 2;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PUSH_PROMISE: u8 = 5;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

pub(crate) const END_STREAM: u8 = 1;
pub(crate) const ACK: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;

pub(crate) const PROTOCOL_ERROR: u32 = 1;
pub(crate) const FLOW_CONTROL_ERROR: u32 = 3;
pub(crate) const STREAM_CLOSED: u32 = 5;
pub(crate) const FRAME_SIZE_ERROR: u32 = 6;
pub(crate) const CANCEL: u32 = 8;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const PATIENCE: Duration = Duration::from_secs(10);
