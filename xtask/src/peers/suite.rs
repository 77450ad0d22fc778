//! `mariadb-test-run.pl` against a server that it did not start itself.
//!
//! One test is one run of it, so that a result is never the consequence of an earlier test's
//! leftovers.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::backend;

/// Where results, differences and temporary files of the tests go.
#[derive(Debug)]
pub(crate) struct Suite {
    var: PathBuf,
    log: PathBuf,
    /// After how many minutes a test that has not ended counts as failed.
    minutes: u32,
}

/// What came of one test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// `suite.name`.
    pub(crate) test: String,
    /// The result line as the suite prints it.
    pub(crate) line: String,
    /// Lines of the output that are not as expected, there and here; 0 when it broke off.
    pub(crate) differing: usize,
}

impl Outcome {
    /// Whether it ran and its output was as expected.
    pub(crate) fn passed(&self) -> bool {
        self.line.contains("[ pass ]")
    }

    /// Whether it ran, and differed or broke off; a skipped test neither passes nor fails.
    pub(crate) fn failed(&self) -> bool {
        !self.passed() && !["[ skipped ]", "[ disabled ]"].iter().any(|s| self.line.contains(s))
    }

    /// A test that was not run, and why.
    pub(crate) fn skipped(test: &str, why: &str) -> Self {
        let line = format!("{test:<40} [ skipped ]  {why}");
        Self { test: test.to_owned(), line, differing: 0 }
    }
}

impl Suite {
    /// For servers that were started in `folder`, which makes the folders that the suite expects; a
    /// test gets `minutes`.
    pub(crate) fn new(folder: &Path, minutes: u32) -> Self {
        Self { var: folder.join(VAR), log: folder.join("suite.log"), minutes }
    }

    /// Runs `test` against the server behind `socket` and `port`.
    pub(crate) fn run(&self, test: &str, socket: &Path, port: u16) -> Result<Outcome, String> {
        if test == "main.query_cache_notembedded" {
            // Its options file, which is not read for a server started by others.
            backend::sql(socket, "SET GLOBAL query_cache_size=1355776, query_cache_type=ON")?;
        }
        let mut command = runner()?;
        command.arg("--extern").arg(format!("socket={}", socket.display()));
        command.arg("--extern").arg(format!("port={port}"));
        // Tests hide them in what they show; `--extern` does not set them.
        command.env("MASTER_MYSOCK", socket).env("MASTER_MYPORT", port.to_string());
        command.args(["--extern", "user=root", "--force", "--no-check-testcases", "--retry=0"]);
        command.arg(format!("--vardir={}", self.var.display()));
        command.arg(format!("--testcase-timeout={}", self.minutes)).arg(test);
        let done = command
            .stdin(Stdio::null())
            .output()
            .map_err(|e| format!("could not run mariadb-test-run.pl: {e}"))?;
        let text = String::from_utf8_lossy(&done.stdout).into_owned();
        let errors = String::from_utf8_lossy(&done.stderr);
        let mut log = OpenOptions::new().create(true).append(true).open(&self.log);
        log.as_mut()
            .map_err(|e| e.to_string())
            .and_then(|log| {
                log.write_all(format!("=== {test}\n{text}{errors}").as_bytes())
                    .map_err(|e| e.to_string())
            })
            .map_err(|e| format!("{}: {e}", self.log.display()))?;
        let line = result_line(&text, test)
            .unwrap_or_else(|| format!("{test:<40} [ fail ]  gave no result line"));
        Ok(Outcome { test: test.to_owned(), line, differing: differing_lines(&text) })
    }
}

/// Lines that stand in one of the two outputs only, in the difference that the suite printed.
pub(crate) fn differing_lines(text: &str) -> usize {
    let mut lines = text.lines().skip_while(|line| !line.starts_with("@@ "));
    let in_difference =
        |line: &&str| line.is_empty() || line.starts_with(['+', '-', ' ', '@', '\\']);
    let difference = lines.by_ref().take_while(in_difference);
    difference.filter(|line| line.starts_with(['+', '-'])).count()
}

