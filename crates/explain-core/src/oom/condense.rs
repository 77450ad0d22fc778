//! A report of the kernel, which may hold ten thousand rows, condensed to what a story needs: sums
//! by program, the victim's share and place, memory in KiB.
//!
//! Points follow the kernel's formula since 2.6.36 (`mm/oom_kill.c`, `oom_badness`): resident,
//! swapped and page-table memory, and a thousandth of all memory for each unit of
//! `oom_score_adj`.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use menshen_guard_core::oom::{CgroupState, Kill, MemoryState, Name, Report, Scope, Stamp, Task};

use super::amount::permille;
use super::night::{Cgroup, Consumer, Killed, Memory, Moment, Place, ScoreFrom, Shortage};
use super::programs::is_supervisor;

/// A report and its kills, not yet numbered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Condensed {
    pub(super) shortage: Shortage,
    pub(super) kills: Vec<Killed>,
}

/// Whether the table is summed up: after very many reports only the kills are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Detail {
    Full,
    KillsOnly,
}

/// `moment` makes a moment of a stamp; `source` is the number of the input.
pub(super) fn condense(
    report: &Report,
    source: usize,
    detail: Detail,
    mut moment: impl FnMut(&Stamp) -> Moment,
) -> Condensed {
    let page_bytes = page_bytes(report);
    let memory = report.memory.as_ref().map(|state| memory(state, page_bytes));
    let cgroup = report.cgroup.as_ref().map(cgroup);
    let total_kib = total(report, memory.as_ref(), cgroup.as_ref());
    let table = Table::new(report, page_bytes, total_kib);
    let mut shortage = Shortage {
        at: moment(&report.stamp),
        place: Place { source, line: report.span.first_line },
        last_line: report.span.last_line,
        host: report.host.clone(),
        kernel: report.kernel.clone(),
        invoker: report.invoker.as_ref().map(Into::into),
        scope: report.scope,
        total_kib,
        page_bytes,
        processes: report.tasks.len(),
        rows_unread: report.tasks_unread,
        task_cgroup: report.task_cgroup.clone(),
        group: report.group.clone(),
        deadlock: report.deadlock.clone(),
        cut_start: report.cut_start,
        cut_end: report.cut_end,
        cgroup,
        memory,
        ..Shortage::default()
    };
    let kills = report.kills.iter().map(|kill| {
        let mut killed = table.killed(kill);
        killed.at = moment(&kill.stamp);
        killed.place = Place { source, line: kill.line };
        killed.host = shortage.host.clone();
        killed.scope = shortage.scope;
        killed.cgroup = shortage.cgroup.as_ref().map(|cgroup| cgroup.path.clone());
        killed.limit_kib = shortage.cgroup.as_ref().and_then(|cgroup| cgroup.limit_kib);
        killed.task_cgroup = shortage.task_cgroup.clone();
        killed.invoker = report.invoker.as_ref().map(|invoker| invoker.name.clone());
        killed
    });
    let kills: Vec<Killed> = kills.collect();
    if detail == Detail::Full {
        table.sum_up(&kills, &mut shortage);
    }
    Condensed { shortage, kills }
}

/// The table of processes with what each row weighs.
struct Table<'a> {
    rows: &'a [Task],
    page_bytes: u32,
    total_kib: Option<u64>,
    immune: i32,
    by_pid: BTreeMap<u32, &'a Task>,
    by_name: BTreeMap<&'a Name, u64>,
    /// Of all that may be killed, in rising order.
    points: Vec<i64>,
}

