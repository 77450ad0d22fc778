//! `menshen explain oom --next`: takes a census of this host and tells who would be killed next.
//!
//! Only files of the kernel are read, nothing is changed, and nothing that a stranger wrote is
//! interpreted: names come cleaned from the core. It fails when `/proc` cannot be read.

use std::fmt::Write as _;
use std::io;

use menshen_base::{Finding, Severity};
pub use menshen_explain_core::next::Next;
use menshen_explain_core::next::{self as core, Action, NextVictim, Outlook, Protected, Why};
use menshen_explain_core::oom::{percent, size};
use menshen_process::candidates::census;

use crate::certificate::Paint;
use crate::words::broken;

/// Looks at this host; of each list at most `top`. The process that asks is left out: it will be
/// gone.
///
/// # Errors
/// When `/proc` cannot be read.
pub fn look(top: usize) -> io::Result<Next> {
    let mut census = census()?;
    let own = std::process::id();
    census.candidates.retain(|candidate| candidate.pid != own);
    Ok(core::next(&census, top))
}

/// Whether there is nothing to do: no warning and no error.
#[must_use]
pub fn good(next: &Next) -> bool {
    next.findings.iter().all(|finding| finding.severity == Severity::Note)
}

/// The forecast as JSON, with a line end.
#[must_use]
pub fn json(next: &Next) -> String {
    // Strings and numbers only: nothing in it can fail to become JSON.
    serde_json::to_string_pretty(next).unwrap_or_default() + "\n"
}

/// The forecast as text, in lines of at most `columns` where words allow it.
#[must_use]
pub fn text(next: &Next, paint: Paint, columns: usize) -> String {
    let mut page = Page { out: String::new(), paint, columns: columns.max(40) };
    for outlook in &next.domains {
        page.outlook(outlook);
    }
    if !next.protected.is_empty() {
        page.heading("Killed last or never");
        for process in &next.protected {
            page.item("- ", &protected(process));
        }
        page.more(next.protected_left_out);
    }
    if !next.programs.is_empty() {
        page.heading("Programs, all processes of a name together");
        for program in &next.programs {
            let processes = count(program.processes, "process", "processes");
            let immune = match program.immune {
                0 => String::new(),
                number if number == program.processes => ", never killed".to_owned(),
                number => format!(", {number} of them never killed"),
            };
            let share = match program.share_permille {
                0 => "less than 0.1 %".to_owned(),
                share => percent(share),
            };
            let size = size(program.memory_kib);
            page.item("- ", &format!("{}: {size}, {share}, {processes}{immune}", program.name));
        }
        page.more(next.programs_left_out);
    }
    for finding in &next.findings {
        page.finding(finding);
    }
    page.out
}

/// `mysqld (pid 5): 5213 points, 81 % of memory (20 GiB), adj 0`
fn victim(victim: &NextVictim) -> String {
    let mut text = format!(
        "{} (pid {}): {}, {} of memory ({})",
        victim.name,
        victim.pid,
        count_signed(victim.points),
        percent(victim.share_permille),
        size(victim.memory_kib),
    );
    if victim.swap_kib > 0 {
        let _ = write!(text, ", {} of it in swap", size(victim.swap_kib));
    }
    if victim.shmem_kib > victim.memory_kib / 4 {
        let _ = write!(text, ", {} of it shared", size(victim.shmem_kib));
    }
    if victim.oom_score_adj != 0 {
        let _ = write!(text, ", adj {:+}", victim.oom_score_adj);
    }
    if let Some(group) = &victim.together {
        let others = count(victim.with, "other process", "other processes");
        let size = size(victim.with_kib);
        let _ = write!(text, "; with it all of {group}: {others}, {size} (memory.oom.group)");
    }
    text
}

fn protected(process: &Protected) -> String {
    let size = size(process.memory_kib);
    let why = match process.why {
        Why::Adj => "immune, adj -1000".to_owned(),
        Why::AdjLow => format!("among the last, adj {}", process.oom_score_adj),
        Why::Init => "immune, the first process".to_owned(),
        Why::Vfork => "not counted while it lives in its parent's memory (vfork)".to_owned(),
    };
    let from = match (process.inherited_from, &process.inherited_from_name) {
        (Some(pid), Some(name)) => format!(", inherited from {name} (pid {pid})"),
        _ => String::new(),
    };
    format!("{} (pid {}): {why}{from}, {size}", process.name, process.pid)
}

fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

fn count_signed(points: i64) -> String {
    format!("{points} {}", if points == 1 { "point" } else { "points" })
}

