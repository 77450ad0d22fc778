//! Which process gets which `oom_score_adj`: programs named in the configuration, and what their
//! children would inherit. Pure: processes come in, [`Change`]s go out.
//!
//! Rules (proc_pid_oom_score_adj(5)):
//! - With `CAP_SYS_RESOURCE` a named program gets its score.
//! - Without, the kernel lets a score only rise, and fall back to the lowest value that was once
//!   set with the right (0 where nobody did). So a named program with a score above 0 still gets
//!   it, and one below 0 gets the lowest that is possible if that is less than what it has. What is
//!   missing is a [`Refusal`] with the setting of its own unit that gives it.
//! - **Relative protection raises only what is ours.** The guard raises its own workers
//!   (`memory::scores`); programs of others are never made worse off so that a third is better off.
//!   Somebody who wants that names them, with a score above 0.
//! - A child that has the negative score of its protected parent inherited it. It gets what the
//!   parent had before, and no less than 0; one that chose another value itself is left alone.
//!
//! It never lowers a process that is not named, and never touches kernel threads or PID 1.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// A process, as `/proc` shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Process {
    /// The process.
    pub pid: u32,
    /// With the pid it names a process for good.
    pub start_ticks: u64,
    /// Its parent.
    pub parent: u32,
    /// Its score now.
    pub score: i32,
    /// Place in the list of rules of the one it is named by.
    pub rule: Option<usize>,
}

/// A named program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// What it is called.
    pub name: String,
    /// Its unit of systemd, for hints.
    pub unit: Option<String>,
    /// Wanted, -1000..=1000.
    pub score: i32,
    /// What its children get.
    pub children: Inherit,
}

/// What children of a named program get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inherit {
    /// What the program had itself before, and no less than 0.
    Reset,
    /// What they inherited.
    Keep,
}

/// What this process may do to scores of others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    /// Lower and raise: root with `CAP_SYS_RESOURCE`.
    Absolute,
    /// Raise, and lower as far as the lowest value once set with the right.
    RaiseOnly,
}

/// One write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// To whom.
    pub pid: u32,
    /// Names it for good, with the pid.
    pub start_ticks: u64,
    /// What it has.
    pub from: i32,
    /// What it gets.
    pub to: i32,
    /// Why.
    pub why: Why,
}

/// Why a score is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// It is named by this rule.
    Named(usize),
    /// It inherited the score of a process that is named by this rule.
    Inherited(usize),
}

/// A rule whose score cannot be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Which rule.
    pub rule: usize,
    /// What its process has.
    pub has: i32,
    /// What gives the score, a whole sentence.
    pub hint: String,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// Writes, named programs first, so that children they make meanwhile are seen next time.
    pub changes: Vec<Change>,
    /// At most one per rule.
    pub refusals: Vec<Refusal>,
    /// Rules no process was found for.
    pub missing: Vec<usize>,
}

/// What is remembered from one look to the next: what named programs had before.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    /// By pid and start: the score before ours, and the rule.
    saved: BTreeMap<(u32, u64), (i32, usize)>,
}

