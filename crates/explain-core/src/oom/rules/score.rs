//! `oom-score-adj`: the choice was made by `oom_score_adj`, not by size.

use alloc::format;
use alloc::vec::Vec;

use menshen_base::{Finding, Severity};

use super::super::amount::size;
use super::Case;

pub(super) fn find(case: &Case<'_>, out: &mut Vec<Finding>) {
    let found = case.night.kills.iter().find_map(|kill| {
        let adj = kill.oom_score_adj.filter(|adj| *adj > 0)?;
        let shortage = case.night.shortages_of(kill).next()?;
        let held = kill.rss_kib?.saturating_add(kill.swap_kib.unwrap_or(0));
        let larger = shortage
            .consumers
            .iter()
            .find(|one| one.largest_kib / 2 > held && one.name != kill.name && one.adj_min < adj)?;
        Some((kill, adj, shortage, larger))
    });
    let Some((kill, adj, shortage, larger)) = found else { return };
    let name = &kill.name.text;
    let claim = format!(
        "{name} was chosen for its oom_score_adj of {adj}, not for its size: {} was larger",
        larger.name.text
    );
    let finding = Finding::new("oom-score-adj", Severity::Note, name.clone(), claim)
        .evidence(
            "larger",
            case.lines(shortage),
            format!(
                "{} {}, oom_score_adj {}",
                larger.name.text,
                size(larger.largest_kib),
                larger.adj_min
            ),
        )
        .hint(
            "Somebody set it: OOMScoreAdjust= in the unit, a container's class of service, or \
             the default of user services (200).",
        );
    out.push(case.with_kill(finding, kill));
}
