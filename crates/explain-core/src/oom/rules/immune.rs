//! `oom-inherited-immunity`, `oom-immune-large`: processes that the kernel may not kill.
//!
//! `oom_score_adj` is inherited by fork and exec, so a shell or a cron daemon at -1000 makes all
//! it starts immune (`Documentation/filesystems/proc.rst`, section 3.1).

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use menshen_base::{Confidence, Finding, Severity};

use super::super::amount::{percent, size};
use super::super::night::{Consumer, Shortage};
use super::super::programs::{passes_immunity_on, protects_itself};
use super::{Case, Site, list};

pub(super) fn find(case: &Case<'_>, site: &Site<'_>, out: &mut Vec<Finding>) {
    let of = |shortage: &&&Shortage| !shortage.immune.is_empty();
    let Some(shortage) = site.shortages.iter().find(of).copied() else { return };
    let foreign: Vec<&Consumer> =
        shortage.immune.iter().filter(|one| !protects_itself(&one.name.text)).collect();
    let starters = foreign.iter().filter(|one| passes_immunity_on(&one.name.text)).count();
    if (starters > 0 && foreign.len() > 1) || foreign.len() >= PROGRAMS_MIN {
        inherited(case, site, shortage, &foreign, out);
    } else if let Some(large) = foreign.iter().copied().find(|one| is_large(one)) {
        alone(case, site, shortage, large, out);
    }
}

fn inherited(
    case: &Case<'_>,
    site: &Site<'_>,
    shortage: &Shortage,
    foreign: &[&Consumer],
    out: &mut Vec<Finding>,
) {
    let names: Vec<String> = foreign.iter().map(|one| one.name.text.clone()).collect();
    let large = foreign.iter().any(|one| is_large(one));
    let claim = format!(
        "inherited immunity: {} run with oom_score_adj -1000 and cannot be killed",
        list(&names, 5)
    );
    let severity = if large { Severity::Error } else { Severity::Warning };
    let mut finding = site.finding("oom-inherited-immunity", severity, claim).hint(
        "Programs that have nothing else in common got it from what started them, such as a \
         service that protects itself and does not reset its children. Set OOMScoreAdjust=0 in \
         the unit that starts them; for those that run: choom -n 0 -p PID.",
    );
    finding.confidence = Confidence::Likely;
    for one in foreign.iter().take(super::EVIDENCE_MAX) {
        finding = finding.evidence("oom_score_adj -1000", case.lines(shortage), row(one));
    }
    out.push(finding);
}

fn alone(
    case: &Case<'_>,
    site: &Site<'_>,
    shortage: &Shortage,
    large: &Consumer,
    out: &mut Vec<Finding>,
) {
    let share = large.share_permille.map_or_else(|| size(large.held_kib), percent);
    let name = &large.name.text;
    let claim =
        format!("{name} held {share} and could not be killed (oom_score_adj -1000); others were");
    out.push(
        site.finding("oom-immune-large", Severity::Warning, claim)
            .evidence("oom_score_adj -1000", case.lines(shortage), row(large))
            .hint(format!(
                "Give {name} a value such as -600 (OOMScoreAdjust=-600 in its unit): it is then \
                 the last to be killed, but can be."
            )),
    );
}

fn is_large(one: &Consumer) -> bool {
    one.share_permille.is_some_and(|share| share >= LARGE)
}

fn row(one: &Consumer) -> String {
    let number = if one.count == 1 { String::new() } else { format!("{} ", one.count) };
    format!("{number}{} {}", one.name.text, size(one.held_kib))
}

/// Unrelated programs at -1000 that are no accident any more.
const PROGRAMS_MIN: usize = 5;
/// Thousandths.
const LARGE: u32 = 100;
