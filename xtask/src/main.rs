//! The project's own commands: `tidy`, `ci`, `docs`, `apps`, `bench`, `dist`, `peers`, `soak`.
//!
//! They start other programs and read files; nothing of them is part of the product, and no
//! product crate may depend on this one.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command: output is its result")]

mod apps;
mod bench;
mod chromium;
mod ci;
mod debian;
mod dist;
mod docs;
mod mariadb;
mod markdown;
mod peers;
mod server;
mod shell;
mod soak;
mod sstp_server;
mod tidy;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Commands for working on menshen.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Checks what the compiler does not: arrows between crates, sizes, links, promises.
    Tidy,
    /// Runs everything a change has to pass.
    Ci(ci::Options),
    /// Builds the documentation as a book, and follows every link in it.
    Docs,
    /// Drives real PHP applications from Debian packages in Chromium.
    Apps(apps::Options),
    /// Measures menshen beside nginx on this machine, and writes the result to bench/runs/.
    Bench(bench::Options),
    /// Makes a .deb and an .rpm of the program.
    Dist(dist::Options),
    /// Runs suites and programs of others against the doors, such as MariaDB's own tests.
    #[command(subcommand)]
    Peers(peers::Peer),
    /// Tortures the released program: nothing may be lost.
    Soak(soak::Options),
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Tidy => tidy::run(),
        Command::Ci(options) => ci::run(&options),
        Command::Docs => docs::run().map(|()| ExitCode::SUCCESS),
        Command::Apps(options) => apps::run(&options),
        Command::Bench(options) => bench::run(&options),
        Command::Dist(options) => dist::run(&options),
        Command::Peers(peer) => peers::run(&peer),
        Command::Soak(options) => soak::run(&options),
    };
    match result {
        Ok(code) => code,
        Err(message) => {
            eprintln!("xtask: {message}");
            ExitCode::from(2)
        }
    }
}
