//! From what was seen to lines of the report.

use std::io;
use std::time::Duration;

use menshen_guard_core::ladder::Bytes;
use menshen_guard_core::recorder::{self, Body, Record, Recording, StepEdge, Trigger, kill_line};
use menshen_sys::kmsg;

use super::ground::Ground;
use super::report::{Line, Verdict};
use super::scene::{BrakeSeen, HoldSeen, Seen};

/// One line for each thing that was to be shown.
pub(super) fn all(seen: &Seen) -> Vec<Line> {
    let recording = recorder::read(&seen.recording).ok();
    let recording = recording.as_ref();
    let mut lines = vec![protection(seen), forecast(seen, recording), words(seen, recording)];
    lines.push(ladder(seen, recording));
    lines.extend(seen.hold.as_ref().map(|hold| held(hold, seen)));
    if seen.hold.is_none() {
        lines.push(braked(seen.brake.as_ref(), seen));
    }
    lines
}

/// Whether anything was left behind.
pub(super) fn removed(ground: &Ground, removed: &io::Result<()>) -> Line {
    let line = match removed {
        Ok(()) => Line::proved("removed", "control group, processes and files are gone"),
        Err(error) => Line::new("removed", Verdict::Failed, "something is left behind")
            .evidence(format!("removing {}: {error}", ground.name))
            .finding("drill-left-behind", "The next drill tries again by the name."),
    };
    match ground.leftovers.len() {
        0 => line,
        count => line.evidence(format!(
            "{count} leftovers of a drill that was killed were removed too: {}",
            ground.leftovers.join(", ")
        )),
    }
}

fn protection(seen: &Seen) -> Line {
    let (important, expendable) = (&seen.important, &seen.expendable);
    let kind = if seen.absolute { "absolute" } else { "relative" };
    let killed = expendable.ended_by == Some(SIGKILL) && seen.kills.is_none_or(|kills| kills == 1);
    let scored = if seen.absolute { important.score < 0 } else { expendable.score > 0 };
    let good = important.ended_by.is_none() && killed && scored;
    let claim = match (important.ended_by, killed) {
        (None, true) if scored => {
            format!("{kind}: the kernel took the expendable process, the protected one lives")
        }
        (None, true) => "the scores of the processes were not written".to_owned(),
        (None, false) => "the kernel did not kill exactly the expendable process".to_owned(),
        (Some(_), _) => "the protected process was killed".to_owned(),
    };
    let verdict = if good { Verdict::Proved } else { Verdict::Failed };
    let actor = |name: &str, actor: &super::scene::Actor| {
        let end = match actor.ended_by {
            None => "lived".to_owned(),
            Some(SIGKILL) => "was killed".to_owned(),
            Some(signal) => format!("was ended by signal {signal}"),
        };
        format!("{name} ({}, score {}, {}) {end}", actor.pid, actor.score, Bytes(actor.bytes))
    };
    let mut line = Line::new("protection", verdict, claim)
        .evidence(actor("important", important))
        .evidence(actor("expendable", expendable));
    if important.bytes > expendable.bytes {
        line = line.evidence("without protection the larger one would have been taken");
    }
    if good {
        return line;
    }
    for text in last_words(&seen.log) {
        line = line.evidence(text);
    }
    line.finding(
        "drill-protection-failed",
        "The watch needs more on a host with very many processes: try a larger --memory.",
    )
}

fn forecast(seen: &Seen, recording: Option<&Recording<'_>>) -> Line {
    let killed = seen.expendable.ended_by == Some(SIGKILL);
    let expendable = seen.expendable.pid;
    let (made, right) = seen.forecasts;
    let line = match seen.named {
        Some((pid, before)) if killed && pid == expendable => Line::proved(
            "forecast",
            format!("the first victim was named {} before it was killed", short(before)),
        ),
        Some((pid, _)) => Line::new(
            "forecast",
            Verdict::Failed,
            format!("process {pid} was named first, and another was killed"),
        ),
        None => Line::new("forecast", Verdict::Failed, "nobody was named before the kill"),
    };
    let mut line = line.evidence(format!("{right} of {made} forecasts named process {expendable}"));
    let outcome =
        recording.into_iter().flat_map(|one| &one.records).find_map(|record| match record.body {
            Body::Outcome(outcome) if outcome.pid == expendable => Some(outcome.place),
            _ => None,
        });
    if let Some(place @ 1..) = outcome {
        line = line.evidence(format!("the watch's own forecast had it in place {place}"));
    }
    if line.verdict == Verdict::Proved {
        return line;
    }
    line.finding("drill-forecast-failed", "See `menshen explain oom --next` for how it is made.")
}

