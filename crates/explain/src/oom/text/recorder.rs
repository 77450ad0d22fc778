//! What the recorder adds, for people: its lives, the victims as they were, the ladder, and whether
//! the kills were foreseen.

use menshen_explain_core::certificate::date_time;
use menshen_explain_core::oom::{Edge, Life, Recorded, Seen, StepTaken, Victim, duration, size};

use super::{Page, Style};

/// The section of the recorder.
pub(super) fn recorder(recorded: &Recorded, page: &mut Page) {
    page.gap();
    let lives = match recorded.lives.len() {
        1 => "one life of the machine".to_owned(),
        count => format!("{count} lives of the machine"),
    };
    let damage = match recorded.damaged_bytes {
        0 => String::new(),
        bytes => format!(", {bytes} bytes damaged or torn"),
    };
    let head = format!("{lives}, {} records{damage}", recorded.records);
    page.put("recorder: ", &head, Style::Strong);
    for one in &recorded.lives {
        life(one, page);
    }
    victims(recorded, page);
    foreseen(recorded, page);
    if !recorded.steps.is_empty() {
        page.gap();
        page.put("", "steps of the ladder:", Style::Strong);
    }
    let from = recorded.steps.len().saturating_sub(STEPS_SHOWN);
    for one in recorded.steps.get(from..).unwrap_or_default() {
        step(one, page);
    }
}

fn life(life: &Life, page: &mut Page) {
    let kernel = match (life.host.is_empty(), life.kernel.is_empty()) {
        (true, true) => String::new(),
        _ => format!(", {} with kernel {}", life.host, life.kernel),
    };
    let when = format!("{} to {}{kernel}", time(life.from_micros), time(life.to_micros));
    page.put("  ", &when, Style::Plain);
    let lines = life.kill_lines_compared;
    let (text, style) = match life.kills_counted {
        Some(kills) if kills == lines => {
            (format!("complete: the kernel counted {kills} kills, and their lines are here"), true)
        }
        Some(kills) => (
            format!("not complete: the kernel counted {kills} kills, {lines} lines are here"),
            false,
        ),
        None => ("the kernel's own count is not known".to_owned(), false),
    };
    let more = match life.kill_lines - lines.min(life.kill_lines) {
        0 => String::new(),
        count => format!("; {count} more kill lines stand before or behind the counting"),
    };
    page.put("    ", &format!("{text}{more}"), if style { Style::Good } else { Style::Odd });
    if life.gaps > 0 {
        let text = format!("{} gaps, {} records missing", life.gaps, life.lost_records);
        page.put("    ", &text, Style::Odd);
    }
    let end = if life.ended {
        "the watch ended in order"
    } else {
        "it breaks off: a reset, a watch that was killed, or one that still records"
    };
    page.put("    ", &format!("{} tables of processes; {end}", life.tables), Style::Faint);
}

/// Those that were seen; the others are counted.
fn victims(recorded: &Recorded, page: &mut Page) {
    let seen: Vec<(&Victim, &Seen)> =
        recorded.victims.iter().filter_map(|one| Some((one, one.seen.as_ref()?))).collect();
    if recorded.victims.is_empty() {
        return;
    }
    page.gap();
    page.put("", "the killed as they were when they were last seen:", Style::Strong);
    let from = seen.len().saturating_sub(VICTIMS_SHOWN);
    if from > 0 {
        page.put("  ", &format!("{from} earlier ones are in --json"), Style::Faint);
    }
    for (victim, one) in seen.get(from..).unwrap_or_default() {
        let place = match victim.place {
            Some(1) => "; foreseen as the next".to_owned(),
            Some(place) => format!("; foreseen as number {place}"),
            None => String::new(),
        };
        let before = duration(i64::try_from(one.before_micros).unwrap_or(i64::MAX));
        let (name, pid) = (&one.name, victim.pid);
        let when = time(victim.wall_micros);
        let head = format!("{when} {name} (pid {pid}), seen {before} before{place}");
        page.put("  ", &head, Style::Plain);
        if !one.command_line.is_empty() {
            page.put("    ", &one.command_line, Style::Plain);
        }
        page.put("    ", &held(one), Style::Faint);
    }
    let unseen = recorded.victims.len() - seen.len();
    if unseen > 0 {
        let text =
            format!("{unseen} were killed before the watch began, or lived too short for it");
        page.put("  ", &text, Style::Faint);
    }
}

fn held(seen: &Seen) -> String {
    let parts = [
        ("anonymous", seen.anon_kib),
        ("of files", seen.file_kib),
        ("shared", seen.shmem_kib),
        ("swapped", seen.swap_kib),
    ];
    let memory: Vec<String> = parts
        .iter()
        .filter(|(_, kib)| *kib > 0)
        .map(|(word, kib)| format!("{} {word}", size(*kib)))
        .collect();
    let group =
        if seen.cgroup.is_empty() { String::new() } else { format!(", in {}", seen.cgroup) };
    format!(
        "{}; uid {}, parent {}, oom_score_adj {}{group}",
        memory.join(", "),
        seen.uid,
        seen.parent,
        seen.oom_score_adj
    )
}

fn foreseen(recorded: &Recorded, page: &mut Page) {
    let (right, all, new) = (recorded.foreseen, recorded.forecasts, recorded.newcomers);
    if all + new == 0 {
        return;
    }
    let newcomers = match new {
        0 => String::new(),
        count => format!("; {count} kills were of processes nobody had seen yet"),
    };
    let text = format!("the next victim was foreseen in {right} of {all} kills{newcomers}");
    page.put("forecast: ", &text, Style::Plain);
}

fn step(step: &StepTaken, page: &mut Page) {
    let edge = match step.edge {
        Edge::Begins => "begins",
        Edge::Effect => "effect",
        Edge::Ends => "ends",
    };
    let freed = match step.freed_bytes {
        Some(bytes) => format!(", freed {}", size(bytes / 1024)),
        None => String::new(),
    };
    let head = format!("{} {} {edge}{freed}", time(step.wall_micros), step.name);
    page.put("  ", &head, Style::Plain);
    if !step.detail.is_empty() {
        page.put("    ", &step.detail, Style::Faint);
    }
}

fn time(micros: u64) -> String {
    date_time(i64::try_from(micros / 1_000_000).unwrap_or(0))
}

const VICTIMS_SHOWN: usize = 40;
const STEPS_SHOWN: usize = 100;
