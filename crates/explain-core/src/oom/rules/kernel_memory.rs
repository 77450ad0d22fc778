//! `oom-kernel-memory`: kernel objects that cannot be reclaimed, or page tables, hold much of RAM.
//! No kill frees the first; the second are counted to processes since 4.15 only.

use alloc::format;
use alloc::vec::Vec;

use menshen_base::{Finding, Severity};

use super::super::amount::{percent, permille, size};
use super::{Case, Site};

pub(super) fn find(case: &Case<'_>, site: &Site<'_>, out: &mut Vec<Finding>) {
    if !site.is_machine() {
        return;
    }
    let parts = [
        (
            "slab_unreclaimable",
            "kernel objects that cannot be reclaimed",
            "slabtop -s c names the cache that grows; dentries and inodes come from programs that \
             make many files, others from drivers or a leak in the kernel.",
        ),
        (
            "page tables",
            "page tables",
            "Many processes map much shared memory: huge pages (huge_pages=on in PostgreSQL, \
             large_pages in MariaDB) make page tables small; fewer connections do too.",
        ),
    ];
    for (number, (what, words, hint)) in parts.into_iter().enumerate() {
        let found = site.shortages.iter().find_map(|shortage| {
            let memory = shortage.memory.as_ref()?;
            let kib = match number {
                0 => memory.slab_unreclaimable_kib?,
                _ => memory.page_tables_kib?,
            };
            let share = permille(kib, memory.ram_kib?)?;
            (share >= MUCH).then_some((shortage, kib, share))
        });
        let Some((shortage, kib, share)) = found else { continue };
        let claim = format!("{} of RAM ({}) were {words}", percent(share), size(kib));
        out.push(
            site.finding("oom-kernel-memory", Severity::Error, claim)
                .evidence(what, case.lines(shortage), size(kib))
                .hint(hint),
        );
    }
}

/// Thousandths of RAM.
const MUCH: u32 = 200;
