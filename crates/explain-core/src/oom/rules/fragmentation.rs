//! `oom-fragmentation`, `oom-free-memory`: a kill while memory was free.
//!
//! 2^order pages in a row were wanted; above order 3 (`PAGE_ALLOC_COSTLY_ORDER`) kernels kill for
//! callers that may not fail only. A zone or node can be empty while others are not.

use alloc::format;
use alloc::vec::Vec;

use menshen_base::{Confidence, Finding, Severity};

use super::super::amount::{percent, permille, size};
use super::{Case, Site};

pub(super) fn find(case: &Case<'_>, site: &Site<'_>, out: &mut Vec<Finding>) {
    if site.group.is_some() {
        return;
    }
    let mut told = false;
    for shortage in site.shortages.iter().filter(|shortage| shortage.is_shortage()) {
        let order = shortage.invoker.as_ref().and_then(|invoker| invoker.order).unwrap_or(0);
        let free = shortage.memory.as_ref().and_then(|memory| {
            let free = memory.free_kib?;
            Some((free, permille(free, memory.ram_kib?)?))
        });
        let much_free = free.is_some_and(|(_, share)| share >= FREE_MUCH);
        if told || !(order > COSTLY_ORDER || much_free) {
            continue;
        }
        told = true;
        let free_text = free.map_or_else(
            || "unknown".into(),
            |(kib, share)| format!("{} ({} of RAM)", size(kib), percent(share)),
        );
        let (code, claim, hint) = if order > 0 {
            let pages = 1_u64.checked_shl(order.unsigned_abs()).unwrap_or(0);
            let row = size(pages.saturating_mul(u64::from(shortage.page_bytes) / 1024));
            (
                "oom-fragmentation",
                format!("{row} in a row were wanted (order {order}); memory was in pieces"),
                "Raise vm.min_free_kbytes, run `echo 1 > /proc/sys/vm/compact_memory` when it \
                 happens, and look which driver wants so much in a row.",
            )
        } else {
            (
                "oom-free-memory",
                format!("the kernel killed while {free_text} were free"),
                "One zone or node was empty: a cpuset or numactl binding, vm.min_free_kbytes set \
                 too high, or the low memory of a 32-bit kernel.",
            )
        };
        let mut finding = site
            .finding(code, Severity::Warning, claim)
            .evidence("order", case.lines(shortage), format!("{order}"))
            .evidence("free", case.lines(shortage), free_text)
            .hint(hint);
        finding.confidence = Confidence::Likely;
        out.push(finding);
    }
}

const COSTLY_ORDER: i32 = 3;
/// Thousandths of RAM.
const FREE_MUCH: u32 = 150;
