//! The timeline: a row for each kill, a heading where another limit is hit, restarts and gaps
//! between them. Long nights are told by their beginning and their end.

use std::collections::BTreeMap;

use menshen_explain_core::oom::{
    Consumer, Entry, Killed, Kind, Night, Shortage, percent, short_path, size,
};
use menshen_guard_core::oom::{KillForm, LostCause, Scope};

use super::{Page, Style, shown};

/// Nothing where nothing happened.
pub(super) fn timeline(night: &Night, page: &mut Page) {
    if night.entries.is_empty() {
        return;
    }
    let table = Table::new(night, page.columns);
    page.gap();
    let head = table.row([table.clock, "killed", "pid", "score", "held", "share", "asked by"]);
    let head = page.painted(head.trim_end(), Style::Faint);
    page.line(&head);
    let long = night.entries.len() > ENTRIES_SHOWN;
    let (first, rest) = night.entries.split_at(night.entries.len().min(if long {
        ENTRIES_FIRST
    } else {
        ENTRIES_SHOWN
    }));
    let (middle, last) = rest.split_at(rest.len().saturating_sub(ENTRIES_LAST));
    let mut heading = None;
    let mut consumers = None;
    for (number, entry) in first.iter().chain(last).enumerate() {
        if number == first.len() && !middle.is_empty() {
            left_out(middle, night, page);
        }
        table.entry(entry, &mut heading, &mut consumers, page);
    }
}

/// Widths for these columns of the terminal.
struct Table<'a> {
    night: &'a Night,
    widths: [usize; 7],
    /// What the times are.
    clock: &'static str,
    many: bool,
}

impl<'a> Table<'a> {
    fn new(night: &'a Night, columns: usize) -> Self {
        let time = night.entries.iter().map(|entry| entry.at.text.chars().count()).max();
        let any = |has: fn(&Entry) -> bool| night.entries.iter().any(has);
        let clock =
            match (any(|one| one.at.wall.is_some()), any(|one| one.at.boot_micros.is_some())) {
                (true, _) => "time",
                (false, true) => "uptime",
                (false, false) => "",
            };
        let time = time.unwrap_or(0).clamp(clock.len(), 19);
        // Name, pid, score, held and share; who asked stands where there is room.
        let mut widths = [time, NAME, 7, 5, 8, 6, NAME];
        let used = |widths: &[usize; 7]| -> usize {
            widths.iter().filter(|width| **width > 0).map(|width| width + 2).sum()
        };
        for narrow in [6, 3, 2] {
            if used(&widths) > columns + 2
                && let Some(width) = widths.get_mut(narrow)
            {
                *width = 0;
            }
        }
        Self { night, widths, clock, many: night.entries.len() > TABLES_SHOWN }
    }

    fn row(&self, cells: [&str; 7]) -> String {
        let mut line = String::new();
        for (number, (cell, width)) in cells.iter().zip(self.widths).enumerate() {
            if width == 0 {
                continue;
            }
            let right = (2..=5).contains(&number);
            line += &if right { format!("{cell:>width$}  ") } else { format!("{cell:width$}  ") };
        }
        line
    }

    /// The column of the time.
    fn indent(&self, time: &str) -> String {
        match self.widths[0] {
            0 => "  ".into(),
            width => format!("{time:width$}  "),
        }
    }

    fn entry(
        &self,
        entry: &Entry,
        heading: &mut Option<String>,
        consumers: &mut Option<String>,
        page: &mut Page,
    ) {
        let time = &entry.at.text;
        let aside = |page: &mut Page, text: String, style| {
            page.put(&self.indent(time), &text, style);
        };
        match &entry.kind {
            Kind::Shortage { shortage, pids } => {
                if let Some(shortage) = self.night.shortages.get(*shortage) {
                    self.shortage(shortage, pids, heading, consumers, page);
                }
            }
            Kind::Restart { by, what } => {
                aside(page, format!("{by} started {what} again"), Style::Faint);
            }
            Kind::Suppressed { function, count } => {
                aside(
                    page,
                    format!("the kernel kept back {count} reports ({function})"),
                    Style::Odd,
                );
            }
            Kind::Lost { records, cause } => {
                let records = records.map_or_else(
                    || "records".into(),
                    |count| format!("{count} record{}", if count == 1 { "" } else { "s" }),
                );
                let why = match cause {
                    LostCause::Ring => "the ring was overwritten",
                    LostCause::Daemon => "the log daemon dropped them",
                };
                aside(page, format!("{records} missing: {why}"), Style::Odd);
            }
            Kind::UnitHit { unit } => {
                aside(page, format!("systemd noticed a kill in {unit}"), Style::Faint);
            }
            Kind::Boot { kernel } => {
                let kernel = kernel.as_deref().map(|kernel| format!(" ({kernel})"));
                let text = format!("a kernel started{}", kernel.unwrap_or_default());
                aside(page, text, Style::Strong);
            }
        }
    }

