//! Everything a change has to pass, one step after the other.
//!
//! A step is a program or a check with a name; it must never depend on what an earlier step left
//! behind, except the release build.

mod browser;
mod capi;
mod dist;
mod install;
mod uploads;

use std::ffi::OsStr;
use std::process::{Command, ExitCode};
use std::time::Instant;

use clap::Args;

use crate::shell::{find, run as run_command};
use crate::{apps, docs, sstp_server, tidy, workspace};

/// What to run.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Only these steps.
    steps: Vec<String>,
    /// Only formatting, lints, tidy and tests: no release build, browser or benchmark.
    #[arg(long)]
    short: bool,
    /// Run the other steps after one has failed.
    #[arg(long)]
    keep_going: bool,
}

/// Runs the steps; ends with 1 when one fails.
pub(crate) fn run(options: &Options) -> Result<ExitCode, String> {
    if let Some(name) = options.steps.iter().find(|name| !step_names().contains(&name.as_str())) {
        return Err(format!("there is no step {name}, but {}", step_names().join(", ")));
    }
    let wanted = |step: &&Step| match &options.steps[..] {
        [] => !options.short || step.in_short,
        names => names.iter().any(|name| name == step.name),
    };
    let steps: Vec<&Step> = STEPS.iter().filter(wanted).collect();
    let after_failure =
        if options.keep_going { AfterFailure::KeepGoing } else { AfterFailure::Stop };
    let result = run_steps(&steps, after_failure);
    if !result.not_run.is_empty() {
        println!("\nnot run: {}", result.not_run.join(", "));
    }
    println!("\n{} passed, {} failed", result.passed, result.failed);
    Ok(if result.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Names of all steps, as promises may cite them.
pub(crate) fn step_names() -> Vec<&'static str> {
    STEPS.iter().map(|step| step.name).collect()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AfterFailure {
    Stop,
    KeepGoing,
}

/// How the steps went.
#[derive(Debug, Default, PartialEq, Eq)]
struct Outcome {
    passed: usize,
    failed: usize,
    not_run: Vec<&'static str>,
}

struct Step {
    name: &'static str,
    about: &'static str,
    in_short: bool,
    run: fn() -> Result<(), String>,
}

fn run_steps(steps: &[&Step], after_failure: AfterFailure) -> Outcome {
    let mut outcome = Outcome::default();
    let mut failures = Vec::new();
    for step in steps {
        if outcome.failed > 0 && after_failure == AfterFailure::Stop {
            outcome.not_run.push(step.name);
            continue;
        }
        println!("\n== {}: {}", step.name, step.about);
        let start = Instant::now();
        let result = (step.run)();
        let secs = start.elapsed().as_secs_f64();
        match result {
            Ok(()) => {
                outcome.passed += 1;
                println!("== {}: passed in {secs:.1} s", step.name);
            }
            Err(message) => {
                outcome.failed += 1;
                println!("== {}: failed in {secs:.1} s: {message}", step.name);
                failures.push((step.name, message));
            }
        }
    }
    // Said once more at the end, in the words of Rust's test harness.
    for (name, message) in failures {
        println!("test ci::{name} ... FAILED\n    {message}");
    }
    outcome
}

fn format() -> Result<(), String> {
    cargo(&["fmt", "--all", "--check"])
}

fn clippy() -> Result<(), String> {
    cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])
}

fn tidy() -> Result<(), String> {
    match tidy::run()? {
        code if code == ExitCode::SUCCESS => Ok(()),
        _ => Err("see above".to_owned()),
    }
}

fn test() -> Result<(), String> {
    let sstpd = sstp_server::program()?;
    if find("cargo-nextest").is_some() {
        // nextest leaves documentation tests to cargo.
        // Real programs and real disks under full load: one that fails is tried again, and named
        // FLAKY in the closing lines when it then passes (docs/decisions/0026).
        // Lines of tests that passed would bury those of one that did not.
        let tries = ["--no-fail-fast", "--retries", "2", "--status-level", "retry"];
        // How they share the machine: .config/nextest.toml.
        cargo_with(&[&["nextest", "run", "--workspace"][..], &tries].concat(), &sstpd)?;
        cargo(&["test", "--workspace", "--doc", "--quiet"])
    } else {
        cargo_with(&["test", "--workspace", "--no-fail-fast"], &sstpd)
    }
}

