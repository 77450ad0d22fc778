//! The sql door beside `MariaDB` alone, `MariaDB` with its own query cache, haproxy and a canned
//! responder, driven by sysbench with statements of which a known share repeats.
//!
//! All servers run at the same time, one is driven at a time, in turns. Client and servers share
//! the machine's processors, as they do on a small server; so rates are compared, and processor
//! time of the two proxies. Only loopback is contacted. Hits are also asked for over Unix sockets,
//! which take less of the processors than loopback TCP, so that the servers' difference shows.

mod probe;
mod rivals;

use std::process::Command;

use super::lab::Lab;
use super::report::{Report, Row, median};
use super::{Only, Options};
use crate::shell;
pub(crate) use rivals::configurations;
use rivals::{Link, Rivals, Target};

/// Runs every case against every target, in turns.
pub(crate) fn measure(options: &Options, lab: &Lab, report: &Report) -> Result<Vec<Row>, String> {
    let rivals = Rivals::start(options, lab)?;
    let mut rows = Vec::new();
    // First: what an entry costs is seen while memory is still as it was at the start.
    if "invalidation".contains(&options.filter) {
        rows.extend(probe::measure(options, lab, &rivals, report)?);
    }
    for case in cases(options) {
        let samples = run_case(options, lab, &rivals, &case, report)?;
        rows.extend(rows_of(&case, &samples));
    }
    Ok(rows)
}

/// One load.
#[derive(Debug, Clone)]
struct Case {
    mix: &'static str,
    threads: u32,
    /// Percent of statements that repeat.
    hit: u32,
    link: Link,
}

/// What one run of one target gave.
#[derive(Debug, Clone, Copy, Default)]
struct Sample {
    queries_per_s: f64,
    average_ms: f64,
    p99_ms: f64,
    /// Processor time of the target's own processes for each query; for proxies without the server.
    cpu_us: f64,
    errors: f64,
}

fn cases(options: &Options) -> Vec<Case> {
    let threads: &[u32] = if options.short { &[8] } else { &[1, 8, 64, 256] };
    let mut cases = Vec::new();
    for &threads in threads {
        let link = Link::Tcp;
        for hit in [0, 50, 95, 100] {
            cases.push(Case { mix: "point", threads, hit, link });
        }
        cases.push(Case { mix: "point", threads, hit: 100, link: Link::Unix });
        for hit in [0, 50, 95] {
            cases.push(Case { mix: "readonly", threads, hit, link });
        }
    }
    cases.retain(|case| case.name().contains(&options.filter));
    cases
}

impl Case {
    fn name(&self) -> String {
        let link = match self.link {
            Link::Tcp => "",
            Link::Unix => ", Unix sockets",
        };
        format!("sql, {} {} connections, {} % repeat{link}", self.mix, self.threads, self.hit)
    }
}

fn run_case(
    options: &Options,
    lab: &Lab,
    rivals: &Rivals,
    case: &Case,
    report: &Report,
) -> Result<Vec<(Target, Vec<Sample>)>, String> {
    let targets: Vec<Target> = Target::ALL
        .iter()
        .copied()
        .filter(|target| options.wants(target.only()))
        // The canned responder answers everything alike: it is the limit of hits alone.
        .filter(|target| *target != Target::Canned || (case.hit == 100 && case.mix == "point"))
        .collect();
    let mut samples: Vec<(Target, Vec<Sample>)> =
        targets.into_iter().map(|target| (target, Vec::new())).collect();
    for round in 0..options.rounds() {
        for (target, samples) in &mut samples {
            let sample = run_once(options, rivals, case, *target, lab)?;
            let line = format!(
                "{},{},{},{:?},{round},{:.1},{:.3},{:.3},{:.2},{},{}",
                case.mix,
                case.threads,
                case.hit,
                target.name(),
                sample.queries_per_s,
                sample.average_ms,
                sample.p99_ms,
                sample.cpu_us,
                sample.errors,
                case.link.name()
            );
            report.more("sql.csv", HEADING, &[line])?;
            samples.push(sample);
        }
    }
    for (target, samples) in &samples {
        println!(
            "{}: {} {:.0} queries/s, p99 {:.2} ms, {:.1} us of processor a query",
            case.name(),
            target.name(),
            median(samples, |sample| sample.queries_per_s),
            median(samples, |sample| sample.p99_ms),
            median(samples, |sample| sample.cpu_us),
        );
    }
    Ok(samples)
}

fn run_once(
    options: &Options,
    rivals: &Rivals,
    case: &Case,
    target: Target,
    lab: &Lab,
) -> Result<Sample, String> {
    // What repeats is in the caches before the clock runs.
    sysbench(rivals, &Case { threads: 8, hit: 100, ..case.clone() }, target, 0.5, lab)?;
    let before = rivals.cpu_ns(target);
    let seconds = options.secs() * SECONDS_FACTOR;
    let (mut sample, queries) = sysbench(rivals, case, target, seconds, lab)?;
    sample.cpu_us = (rivals.cpu_ns(target) - before) as f64 / 1e3 / queries.max(1.0);
    Ok(sample)
}

