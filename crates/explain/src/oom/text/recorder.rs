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
        Some(0) if lines == 0 => ("complete: the kernel counted no kill".to_owned(), true),
        Some(1) if lines == 1 => {
            ("complete: the kernel counted 1 kill, and its line is here".to_owned(), true)
        }
        Some(kills) if kills == lines => {
            (format!("complete: the kernel counted {kills} kills, and their lines are here"), true)
        }
        Some(kills) => (
            format!(
                "not complete: the kernel counted {}, {} here",
                number(kills, "kill", "kills"),
                number(lines, "line is", "lines are")
            ),
            false,
        ),
        None => ("the kernel's own count is not known".to_owned(), false),
    };
    let more = match life.kill_lines - lines.min(life.kill_lines) {
        0 => String::new(),
        1 => "; 1 more kill line is from before the watch began or after it ended".to_owned(),
        count => {
            format!("; {count} more kill lines are from before the watch began or after it ended")
        }
    };
    page.put("    ", &format!("{text}{more}"), if style { Style::Good } else { Style::Odd });
    if life.gaps > 0 {
        let gaps = number(life.gaps, "gap", "gaps");
        let text = format!("{gaps}, {} missing", number(life.lost_records, "record", "records"));
        page.put("    ", &text, Style::Odd);
    }
    let end = if life.ended {
        "the watch ended in order"
    } else {
        "it breaks off: a reset, a watch that was killed, or one that still records"
    };
    let tables = number(life.tables, "table of processes", "tables of processes");
    page.put("    ", &format!("{tables}; {end}"), Style::Faint);
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
        let were = if unseen == 1 { "was" } else { "were" };
        let text =
            format!("{unseen} {were} killed before the watch began, or lived too short for it");
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
    let mut told = Vec::new();
    if all > 0 {
        let kills = number(all, "kill", "kills");
        told.push(format!("the next victim was foreseen in {right} of {kills}"));
    }
    if new > 0 {
        let of = number(new, "kill was of a process", "kills were of processes");
        told.push(format!("{of} that lived too short to be seen"));
    }
    page.put("forecast: ", &told.join("; "), Style::Plain);
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

fn number(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

fn time(micros: u64) -> String {
    date_time(i64::try_from(micros / 1_000_000).unwrap_or(0))
}

const VICTIMS_SHOWN: usize = 40;
const STEPS_SHOWN: usize = 100;
