//! `menshen run`: options to a plan, and what became of it as an exit code.

use std::error::Error;
use std::io::{IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use menshen_guard_core::supervise::RestartRule;
use menshen_run::plan::{Input, Look, PROCESSES_MAX, Plan, Stamps, Streams, name_of};
use menshen_run::record::{RunView, folder, list};

use crate::cli::{RestartWord, RunArguments};
use crate::status::runs;
use crate::{EXIT_NO, EXIT_PERMANENT, out};

/// `menshen run`.
pub(crate) fn run(arguments: RunArguments) -> ExitCode {
    let folder = arguments.runs.clone().unwrap_or_else(folder);
    if arguments.list {
        return runs::answer(&folder, arguments.json);
    }
    if let Some(name) = &arguments.last {
        return last(&folder, name);
    }
    let Some(plan) = plan(arguments, folder) else { return ExitCode::from(crate::EXIT_CONFIG) };
    match menshen_run::run(&plan) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            let detail = error.source().map(|source| format!("\n  detail: {source}"));
            out::complain(&format!("menshen: {error}{}", detail.unwrap_or_default()));
            ExitCode::from(error.exit_code())
        }
    }
}

fn plan(arguments: RunArguments, runs: std::path::PathBuf) -> Option<Plan> {
    let mut words = arguments.command.into_iter();
    let program = words.next()?;
    let look = match (arguments.no_look, arguments.look_exit) {
        (true, _) => Look::Never,
        (false, true) => Look::UntilExit,
        (false, false) => Look::WhileSilent,
    };
    let limited = arguments.memory_max.map(|_| PROCESSES_MAX);
    Some(Plan {
        name: arguments.name.unwrap_or_else(|| name_of(&program)),
        program,
        arguments: words.collect(),
        restart: match arguments.restart {
            RestartWord::Always => RestartRule::Always,
            RestartWord::OnFailure => RestartRule::OnFailure,
            RestartWord::Never => RestartRule::Never,
        },
        give_up: arguments.give_up.0,
        patience: Duration::from_secs(arguments.patience.into()),
        streams: if arguments.pipe { Streams::Pipes } else { Streams::Terminal },
        input: if arguments.stdin { Input::Passed } else { Input::Empty },
        stamps: if arguments.no_timestamps { Stamps::Plain } else { Stamps::Shown },
        log: arguments.log,
        protect: arguments.protect,
        memory_max: arguments.memory_max,
        processes_max: arguments.processes_max.or(limited),
        look,
        runs,
    })
}

/// Prints the last words of the newest run of that name: the bytes, but nothing that steers a
/// terminal.
fn last(folder: &Path, name: &str) -> ExitCode {
    let words = match list(folder).map(|runs| runs.into_iter().find(|run| is_meant(run, name))) {
        Ok(Some(run)) => run.last_words(),
        Ok(None) => {
            out::complain(&format!(
                "menshen: no run is called {name}\n  hint: menshen run --list shows all"
            ));
            return ExitCode::from(EXIT_NO);
        }
        Err(error) => Err(error),
    };
    let words = match words {
        Ok(words) => words,
        Err(error) => {
            out::complain(&format!("menshen: the runs cannot be read\n  detail: {error}"));
            return ExitCode::from(EXIT_PERMANENT);
        }
    };
    let mut stdout = std::io::stdout().lock();
    let shown = if stdout.is_terminal() { runs::escaped(&words) } else { words };
    // A reader that went away ends this quietly.
    let _ = stdout.write_all(&shown).and_then(|()| stdout.flush());
    ExitCode::SUCCESS
}

fn is_meant(run: &RunView, name: &str) -> bool {
    let pids = [Some(run.facts.supervisor_pid), run.facts.pid];
    run.facts.name == name || pids.into_iter().flatten().any(|pid| pid.to_string() == name)
}
