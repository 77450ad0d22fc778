//! Finds the few lines of a large log that may matter: one pass over a block for each of a handful
//! of words, resumed where it stopped.
//!
//! It decides nothing: a hit only says that the line is worth reading. What it passes over is never
//! looked at again.

use core::fmt;

use memchr::memmem::Finder;

/// The words, prepared.
pub(super) struct Words {
    finders: [Finder<'static>; WORDS.len()],
}

impl fmt::Debug for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Words")
    }
}

impl Words {
    pub(super) fn new() -> Self {
        Self { finders: WORDS.map(Finder::new) }
    }
}

/// Where each word comes next in one block.
#[derive(Debug)]
pub(super) struct Hits {
    next: [usize; WORDS.len()],
    searched: bool,
}

impl Hits {
    pub(super) const fn new() -> Self {
        Self { next: [0; WORDS.len()], searched: false }
    }

    /// The first place at or after `from` where a word stands.
    pub(super) fn first(&mut self, words: &Words, block: &[u8], from: usize) -> Option<usize> {
        let mut first = usize::MAX;
        for (next, finder) in self.next.iter_mut().zip(&words.finders) {
            if !self.searched || (*next < from && *next != usize::MAX) {
                let rest = block.get(from..).unwrap_or_default();
                *next = finder.find(rest).map_or(usize::MAX, |at| from + at);
            }
            first = first.min(*next);
        }
        self.searched = true;
        (first != usize::MAX).then_some(first)
    }
}

/// A block is searched once per word while it is in the processor's cache.
pub(super) const BLOCK_BYTES: u64 = 32 * 1024;

/// What a line of interest holds. Longer words are found faster and by fewer chance hits.
const WORDS: [&str; 14] = [
    "oom-kill",
    "oom_",
    "ill process ",
    "illed process ",
    "ut of memory",
    "deadlocked on memory",
    "callbacks suppressed",
    "Linux version ",
    " messages",
    "failcnt ",
    "Mem-",
    "restart",
    "spawn",
    "OOM killer",
];
