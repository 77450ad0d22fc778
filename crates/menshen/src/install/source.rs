//! The way from source: options to an order, the order carried out, failures with their log.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread::available_parallelism;

use menshen_install::child::shown;
use menshen_install::fetch::Proxies;
use menshen_install::hint::hint;
use menshen_install::package::build_plan;
use menshen_install::recipe::Source;
use menshen_install::source::{Checksum, Order, Place, SignatureOrder, SourceError, log_end};
use menshen_install::words::{is_sha256, is_version};

use super::failure::{Failure, of_package, of_source};
use super::show::Shower;
use super::{Job, package};
use crate::cli::{ProgramArguments, SourceArguments};
use crate::{EXIT_CONFIG, EXIT_PERMANENT};

/// Builds, places and checks.
pub(super) fn install(
    arguments: &ProgramArguments,
    job: &Job,
    shower: &mut Shower,
) -> Result<ExitCode, Failure> {
    let order = order(arguments, job)?;
    let recipe = &job.recipe.recipe;
    let packages = build_plan(recipe, &job.host, &job.features);
    if arguments.dry_run {
        let commands = packages.as_ref().map(|plan| &plan.commands[..]).unwrap_or_default();
        show_plan(&order, commands, arguments.source.build_packages, shower);
        return Ok(ExitCode::SUCCESS);
    }
    if arguments.source.build_packages {
        let plan = packages.as_ref().map_err(of_package)?;
        package::run(plan, arguments, job, shower)?;
    }
    let installed = menshen_install::source::install(&order, shower, &job.stop);
    let installed = installed.map_err(|error| told(&error, &order, job))?;
    let (program, files) = (installed.program.display(), installed.manifest.files.len());
    let text = format!(
        "installed {} {}: {program}\n{files} files in {}; \
         `menshen install --remove {} --prefix {}` removes them",
        recipe.name,
        order.version,
        order.prefix.display(),
        recipe.name,
        order.prefix.display(),
    );
    let json = serde_json::json!({
        "event": "installed", "name": recipe.name, "version": order.version,
        "program": installed.program, "prefix": order.prefix, "files": files,
        "steps_done_before": installed.resumed, "log": order.folder().join("log.txt"),
    });
    shower.result(&text, &json);
    Ok(ExitCode::SUCCESS)
}

fn order(arguments: &ProgramArguments, job: &Job) -> Result<Order, Failure> {
    let usage = |text: String| Failure::new(EXIT_CONFIG, text);
    let name = &job.recipe.recipe.name;
    let Some(source) = &job.recipe.recipe.source else {
        let text = format!("the recipe of {name} has no source");
        return Err(usage(text).hint("--from package, or a recipe of your own by --recipe."));
    };
    let version = arguments.version.clone().unwrap_or_else(|| source.version.clone());
    if !is_version(&version) {
        return Err(usage(format!("{version:?} is no version")));
    }
    let options = &arguments.source;
    let archive = match (&options.file, &options.url) {
        (Some(file), _) => Place::File(absolute(file)?),
        (None, Some(url)) => Place::Url(url.clone()),
        (None, None) => Place::Url(source.url(&version)),
    };
    let processors = available_parallelism().map_or(1, std::num::NonZero::get);
    Ok(Order {
        checksum: checksum(options, source, &version)?,
        signature: signature(options, source, &version)?,
        recipe: job.recipe.clone(),
        version,
        prefix: prefix(options)?,
        base: absolute(&job.base)?,
        jobs: options.jobs.unwrap_or_else(|| u32::try_from(processors).unwrap_or(1)),
        features: job.features.clone(),
        archive,
        proxies: Proxies::from_environment(),
    })
}

fn checksum(
    options: &SourceArguments,
    source: &Source,
    version: &str,
) -> Result<Checksum, Failure> {
    if options.no_checksum {
        return Ok(Checksum::Anything);
    }
    let known = options.sha256.as_ref().or_else(|| source.sha256.get(version));
    let Some(sum) = known else {
        let text = format!("the recipe has no checksum of version {version}");
        return Err(Failure::new(EXIT_CONFIG, text).hint(
            "Give the one its project publishes by --sha256; --no-checksum takes any archive.",
        ));
    };
    if !is_sha256(sum) {
        return Err(Failure::new(EXIT_CONFIG, "--sha256: a SHA-256 has 64 hexadecimal digits"));
    }
    Ok(Checksum::Sha256(sum.clone()))
}

fn signature(
    options: &SourceArguments,
    source: &Source,
    version: &str,
) -> Result<Option<SignatureOrder>, Failure> {
    let Some(keyring) = &options.keyring else { return Ok(None) };
    let own = source.signature.as_ref();
    let place = match (&options.signature, own) {
        (Some(text), _) if text.contains("://") => Place::Url(text.clone()),
        (Some(text), _) => Place::File(absolute(Path::new(text))?),
        (None, Some(own)) => Place::Url(own.url.replace("{version}", version)),
        (None, None) => {
            let text = "the recipe does not say where the signature is";
            return Err(Failure::new(EXIT_CONFIG, text).hint("Name it by --signature."));
        }
    };
    let of = own.map(|own| own.of).unwrap_or_default();
    Ok(Some(SignatureOrder { place, keyring: absolute(keyring)?, of }))
}

