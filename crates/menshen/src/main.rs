//! The command line: which part of menshen runs. Each command is one file; nothing is decided here.

mod cert;
mod check;
mod cli;
mod drill;
mod explain;
mod guard;
mod install;
mod keeper;
mod link;
mod out;
mod pages;
mod reload;
mod run;
mod sample;
mod serve;
mod status;
mod tunnel;
mod watch;
mod workers;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command, DrillCommand, ExplainCommand};

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Serve(arguments) => serve::run(arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Reload(arguments) => reload::run(&arguments),
        Command::Status(arguments) => status::run(&arguments),
        Command::Run(arguments) => run::run(*arguments),
        Command::Install(arguments) => install::run(&arguments),
        Command::Explain(what) => match *what {
            ExplainCommand::Cert(arguments) => explain::cert::run(&arguments),
            ExplainCommand::Https(arguments) => explain::https::run(arguments),
            ExplainCommand::Install(arguments) => explain::install::run(&arguments),
            ExplainCommand::Oom(arguments) => explain::oom::run(&arguments),
            ExplainCommand::Page(arguments) => explain::page::run(arguments),
            ExplainCommand::Port(arguments) => explain::port::run(&arguments),
            ExplainCommand::Query(arguments) => explain::query::run(&arguments),
            ExplainCommand::Silence(arguments) => explain::silence::run(&arguments),
            ExplainCommand::Stopped(arguments) => explain::stopped::run(&arguments),
            ExplainCommand::Tunnel(arguments) => explain::tunnel::run(&arguments),
            ExplainCommand::Upload(arguments) => explain::upload(arguments),
        },
        Command::Cert(command) => cert::run(command),
        Command::Link(arguments) => link::run(*arguments),
        Command::Tunnel(command) => tunnel::run(command),
        Command::Drill(DrillCommand::Oom(arguments)) => drill::oom(&arguments),
        Command::DrillHog(arguments) => drill::hog(&arguments),
        Command::Guard(arguments) => guard::run(&arguments),
        Command::Sample => sample::run(),
        Command::Trial(arguments) => menshen_guard::trial(&arguments.source()),
        Command::Upgrade(arguments) => reload::upgrade(&arguments),
        Command::Pages(arguments) => pages::run(&arguments),
        Command::Keeper => keeper::run(),
        Command::SqlWorker => workers::sql(),
        Command::TunnelWorker => workers::tunnel(),
        Command::Watch => watch::run(),
        Command::Worker => workers::web(),
    }
}

/// The answer is no, or something was found.
const EXIT_NO: u8 = 1;
/// Wrong usage or configuration.
const EXIT_CONFIG: u8 = 2;
/// It failed and would fail again.
const EXIT_PERMANENT: u8 = 100;
/// It failed; another try can help.
const EXIT_RETRY: u8 = 111;
