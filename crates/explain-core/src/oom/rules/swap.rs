//! `oom-swap-full`, `oom-no-swap`: what there was of swap when the machine ran out of memory.

use alloc::format;
use alloc::vec::Vec;

use menshen_base::{Finding, Severity};

use super::super::amount::size;
use super::{Case, Site};

pub(super) fn find(case: &Case<'_>, site: &Site<'_>, out: &mut Vec<Finding>) {
    if !site.is_machine() {
        return;
    }
    let told = site.shortages.iter().find_map(|shortage| {
        let memory = shortage.memory.as_ref()?;
        Some((*shortage, memory.swap_total_kib?, memory.swap_free_kib.unwrap_or(0)))
    });
    let Some((shortage, total, free)) = told else { return };
    let value = format!("{} of {} free", size(free), size(total));
    if total == 0 {
        let claim = "there was no swap: memory that nothing used could not be moved out";
        out.push(
            site.finding("oom-no-swap", Severity::Note, claim)
                .evidence("Total swap", case.lines(shortage), "0 kB")
                .hint(
                    "A few GiB of swap, or zram, give the guard time to act before the kernel \
                     does; more does not replace memory.",
                ),
        );
    } else if free < total / 20 {
        let claim = format!("swap ({}) was full as well", size(total));
        out.push(
            site.finding("oom-swap-full", Severity::Warning, claim)
                .evidence("Free swap", case.lines(shortage), value)
                .hint(
                    "More swap only delays this: the machine was slow for long before it killed. \
                     Less memory use is the remedy.",
                ),
        );
    } else if free > total / 2 && total > 0 {
        let claim = format!("{} of swap were free, and yet the kernel killed", size(free));
        out.push(
            site.finding("oom-swap-unused", Severity::Note, claim)
                .evidence("Free swap", case.lines(shortage), value)
                .hint(
                    "What filled memory cannot be swapped (locked, of the kernel), or was wanted \
                     faster than swap takes it; vm.swappiness=0 has the same effect.",
                ),
        );
    }
}
