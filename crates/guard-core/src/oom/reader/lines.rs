//! Bytes into lines: which are read and which are passed over unread.
//!
//! What is read depends on the log alone, never on how it was cut into pieces: lines that hold a
//! word of interest, and the first line of each block, which shows whether the log has changed its
//! form.

use super::Reader;
use crate::oom::scan::{BLOCK_BYTES, Hits};
use crate::oom::summary::Style;

impl Reader {
    /// Takes some of the bytes; how many.
    pub(super) fn take(&mut self, bytes: &[u8]) -> usize {
        if self.binary.is_some() {
            return self.take_binary(bytes);
        }
        if !self.begun {
            let room = self.next_sample.saturating_sub(self.offset);
            let size = usize::try_from(room).unwrap_or(usize::MAX).min(bytes.len());
            let block = bytes.get(..size).unwrap_or_default();
            if let Some(end) = memchr::memrchr(b'\n', block) {
                return self.block(bytes.get(..=end).unwrap_or_default());
            }
            self.begun = true;
            self.sampled = self.offset >= self.next_sample;
        }
        self.end_line(bytes)
    }

    /// The last line of the log, which has no line end.
    pub(super) fn last_line(&mut self) {
        if self.begun {
            let carry = core::mem::take(&mut self.carry);
            self.read_if(&carry, self.sampled);
        }
    }

    /// Takes bytes up to the end of the line that has begun.
    fn end_line(&mut self, bytes: &[u8]) -> usize {
        let end = memchr::memchr(b'\n', bytes);
        let whole = bytes.get(..end.unwrap_or(bytes.len())).unwrap_or_default();
        // Zeros before a line, which a crash leaves in a file, are no part of it.
        let zeros = if self.carry.is_empty() { leading_zeros(whole) } else { 0 };
        let part = whole.get(zeros..).unwrap_or_default();
        let room = self.limits.line_bytes_max.saturating_sub(self.carry.len());
        if part.len() > room && !self.cut {
            self.cut = true;
            self.summary.lines_cut += 1;
        }
        let carried = !self.carry.is_empty();
        if end.is_none() || carried {
            self.carry.extend_from_slice(part.get(..part.len().min(room)).unwrap_or_default());
        }
        self.advance(whole.len());
        if end.is_none() {
            return bytes.len();
        }
        self.advance(1);
        let mut carry = core::mem::take(&mut self.carry);
        let line =
            if carried { &carry[..] } else { part.get(..part.len().min(room)).unwrap_or_default() };
        let sampled = self.sampled;
        if sampled {
            self.next_sample = (self.offset / BLOCK_BYTES + 1).saturating_mul(BLOCK_BYTES);
        }
        (self.begun, self.cut, self.sampled) = (false, false, false);
        self.read_if(line, sampled);
        carry.clear();
        self.carry = carry;
        whole.len() + 1
    }

    /// Takes whole lines; how many bytes of them.
    fn block(&mut self, block: &[u8]) -> usize {
        let mut hits = Hits::new();
        let mut at = 0;
        while at < block.len() {
            let rest = block.get(at..).unwrap_or_default();
            let mut searched = false;
            if !self.reads_all() {
                let hit = hits.first(&self.words, block, at);
                let skipped = match hit {
                    Some(hit) => {
                        let before = block.get(at..hit).unwrap_or_default();
                        memchr::memrchr(b'\n', before).map_or(0, |end| end + 1)
                    }
                    None => rest.len(),
                };
                if skipped > 0 {
                    self.streak = 0;
                }
                searched = hit.is_some();
                self.summary.lines += line_ends(rest.get(..skipped).unwrap_or_default());
                self.advance(skipped);
                at += skipped;
                if hit.is_none() {
                    break;
                }
            }
            let rest = block.get(at..).unwrap_or_default();
            let Some(end) = memchr::memchr(b'\n', rest) else { break };
            let line = rest.get(..end).unwrap_or_default();
            self.advance(end + 1);
            at += end + 1;
            let most = self.limits.line_bytes_max;
            if line.len() > most {
                self.summary.lines_cut += 1;
                self.read_if(line.get(..most).unwrap_or_default(), false);
            } else {
                if searched {
                    self.note_search(true);
                }
                self.line(line);
            }
            if self.binary.is_some() {
                break;
            }
        }
        at
    }

    /// Reads a line if it may matter, or if it is to be read anyway.
    fn read_if(&mut self, line: &[u8], anyway: bool) {
        if !anyway && !self.reads_all() {
            let hit = Hits::new().first(&self.words, line, 0).is_some();
            self.note_search(hit);
            if !hit {
                self.summary.lines += 1;
                return;
            }
        }
        self.line(line);
    }

    /// Where every line holds a word, a search costs more than it saves.
    const fn note_search(&mut self, hit: bool) {
        self.streak = if hit { self.streak + 1 } else { 0 };
        if self.streak >= STREAK_LINES {
            self.streak = STREAK_LINES - 1;
            self.unsearched = UNSEARCHED_LINES;
        }
    }

    /// Whether every line must be read, because one may depend on those before it.
    fn reads_all(&self) -> bool {
        self.queue.collecting()
            || self.attention > 0
            || self.unsearched > 0
            || self.style == Style::JournalFields
            || self.summary.lines < FIRST_LINES
    }

    pub(super) const fn advance(&mut self, bytes: usize) {
        self.offset = self.offset.saturating_add(bytes as u64);
    }
}

fn leading_zeros(text: &[u8]) -> usize {
    text.iter().position(|&byte| byte != 0).unwrap_or(text.len())
}

/// Line ends in a text.
pub(super) fn line_ends(text: &[u8]) -> u64 {
    u64::try_from(memchr::memchr_iter(b'\n', text).count()).unwrap_or_default()
}

/// Lines at the beginning of a log that are read in any case.
const FIRST_LINES: u64 = 16;

/// After so many lines in a row with a word the search is given up,
const STREAK_LINES: u32 = 8;

/// for so many lines, the one that ended the row among them.
const UNSEARCHED_LINES: u32 = 64;
