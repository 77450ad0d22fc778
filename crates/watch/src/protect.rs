//! The programs of `[[guard.protect]]`: found again every few seconds, and sooner when very many
//! processes were made; their scores written, and those of children that inherited them.
//!
//! What is decided is [`menshen_guard_core::protect`]. Each change is logged once, and so is a
//! program that is not there or cannot be protected. How it fails: a process that ends between look
//! and write is no matter; a write that is refused is said with what would give the right.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use menshen_config::{Children, Protect};
use menshen_guard_core::hold::Standing;
use menshen_guard_core::protect::{
    Change, Inherit, Memory, Permission, Process, Rule, Why, inherited_immunity,
};
use menshen_sys::proc;

use crate::log::Log;

mod commands;
mod find;

use find::{Finder, Found};

/// The executor.
#[derive(Debug)]
pub(crate) struct Protector {
    finder: Finder,
    rules: Vec<Rule>,
    memory: Memory,
    allowed: Permission,
    look_at: Option<Instant>,
    looked: Option<Instant>,
    forks: Option<u64>,
    /// What was said of each rule last, so that nothing is said twice.
    said: BTreeMap<usize, String>,
    said_inherited: Vec<(u32, u64)>,
    /// Rule and user of processes that look like the program and are not meant.
    said_strangers: BTreeSet<(usize, u32)>,
    /// By pid: what the configuration says of it.
    standing: BTreeMap<u32, Standing>,
    log: Log,
}

/// What a look came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Protected {
    /// Named processes that have their score.
    pub(crate) in_force: u64,
    /// Programs that do not.
    pub(crate) refused: u64,
}

impl Protector {
    /// For the programs of the configuration.
    pub(crate) fn new(named: &[Protect], log: Log) -> Self {
        let rules = named.iter().map(|one| Rule {
            name: one.name.clone(),
            unit: one.unit.clone(),
            score: one.score,
            children: match one.children {
                Children::Reset => Inherit::Reset,
                Children::Keep => Inherit::Keep,
            },
        });
        Self {
            rules: rules.collect(),
            finder: Finder::new(named, log),
            memory: Memory::new(),
            allowed: permission(),
            look_at: None,
            looked: None,
            forks: None,
            said: BTreeMap::new(),
            said_inherited: Vec::new(),
            said_strangers: BTreeSet::new(),
            standing: BTreeMap::new(),
            log,
        }
    }

