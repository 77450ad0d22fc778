//! Memory per held connection: slow uploads and stalled downloads.
//!
//! A fresh server for every figure, since memory freed by one run hides the growth in the next.
//! Counted is the private memory of all processes of the server (`smaps_rollup`), less what it had
//! before the first connection; the kernel's buffers are on top, on every side the same.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use super::lab::{Lab, Listener, Store};
use super::load::{CLIENT_CPU, pinned};
use super::report::{Report, Row, median};
use super::{Only, Options, menshen, nginx};
use crate::server::Server;

/// Holds the connections of every case on each server and reads the memory.
pub(crate) fn measure(
    options: &Options,
    lab: &Lab,
    report: &mut Report,
) -> Result<Vec<Row>, String> {
    let mut rows = Vec::new();
    for case in CASES.iter().filter(|case| case.name.contains(&options.filter)) {
        let mut readings = [Vec::new(), Vec::new()];
        for round in 0..options.rounds().min(ROUNDS_MAX) {
            for (only, readings) in [Only::Menshen, Only::Nginx].into_iter().zip(&mut readings) {
                if !options.wants(only) {
                    continue;
                }
                let reading = case.reading(options, lab, only)?;
                println!(
                    "{}, {}: {:.2} KiB a connection, {} held, {} failed",
                    case.name,
                    name(only),
                    reading.kib,
                    reading.held,
                    reading.failed
                );
                let raw = (reading.held, reading.kib);
                report.raw_memory(case.name, name(only), round, raw)?;
                readings.push(reading);
            }
        }
        rows.extend(case.rows(&readings));
    }
    Ok(rows)
}

/// One kind of held connection.
#[derive(Debug)]
struct Case {
    name: &'static str,
    load: &'static [&'static str],
    connections: u32,
    tls: bool,
    /// At most this many KiB a connection; None: no more than nginx.
    goal_kib: Option<f64>,
}

/// What one fresh server gave.
#[derive(Debug, Clone, Copy)]
struct Reading {
    kib: f64,
    held: f64,
    failed: f64,
}

impl Case {
    fn reading(&self, options: &Options, lab: &Lab, only: Only) -> Result<Reading, String> {
        let is_upload = self.load.contains(&"mode=hold-upload");
        let (server, port, path) = match only {
            Only::Menshen => {
                let store = if is_upload { Store::Disk } else { Store::Files };
                let port = if self.tls { lab.tls_port(store) } else { lab.plain_port(store) };
                (menshen::start(lab, store, WORKERS)?, port, "path=/put/s")
            }
            Only::Nginx => {
                let listener = if self.tls { Listener::Tls } else { Listener::Plain };
                (nginx::start(lab, WORKERS)?, lab.nginx_port(listener), "path=/disk/s")
            }
        };
        let connections = if options.short { self.connections / 20 } else { self.connections };
        let mut load = vec![format!("port={port}"), format!("c={connections}")];
        load.push(format!("secs={}", if options.short { 1.0 } else { HOLD_SECS }));
        if is_upload {
            load.push(path.to_owned());
        }
        hold(lab, &server, self.load, &load).map_err(|e| {
            let name = name(only);
            format!("{}, {name}: {e}", self.name)
        })
    }

    fn rows(&self, readings: &[Vec<Reading>; 2]) -> Option<Row> {
        let [ours, rival] = readings;
        if ours.is_empty() {
            return None;
        }
        let kib = median(ours, |reading| reading.kib);
        let rival_kib = median(rival, |reading| reading.kib);
        let (bound, goal_text) = match self.goal_kib {
            Some(goal) => (goal, format!("goal {goal} KiB, nginx {rival_kib:.1} KiB")),
            None => (rival_kib, format!("nginx {rival_kib:.1} KiB")),
        };
        Some(Row {
            case: self.name.to_owned(),
            ours: format!("menshen {kib:.1} KiB"),
            against: goal_text,
            ratio: bound / kib.max(0.01),
            rate_ratio: None,
            goal: (bound > 0.0).then_some(1.0),
            errors: ours.iter().chain(rival).map(|reading| reading.failed).sum(),
        })
    }
}

/// Opens and holds the connections, and reads the server's memory while they are held.
fn hold(lab: &Lab, server: &Server, fixed: &[&str], more: &[String]) -> Result<Reading, String> {
    thread::sleep(SETTLE);
    let before = server.private_kib();
    let mut command = pinned(CLIENT_CPU, &lab.loadgen);
    command.args(fixed).args(more);
    let mut client = Client::start(&mut command)?;
    let line = client.line()?;
    let after = server.private_kib();
    let value: Value =
        serde_json::from_str(&line).map_err(|e| format!("the load client said {line:?}: {e}"))?;
    let number = |key: &str| value[key].as_f64().ok_or_else(|| format!("no {key} in {line:?}"));
    let (held, failed) = (number("held")?, number("err")?);
    if failed > 0.0 {
        println!("  first failure: {}", value["error"].as_str().unwrap_or("-"));
    }
    let kib = (after as f64 - before as f64) / (held + failed).max(1.0);
    Ok(Reading { kib, held, failed })
}

/// The load client, which lets go when its standard input ends.
struct Client(Child);

impl Client {
    fn start(command: &mut Command) -> Result<Self, String> {
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        child.map(Self).map_err(|e| format!("could not start the load client: {e}"))
    }

    fn line(&mut self) -> Result<String, String> {
        let stdout = self.0.stdout.take().ok_or("the load client has no output")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).map_err(|e| e.to_string())?;
        if line.is_empty() { Err("the load client ended early".to_owned()) } else { Ok(line) }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        self.0.wait().ok();
    }
}

const fn name(only: Only) -> &'static str {
    match only {
        Only::Menshen => "menshen",
        Only::Nginx => "nginx",
    }
}

const CASES: [Case; 3] = [
    Case {
        name: "slow upload, plain",
        load: &["mode=hold-upload", "size=1048576"],
        connections: 10_000,
        tls: false,
        goal_kib: Some(10.0),
    },
    Case {
        name: "slow upload, tls",
        load: &["mode=hold-upload", "tls=1", "cipher=AES_256", "size=1048576"],
        connections: 2000,
        tls: true,
        goal_kib: Some(20.0),
    },
    Case {
        name: "stalled download of 1 GiB, tls",
        load: &["mode=hold-download", "tls=1", "cipher=AES_256", "path=/1g"],
        connections: 400,
        tls: true,
        goal_kib: None,
    },
];
/// Two, so that no worker meets a limit of 20,000 descriptors.
const WORKERS: usize = 2;
const ROUNDS_MAX: usize = 3;
const HOLD_SECS: f64 = 6.0;
/// After the start, until the server's memory is read for the first time.
const SETTLE: Duration = Duration::from_millis(300);
