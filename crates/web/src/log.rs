//! The access log: one line for each request or failed session, ending in its end reason.
//!
//! Lines gather in memory and are written about once a second or when 32 KiB are there: to a file
//! with one append, to a pipe or terminal in pieces of whole lines that the kernel takes at once,
//! so that workers never mix within a line. A log that cannot be written, or a reader that stopped
//! reading, costs lines (counted), never a request. Values from clients are escaped: no control
//! character gets through.

use std::cell::RefCell;
use std::net::IpAddr;
use std::os::fd::OwnedFd;

use menshen_base::{Counter, EndReason};
use menshen_net::clock;
use menshen_sys::Slot;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, Stat, fstat};

use menshen_base::calendar::rfc3339;

use crate::links::redacted;

/// Where lines go.
#[derive(Debug)]
pub(crate) struct Log {
    file: Option<OwnedFd>,
    target: Target,
    slot: Slot,
    worker: String,
    lines: RefCell<Vec<u8>>,
}

/// What the log is written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    /// A regular file, which takes everything at once.
    File,
    /// A pipe, socket or terminal, whose reader may stand still.
    Stream,
}

/// What one line says.
#[derive(Debug)]
pub(crate) struct Line<'a> {
    pub(crate) client: IpAddr,
    /// `h1`, `h2`; `tls` for a failed handshake, `upload` for a request that came in pieces.
    pub(crate) protocol: &'static str,
    pub(crate) request: &'a [u8],
    /// 0 when nothing was answered.
    pub(crate) status: u16,
    pub(crate) bytes_in: u64,
    pub(crate) bytes_out: u64,
    pub(crate) times: Times,
    pub(crate) php: PhpNote,
    pub(crate) end: EndReason,
}

/// What became of a request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outcome {
    /// 0 when nothing was answered.
    pub(crate) status: u16,
    /// Body bytes received.
    pub(crate) bytes_in: u64,
    /// Body bytes sent.
    pub(crate) bytes_out: u64,
    /// Milliseconds the body took; -1 when none was awaited.
    pub(crate) body_ms: i64,
    /// Milliseconds the storage took; -1 when it had nothing to do.
    pub(crate) store_ms: i64,
    pub(crate) php: PhpNote,
    pub(crate) end: EndReason,
}

impl Outcome {
    /// Of an answer to a request whose body was not awaited.
    pub(crate) fn answered(status: u16, bytes_out: u64, end: EndReason) -> Self {
        let php = PhpNote::default();
        Self { status, bytes_in: 0, bytes_out, body_ms: -1, store_ms: -1, php, end }
    }
}

/// What PHP had to do with a request.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct PhpNote {
    pub(crate) way: PhpWay,
    /// Microseconds it waited for a place at PHP.
    pub(crate) queue_us: u64,
    /// Microseconds a PHP worker was held.
    pub(crate) held_us: u64,
}

/// How a request came to PHP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum PhpWay {
    /// Not at all.
    #[default]
    None,
    /// Without an uploaded file.
    Page,
    Swap,
    Fields,
    Replay,
}

impl PhpWay {
    /// The word in the log.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::None => "-",
            Self::Page => "page",
            Self::Swap => "swap",
            Self::Fields => "fields",
            Self::Replay => "replay",
        }
    }
}

/// Milliseconds of the phases; -1 for one that was never reached.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    pub(crate) handshake: i64,
    pub(crate) head: i64,
    pub(crate) body: i64,
    pub(crate) store: i64,
    pub(crate) send: i64,
}

impl Times {
    /// Nothing reached yet.
    pub(crate) const NONE: Self = Self { handshake: -1, head: -1, body: -1, store: -1, send: -1 };
}

impl Log {
    pub(crate) fn new(file: Option<OwnedFd>, slot: Slot, worker: String) -> Self {
        let regular = |stat: Stat| FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
        let target = match file.as_ref().map(fstat) {
            Some(Ok(stat)) if !regular(stat) => Target::Stream,
            _ => Target::File,
        };
        Self { file, target, slot, worker, lines: RefCell::new(Vec::new()) }
    }

    /// Whether lines are wanted at all: then a request's text must be kept.
    pub(crate) fn wanted(&self) -> bool {
        self.file.is_some()
    }

