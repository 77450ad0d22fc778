//! `menshen check`: all that is wrong with a configuration file, as text or JSON.

use std::io::Read;
use std::path::Path;
use std::process::ExitCode;

use menshen_base::Severity;
use menshen_config::{Problem, TEXT_BYTES_MAX, check};
use serde::Serialize;

use menshen_guard::default_file;

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
    let worst = checked.problems.iter().map(|problem| problem.severity).max();
    let code = match worst {
        Some(Severity::Error) => EXIT_CONFIG,
        Some(Severity::Warning) => EXIT_NO,
        Some(Severity::Note) | None => 0,
    };
    let text = if arguments.json {
        let problems = checked.problems.iter().map(row).collect();
        json(&Report { file: Some(&name), problems })
    } else if checked.problems.is_empty() {
        format!("{name}: fine\n")
    } else {
        checked.report
    };
    out::print(&text, code)
}

fn row(problem: &Problem) -> Row<'_> {
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
