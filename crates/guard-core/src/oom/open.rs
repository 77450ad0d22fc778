//! A report under way: what has been gathered of it and what it still lacks.
//!
//! It never judges a line; it is told which line is its own. Limits are kept here.

use alloc::string::String;
use alloc::vec::Vec;

use super::fact::{self, Announced, Columns, Killed, Stats, Usage, UsageOf, Verdict};
use super::limits::Limits;
use super::model::{CgroupState, Kill, KillForm, MemoryState, Report, Scope, Span, Stamp};
use super::prefix::seconds;
use super::summary::Summary;
use super::text::{name, owned};

/// Where a line stands and whose it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct At<'a> {
    pub(super) line: u64,
    pub(super) stamp: Stamp,
    pub(super) host: Option<&'a [u8]>,
    pub(super) caller: Option<&'a [u8]>,
    pub(super) decoded: bool,
    /// Release of the kernel that started last on this host.
    pub(super) kernel: Option<&'a str>,
}

/// A report that may still get lines.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) report: Report,
    pub(super) columns: Option<Columns>,
    /// Statistics of its group are being listed.
    pub(super) stats: bool,
    pub(super) stats_seen: bool,
    pub(super) verdict: bool,
    /// Who is to be killed, and whether it may be a child instead.
    pub(super) chosen: Option<(u32, bool)>,
    /// It names a kill, or says why there is none.
    pub(super) done: bool,
    /// Said by the lines: `Some(true)` a group's limit, `Some(false)` the machine's memory.
    pub(super) limited: Option<bool>,
    caller: Option<Vec<u8>>,
    last_stamp: Stamp,
    counters: u32,
    /// Marks of the statistics that are known: one that bears none is new.
    marks: u128,
}

impl Open {
    pub(super) fn new(at: &At<'_>, cut_start: bool) -> Self {
        let host = at.host.map(|host| owned(host, HOST_BYTES_MAX));
        Self {
            report: Report {
                span: Span { first_line: at.line, last_line: at.line },
                stamp: at.stamp,
                host,
                kernel: at.kernel.map(String::from),
                cut_start,
                ..Report::default()
            },
            columns: None,
            stats: false,
            stats_seen: false,
            verdict: false,
            chosen: None,
            done: false,
            limited: None,
            caller: at.caller.map(Vec::from),
            last_stamp: at.stamp,
            counters: 0,
            marks: 0,
        }
    }

    /// Notes that a line of it was read.
    pub(super) fn touch(&mut self, at: &At<'_>) {
        self.report.span.last_line = self.report.span.last_line.max(at.line);
        if at.stamp != Stamp::default() {
            self.last_stamp = at.stamp;
        }
        if self.caller.is_none() {
            self.caller = at.caller.map(Vec::from);
        }
    }

    pub(super) fn same_host(&self, at: &At<'_>) -> bool {
        self.is_of(at.host)
    }

    pub(super) fn is_of(&self, host: Option<&[u8]>) -> bool {
        match (&self.report.host, host) {
            (Some(own), Some(other)) => own.as_bytes() == other,
            (own, other) => own.is_none() && other.is_none(),
        }
    }

    /// Whether the thread that writes may be the one that wrote the rest.
    pub(super) fn same_caller(&self, at: &At<'_>) -> bool {
        match (&self.caller, at.caller) {
            (Some(own), Some(other)) => own == other,
            _ => true,
        }
    }

    /// Whether it is known which thread wrote it.
    pub(super) const fn has_caller(&self) -> bool {
        self.caller.is_some()
    }

    /// Whether its last line is near enough for this one to belong to it.
    pub(super) fn near(&self, at: &At<'_>, lines: u64, most_seconds: u64) -> bool {
        let quiet = at.line.saturating_sub(self.report.span.last_line);
        let apart = if self.same_host(at) { gap(&self.last_stamp, &at.stamp) } else { None };
        let soon = apart.is_none_or(|apart| {
            (-BACK_SECONDS_MAX..=i64::try_from(most_seconds).unwrap_or(i64::MAX)).contains(&apart)
        });
        quiet <= lines && soon
    }

    pub(super) fn has_task(&self, pid: u32) -> bool {
        self.report.tasks.iter().any(|task| task.pid == pid || task.tgid == pid)
    }

    pub(super) fn kill_mut(&mut self, pid: u32) -> Option<&mut Kill> {
        self.report.kills.iter_mut().find(|kill| kill.pid == pid)
    }

    pub(super) fn has_kill(&self, pid: u32) -> bool {
        self.report.kills.iter().any(|kill| kill.pid == pid)
    }

    /// Whether lines about a group (or about the machine) can be of this report.
    pub(super) fn fits(&self, limited: Option<bool>) -> bool {
        match (self.limited, limited) {
            (Some(own), Some(other)) => own == other,
            _ => true,
        }
    }

