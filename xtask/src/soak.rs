//! Long tortures of the released program, each with a short form for CI.
//!
//! `reload`: nothing may be lost while the configuration is taken again and again. `stale`: no
//! answer of the sql door may be older than the rules allow while servers and doors are killed.
//! `nodes`: doors that share a bucket lose no acknowledged upload, and store none twice.
//! Only loopback and unix sockets are contacted.

mod nodes;
mod reload;
mod stale;

use std::fs;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use clap::{Args, ValueEnum};

use crate::bench::{self, Lab};
use crate::{shell, workspace};

/// What to do, and for how long.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The torture.
    set: Set,
    /// As short as CI does it.
    #[arg(long)]
    short: bool,
    /// `reload`: reloads, each with another number of workers than the one before.
    #[arg(long, default_value_t = 120)]
    reloads: u32,
    /// `reload`: new connections a second.
    #[arg(long, default_value_t = 5500)]
    rate: u32,
    /// `stale`: how long readers and writers run.
    #[arg(long, default_value_t = 600)]
    seconds: u32,
    #[command(flatten)]
    nodes: nodes::Wishes,
    /// With which of cargo's profiles menshen and the load clients are built: `release` for
    /// results, `quick` or `dev` while working.
    #[arg(long, default_value = "release")]
    profile: String,
    /// A short neutral word for this machine, part of the folder's name.
    #[arg(long, default_value = "local")]
    host: String,
    /// Folder for the result instead of bench/runs/DATE-HOST.
    #[arg(long)]
    out: Option<PathBuf>,
}

/// A torture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Set {
    /// Reloads and scale-downs under thousands of new connections a second.
    Reload,
    /// Reads through the sql door beside writes of every kind, while everything is killed in turn.
    Stale,
    /// Uploads through three doors on one bucket, while doors and store are killed and stopped.
    Nodes,
}

impl Set {
    const fn name(self) -> &'static str {
        match self {
            Self::Reload => "reload",
            Self::Stale => "stale",
            Self::Nodes => "nodes",
        }
    }
}

/// Names of all tortures, as promises may cite them.
pub(crate) fn names() -> Vec<&'static str> {
    Set::value_variants().iter().map(|set| set.name()).collect()
}

/// Builds the programs, tortures, prints what came of it and writes it to the run's folder.
pub(crate) fn run(options: &Options) -> Result<ExitCode, String> {
    let root = workspace::repository_root()?;
    let packages = ["--package", "loadgen", "--package", "sqlload", "--package", "menshen"];
    let mut build = Command::new("cargo");
    build.current_dir(&root).args(["build", "--quiet", "--profile", &options.profile]);
    shell::run(build.args(packages))?;
    let lab = Lab::of_profile(&workspace::target_folder()?, &options.profile)?;
    let (date, time) = shell::utc_now();
    let (when, machine) = (format!("{date} {time} UTC"), bench::machine(&lab, &root));
    let (text, verdict) = match options.set {
        Set::Reload => reload::run(options, &lab, &when, &machine)?,
        Set::Stale => stale::run(options, &lab, &when, &machine)?,
        Set::Nodes => nodes::run(&options.nodes, options.short, &lab, &when, &machine)?,
    };
    println!("{text}");
    let default = root.join("bench/runs").join(format!("{date}-{}", options.host));
    let folder = options.out.clone().unwrap_or(default);
    let file = folder.join(format!("soak-{}.md", options.set.name()));
    fs::create_dir_all(&folder)
        .and_then(|()| fs::write(&file, &text))
        .map_err(|e| format!("could not write {}: {e}", file.display()))?;
    verdict.map(|()| ExitCode::SUCCESS)
}