impl<'a> Table<'a> {
    fn new(report: &'a Report, page_bytes: u32, total_kib: Option<u64>) -> Self {
        let rows = report.tasks.as_slice();
        let mut by_pid = BTreeMap::new();
        let mut by_name = BTreeMap::new();
        for task in rows {
            by_pid.entry(task.tgid).or_insert(task);
            *by_name.entry(&task.name).or_insert(0) += 1;
        }
        // Before 2.6.36 the scale was -17..=15.
        let old = !rows.is_empty() && rows.iter().all(|task| (-17..=15).contains(&task.adj));
        let kernel = report.kernel.as_deref().unwrap_or_default();
        let old = old && kernel.starts_with("2.6.");
        let immune = if old { -17 } else { -1000 };
        let points = Vec::new();
        let mut own = Self { rows, page_bytes, total_kib, immune, by_pid, by_name, points };
        own.points = rows.iter().filter_map(|task| own.points(task)).collect();
        own.points.sort_unstable();
        own
    }

    fn kib(&self, pages: u64) -> u64 {
        pages.saturating_mul(u64::from(self.page_bytes)) / 1024
    }

    fn held(&self, task: &Task) -> u64 {
        let swap = self.kib(task.swap_pages.unwrap_or(0));
        let tables = task.page_table_bytes.unwrap_or(0) / 1024;
        self.kib(task.rss_pages).saturating_add(swap).saturating_add(tables)
    }

    /// KiB, as the kernel compares them; `None`: may not be killed.
    fn points(&self, task: &Task) -> Option<i64> {
        if task.adj <= self.immune || task.tgid == 1 {
            return None;
        }
        let held = i64::try_from(self.held(task)).unwrap_or(i64::MAX);
        let total = i64::try_from(self.total_kib.unwrap_or(0)).unwrap_or(i64::MAX);
        let adj = if self.immune == -1000 { i64::from(task.adj) } else { 0 };
        Some(held.saturating_add(adj.saturating_mul(total / 1000)))
    }

    fn killed(&self, kill: &Kill) -> Killed {
        let task = self.by_pid.get(&kill.pid).copied();
        let parts = [kill.anon_rss_kib, kill.file_rss_kib, kill.shmem_rss_kib];
        let said = parts.iter().flatten().copied().reduce(u64::saturating_add);
        let rss = said.or_else(|| task.map(|task| self.kib(task.rss_pages)));
        let swap = task.and_then(|task| task.swap_pages).map(|pages| self.kib(pages));
        let row_tables = task.and_then(|task| task.page_table_bytes).map(|bytes| bytes / 1024);
        // The kill line of 5.4 has bytes where it says kB; the row is always in bytes.
        let tables = row_tables.or(kill.page_table_kib);
        let held = rss
            .map(|rss| rss.saturating_add(swap.unwrap_or(0)).saturating_add(tables.unwrap_or(0)));
        let points = task.and_then(|task| self.points(task));
        let computed = points.zip(self.total_kib).and_then(|(points, total)| {
            points.saturating_mul(1000).checked_div(i64::try_from(total).ok()?)
        });
        let (score, score_from) = match (kill.score, computed) {
            (Some(score), _) => (Some(i64::from(score)), Some(ScoreFrom::Log)),
            (None, Some(score)) => (Some(score), Some(ScoreFrom::Computed)),
            (None, None) => (None, None),
        };
        let rank = points.map(|own| {
            let above = self.points.len() - self.points.partition_point(|points| *points <= own);
            u32::try_from(above + 1).unwrap_or(u32::MAX)
        });
        Killed {
            pid: kill.pid,
            name: kill.name.clone(),
            name_forged: kill.name.forged,
            uid: kill.uid.or_else(|| task.map(|task| task.uid)),
            score,
            score_from,
            oom_score_adj: kill.adj.or_else(|| task.map(|task| task.adj)),
            rss_kib: rss,
            anon_rss_kib: kill.anon_rss_kib,
            file_rss_kib: kill.file_rss_kib,
            shmem_rss_kib: kill.shmem_rss_kib,
            swap_kib: swap,
            page_tables_kib: tables,
            total_vm_kib: kill
                .total_vm_kib
                .or_else(|| task.map(|task| self.kib(task.total_vm_pages))),
            share_permille: held.zip(self.total_kib).and_then(|(part, all)| permille(part, all)),
            rank,
            instances: self.by_name.get(&kill.name).copied(),
            killed_times: kill.lines.max(1),
            form: kill.form,
            reaped: kill.reaped,
            ..Killed::default()
        }
    }

