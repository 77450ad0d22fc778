//! What happened, in one sentence: who was killed, how often and in what time, because of what,
//! and what made it worse.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use menshen_guard_core::oom::Scope;

use super::amount::{count, duration, percent, size, times};
use super::night::{Killed, Kind};
use super::programs::is_logger;
use super::rules::cause::holder;
use super::rules::restart_loop::{Loop, loops};
use super::rules::{Case, Site, list, span, tmpfs};

pub(super) fn headline(case: &Case<'_>) -> String {
    let night = case.night;
    let lines = count(night.counts.lines, "line", "lines");
    let Some(site) = case.sites.iter().find(|site| site.kills > 0) else {
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
    let kills: Vec<&Killed> = night.kills.iter().filter(|kill| is_of(kill, site)).collect();
    let loops = loops(night);
    let again = loops.iter().find(|one| one.kills.iter().any(|kill| is_of(kill, site)));
    let mut text = who(&kills, again);
    text += &why(site, &kills);
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
    let mut programs: BTreeMap<&str, u64> = BTreeMap::new();
    for kill in kills {
        *programs.entry(&kill.name.text).or_default() += 1;
    }
    let mut programs: Vec<(&str, u64)> = programs.into_iter().collect();
    programs.sort_by_key(|(_, number)| core::cmp::Reverse(*number));
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
            let names: Vec<String> = programs.iter().map(several).collect();
            format!("{} were killed{}", list(&names, 3), within(kills))
        }
        _ => {
            let names: Vec<String> = programs.iter().map(several).collect();
            format!("{all} processes were killed{} ({})", within(kills), list(&names, 3))
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

fn why(site: &Site<'_>, kills: &[&Killed]) -> String {
    if site.scope == Scope::Manual {
        return " by hand (sysrq-f), not for want of memory".into();
    }
    let of = site.of_what();
    if let Some((_, kib, share)) = tmpfs::first(site) {
        let of = if site.group.is_some() { of } else { "RAM".into() };
        return format!(
            " because {} in tmpfs or shared memory are {} of {of}, which no kill frees",
            size(kib),
            percent(share)
        );
    }
    if let Some(holder) = holder(site) {
        let one = holder.consumer;
        let held = one
            .share_permille
            .map_or_else(|| size(one.held_kib), |share| format!("{} of {of}", percent(share)));
        let own = kills.iter().all(|kill| kill.name == one.name);
        return match (own, one.count) {
            (true, 1) => format!(" because it held {held}"),
            (true, number) => format!(" because {number} of that name held {held}"),
            (false, 1) => format!(" because {} held {held}", one.name.text),
            (false, number) => {
                format!(" because {number} {} processes held {held}", one.name.text)
            }
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
    let others = case.sites.iter().filter(|site| !core::ptr::eq(*site, main) && site.kills > 0);
    let others: Vec<String> = others
        .map(|site| {
            let number = u64::try_from(site.kills).unwrap_or(u64::MAX);
            let place = match site.scope {
                Scope::Manual => "by hand (sysrq-f)".into(),
                _ if site.group.is_some() => format!("at {}", site.of_what()),
                Scope::Unknown => "for a reason the log does not name".into(),
                _ => format!("for {}", site.title()),
            };
            format!("{} {place}", count(number, "kill", "kills"))
        })
        .collect();
    if others.is_empty() { String::new() } else { format!("; besides: {}", list(&others, 3)) }
}

/// Whether a process was killed for a place.
fn is_of(kill: &Killed, site: &Site<'_>) -> bool {
    kill.scope == site.scope
        && (kill.cgroup.as_deref() == site.group)
        && site.shortages.iter().any(|shortage| shortage.host == kill.host)
}

#[cfg(test)]
mod tests;