    fn shortage(
        &self,
        shortage: &Shortage,
        pids: &[u32],
        heading: &mut Option<String>,
        consumers: &mut Option<String>,
        page: &mut Page,
    ) {
        let title = title(shortage);
        if heading.as_ref() != Some(&title) {
            page.put("-- ", &title, Style::Strong);
            *heading = Some(title);
            *consumers = None;
        }
        for (number, pid) in pids.iter().take(ROWS_SHOWN).enumerate() {
            let kills = &self.night.kills;
            let own = shortage.kills.iter().filter_map(|number| kills.get(*number));
            let killed = own.into_iter().find(|killed| killed.pid == *pid);
            if let Some(killed) = killed {
                let line = self.killed(shortage, killed, number == 0);
                let remark = remark(killed);
                if line.chars().count() + 2 + remark.chars().count() <= page.columns {
                    page.line(&format!("{line}  {remark}"));
                } else {
                    page.line(&line);
                    page.put(&self.indent(""), &remark, Style::Plain);
                }
            }
        }
        if pids.len() > ROWS_SHOWN {
            let more = format!("… and {} more; --json has them all", pids.len() - ROWS_SHOWN);
            page.put(&self.indent(""), &more, Style::Faint);
        }
        if pids.is_empty() {
            let reason = shortage.deadlock.as_deref().unwrap_or("the log does not say who was");
            let title = format!("{}nobody: ", self.indent(&shortage.at.text));
            page.put(&title, reason, Style::Odd);
        }
        let largest = largest(shortage);
        let tell =
            if self.many { consumers.is_none() } else { consumers.as_ref() != Some(&largest) };
        if !largest.is_empty() && tell {
            page.put(&format!("{}large: ", self.indent("")), &largest, Style::Faint);
            *consumers = Some(largest);
        }
    }

    fn killed(&self, shortage: &Shortage, killed: &Killed, first: bool) -> String {
        let name = cut(&shown(&killed.name.text), NAME);
        let held = killed.rss_kib.map(|rss| rss.saturating_add(killed.swap_kib.unwrap_or(0)));
        let asked = match &shortage.invoker {
            Some(invoker) if first => cut(&shown(&invoker.name.text), NAME),
            _ => String::new(),
        };
        let dash = || "-".to_owned();
        let mut line = self.row([
            &killed.at.text,
            &name,
            &killed.pid.to_string(),
            &killed.score.map_or_else(dash, |score| score.to_string()),
            &held.map_or_else(dash, size),
            &killed.share_permille.map_or_else(dash, share),
            &asked,
        ]);
        line.truncate(line.trim_end().len());
        line
    }
}

/// What the columns of a kill do not say.
fn remark(killed: &Killed) -> String {
    let mut remarks = Vec::new();
    if killed.killed_times > 1 {
        remarks.push(format!("{} times", killed.killed_times));
    }
    if killed.form == KillForm::Announced {
        remarks.push("announced only".to_owned());
    }
    if remarks.is_empty() { String::new() } else { format!("({})", remarks.join(", ")) }
}

