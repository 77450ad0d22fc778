//! What a run is to be: every choice of the command line, checked there.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use menshen_guard_core::supervise::{GiveUp, RestartRule};

/// A run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Its name, see [`check_name`].
    pub name: String,
    /// The program; without a slash it is looked for in `PATH`.
    pub program: OsString,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// After which ends it is started again.
    pub restart: RestartRule,
    /// When that is given up; `None`: never.
    pub give_up: Option<GiveUp>,
    /// How long it may take to end once it was asked to.
    pub patience: Duration,
    /// What its output is written to.
    pub streams: Streams,
    /// What it reads.
    pub input: Input,
    /// What stands before each line.
    pub stamps: Stamps,
    /// A file that gets all of the output, too.
    pub log: Option<PathBuf>,
    /// `oom_score_adj` to ask for, -1000..=1000; `None`: none that is negative.
    pub protect: Option<i32>,
    /// Limit of its memory, bytes.
    pub memory_max: Option<u64>,
    /// Limit of its processes and threads.
    pub processes_max: Option<u64>,
    /// How text stuck in C buffers is looked for.
    pub look: Look,
    /// Folder of the files of runs.
    pub runs: PathBuf,
}

/// What output is written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Streams {
    /// A terminal for both streams, so that lines come at once.
    Terminal,
    /// A pipe for each.
    Pipes,
}

/// What the program reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// Nothing: the end of input at once.
    Empty,
    /// Our standard input: as it is, or, if it is a terminal, its lines.
    Passed,
}

/// What stands before each line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stamps {
    /// Time and name; only the name where the journal reads.
    Shown,
    /// Nothing.
    Plain,
}

/// How text stuck in C buffers is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// Not at all.
    Never,
    /// Now and then while it is silent; held at its exit once something was stuck.
    WhileSilent,
    /// As above, and held at its exit from the beginning (ptrace(2)): signals to it take longer,
    /// and programs with more rights than ours do not get them.
    UntilExit,
}

/// Whether a name can be one: letters, digits, `.`, `_`, `-`, at most [`NAME_BYTES_MAX`].
#[must_use]
pub fn check_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= NAME_BYTES_MAX && name.bytes().all(is_name_byte)
}

/// The name of a run of `program`, if none is given: its file name.
#[must_use]
pub fn name_of(program: &std::ffi::OsStr) -> String {
    let file = std::path::Path::new(program).file_name().unwrap_or(program);
    let text = file.to_string_lossy();
    let fit = text.bytes().map(|byte| if is_name_byte(byte) { char::from(byte) } else { '_' });
    let name: String = fit.take(NAME_BYTES_MAX).collect();
    if name.is_empty() { "program".to_owned() } else { name }
}

const fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-')
}

/// The longest name, bytes.
pub const NAME_BYTES_MAX: usize = 40;

/// So many processes and threads a program with a limit of its memory may have, if none is given:
/// the tables of a fork bomb are the kernel's memory, which not all kernels count.
pub const PROCESSES_MAX: u64 = 512;

#[cfg(test)]
mod tests {
    //! Names, which become file names.
    use super::*;

    #[test]
    fn names_are_file_names_that_stay_in_their_folder() {
        assert!(check_name("php-fpm8.2") && check_name("_"));
        for bad in ["", "a/b", "../x", "a b", "ä", &"x".repeat(41)] {
            assert!(!check_name(bad), "{bad}");
        }
        let table =
            [("/usr/bin/php", "php"), ("a b", "a_b"), ("..", ".."), ("", "program"), ("/", "_")];
        for (program, name) in table {
            assert_eq!(name_of(program.as_ref()), name);
            assert!(check_name(&name_of(program.as_ref())));
        }
    }
}
