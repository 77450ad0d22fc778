//! `mariadb-test-run.pl` against a server that it did not start itself.
//!
//! One test is one run of it, so that a result is never the consequence of an earlier test's
//! leftovers.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::backend;
use crate::shell;

/// Where results, differences and temporary files of the tests go.
#[derive(Debug)]
pub(crate) struct Suite {
    var: PathBuf,
    log: PathBuf,
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
        !self.passed() && !self.line.contains("[ skipped ]")
    }
}

impl Suite {
    /// Prepares the folders that the suite expects.
    pub(crate) fn new(folder: &Path) -> Result<Self, String> {
        let var = folder.join(VAR);
        for name in ["log", "tmp", "run"] {
            let folder = var.join(name);
            fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        }
        let mut copy = Command::new("cp");
        copy.arg("-r").arg(home()?.join("std_data")).arg(&var);
        shell::run(&mut copy)?;
        Ok(Self { var, log: folder.join("suite.log") })
    }

    /// Runs `test` against the server behind `socket`.
    pub(crate) fn run(&self, test: &str, socket: &Path) -> Result<Outcome, String> {
        if test == "main.query_cache_notembedded" {
            // Its options file, which is not read for a server started by others.
            backend::sql(socket, "SET GLOBAL query_cache_size=1355776, query_cache_type=ON")?;
        }
        let mut command = runner()?;
        command.arg("--extern").arg(format!("socket={}", socket.display()));
        command.args(["--extern", "user=root", "--force", "--no-check-testcases", "--retry=0"]);
        command.arg(format!("--vardir={}", self.var.display()));
        command.args(["--testcase-timeout=5", test]);
        let done = command
            .stdin(Stdio::null())
            .output()
            .map_err(|e| format!("could not run mariadb-test-run.pl: {e}"))?;
        let text = String::from_utf8_lossy(&done.stdout).into_owned();
        let before = fs::read_to_string(&self.log).unwrap_or_default();
        let errors = String::from_utf8_lossy(&done.stderr);
        fs::write(&self.log, format!("{before}=== {test}\n{text}{errors}"))
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

/// The suite's program, in its own folder.
pub(crate) fn runner() -> Result<Command, String> {
    let home = home()?;
    let mut command = Command::new("perl");
    command.arg("mariadb-test-run.pl").current_dir(home);
    Ok(command)
}

fn home() -> Result<PathBuf, String> {
    let home = PathBuf::from("/usr/share/mysql/mysql-test");
    if home.join("mariadb-test-run.pl").is_file() {
        Ok(home)
    } else {
        Err("mariadb-test is missing: apt-get install mariadb-test".to_owned())
    }
}

/// The folder of the tests' own files, below that of a run.
pub(crate) const VAR: &str = "v";