/// Whose memory it was, and how much there was.
fn title(shortage: &Shortage) -> String {
    let limit = |kib: Option<u64>| {
        kib.map_or_else(|| "limit not told".into(), |kib| format!("limit {}", size(kib)))
    };
    let place = match (&shortage.cgroup, shortage.scope) {
        (Some(cgroup), _) => {
            format!("control group {}, {}", short_path(&cgroup.path), limit(cgroup.limit_kib))
        }
        (None, Scope::Cgroup) => "a control group, not named".into(),
        (None, Scope::Cpuset) => "the nodes of a cpuset".into(),
        (None, Scope::MemoryPolicy) => "the nodes of a memory policy".into(),
        (None, Scope::Manual) => "by hand (sysrq-f), no shortage".into(),
        (None, Scope::Global) => "the machine".into(),
        (None, Scope::Unknown) => "place not told".into(),
    };
    let memory = shortage.memory.as_ref().and_then(|memory| {
        let ram = memory.ram_kib?;
        let swap = memory.swap_total_kib.filter(|swap| *swap > 0);
        let swap = swap.map_or_else(|| "no swap".into(), |swap| format!("swap {}", size(swap)));
        Some(format!(", RAM {}, {swap}", size(ram)))
    });
    let child = match (&shortage.cgroup, &shortage.task_cgroup) {
        (Some(cgroup), Some(child)) if cgroup.path != *child => {
            format!(", killed in {}", short_path(child))
        }
        _ => String::new(),
    };
    let host = shortage.host.as_ref().map(|host| format!(" on {host}")).unwrap_or_default();
    format!("{place}{}{child}{host}", memory.unwrap_or_default())
}

/// `30 VBoxHeadless 58 GiB (92 %), mysqld 1.2 GiB (1.9 %), …`.
fn largest(shortage: &Shortage) -> String {
    let word = |one: &Consumer| {
        let number = if one.count > 1 { format!("{} ", one.count) } else { String::new() };
        let share = one.share_permille.filter(|share| *share > 0);
        let share = share.map(|share| format!(" ({})", self::share(share)));
        format!("{number}{} {}{}", one.name.text, size(one.held_kib), share.unwrap_or_default())
    };
    let shown = shortage.consumers.iter().take(CONSUMERS_SHOWN);
    let mut words: Vec<String> = shown.map(word).collect();
    let rest = shortage.consumers.iter().skip(CONSUMERS_SHOWN);
    let rest = rest.fold((0_u64, 0_u64), |(count, held), one| {
        (count + one.count, held.saturating_add(one.held_kib))
    });
    let (count, held) =
        (rest.0 + shortage.others.count, rest.1.saturating_add(shortage.others.held_kib));
    if count > 0 {
        let other = if count == 1 { "other" } else { "others" };
        words.push(format!("{count} {other} {}", size(held)));
    }
    words.join(", ")
}

/// What stands between the beginning and the end of a long night.
fn left_out(entries: &[Entry], night: &Night, page: &mut Page) {
    let mut names: BTreeMap<&str, u64> = BTreeMap::new();
    for entry in entries {
        let Kind::Shortage { shortage, .. } = &entry.kind else { continue };
        let Some(shortage) = night.shortages.get(*shortage) else { continue };
        for killed in night.kills_of(shortage) {
            *names.entry(&killed.name.text).or_default() += 1;
        }
    }
    let all: u64 = names.values().sum();
    let mut names: Vec<(&str, u64)> = names.into_iter().collect();
    names.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let more = names.len().saturating_sub(CONSUMERS_SHOWN);
    let words = names.iter().take(CONSUMERS_SHOWN).map(|(name, count)| format!("{count} {name}"));
    let words: Vec<String> = words.collect();
    let more = if more > 0 { format!(" and {more} other programs") } else { String::new() };
    let text = format!(
        "… {} more entries with {all} kills: {}{more}; --json has them all",
        entries.len(),
        words.join(", ")
    );
    page.put("", &text, Style::Faint);
}

/// Short for the table.
fn share(permille: u32) -> String {
    percent(permille.min(1000))
}

/// At most so many characters.
fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most - 1).chain(['…']).collect()
}

/// A name of the kernel has 15 bytes; escaped ones are longer.
const NAME: usize = 15;
/// Programs named in a line.
const CONSUMERS_SHOWN: usize = 4;
/// Processes of one report that have a row.
const ROWS_SHOWN: usize = 40;
/// Entries up to which the night is shown whole.
const ENTRIES_SHOWN: usize = 60;
const ENTRIES_FIRST: usize = 30;
const ENTRIES_LAST: usize = 15;
/// Entries up to which each row tells what was large, where that changed.
const TABLES_SHOWN: usize = 24;
