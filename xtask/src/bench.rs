//! Measures menshen beside nginx on one machine, interleaved, as CPU time per request.
//!
//! The method in short: server on one processor, client on another, runs in the order A B C A B C,
//! medians; the main figure is the CPU time of all the server's processes per request, since it
//! hardly moves when neighbours take the processor away. Only loopback is contacted. It must never
//! leave a losing row out.

mod case;
mod explain;
mod lab;
mod load;
mod machine;
mod memory;
mod menshen;
mod nginx;
mod offload;
mod oom;
mod pool;
mod report;
mod resumable;
mod sql;
mod startup;
mod tunnel;
mod tunnel_capture;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use clap::{Args, ValueEnum};

use crate::{shell, workspace};
use case::Case;
pub(crate) use lab::{Lab, Store};
pub(crate) use machine::describe as machine;
pub(crate) use menshen::{
    configuration as menshen_configuration, folder as menshen_folder, start as start_menshen,
};
use report::{Report, Row};

/// What to measure.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The set of cases.
    set: Set,
    /// One round of 0.2 s each (three starts), fewer connections, no case of 256 MiB or more; fails
    /// when anything was not answered.
    #[arg(long)]
    short: bool,
    /// Rounds of every case: 5, for start-up 10, for offload 1; the median counts.
    #[arg(long)]
    rounds: Option<usize>,
    /// Seconds of one run, where the case does not count requests instead.
    #[arg(long, default_value_t = 0.6)]
    secs: f64,
    /// Only cases whose name contains this.
    #[arg(long, default_value = "")]
    filter: String,
    /// Only this server; then there are no ratios.
    #[arg(long)]
    only: Option<Only>,
    /// A short neutral word for this machine, part of the folder's name.
    #[arg(long, default_value = "local")]
    host: String,
    /// Folder for the result instead of bench/runs/DATE-HOST.
    #[arg(long)]
    out: Option<PathBuf>,
}

/// A set of cases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Set {
    /// Files of 1 KiB to 1 GiB, plain and over TLS, and handshakes.
    Downloads,
    /// Full and resumed handshakes alone.
    Handshake,
    /// PUT and multipart forms, to memory and to disk.
    Uploads,
    /// Memory per held connection.
    Memory,
    /// A thousand slow uploads and downloads against four PHP workers, and a page beside them.
    Offload,
    /// Small PHP pages.
    Fastcgi,
    /// One `menshen explain cert` of a local server, beside sslscan, sslyze and testssl.sh.
    ExplainCert,
    /// `menshen explain oom` through logs of a gigabyte, beside grep.
    ExplainOom,
    /// `menshen explain tunnel --pcap` through captures of gigabytes, beside tshark.
    ExplainTunnel,
    /// The sql door beside `MariaDB` with and without its own cache, haproxy and a canned
    /// responder.
    Sql,
    /// From the start of the process to the first byte of an HTTPS answer, goal 100 ms.
    Startup,
    /// Uploads in pieces beside PUT and @tus/server, and HTTP/2 beside HTTP/1.1 over a long link.
    Resumable,
    /// Tunnels beside the limit of a TUN interface, plain TLS, and pptpd and sstp-server in guests;
    /// needs root.
    Tunnel,
}

/// One of the servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Only {
    /// This project.
    Menshen,
    /// The rival; in `offload` Caddy as well, in `tunnel` the others in guests.
    Nginx,
}

/// Builds the programs, measures, prints the table and writes it to the run's folder.
pub(crate) fn run(options: &Options) -> Result<ExitCode, String> {
    let host_ok = options.host.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if options.host.is_empty() || !host_ok {
        return Err("--host takes letters, digits and hyphens".to_owned());
    }
    build(options)?;
    let (date, time) = shell::utc_now();
    let root = workspace::repository_root()?;
    let default = root.join("bench/runs").join(format!("{date}-{}", options.host));
    let folder = options.out.clone().unwrap_or(default);
    let lab = Lab::new(&workspace::target_folder()?)?;
    let machine = machine::describe(&lab, &root);
    let title = format!("{}, {date} {time} UTC", options.set.name());
    let mut report = Report::create(&folder, &title)?;
    let rows = match options.set {
        Set::Memory => memory::measure(options, &lab, &mut report)?,
        Set::ExplainCert => explain::measure(options, &lab, &mut report)?,
        Set::ExplainOom => oom::measure(options, &lab, &mut report)?,
        Set::ExplainTunnel => tunnel_capture::measure(options, &lab, &mut report)?,
        Set::Sql => sql::measure(options, &lab, &report)?,
        Set::Resumable => resumable::measure(options, &lab, &mut report)?,
        Set::Startup => startup::measure(options, &lab, &mut report)?,
        Set::Tunnel => tunnel::measure(options, &lab, &report)?,
        Set::Offload => offload::measure(options, &lab, &mut report)?,
        _ => measure(options, &lab, &mut report)?,
    };
    report.finish(&rows, &command_line(options), &machine, &configurations(options, &lab))?;
    println!("\nwritten to {}", folder.strip_prefix(&root).unwrap_or(&folder).display());
    let failures = report.failures(&rows);
    if options.short && !failures.is_empty() {
        // A short run is a check; a long one is a measurement, and says so in its table.
        return Err(format!("not everything was answered: {}", failures.join("; ")));
    }
    Ok(ExitCode::SUCCESS)
}

