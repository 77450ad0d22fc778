//! Lines that name a victim.
//!
//! Read from the right: what the kernel prints after a name is its own, what stands in the name is
//! the process's. A line cut at its end gives what is left of it.

use super::{COMM_BYTES, Fact, StartsLower as _, kib};
use crate::oom::model::Reaped;
use crate::oom::text::{
    cut_first, cut_last, decoded_len, digits_then, has, signed_then, small, small_signed,
    trim_start,
};

/// `Kill process N (X) score P or sacrifice child`.
#[derive(Debug, Clone, Copy)]
pub(in crate::oom) struct Announced<'a> {
    pub(in crate::oom) pid: u32,
    pub(in crate::oom) name: &'a [u8],
    pub(in crate::oom) score: Option<u32>,
    /// A control group's limit, not the machine's memory; `None`: not said.
    pub(in crate::oom) cgroup: Option<bool>,
    /// Killed too, because it uses the victim's memory.
    pub(in crate::oom) sharing: bool,
    /// A child of it may be killed instead.
    pub(in crate::oom) or_child: bool,
}

/// `Killed process N (X) total-vm:…`.
#[derive(Debug, Clone, Copy)]
pub(in crate::oom) struct Killed<'a> {
    pub(in crate::oom) pid: u32,
    pub(in crate::oom) name: &'a [u8],
    pub(in crate::oom) cgroup: Option<bool>,
    /// `UB 1234`: Virtuozzo's beancounter.
    pub(in crate::oom) beancounter: Option<&'a [u8]>,
    pub(in crate::oom) score: Option<u32>,
    pub(in crate::oom) uid: Option<i64>,
    pub(in crate::oom) total_vm_kib: Option<u64>,
    pub(in crate::oom) anon_rss_kib: Option<u64>,
    pub(in crate::oom) file_rss_kib: Option<u64>,
    pub(in crate::oom) shmem_rss_kib: Option<u64>,
    pub(in crate::oom) page_table_kib: Option<u64>,
    pub(in crate::oom) adj: Option<i32>,
}

/// `oom-kill:constraint=…`.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::oom) struct Verdict<'a> {
    pub(in crate::oom) constraint: &'a [u8],
    pub(in crate::oom) cpuset: Option<&'a [u8]>,
    pub(in crate::oom) cgroup: Option<&'a [u8]>,
    pub(in crate::oom) global: bool,
    pub(in crate::oom) task_cgroup: Option<&'a [u8]>,
    pub(in crate::oom) name: &'a [u8],
    pub(in crate::oom) pid: Option<u32>,
    pub(in crate::oom) uid: Option<i64>,
}

/// `oom_reaper: reaped process N (X), now anon-rss:…`.
#[derive(Debug, Clone, Copy)]
pub(in crate::oom) struct ReapedLine<'a> {
    pub(in crate::oom) pid: u32,
    pub(in crate::oom) name: &'a [u8],
    pub(in crate::oom) left: Option<Reaped>,
}

/// Lines beginning with `Kill`, `Out of memory`, `Memory cgroup out of memory`, `OOM`.
pub(super) fn read(text: &[u8]) -> Option<Fact<'_>> {
    let (scope, sentence) = scope(text);
    let beancounter = beancounter(text);
    if let Some(rest) = sentence.strip_prefix(b"OOM killed process ") {
        let cgroup = if beancounter.is_some() { Some(true) } else { scope };
        return killed(rest, cgroup, beancounter).map(Fact::Killed);
    }
    let lower = |words: &[u8]| sentence.to_ascii_lowercase_starts(words);
    if lower(b"killed process ") {
        return killed(sentence.get(15..)?, scope, beancounter).map(Fact::Killed);
    }
    if lower(b"kill process ") {
        return announced(sentence.get(13..)?, scope).map(Fact::Announced);
    }
    None
}

/// Lines beginning with `oom`.
pub(super) fn verdict_or_reaper(text: &[u8]) -> Option<Fact<'_>> {
    if let Some(rest) = text.strip_prefix(b"oom-kill:") {
        return verdict(rest).map(Fact::Verdict);
    }
    let rest = text.strip_prefix(b"oom_reaper: reaped process ")?;
    let (pid, rest) = digits_then(rest)?;
    let rest = rest.strip_prefix(b" (")?;
    let (name, tail) = cut_last(rest, b"), now ").unwrap_or_else(|| closed(rest));
    let tail = Tail::read(tail);
    let left = match (tail.anon_rss, tail.file_rss) {
        (Some(anon_rss_kib), Some(file_rss_kib)) => Some(Reaped {
            anon_rss_kib,
            file_rss_kib,
            shmem_rss_kib: tail.shmem_rss.unwrap_or_default(),
        }),
        _ => None,
    };
    Some(Fact::Reaped(ReapedLine { pid: small(pid)?, name, left }))
}