    /// Programs by what they hold, into the shortage.
    fn sum_up(&self, kills: &[Killed], shortage: &mut Shortage) {
        let pids: BTreeSet<u32> = kills.iter().map(|kill| kill.pid).collect();
        let mut programs: BTreeMap<&Name, Consumer> = BTreeMap::new();
        let mut immune: BTreeMap<&Name, Consumer> = BTreeMap::new();
        for task in self.rows {
            let killed = pids.contains(&task.tgid);
            self.add(programs.entry(&task.name).or_default(), task, killed);
            if task.adj <= self.immune {
                self.add(immune.entry(&task.name).or_default(), task, killed);
            }
            if is_supervisor(&task.name.text) && shortage.supervisors.len() < SUPERVISORS_MAX {
                shortage.supervisors.push(task.name.clone());
            }
        }
        shortage.supervisors.sort();
        shortage.supervisors.dedup();
        let mut consumers = self.sorted(programs);
        // What was killed is told of wherever it stands.
        let rest = consumers.split_off(consumers.len().min(CONSUMERS_MAX));
        let (victims, rest): (Vec<_>, Vec<_>) = rest.into_iter().partition(|one| one.killed > 0);
        consumers.extend(victims.into_iter().take(CONSUMERS_MAX));
        for one in &rest {
            merge(&mut shortage.others, one);
        }
        shortage.others.share_permille = self.share(shortage.others.held_kib);
        shortage.consumers = consumers;
        shortage.immune = self.sorted(immune);
        shortage.immune.truncate(IMMUNE_MAX);
    }

    fn add(&self, consumer: &mut Consumer, task: &Task, killed: bool) {
        let one = Consumer {
            name: task.name.clone(),
            count: 1,
            rss_kib: self.kib(task.rss_pages),
            shmem_kib: self.kib(task.rss_shmem_pages.unwrap_or(0)),
            swap_kib: self.kib(task.swap_pages.unwrap_or(0)),
            page_tables_kib: task.page_table_bytes.unwrap_or(0) / 1024,
            held_kib: self.held(task),
            largest_kib: self.held(task),
            share_permille: None,
            adj_min: task.adj,
            adj_max: task.adj,
            killed: u64::from(killed),
        };
        if consumer.count == 0 {
            *consumer = one;
        } else {
            merge(consumer, &one);
        }
    }

    /// The largest first; of equals in the order of their names.
    fn sorted(&self, programs: BTreeMap<&Name, Consumer>) -> Vec<Consumer> {
        let mut list: Vec<Consumer> = programs.into_values().collect();
        list.sort_by_key(|one| core::cmp::Reverse(one.held_kib));
        for one in &mut list {
            one.share_permille = self.share(one.held_kib);
        }
        list
    }

    fn share(&self, kib: u64) -> Option<u32> {
        self.total_kib.and_then(|total| permille(kib, total))
    }
}

/// Adds `more`; the name stays.
fn merge(sum: &mut Consumer, more: &Consumer) {
    let first = sum.count == 0;
    sum.count = sum.count.saturating_add(more.count);
    sum.rss_kib = sum.rss_kib.saturating_add(more.rss_kib);
    sum.shmem_kib = sum.shmem_kib.saturating_add(more.shmem_kib);
    sum.swap_kib = sum.swap_kib.saturating_add(more.swap_kib);
    sum.page_tables_kib = sum.page_tables_kib.saturating_add(more.page_tables_kib);
    sum.held_kib = sum.held_kib.saturating_add(more.held_kib);
    sum.largest_kib = sum.largest_kib.max(more.largest_kib);
    sum.adj_min = if first { more.adj_min } else { sum.adj_min.min(more.adj_min) };
    sum.adj_max = if first { more.adj_max } else { sum.adj_max.max(more.adj_max) };
    sum.killed = sum.killed.saturating_add(more.killed);
}