    /// Adds a line.
    pub(crate) fn add(&self, line: &Line<'_>) {
        if self.file.is_none() {
            return;
        }
        let mut lines = self.lines.borrow_mut();
        let now = clock::unix_ms();
        let seconds = rfc3339(i64::try_from(now / 1000).unwrap_or(0));
        let seconds = seconds.strip_suffix('Z').unwrap_or(&seconds);
        let Times { handshake, head, body, store, send } = line.times;
        let mut request = String::new();
        escape(&redacted(line.request), &mut request);
        let text = format!(
            "{seconds}.{:03}Z {} {} {} \"{request}\" {} in={} out={} \
             ms={handshake}/{head}/{body}/{store}/{send} end={}\n",
            now % 1000,
            self.worker,
            line.client,
            line.protocol,
            line.status,
            line.bytes_in,
            line.bytes_out,
            line.end,
        );
        lines.extend_from_slice(text.as_bytes());
        if line.php.way != PhpWay::None {
            // Before the end of the line, which is there already.
            lines.pop();
            let PhpNote { way, queue_us, held_us } = line.php;
            let tenths = |us: u64| (us / 1000, us / 100 % 10);
            let ((q, qt), (h, ht)) = (tenths(queue_us), tenths(held_us));
            let php = format!(" php={}/{q}.{qt}/{h}.{ht}\n", way.word());
            lines.extend_from_slice(php.as_bytes());
        }
        let full = lines.len() >= FLUSH_BYTES;
        drop(lines);
        if full {
            self.flush();
        }
    }

    /// Writes what has gathered.
    pub(crate) fn flush(&self) {
        let Some(file) = &self.file else { return };
        let mut lines = self.lines.borrow_mut();
        if lines.is_empty() {
            return;
        }
        let most = if self.target == Target::File { usize::MAX } else { PIECE_BYTES };
        for piece in pieces(&lines, most) {
            // A full disk or a broken pipe must not stop the door; the loss is counted.
            if !takes(file, self.target) || rustix::io::write(file, piece) != Ok(piece.len()) {
                let lost = piece.iter().filter(|&&b| b == b'\n').count();
                self.slot.add(Counter::LogDropped, lost as u64);
            }
        }
        lines.clear();
    }
}

/// Whole lines, as many as fit into `most` bytes.
fn pieces(mut lines: &[u8], most: usize) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let room = &lines[..lines.len().min(most)];
        let end = room.iter().rposition(|&b| b == b'\n').map_or(room.len(), |at| at + 1);
        let (piece, rest) = lines.split_at(end);
        lines = rest;
        (!piece.is_empty()).then_some(piece)
    })
}

/// Whether a write of up to [`PIECE_BYTES`] returns at once.
fn takes(file: &OwnedFd, target: Target) -> bool {
    let mut fds = [PollFd::new(file, PollFlags::OUT)];
    target == Target::File
        || poll(&mut fds, Some(&Timespec::default())).is_ok_and(|ready| ready > 0)
}

/// Appends bytes of a client: quotes, backslashes, control bytes and broken UTF-8 as `\xNN`.
pub(crate) fn escape(bytes: &[u8], out: &mut String) {
    use std::fmt::Write;
    let cut = &bytes[..bytes.len().min(REQUEST_BYTES)];
    for chunk in cut.utf8_chunks() {
        for c in chunk.valid().chars() {
            if c.is_control() || c == '"' || c == '\\' || is_disguise(c) {
                let mut buf = [0; 4];
                for byte in c.encode_utf8(&mut buf).bytes() {
                    let _ = write!(out, "\\x{byte:02x}");
                }
            } else {
                out.push(c);
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
    if cut.len() < bytes.len() {
        out.push('…');
    }
}

/// Characters that turn the reading direction or end a line for some readers, and so disguise
/// what stands in it.
pub(crate) fn is_disguise(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}')
        || matches!(c, '\u{61c}' | '\u{2028}' | '\u{2029}')
}

/// What a pipe takes whole once it takes anything (`PIPE_BUF`); a line is never longer.
const PIECE_BYTES: usize = 4096;
const FLUSH_BYTES: usize = 32 << 10;
const REQUEST_BYTES: usize = 512;

#[cfg(test)]
mod tests;
