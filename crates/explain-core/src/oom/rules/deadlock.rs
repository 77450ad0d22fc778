//! `oom-deadlock`: nobody was left who could be killed, or the kernel was told to stop.

use alloc::format;
use alloc::vec::Vec;

use menshen_base::{Finding, Severity};

use super::Case;

pub(super) fn find(case: &Case<'_>, out: &mut Vec<Finding>) {
    let mut all = case.night.shortages.iter().filter_map(|one| Some((one, one.deadlock.as_ref()?)));
    let Some((shortage, sentence)) = all.next() else { return };
    let panic = sentence.to_ascii_lowercase().contains("panic");
    let claim = if panic {
        "the machine stopped for want of memory"
    } else {
        "the kernel found nobody it could kill"
    };
    let more = all.count();
    let value = if more == 0 { sentence.clone() } else { format!("{sentence} (and {more} more)") };
    out.push(
        Finding::new("oom-deadlock", Severity::Error, "the kernel", claim)
            .evidence("sentence", case.lines(shortage), value)
            .hint(
                "Everything that was left is immune (oom_score_adj -1000) or of the kernel: raise \
                 the value of what is large. vm.panic_on_oom=0 lets the kernel kill instead of \
                 stopping.",
            ),
    );
}
