//! One line of the kernel's as a fact: the shapes of 2.6.18 to 6.18 and of vendors
//! (`mm/oom_kill.c`, `mm/memcontrol.c`, `lib/show_mem.c` and their predecessors).
//!
//! A line is believed only when it has its shape from the start: a sentence that merely quotes the
//! kernel is nothing. Names are read from the right, because a process chooses its own.

mod cgroup;
mod kill;
mod memory;
mod table;

use super::text::{
    after, cut_first, cut_last, digits_then, has, number, signed_then, small, small_signed,
    trim_start, word,
};

pub(super) use cgroup::{Stats, Usage, UsageOf};
pub(super) use kill::{Announced, Killed, ReapedLine, Verdict};
pub(super) use memory::{counters, fill};
pub(super) use table::{Columns, row};

/// What a line says.
#[derive(Debug, Clone, Copy)]
pub(super) enum Fact<'a> {
    /// `X invoked oom-killer: …`.
    Header(Header<'a>),
    /// `X cpuset=/ mems_allowed=0`.
    Cpuset { name: &'a [u8], cpuset: &'a [u8] },
    /// `CPU: 0 PID: N Comm: X …`.
    Process(Process<'a>),
    /// `Mem-Info:`.
    MemoryStart,
    /// `active_anon:N …`, in pages.
    Counters(&'a [u8]),
    /// The block size of the smallest free block, bytes.
    PageBytes(u32),
    /// `Free swap  = NkB`.
    SwapFree(u64),
    /// `Total swap = NkB`.
    SwapTotal(u64),
    /// `N pages RAM`.
    RamPages(u64),
    /// `N pages reserved`.
    ReservedPages(u64),
    /// `Task in P killed as a result of limit of Q`.
    Limit { task: &'a [u8], limit: &'a [u8] },
    /// `memory: usage …`.
    Usage(Usage),
    /// `Memory cgroup stats for P: …`.
    StatsFor { path: &'a [u8], rest: &'a [u8] },
    /// One or more `key value`.
    Stats(&'a [u8]),
    /// `[ pid ]  uid tgid …`.
    Heading(Columns),
    /// A row below it.
    Row(&'a [u8]),
    /// `oom-kill:constraint=…`.
    Verdict(Verdict<'a>),
    /// `Kill process N …`.
    Announced(Announced<'a>),
    /// `Killed process N …`.
    Killed(Killed<'a>),
    /// `oom_reaper: reaped process N …`.
    Reaped(ReapedLine<'a>),
    /// `Tasks in P are going to be killed due to memory.oom.group set`.
    Group(&'a [u8]),
    /// Nobody can be killed.
    Deadlock(&'a [u8]),
    /// The machine stopped for lack of memory.
    Panic(&'a [u8]),
    /// `F: N callbacks suppressed`.
    Suppressed { function: &'a [u8], count: u64 },
    /// `Linux version …`.
    Boot(&'a [u8]),
    /// The kernel's log daemon lost lines of it: `N messages suppressed`.
    Dropped(u64),
}

impl Fact<'_> {
    /// Whether a report may begin or end with it.
    pub(super) const fn may_begin(&self) -> bool {
        matches!(
            self,
            Self::Header(_)
                | Self::MemoryStart
                | Self::Limit { .. }
                | Self::Usage(_)
                | Self::Heading(_)
                | Self::Verdict(_)
                | Self::Announced(_)
                | Self::Killed(_)
                | Self::Reaped(_)
                | Self::Group(_)
                | Self::Deadlock(_)
                | Self::Panic(_)
        )
    }
}

/// `X invoked oom-killer: gfp_mask=…, order=N, oom_score_adj=N`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Header<'a> {
    pub(super) name: &'a [u8],
    pub(super) gfp_mask: &'a [u8],
    pub(super) order: Option<i32>,
    pub(super) adj: Option<i32>,
}

/// Who was running.
#[derive(Debug, Clone, Copy)]
pub(super) struct Process<'a> {
    pub(super) pid: u32,
    pub(super) name: &'a [u8],
    pub(super) kernel: Option<&'a [u8]>,
}

/// What the text says; `None`: nothing of interest. `inside`: a report is under way, so that lines
/// which say little by themselves count too.
pub(super) fn read(text: &[u8], inside: bool) -> Option<Fact<'_>> {
    let whole = text;
    let text = trim_start(text);
    let head = text.get(..text.len().min(HEADER_BYTES_MAX))?;
    // Other lines hold many colons and few of these.
    for dash in memchr::memchr_iter(b'-', head) {
        if head.get(..dash)?.ends_with(b"oom")
            && head.get(dash + 1..)?.starts_with(b"killer:")
            && let Some(header) = header(text).or_else(|| header(whole))
        {
            return Some(Fact::Header(header));
        }
    }
    match text.first()? {
        b'O' | b'K' | b'k' => kill::read(text).or_else(|| ending(text)),
        b'M' => kill::read(text).or_else(|| cgroup::read(text)).or_else(|| memory::read(text)),
        b'o' => kill::verdict_or_reaper(text).or_else(|| suppressed(text)),
        b'T' => cgroup::read(text).or_else(|| memory::read(text)),
        b'F' | b'N' | b'D' | b'H' | b'0'..=b'9' => memory::read(text),
        b'C' | b'P' if inside => process(text).map(Fact::Process),
        b'[' => table::read(text),
        b'L' => boot(text),
        b'l' => kill::low_memory(text),
        b'S' => ending(text),
        b'A' => memory::read(text),
        b'm' | b's' if has_usage(text) => cgroup::usage(text),
        _ => None,
    }
    .or_else(|| if inside { minor(text) } else { None })
    .or_else(|| suppressed(text))
}

/// Lines that mean something only within a report.
fn minor(text: &[u8]) -> Option<Fact<'_>> {
    memory::minor(text).or_else(|| cgroup::stats(text)).or_else(|| {
        memchr::memchr(b'=', text)?;
        let (name, rest) = cut_last(text, b" cpuset=")?;
        let (cpuset, _) = cut_last(rest, b" mems_allowed=").unwrap_or((rest, rest));
        (name.len() <= NAME_BYTES_MAX).then_some(Fact::Cpuset { name, cpuset })
    })
}

fn has_usage(text: &[u8]) -> bool {
    [&b"memory: usage "[..], b"memory+swap: usage ", b"swap: usage "]
        .iter()
        .any(|start| text.starts_with(start))
}

fn header(text: &[u8]) -> Option<Header<'_>> {
    let (name, rest) = match cut_last(text, b" invoked oom-killer: ") {
        Some(parts) => parts,
        None => (&[][..], text.strip_prefix(b"oom-killer: ")?),
    };
    let gfp = after(rest, b"gfp_mask=").or_else(|| after(rest, b"gfp=")).unwrap_or_default();
    let end = gfp
        .windows(2)
        .position(|window| window == b", ")
        .unwrap_or_else(|| memchr::memchr(b',', gfp).unwrap_or(gfp.len()));
    let gfp_mask = gfp.get(..end)?.trim_ascii_end();
    let signed = |key: &[u8]| signed_then(after(rest, key)?).and_then(|(n, _)| small_signed(n));
    if gfp_mask.is_empty() && !has(rest, b"order=") {
        return None;
    }
    Some(Header {
        name: last_name(name),
        gfp_mask,
        order: signed(b"order="),
        adj: signed(b"oom_score_adj=")
            .or_else(|| signed(b"oom_adj="))
            .or_else(|| signed(b"oomkilladj=")),
    })
}

/// A name has at most 15 bytes; what stands before it is not the kernel's.
fn last_name(text: &[u8]) -> &[u8] {
    if super::text::decoded_len(text) <= COMM_BYTES {
        return text;
    }
    let from = text.len().saturating_sub(COMM_BYTES + 1);
    let tail = text.get(from..).unwrap_or_default();
    match memchr::memchr(b' ', tail) {
        Some(at) => tail.get(at + 1..).unwrap_or_default(),
        None => text,
    }
}

/// `CPU: 1 UID: 0 PID: N Comm: X Not tainted VERSION #1`, `Pid: N, comm: X Tainted: P VERSION #1`.
fn process(text: &[u8]) -> Option<Process<'_>> {
    let (pid, rest) = match text.strip_prefix(b"Pid: ") {
        Some(rest) => digits_then(rest)?,
        None => digits_then(after(text.strip_prefix(b"CPU: ")?, b"PID: ")?)?,
    };
    let name = cut_first(rest, b"omm: ")?.1;
    let (name, kernel) =
        match cut_last(name, b" Not tainted ").or_else(|| cut_last(name, b" Tainted: ")) {
            Some((name, rest)) => (name, release(rest)),
            None => (name, None),
        };
    Some(Process { pid: small(pid)?, name, kernel })
}

/// The first word that looks like `6.1.0-18-amd64`.
fn release(text: &[u8]) -> Option<&[u8]> {
    text.split(|&byte| byte == b' ' || byte == b',').find(|word| {
        matches!(digits_then(word), Some((1..=99, [b'.', digit, ..])) if digit.is_ascii_digit())
    })
}

fn boot(text: &[u8]) -> Option<Fact<'_>> {
    let (release, rest) = word(text.strip_prefix(b"Linux version ")?);
    let digit = release.first().is_some_and(u8::is_ascii_digit);
    (digit && rest.len() > 1).then_some(Fact::Boot(release))
}

/// Nobody can be killed, or the machine stops.
fn ending(text: &[u8]) -> Option<Fact<'_>> {
    if let Some(reason) = text.strip_prefix(b"Kernel panic - not syncing: ") {
        let memory = reason.to_ascii_lowercase_starts(b"out of memory")
            || reason.to_ascii_lowercase_starts(b"system is deadlocked on memory")
            || has(reason, b"panic_on_oom");
        return memory.then_some(Fact::Panic(text));
    }
    let deadlocked = text.starts_with(b"System is deadlocked on memory");
    let nobody =
        text.to_ascii_lowercase_starts(b"out of memory") && has(text, b"no killable process");
    (deadlocked || nobody).then_some(Fact::Deadlock(text))
}

/// `oom_kill_process: 28 callbacks suppressed`, `printk: 12 messages suppressed.`,
/// `** 5 printk messages dropped **`.
fn suppressed(text: &[u8]) -> Option<Fact<'_>> {
    if let Some(rest) = text.strip_prefix(b"** ") {
        let (count, rest) = digits_then(rest)?;
        return rest.starts_with(b" printk messages dropped").then_some(Fact::Dropped(count));
    }
    let text = text.trim_ascii_end();
    let text = text.strip_suffix(b".").unwrap_or(text);
    if text.last() != Some(&b'd') || !text.ends_with(b"suppressed") {
        return None;
    }
    let (function, rest) = cut_first(text, b": ")?;
    let (count, rest) = digits_then(rest)?;
    if function == b"printk" && rest.starts_with(b" messages suppressed") {
        return Some(Fact::Dropped(count));
    }
    let about_memory = FUNCTIONS.iter().any(|part| has(function, part));
    let plain = function.iter().all(|&byte| byte.is_ascii_alphanumeric() || b"_.".contains(&byte));
    (rest == b" callbacks suppressed" && about_memory && plain)
        .then_some(Fact::Suppressed { function, count })
}

/// `starts_with` that takes both cases of the kernel's older and newer sentences.
trait StartsLower {
    fn to_ascii_lowercase_starts(&self, lower: &[u8]) -> bool;
}

impl StartsLower for [u8] {
    fn to_ascii_lowercase_starts(&self, lower: &[u8]) -> bool {
        self.get(..lower.len()).is_some_and(|start| start.eq_ignore_ascii_case(lower))
    }
}

/// A number followed by `kB`, and what comes after; a number cut in the middle has no unit.
fn kib(text: &[u8]) -> Option<(u64, &[u8])> {
    let (number, rest) = digits_then(trim_start(text))?;
    let rest = rest.strip_prefix(b"kB").or_else(|| rest.strip_prefix(b"KB"))?;
    Some((number, rest))
}

/// A whole word as a number.
fn whole(word: &[u8]) -> Option<u64> {
    number(word)
}

/// Bytes of a process name (`TASK_COMM_LEN` without its NUL).
pub(super) const COMM_BYTES: usize = 15;

/// The same, escaped.
const NAME_BYTES_MAX: usize = 64;

/// A name, with noise before it, and `invoked oom-killer:`.
const HEADER_BYTES_MAX: usize = 160;

/// Functions whose suppressed messages were about memory.
const FUNCTIONS: [&[u8]; 5] = [b"oom", b"out_of_memory", b"dump_header", b"memcg", b"mem_cgroup"];
