//! `oom-tmpfs`: memory in tmpfs (`/dev/shm`, `/run`, `/tmp`) or shared memory, which stays when its
//! writer is killed (`mm/shmem.c`): it ends with the file.

use alloc::format;
use alloc::vec::Vec;

use menshen_base::{Finding, Severity};

use super::super::amount::{count, part_of, permille, size};
use super::super::night::Shortage;
use super::super::programs::unit_size;
use super::{Case, Site};

/// tmpfs and shared memory, of what, thousandths; where it is much.
pub(in super::super) fn weight(shortage: &Shortage) -> Option<(u64, u32)> {
    let (part, whole, much) = match &shortage.cgroup {
        Some(cgroup) => (cgroup.shmem_kib?, cgroup.limit_kib?, 500),
        None => (shortage.memory.as_ref()?.shmem_kib?, shortage.memory.as_ref()?.ram_kib?, 300),
    };
    let share = permille(part, whole)?;
    (share >= much).then_some((part, share))
}

/// The report of a place in which tmpfs is most, if it is much.
pub(in super::super) fn worst<'a>(site: &Site<'a>) -> Option<(&'a Shortage, u64, u32)> {
    let short = site.shortages.iter().copied().filter(|shortage| shortage.is_shortage());
    let much = short.filter_map(|one| weight(one).map(|(kib, share)| (one, kib, share)));
    much.max_by_key(|(_, kib, _)| *kib)
}

pub(super) fn find(case: &Case<'_>, site: &Site<'_>, out: &mut Vec<Finding>) {
    let Some((shortage, kib, share)) = worst(site) else { return };
    let of = match site.group {
        Some(_) => site.of_what(),
        None => "RAM".into(),
    };
    let claim = format!(
        "killing will not help: {} in tmpfs or shared memory are {}, and no kill frees them",
        size(kib),
        part_of(share, &of)
    );
    let limit = unit_size(kib / 2);
    let mut finding = site.finding("oom-tmpfs", Severity::Error, claim).hint(format!(
        "Find the files (df -h -t tmpfs; du -xsh /dev/shm /run /tmp; ipcs -m) and delete what is \
         not needed. Then give each tmpfs a bound: mount -o remount,size={limit} /dev/shm, and \
         size= in /etc/fstab; its default is half of RAM."
    ));
    let word = if site.group.is_some() { "shmem of the group" } else { "shmem" };
    finding = finding.evidence(word, case.lines(shortage), size(kib));
    let empty = site
        .shortages
        .iter()
        .flat_map(|shortage| case.night.kills_of(shortage))
        .filter(|kill| kill.anon_rss_kib.is_some_and(|anon| anon < kib / 20));
    let empty: Vec<_> = empty.collect();
    if let Some(first) = empty.first() {
        let number = u64::try_from(empty.len()).unwrap_or(u64::MAX);
        let value = format!(
            "{} freed almost nothing of its own",
            count(number, "killed process", "killed processes")
        );
        finding = finding.evidence("kills", case.place(first.place), value);
    }
    out.push(finding);
}
