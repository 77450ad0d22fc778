//! What happened, in one sentence: who was killed, how often and in what time, because of what,
//! and what made it worse.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use menshen_guard_core::oom::Scope;

use super::amount::{count, duration, part_of, size, times};
use super::night::{Killed, Kind};
use super::programs::is_logger;
use super::rules::cause::holder;
use super::rules::restart_loop::{Loop, loops};
use super::rules::{Case, Site, list, span, tmpfs};

pub(super) fn headline(case: &Case<'_>) -> String {
    let night = case.night;
    let lines = count(night.counts.lines, "line", "lines");
    let Some(site) = case.sites.iter().find(|site| !site.kills.is_empty()) else {
        return match case.sites.first() {
            Some(site) if site.shortages.iter().any(|one| one.is_shortage()) => {
                format!("{} ran out of memory, but the log names no kill ({lines})", site.title())
            }
            _ => unit(case).map_or_else(
                || format!("no out-of-memory kill in {lines}"),
                |unit| {
                    format!(
                        "systemd says that a process of {unit} was killed for want of memory; \
                         the kernel's own lines are missing ({lines})"
                    )
                },
            ),
        };
    };
    let kills = site.kills.as_slice();
    let loops = loops(night);
    let again = loops.iter().find(|one| {
        one.kills.iter().any(|kill| kills.iter().any(|own| core::ptr::eq(*own, *kill)))
    });
    let mut text = who(kills, again);
    text += &why(site, kills, again);
    if let Some(by) = again.and_then(|one| one.by.as_deref()) {
        text += &format!("; {by} restarted it each time");
    }
    if let Some(first) = kills.first().filter(|kill| kills.len() > 1 && is_logger(&kill.name.text))
    {
        text += &format!("; {} died first", first.name.text);
    }
    text + &elsewhere(case, site)
}

/// The first unit of which systemd tells.
fn unit<'a>(case: &Case<'a>) -> Option<&'a str> {
    case.night.entries.iter().find_map(|entry| match &entry.kind {
        Kind::UnitHit { unit } => Some(unit.as_str()),
        _ => None,
    })
}

/// `mysqld was killed 4 times in 12 minutes`.
fn who(kills: &[&Killed], again: Option<&Loop<'_>>) -> String {
    let programs = programs(kills);
    let all = u64::try_from(kills.len()).unwrap_or(u64::MAX);
    let within = |kills: &[&Killed]| {
        let micros = span(kills).filter(|micros| *micros > 0);
        micros.map(|micros| format!(" in {}", duration(micros))).unwrap_or_default()
    };
    if let Some(again) = again {
        let number = u64::try_from(again.kills.len()).unwrap_or(u64::MAX);
        let mut text =
            format!("{} was killed {}{}", again.name, times(number), within(&again.kills));
        let others: Vec<&(&str, u64)> =
            programs.iter().filter(|(name, _)| *name != again.name).collect();
        match others.as_slice() {
            [] => {}
            [(name, times_killed)] => {
                text += &format!(", and {name} {},", times(*times_killed));
            }
            others => {
                let number = others.iter().map(|(_, number)| number).sum();
                let names: Vec<String> = others.iter().map(|one| several(one)).collect();
                let others = count(number, "other process", "other processes");
                text += &format!(", and {others} ({}),", list(&names, 3));
            }
        }
        return text;
    }
    match programs.as_slice() {
        [(name, 1)] => format!("{name} was killed"),
        [(name, number)] => format!("{number} {name} processes were killed{}", within(kills)),
        _ if all == 2 => {
            format!("{} were killed{}", list(&names(kills), 3), within(kills))
        }
        _ => {
            let names = list(&names(kills), 3);
            format!("{all} processes were killed{} ({names})", within(kills))
        }
    }
}

/// `30 VBoxHeadless`, `mysqld`.
fn several(program: &(&str, u64)) -> String {
    match program {
        (name, 1) => (*name).into(),
        (name, number) => format!("{number} {name}"),
    }
}

fn why(site: &Site<'_>, kills: &[&Killed], again: Option<&Loop<'_>>) -> String {
    if site.scope == Scope::Manual {
        return " by hand (sysrq-f), not for want of memory".into();
    }
    let of = site.of_what();
    if let Some((_, kib, share)) = tmpfs::worst(site) {
        let of = if site.group.is_some() { of } else { "RAM".into() };
        return format!(
            " because {} in tmpfs or shared memory are {}, which no kill frees",
            size(kib),
            part_of(share, &of)
        );
    }
    if let Some(holder) = holder(site) {
        let one = holder.consumer;
        let held =
            one.share_permille.map_or_else(|| size(one.held_kib), |share| part_of(share, &of));
        let name = &one.name.text;
        let own = kills.iter().all(|kill| kill.name == one.name);
        return match one.count {
            1 if own && (kills.len() == 1 || again.is_some()) => format!(" because it held {held}"),
            1 if own => format!(" because each held {held} in its turn"),
            1 => format!(" because {name} held {held}"),
            number => format!(" because {number} {name} processes held {held}"),
        };
    }
    if let Some(shortage) = site.told() {
        let names: Vec<String> =
            shortage.consumers.iter().take(3).map(|one| one.name.text.clone()).collect();
        return format!(" because many programs together filled {of}: {}, …", names.join(", "));
    }
    match (site.group, site.scope) {
        (Some(_), _) => format!(" at {of}"),
        (None, Scope::Cgroup) => format!(" at {of}; the log does not say by what it was filled"),
        _ => " for want of memory; the log does not say what held it".into(),
    }
}

/// Kills of other places.
fn elsewhere(case: &Case<'_>, main: &Site<'_>) -> String {
    let others =
        case.sites.iter().filter(|site| !core::ptr::eq(*site, main) && !site.kills.is_empty());
    let others: Vec<String> = others
        .map(|site| {
            let place = match site.scope {
                Scope::Manual => "by hand (sysrq-f)".into(),
                _ if site.group.is_some() => format!("at {}", site.of_what()),
                Scope::Cgroup => "at a limit that is not named".into(),
                Scope::Unknown => "for a reason the log does not name".into(),
                Scope::Global => "when the machine was full".into(),
                Scope::Cpuset | Scope::MemoryPolicy => format!("when {} were full", site.title()),
            };
            format!("{} {place}", list(&names(&site.kills), 2))
        })
        .collect();
    if others.is_empty() { String::new() } else { format!("; besides: {}", list(&others, 3)) }
}

/// `2 php-fpm`, `mysqld`: most first.
fn names(kills: &[&Killed]) -> Vec<String> {
    programs(kills).iter().map(several).collect()
}

fn programs<'a>(kills: &[&'a Killed]) -> Vec<(&'a str, u64)> {
    let mut programs: BTreeMap<&str, u64> = BTreeMap::new();
    for kill in kills {
        *programs.entry(&kill.name.text).or_default() += 1;
    }
    let mut programs: Vec<(&str, u64)> = programs.into_iter().collect();
    programs.sort_by_key(|(_, number)| core::cmp::Reverse(*number));
    programs
}

#[cfg(test)]
mod tests;
