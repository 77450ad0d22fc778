//! `menshen check`: all that is wrong with a configuration file, as text or JSON.

use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::ExitCode;

use menshen_base::{Finding, Severity};
use menshen_config::{Colour, TEXT_BYTES_MAX, check};
use rustix::fs::OFlags;
use serde::Serialize;

use menshen_guard::{Source, default_file, finding_text, load, survey};
use menshen_tunnel::server::users::{FILE_OCTETS_MAX, Problem, Users, parse as parse_users};

use crate::cli::CheckArguments;
use crate::{EXIT_CONFIG, EXIT_NO, out};

/// What `--json` prints; field names stay as they are.
#[derive(Serialize)]
struct Report<'a> {
    file: Option<&'a str>,
    problems: Vec<Row<'a>>,
}

#[derive(Serialize)]
struct Row<'a> {
    code: &'static str,
    severity: Severity,
    line: usize,
    column: usize,
    key: &'a str,
    message: &'a str,
    hint: &'a str,
}

pub(crate) fn run(arguments: &CheckArguments) -> ExitCode {
    let Some(path) = arguments.file.clone().or_else(default_file) else {
        let text = if arguments.json {
            json(&Report { file: None, problems: Vec::new() })
        } else {
            "no configuration file: fine, everything has a default\n".to_owned()
        };
        return out::print(&text, 0);
    };
    let name = path.display().to_string();
    let bytes = match read(&path) {
        Ok(bytes) => bytes,
        Err(error) => {
            out::complain(&format!("menshen: could not read {name}\n  detail: {error}"));
            return ExitCode::from(EXIT_CONFIG);
        }
    };
    let colour = out::stdout_colour();
    let checked = check(&bytes, &name, colour);
    let found = surroundings(&path, checked.config.is_some());
    let worst = checked.problems.iter().map(|problem| problem.severity);
    let worst = worst.chain(found.iter().map(|finding| finding.severity)).max();
    let code = match worst {
        Some(Severity::Error) => EXIT_CONFIG,
        Some(Severity::Warning) => EXIT_NO,
        Some(Severity::Note) | None => 0,
    };
    let text = if arguments.json {
        let problems = checked.problems.iter().map(row).chain(found.iter().map(found_row));
        let problems = problems.collect();
        json(&Report { file: Some(&name), problems })
    } else if worst.is_none() {
        format!("{name}: fine\n")
    } else {
        let report = (!checked.report.is_empty()).then(|| checked.report.clone());
        let found = found.iter().map(|finding| finding_text(finding) + "\n");
        report.into_iter().chain(found).collect::<Vec<_>>().join("\n")
    };
    out::print(&text, code)
}

fn row(problem: &menshen_config::Problem) -> Row<'_> {
    Row {
        code: problem.code,
        severity: problem.severity,
        line: problem.line,
        column: problem.column,
        key: &problem.key,
        message: &problem.message,
        hint: &problem.hint,
    }
}

/// What the file alone does not show: folders, programs and sockets that it names.
fn surroundings(path: &Path, readable: bool) -> Vec<Finding> {
    if !readable {
        return Vec::new();
    }
    let source = Source { file: Some(path.to_owned()), ..Source::default() };
    let Ok(settings) = load(&source, Colour::Plain) else { return Vec::new() };
    let mut found = survey(&settings.config);
    found.extend(settings.config.tunnel.users.as_deref().and_then(users));
    found
}

/// What is wrong in the file of users of the tunnel door, as its worker would read it; never what a
/// line says. That it cannot be read is found elsewhere.
fn users(path: &Path) -> Option<Finding> {
    let subject = path.display().to_string();
    match users_of(path).ok()? {
        Err(problem) => Some(
            Finding::new("tunnel-users-wrong", Severity::Error, subject, problem.to_string()).hint(
                "lines are name:nthash or name:nthash:address, as `menshen tunnel user` prints",
            ),
        ),
        Ok(users) if users.is_empty() => {
            let claim = "it is empty: nobody may come in";
            let finding = Finding::new("tunnel-users-none", Severity::Warning, subject, claim);
            Some(finding.hint("`menshen tunnel user NAME >> FILE` adds a user"))
        }
        Ok(_) => None,
    }
}

/// A file of users, as the worker of the tunnel door would read it.
pub(crate) fn users_of(path: &Path) -> std::io::Result<Result<Users, Problem>> {
    // Nobody who opens a pipe is waited for.
    let nonblocking = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or(0);
    let file = std::fs::File::options().read(true).custom_flags(nonblocking).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(std::io::ErrorKind::InvalidInput.into());
    }
    let mut octets = Vec::new();
    file.take(FILE_OCTETS_MAX as u64 + 1).read_to_end(&mut octets)?;
    Ok(parse_users(&octets))
}

/// A finding has no place in the file: line and column 0.
fn found_row(finding: &Finding) -> Row<'_> {
    Row {
        code: finding.code,
        severity: finding.severity,
        line: 0,
        column: 0,
        key: &finding.subject,
        message: &finding.claim,
        hint: &finding.hint,
    }
}

fn json(report: &Report<'_>) -> String {
    // Strings and numbers only: nothing in it can fail to become JSON.
    serde_json::to_string_pretty(report).unwrap_or_default() + "\n"
}

/// The file, or as much of it as shows that it is too long.
fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let room = TEXT_BYTES_MAX as u64 + 1;
    std::fs::File::open(path)?.take(room).read_to_end(&mut bytes)?;
    Ok(bytes)
}