/// One run of sysbench; also how many queries were answered.
fn sysbench(
    rivals: &Rivals,
    case: &Case,
    target: Target,
    seconds: f64,
    lab: &Lab,
) -> Result<(Sample, f64), String> {
    let program = shell::find("sysbench").ok_or("no sysbench in PATH; install the package")?;
    let script = crate::workspace::repository_root()?.join("bench/scenarios/sql.lua");
    let mut command = Command::new(program);
    command.current_dir(&lab.disk).arg(script);
    command.args(["--db-driver=mysql", "--mysql-user=sbtest"]);
    command.args(["--mysql-db=sbtest", "--db-ps-mode=disable", "--events=0", "--percentile=99"]);
    match case.link {
        Link::Tcp => {
            command.arg("--mysql-host=127.0.0.1");
            command.arg(format!("--mysql-port={}", rivals.port(target)));
        }
        Link::Unix => {
            command.arg("--mysql-host=localhost");
            command.arg(format!("--mysql-socket={}", rivals.socket(target).display()));
        }
    }
    command.arg(format!("--threads={}", case.threads)).arg(format!("--hit={}", case.hit));
    command.arg(format!("--mix={}", case.mix)).arg(format!("--nonce={}", rivals.nonce()));
    // Whole seconds only.
    command.arg(format!("--time={}", seconds.ceil())).arg("run");
    let text = shell::output(&mut command).map_err(|e| format!("{}: {e}", target.name()))?;
    read(&text).ok_or_else(|| format!("sysbench said something else: {text}"))
}

/// The figures in sysbench's report.
fn read(text: &str) -> Option<(Sample, f64)> {
    let after = |word: &str| {
        let line = text.lines().find_map(|line| line.trim().strip_prefix(word))?;
        Some(line.trim().to_owned())
    };
    let number = |word: &str| after(word)?.split_whitespace().next()?.parse::<f64>().ok();
    let queries = number("queries:")?;
    let rate = after("queries:")?;
    let rate = rate.split_once('(')?.1.split_whitespace().next()?.parse().ok()?;
    let errors = number("ignored errors:")? + number("reconnects:")?;
    let sample = Sample {
        queries_per_s: rate,
        average_ms: number("avg:")?,
        p99_ms: number("99th percentile:")?,
        cpu_us: 0.0,
        errors,
    };
    Some((sample, queries))
}

/// The door against each of the others.
fn rows_of(case: &Case, samples: &[(Target, Vec<Sample>)]) -> Vec<Row> {
    let of = |wanted: Target| {
        samples.iter().find(|(target, _)| *target == wanted).map(|(_, samples)| samples.as_slice())
    };
    let Some(ours) = of(Target::Menshen) else { return Vec::new() };
    let rate = |samples: &[Sample]| median(samples, |sample| sample.queries_per_s);
    let mut rows = Vec::new();
    for target in Target::ALL.iter().copied().filter(|target| *target != Target::Menshen) {
        let Some(theirs) = of(target) else { continue };
        let errors = ours.iter().chain(theirs).map(|sample| sample.errors).sum();
        rows.push(Row {
            case: case.name(),
            ours: shown(ours),
            against: format!("{}, {}", target.name(), shown(theirs)),
            ratio: rate(ours) / rate(theirs),
            rate_ratio: Some(rate(ours) / rate(theirs)),
            goal: goal(case, target),
            errors,
        });
        // Where the client leaves the processors little, rates come close to each other whatever a
        // query costs; so its cost is told beside them: the proxies', and a hit's.
        let whose = match target {
            Target::Haproxy => Some("the proxy"),
            Target::OwnCache | Target::Canned if case.hit == 100 => Some("who answers"),
            _ => None,
        };
        if let Some(whose) = whose {
            let cpu = |samples: &[Sample]| median(samples, |sample| sample.cpu_us);
            let is_miss = target == Target::Haproxy && case.hit == 0;
            rows.push(Row {
                case: format!("{}, processor time of {whose}", case.name()),
                ours: format!("{:.1} us a query", cpu(ours)),
                against: format!("{}, {:.1} us a query", target.name(), cpu(theirs)),
                ratio: cpu(theirs) / cpu(ours),
                rate_ratio: None,
                goal: is_miss.then_some(1.0),
                errors: 0.0,
            });
        }
    }
    rows
}

fn goal(case: &Case, target: Target) -> Option<f64> {
    match target {
        Target::Canned => Some(0.85),
        Target::OwnCache if case.hit == 100 && case.threads == 64 => Some(2.0),
        Target::OwnCache if case.hit == 100 => Some(1.0),
        Target::Haproxy if case.hit == 0 => Some(1.0),
        _ => None,
    }
}

fn shown(samples: &[Sample]) -> String {
    let rates = || samples.iter().map(|sample| sample.queries_per_s);
    let least = rates().fold(f64::INFINITY, f64::min);
    let most = rates().fold(0.0, f64::max);
    format!(
        "{:.0} ({least:.0}–{most:.0}) queries/s, p99 {:.2} ms",
        median(samples, |sample| sample.queries_per_s),
        median(samples, |sample| sample.p99_ms)
    )
}

const HEADING: &str = "mix,connections,repeat_percent,target,round,queries_per_s,average_ms,p99_ms,\
                       cpu_us_per_query,errors,link";
/// Of `--secs`: sysbench counts whole seconds, and its threads need a moment to start.
const SECONDS_FACTOR: f64 = 5.0;

impl Target {
    fn only(self) -> Only {
        if self == Self::Menshen { Only::Menshen } else { Only::Nginx }
    }
}

#[cfg(test)]
mod tests;
