//! `oom-one-process`, `oom-many-processes`, `oom-many-programs`, `oom-not-in-processes`,
//! `oom-cause-unknown`: what held the memory.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use menshen_base::{Confidence, Finding, Severity};

use super::super::amount::{count, part_of, percent, short_path, size};
use super::super::night::{Consumer, Shortage};
use super::super::programs::{Bound, Room, remedy, unit_size};
use super::{Case, Site, list, tmpfs};

/// The program that holds most, where it holds much.
pub(in super::super) struct Holder<'a> {
    pub(in super::super) shortage: &'a Shortage,
    pub(in super::super) consumer: &'a Consumer,
}

/// Who held the memory of a place, if one program did.
pub(in super::super) fn holder<'a>(site: &Site<'a>) -> Option<Holder<'a>> {
    let shortage = site.told()?;
    let consumer = shortage.consumers.first()?;
    let much = consumer.share_permille.is_some_and(|share| share >= LARGE);
    let next = shortage.consumers.get(1).map_or(0, |next| next.held_kib);
    // Where the whole is not known, by far the largest counts.
    let far = consumer.share_permille.is_none() && consumer.held_kib / 3 > next;
    (much || far).then_some(Holder { shortage, consumer })
}

pub(super) fn find(case: &Case<'_>, site: &Site<'_>, out: &mut Vec<Finding>) {
    if site.shortages.iter().all(|shortage| !shortage.is_shortage()) {
        return;
    }
    let Some(shortage) = site.told() else {
        unknown(case, site, out);
        return;
    };
    if let Some(held) = outside(shortage) {
        elsewhere(case, site, shortage, held, out);
        return;
    }
    match holder(site) {
        Some(holder) => one(case, site, &holder, out),
        // Then the files are the cause, and the largest processes are not.
        None if tmpfs::worst(site).is_some() => {}
        None => many(case, site, shortage, out),
    }
}

fn one(case: &Case<'_>, site: &Site<'_>, holder: &Holder<'_>, out: &mut Vec<Finding>) {
    let Holder { shortage, consumer } = holder;
    let name = &consumer.name.text;
    let share = consumer
        .share_permille
        .map_or_else(|| size(consumer.held_kib), |share| part_of(share, &whole(site, shortage)));
    let (code, claim) = if consumer.count == 1 {
        ("oom-one-process", format!("one process, {name}, held {share}"))
    } else {
        let number = consumer.count;
        ("oom-many-processes", format!("{number} {name} processes together held {share}"))
    };
    let others = total_held(shortage).saturating_sub(consumer.held_kib);
    let room = shortage.total_kib.map(|all_kib| Room { all_kib, others_kib: others });
    let bound = if site.group.is_some() { Bound::Group } else { Bound::Machine };
    let mut hint = remedy(consumer, room, bound);
    if let Some(more) = raise(site) {
        hint = format!("{hint} Or {more}");
    }
    let mut finding = site.finding(code, Severity::Error, claim).hint(hint);
    finding.subject = name.clone();
    finding = table(case, finding, shortage);
    if consumer.count > 1 && consumer.share_permille.is_some_and(|share| share > 1000) {
        finding.confidence = Confidence::Likely;
        let value = "memory that processes share is counted in each of them";
        finding = finding.evidence("sum", case.lines(shortage), value);
    }
    out.push(finding);
}

fn many(case: &Case<'_>, site: &Site<'_>, shortage: &Shortage, out: &mut Vec<Finding>) {
    let top = shortage.consumers.iter().take(3).map(short).collect::<Vec<_>>();
    let claim = format!("no single program held the memory; the largest were {}", list(&top, 3));
    let more = raise(site).map(|more| format!("Lower what runs there, or {more}"));
    let more = more.unwrap_or_else(|| {
        "Add memory or swap, or move a program to another machine; MemoryMax= in the units of the \
         largest keeps each within bounds."
            .into()
    });
    let finding = site.finding("oom-many-programs", Severity::Error, claim).hint(more);
    out.push(table(case, finding, shortage));
}

/// Memory of the machine that no process holds and that is neither free, nor of files, nor told of
/// by another rule: more than a third of RAM.
fn outside(shortage: &Shortage) -> Option<u64> {
    let memory = shortage.memory.as_ref().filter(|_| shortage.cgroup.is_none())?;
    let ram = memory.ram_kib?;
    let known = [
        memory.free_kib?,
        memory.anon_kib?,
        memory.file_kib.unwrap_or(0),
        memory.slab_reclaimable_kib.unwrap_or(0),
        memory.slab_unreclaimable_kib?,
        memory.page_tables_kib.unwrap_or(0),
        memory.unevictable_kib.unwrap_or(0),
    ];
    let rest = ram.saturating_sub(known.into_iter().fold(0, u64::saturating_add));
    (rest > ram / 3).then_some(rest)
}