    pub(super) fn memory(&mut self) -> &mut MemoryState {
        self.report.memory.get_or_insert_default()
    }

    pub(super) fn cgroup(&mut self) -> &mut CgroupState {
        self.limited = Some(true);
        self.report.cgroup.get_or_insert_default()
    }

    /// Whether the first counter of a line is still unknown.
    pub(super) fn lacks(&self, key: &[u8]) -> bool {
        bit(key).is_none_or(|bit| self.counters & bit == 0)
    }

    pub(super) fn add_counters(&mut self, text: &[u8]) {
        for (key, pages) in fact::counters(text) {
            let bit = bit(key).unwrap_or_default();
            if bit != 0 && self.counters & bit == 0 {
                self.counters |= bit;
                fact::fill(self.memory(), key, pages);
            }
        }
    }

    pub(super) fn add_usage(&mut self, usage: &Usage) {
        let group = self.cgroup();
        match usage.of {
            UsageOf::Memory => {
                group.usage_kib = Some(usage.usage_kib);
                group.limit_kib = usage.limit_kib;
                group.fail_count = usage.fail_count;
            }
            UsageOf::Swap => {
                group.swap_usage_kib = Some(usage.usage_kib);
                group.swap_limit_kib = usage.limit_kib;
            }
            UsageOf::Kernel => {}
        }
    }

    pub(super) fn add_stats(&mut self, text: &[u8], limits: &Limits, summary: &mut Summary) {
        let most = limits.report_stats_max;
        let mut marks = self.marks;
        let group = self.cgroup();
        for (key, value) in Stats(text) {
            if !is_amount(key) {
                continue;
            }
            let mark = mark(key);
            let known =
                marks & mark != 0 && group.bytes.iter().any(|(known, _)| known.as_bytes() == key);
            if known {
                continue;
            }
            marks |= mark;
            if group.bytes.len() < most {
                group.bytes.push((owned(key, KEY_BYTES_MAX), value));
            } else {
                summary.stats_dropped += 1;
            }
        }
        self.marks = marks;
    }

    /// The constraint of `enum oom_constraint`, the groups and the victim.
    pub(super) fn add_verdict(&mut self, verdict: &Verdict<'_>, at: &At<'_>, text_max: usize) {
        self.verdict = true;
        self.stats = false;
        self.report.scope = match verdict.constraint {
            _ if verdict.cgroup.is_some() => Scope::Cgroup,
            b"CONSTRAINT_MEMCG" => Scope::Cgroup,
            b"CONSTRAINT_CPUSET" => Scope::Cpuset,
            b"CONSTRAINT_MEMORY_POLICY" => Scope::MemoryPolicy,
            _ if verdict.global || verdict.constraint == b"CONSTRAINT_NONE" => Scope::Global,
            _ => Scope::Unknown,
        };
        self.limited = Some(self.report.scope == Scope::Cgroup);
        if let Some(path) = verdict.cgroup {
            self.cgroup().path = owned(path, text_max);
        }
        self.report.task_cgroup = verdict
            .task_cgroup
            .map(|path| owned(path, text_max))
            .or_else(|| self.report.task_cgroup.take());
        if let (Some(cpuset), Some(invoker)) = (verdict.cpuset, &mut self.report.invoker)
            && invoker.cpuset.is_none()
        {
            invoker.cpuset = Some(owned(cpuset, text_max));
        }
        if let Some(pid) = verdict.pid {
            self.chosen = Some((pid, false));
            if !self.has_kill(pid) {
                self.report.kills.push(Kill {
                    pid,
                    name: name(verdict.name, at.decoded),
                    stamp: at.stamp,
                    line: at.line,
                    form: KillForm::Announced,
                    uid: verdict.uid,
                    ..Kill::default()
                });
            }
        }
    }

    pub(super) fn add_announced(&mut self, line: &Announced<'_>, at: &At<'_>) {
        self.limited = self.limited.or(line.cgroup);
        if !line.sharing {
            self.chosen = Some((line.pid, line.or_child));
        }
        if let Some(kill) = self.kill_mut(line.pid) {
            kill.score = kill.score.or(line.score);
            return;
        }
        let form = if line.sharing { KillForm::Killed } else { KillForm::Announced };
        self.report.kills.push(Kill {
            pid: line.pid,
            name: name(line.name, at.decoded),
            stamp: at.stamp,
            line: at.line,
            form,
            score: line.score,
            ..Kill::default()
        });
    }