/// What the killed watch left on the disk.
fn words(seen: &Seen, recording: Option<&Recording<'_>>) -> Line {
    const NAME: &str = "recorder";
    let failed = |claim: &str| {
        let mut line = Line::new(NAME, Verdict::Failed, claim);
        if let Some(fault) = &seen.watch_fault {
            line = line.evidence(format!("the watch: {fault}"));
        }
        for text in last_words(&seen.log) {
            line = line.evidence(text);
        }
        line.finding("drill-recorder-incomplete", "`menshen guard` says what it lacks.")
    };
    let Some(recording) = recording else { return failed("its file cannot be read") };
    let pid = seen.expendable.pid;
    let kills = kill_lines(recording);
    let Some(line_at) = kills.iter().find(|(killed, _)| *killed == pid).map(|(_, at)| *at) else {
        if recording.records.iter().any(|record| matches!(record.body, Body::Note(_))) {
            return Line::new(NAME, Verdict::NotPermitted, "the kernel's words cannot be had")
                .finding("drill-kernel-log-refused", "It needs /dev/kmsg: root, or CAP_SYSLOG.");
        }
        return failed("the kernel's line is not in it");
    };
    let said = recording.records.get(line_at).map_or(0, |record| record.stamp.mono_micros);
    let Some((trigger, taken, command)) = last_table(recording, pid, line_at) else {
        return failed("it has no table of processes before the kill");
    };
    let ours = [seen.important.pid, pid, seen.hold.as_ref().map_or(0, |hold| hold.spare)];
    let lines = kills.iter().filter(|(killed, _)| ours.contains(killed)).count() as u64;
    if seen.kills.is_some_and(|kills| kills != lines) {
        return failed("the kernel counted other kills than it has")
            .evidence(format!("kernel {:?}, recorder {lines}", seen.kills));
    }
    let before = Duration::from_micros(said.saturating_sub(taken));
    let counted = match seen.kills {
        Some(kills) => format!("{lines} of the kernel's {kills} kills in the group are in it"),
        None => "this kernel does not count kills, so they cannot be compared".to_owned(),
    };
    let line = Line::proved(NAME, "last words survived the watch, which was killed by SIGKILL")
        .evidence(format!(
            "table {} before the kernel's line ({}), with the victim as: {command}",
            short(before),
            reason(trigger)
        ))
        .evidence(counted);
    match machine_count(recording) {
        Some((kernel, lines)) => {
            line.evidence(format!("on the whole machine since it began: {lines} of {kernel}"))
        }
        None => line,
    }
}

fn ladder(seen: &Seen, recording: Option<&Recording<'_>>) -> Line {
    const NAME: &str = "ladder";
    let records = recording.map_or(&[][..], |recording| &recording.records);
    let kill_at = recording.map(kill_lines).and_then(|kills| {
        let at = kills.iter().find(|(pid, _)| *pid == seen.expendable.pid)?.1;
        Some(records.get(at)?.stamp.mono_micros)
    });
    let entered: Vec<(String, u64)> = records
        .iter()
        .filter_map(|record| match &record.body {
            Body::Step(step) if step.edge == StepEdge::Entered => {
                Some((String::from_utf8_lossy(step.name).into_owned(), record.stamp.mono_micros))
            }
            _ => None,
        })
        .collect();
    let in_time =
        |at: u64| kill_at.is_none_or(|kill| at <= kill) && seen.expendable.ended_by.is_some();
    let taken: Vec<&(String, u64)> = entered.iter().filter(|(_, at)| in_time(*at)).collect();
    let logged = |name: &str| seen.log.contains(&format!("ladder: {name} begins"));
    let wanted = if seen.hold.is_some() { 3 } else { 4 };
    let all_logged = taken.iter().all(|(name, _)| logged(name));
    let mut line = if taken.len() >= wanted && all_logged && seen.refused_before.is_some() {
        let claim = format!("{} steps were taken and logged before the kernel killed", taken.len());
        Line::proved(NAME, claim)
    } else {
        let claim = format!(
            "{} of {wanted} steps were taken before the kill{}",
            taken.len(),
            if all_logged { "" } else { ", and not all were logged" }
        );
        Line::new(NAME, Verdict::Failed, claim)
    };
    for (name, at) in &taken {
        let before = Duration::from_micros(kill_at.unwrap_or(*at).saturating_sub(*at));
        line = line.evidence(format!("{name} {} before", short(before)));
    }
    line = match seen.refused_before {
        Some(before) => line.evidence(format!(
            "workers were told \"uploads refused\" {} before the kill",
            short(before)
        )),
        None => line.evidence("workers were never told to refuse uploads"),
    };
    if line.verdict == Verdict::Proved {
        return line;
    }
    for text in last_words(&seen.log) {
        line = line.evidence(text);
    }
    line.finding("drill-ladder-failed", "A machine that is busy may read too late; try again.")
}

fn braked(brake: Option<&BrakeSeen>, seen: &Seen) -> Line {
    const NAME: &str = "brake";
    let Some(brake) = brake else {
        return failed(NAME, "the brake was not pulled before the kill", seen)
            .finding("drill-brake-failed", "Its words say why.");
    };
    let asked = format!(
        "a process that wanted {} MiB more got {} in {} while its group was braked (memory.high)",
        brake.asked,
        brake.had_braked,
        short(brake.braked_for)
    );
    match brake.released_after {
        Some(after) if brake.had_braked < brake.asked => {
            Line::proved(NAME, "a braked group stopped growing, was not killed, and went on later")
                .evidence(asked)
                .evidence(format!(
                    "the watch that came after the killed one let it go: it had all {} later",
                    short(after)
                ))
        }
        Some(_) => failed(NAME, "the braked group grew on", seen)
            .evidence(asked)
            .finding("drill-brake-failed", "memory.high of this kernel does not hold it."),
        None => failed(NAME, "the braked group was not let go", seen)
            .evidence(asked)
            .finding("drill-brake-failed", "Its words say why."),
    }
}

