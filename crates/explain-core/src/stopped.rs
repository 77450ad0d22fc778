//! What follows from a process that stands still: which signal or hand, and how it goes on.
//!
//! Facts in, findings out (credentials(7) on process groups, tty_ioctl(2), signal(7)). Names and
//! command lines in facts are foreign; they are escaped where they enter a text.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use menshen_base::{Confidence, Finding, Severity};
use serde::Serialize;

/// What was seen of one process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Facts {
    /// The process.
    pub pid: u32,
    /// Its name. Foreign.
    pub name: String,
    /// Its command line. Foreign.
    pub command: String,
    /// The letter of its state in `/proc/PID/stat`.
    pub state: char,
    /// Its process group.
    pub group: u32,
    /// Its session.
    pub session: u32,
    /// Why it stands still, if it does.
    pub cause: Cause,
    /// What it was about to do.
    pub doing: Option<Doing>,
    /// Its controlling terminal.
    pub terminal: Option<Terminal>,
}

/// Why a process stands still.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Job control, by this signal.
    Signal(Stopping),
    /// Job control; which signal could not be asked, and why.
    UnknownSignal(String),
    /// Another process holds it.
    Traced {
        /// That process.
        tracer: u32,
        /// Its name. Foreign.
        name: String,
    },
    /// Its control group is frozen.
    Frozen {
        /// Version of control groups.
        version: u8,
        /// Folder of the group. Foreign.
        folder: String,
        /// A group above it is frozen.
        by_parent: bool,
    },
    /// It waits for a child it made by vfork(2).
    Vfork,
    /// It has ended.
    Ended,
    /// It does not.
    NotStopped,
}

/// The signals that stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Stopping {
    /// Somebody stopped it; it cannot be ignored.
    Sigstop,
    /// Ctrl-Z.
    Sigtstp,
    /// Read from the terminal in the background.
    Sigttin,
    /// Wrote to the terminal, or changed it, in the background.
    Sigttou,
}

/// What it was in when it was stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Doing {
    /// Read from this descriptor.
    Read(i32),
    /// Wrote to this descriptor.
    Write(i32),
    /// Changed the terminal behind this descriptor.
    SetTerminal(i32),
    /// Something else.
    Else,
}

/// A controlling terminal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Terminal {
    /// Its path, if it has one of a known kind.
    pub path: Option<String>,
    /// The foreground process group.
    pub foreground_group: Option<u32>,
    /// Who is in it: id and name. Names are foreign.
    pub foreground: Vec<(u32, String)>,
    /// `stty tostop`.
    pub tostop: Option<bool>,
}

impl Stopping {
    /// By its number on every machine Linux runs on but a few.
    #[must_use]
    pub const fn of(number: i32) -> Option<Self> {
        match number {
            19 => Some(Self::Sigstop),
            20 => Some(Self::Sigtstp),
            21 => Some(Self::Sigttin),
            22 => Some(Self::Sigttou),
            _ => None,
        }
    }

    /// As people write it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Sigstop => "SIGSTOP",
            Self::Sigtstp => "SIGTSTP",
            Self::Sigttin => "SIGTTIN",
            Self::Sigttou => "SIGTTOU",
        }
    }
}

impl Facts {
    /// Whether it stands still.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.cause != Cause::NotStopped
    }
}

/// The finding of one process.
#[must_use]
pub fn finding(facts: &Facts) -> Finding {
    let subject = format!("{} ({})", shown(&facts.name), facts.pid);
    let error = |code, claim: String| Finding::new(code, Severity::Error, subject.clone(), claim);
    let finding = match &facts.cause {
        Cause::Signal(signal) => by_signal(facts, *signal, &subject),
        Cause::UnknownSignal(why) => {
            error("stopped-signal-unknown", "is stopped; by which signal cannot be seen".into())
                .evidence("refusal", "ptrace(PTRACE_SEIZE)", shown(why))
                .hint(format!(
                    "Ask as root which signal it was. `kill -CONT {}` lets it go on.",
                    facts.pid
                ))
        }
        Cause::Traced { tracer, name } => error(
            "held-by-tracer",
            format!("is held by {} ({tracer}), which traces it", shown(name)),
        )
        .evidence("TracerPid", format!("/proc/{}/status", facts.pid), tracer.to_string())
        .hint(format!("Go on in that debugger, or end it: `kill {tracer}` lets its processes go.")),
        Cause::Frozen { version, folder, by_parent } => {
            frozen(&subject, *version, folder, *by_parent)
        }
        Cause::Vfork => error(
            "waits-for-vfork-child",
            "waits for a child it made by vfork(2), which has not become a program yet".into(),
        )
        .hint("Look at its child: it is the one that does not get on."),
        Cause::Ended => error("process-ended", "has ended, and its parent has not looked".into())
            .hint("Nothing can be done with it; its parent has to wait for it, or end."),
        Cause::NotStopped => {
            Finding::new("not-stopped", Severity::Note, subject.clone(), "is not stopped")
        }
    };
    let state = format!("/proc/{}/stat", facts.pid);
    with_terminal(facts, finding.evidence("state", state, facts.state.to_string()))
}

