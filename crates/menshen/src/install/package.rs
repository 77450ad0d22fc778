//! The way by packages: the commands shown, agreed to, run; then the program looked at.

use std::io::{BufRead, IsTerminal, Write};
use std::process::ExitCode;

use menshen_install::child::shown;
use menshen_install::package::{self, PackagePlan, log_path};
use menshen_install::probe::{Works, find_program, works};

use super::Job;
use super::failure::{Failure, of_package};
use super::show::Shower;
use crate::cli::ProgramArguments;
use crate::{EXIT_CONFIG, EXIT_NO, EXIT_PERMANENT};

/// Installs packages, and says what is there then.
pub(super) fn install(
    arguments: &ProgramArguments,
    job: &Job,
    shower: &mut Shower,
) -> Result<ExitCode, Failure> {
    let version = arguments.version.as_deref();
    let plan = package::plan(&job.recipe.recipe, &job.host, &job.features, version);
    let plan = plan.map_err(|error| of_package(&error))?;
    if arguments.dry_run {
        shower.result(&lines(&plan), &json(&plan));
        return Ok(ExitCode::SUCCESS);
    }
    run(&plan, arguments, job, shower)?;
    let recipe = &job.recipe.recipe;
    let Some(found) = find_program(&recipe.here) else {
        let text = format!("the packages are installed, but {} is not found", recipe.name);
        return Err(Failure::new(EXIT_NO, text).log(&log_path(&job.base)));
    };
    for feature in job.features.iter().filter_map(|name| recipe.feature(name)) {
        if let Works::No(why) = works(feature, &found.program) {
            let text = format!("the packages are installed, but {} does not work", feature.name);
            return Err(Failure::new(EXIT_NO, text).detail(why).log(&log_path(&job.base)));
        }
    }
    let program = found.program.display();
    shower.result(
        &format!("installed {} {}: {program}", recipe.name, found.version),
        &serde_json::json!({
            "event": "installed", "name": recipe.name, "version": found.version,
            "program": found.program, "packages": plan.packages,
        }),
    );
    Ok(ExitCode::SUCCESS)
}

/// Shows the commands, asks, and runs them.
pub(super) fn run(
    plan: &PackagePlan,
    arguments: &ProgramArguments,
    job: &Job,
    shower: &mut Shower,
) -> Result<(), Failure> {
    shower.say(&lines(plan));
    if !job.host.root {
        let text = "only root can install packages";
        return Err(Failure::new(EXIT_PERMANENT, text)
            .hint("Run the same command with sudo, or the commands above."));
    }
    if !arguments.yes && !agreed(shower)? {
        return Err(Failure::new(EXIT_CONFIG, "nothing was done"));
    }
    let done = package::install(plan, &job.base, shower, &job.stop);
    done.map(drop).map_err(|error| {
        let log = log_path(&job.base);
        let failure = of_package(&error).log(&log);
        let end = menshen_install::source::log_end(&log);
        let last = end.lines().rev().filter(|line| !line.trim().is_empty()).take(LINES_TOLD);
        let last: Vec<&str> = last.collect();
        last.into_iter().rev().fold(failure, |failure, line| failure.detail(line))
    })
}

fn agreed(shower: &mut Shower) -> Result<bool, Failure> {
    let input = std::io::stdin();
    if !input.is_terminal() {
        let text = "nobody is here to be asked";
        return Err(Failure::new(EXIT_CONFIG, text).hint("Say --yes to agree beforehand."));
    }
    shower.end_line();
    let mut terminal = std::io::stderr();
    // Who cannot read the question will not answer it.
    let _ = write!(terminal, "run these commands? [y/N] ").and_then(|()| terminal.flush());
    let mut line = String::new();
    let read = input.lock().read_line(&mut line);
    Ok(read.is_ok() && matches!(line.trim(), "y" | "Y" | "yes"))
}

fn lines(plan: &PackagePlan) -> String {
    plan.commands.iter().map(|words| shown(words)).collect::<Vec<_>>().join("\n")
}

fn json(plan: &PackagePlan) -> serde_json::Value {
    serde_json::json!({"event": "plan", "way": "package", "commands": plan.commands})
}

const LINES_TOLD: usize = 8;
