//! `oom-victim-not-cause`, `oom-victim-empty`: kills that hit the wrong one, or freed nothing.
//!
//! The kernel compares processes, not programs (`mm/oom_kill.c`, `oom_badness`): of many middling
//! processes none is the largest.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use menshen_base::{Finding, Severity};

use super::super::amount::{percent, size};
use super::super::night::Killed;
use super::cause::{holder, processes};
use super::{Case, EVIDENCE_MAX, list};

pub(super) fn find(case: &Case<'_>, out: &mut Vec<Finding>) {
    for site in &case.sites {
        let Some(holder) = holder(site) else { continue };
        let (shortage, consumer) = (holder.shortage, holder.consumer);
        let others: Vec<&Killed> = site
            .shortages
            .iter()
            .filter(|shortage| shortage.is_shortage())
            .flat_map(|shortage| case.night.kills_of(shortage))
            .filter(|kill| kill.name != consumer.name)
            .collect();
        if consumer.count < 2 || others.is_empty() {
            continue;
        }
        let mut names: Vec<String> = Vec::new();
        let mut seen = BTreeSet::new();
        for kill in &others {
            if seen.insert(&kill.name.text) {
                names.push(kill.name.text.clone());
            }
        }
        let name = &consumer.name.text;
        let together = consumer.share_permille.map_or_else(|| size(consumer.held_kib), percent);
        let claim = format!(
            "{} paid for {name}: the kernel compares single processes, and of the {} that held \
             {together} none was larger than {}",
            list(&names, 4),
            consumer.count,
            size(consumer.largest_kib)
        );
        let mut finding = site
            .finding("oom-victim-not-cause", Severity::Warning, claim)
            .evidence("largest of them", case.lines(shortage), size(consumer.largest_kib))
            .hint(format!(
                "Make {name} the first choice (OOMScoreAdjust=500 in its unit), and put all of it \
                 under one MemoryMax= (a slice), so that it pays itself."
            ));
        for kill in others.iter().take(EVIDENCE_MAX) {
            finding = case.with_kill(finding, kill);
        }
        out.push(finding);
    }
    empty(case, out);
}

fn empty(case: &Case<'_>, out: &mut Vec<Finding>) {
    let none = |kill: &&Killed| kill.rss_kib == Some(0) && kill.swap_kib.unwrap_or(0) == 0;
    let kills: Vec<&Killed> = case.night.kills.iter().filter(none).collect();
    if kills.is_empty() {
        return;
    }
    let number = u64::try_from(kills.len()).unwrap_or(u64::MAX);
    let claim = format!("{} held no memory when killed: nothing was freed", processes(number));
    let mut finding = Finding::new("oom-victim-empty", Severity::Note, "the victims", claim)
        .hint("They were ending already, or what they had used is in tmpfs or in the kernel.");
    for kill in kills.into_iter().take(EVIDENCE_MAX) {
        finding = case.with_kill(finding, kill);
    }
    out.push(finding);
}