fn elsewhere(
    case: &Case<'_>,
    site: &Site<'_>,
    shortage: &Shortage,
    held: u64,
    out: &mut Vec<Finding>,
) {
    let claim = format!("{} of RAM were in no process, no file and no kernel cache", size(held));
    let mut finding = site.finding("oom-not-in-processes", Severity::Error, claim).hint(
        "Look for huge pages that were set aside (HugePages_Total in /proc/meminfo), a \
             balloon of the hypervisor, and drivers that take memory for themselves (GPUs, ZFS).",
    );
    finding.confidence = Confidence::Likely;
    out.push(table(case, finding, shortage));
}

fn unknown(case: &Case<'_>, site: &Site<'_>, out: &mut Vec<Finding>) {
    let Some(first) = site.shortages.first() else { return };
    let claim = "the log has no table of processes, so what held the memory is not known";
    let mut finding = site.finding("oom-cause-unknown", Severity::Warning, claim).hint(
        "Look for a fuller log of the same time (journalctl -k, dmesg, kern.log). vm.oom_dump_tasks \
         must be 1 for the table.",
    );
    let kills = case.night.kills_of(first).take(1);
    for kill in kills {
        finding = case.with_kill(finding, kill);
    }
    out.push(finding);
}

/// The largest rows as evidence.
fn table(case: &Case<'_>, mut finding: Finding, shortage: &Shortage) -> Finding {
    for consumer in shortage.consumers.iter().take(super::EVIDENCE_MAX) {
        finding = finding.evidence("held", case.lines(shortage), short(consumer));
    }
    if let Some(memory) = &shortage.memory {
        let parts = [
            ("RAM", memory.ram_kib),
            ("free", memory.free_kib),
            ("tmpfs and shared", memory.shmem_kib),
            ("swap", memory.swap_total_kib),
            ("swap free", memory.swap_free_kib),
        ];
        let parts: Vec<String> = parts
            .iter()
            .filter_map(|(word, kib)| Some(format!("{word} {}", size((*kib)?))))
            .collect();
        if !parts.is_empty() {
            finding = finding.evidence("memory", case.lines(shortage), parts.join(", "));
        }
    }
    finding
}

/// `30 VBoxHeadless 58 GiB (92 %)`.
fn short(consumer: &Consumer) -> String {
    let percent = |share: u32| percent(share.min(1000));
    let number = if consumer.count == 1 { String::new() } else { format!("{} ", consumer.count) };
    let share = consumer.share_permille.map(|share| format!(" ({})", percent(share)));
    format!(
        "{number}{} {}{}",
        consumer.name.text,
        size(consumer.held_kib),
        share.unwrap_or_default()
    )
}

/// What a share is of.
fn whole(site: &Site<'_>, shortage: &Shortage) -> String {
    let swap = shortage.memory.as_ref().and_then(|memory| memory.swap_total_kib).unwrap_or(0);
    match site.group {
        Some(_) => site.of_what(),
        None if swap > 0 => format!("RAM and swap ({})", size(shortage.total_kib.unwrap_or(0))),
        None => format!("RAM ({})", size(shortage.total_kib.unwrap_or(0))),
    }
}

pub(super) fn total_held(shortage: &Shortage) -> u64 {
    let held = shortage.consumers.iter().map(|one| one.held_kib);
    held.fold(shortage.others.held_kib, u64::saturating_add)
}

/// How the limit of a group is raised: by whoever set it.
fn raise(site: &Site<'_>) -> Option<String> {
    let path = site.group?;
    let limit = site.limit_kib().map_or_else(|| "…".into(), |kib| unit_size(kib.saturating_mul(2)));
    let names = path.split('/');
    let unit = names.rev().find(|name| {
        [".service", ".slice", ".scope"].iter().any(|end| name.ends_with(end))
            && !name.contains("docker-")
            && !name.contains("cri-")
    });
    let container = ["docker", "libpod", "containerd", "kubepods", "cri-"];
    Some(if path.contains("kubepods") {
        "raise resources.limits.memory of the container in its pod.".into()
    } else if container.iter().any(|word| path.contains(word)) {
        format!("raise the container's limit: docker update --memory {} …", limit.to_lowercase())
    } else if path.contains("/lxc") {
        "raise the guest's memory (lxc.cgroup2.memory.max, pct set ID --memory).".into()
    } else if let Some(unit) = unit {
        format!("raise its limit: systemctl set-property {unit} MemoryMax={limit}.")
    } else {
        format!(
            "raise the limit of {} (memory.max, of version 1 memory.limit_in_bytes).",
            short_path(path)
        )
    })
}

/// `1 process`, `3 processes`.
pub(super) fn processes(number: u64) -> String {
    count(number, "process", "processes")
}

/// Thousandths from which on a program is a cause by itself.
const LARGE: u32 = 300;
