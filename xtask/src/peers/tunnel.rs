//! Tunnels to and from programs of others, with whole files through each: the long form of what CI
//! runs of `crates/tunnel/tests/peers`. A line for each transfer says how fast it was.

use std::process::{Command, ExitCode};

use clap::Args;

use crate::{sstp_server, workspace};

/// How it is run.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Tests whose names have this in them; those that carry files without.
    #[arg(default_value = "files")]
    tests: String,
    /// Megabytes to us through each tunnel, and a quarter of it back.
    #[arg(long, default_value_t = 100)]
    megabytes: u32,
}

/// Runs them one after the other; a peer that is missing is a failure.
pub(crate) fn run(options: &Options) -> Result<ExitCode, String> {
    let mut cargo = Command::new("cargo");
    cargo.current_dir(workspace::repository_root()?);
    cargo.args(["test", "--package", "menshen-tunnel", "--test", "peers", "--"]);
    cargo.arg(&options.tests).args(["--nocapture", "--test-threads", "1"]);
    cargo.env("MENSHEN_REQUIRE_PEERS", "1").env("SSTPD", sstp_server::program()?);
    cargo.env("MENSHEN_TUNNEL_MEGABYTES", options.megabytes.to_string());
    let status = cargo.status().map_err(|e| format!("could not run cargo: {e}"))?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
