//! `menshen install`: options to a plan, the plan shown or carried out.
//!
//! What is done is in `menshen-install`; which way fits a host is decided where
//! `menshen explain install` decides it.

use std::path::PathBuf;
use std::process::ExitCode;

use menshen_explain::install::look;
use menshen_explain_core::install::{Report, Way};
use menshen_install::host::Host;
use menshen_install::probe::wanted;
use menshen_install::recipe::load::{FOLDER, Loaded};
use menshen_install::stop::Stop;
use menshen_install::work::default_base;

use self::failure::Failure;
use self::show::Shower;
use crate::cli::{FromWord, ProgramArguments};
use crate::{EXIT_CONFIG, EXIT_PERMANENT, out};

mod failure;
mod list;
mod package;
pub(crate) mod recipe;
mod remove;
mod show;
mod source;

/// `menshen install`.
pub(crate) fn run(arguments: &ProgramArguments) -> ExitCode {
    let mut shower = Shower::new(arguments.json);
    match act(arguments, &mut shower) {
        Ok(code) => code,
        Err(failure) => {
            shower.end_line();
            if arguments.json {
                shower.json(&failure.json());
                return ExitCode::from(failure.code);
            }
            failure.complain()
        }
    }
}

fn act(arguments: &ProgramArguments, shower: &mut Shower) -> Result<ExitCode, Failure> {
    let file = arguments.recipe.as_deref();
    if arguments.instead.list {
        return list::list(file, arguments.json);
    }
    let name = arguments.name.as_deref().unwrap_or_default();
    if arguments.instead.remove {
        // Without the recipe: it may be gone by then.
        return remove::remove(name, &source::prefix(&arguments.source)?, shower);
    }
    let recipe = recipe::find(name, file)?;
    if arguments.instead.show {
        return Ok(out::print(&recipe.text, 0));
    }
    let usage = |text| Failure::new(EXIT_CONFIG, text);
    let features = wanted(&recipe.recipe, &arguments.with, &arguments.without).map_err(usage)?;
    let job = Job {
        recipe,
        features,
        host: Host::look(),
        base: arguments.source.work.clone().unwrap_or_else(default_base),
        stop: Stop::on_signals()
            .map_err(|error| Failure::new(EXIT_PERMANENT, format!("no signals: {error}")))?,
    };
    match choose(arguments, &job, shower)? {
        None => Ok(ExitCode::SUCCESS),
        Some(FromWord::Package) => package::install(arguments, &job, shower),
        Some(FromWord::Source) => source::install(arguments, &job, shower),
    }
}

/// What all ways need.
struct Job {
    recipe: Loaded,
    features: Vec<String>,
    host: Host,
    base: PathBuf,
    stop: Stop,
}

/// The way; none where it is here and does all that is wanted.
fn choose(
    arguments: &ProgramArguments,
    job: &Job,
    shower: &mut Shower,
) -> Result<Option<FromWord>, Failure> {
    if let Some(way) = arguments.from {
        return Ok(Some(way));
    }
    if arguments.source.meant() {
        return Ok(Some(FromWord::Source));
    }
    let report = Report::new(look(&job.recipe.recipe, &job.host, None));
    let lacks = report
        .facts
        .features
        .iter()
        .any(|one| one.works == Some(false) && arguments.with.contains(&one.name));
    let way = match report.way {
        Way::Here if !lacks && arguments.version.is_none() => None,
        Way::Here if report.facts.package.names.is_empty() => Some(FromWord::Source),
        Way::Here | Way::Package => Some(FromWord::Package),
        Way::Source => Some(FromWord::Source),
        Way::None => {
            let text = format!("there is no way to install {}", job.recipe.recipe.name);
            return Err(Failure::new(EXIT_PERMANENT, text).detail(report.reason));
        }
    };
    match (way, &report.facts.here) {
        (None, Some(here)) => {
            shower.result(
                &format!("{} {} is here: {}", report.facts.name, here.version, here.program),
                &serde_json::json!({
                    "event": "here", "program": here.program, "version": here.version,
                }),
            );
        }
        _ => shower.say(&format!("way: {}", report.reason)),
    }
    Ok(way)
}

/// Where recipes of administrators are.
fn recipes() -> PathBuf {
    PathBuf::from(FOLDER)
}