fn build() -> Result<(), String> {
    let packages = ["--package", "menshen", "--package", "loadgen", "--package", "sqlload"];
    cargo(&[&["build", "--release"][..], &packages].concat())
}

fn bench() -> Result<(), String> {
    let target = workspace::target_folder()?;
    let out = target.join("bench-smoke").display().to_string();
    for name in [
        "downloads",
        "uploads",
        "fastcgi",
        "offload",
        "explain-cert",
        "explain-oom",
        "explain-tunnel",
        "resumable",
        "sql",
    ] {
        cargo(&["xtask", "bench", name, "--short", "--out", &out])?;
    }
    // Its other cases need guests, or a thousand interfaces.
    cargo(&["xtask", "bench", "tunnel", "--short", "--filter", "bare", "--out", &out])
}

fn peers() -> Result<(), String> {
    let suite = ["xtask", "peers", "mariadb-query-cache"];
    // As with the tests of our own (docs/decisions/0026): some of these sleep and then count.
    cargo(&suite).or_else(|failure| {
        println!("FLAKY or failed: {failure}; once more");
        cargo(&suite)
    })
}

fn soak() -> Result<(), String> {
    let out = workspace::target_folder()?.join("bench-smoke").display().to_string();
    for name in ["reload", "stale"] {
        cargo(&["xtask", "soak", name, "--short", "--out", &out])?;
    }
    // Its client and its bucket take longer to be built for release than it lasts.
    cargo(&["xtask", "soak", "nodes", "--short", "--profile", "dev", "--out", &out])
}

/// Cargo in the repository, with missing peers made a failure.
fn cargo(args: &[&str]) -> Result<(), String> {
    run_command(&mut command(args)?)
}

/// The same with a peer that the system does not have.
fn cargo_with(args: &[&str], sstpd: &OsStr) -> Result<(), String> {
    run_command(command(args)?.env("SSTPD", sstpd))
}

fn command(args: &[&str]) -> Result<Command, String> {
    let mut command = Command::new("cargo");
    command.current_dir(workspace::repository_root()?).args(args);
    command.env("MENSHEN_REQUIRE_PEERS", "1");
    Ok(command)
}

const STEPS: &[Step] = &[
    Step { name: "fmt", about: "formatting", in_short: true, run: format },
    Step { name: "clippy", about: "lints, all targets", in_short: true, run: clippy },
    Step { name: "tidy", about: "arrows, sizes, links, promises", in_short: true, run: tidy },
    Step { name: "docs", about: "the book, and its links", in_short: false, run: docs::run },
    Step {
        name: "test",
        about: "unit, property, golden, corpus, live processes and real peers",
        in_short: true,
        run: test,
    },
    Step { name: "build", about: "the released program", in_short: false, run: build },
    Step {
        name: "dist",
        about: "packages in a fresh root: install, upgrade under load, removal",
        in_short: false,
        run: dist::run,
    },
    Step {
        name: "browser",
        about: "Chromium through the page of the released program",
        in_short: false,
        run: browser::run,
    },
    Step {
        name: "uploads",
        about: "clients of resumable uploads and Chromium, with cut lines and killed servers",
        in_short: false,
        run: uploads::run,
    },
    Step {
        name: "capi",
        about: "libmenshen from C, C++, Go, PHP and Python",
        in_short: false,
        run: capi::run,
    },
    Step {
        name: "install",
        about: "git into a fresh Debian: from packages, and from source; needs root",
        in_short: false,
        run: install::run,
    },
    Step {
        name: "apps",
        about: "WordPress and DokuWiki from Debian packages, in Chromium",
        in_short: false,
        run: apps::for_ci,
    },
    Step {
        name: "peers",
        about: "MariaDB's own tests of its query cache, through the sql door",
        in_short: false,
        run: peers,
    },
    Step {
        name: "bench",
        about: "the benchmarks run, all is answered, and they give a table; no thresholds",
        in_short: false,
        run: bench,
    },
    Step {
        name: "soak",
        about: "in short: reloads under load, reads of the sql door, doors on one bucket",
        in_short: false,
        run: soak,
    },
];

#[cfg(test)]
mod tests;
