//! `menshen explain silence`: a command that is started to be watched, or a process that runs.

use std::fmt::Write;
use std::io::ErrorKind;
use std::process::{Command, ExitCode};
use std::time::Duration;

use menshen_explain::process::silence::{Output, Seen, look, watch};
use menshen_explain_core::silence::{Facts, excerpt};
use menshen_explain_core::stopped::shown;
use serde::Serialize;

use super::text::finding_text;
use crate::cli::SilenceArguments;
use crate::{EXIT_CONFIG, EXIT_NO, EXIT_PERMANENT, out};

/// Looks, and prints what was seen.
pub(crate) fn run(arguments: &SilenceArguments) -> ExitCode {
    let runs = match answer(arguments) {
        Ok(runs) => runs,
        Err((text, code)) => {
            out::complain(&text);
            return ExitCode::from(code);
        }
    };
    let good = runs.iter().all(Seen::good);
    let text = if arguments.json {
        // Strings and numbers only: nothing in it can fail to become JSON.
        serde_json::to_string_pretty(&Answer { good, runs: &runs }).unwrap_or_default() + "\n"
    } else {
        out::folded(&runs.iter().map(text).collect::<Vec<_>>().join("\n"))
    };
    out::print(&text, if good { 0 } else { EXIT_NO })
}

#[derive(Serialize)]
struct Answer<'a> {
    good: bool,
    runs: &'a [Seen],
}

fn answer(arguments: &SilenceArguments) -> Result<Vec<Seen>, (String, u8)> {
    if let Some(pid) = arguments.pid {
        let time = Duration::from_secs(arguments.seconds.unwrap_or(PID_SECONDS));
        let seen = look(pid, time).map_err(|error| {
            let text = match error.kind() {
                ErrorKind::NotFound => format!("menshen: there is no process {pid}"),
                _ => format!("menshen: could not look at process {pid}\n  detail: {error}"),
            };
            (text, EXIT_CONFIG)
        });
        return Ok(vec![seen?]);
    }
    let Some((program, rest)) = arguments.command.split_first() else {
        return Err(("menshen: no command is named\n  hint: see --help".into(), EXIT_CONFIG));
    };
    let time = Duration::from_secs(arguments.seconds.unwrap_or(COMMAND_SECONDS));
    let outputs: &[Output] =
        if arguments.pty { &[Output::Pipe, Output::Terminal] } else { &[Output::Pipe] };
    let one = |output: &Output| {
        let mut command = Command::new(program);
        command.args(rest);
        watch(command, *output, time).map_err(|error| {
            let program = shown(&program.to_string_lossy());
            (format!("menshen: could not start {program}\n  detail: {error}"), EXIT_PERMANENT)
        })
    };
    outputs.iter().map(one).collect()
}

fn text(seen: &Seen) -> String {
    let mut text = String::new();
    if seen.output != "its own" {
        output(seen, &mut text);
    }
    for process in &seen.processes {
        process_text(process, &mut text);
    }
    for finding in &seen.findings {
        finding_text(finding, out::stdout_colour(), &mut text);
    }
    if seen.findings.is_empty() {
        let _ = writeln!(text, "\nnothing was held back that could be read");
    }
    text
}

/// The command's own words, each line marked as such.
fn output(seen: &Seen, text: &mut String) {
    let _ = writeln!(text, "output     {} bytes on a {}", seen.arrived_bytes, seen.output);
    for arrived in &seen.arrived {
        let after = Duration::from_millis(arrived.after_ms).as_secs_f64();
        let _ = writeln!(text, "{after:>8.3} s {:<6} | {}", arrived.stream, piece(&arrived.text));
    }
    let end = match seen.ended.iter().find(|ended| !ended.by_us) {
        _ if !seen.ended_by_itself => "it was ended when its time was over".into(),
        Some(ended) => match (ended.code, ended.signal) {
            (Some(code), _) => format!("exit code {code}"),
            (_, Some(signal)) => format!("signal {signal}"),
            _ => "it ended".into(),
        },
        None => "it ended".into(),
    };
    let _ = writeln!(text, "end        {end}");
}

/// Lines of one read, the next ones below the first.
fn piece(text: &str) -> String {
    let lines = text.strip_suffix('\n').unwrap_or(text).split('\n');
    lines.map(shown).collect::<Vec<_>>().join(&format!("\n{}| ", " ".repeat(18)))
}

fn process_text(facts: &Facts, text: &mut String) {
    let _ = writeln!(
        text,
        "process    {} ({}), state {}: {}",
        shown(&facts.name),
        facts.pid,
        facts.state,
        excerpt(&facts.command)
    );
}

const COMMAND_SECONDS: u64 = 5;
const PID_SECONDS: u64 = 1;