fn by_signal(facts: &Facts, signal: Stopping, subject: &str) -> Finding {
    let pid = facts.pid;
    let terminal = facts.terminal.as_ref().and_then(|terminal| terminal.path.as_deref());
    let terminal = terminal.unwrap_or("its terminal");
    let (code, claim, hint) = match signal {
        Stopping::Sigstop => (
            "stopped-by-sigstop",
            "was stopped by SIGSTOP, which only a program or a person sends".into(),
            format!(
                "`kill -CONT {pid}` lets it go on. Who sent SIGSTOP cannot be found afterwards: \
the kernel does not keep it. Where it happens again, audit or the tracepoint \
signal:signal_generate tells."
            ),
        ),
        Stopping::Sigtstp => (
            "stopped-by-sigtstp",
            format!("was stopped by SIGTSTP: Ctrl-Z at {terminal}, or a program sent it"),
            format!("`fg` in the shell it was started from, or `kill -CONT {pid}`."),
        ),
        Stopping::Sigttin => (
            "stopped-by-sigttin",
            format!("was stopped by SIGTTIN: it read from {terminal} in the background"),
            "`fg` lets it read. So that it never asks: start it with `</dev/null`, with `setsid`, \
or under `menshen run`. SIGCONT alone stops it again at its next read."
                .into(),
        ),
        Stopping::Sigttou => sigttou(facts, terminal),
    };
    let asked = Finding::new(code, Severity::Error, subject, claim).hint(hint);
    asked.evidence("stop signal", "PTRACE_EVENT_STOP", signal.word())
}

/// The one with two causes: a write only under `tostop`, a change of the terminal always.
fn sigttou(facts: &Facts, terminal: &str) -> (&'static str, String, String) {
    let tostop = facts.terminal.as_ref().and_then(|terminal| terminal.tostop);
    let (what, fix) = match (&facts.doing, tostop) {
        (Some(Doing::Write(_)), _) => (
            format!("wrote to {terminal} in the background, where `stty tostop` is set"),
            "`stty -tostop` at that terminal allows such writes; or redirect its output, start it \
with `setsid`, or under `menshen run`.",
        ),
        (Some(Doing::SetTerminal(_)), _) | (_, Some(false)) => (
            format!("changed the settings of {terminal} in the background"),
            "Programs that ask for a password, or draw on the screen, do that. Start it with \
`setsid`, or under `menshen run`: then there is no terminal to change.",
        ),
        _ => (
            format!("wrote to {terminal} or changed its settings in the background"),
            "Redirect its output, start it with `setsid`, or under `menshen run`.",
        ),
    };
    let claim = format!("was stopped by SIGTTOU: it {what}");
    ("stopped-by-sigttou", claim, format!("`fg` lets it go on. {fix} SIGCONT alone is not enough."))
}

fn frozen(subject: &str, version: u8, folder: &str, by_parent: bool) -> Finding {
    let folder = shown(folder);
    let above = if by_parent { ", by a group above it" } else { "" };
    let (file, value, thaw) = match version {
        1 => ("freezer.state", "FROZEN", "echo THAWED"),
        _ => ("cgroup.events", "frozen 1", "echo 0"),
    };
    let place = if version == 1 { "freezer.state" } else { "cgroup.freeze" };
    let hint = if by_parent {
        format!("Thaw the group above {folder} that is frozen: `{thaw} > .../{place}`.")
    } else {
        format!("`{thaw} > {folder}/{place}`; a container or virtual machine may be paused by it.")
    };
    let claim = format!("is frozen: its control group (version {version}) is held still{above}");
    Finding::new("group-frozen", Severity::Error, subject, claim)
        .evidence(file, format!("{folder}/{file}"), value)
        .hint(hint)
}

fn with_terminal(facts: &Facts, finding: Finding) -> Finding {
    let stat = format!("/proc/{}/stat", facts.pid);
    let groups = format!("{} of session {}", facts.group, facts.session);
    let mut finding = finding.evidence("process group", stat.clone(), groups);
    let Some(terminal) = &facts.terminal else {
        return finding.evidence("terminal", stat, "none");
    };
    let path = terminal.path.clone().unwrap_or_else(|| "of an unknown kind".into());
    finding = finding.evidence("terminal", stat.clone(), path);
    if let Some(group) = terminal.foreground_group {
        let who: Vec<String> = terminal
            .foreground
            .iter()
            .map(|(pid, name)| format!("{} ({pid})", shown(name)))
            .collect();
        let place = if group == facts.group { "this process's own" } else { "another" };
        let who = if who.is_empty() { "nobody is in it".into() } else { who.join(", ") };
        finding = finding.evidence("foreground group", stat, format!("{group}, {place}: {who}"));
    }
    if let Some(set) = terminal.tostop {
        finding =
            finding.evidence("stty tostop", "tcgetattr(3)", if set { "set" } else { "not set" });
    }
    if facts.doing.is_none() && matches!(facts.cause, Cause::Signal(Stopping::Sigttou)) {
        finding.confidence = Confidence::Likely;
    }
    finding
}

/// Foreign text, fit for a terminal.
#[must_use]
pub fn shown(text: &str) -> String {
    let cut = text.chars().take(SHOWN_MAX);
    let fit = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    cut.map(fit).collect()
}

const SHOWN_MAX: usize = 500;

#[cfg(test)]
pub(crate) mod tests;