    /// When to look again without being woken; `None`: there is nothing to do.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        if self.rules.is_empty() { None } else { self.look_at }
    }

    /// What the configuration says of a process, as of the last look. Our guard is protected too.
    pub(crate) fn standing(&self, pid: u32) -> Standing {
        let guard = rustix::process::getppid().map(|pid| pid.as_raw_nonzero().get());
        if i32::try_from(pid).ok() == guard {
            return Standing::Protected;
        }
        self.standing.get(&pid).copied().unwrap_or(Standing::Ordinary)
    }

    /// Looks if it is time, or if there was a storm of new processes; `None`: it was not.
    pub(crate) fn keep_times(&mut self, now: Instant) -> Option<Protected> {
        if self.rules.is_empty() {
            return None;
        }
        let due = self.look_at.is_none_or(|at| at <= now);
        let rested = self.looked.is_none_or(|at| now.saturating_duration_since(at) >= REST);
        let storm = rested && !due && self.is_storm();
        if !due && !storm {
            return None;
        }
        self.looked = Some(now);
        self.look_at = Some(now + LOOK);
        self.forks = forks();
        Some(self.look())
    }

    fn is_storm(&self) -> bool {
        let made = forks().zip(self.forks).map(|(now, then)| now.saturating_sub(then));
        made.is_some_and(|made| made >= STORM)
    }

    fn look(&mut self) -> Protected {
        let Found { processes, strangers } = self.finder.look();
        let plan = self.memory.plan(&processes, &self.rules, self.allowed);
        let mut done = Protected::default();
        for change in &plan.changes {
            match proc::set_oom_score_adj_of(change.pid, change.start_ticks, change.to) {
                Ok(()) => self.tell_change(change),
                Err(error) => {
                    self.memory.failed(change);
                    if let Why::Named(rule) = change.why
                        && error.kind() == std::io::ErrorKind::PermissionDenied
                    {
                        done.refused += 1;
                        let name = &self.rules[rule].name;
                        let text = format!(
                            "protect: {name} cannot get score {}: {error}; hint: \
                             OOMScoreAdjust={} in its own unit does it",
                            change.to, self.rules[rule].score
                        );
                        self.say(rule, text);
                    }
                }
            }
        }
        for refusal in &plan.refusals {
            done.refused += 1;
            let rule = &self.rules[refusal.rule];
            let text = format!(
                "protect: {} keeps score {}, {} is not permitted; hint: {}",
                rule.name, refusal.has, rule.score, refusal.hint
            );
            self.say(refusal.rule, text);
        }
        for rule in plan.missing {
            let text = format!("protect: {} does not run", self.rules[rule].name);
            self.say(rule, text);
        }
        self.tell_inherited(&processes);
        self.tell_strangers(&strangers);
        self.remember(&processes, &mut done);
        done
    }

    fn remember(&mut self, processes: &[Process], done: &mut Protected) {
        self.standing.clear();
        for process in processes {
            let Some(rule) = process.rule.and_then(|rule| self.rules.get(rule)) else { continue };
            let standing = if rule.score > 0 { Standing::Expendable } else { Standing::Protected };
            self.standing.insert(process.pid, standing);
            let now = proc::oom_score_adj(process.pid);
            done.in_force += u64::from(now.is_ok_and(|score| score == rule.score));
        }
    }

    fn tell_change(&mut self, change: &Change) {
        let (Change { pid, from, to, .. }, name) = (change, name_of(change.pid));
        match change.why {
            Why::Named(rule) => {
                let rule_name = &self.rules[rule].name;
                let text =
                    format!("protect: {rule_name}: process {pid} ({name}) score {from} -> {to}");
                self.said.remove(&rule);
                (self.log)(&text);
            }
            Why::Inherited(rule) => {
                let rule_name = &self.rules[rule].name;
                (self.log)(&format!(
                    "protect: process {pid} ({name}) inherited {from} of {rule_name}; it has {to} \
                     again"
                ));
            }
        }
    }

    fn tell_inherited(&mut self, processes: &[Process]) {
        let found = inherited_immunity(processes, &self.rules);
        let mut now = Vec::new();
        for (pid, parent) in found {
            let process = processes.iter().find(|process| process.pid == pid);
            let Some(key) = process.map(|process| (pid, process.start_ticks)) else { continue };
            // Children of a program that is put right at this very look are no news.
            let ours = process
                .is_some_and(|p| proc::oom_score_adj(pid).is_ok_and(|s| s >= 0 && p.score < 0));
            if ours {
                continue;
            }
            if !self.said_inherited.contains(&key) && now.len() < INHERITED_SAID_MAX {
                (self.log)(&format!(
                    "protect: process {pid} ({}) has a score below 0 only because process {parent} \
                     ({}) has it",
                    name_of(pid),
                    name_of(parent)
                ));
            }
            now.push(key);
        }
        self.said_inherited = now;
    }

    /// Once for each rule and user: who takes the name must not fill the log with it.
    fn tell_strangers(&mut self, strangers: &[(usize, u32)]) {
        for &(rule, user) in strangers {
            let is_new = !self.said_strangers.contains(&(rule, user));
            if is_new && self.said_strangers.len() < STRANGERS_SAID_MAX {
                self.said_strangers.insert((rule, user));
                let name = &self.rules[rule].name;
                (self.log)(&format!(
                    "protect: {name}: a process of user {user} looks like it and is left alone; \
                     hint: user = \"{user}\" in [[guard.protect]] says that it is meant"
                ));
            }
        }
    }

    fn say(&mut self, rule: usize, text: String) {
        if self.said.get(&rule) != Some(&text) {
            (self.log)(&text);
            self.said.insert(rule, text);
        }
    }
}

/// Whether scores may be lowered: `CAP_SYS_RESOURCE` in this process's set.
fn permission() -> Permission {
    use rustix::thread::{CapabilitySet, capabilities};
    let sets = capabilities(None);
    let may = sets.is_ok_and(|sets| sets.effective.contains(CapabilitySet::SYS_RESOURCE));
    if may { Permission::Absolute } else { Permission::RaiseOnly }
}

/// A process's name for the log; foreign bytes.
fn name_of(pid: u32) -> String {
    let name = proc::Stat::read(pid).map(|stat| stat.name).unwrap_or_default();
    name.escape_ascii().to_string()
}

/// Processes made since the kernel started (`processes` of `/proc/stat`).
fn forks() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/stat").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("processes "))?;
    line.trim().parse().ok()
}

/// How often programs are looked for.
const LOOK: Duration = Duration::from_secs(5);
/// Between two looks at least.
const REST: Duration = Duration::from_secs(1);
/// New processes that make it look sooner.
const STORM: u64 = 200;
const INHERITED_SAID_MAX: usize = 20;
const STRANGERS_SAID_MAX: usize = 64;

#[cfg(test)]
mod tests;
