//! Which report a line belongs to, and in which order reports and other events are given out.
//!
//! Reports of several hosts and processors may be under way at once. A line goes to the newest
//! report that lacks it; what belongs to none begins one of its own, so that no kill is lost.

mod kills;

use alloc::boxed::Box;
use alloc::collections::VecDeque;

use super::fact::{Columns, Fact, Header, Process, row};
use super::limits::Limits;
use super::model::{Event, Invoker};
use super::open::{At, Open};
use super::summary::Summary;
use super::text::{name, owned};

/// Events in the order of the log; reports among them that may still grow.
#[derive(Debug)]
pub(super) struct Queue {
    slots: VecDeque<Slot>,
    limits: Limits,
    /// Rows of all open reports.
    rows: usize,
    open: usize,
    collecting: usize,
}

#[derive(Debug)]
enum Slot {
    Open(Box<Open>),
    Ready(Event),
}

impl Queue {
    pub(super) const fn new(limits: Limits) -> Self {
        Self { slots: VecDeque::new(), limits, rows: 0, open: 0, collecting: 0 }
    }

    /// Whether a report waits for its kill, so that every line counts.
    pub(super) const fn collecting(&self) -> bool {
        self.collecting > 0
    }

    /// Takes an event that is complete.
    pub(super) fn ready(&mut self, event: Event) {
        self.slots.push_back(Slot::Ready(event));
    }

    /// Takes a fact to where it belongs.
    pub(super) fn take(&mut self, fact: &Fact<'_>, at: &At<'_>, summary: &mut Summary) {
        match fact {
            Fact::Header(header) => self.header(header, at),
            Fact::Cpuset { name, cpuset } => self.cpuset(name, cpuset, at),
            Fact::Process(process) => self.process(process, at),
            Fact::Heading(columns) => self.heading(columns, at),
            Fact::Row(line) => self.row(line, at, summary),
            Fact::Verdict(verdict) => self.verdict(verdict, at),
            Fact::Announced(line) => self.announced(line, at),
            Fact::Killed(line) => self.killed(line, at, summary),
            Fact::Reaped(line) => self.reaped(line, at),
            Fact::Group(path) => self.group(path, at),
            Fact::Deadlock(sentence) => self.deadlock(sentence, false, at),
            Fact::Panic(sentence) => self.deadlock(sentence, true, at),
            Fact::Limit { .. } | Fact::Usage(_) | Fact::StatsFor { .. } | Fact::Stats(_) => {
                self.cgroup(fact, at, summary);
            }
            Fact::Suppressed { .. } | Fact::Boot(_) | Fact::Dropped(_) => {}
            _ => self.memory(fact, at),
        }
        if fact.may_begin() {
            self.count();
        }
    }

    /// Ends the reports that have been quiet for too long.
    pub(super) fn tidy(&mut self, at: &At<'_>) {
        let (lines, seconds) = (self.limits.quiet_lines_max, self.limits.quiet_seconds_max);
        self.close_where(|open| !open.near(at, lines, seconds));
    }

    /// Of too many reports, rows or events that wait ends the oldest.
    pub(super) fn bound(&mut self, summary: &mut Summary) {
        let most = self.limits.open_reports_max;
        loop {
            let oldest = self.slots.iter().position(|slot| matches!(slot, Slot::Open(_)));
            let Some(index) = oldest else { break };
            let waiting = self.slots.len() - index;
            let fine = self.open <= most
                && self.rows <= self.limits.open_rows_max
                && waiting <= most.saturating_mul(SLOTS_PER_REPORT);
            if fine {
                break;
            }
            if matches!(self.slots.get(index), Some(Slot::Open(open)) if !open.done) {
                summary.reports_forced += 1;
            }
            self.close(index);
            self.count();
        }
    }

    /// Ends the reports of a host whose kernel started anew.
    pub(super) fn boot(&mut self, host: Option<&[u8]>) {
        self.close_where(|open| open.is_of(host));
    }

    /// Ends the reports that name a kill, or all.
    pub(super) fn settle(&mut self, all: bool) {
        self.close_where(|open| all || open.done);
    }

    /// Gives out what is complete, up to the first report that is not.
    pub(super) fn give(&mut self, summary: &mut Summary, out: &mut impl FnMut(Event)) {
        while let Some(Slot::Ready(_)) = self.slots.front() {
            if let Some(Slot::Ready(event)) = self.slots.pop_front() {
                summary.reports += u64::from(matches!(event, Event::Report(_)));
                out(event);
            }
        }
    }

