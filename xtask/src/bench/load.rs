//! Running one case: the servers, the load client, and one sample after the other.
//!
//! The client runs on another processor than the servers. A run that fails is an error of the
//! whole benchmark: a table with silent holes must never be written.

use std::path::Path;
use std::process::Command;
use std::thread;

use serde_json::Value;

use super::case::{Case, Part, Target};
use super::lab::{Lab, Store};
use super::report::Report;
use super::{Options, menshen, nginx};
use crate::server::Server;
use crate::shell;

/// The servers that the cases need; stopped when dropped.
#[derive(Debug)]
pub(crate) struct Servers {
    nginx: Option<Server>,
    fpm: Option<Server>,
    menshen: Vec<(Store, Server)>,
}

/// What one run gave.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sample {
    /// Requests answered.
    pub(crate) requests: f64,
    /// Length of the run, seconds.
    pub(crate) secs: f64,
    /// Requests a second.
    pub(crate) rate: f64,
    /// Megabytes (10^6) a second, in the direction that carries the bodies.
    pub(crate) megabytes: f64,
    /// Processor time of the server per request, microseconds.
    pub(crate) cpu_us: f64,
    /// Half of the requests took at most this, microseconds.
    pub(crate) p50_us: f64,
    /// 99 of 100 requests took at most this, microseconds.
    pub(crate) p99_us: f64,
    /// Connections that failed.
    pub(crate) errors: f64,
}

impl Sample {
    /// A sample of which only the rate is known.
    pub(crate) const fn of_rate(rate: f64) -> Self {
        let (secs, cpu_us, errors) = (0.0, 0.0, 0.0);
        Self { requests: 1.0, secs, rate, megabytes: 0.0, cpu_us, p50_us: 0.0, p99_us: 0.0, errors }
    }
}

impl Servers {
    /// Starts what the cases name.
    pub(crate) fn start(lab: &Lab, cases: &[Case]) -> Result<Self, String> {
        let parts = || cases.iter().flat_map(|case| &case.targets).map(|target| target.part);
        let mut servers = Self { nginx: None, fpm: None, menshen: Vec::new() };
        let rival = |part| matches!(part, Part::Default | Part::Tuned);
        if parts().any(rival) {
            servers.nginx = Some(nginx::start(lab, 1)?);
        }
        let forms = |case: &Case| case.has_form() && case.targets.iter().any(|t| rival(t.part));
        if cases.iter().any(|case| case.has_page() || forms(case)) {
            servers.fpm = Some(nginx::start_fpm(lab)?);
        }
        for store in [Store::Files, Store::Ram, Store::Disk, Store::Durable, Store::Php] {
            let named = |part| part == Part::Ours(store) || part == Part::OursAlone(store);
            if parts().any(named) {
                servers.menshen.push((store, menshen::start(lab, store, 1)?));
            }
        }
        Ok(servers)
    }

    /// Processor time so far of everything that belongs to a target.
    fn cpu_ns(&self, case: &Case, part: Part) -> u64 {
        let of = |server: &Option<Server>| server.as_ref().map_or(0, Server::cpu_ns);
        match part {
            Part::Ours(store) | Part::OursAlone(store) => {
                let own = self.menshen.iter().find(|(served, _)| *served == store);
                own.map_or(0, |(_, server)| server.cpu_ns())
            }
            Part::Default | Part::Tuned if case.has_form() => of(&self.nginx) + of(&self.fpm),
            Part::Default | Part::Tuned => of(&self.nginx),
        }
    }
}

/// All samples of a case, by target and round.
pub(crate) fn run_case(
    options: &Options,
    lab: &Lab,
    servers: &Servers,
    case: &Case,
    report: &mut Report,
) -> Result<Vec<Vec<Sample>>, String> {
    let mut samples = vec![Vec::new(); case.targets.len()];
    for round in 0..options.rounds() {
        for (target, samples) in case.targets.iter().zip(&mut samples) {
            if case.is_on_disk {
                shell::run(Command::new("sync").arg("-f").arg(&lab.disk))?;
            }
            let sample = one_run(options, lab, servers, case, target)
                .map_err(|e| format!("{}, {}: {e}", case.name, target.label))?;
            report.raw(case.name, target.label, round, &sample)?;
            samples.push(sample);
        }
    }
    Ok(samples)
}

/// A command on one processor, where there is a second one for the other side.
pub(crate) fn pinned(processor: &str, program: &Path) -> Command {
    let processors = thread::available_parallelism().map_or(1, usize::from);
    if processors < 2 {
        return Command::new(program);
    }
    let mut command = Command::new("taskset");
    command.args(["-c", processor]).arg(program);
    command
}

fn one_run(
    options: &Options,
    lab: &Lab,
    servers: &Servers,
    case: &Case,
    target: &Target,
) -> Result<Sample, String> {
    let counts = case.load.iter().any(|arg| arg.starts_with("n="));
    let secs = if counts { EXACT_SECS_MAX } else { options.secs() };
    let secs = format!("secs={secs}");
    let fixed = [secs.as_str()].into_iter().chain(case.load.iter().copied());
    let arguments: Vec<&str> = fixed.chain(target.load.iter().map(String::as_str)).collect();
    run_client(lab, &arguments, || servers.cpu_ns(case, target.part))
}

/// One run of the load client; `cpu_ns` is the server's processor time so far.
pub(crate) fn run_client(
    lab: &Lab,
    arguments: &[&str],
    cpu_ns: impl Fn() -> u64,
) -> Result<Sample, String> {
    let mut command = pinned(CLIENT_CPU, &lab.loadgen);
    command.args(arguments);
    let before = cpu_ns();
    let (text, errors) = shell::spoken(&mut command)?;
    let after = cpu_ns();
    if !errors.is_empty() {
        println!("  {}: {}", arguments.join(" "), errors.trim());
    }
    sample(&text, after.saturating_sub(before))
}

fn sample(text: &str, cpu_ns: u64) -> Result<Sample, String> {
    let value: Value =
        serde_json::from_str(text).map_err(|e| format!("the load client said {text:?}: {e}"))?;
    let number = |key: &str| value[key].as_f64().ok_or_else(|| format!("no {key} in {text:?}"));
    let requests = number("reqs")?;
    if requests < 1.0 {
        return Err("no request was answered".to_owned());
    }
    Ok(Sample {
        requests,
        secs: number("secs")?,
        rate: number("rps")?,
        megabytes: number("down_MBps")?.max(number("up_MBps")?),
        cpu_us: cpu_ns as f64 / 1000.0 / requests,
        p50_us: number("p50_us")?,
        p99_us: number("p99_us")?,
        errors: number("err")?,
    })
}

/// Processor of the servers.
pub(crate) const SERVER_CPU: &str = "0";
/// Processor of the load client.
pub(crate) const CLIENT_CPU: &str = "1";
/// A run of an exact number of requests may take this long.
pub(crate) const EXACT_SECS_MAX: f64 = 60.0;

#[cfg(test)]
mod tests;