/// The text as it grows.
struct Page {
    out: String,
    paint: Paint,
    columns: usize,
}

impl Page {
    fn outlook(&mut self, outlook: &Outlook) {
        let place = match &outlook.cgroup {
            None => "The machine".to_owned(),
            Some(path) => format!("Control group {path}"),
        };
        self.heading(&place);
        let swap = outlook.total_kib.saturating_sub(outlook.limit_kib);
        let swap = match swap {
            0 => "no swap".to_owned(),
            swap => format!("{} of swap", size(swap)),
        };
        self.item(
            "",
            &format!(
                "{} of {} held ({}), {swap}; {} can be killed",
                size(outlook.held_kib),
                size(outlook.limit_kib),
                percent(outlook.held_permille),
                count(outlook.killable, "process", "processes"),
            ),
        );
        if let Some(above) = &outlook.met_before {
            self.item("", &format!("the limit of {above}, above it, has less room: met before"));
        }
        self.item("", &action(outlook));
        if !outlook.dying.is_empty() {
            let pids: Vec<String> = outlook.dying.iter().take(8).map(u32::to_string).collect();
            self.item("", &format!("being killed already: pid {}", pids.join(", ")));
        }
        for (number, step) in outlook.victims.iter().enumerate() {
            let first = if number == 0 { "next: " } else { "" };
            self.item(&format!("{:>3}. ", number + 1), &format!("{first}{}", victim(step)));
        }
        self.more(outlook.victims_left_out);
    }

    fn heading(&mut self, text: &str) {
        if !self.out.is_empty() {
            self.out.push('\n');
        }
        let line = self.painted("\x1b[1m", text);
        let _ = writeln!(self.out, "{line}");
    }

    /// A line, further ones below its text.
    fn item(&mut self, first: &str, text: &str) {
        let indent = 2 + first.chars().count();
        for (number, line) in broken(text, self.columns - indent).iter().enumerate() {
            let _ = match number {
                0 => writeln!(self.out, "  {first}{line}"),
                _ => writeln!(self.out, "{:indent$}{line}", ""),
            };
        }
    }

    fn more(&mut self, left_out: usize) {
        if left_out > 0 {
            self.item("", &format!("and {left_out} more (--top)"));
        }
    }

    fn finding(&mut self, finding: &Finding) {
        let word = finding.severity.word();
        let on = match finding.severity {
            Severity::Error => "\x1b[1;31m",
            Severity::Warning => "\x1b[1;33m",
            Severity::Note => "\x1b[1m",
        };
        self.out.push('\n');
        let claim = format!("{word}: {} [{}]", finding.claim, finding.code);
        for (number, line) in broken(&claim, self.columns - 2).iter().enumerate() {
            let line = match line.strip_prefix(word).filter(|_| number == 0) {
                Some(rest) => format!("{}{rest}", self.painted(on, word)),
                None => format!("  {line}"),
            };
            let _ = writeln!(self.out, "{line}");
        }
        self.item("about: ", &finding.subject);
        for evidence in &finding.evidence {
            let text = format!("{} = {} ({})", evidence.what, evidence.value, evidence.place);
            self.item("evidence: ", &text);
        }
        if !finding.hint.is_empty() {
            self.item("hint: ", &finding.hint);
        }
    }

    fn painted(&self, on: &str, text: &str) -> String {
        match self.paint {
            Paint::Plain => text.to_owned(),
            Paint::Ansi => format!("{on}{text}\x1b[0m"),
        }
    }
}

fn action(outlook: &Outlook) -> String {
    let nobody = outlook.victims.is_empty();
    match (outlook.action, &outlook.cgroup, nobody) {
        (Action::Wait, ..) => "at the limit nobody is killed: who asks for memory waits; were it \
                               otherwise, in this order"
            .to_owned(),
        (Action::Panic, ..) => "when it runs out, the machine stops (vm.panic_on_oom); were it \
                                otherwise, in this order"
            .to_owned(),
        (Action::KillAsker, ..) => "when it runs out, whoever asks is killed \
                                    (vm.oom_kill_allocating_task); else in this order"
            .to_owned(),
        (Action::Kill, None, true) => "when it runs out, nobody can be killed: panic".to_owned(),
        (Action::Kill, Some(_), true) => "at the limit nobody can be killed".to_owned(),
        (Action::Kill, None, false) => "when it runs out, killed in this order".to_owned(),
        (Action::Kill, Some(_), false) => "at the limit, killed in this order".to_owned(),
    }
}

#[cfg(test)]
mod tests;