fn held(hold: &HoldSeen, seen: &Seen) -> Line {
    const NAME: &str = "hold";
    let fault = if hold.kernel_kills > 0 {
        Some("the kernel killed in the held group")
    } else if !hold.dear_lives {
        Some("the protected process of the held group ended")
    } else if !hold.spare_ended {
        Some("nobody was chosen in the held group")
    } else if !hold.dear_had_all {
        Some("the held group did not go on")
    } else if !hold.given_back {
        Some("the held group was not given back to the kernel")
    } else {
        None
    };
    if let Some(fault) = fault {
        return failed(NAME, fault, seen)
            .finding("drill-hold-failed", "oom_kill_disable is missing on some kernels.");
    }
    let mut line =
        Line::proved(NAME, "at its limit a group was held, ours was the choice, and it went on");
    let said = |text: &'_ str| text.find("ladder: hold").and_then(|at| text.get(at..).map(plain));
    for text in seen.log.lines().filter_map(said).take(3) {
        line = line.evidence(text);
    }
    line.evidence("killed by nobody else; the next watch gave the group back to the kernel")
}

fn failed(name: &'static str, claim: &str, seen: &Seen) -> Line {
    let mut line = Line::new(name, Verdict::Failed, claim);
    for text in last_words(&seen.log) {
        line = line.evidence(text);
    }
    line
}

/// Who was killed, with the place of the kernel's line; every process once.
fn kill_lines(recording: &Recording<'_>) -> Vec<(u32, usize)> {
    let mut found: Vec<(u32, usize)> = Vec::new();
    for (at, record) in recording.records.iter().enumerate() {
        let Body::Kernel(text) = record.body else { continue };
        let Some(head) = kmsg::head(text) else { continue };
        let Some(kill) = kill_line(head.priority, kmsg::text(text)) else { continue };
        if !found.iter().any(|(pid, _)| *pid == kill.pid) {
            found.push((kill.pid, at));
        }
    }
    found
}

/// The last table before record `line_at` that lists the process: why and when it was taken, and
/// its command line there.
fn last_table(
    recording: &Recording<'_>,
    pid: u32,
    line_at: usize,
) -> Option<(Trigger, u64, String)> {
    let before = recording.records.get(..line_at)?;
    let (snapshot, row) = before.iter().rev().find_map(|record| match &record.body {
        Body::Processes(rows) => Some((rows.snapshot, { *rows }.find(|row| row.pid == pid)?)),
        _ => None,
    })?;
    let head = |record: &Record<'_>| match record.body {
        Body::Snapshot(one) if one.number == snapshot => {
            Some((one.trigger, record.stamp.mono_micros))
        }
        _ => None,
    };
    let (trigger, taken) = before.iter().rev().find_map(head)?;
    let words = row.command_line.split(|byte| *byte == 0).filter(|word| !word.is_empty());
    let words: Vec<String> = words.map(|word| word.escape_ascii().to_string()).collect();
    Some((trigger, taken, words.join(" ")))
}

/// The kernel's count since the watch began, and the lines it read.
fn machine_count(recording: &Recording<'_>) -> Option<(u64, u64)> {
    recording.records.iter().rev().find_map(|record| match record.body {
        Body::Count(count) => {
            let kernel = count.oom_kills?.checked_sub(count.oom_kills_at_start?)?;
            Some((kernel, count.kill_lines))
        }
        _ => None,
    })
}

const fn reason(trigger: Trigger) -> &'static str {
    match trigger {
        Trigger::Start => "taken at the start",
        Trigger::Stall => "taken because tasks waited",
        Trigger::Group => "taken because the group was near its limit",
        Trigger::Low => "taken because memory was low",
        Trigger::Kill => "taken after a kill",
        Trigger::Step => "taken at a step of the ladder",
    }
}

/// The watch's words that may say what went wrong.
fn last_words(log: &str) -> Vec<String> {
    let lines: Vec<&str> = log.lines().collect();
    let from = lines.len().saturating_sub(LAST_WORDS);
    lines.get(from..).unwrap_or_default().iter().map(|text| plain(text)).collect()
}

/// Names of processes in the log are escaped there; nothing of it is to steer a terminal anyway.
fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

fn short(time: Duration) -> String {
    let millis = time.as_millis();
    if millis < 1000 {
        return format!("{millis} ms");
    }
    format!("{}.{} s", millis / 1000, millis % 1000 / 100)
}

const SIGKILL: i32 = 9;
const LAST_WORDS: usize = 12;
