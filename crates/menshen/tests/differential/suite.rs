//! Statements of the server's own test suite, read where its package puts them.
//!
//! Its language is read only as far as statements need it: what has variables of the test program,
//! other connections or other delimiters inside is left out.

use std::path::{Path, PathBuf};

use super::oracle::Oracle;

/// The test files to take, `step` apart so that all subjects come; `None` after saying so where the
/// suite is not installed.
#[expect(clippy::print_stderr, reason = "a test that is skipped must say so")]
pub(crate) fn files(count: usize) -> Option<Vec<PathBuf>> {
    let Ok(folder) = std::fs::read_dir(FOLDER) else {
        eprintln!("SKIPPED: {FOLDER} is not there (package mariadb-test)");
        return None;
    };
    let wanted = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        name.ends_with(".test") && SUBJECTS.iter().any(|subject| name.starts_with(subject))
    };
    let mut files: Vec<PathBuf> = folder.map(|entry| entry.unwrap().path()).collect();
    files.retain(wanted);
    files.sort();
    let step = (files.len() / count).max(1);
    Some(files.into_iter().step_by(step).collect())
}

/// Lives through a file: tables are made, reads and writes are checked.
pub(crate) fn live(oracle: &mut Oracle, file: &Path, number: usize) {
    // A file that some SELECT wrote keeps the server from dropping a database.
    let database = &format!("suite{number}");
    oracle.fresh(database);
    let text = String::from_utf8_lossy(&std::fs::read(file).unwrap()).into_owned();
    let mut checked = 0;
    for statement in statements(&text) {
        let word = statement.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
        match &*word.to_ascii_uppercase() {
            "SELECT" | "WITH" | "" if checked < CHECKED_MAX => {
                checked += 1;
                oracle.check_read(statement.as_bytes());
            }
            "INSERT" | "REPLACE" | "UPDATE" | "DELETE" if checked < CHECKED_MAX => {
                checked += 1;
                oracle.check_write(statement.as_bytes());
                oracle.make(&statement, database);
            }
            "INSERT" | "REPLACE" | "UPDATE" | "DELETE" => oracle.make(&statement, database),
            "CREATE" | "DROP" | "ALTER" | "TRUNCATE" if is_harmless(&statement) => {
                oracle.make(&statement, database);
            }
            _ => {}
        }
    }
    oracle.make(&format!("DROP DATABASE {database}"), "d1");
}

/// Statements that stand for themselves.
fn statements(text: &str) -> Vec<String> {
    let (mut all, mut one, mut delimiter) = (Vec::new(), String::new(), ";".to_owned());
    for line in text.lines() {
        let start = line.trim_start();
        if one.is_empty() && (start.is_empty() || start.starts_with('#') || start.starts_with("--"))
        {
            let command = start.trim_start_matches('-').trim_start();
            if let Some(other) = command.strip_prefix("delimiter ") {
                delimiter = other.trim().to_owned();
            }
            continue;
        }
        one.push_str(line);
        if let Some(end) = line.trim_end().strip_suffix(&delimiter) {
            let cut = one.trim_end().len() - delimiter.len();
            debug_assert!(one.starts_with(&one[..cut]) && end.len() <= line.len());
            one.truncate(cut);
            let lower = one.trim().to_ascii_lowercase();
            match lower.strip_prefix("delimiter") {
                Some(other) => delimiter = other.trim().trim_end_matches(';').to_owned(),
                None => all.push(std::mem::take(&mut one)),
            }
            one.clear();
        } else {
            one.push('\n');
        }
    }
    all.retain(|one| !one.contains('$') && one.len() < STATEMENT_BYTES_MAX);
    all
}

/// Objects of one database; nothing that reaches files, accounts or other sessions.
fn is_harmless(statement: &str) -> bool {
    let upper = statement.to_ascii_uppercase();
    let never = [
        "TEMPORARY",
        "DATABASE",
        "SCHEMA",
        "USER",
        "ROLE",
        "SERVER",
        "EVENT",
        "DIRECTORY",
        "MYSQL",
    ];
    !never.iter().any(|word| upper.contains(word))
}

const FOLDER: &str = "/usr/share/mysql/mysql-test/main";
const SUBJECTS: &[&str] = &[
    "select",
    "subselect",
    "union",
    "derived",
    "cte_",
    "join",
    "func_",
    "view",
    "win",
    "group_",
    "having",
    "order_",
    "distinct",
    "parser",
    "comment",
    "keywords",
    "table_value",
    "json",
    "gis",
    "except",
    "intersect",
    "limit",
    "null",
    "type_",
    "case",
    "cast",
    "olap",
    "range",
    "brackets",
    "ctype_utf8",
    "sp",
    "trigger",
    "foreign",
    "update",
    "delete",
    "insert",
    "multi",
    "fulltext",
    "partition",
    "opt",
    "explain",
    "compare",
    "count",
    "date",
    "default",
    "having",
    "ps",
    "row",
    "sql_mode",
    "symlink",
    "time",
    "trans",
    "varbinary",
    "query_cache",
    "set_statement",
    "bigint",
];
/// Statements of one file that are checked.
const CHECKED_MAX: usize = 150;
const STATEMENT_BYTES_MAX: usize = 4_000;