/// Where to install.
pub(super) fn prefix(options: &SourceArguments) -> Result<PathBuf, Failure> {
    let usage = |text: String| Failure::new(EXIT_CONFIG, text);
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local"));
    let prefix = match &options.prefix {
        Some(prefix) => absolute(prefix)?,
        None if rustix::process::geteuid().is_root() => PathBuf::from("/usr/local"),
        None => home().ok_or_else(|| usage("--prefix is needed: HOME is not set".into()))?,
    };
    // Makefiles and configure scripts take it apart at blanks.
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._+-@~".contains(c);
    let text = prefix.to_str().unwrap_or(" ");
    let climbs = prefix.components().any(|one| one == std::path::Component::ParentDir);
    if !text.chars().all(plain) || climbs || prefix.parent().is_none() {
        let shown = prefix.display().to_string();
        let text = format!("--prefix: {shown:?} is none a build can have");
        return Err(usage(text).hint("A folder of letters, digits, and any of . _ + - @ ~"));
    }
    // Without `.` and double slashes, as `DESTDIR` puts it together.
    Ok(prefix.components().collect())
}

fn show_plan(order: &Order, packages: &[Vec<String>], wanted: bool, shower: &mut Shower) {
    let mut text = String::new();
    let needs = if wanted { "first" } else { "needs (--build-packages runs it)" };
    for words in packages {
        let _ = writeln!(text, "{needs}: {}", shown(words));
    }
    let archive = match &order.archive {
        Place::File(file) => file.display().to_string(),
        Place::Url(url) => url.clone(),
    };
    let checksum = match &order.checksum {
        Checksum::Sha256(sum) => format!("SHA-256 {}", sum.to_ascii_lowercase()),
        Checksum::Anything => "NOT CHECKED".to_owned(),
    };
    let _ = writeln!(text, "archive: {archive}\nchecksum: {checksum}");
    let _ = writeln!(text, "work: {}", order.folder().display());
    for words in order.commands() {
        let _ = writeln!(text, "run: {}", shown(&words));
    }
    let _ = write!(text, "place: into {}", order.prefix.display());
    let missing = order.missing();
    if !missing.is_empty() {
        let _ = write!(text, "\nmissing: {}", missing.join(", "));
    }
    let json = serde_json::json!({
        "event": "plan", "way": "source", "archive": archive, "checksum": checksum,
        "work": order.folder(), "packages": packages, "commands": order.commands(),
        "steps": order.steps(), "prefix": order.prefix, "missing": missing,
    });
    shower.result(&text, &json);
}

/// A failure with the end of the log, and a guess at what is missing.
fn told(error: &SourceError, order: &Order, job: &Job) -> Failure {
    let log = order.folder().join("log.txt");
    let failure = of_source(error);
    match error {
        SourceError::Needs(_) => {
            let plan = build_plan(&job.recipe.recipe, &job.host, &job.features);
            let command = plan.ok().and_then(|plan| plan.commands.last().map(|words| shown(words)));
            let command = command.map(|command| format!(" That runs: {command}"));
            let hint = "--build-packages installs what a build needs first.".to_owned();
            failure.hint(hint + &command.unwrap_or_default())
        }
        SourceError::Check(_) => {
            let (name, prefix) = (&job.recipe.recipe.name, order.prefix.display());
            let undo = format!("`menshen install --remove {name} --prefix {prefix}` takes it out.");
            failure.hint(undo).log(&log)
        }
        SourceError::Step { .. } => {
            let end = log_end(&log);
            let lines = end.lines().rev().filter(|line| !line.trim().is_empty()).take(LINES_TOLD);
            let lines: Vec<&str> = lines.collect();
            let told = lines.into_iter().rev().fold(failure, |failure, line| failure.detail(line));
            let guess = hint(&end, job.host.manager, order.jobs);
            let again = "The same command goes on from there.";
            told.hint(guess.map_or_else(|| again.to_owned(), |text| format!("{text}  {again}")))
                .log(&log)
        }
        SourceError::Stopped(_) | SourceError::Start(..) => failure.log(&log),
        _ => failure,
    }
}

fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(path).map_err(|error| {
        Failure::new(EXIT_PERMANENT, "the current folder is not known").detail(error.to_string())
    })
}

const LINES_TOLD: usize = 12;

#[cfg(test)]
mod tests {
    //! Prefixes that builds can have.
    use super::*;

    fn prefix_of(text: &str) -> Result<PathBuf, Failure> {
        prefix(&SourceArguments {
            prefix: Some(text.into()),
            file: None,
            url: None,
            sha256: None,
            no_checksum: false,
            keyring: None,
            signature: None,
            build_packages: false,
            jobs: None,
            work: None,
        })
    }

    #[test]
    fn a_prefix_is_plain_and_not_the_root() {
        assert_eq!(prefix_of("/opt//git/./").unwrap(), Path::new("/opt/git"));
        assert!(prefix_of("relative").unwrap().is_absolute());
        for bad in ["/", "/opt/a b", "/opt/$x", "/opt/../etc", "/opt/ä"] {
            assert_eq!(prefix_of(bad).unwrap_err().code, EXIT_CONFIG, "{bad}");
        }
    }
}
