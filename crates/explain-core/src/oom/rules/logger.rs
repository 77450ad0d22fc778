//! `oom-logger-killed`: what writes the logs died, so they are silent about what came next.

use alloc::format;
use alloc::vec::Vec;

use menshen_base::{Finding, Severity};

use super::super::programs::is_logger;
use super::Case;

pub(super) fn find(case: &Case<'_>, out: &mut Vec<Finding>) {
    let kills = &case.night.kills;
    let Some(number) = kills.iter().position(|kill| is_logger(&kill.name.text)) else { return };
    let Some(kill) = kills.get(number) else { return };
    let order = if number == 0 && kills.len() > 1 { ", first of all" } else { "" };
    let name = &kill.name.text;
    let claim = format!("{name} was killed{order}: logs of what came next may be missing");
    let finding =
        Finding::new("oom-logger-killed", Severity::Warning, name.clone(), claim).hint(format!(
            "OOMScoreAdjust=-900 in the unit of {name}. The flight recorder of menshen's guard \
             keeps the last words without any log daemon."
        ));
    out.push(case.with_kill(finding, kill));
}
