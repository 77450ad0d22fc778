//! From stream to stream through another process's memory, with bounds on everything: the records
//! may be half written, or lie.

use std::io;

use super::layout::{self, Record};
use super::{Buffering, Library, Look, Stream, StuckStream, TEXT_BYTES_MAX};
use crate::elf::Width;

/// Memory that can be read.
pub(super) trait Memory {
    /// Fills the buffer, or fails.
    fn read(&self, address: u64, buffer: &mut [u8]) -> io::Result<()>;
}

/// Where to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Roots {
    pub(super) library: Library,
    pub(super) width: Width,
    pub(super) stdout: Root,
    pub(super) stderr: Option<Root>,
    /// Where the pointer to the first of all streams is.
    pub(super) list: Option<u64>,
}

/// Where a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Root {
    /// There.
    At(u64),
    /// Where the pointer there says.
    Through(u64),
}

/// Looks at all streams. `None`: what should be `stdout` is none.
///
/// # Errors
/// When the memory of `stdout` cannot be read; streams that cannot be read later are left out.
pub(super) fn walk(memory: &dyn Memory, roots: &Roots) -> io::Result<Option<Look>> {
    let walk = Walk { memory, roots };
    let stdout = walk.resolve(roots.stdout)?;
    let Some((record, stuck)) = walk.stream(stdout)? else { return Ok(None) };
    let mut look = Look { library: roots.library, stdout: record.buffering, stuck: Vec::new() };
    look.stuck.extend(stuck.map(|stuck| StuckStream { stream: Stream::Stdout, ..stuck }));
    let stderr = roots.stderr.and_then(|root| walk.resolve(root).ok());
    if let Some((_, Some(stuck))) = stderr.and_then(|address| walk.stream(address).ok().flatten()) {
        look.stuck.push(StuckStream { stream: Stream::Stderr, ..stuck });
    }
    let mut next = roots.list.and_then(|address| walk.pointer(address).ok()).unwrap_or(0);
    // A list that was read while it changed may go round: it has an end here in any case.
    for _ in 0..STREAMS_MAX {
        if next == 0 || look.stuck.len() >= STUCK_MAX {
            break;
        }
        let Ok(Some((record, stuck))) = walk.stream(next) else { break };
        if next != stdout && Some(next) != stderr {
            look.stuck.extend(stuck);
        }
        next = record.next;
    }
    Ok(Some(look))
}

struct Walk<'a> {
    memory: &'a dyn Memory,
    roots: &'a Roots,
}

impl Walk<'_> {
    fn resolve(&self, root: Root) -> io::Result<u64> {
        match root {
            Root::At(address) => Ok(address),
            Root::Through(address) => self.pointer(address),
        }
    }

    fn pointer(&self, address: u64) -> io::Result<u64> {
        let mut bytes = [0; 8];
        let bytes = &mut bytes[..self.roots.width.bytes()];
        self.memory.read(address, bytes)?;
        Ok(layout::pointer(self.roots.width, bytes).unwrap_or(0))
    }

    /// A stream and what is stuck in it.
    ///
    /// The process runs on meanwhile: text is believed only if the record was the same before and
    /// after it was read.
    fn stream(&self, address: u64) -> io::Result<Option<(Record, Option<StuckStream>)>> {
        let mut seen = self.record(address)?;
        for _ in 0..TRIES {
            let Some(record) = seen else { return Ok(None) };
            let stuck = self.text(&record);
            let again = self.record(address)?;
            if again == Some(record) {
                return Ok(Some((record, stuck)));
            }
            seen = again;
        }
        // It prints all the time, so nothing is stuck for long.
        Ok(seen.map(|record| (record, None)))
    }

    fn record(&self, address: u64) -> io::Result<Option<Record>> {
        let (library, width) = (self.roots.library, self.roots.width);
        let mut bytes = [0; RECORD_BYTES_MAX];
        let bytes = &mut bytes[..layout::record_bytes(library, width)];
        self.memory.read(address, bytes)?;
        Ok(layout::decode(library, width, bytes))
    }

    fn text(&self, record: &Record) -> Option<StuckStream> {
        let (from, to) = record.pending;
        let (start, end) = record.buffer;
        let mut text = Vec::new();
        let mut bytes = 0;
        if start != 0 && start <= from && from < to && to <= end && end - start <= BUFFER_BYTES_MAX
        {
            bytes = to - from;
            text = self.bytes(from, bytes)?;
        }
        if let Some(wide) = record.wide {
            let wide = self.wide(wide).unwrap_or_default();
            bytes += wide.len() as u64;
            text.extend_from_slice(wide.as_bytes());
            text.truncate(TEXT_BYTES_MAX);
        }
        // Streams into memory have no descriptor: their text is where it belongs.
        if bytes == 0 || record.descriptor < 0 {
            return None;
        }
        Some(StuckStream {
            stream: Stream::Other,
            descriptor: record.descriptor,
            bytes,
            text,
            buffering: match record.buffering {
                Buffering::Undecided => Buffering::Full,
                decided => decided,
            },
            buffer_bytes: end.saturating_sub(start),
        })
    }

    /// The beginning of a text of this length.
    fn bytes(&self, from: u64, length: u64) -> Option<Vec<u8>> {
        let length = usize::try_from(length).unwrap_or(usize::MAX).min(TEXT_BYTES_MAX);
        let mut text = vec![0; length];
        self.memory.read(from, &mut text).ok()?;
        Some(text)
    }

    /// Wide characters that have not become bytes yet, as UTF-8, which is what they become almost
    /// everywhere.
    fn wide(&self, address: u64) -> Option<String> {
        let width = self.roots.width;
        let mut bytes = [0; RECORD_BYTES_MAX];
        let bytes = &mut bytes[..layout::wide_bytes(width)];
        self.memory.read(address, bytes).ok()?;
        let (from, to) = layout::decode_wide(width, bytes)?;
        let characters = self.bytes(from, to - from)?;
        let character = |bytes: &[u8]| {
            let number = bytes.try_into().map_or(u32::MAX, u32::from_le_bytes);
            char::from_u32(number).unwrap_or(char::REPLACEMENT_CHARACTER)
        };
        Some(characters.chunks(4).map(character).collect())
    }
}

/// Streams that are followed in a list.
const STREAMS_MAX: usize = 4096;
/// Streams whose text is kept.
const STUCK_MAX: usize = 64;
/// How often a stream is read that changes meanwhile.
const TRIES: usize = 4;
/// Larger buffers are not believed.
const BUFFER_BYTES_MAX: u64 = 1 << 30;
const RECORD_BYTES_MAX: usize = 256;

#[cfg(test)]
mod tests;