/// Whose memory: `Memory cgroup out of memory: `, `Out of memory (…): `; the sentence after it.
fn scope(text: &[u8]) -> (Option<bool>, &[u8]) {
    let (cgroup, rest) = if text.to_ascii_lowercase_starts(b"memory cgroup out of memory") {
        (true, text.get(27..).unwrap_or_default())
    } else if text.to_ascii_lowercase_starts(b"out of memory") {
        (false, text.get(13..).unwrap_or_default())
    } else {
        return (None, text);
    };
    let head = rest.get(..rest.len().min(SCOPE_BYTES_MAX)).unwrap_or_default();
    match memchr::memmem::find(head, b": ") {
        Some(at) => (Some(cgroup), rest.get(at + 2..).unwrap_or_default()),
        None => (None, text),
    }
}

/// `Out of memory in UB 1234: …`.
fn beancounter(text: &[u8]) -> Option<&[u8]> {
    let rest = text.strip_prefix(b"Out of memory in ")?;
    cut_first(rest, b": ").map(|(name, _)| name).filter(|name| name.starts_with(b"UB "))
}

fn announced(text: &[u8], cgroup: Option<bool>) -> Option<Announced<'_>> {
    let (pid, rest) = digits_then(text)?;
    let rest = rest.strip_prefix(b" (")?;
    let (name, tail) = cut_last(rest, b") score ")
        .or_else(|| cut_last(rest, b") sharing "))
        .unwrap_or_else(|| closed(rest));
    let score = digits_then(tail).and_then(|(score, _)| small(score));
    Some(Announced {
        pid: small(pid)?,
        name,
        score,
        cgroup,
        sharing: tail.starts_with(b"same memory"),
        or_child: has(tail, b"child"),
    })
}

fn killed<'a>(
    text: &'a [u8],
    cgroup: Option<bool>,
    beancounter: Option<&'a [u8]>,
) -> Option<Killed<'a>> {
    let (pid, rest) = digits_then(text)?;
    let pid = small(pid)?;
    let (early_uid, rest) = match rest.strip_prefix(b", UID ") {
        Some(rest) => {
            let (uid, rest) = signed_then(rest)?;
            (Some(uid), rest.strip_prefix(b", (").or_else(|| rest.strip_prefix(b" ("))?)
        }
        None => (None, rest.strip_prefix(b" (").or_else(|| rest.strip_prefix(b", ("))?),
    };
    let (name, tail) = AFTER_NAME
        .iter()
        .find_map(|&(words, keep)| {
            let at = memchr::memmem::rfind(rest, words)?;
            Some((rest.get(..at)?, rest.get(at + keep..)?))
        })
        .unwrap_or_else(|| closed(rest));
    let (name, tail) = run_together(rest).filter(|_| too_long(name)).unwrap_or((name, tail));
    let tail = Tail::read(tail);
    Some(Killed {
        pid,
        name,
        cgroup,
        beancounter,
        score: tail.score,
        uid: early_uid.or(tail.uid),
        total_vm_kib: tail.total_vm,
        anon_rss_kib: tail.anon_rss,
        file_rss_kib: tail.file_rss,
        shmem_rss_kib: tail.shmem_rss,
        page_table_kib: tail.page_tables,
        adj: tail.adj,
    })
}

/// Two lines of a console in one: the name ends at the last bracket where a name may end.
fn run_together(rest: &[u8]) -> Option<(&[u8], &[u8])> {
    let head = rest.get(..rest.len().min(COMM_BYTES + 1))?;
    head.contains(&b')').then(|| {
        let (name, _) = closed(head);
        (name, rest.get(name.len() + 1..).unwrap_or_default())
    })
}

/// No process has such a name, whatever it chose.
fn too_long(name: &[u8]) -> bool {
    !has(name, b"\\x") && name.len() > COMM_BYTES
}

/// A name up to its last bracket; without one the line was cut within it.
fn closed(rest: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memrchr(b')', rest) {
        Some(at) => (rest.get(..at).unwrap_or_default(), rest.get(at + 1..).unwrap_or_default()),
        None => (rest, &[]),
    }
}

/// What follows a name, in the kernel's words only.
#[derive(Debug, Default)]
struct Tail {
    score: Option<u32>,
    uid: Option<i64>,
    total_vm: Option<u64>,
    anon_rss: Option<u64>,
    file_rss: Option<u64>,
    shmem_rss: Option<u64>,
    page_tables: Option<u64>,
    adj: Option<i32>,
}