/// As the report says; else by a victim whose size is given in pages and in KiB; else 4096.
fn page_bytes(report: &Report) -> u32 {
    let said = report.memory.as_ref().and_then(|memory| memory.page_bytes);
    said.filter(|bytes| (1024..=1 << 20).contains(bytes)).unwrap_or_else(|| {
        let sizes = report.kills.iter().filter_map(|kill| {
            let task = report.tasks.iter().find(|task| task.tgid == kill.pid)?;
            let kib = kill.total_vm_kib?.checked_div(task.total_vm_pages)?;
            [4, 8, 16, 64].into_iter().find(|size| u64::from(*size) == kib)
        });
        let kib: Option<u32> = sizes.take(1).next();
        kib.unwrap_or(4) * 1024
    })
}

fn memory(state: &MemoryState, page_bytes: u32) -> Memory {
    let kib =
        |pages: Option<u64>| pages.map(|pages| pages.saturating_mul(u64::from(page_bytes)) / 1024);
    let ram = state.ram_pages.map(|ram| ram.saturating_sub(state.reserved_pages.unwrap_or(0)));
    Memory {
        ram_kib: kib(ram),
        free_kib: kib(state.free_pages),
        anon_kib: kib(state.anon_pages),
        file_kib: kib(state.file_pages),
        shmem_kib: kib(state.shmem_pages),
        unevictable_kib: kib(state.unevictable_pages),
        slab_reclaimable_kib: kib(state.slab_reclaimable_pages),
        slab_unreclaimable_kib: kib(state.slab_unreclaimable_pages),
        page_tables_kib: kib(state.page_table_pages),
        swap_total_kib: state.swap_total_kib,
        swap_free_kib: state.swap_free_kib,
    }
}

fn cgroup(state: &CgroupState) -> Cgroup {
    let real = |kib: Option<u64>| kib.filter(|kib| *kib < NO_LIMIT_KIB);
    let of = |names: &[&str]| {
        let found = |name: &&str| state.bytes.iter().find(|(key, _)| key == *name);
        names.iter().find_map(found).map(|(_, bytes)| bytes / 1024)
    };
    Cgroup {
        path: state.path.clone(),
        usage_kib: state.usage_kib,
        limit_kib: real(state.limit_kib),
        swap_usage_kib: state.swap_usage_kib,
        swap_limit_kib: real(state.swap_limit_kib),
        fail_count: state.fail_count,
        // Totals of version 1 count the groups below, as version 2 always does.
        anon_kib: of(&["anon", "total_rss", "rss"]),
        file_kib: of(&["file", "total_cache", "cache"]),
        shmem_kib: of(&["total_shmem", "shmem"]),
    }
}

/// What the kernel shares out there: RAM and swap, or the limit with the swap that is used.
fn total(report: &Report, memory: Option<&Memory>, cgroup: Option<&Cgroup>) -> Option<u64> {
    if report.scope == Scope::Cgroup || (report.scope == Scope::Unknown && cgroup.is_some()) {
        let cgroup = cgroup?;
        let limit = cgroup.limit_kib.filter(|limit| *limit > 0)?;
        let swap = cgroup.swap_usage_kib.unwrap_or(0);
        let version_1 = report
            .cgroup
            .as_ref()
            .is_some_and(|state| state.bytes.iter().any(|(key, _)| key == "rss" || key == "cache"));
        return Some(if version_1 { limit.max(swap) } else { limit.saturating_add(swap) });
    }
    let ram = memory?.ram_kib?;
    Some(ram.saturating_add(memory?.swap_total_kib.unwrap_or(0)))
}

/// A limit above is none: the kernel's largest counter, 2^63 bytes less a page or so.
const NO_LIMIT_KIB: u64 = 1 << 52;
/// Programs kept of one table.
const CONSUMERS_MAX: usize = 12;
const IMMUNE_MAX: usize = 16;
const SUPERVISORS_MAX: usize = 64;

#[cfg(test)]
mod tests;