    /// A kill that happened. `instead`: the one announced lives, this child of it died.
    pub(super) fn add_killed(
        &mut self,
        line: &Killed<'_>,
        at: &At<'_>,
        limits: &Limits,
        summary: &mut Summary,
    ) {
        self.done = true;
        self.limited = self.limited.or(line.cgroup);
        if let Some((pid, true)) = self.chosen
            && pid != line.pid
            && !self.has_kill(line.pid)
        {
            self.report.kills.retain(|kill| kill.pid != pid || kill.form == KillForm::Killed);
        }
        if let Some(path) = line.beancounter {
            self.cgroup().path = owned(path, limits.text_bytes_max);
        }
        if !self.has_kill(line.pid) {
            if self.report.kills.len() >= limits.report_kills_max {
                summary.kills_dropped += 1;
                return;
            }
            self.report.kills.push(Kill {
                pid: line.pid,
                line: at.line,
                stamp: at.stamp,
                ..Kill::default()
            });
        }
        let Some(kill) = self.kill_mut(line.pid) else { return };
        kill.lines = kill.lines.saturating_add(1);
        kill.form = KillForm::Killed;
        if kill.lines > 1 {
            return;
        }
        kill.name = name(line.name, at.decoded);
        kill.uid = line.uid.or(kill.uid);
        kill.score = line.score.or(kill.score);
        kill.total_vm_kib = line.total_vm_kib;
        kill.anon_rss_kib = line.anon_rss_kib;
        kill.file_rss_kib = line.file_rss_kib;
        kill.shmem_rss_kib = line.shmem_rss_kib;
        kill.page_table_kib = line.page_table_kib;
        kill.adj = line.adj;
    }

    /// The report as it is now; `None`: it is none, only memory figures as other messages have.
    pub(super) fn close(mut self) -> Option<Report> {
        let report = &mut self.report;
        let empty = report.invoker.is_none()
            && report.kills.is_empty()
            && report.tasks.is_empty()
            && report.deadlock.is_none()
            && report.group.is_none()
            && !self.verdict;
        if empty {
            return None;
        }
        if report.invoker.as_ref().is_some_and(|invoker| invoker.order == Some(-1)) {
            report.scope = Scope::Manual;
        } else if report.scope == Scope::Unknown {
            report.scope = match self.limited {
                Some(true) => Scope::Cgroup,
                Some(false) => Scope::Global,
                None if report.memory.is_some() => Scope::Global,
                None => Scope::Unknown,
            };
        }
        for kill in &mut report.kills {
            let row = report.tasks.iter().find(|task| task.pid == kill.pid);
            let bytes = row.and_then(|task| task.page_table_bytes);
            let mislabelled = kill.page_table_kib.is_some_and(|kib| {
                kib >= 4096 && (Some(kib) == bytes || Some(kib) > kill.total_vm_kib)
            });
            if mislabelled && kill.total_vm_kib.is_some() {
                kill.page_table_kib = kill.page_table_kib.map(|bytes| bytes / 1024);
            }
        }
        let killed = report.kills.iter().any(|kill| kill.form == KillForm::Killed);
        report.cut_end = !killed && report.deadlock.is_none();
        Some(self.report)
    }
}

/// Seconds from one stamp to the other, where they are of one clock.
pub(super) fn gap(from: &Stamp, to: &Stamp) -> Option<i64> {
    if let (Some(from), Some(to)) = (from.boot_micros, to.boot_micros) {
        let (from, to) = (i64::try_from(from).ok()?, i64::try_from(to).ok()?);
        return Some((to - from) / 1_000_000);
    }
    let (from, to) = (from.wall?, to.wall?);
    (from.year.is_some() == to.year.is_some()).then(|| seconds(&to) - seconds(&from))
}

/// One bit of a name; different names may have the same.
fn mark(key: &[u8]) -> u128 {
    let sum = key.iter().fold(0_u32, |sum, &byte| sum.wrapping_mul(31) ^ u32::from(byte));
    1 << (sum.wrapping_mul(0x9e37_79b1) >> 25)
}

/// Whether a statistic counts bytes, not events.
fn is_amount(key: &[u8]) -> bool {
    let key = key.strip_prefix(b"total_").unwrap_or(key);
    !matches!(key.first(), Some(b'p' | b'w')) || !EVENTS.iter().any(|event| key.starts_with(event))
}

fn bit(key: &[u8]) -> Option<u32> {
    let key = if key == b"Active_anon" { b"active_anon" } else { key };
    COUNTED.iter().position(|known| *known == key).map(|index| 1 << index)
}

/// The counters that are kept.
const COUNTED: [&[u8]; 10] = [
    b"active_anon",
    b"inactive_anon",
    b"active_file",
    b"inactive_file",
    b"unevictable",
    b"slab_reclaimable",
    b"slab_unreclaimable",
    b"shmem",
    b"pagetables",
    b"free",
];

/// How names of counts, not amounts, begin.
const EVENTS: [&[u8]; 10] = [
    b"pgpg",
    b"pgfault",
    b"pgmaj",
    b"pgre",
    b"pgsc",
    b"pgst",
    b"pgac",
    b"pgde",
    b"pgla",
    b"workingset_",
];

/// Clocks of several processors differ a little in one log.
const BACK_SECONDS_MAX: i64 = 5;

const HOST_BYTES_MAX: usize = 255;

const KEY_BYTES_MAX: usize = 64;
