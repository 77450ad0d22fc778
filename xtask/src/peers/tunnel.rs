//! Tunnels to and from programs of others, with pings and whole files through each: the long form
//! of what CI runs of `crates/tunnel/tests/peers`. A table at the end has a line for each path.
//!
//! It must never call a path good that carried nothing: a path that failed has no line, and the run
//! ends with 1.

use std::io::{BufRead, BufReader};
use std::process::{Command, ExitCode, Stdio};

use clap::Args;

use crate::{sstp_server, workspace};

/// How it is run.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Tests whose names have this in them; those that carry files without.
    #[arg(default_value = "files")]
    tests: String,
    /// Megabytes through each tunnel, down to the end that dials.
    #[arg(long, default_value_t = 100)]
    megabytes: u32,
    /// Megabytes up from there; as many as down without it.
    #[arg(long)]
    up: Option<u32>,
}

/// Runs them one after the other; a peer that is missing is a failure.
pub(crate) fn run(options: &Options) -> Result<ExitCode, String> {
    let mut cargo = Command::new("cargo");
    cargo.current_dir(workspace::repository_root()?);
    cargo.args(["test", "--package", "menshen-tunnel", "--test", "peers", "--"]);
    cargo.arg(&options.tests).args(["--nocapture", "--test-threads", "1"]);
    cargo.env("MENSHEN_REQUIRE_PEERS", "1").env("SSTPD", sstp_server::program()?);
    cargo.env("MENSHEN_TUNNEL_MEGABYTES", options.megabytes.to_string());
    let up = options.up.unwrap_or(options.megabytes);
    cargo.env("MENSHEN_TUNNEL_MEGABYTES_UP", up.to_string());
    let started = cargo.stdout(Stdio::piped()).spawn();
    let mut tests = started.map_err(|e| format!("could not run cargo: {e}"))?;
    let mut carried = Vec::new();
    if let Some(said) = tests.stdout.take() {
        for line in BufReader::new(said).lines() {
            let line = line.map_err(|e| format!("could not read what the tests say: {e}"))?;
            println!("{line}");
            carried.extend(Carried::read(&line));
        }
    }
    let status = tests.wait().map_err(|e| format!("the tests did not end: {e}"))?;
    println!("\n{}", table(&carried));
    if carried.is_empty() {
        return Err(format!("no test with {:?} in its name carried anything", options.tests));
    }
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What one path carried; both ends saw the same octets, or there is no such line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Carried {
    path: String,
    pings: String,
    down: Way,
    up: Way,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Way {
    megabytes: String,
    seconds: String,
    rate: String,
    sha256: String,
}

impl Carried {
    /// Of a line `PATH: SAME 8 MB down in 1.5 s at 42.7 Mbit/s, 2 MB up in 0.4 s at 40.0 Mbit/s,
    /// 10 pings, SHA-256 12345678 and 9abcdef0 at both ends`, as `content.py` prints it.
    pub(super) fn read(line: &str) -> Option<Self> {
        // The harness's own words may stand before it on the line.
        let (before, after) = line.split_once(": SAME ")?;
        let path = before.rsplit_once(" ... ").map_or(before, |(_, path)| path).to_owned();
        let words: Vec<&str> = after.split_whitespace().collect();
        let [down, "MB", "down", "in", down_s, "s", "at", down_rate, "Mbit/s,", rest @ ..] =
            &words[..]
        else {
            return None;
        };
        let [up, "MB", "up", "in", up_s, "s", "at", up_rate, "Mbit/s,", rest @ ..] = rest else {
            return None;
        };
        let [pings, "pings,", "SHA-256", down_hash, "and", up_hash, "at", "both", "ends"] = rest
        else {
            return None;
        };
        let way = |megabytes: &str, seconds: &str, rate: &str, sha256: &str| Way {
            megabytes: megabytes.to_owned(),
            seconds: seconds.to_owned(),
            rate: rate.to_owned(),
            sha256: sha256.to_owned(),
        };
        Some(Self {
            path,
            pings: (*pings).to_owned(),
            down: way(down, down_s, down_rate, down_hash),
            up: way(up, up_s, up_rate, up_hash),
        })
    }
}

/// All of them, as Markdown.
pub(super) fn table(carried: &[Carried]) -> String {
    let mut text = String::from(
        "| path | pings | down MB | s | Mbit/s | up MB | s | Mbit/s | SHA-256 at both ends |\n\
         |---|---|---|---|---|---|---|---|---|\n",
    );
    for Carried { path, pings, down, up } in carried {
        let way = |way: &Way| format!("{} | {} | {}", way.megabytes, way.seconds, way.rate);
        let hashes = format!("equal: {}…, {}…", down.sha256, up.sha256);
        text += &format!("| {path} | {pings} | {} | {} | {hashes} |\n", way(down), way(up));
    }
    text
}
