//! The machine and the versions of everything measured.
//!
//! Nothing that identifies the machine's owner: no host name, address, path or user.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::lab::Lab;
use crate::shell;

/// A list in Markdown.
pub(crate) fn describe(lab: &Lab, root: &Path) -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name"));
    let model = model.unwrap_or("-").trim_start_matches([' ', '\t', ':']);
    let processors = cpuinfo.lines().filter(|line| line.starts_with("processor")).count();
    let meminfo = read("/proc/meminfo");
    let memory = meminfo.lines().next().unwrap_or_default();
    let memory = memory.split_whitespace().nth(1).unwrap_or("0").parse::<u64>().unwrap_or(0);
    let load = read("/proc/loadavg");
    let load = load.split_whitespace().take(3).collect::<Vec<_>>().join(" ");
    let kernel = read("/proc/sys/kernel/osrelease");
    let disk = shell::output(Command::new("stat").args(["-f", "-c", "%T"]).arg(&lab.disk));
    format!(
        "- processor: {model}, {processors} of them; memory {} MiB; kernel {}\n\
         - disk: {}; load average before: {load}\n\
         - menshen: {}, source {}\n{}",
        memory / 1024,
        kernel.trim(),
        disk.unwrap_or_default().trim(),
        shell::first_line(&lab.menshen, &["--version"]),
        source(root),
        versions()
    )
}

fn versions() -> String {
    let programs = [
        ("nginx", "-v"),
        ("caddy", "version"),
        ("php-fpm8.2", "-v"),
        ("mariadbd", "--version"),
        ("haproxy", "-v"),
        ("sysbench", "--version"),
        ("iperf3", "--version"),
        ("openssl", "version"),
        ("rustc", "--version"),
    ];
    let line = |(name, argument): (&str, &str)| {
        let version = shell::find(name)
            .map_or_else(|| "not installed".to_owned(), |at| shell::first_line(&at, &[argument]));
        format!("- {name}: {version}\n")
    };
    programs.into_iter().map(line).collect()
}

/// The commit, and whether files differ from it.
fn source(root: &Path) -> String {
    let git = |args: &[&str]| shell::output(Command::new("git").current_dir(root).args(args));
    let commit = git(&["rev-parse", "--short=12", "HEAD"]);
    let commit = commit.map_or_else(|_| "not committed".to_owned(), |text| text.trim().to_owned());
    match git(&["status", "--porcelain", "--untracked-files=no"]) {
        Ok(changes) if changes.trim().is_empty() => commit,
        _ => format!("{commit} with changes"),
    }
}
