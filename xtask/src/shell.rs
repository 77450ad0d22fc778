//! Finding and running other programs.
//!
//! Programs are always started with a list of arguments, never through a shell line.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

/// Where `name` is installed: in `PATH` or in a folder for administrators' programs.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).collect::<Vec<_>>();
    let more = ["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from);
    folders.into_iter().chain(more).map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// Runs a command whose output goes where ours goes; an error names it and how it ended.
pub(crate) fn run(command: &mut Command) -> Result<(), String> {
    let status = command.status().map_err(|e| format!("could not run {}: {e}", shown(command)))?;
    if status.success() { Ok(()) } else { Err(format!("{} ended with {status}", shown(command))) }
}

/// Runs a command and returns what it printed to standard output.
pub(crate) fn output(command: &mut Command) -> Result<String, String> {
    spoken(command).map(|(output, _)| output)
}

/// Runs a command and returns what it printed to standard output and to standard error.
pub(crate) fn spoken(command: &mut Command) -> Result<(String, String), String> {
    let done = command
        .stdin(Stdio::null())
        .output()
        .map_err(|e| format!("could not run {}: {e}", shown(command)))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (output, errors) = (text(&done.stdout), text(&done.stderr));
    if done.status.success() {
        Ok((output, errors))
    } else {
        Err(format!("{} ended with {}: {}", shown(command), done.status, errors.trim()))
    }
}

/// The command's first line of output, standard output or else standard error; `-` without one.
pub(crate) fn first_line(program: &Path, args: &[&str]) -> String {
    let Ok(done) = Command::new(program).args(args).stdin(Stdio::null()).output() else {
        return "-".to_owned();
    };
    let text = if done.stdout.is_empty() { done.stderr } else { done.stdout };
    String::from_utf8_lossy(&text).lines().next().unwrap_or("-").to_owned()
}

/// The current date and time in UTC, as `2026-11-22` and `14:02`.
pub(crate) fn utc_now() -> (String, String) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let (year, month, day) = civil_date(now / 86400);
    let minutes = now % 86400 / 60;
    (format!("{year:04}-{month:02}-{day:02}"), format!("{:02}:{:02}", minutes / 60, minutes % 60))
}

/// Proleptic Gregorian date of a day counted from 1970-01-01, by whole years and months.
fn civil_date(mut days: u64) -> (u64, u64, u64) {
    let leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    let mut year = 1970;
    while days >= 365 + u64::from(leap(year)) {
        days -= 365 + u64::from(leap(year));
        year += 1;
    }
    let mut month = 1;
    for length in [31, 28 + u64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    (year, month, days + 1)
}

fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program.file_name().unwrap_or_else(|| command.get_program());
    let args = command.get_args().map(|arg| arg.to_string_lossy().into_owned());
    std::iter::once(name.to_string_lossy().into_owned()).chain(args).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
