//! What a thousand sessions cost that do nothing: memory of the server's process.
//!
//! Server and clients are `crates/tunnel/examples/idle_sessions.rs`: PPTP with MPPE-128, an
//! interface each at the server.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::space::Spaces;
use crate::bench::Options;
use crate::bench::lab::Lab;
use crate::bench::report::{Report, Row};
use crate::server::Server;
use crate::{shell, workspace};

/// One crowd.
pub(super) fn measure(options: &Options, lab: &Lab, report: &Report) -> Result<Vec<Row>, String> {
    let mut build = Command::new("cargo");
    build.current_dir(workspace::repository_root()?);
    build.args(["build", "--quiet", "--release", "--package", "menshen-tunnel"]);
    shell::run(build.args(["--example", "idle_sessions"]))?;
    let program = lab.program("examples/idle_sessions");
    let wanted = if options.short { 100 } else { SESSIONS };
    let spaces = Spaces::new()?;
    for last in 1..=32 {
        spaces.ip_first(&format!("addr add 10.9.1.{last}/32 dev v0"))?;
    }
    let mut route = spaces.second("ip".as_ref());
    shell::output(route.args(["route", "add", "10.9.1.0/24", "via", "10.8.0.1"]))?;
    let log = lab.conf().join("tunnel-idle.log");
    let out = fs::File::create(&log).map_err(|e| format!("could not write the log: {e}"))?;
    let mut serving = spaces.first("bash".as_ref());
    serving.args(["-c", "ulimit -n 65536; exec \"$0\" server"]).arg(&program);
    serving.stdin(Stdio::piped()).stdout(out);
    let mut serving = serving.spawn().map_err(|e| format!("could not start the server: {e}"))?;
    thread::sleep(Duration::from_secs(1));
    let mut command = spaces.second("bash".as_ref());
    command.args(["-c", "ulimit -n 65536; exec \"$0\" clients \"$1\""]).arg(&program);
    command.arg(wanted.to_string());
    let clients = Server::start("clients", &mut command, &lab.conf().join("tunnel-crowd.log"))?;
    let until = Instant::now() + PATIENCE;
    let found = loop {
        thread::sleep(Duration::from_secs(2));
        let text = fs::read_to_string(&log).unwrap_or_default();
        let last = text.lines().filter_map(read).next_back();
        let is_all = last.is_some_and(|(open, _)| open >= wanted);
        if is_all || Instant::now() > until {
            break last;
        }
    };
    drop(clients);
    // The end of its input asks it to stop.
    drop(serving.stdin.take().map(|mut input| input.flush()));
    let _ = serving.wait();
    let (open, kib) = found.ok_or("the server of idle sessions said nothing")?;
    report.more("tunnel-idle.csv", "sessions,open,rss_KiB", &[format!("{wanted},{open},{kib}")])?;
    let goal = 64.0 * 1024.0 * f64::from(wanted) / f64::from(SESSIONS);
    Ok(vec![Row {
        case: format!("tunnel, {wanted} idle sessions of PPTP"),
        ours: format!("{open} open, {:.1} MiB", f64::from(kib) / 1024.0),
        against: format!("{:.1} MiB", goal / 1024.0),
        ratio: goal / f64::from(kib),
        rate_ratio: None,
        // A hundred share what a process costs anyway.
        goal: (!options.short).then_some(1.0),
        errors: f64::from(wanted - open.min(wanted)),
    }])
}

/// Sessions that are open and resident memory in KiB, of a line of the server's.
pub(super) fn read(line: &str) -> Option<(u32, u32)> {
    let (_, rest) = line.split_once(' ')?;
    let open = rest.split_once(" open,")?.0.parse().ok()?;
    let rss = rest.split_once("VmRSS: ")?.1.split(' ').next()?.parse().ok()?;
    Some((open, rss))
}

const SESSIONS: u32 = 1000;
const PATIENCE: Duration = Duration::from_secs(180);