/// Names of all sets, as promises may cite them.
pub(crate) fn names() -> Vec<&'static str> {
    Set::value_variants().iter().map(|set| set.name()).collect()
}

impl Set {
    const fn name(self) -> &'static str {
        match self {
            Self::Downloads => "downloads",
            Self::Handshake => "handshake",
            Self::Uploads => "uploads",
            Self::Memory => "memory",
            Self::Offload => "offload",
            Self::Fastcgi => "fastcgi",
            Self::ExplainCert => "explain-cert",
            Self::ExplainOom => "explain-oom",
            Self::ExplainTunnel => "explain-tunnel",
            Self::Sql => "sql",
            Self::Resumable => "resumable",
            Self::Startup => "startup",
            Self::Tunnel => "tunnel",
        }
    }
}

impl Options {
    /// Whether this server takes part.
    fn wants(&self, only: Only) -> bool {
        self.only.is_none_or(|wanted| wanted == only)
    }

    /// Rounds of a case.
    fn rounds(&self) -> usize {
        let (short, usual) = match self.set {
            Set::Startup => (3, 10),
            Set::ExplainCert => (3, 5),
            Set::Offload => (1, 1),
            Set::Sql | Set::Tunnel => (1, 3),
            _ => (1, 5),
        };
        if self.short { short } else { self.rounds.unwrap_or(usual) }
    }

    /// Seconds of one run.
    const fn secs(&self) -> f64 {
        if self.short { 0.2 } else { self.secs }
    }
}

fn measure(options: &Options, lab: &Lab, report: &mut Report) -> Result<Vec<Row>, String> {
    let cases: Vec<Case> = match options.set {
        Set::Uploads => case::uploads(lab),
        Set::Handshake => case::handshakes(lab),
        Set::Fastcgi => case::pages(lab),
        _ => case::downloads(lab),
    };
    let cases: Vec<Case> = cases
        .into_iter()
        .filter(|case| case.name.contains(&options.filter) && !(options.short && case.is_large))
        .map(|case| case.only(|target| options.wants(target.only())))
        .filter(|case| !case.targets.is_empty())
        .collect();
    if cases.is_empty() {
        return Err(format!("no case contains {:?}", options.filter));
    }
    let servers = load::Servers::start(lab, &cases)?;
    let mut rows = Vec::new();
    for case in &cases {
        let samples = load::run_case(options, lab, &servers, case, report)?;
        rows.extend(report::rows_of(case, &samples));
        report::print_case(case, &samples);
    }
    Ok(rows)
}

fn build(options: &Options) -> Result<(), String> {
    let mut command = Command::new("cargo");
    command.current_dir(workspace::repository_root()?);
    command.args(["build", "--quiet", "--release", "--package", "loadgen"]);
    // Start-up needs it in any case: nginx gets the certificate it makes.
    if options.wants(Only::Menshen) || options.set == Set::Startup {
        command.args(["--package", "menshen"]);
    }
    if options.set == Set::Sql {
        command.args(["--package", "sqlload"]);
    }
    if options.set == Set::Tunnel {
        command.args(["--package", "tunnelload"]);
    }
    shell::run(&mut command)
}

/// The command that repeats this run.
fn command_line(options: &Options) -> String {
    let mut line = format!("cargo xtask bench {}", options.set.name());
    if options.short {
        line += " --short";
    } else {
        line += &format!(" --rounds {} --secs {}", options.rounds(), options.secs);
    }
    if !options.filter.is_empty() {
        line += &format!(" --filter {:?}", options.filter);
    }
    match options.only {
        Some(Only::Menshen) => line += " --only menshen",
        Some(Only::Nginx) => line += " --only nginx",
        None => {}
    }
    line + &format!(" --host {}", options.host)
}

/// The configurations measured, by file name, without the paths of this machine.
fn configurations(options: &Options, lab: &Lab) -> Vec<(String, String)> {
    if options.set == Set::Startup {
        return neutral_all(lab, startup::configurations(options, lab));
    }
    if options.set == Set::Sql {
        return neutral_all(lab, sql::configurations(options, lab));
    }
    if options.set == Set::Tunnel {
        return neutral_all(lab, tunnel::configurations(lab));
    }
    if options.set == Set::Resumable {
        return neutral_all(lab, resumable::configurations(lab));
    }
    if options.set == Set::Offload {
        return neutral_all(lab, offload::configurations(options, lab));
    }
    let mut files = Vec::new();
    if options.wants(Only::Nginx) {
        files.push(("nginx.conf".to_owned(), nginx::configuration(lab, 1)));
        files.push(("php-fpm.conf".to_owned(), nginx::fpm_configuration(lab)));
    }
    if options.wants(Only::Menshen) {
        let (name, store) = match options.set {
            Set::Fastcgi => ("menshen-php.toml", Store::Php),
            _ => ("menshen.toml", Store::Files),
        };
        files.push((name.to_owned(), menshen::configuration(lab, store, 1)));
    }
    neutral_all(lab, files)
}

fn neutral_all(lab: &Lab, files: Vec<(String, String)>) -> Vec<(String, String)> {
    files.into_iter().map(|(name, text)| (name, neutral(lab, &text))).collect()
}

fn neutral(lab: &Lab, text: &str) -> String {
    let shown = |path: &Path| path.display().to_string();
    text.replace(&shown(&lab.disk), "DISK").replace(&shown(&lab.ram), "RAM")
}

#[cfg(test)]
mod tests;
