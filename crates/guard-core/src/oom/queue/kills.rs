//! Which report a victim belongs to.
//!
//! A kill is never dropped: one that fits no report near it is a report of its own.

use super::{Queue, Slot};
use crate::oom::fact::{Announced, Killed, ReapedLine, Verdict};
use crate::oom::model::{Kill, KillForm};
use crate::oom::open::{At, Open};
use crate::oom::summary::Summary;
use crate::oom::text::{name, owned};

impl Queue {
    pub(super) fn verdict(&mut self, verdict: &Verdict<'_>, at: &At<'_>) {
        let text_max = self.limits.text_bytes_max;
        let limited = Some(verdict.cgroup.is_some() || verdict.constraint == b"CONSTRAINT_MEMCG");
        let takes = |open: &Open| !open.verdict && open.chosen.is_none() && open.fits(limited);
        let listed = |open: &Open| takes(open) && verdict.pid.is_some_and(|pid| open.has_task(pid));
        // A log with its newest line first tells of the kill before it tells why.
        let told = |open: &Open| {
            !open.verdict && open.fits(limited) && verdict.pid.is_some_and(|pid| open.has_kill(pid))
        };
        let index = self
            .place_any(at, told)
            .or_else(|| self.place(at, listed))
            .or_else(|| self.place(at, takes));
        if let Some(open) = self.at_or_new(index, at) {
            open.add_verdict(verdict, at, text_max);
        }
    }

    pub(super) fn announced(&mut self, line: &Announced<'_>, at: &At<'_>) {
        let index = if line.sharing {
            self.place_any(at, |open| !open.report.kills.is_empty())
        } else {
            let takes = |open: &Open| open.chosen.is_none() && open.fits(line.cgroup);
            let listed = |open: &Open| takes(open) && open.has_task(line.pid);
            // 5.0 prints the verdict and then announces the same process.
            let chosen = |open: &Open| {
                open.verdict && open.chosen == Some((line.pid, false)) && open.fits(line.cgroup)
            };
            self.place(at, chosen)
                .or_else(|| self.place(at, listed))
                .or_else(|| self.place(at, takes))
        };
        let most = self.limits.report_kills_max;
        if let Some(open) = self.at_or_new(index, at)
            && open.report.kills.len() < most
        {
            open.add_announced(line, at);
            open.done |= line.sharing;
        }
    }

    pub(super) fn killed(&mut self, line: &Killed<'_>, at: &At<'_>, summary: &mut Summary) {
        let limits = self.limits;
        let index = self.place_of_kill(line, at);
        if let Some(open) = self.at_or_new(index, at) {
            open.add_killed(line, at, &limits, summary);
        }
    }

    /// What the reaper says may come long after, and from a thread of its own.
    pub(super) fn reaped(&mut self, line: &ReapedLine<'_>, at: &At<'_>) {
        let index = self.slots.iter().rposition(|slot| {
            matches!(slot, Slot::Open(open) if open.same_host(at) && open.has_kill(line.pid))
        });
        let Some(open) = self.at_or_new(index, at) else { return };
        open.done = true;
        if let Some(kill) = open.kill_mut(line.pid) {
            kill.reaped = kill.reaped.or(line.left);
            return;
        }
        open.report.kills.push(Kill {
            pid: line.pid,
            name: name(line.name, at.decoded),
            stamp: at.stamp,
            line: at.line,
            form: KillForm::Announced,
            reaped: line.left,
            ..Kill::default()
        });
    }

    pub(super) fn group(&mut self, path: &[u8], at: &At<'_>) {
        let text_max = self.limits.text_bytes_max;
        let index = self.place_any(at, |open| open.report.group.is_none() && open.fits(Some(true)));
        if let Some(open) = self.at_or_new(index, at) {
            open.report.group = Some(owned(path, text_max));
        }
    }

    pub(super) fn deadlock(&mut self, sentence: &[u8], panic: bool, at: &At<'_>) {
        let text_max = self.limits.text_bytes_max;
        let index = if panic {
            self.place(at, |_| true).or_else(|| self.place_any(at, |_| true))
        } else {
            self.place(at, |open| open.report.deadlock.is_none())
                .or_else(|| self.place_any(at, |open| open.report.deadlock.is_some()))
        };
        if let Some(open) = self.at_or_new(index, at) {
            open.done = true;
            if panic || open.report.deadlock.is_none() {
                open.report.deadlock = Some(owned(sentence.trim_ascii_end(), text_max));
            }
        }
    }

    /// The report a `Killed process` line belongs to.
    fn place_of_kill(&self, line: &Killed<'_>, at: &At<'_>) -> Option<usize> {
        let pid = line.pid;
        let named = |open: &Open| {
            open.fits(line.cgroup) && (open.has_kill(pid) || same_beancounter(open, line))
        };
        let waiting = |open: &Open| {
            !open.done && open.fits(line.cgroup) && open.chosen.is_none_or(|(_, child)| child)
        };
        let listed = |open: &Open| waiting(open) && open.has_task(pid);
        // A table that does not list the process is another's; one that is missing tells nothing.
        let unlisted = |open: &Open| {
            waiting(open)
                && (open.report.tasks.is_empty() || open.chosen.is_some())
                && open.near(at, u64::MAX, SOON_SECONDS)
        };
        let grouped = |open: &Open| open.report.group.is_some() && open.fits(line.cgroup);
        self.place_any(at, named)
            .or_else(|| self.place(at, listed))
            .or_else(|| self.place(at, unlisted))
            .or_else(|| self.place(at, |open| waiting(open) && at_once(open, at)))
            .or_else(|| self.place_any(at, grouped))
    }

    /// The newest report under way that takes the line.
    fn place(&self, at: &At<'_>, takes: impl Fn(&Open) -> bool) -> Option<usize> {
        self.place_any(at, |open| !open.done && takes(open))
    }

    /// The newest report, under way or not.
    fn place_any(&self, at: &At<'_>, takes: impl Fn(&Open) -> bool) -> Option<usize> {
        let (lines, seconds) = (self.limits.quiet_lines_max, self.limits.quiet_seconds_max);
        self.slots.iter().rposition(|slot| match slot {
            Slot::Open(open) => {
                open.same_host(at)
                    && open.same_caller(at)
                    && open.near(at, lines, seconds)
                    && takes(open)
            }
            Slot::Ready(_) => false,
        })
    }

    fn at_or_new(&mut self, index: Option<usize>, at: &At<'_>) -> Option<&mut Open> {
        let index = index.unwrap_or_else(|| {
            self.begin(at, true);
            self.slots.len() - 1
        });
        match self.slots.get_mut(index)? {
            Slot::Open(open) => {
                open.touch(at);
                Some(open)
            }
            Slot::Ready(_) => None,
        }
    }
}

/// Virtuozzo's killer "in rage" kills many processes of one beancounter for one report.
fn same_beancounter(open: &Open, line: &Killed<'_>) -> bool {
    match (line.beancounter, &open.report.cgroup) {
        (Some(own), Some(group)) => group.path.as_bytes() == own,
        _ => false,
    }
}

/// The kill comes right after the table, though the table, which may lack rows, does not list it.
fn at_once(open: &Open, at: &At<'_>) -> bool {
    open.near(at, FEW_LINES, 1) && open.chosen.is_none()
}

/// A kill follows its report within moments, even over a slow console.
const SOON_SECONDS: u64 = 10;

const FEW_LINES: u64 = 3;