/// The result line of `test` in what the suite printed.
pub(crate) fn result_line(text: &str, test: &str) -> Option<String> {
    let is_result = |line: &&str| {
        let rest = line.strip_prefix(test).unwrap_or_default();
        // With combinations a word such as 'innodb' stands between name and result.
        rest.starts_with([' ', '\t', '\'']) && rest.contains("[ ") && rest.contains(" ]")
    };
    // With several combinations the worst one counts.
    let worst = |line: &&str| match *line {
        line if line.contains("[ fail ]") => 0,
        line if line.contains("[ pass ]") => 1,
        _ => 2,
    };
    text.lines().filter(is_result).min_by_key(worst).map(|line| line.trim_end().to_owned())
}

/// All tests of a suite, in order of their names.
pub(crate) fn names_of(suite: &str) -> Result<Vec<String>, String> {
    let folder = home()?.join(suite);
    let list = fs::read_dir(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let names = list.flatten().filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        Some(format!("{suite}.{}", name.strip_suffix(".test")?))
    });
    let mut names: Vec<String> = names.collect();
    names.sort();
    Ok(names)
}

/// Whether `test` comes with options for its server, which `--extern` does not read.
pub(crate) fn has_own_options(test: &str) -> bool {
    let Some((suite, name)) = test.split_once('.') else { return false };
    let Ok(folder) = home().map(|home| home.join(suite)) else { return false };
    [".opt", "-master.opt", ".cnf"].iter().any(|end| folder.join(format!("{name}{end}")).is_file())
}

/// Why `test` cannot run against a server of Debian's that the suite has not started itself.
pub(crate) fn cannot_run(test: &str) -> Option<&'static str> {
    let (suite, name) = test.split_once('.')?;
    let home = home().ok()?;
    let mut seen = BTreeSet::new();
    let mut left = vec![home.join(suite).join(format!("{name}.test"))];
    while let Some(file) = left.pop() {
        let text = String::from_utf8_lossy(&fs::read(&file).unwrap_or_default()).into_owned();
        if text.lines().any(|line| command_of(line).starts_with("shutdown_server")) {
            return Some(STOPS);
        }
        let sourced = text.lines().filter_map(|line| command_of(line).strip_prefix("source "));
        for name in sourced.map(|name| name.trim().trim_end_matches(';')) {
            if let Some((_, why)) = NEVER.iter().find(|(include, _)| name.ends_with(include)) {
                return Some(why);
            }
            if seen.insert(name.to_owned()) {
                left.extend([home.join(name), home.join(suite).join(name)]);
            }
        }
    }
    None
}

/// A line of a test without the two dashes that may stand before a command.
fn command_of(line: &str) -> &str {
    line.trim_start().trim_start_matches('-').trim_start()
}

/// The suite's program, in its own folder.
pub(crate) fn runner() -> Result<Command, String> {
    let home = home()?;
    let mut command = Command::new("perl");
    command.arg("mariadb-test-run.pl").current_dir(home);
    Ok(command)
}

/// Its own folder.
pub(crate) fn home() -> Result<PathBuf, String> {
    let home = PathBuf::from("/usr/share/mysql/mysql-test");
    if home.join("mariadb-test-run.pl").is_file() {
        Ok(home)
    } else {
        Err("mariadb-test is missing: apt-get install mariadb-test".to_owned())
    }
}

/// The folder of the tests' own files, below that of a run.
pub(crate) const VAR: &str = "v";
/// The suite starts only servers of its own again.
const STOPS: &str = "stops its server, which is not the suite's own";

/// What tests include that cannot be had.
const NEVER: &[(&str, &str)] = &[
    ("/start_mysqld.inc", STOPS),
    ("/have_debug.inc", "needs a debug build"),
    ("/have_debug_sync.inc", "needs a debug build"),
    ("/windows.inc", "needs Windows"),
];
