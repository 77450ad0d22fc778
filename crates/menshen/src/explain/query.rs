//! `menshen explain query`: whether the sql door answers a statement from its cache, and why. The
//! running door is asked; without one the decision table alone is, which knows no tables.

use std::fmt::Write;
use std::io::{ErrorKind, Read};
use std::process::ExitCode;

use menshen_guard::sql_control;
use menshen_sql::report::{
    self, Answer, ChangeReport, ExplainReport, QUESTION_BYTES_MAX, Question, Verdict, Why,
};
use menshen_sql_core::judge::{
    CacheType, Facts, Names, Reason, Relation, Routine, RoutineKind, Table, judge,
};
use menshen_sql_core::lexer::{Charset, Dialect, Mode, Server};
use menshen_sql_core::statement::{self, digest};
use serde::Serialize;

use crate::cli::QueryArguments;
use crate::status::{age, bytes, escape_bytes};
use crate::{EXIT_CONFIG, EXIT_NO, EXIT_PERMANENT, EXIT_RETRY, out, reload};

/// Asks, and prints what was said.
pub(crate) fn run(arguments: &QueryArguments) -> ExitCode {
    let statement = match read(&arguments.statement) {
        Ok(statement) => statement,
        Err(text) => {
            out::complain(&text);
            return ExitCode::from(EXIT_CONFIG);
        }
    };
    let state = match reload::state_of(&arguments.place) {
        Ok(state) => state,
        Err(code) => return code,
    };
    let (asked, report) = match sql_control(&state) {
        Ok(stream) => {
            let database = arguments.database.clone();
            match report::ask(stream, &Question::Explain { statement, database }) {
                Ok(Answer::Explain(report)) => (Asked::Door, *report),
                Ok(Answer::Refused(why)) => return failed(&why, EXIT_PERMANENT),
                Ok(Answer::Status(_)) => {
                    return failed("it answered another question", EXIT_PERMANENT);
                }
                Err(error) => return failed(&error.to_string(), EXIT_RETRY),
            }
        }
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            return failed("only root, or the user who started it, may ask", EXIT_PERMANENT);
        }
        // No guard runs here, or one without a sql door.
        Err(_) => (Asked::DecisionTable, by_the_table(&statement, &arguments.database)),
    };
    let code = if report.verdict == Verdict::NotCached { EXIT_NO } else { 0 };
    let text = if arguments.json {
        // Strings and numbers only: nothing in it can fail to become JSON.
        serde_json::to_string_pretty(&Shown { asked, report }).unwrap_or_default() + "\n"
    } else {
        text(asked, &report)
    };
    out::print(&text, code)
}

/// What `--json` prints; field names stay as they are.
#[derive(Serialize)]
struct Shown {
    asked: Asked,
    #[serde(flatten)]
    report: ExplainReport,
}

/// Who answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Asked {
    /// The running door.
    Door,
    /// Nobody: the statement's text alone decided.
    DecisionTable,
}

fn failed(why: &str, code: u8) -> ExitCode {
    out::complain(&format!("menshen: the sql door could not be asked\n  detail: {why}"));
    ExitCode::from(code)
}

/// The statement, or standard input for `-`.
fn read(argument: &str) -> Result<String, String> {
    let text = if argument == "-" {
        let mut text = Vec::new();
        let room = QUESTION_BYTES_MAX as u64 + 1;
        let taken = std::io::stdin().lock().take(room).read_to_end(&mut text);
        taken.map_err(|error| {
            format!("menshen: could not read standard input\n  detail: {error}")
        })?;
        String::from_utf8(text)
            .map_err(|_| "menshen: the statement is no text in UTF-8".to_owned())?
    } else {
        argument.to_owned()
    };
    // As JSON some characters take six bytes.
    if text.len() > QUESTION_BYTES_MAX / 2 {
        let most = QUESTION_BYTES_MAX / 2;
        return Err(format!("menshen: the statement is longer than {most} bytes"));
    }
    Ok(text)
}

