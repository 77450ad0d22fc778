//! What goes on, as it is shown: one line on a terminal, plain lines elsewhere, JSON for programs.
//!
//! Lines of a build are foreign; they are made fit for a terminal. Progress goes to standard error,
//! results and JSON to standard output.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use menshen_explain_core::stopped::shown;
use menshen_install::show::{Event, Show};

use crate::out;

/// Shows events.
#[derive(Debug)]
pub(super) struct Shower {
    form: Form,
    step: String,
    line: String,
    amount: String,
    since: Instant,
    painted: Option<Instant>,
    told: Option<Instant>,
    open: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Terminal,
    Plain,
    Json,
}

impl Shower {
    pub(super) fn new(json: bool) -> Self {
        let form = match (json, std::io::stderr().is_terminal()) {
            (true, _) => Form::Json,
            (false, true) => Form::Terminal,
            (false, false) => Form::Plain,
        };
        Self {
            form,
            step: String::new(),
            line: String::new(),
            amount: String::new(),
            since: Instant::now(),
            painted: None,
            told: None,
            open: false,
        }
    }

    /// One event for programs.
    pub(super) fn json(&self, value: &serde_json::Value) {
        let _ = out::print(&format!("{value}\n"), 0);
    }

    /// Something beside the progress.
    pub(super) fn say(&mut self, text: &str) {
        self.end_line();
        match self.form {
            Form::Json => self.json(&serde_json::json!({"event": "note", "text": text})),
            _ => out::complain(&shown_lines(text)),
        }
    }

    /// What came of it.
    pub(super) fn result(&mut self, text: &str, json: &serde_json::Value) {
        self.end_line();
        match self.form {
            Form::Json => self.json(json),
            _ => {
                let _ = out::print(&(shown_lines(text) + "\n"), 0);
            }
        }
    }

    /// The terminal's line is left as it is.
    pub(super) fn end_line(&mut self) {
        if std::mem::take(&mut self.open) {
            // Nobody is left to be shown it.
            let _ = writeln!(std::io::stderr());
        }
    }

    fn paint(&mut self, now: Instant) {
        if self.painted.is_some_and(|last| now.duration_since(last) < PAINT) {
            return;
        }
        self.painted = Some(now);
        self.open = true;
        let columns = terminal_columns();
        let line = progress(&self.step, self.since.elapsed(), &self.amount, &self.line);
        let cut: String = line.chars().take(columns.saturating_sub(1)).collect();
        let mut terminal = std::io::stderr().lock();
        // Nobody is left to be shown it.
        let _ = write!(terminal, "\r\x1b[K{cut}").and_then(|()| terminal.flush());
    }

    fn begin(&mut self, text: String) {
        self.end_line();
        self.step = text;
        self.line.clear();
        self.amount.clear();
        self.since = Instant::now();
        self.painted = None;
        self.told = Some(self.since);
        if self.form == Form::Plain {
            out::complain(&self.step);
        }
    }

    /// Where nobody sees a line change, a sign of life from time to time.
    fn tell(&mut self, now: Instant) {
        if self.told.is_none_or(|last| now.duration_since(last) >= TELL) {
            self.told = Some(now);
            out::complain(&progress(&self.step, self.since.elapsed(), &self.amount, &self.line));
        }
    }
}

impl Show for Shower {
    fn event(&mut self, event: Event<'_>) {
        if self.form == Form::Json {
            if let Some(value) = value(event) {
                self.json(&value);
            }
            return;
        }
        match event {
            Event::Step { number, total, name } => {
                self.begin(format!("step {number} of {total}: {}", shown(name)));
            }
            Event::Done { number, total, name } => {
                self.end_line();
                out::complain(&format!("step {number} of {total}: {} (done before)", shown(name)));
                return;
            }
            Event::Line(line) => self.line = shown(line),
            Event::Amount { unit, done, total } => self.amount = amount(unit, done, total),
            Event::Tick => {}
            Event::Note(text) => return self.say(&format!("note: {text}")),
            Event::Warning(text) => return self.say(&format!("WARNING: {text}")),
        }
        let now = Instant::now();
        match self.form {
            Form::Terminal => self.paint(now),
            Form::Plain => self.tell(now),
            Form::Json => {}
        }
    }
}

/// For programs: ticks say nothing, and lines are in the log.
fn value(event: Event<'_>) -> Option<serde_json::Value> {
    Some(match event {
        Event::Step { number, total, name } => serde_json::json!({
            "event": "step", "number": number, "total": total, "name": name,
        }),
        Event::Done { number, total, name } => serde_json::json!({
            "event": "done_before", "number": number, "total": total, "name": name,
        }),
        Event::Note(text) => serde_json::json!({"event": "note", "text": text}),
        Event::Warning(text) => serde_json::json!({"event": "warning", "text": text}),
        Event::Line(_) | Event::Amount { .. } | Event::Tick => return None,
    })
}

fn progress(step: &str, elapsed: Duration, amount: &str, line: &str) -> String {
    let seconds = elapsed.as_secs();
    let mut text = format!("{step}  {}:{:02}", seconds / 60, seconds % 60);
    for part in [amount, line].into_iter().filter(|part| !part.is_empty()) {
        text.push_str("  ");
        text.push_str(part);
    }
    text
}

fn amount(unit: &str, done: u64, total: Option<u64>) -> String {
    match (unit, total) {
        ("bytes", Some(total)) => format!("{} of {} KiB", done >> 10, total >> 10),
        ("bytes", None) => format!("{} KiB", done >> 10),
        (_, Some(total)) => format!("{done} of {total} {unit}"),
        (_, None) => format!("{done} {unit}"),
    }
}

fn shown_lines(text: &str) -> String {
    text.lines().map(shown).collect::<Vec<_>>().join("\n")
}

fn terminal_columns() -> usize {
    let size = rustix::termios::tcgetwinsize(std::io::stderr());
    size.ok().map(|size| usize::from(size.ws_col)).filter(|columns| *columns != 0).unwrap_or(80)
}

const PAINT: Duration = Duration::from_millis(100);
const TELL: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    //! The words of progress.
    use super::*;

    #[test]
    fn progress_has_step_time_and_last_line() {
        let time = Duration::from_secs(83);
        assert_eq!(
            progress("step 3 of 8: build", time, "", "CC x.o"),
            "step 3 of 8: build  1:23  CC x.o"
        );
        assert_eq!(amount("bytes", 2048, Some(4096)), "2 of 4 KiB");
        assert_eq!(amount("files", 3, None), "3 files");
        assert_eq!(shown_lines("a\u{1b}[2J\nb"), "a\\u{1b}[2J\nb");
    }

    #[test]
    fn programs_hear_of_steps_and_not_of_lines() {
        let step = Event::Step { number: 1, total: 2, name: "fetch" };
        assert_eq!(value(step).unwrap()["name"], "fetch");
        assert_eq!(value(Event::Line("x")), None);
    }
}