impl Tail {
    fn read(tail: &[u8]) -> Self {
        let mut found = Self::default();
        let mut rest = tail;
        while let Some((token, after)) = token(rest) {
            rest = after;
            if token == b"UID" || token == b"score" {
                let Some((number, after)) = signed_then(trim_start(rest)) else { continue };
                if token == b"UID" {
                    found.uid = Some(number);
                } else {
                    found.score = u32::try_from(number).ok();
                }
                rest = after;
                continue;
            }
            let Some(at) = memchr::memchr(b':', token) else { continue };
            let (key, value) = token.split_at(at);
            let value = value.get(1..).unwrap_or_default();
            let amount = kib(value).map(|(number, _)| number);
            match key {
                b"total-vm" | b"vsz" | b"vm" => keep(&mut found.total_vm, amount),
                b"anon-rss" | b"rss" => keep(&mut found.anon_rss, amount),
                b"file-rss" => keep(&mut found.file_rss, amount),
                b"shmem-rss" => keep(&mut found.shmem_rss, amount),
                b"pgtables" => keep(&mut found.page_tables, amount),
                b"UID" => found.uid = signed_then(value).map(|(uid, _)| uid),
                b"oom_score_adj" => {
                    found.adj = signed_then(value).and_then(|(adj, _)| small_signed(adj));
                }
                _ => {}
            }
        }
        found
    }
}

/// The first amount counts: a second one is of another line that ran into this one.
fn keep(field: &mut Option<u64>, amount: Option<u64>) {
    *field = field.or(amount);
}

/// The next piece between blanks and commas.
fn token(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let between = |byte: &u8| matches!(byte, b' ' | b',' | b'\t' | b'\n');
    let start = text.iter().position(|byte| !between(byte))?;
    let text = text.get(start..)?;
    let end = text.iter().position(between).unwrap_or(text.len());
    Some(text.split_at(end))
}

/// `lowmemorykiller: Killing 'name' (123), adj 900,` of Android's kernels before 4.12
/// (`drivers/staging/android/lowmemorykiller.c`), with ` (tgid 123)` in some.
pub(super) fn low_memory(text: &[u8]) -> Option<Fact<'_>> {
    let rest = text.strip_prefix(b"lowmemorykiller: Killing '")?;
    let (name, tail) = cut_last(rest, b"' (")?;
    let (pid, tail) = digits_then(tail)?;
    let adj = cut_first(tail, b"), adj ").and_then(|(_, adj)| signed_then(adj));
    Some(Fact::Killed(Killed {
        pid: small(pid)?,
        name,
        cgroup: Some(false),
        beancounter: None,
        score: None,
        uid: None,
        total_vm_kib: None,
        anon_rss_kib: None,
        file_rss_kib: None,
        shmem_rss_kib: None,
        page_table_kib: None,
        adj: adj.and_then(|(adj, _)| small_signed(adj)),
    }))
}

/// `constraint=C,nodemask=…,cpuset=…,mems_allowed=…,oom_memcg=P,task_memcg=P,task=X,pid=N,uid=U`.
fn verdict(text: &[u8]) -> Option<Verdict<'_>> {
    let rest = text.strip_prefix(b"constraint=")?;
    let (constraint, rest) = match memchr::memchr(b',', rest) {
        Some(at) => (rest.get(..at)?, rest.get(at..)?),
        None => (rest, &[][..]),
    };
    let mut verdict = Verdict { constraint, ..Verdict::default() };
    let mut head = rest;
    if let Some((before, uid)) = cut_last(rest, b",uid=")
        && let Some((uid, _)) = signed_then(uid)
    {
        verdict.uid = Some(uid);
        head = before;
    }
    if let Some((before, pid)) = cut_last(head, b",pid=")
        && let Some((pid, [])) = digits_then(pid)
    {
        verdict.pid = small(pid);
        head = before;
    }
    let (groups, name) = split_task(head);
    verdict.name = name;
    let (groups, task_cgroup) = match cut_first(groups, b",task_memcg=") {
        Some((groups, path)) => (groups, Some(path)),
        None => (groups, None),
    };
    verdict.task_cgroup = task_cgroup;
    if let Some((before, path)) = cut_first(groups, b",oom_memcg=") {
        verdict.cgroup = Some(path);
        head = before;
    } else {
        verdict.global = groups.ends_with(b",global_oom");
        head = groups;
    }
    verdict.cpuset = cut_first(head, b",cpuset=")
        .map(|(_, rest)| cut_last(rest, b",mems_allowed=").map_or(rest, |(cpuset, _)| cpuset));
    Some(verdict)
}

/// The name after `,task=`: a name has at most 15 bytes, so of several such words the first from
/// which no more follow is the kernel's.
fn split_task(text: &[u8]) -> (&[u8], &[u8]) {
    let words = b",task=";
    let mut last = None;
    for at in memchr::memmem::find_iter(text, words) {
        let name = text.get(at + words.len()..).unwrap_or_default();
        last = Some((text.get(..at).unwrap_or_default(), name));
        if decoded_len(name) <= COMM_BYTES {
            break;
        }
    }
    last.unwrap_or((text, &[]))
}

/// What the kernel prints right after a name, and how much of it is no part of what follows.
const AFTER_NAME: [(&[u8], usize); 5] =
    [(b") total-vm:", 2), (b"), UID ", 3), (b") vsz:", 2), (b") score ", 2), (b") vm:", 2)];

/// `(oom_kill_allocating_task)` and `in UB 1234` fit.
const SCOPE_BYTES_MAX: usize = 64;