/// What the decision table says of the text alone.
fn by_the_table(text: &str, database: &str) -> ExplainReport {
    let server = Server { dialect: Dialect::Mariadb, version: 0 };
    let mode = Mode {
        ansi_quotes: false,
        no_backslash_escapes: false,
        foreign_grammar: false,
        charset: Charset::Utf8,
        server,
    };
    let statement = statement::read(text.as_bytes(), mode);
    let facts = Facts {
        database: (!database.is_empty()).then_some(database.as_bytes()),
        cache_type: CacheType::On,
        auto_is_null: false,
        temporary: &[],
    };
    let verdict = judge(&statement, &facts, &Nothing);
    let (verdict, why, unknown) = match verdict {
        menshen_sql_core::judge::Verdict::Cacheable(_) => (Verdict::Cacheable, None, Vec::new()),
        menshen_sql_core::judge::Verdict::Not(Reason::UnknownTable) => {
            let what = "which tables, views and functions it names: no sql door runs here";
            (Verdict::Cacheable, None, vec![what.to_owned()])
        }
        menshen_sql_core::judge::Verdict::Not(reason) => {
            let [code, says, hint] = [reason.code(), reason.says(), reason.hint()];
            let why = Why { code: code.into(), says: says.into(), hint: hint.into() };
            (Verdict::NotCached, Some(why), Vec::new())
        }
    };
    let digest = digest(text.as_bytes(), mode, DIGEST_BYTES_MAX);
    let digest = String::from_utf8_lossy(&digest).into_owned();
    ExplainReport { digest, verdict, why, unknown, ..ExplainReport::default() }
}

/// A catalog that knows nothing.
struct Nothing;

impl Names for Nothing {
    fn relation(&self, _: &[u8], _: &[u8]) -> Relation<'_> {
        Relation::Unknown
    }

    fn routine(&self, _: RoutineKind, _: &[u8], _: &[u8]) -> Routine<'_> {
        Routine::Unknown
    }

    fn relations_of(&self, _: &[u8]) -> Option<Vec<&Table>> {
        None
    }

    fn canonical(&self, database: &[u8], name: &[u8]) -> Table {
        Table { database: database.into(), name: name.into() }
    }
}

fn text(asked: Asked, report: &ExplainReport) -> String {
    let mut out = String::new();
    let mut row = |label: &str, text: &str| {
        // Statements of clients, names of their tables.
        let _ = writeln!(out, "{label:<10} {}", escape_bytes(text.as_bytes()));
    };
    row("statement", &report.digest);
    row("answer", verdict(report.verdict, asked));
    if let Some(why) = &report.why {
        row("because", &format!("{} ({})", why.says, why.code));
        if !why.hint.is_empty() {
            row("hint", &why.hint);
        }
    }
    for unknown in &report.unknown {
        row("unknown", unknown);
    }
    for table in &report.tables {
        let written = if table.being_written { ", being written now" } else { "" };
        let changed = table.changed.as_ref().map_or_else(String::new, changed);
        row("table", &format!("{}{written}{changed}", table.name));
    }
    for entry in &report.entries {
        let absence = entry.absence.as_ref().map(|why| format!("; not served: {why}"));
        row(
            "result",
            &format!(
                "{} ({} in the cache), {} old, saves {}.{} ms{}",
                bytes(entry.reply_bytes),
                bytes(entry.charged_bytes),
                age(entry.age_ms / 1000),
                entry.saved_micros / 1000,
                entry.saved_micros % 1000 / 100,
                absence.unwrap_or_default()
            ),
        );
    }
    if let Some(figures) = &report.figures {
        row(
            "so far",
            &format!(
                "{} hits, {} results stored, {} of them for nothing",
                figures.hits, figures.fills, figures.wasted
            ),
        );
    }
    out
}

const fn verdict(verdict: Verdict, asked: Asked) -> &'static str {
    match (verdict, asked) {
        (Verdict::Cached, _) => "from the cache",
        (Verdict::Cacheable, Asked::Door) => "from the server; the result will be stored",
        (Verdict::Cacheable, Asked::DecisionTable) => {
            "no row of the decision table is against storing the result"
        }
        (Verdict::NotCached, _) => "from the server, each time",
    }
}

fn changed(change: &ChangeReport) -> String {
    format!(", changed {} ago by {}: {}", age(change.seconds_ago), change.who, change.by)
}

const DIGEST_BYTES_MAX: usize = 1024;

#[cfg(test)]
mod tests;
