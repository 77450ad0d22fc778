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
    kill: Finder<'static>,
    oom_kill: Finder<'static>,
    bytes: Finder<'static>,
}

impl fmt::Debug for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Words")
    }
}

impl Words {
    pub(super) fn new() -> Self {
        Self {
            finders: WORDS.map(Finder::new),
            kill: Finder::new("Kill"),
            oom_kill: Finder::new("oom-kill"),
            bytes: Finder::new("SSAGE\""),
        }
    }

    /// Whether a text speaks of a kill as the kernel would.
    pub(super) fn speak_of_kill(&self, text: &[u8]) -> bool {
        let from = |at: usize| text.get(at..).unwrap_or_default();
        self.kill.find_iter(text).any(|at| {
            from(at).starts_with(b"Killed process ") || from(at).starts_with(b"Kill process ")
        }) || self.oom_kill.find_iter(text).any(|at| {
            let invoked = text.get(..at).is_some_and(|before| before.ends_with(b"invoked "));
            from(at).starts_with(b"oom-kill:constraint=") || invoked
        })
    }

    /// Whether an object of one line may matter: it holds a word, or a message as numbers.
    pub(super) fn in_json(&self, line: &[u8]) -> bool {
        Hits::new().first(self, line, 0).is_some()
            || self.bytes.find_iter(line).any(|at| {
                let value = line.get(at + self.bytes.needle().len()..).unwrap_or_default();
                let value = value.trim_ascii_start();
                value
                    .strip_prefix(b":")
                    .is_some_and(|value| value.trim_ascii_start().first() == Some(&b'['))
            })
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
                *next = find(finder, block, from);
            }
            first = first.min(*next);
        }
        self.searched = true;
        (first != usize::MAX).then_some(first)
    }
}

fn find(finder: &Finder<'_>, block: &[u8], from: usize) -> usize {
    let mut from = from;
    loop {
        let rest = block.get(from..).unwrap_or_default();
        let Some(at) = finder.find(rest) else { return usize::MAX };
        if finder.needle() != OOM || is_oom(rest, at) {
            return from + at;
        }
        from += at + OOM.len();
    }
}

/// `oom-kill`, `oom_reaper`, `memory.oom.group`; no room, no zoom.
fn is_oom(text: &[u8], at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|at| text.get(at));
    !before.is_some_and(u8::is_ascii_lowercase)
        && matches!(text.get(at + OOM.len()), Some(b'-' | b'_' | b'.'))
}

const OOM: &[u8] = b"oom";

/// A block is searched once per word while it is in the processor's cache.
pub(super) const BLOCK_BYTES: u64 = 32 * 1024;

/// What a line of interest holds. Longer words are found faster and by fewer chance hits.
const WORDS: [&str; 12] = [
    "oom",
    "Kill",
    "ut of memory",
    "deadlocked",
    "callbacks suppressed",
    "Linux version ",
    " messages",
    "failcnt ",
    "Mem-",
    "restart",
    "spawn",
    "OOM killer",
];
