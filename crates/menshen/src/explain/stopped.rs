//! `menshen explain stopped`: a number or a name, each process of it explained.

use std::process::ExitCode;

use menshen_base::Finding;
use menshen_explain::process::stopped::{look, named};
use menshen_explain_core::stopped::{Facts, finding, shown};
use serde::Serialize;

use super::text::finding_text;
use crate::cli::StoppedArguments;
use crate::{EXIT_CONFIG, EXIT_NO, out};

/// Looks, and prints what was seen.
pub(crate) fn run(arguments: &StoppedArguments) -> ExitCode {
    let pids = match arguments.what.parse() {
        Ok(pid) => vec![pid],
        Err(_) => named(&arguments.what).unwrap_or_default(),
    };
    // One of many may have ended meanwhile.
    let seen = pids.into_iter().filter_map(|pid| look(pid).ok());
    let processes: Vec<Row> = seen.map(Row::new).collect();
    if processes.is_empty() {
        let what = shown(&arguments.what);
        out::complain(&format!(
            "menshen: there is no process {what}\n  hint: a number, or a name as `ps -e` shows it"
        ));
        return ExitCode::from(EXIT_CONFIG);
    }
    let stopped = processes.iter().any(|row| row.facts.is_stopped());
    let text = if arguments.json {
        // Strings and numbers only: nothing in it can fail to become JSON.
        serde_json::to_string_pretty(&Answer { stopped, processes }).unwrap_or_default() + "\n"
    } else {
        text(&processes)
    };
    out::print(&text, if stopped { EXIT_NO } else { 0 })
}

#[derive(Serialize)]
struct Answer {
    stopped: bool,
    processes: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    #[serde(flatten)]
    facts: Facts,
    finding: Finding,
}

impl Row {
    fn new(facts: Facts) -> Self {
        Self { finding: finding(&facts), facts }
    }
}

fn text(processes: &[Row]) -> String {
    let mut out = String::new();
    for row in processes {
        // What is said begins with a verb: the process stands before it.
        let mut finding = row.finding.clone();
        finding.claim = format!("{} {}", finding.subject, finding.claim);
        finding_text(&finding, out::stdout_colour(), &mut out);
    }
    out::folded(out.trim_start())
}
