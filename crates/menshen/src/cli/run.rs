//! Options of `menshen run`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use menshen_guard_core::supervise::GiveUp;
use menshen_run::plan::check_name;

/// Run and supervise a program: its lines at once, its ends told, its last words kept
///
/// The program gets a session of its own that no terminal can stop, and a pseudo-terminal for its
/// output, so that it writes each line at once. Lines are shown with time and name. It ends with
/// this command, and all processes it has left behind end with it.
///
/// SIGTERM, SIGINT and SIGQUIT are passed on to its whole process group; what has not ended after
/// the patience is killed. The second SIGINT kills at once. SIGHUP, SIGUSR1 and SIGUSR2 go to the
/// program; SIGHUP opens the log anew as well.
///
/// Exit code: the program's own; 128 and the number of a signal that killed it; 127: no such
/// program; 126: it cannot be executed; 100: given up, or a limit cannot be set; 2: usage.
#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    /// Start it again after an end [default without a value: on-failure]
    #[arg(long, value_name = "WHEN", num_args = 0..=1, require_equals = true)]
    #[arg(
        default_value = "never",
        default_missing_value = "on-failure",
        hide_default_value = true
    )]
    pub(crate) restart: RestartWord,
    /// Do not start it again after N ends within SECONDS; `never`: always start it again
    #[arg(long, value_name = "N/SECONDS", default_value = "10/60", value_parser = parse_give_up)]
    pub(crate) give_up: GiveUpRule,
    /// Seconds it has to end once asked to, before it is killed
    #[arg(long, value_name = "SECONDS", default_value = "10")]
    pub(crate) patience: u32,
    /// Protect it from the kernel's out-of-memory killer: oom_score_adj, which its children have as
    /// well; needs CAP_SYS_RESOURCE for values below 0 [default without a value: -500]
    #[arg(long, value_name = "SCORE", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "-500", allow_negative_numbers = true)]
    #[arg(value_parser = clap::value_parser!(i32).range(-1000..=1000))]
    pub(crate) protect: Option<i32>,
    /// Limit its memory, with all its children, in a control group of its own: 64M, 2G, bytes
    #[arg(long, value_name = "BYTES", value_parser = parse_bytes)]
    pub(crate) memory_max: Option<u64>,
    /// Limit its processes and threads, in a control group of its own [default with --memory-max:
    /// 512]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) processes_max: Option<u64>,
    /// Its name in lines and lists: letters, digits, `.`, `_`, `-` [default: its file name]
    #[arg(long, value_name = "NAME", value_parser = parse_name)]
    pub(crate) name: Option<String>,
    /// Pipes instead of a pseudo-terminal: standard output and error stay apart
    #[arg(long)]
    pub(crate) pipe: bool,
    /// Pass standard input on; of a terminal its lines, while in the foreground. Otherwise the
    /// program finds the end of input
    #[arg(long)]
    pub(crate) stdin: bool,
    /// Append its output to a file, unescaped; exactly as it was written with --no-timestamps
    #[arg(long, value_name = "FILE")]
    pub(crate) log: Option<PathBuf>,
    /// Show lines as they are, without time and name
    #[arg(long)]
    pub(crate) no_timestamps: bool,
    /// Do not look for text that is stuck in the buffers of its C library
    #[arg(long, conflicts_with = "look_exit")]
    pub(crate) no_look: bool,
    /// Look at its exit from the beginning, not only once text was stuck (ptrace: no debugger can
    /// attach, and set-user-id programs it becomes have no more rights)
    #[arg(long)]
    pub(crate) look_exit: bool,
    /// List what runs and what ran, and do nothing else
    #[arg(long, conflicts_with_all = ["command", "last"])]
    pub(crate) list: bool,
    /// Print the last 64 KiB that NAME has written, also if it or its supervisor was killed, and do
    /// nothing else; NAME may be a process id of either
    #[arg(long, value_name = "NAME", conflicts_with = "command")]
    pub(crate) last: Option<String>,
    /// With --list: print JSON instead of text
    #[arg(long, requires = "list")]
    pub(crate) json: bool,
    /// Folder of what is known of runs [default: /run/menshen/runs, else in $XDG_RUNTIME_DIR]
    #[arg(long, value_name = "DIR")]
    pub(crate) runs: Option<PathBuf>,
    /// The program and its arguments
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "CMD")]
    #[arg(required_unless_present_any = ["list", "last"])]
    pub(crate) command: Vec<OsString>,
}

/// After which ends it is started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RestartWord {
    /// After every end
    Always,
    /// After a signal and exit codes other than 0
    OnFailure,
    /// After none
    Never,
}

/// When starting again is given up; `None`: never.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct GiveUpRule(pub(crate) Option<GiveUp>);

fn parse_give_up(text: &str) -> Result<GiveUpRule, String> {
    if text == "never" {
        return Ok(GiveUpRule(None));
    }
    let form = || "like 10/60, for 10 ends within 60 seconds, or `never`".to_owned();
    let (ends, seconds) = text.split_once('/').ok_or_else(form)?;
    let ends = ends.parse().ok().filter(|ends| (1..=100).contains(ends)).ok_or_else(form)?;
    let within = Duration::from_secs(seconds.parse::<u32>().map_err(|_| form())?.into());
    Ok(GiveUpRule(Some(GiveUp { ends, within })))
}

/// Bytes, or with K, M, G, T those times 1024.
fn parse_bytes(text: &str) -> Result<u64, String> {
    let form = || "like 64M, 2G or a number of bytes, at least 64K".to_owned();
    let units = [('K', 10), ('M', 20), ('G', 30), ('T', 40)];
    let unit = units.iter().find_map(|(letter, shift)| Some((text.strip_suffix(*letter)?, *shift)));
    let (digits, shift) = unit.unwrap_or((text, 0));
    let number: u64 = digits.parse().map_err(|_| form())?;
    let bytes = number.checked_mul(1 << shift);
    bytes.filter(|bytes| *bytes >= 64 << 10).ok_or_else(form)
}

fn parse_name(text: &str) -> Result<String, String> {
    let form = "letters, digits, `.`, `_` and `-`, 40 at most";
    if check_name(text) { Ok(text.to_owned()) } else { Err(form.to_owned()) }
}

#[cfg(test)]
mod tests {
    //! Sizes and rules of the command line.
    use super::*;

    #[test]
    fn sizes_and_rules_are_read() {
        let table = [("65536", 65_536), ("64K", 65_536), ("64M", 64 << 20), ("2G", 2 << 30)];
        for (text, bytes) in table {
            assert_eq!(parse_bytes(text), Ok(bytes));
        }
        for bad in ["", "M", "1", "-1M", "64MM", "1.5G", "99999999999T"] {
            assert!(parse_bytes(bad).is_err(), "{bad}");
        }
        let rule = parse_give_up("3/7").unwrap().0.unwrap();
        assert_eq!((rule.ends, rule.within), (3, Duration::from_secs(7)));
        assert_eq!(parse_give_up("never"), Ok(GiveUpRule(None)));
        for bad in ["", "3", "0/1", "101/1", "3/x", "/"] {
            assert!(parse_give_up(bad).is_err(), "{bad}");
        }
    }
}