    fn close_where(&mut self, over: impl Fn(&Open) -> bool) {
        if self.open == 0 {
            return;
        }
        let mut index = 0;
        while index < self.slots.len() {
            let closed = match self.slots.get(index) {
                Some(Slot::Open(open)) if over(open) => self.close(index),
                _ => false,
            };
            // A slot that held nothing of worth is gone; the next one has its index.
            index += usize::from(!closed);
        }
        self.count();
    }

    /// Ends one report; whether its slot is gone.
    fn close(&mut self, index: usize) -> bool {
        let Some(slot) = self.slots.get_mut(index) else { return false };
        let Slot::Open(open) = slot else { return false };
        let empty = Box::new(Open::new(&NOWHERE, true));
        match core::mem::replace(open, empty).close() {
            Some(report) => {
                *slot = Slot::Ready(Event::Report(Box::new(report)));
                false
            }
            None => {
                self.slots.remove(index);
                true
            }
        }
    }

    fn count(&mut self) {
        (self.open, self.collecting, self.rows) = (0, 0, 0);
        for slot in &self.slots {
            if let Slot::Open(open) = slot {
                self.open += 1;
                self.collecting += usize::from(!open.done);
                self.rows += open.report.tasks.len();
            }
        }
    }

    /// Open reports of the line's host, the newest first.
    fn of_host<'q>(&'q mut self, at: &'q At<'_>) -> impl Iterator<Item = &'q mut Open> {
        self.slots.iter_mut().rev().filter_map(move |slot| match slot {
            Slot::Open(open) if open.same_host(at) => Some(&mut **open),
            _ => None,
        })
    }

    /// The newest report under way that takes the line.
    fn newest<'q>(
        &'q mut self,
        at: &'q At<'_>,
        takes: impl Fn(&Open) -> bool,
    ) -> Option<&'q mut Open> {
        let open =
            self.of_host(at).find(|open| !open.done && open.same_caller(at) && takes(open))?;
        open.touch(at);
        Some(open)
    }

    /// As [`Self::newest`]; where there is none, the line begins a report whose start is missing.
    fn newest_or_cut<'q>(
        &'q mut self,
        at: &'q At<'_>,
        takes: impl Fn(&Open) -> bool,
    ) -> Option<&'q mut Open> {
        if self.newest(at, &takes).is_none() {
            self.begin(at, true);
            return self.of_host(at).next();
        }
        self.newest(at, takes)
    }

    fn begin(&mut self, at: &At<'_>, cut_start: bool) {
        self.slots.push_back(Slot::Open(Box::new(Open::new(at, cut_start))));
    }

    fn header(&mut self, header: &Header<'_>, at: &At<'_>) {
        if at.caller.is_some() {
            self.close_where(|open| {
                open.same_host(at) && !open.done && open.same_caller(at) && open.has_caller()
            });
        }
        self.begin(at, false);
        let text_max = self.limits.text_bytes_max;
        if let Some(open) = self.of_host(at).next() {
            open.report.invoker = Some(Invoker {
                name: name(header.name, at.decoded),
                pid: None,
                gfp_mask: owned(header.gfp_mask, text_max),
                order: header.order,
                adj: header.adj,
                cpuset: None,
            });
        }
    }

    fn cpuset(&mut self, by: &[u8], cpuset: &[u8], at: &At<'_>) {
        let by = name(by, at.decoded);
        let text_max = self.limits.text_bytes_max;
        let open = self.newest(at, |open| {
            let invoker = open.report.invoker.as_ref();
            invoker.is_some_and(|invoker| invoker.cpuset.is_none() && invoker.name == by)
        });
        if let Some(invoker) = open.and_then(|open| open.report.invoker.as_mut()) {
            invoker.cpuset = Some(owned(cpuset, text_max));
        }
    }

    fn process(&mut self, process: &Process<'_>, at: &At<'_>) {
        let by = name(process.name, at.decoded);
        let text_max = self.limits.text_bytes_max;
        let open = self.newest(at, |open| match &open.report.invoker {
            Some(invoker) => {
                invoker.pid.is_none() && (invoker.name == by || invoker.name.text.is_empty())
            }
            None => false,
        });
        let Some(open) = open else { return };
        if let Some(kernel) = process.kernel {
            open.report.kernel = Some(owned(kernel, text_max));
        }
        if let Some(invoker) = &mut open.report.invoker {
            invoker.pid = Some(process.pid);
            if invoker.name.text.is_empty() {
                invoker.name = by;
            }
        }
    }

    fn memory(&mut self, fact: &Fact<'_>, at: &At<'_>) {
        if let Fact::MemoryStart = fact {
            if let Some(open) = self.newest_or_cut(at, |open| open.report.memory.is_none()) {
                open.memory();
            }
            return;
        }
        let known = |open: &Open| {
            let memory = open.report.memory.as_ref();
            match fact {
                Fact::Counters(text) => {
                    let first = super::fact::counters(text).next();
                    !first.is_some_and(|(key, _)| open.lacks(key))
                }
                Fact::PageBytes(_) => memory.is_none_or(|memory| memory.page_bytes.is_some()),
                Fact::SwapFree(_) => memory.is_some_and(|memory| memory.swap_free_kib.is_some()),
                Fact::SwapTotal(_) => memory.is_some_and(|memory| memory.swap_total_kib.is_some()),
                Fact::RamPages(_) => memory.is_some_and(|memory| memory.ram_pages.is_some()),
                _ => memory.is_some_and(|memory| memory.reserved_pages.is_some()),
            }
        };
        let Some(open) = self.newest(at, |open| !known(open)) else { return };
        match fact {
            Fact::Counters(text) => open.add_counters(text),
            Fact::PageBytes(bytes) => open.memory().page_bytes = Some(*bytes),
            Fact::SwapFree(kib) => open.memory().swap_free_kib = Some(*kib),
            Fact::SwapTotal(kib) => open.memory().swap_total_kib = Some(*kib),
            Fact::RamPages(pages) => open.memory().ram_pages = Some(*pages),
            Fact::ReservedPages(pages) => open.memory().reserved_pages = Some(*pages),
            _ => {}
        }
    }

    fn cgroup(&mut self, fact: &Fact<'_>, at: &At<'_>, summary: &mut Summary) {
        let limits = self.limits;
        let most = limits.text_bytes_max;
        match fact {
            Fact::Limit { task, limit } => {
                let unnamed = |open: &Open| {
                    open.report.cgroup.as_ref().is_none_or(|group| group.path.is_empty())
                };
                if let Some(open) = self.newest_or_cut(at, unnamed) {
                    open.cgroup().path = owned(limit, most);
                    open.report.task_cgroup = Some(owned(task, most));
                }
            }
            Fact::Usage(usage) => {
                let lacks = |open: &Open| {
                    let group = open.report.cgroup.as_ref();
                    match usage.of {
                        super::fact::UsageOf::Memory => {
                            group.is_none_or(|group| group.usage_kib.is_none())
                        }
                        _ => group.is_some_and(|group| group.swap_usage_kib.is_none()),
                    }
                };
                let open = match usage.of {
                    super::fact::UsageOf::Memory => self.newest_or_cut(at, lacks),
                    _ => self.newest(at, lacks),
                };
                if let Some(open) = open {
                    open.add_usage(usage);
                }
            }
            Fact::StatsFor { path, rest } => {
                let Some(open) = self.newest(at, |open| !open.verdict) else { return };
                let first = !open.stats_seen;
                open.stats = first;
                open.stats_seen = true;
                if first {
                    let group = open.cgroup();
                    if group.path.is_empty() {
                        group.path = owned(path, most);
                    }
                    open.add_stats(rest, &limits, summary);
                }
            }
            Fact::Stats(text) => {
                if let Some(open) = self.newest(at, |open| open.stats) {
                    open.add_stats(text, &limits, summary);
                }
            }
            _ => {}
        }
    }

    fn heading(&mut self, columns: &Columns, at: &At<'_>) {
        if let Some(open) = self.newest_or_cut(at, |open| open.columns.is_none()) {
            open.columns = Some(*columns);
            open.stats = false;
        }
    }

    fn row(&mut self, line: &[u8], at: &At<'_>, summary: &mut Summary) {
        let most = self.limits.report_tasks_max;
        let several = self.collecting > 1;
        let pid = super::text::digits_then(super::text::trim_start(line.get(1..).unwrap_or(&[])))
            .and_then(|(pid, _)| u32::try_from(pid).ok());
        let open = self.newest(at, |open| {
            let there = several
                && pid
                    .is_some_and(|pid| open.report.tasks.iter().rev().any(|task| task.pid == pid));
            open.columns.is_some() && !open.verdict && !there
        });
        let Some(open) = open else { return };
        let Some(columns) = open.columns else { return };
        summary.rows += 1;
        let page = open.report.memory.as_ref().and_then(|memory| memory.page_bytes);
        match row(line, &columns, page, at.decoded) {
            Some(_) if open.report.tasks.len() >= most => summary.tasks_dropped += 1,
            Some(task) => {
                open.report.tasks.push(task);
                self.rows += 1;
            }
            None => {
                summary.rows_unread += 1;
                open.report.tasks_unread = open.report.tasks_unread.saturating_add(1);
            }
        }
    }
}

/// No line.
const NOWHERE: At<'static> = At {
    line: 0,
    stamp: super::model::Stamp { boot_micros: None, wall: None },
    host: None,
    caller: None,
    decoded: false,
    kernel: None,
};

/// Events that wait behind one open report.
const SLOTS_PER_REPORT: usize = 16;