impl Memory {
    /// Nothing is known yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { saved: BTreeMap::new() }
    }

    /// Decides about all processes of a look. The caller writes, in order, and looks again later;
    /// what it could not write it tells by [`Memory::failed`].
    pub fn plan(&mut self, processes: &[Process], rules: &[Rule], allowed: Permission) -> Plan {
        let mut plan = Plan::default();
        let alive = |key: &(u32, u64)| {
            processes.iter().any(|process| (process.pid, process.start_ticks) == *key)
        };
        self.saved.retain(|key, _| alive(key));
        let mut found = alloc::vec![false; rules.len()];
        for process in processes.iter().filter(|process| process.pid > 1) {
            let Some((index, rule)) = process.rule.and_then(|i| Some((i, rules.get(i)?))) else {
                continue;
            };
            found[index] = true;
            let key = (process.pid, process.start_ticks);
            self.saved.entry(key).or_insert((process.score, index)).1 = index;
            let to = match allowed {
                Permission::Absolute => rule.score,
                Permission::RaiseOnly => rule.score.max(process.score.min(0)),
            };
            if to != process.score {
                let Process { pid, start_ticks, score: from, .. } = *process;
                plan.changes.push(Change { pid, start_ticks, from, to, why: Why::Named(index) });
            }
            if to > rule.score && plan.refusals.iter().all(|refusal| refusal.rule != index) {
                plan.refusals.push(Refusal { rule: index, has: to, hint: hint(rule) });
            }
        }
        self.children(processes, rules, &mut plan);
        plan.missing = (0..rules.len()).filter(|index| !found[*index]).collect();
        plan
    }

    /// A change could not be written: what the process has is what it had.
    pub fn failed(&mut self, change: &Change) {
        if matches!(change.why, Why::Named(_)) {
            self.saved.remove(&(change.pid, change.start_ticks));
        }
    }

    /// What named processes had before, for the end of the watch: `(pid, start, score)`. Negative
    /// ones stay as they are when the watch ends; this is for the curious.
    pub fn saved(&self) -> impl Iterator<Item = (u32, u64, i32)> + '_ {
        self.saved.iter().map(|((pid, start), (score, _))| (*pid, *start, *score))
    }

    /// Children of named programs that have what they inherited.
    fn children(&self, processes: &[Process], rules: &[Rule], plan: &mut Plan) {
        let by_pid: BTreeMap<u32, &Process> =
            processes.iter().map(|process| (process.pid, process)).collect();
        for process in processes.iter().filter(|process| process.rule.is_none()) {
            if process.score >= 0 || process.pid <= 1 {
                continue;
            }
            let Some(named) = ancestor(process, &by_pid) else { continue };
            let Some((index, rule)) = named.rule.and_then(|i| Some((i, rules.get(i)?))) else {
                continue;
            };
            let inherited = process.score == rule.score || process.score == named.score;
            if rule.children == Inherit::Keep || !inherited {
                continue;
            }
            let saved = self.saved.get(&(named.pid, named.start_ticks));
            let to = saved.map_or(0, |(score, _)| *score).max(0);
            let Process { pid, start_ticks, score: from, .. } = *process;
            plan.changes.push(Change { pid, start_ticks, from, to, why: Why::Inherited(index) });
        }
    }
}

/// Processes that have a negative score only because a parent has it, and are no children of a
/// program that keeps them so on purpose: "inherited immunity". Each with the parent it came from.
#[must_use]
pub fn inherited_immunity(processes: &[Process], rules: &[Rule]) -> Vec<(u32, u32)> {
    let by_pid: BTreeMap<u32, &Process> =
        processes.iter().map(|process| (process.pid, process)).collect();
    let mut found = Vec::new();
    for process in processes {
        if process.score >= 0 || process.rule.is_some() || process.pid <= 1 {
            continue;
        }
        let Some(parent) = by_pid.get(&process.parent) else { continue };
        let kept = ancestor(process, &by_pid)
            .and_then(|named| rules.get(named.rule?))
            .is_some_and(|rule| rule.children == Inherit::Keep);
        if parent.score == process.score && parent.pid > 1 && !kept {
            found.push((process.pid, parent.pid));
        }
    }
    found
}

/// Whether a text is of that form: `*` stands for any bytes, `?` for one. Time is bounded by the
/// product of both lengths.
#[must_use]
pub fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut read) = (0, 0);
    // Where the last `*` is, and up to where it stands for bytes.
    let mut star: Option<(usize, usize)> = None;
    while let Some(byte) = text.get(read) {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, read));
                at += 1;
            }
            Some(wanted) if *wanted == b'?' || wanted == byte => {
                at += 1;
                read += 1;
            }
            _ => {
                let Some((place, end)) = star else { return false };
                star = Some((place, end + 1));
                (at, read) = (place + 1, end + 1);
            }
        }
    }
    pattern.get(at..).unwrap_or_default().iter().all(|byte| *byte == b'*')
}

/// The nearest named process above.
fn ancestor<'a>(process: &Process, by_pid: &BTreeMap<u32, &'a Process>) -> Option<&'a Process> {
    let mut at = process.parent;
    for _ in 0..DEPTH_MAX {
        let parent = by_pid.get(&at)?;
        if parent.rule.is_some() {
            return Some(parent);
        }
        if parent.pid <= 1 {
            return None;
        }
        at = parent.parent;
    }
    None
}

fn hint(rule: &Rule) -> String {
    let score = rule.score.to_string();
    match &rule.unit {
        Some(unit) => format!(
            "`systemctl edit {unit}` with OOMScoreAdjust={score} below [Service] gives it, or \
             CapabilityBoundingSet with CAP_SYS_RESOURCE in the unit of menshen"
        ),
        None => format!(
            "OOMScoreAdjust={score} in the unit of that program gives it, or CAP_SYS_RESOURCE for \
             menshen"
        ),
    }
}

/// More generations than any process has above it.
const DEPTH_MAX: usize = 64;

#[cfg(test)]
mod tests;
