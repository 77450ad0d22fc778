//! What a thousand sessions cost that do nothing: memory of the server.
//!
//! Clients are `crates/tunnel/examples/idle_sessions.rs`. With PPTP and MPPE-128 the server is,
//! too: its one process is measured. With SSTP it is menshen, and all of its processes are: TLS is
//! the web worker's, PPP the tunnel worker's. Each session has an interface at the server.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::ends::{Kind, configuration, dial, prepare};
use super::space::Spaces;
use crate::bench::Options;
use crate::bench::lab::Lab;
use crate::bench::report::{Report, Row};
use crate::server::Server;
use crate::{shell, workspace};

/// One crowd of each kind.
pub(super) fn measure(options: &Options, lab: &Lab, report: &Report) -> Result<Vec<Row>, String> {
    Ok(vec![pptp(options, lab, report)?, sstp(options, lab, report)?])
}

fn pptp(options: &Options, lab: &Lab, report: &Report) -> Result<Row, String> {
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
    Ok(row(options, "PPTP", (wanted, open), u64::from(kib), ""))
}

fn sstp(options: &Options, lab: &Lab, report: &Report) -> Result<Row, String> {
    let wanted = if options.short { 100 } else { SESSIONS };
    let spaces = Spaces::new()?;
    let text = configuration(lab, "off").replace("[tunnel]\n", SSTP_TABLE);
    let folder = prepare(lab, "-idle", &text)?;
    let user = "anna:35ccba9168b1d5ca6093b4b7d56c619b\n";
    fs::write(folder.join("users"), user).map_err(|e| format!("could not write users: {e}"))?;
    let log = lab.conf().join("tunnel-idle-sstp.log");
    let mut serving = spaces.first("bash".as_ref());
    serving.args(["-c", "ulimit -n 65536; exec \"$0\" serve --config menshen.toml"]);
    serving.arg(&lab.menshen).current_dir(&folder);
    let mut serving = Server::start("menshen", &mut serving, &log)?;
    serving.wait_until(&log, || spaces.listens(443))?;
    thread::sleep(Duration::from_secs(2));
    let before = serving.shared_out_kib();
    let dialled = dial(&lab.certificate(), Kind::Sstp, "10.8.0.1")?;
    let print = dialled.last().map(String::as_str).unwrap_or_default();
    let mut command = spaces.second("bash".as_ref());
    command.args(["-c", "ulimit -n 65536; exec \"$0\" sstp \"$1\" 10.8.0.1 \"$2\""]);
    command.arg(lab.program("examples/idle_sessions")).args([&wanted.to_string(), print]);
    let crowd = lab.conf().join("tunnel-crowd.log");
    let _clients = Server::start("clients", &mut command, &crowd)?;
    let until = Instant::now() + PATIENCE;
    let open = loop {
        thread::sleep(Duration::from_secs(2));
        let text = fs::read_to_string(&crowd).unwrap_or_default();
        let count = |line: &str| line.strip_suffix(" open")?.parse::<u32>().ok();
        let up = text.lines().filter_map(count).next_back().unwrap_or(0);
        let ended = text.lines().filter(|line| line.starts_with("one ended")).count();
        let open = up.saturating_sub(u32::try_from(ended).unwrap_or(u32::MAX));
        if open >= wanted || Instant::now() > until {
            break open;
        }
    };
    // What handshakes used is given back by now.
    thread::sleep(Duration::from_secs(3));
    let kib = serving.shared_out_kib();
    let line = format!("{wanted},{open},{before},{kib}");
    report.more("tunnel-idle-sstp.csv", "sessions,open,before_KiB,pss_KiB", &[line])?;
    let mib = kib_to_mib(before);
    let note = format!(", all processes; {mib:.1} MiB before");
    Ok(row(options, "SSTP", (wanted, open), kib, &note))
}

fn row(options: &Options, kind: &str, (wanted, open): (u32, u32), kib: u64, note: &str) -> Row {
    let goal = 64.0 * f64::from(wanted) / f64::from(SESSIONS);
    let mib = kib_to_mib(kib);
    Row {
        case: format!("tunnel, {wanted} idle sessions of {kind}"),
        ours: format!("{open} open, {mib:.1} MiB{note}"),
        against: format!("{goal:.1} MiB"),
        ratio: goal / mib,
        rate_ratio: None,
        // A hundred share what a process costs anyway.
        goal: (!options.short).then_some(1.0),
        errors: f64::from(wanted - open.min(wanted)),
    }
}

fn kib_to_mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}

/// Sessions that are open and resident memory in KiB, of a line of the server's.
pub(super) fn read(line: &str) -> Option<(u32, u32)> {
    let (_, rest) = line.split_once(' ')?;
    let open = rest.split_once(" open,")?.0.parse().ok()?;
    let rss = rest.split_once("VmRSS: ")?.1.split(' ').next()?.parse().ok()?;
    Some((open, rss))
}

/// In place of the head of `[tunnel]`.
const SSTP_TABLE: &str = "[limits]\nconnections_per_address_max = 2000\n\n[tunnel]\n\
                          addresses = \"10.77.0.0/16\"\nsessions_per_user_max = 2000\n";
const SESSIONS: u32 = 1000;
const PATIENCE: Duration = Duration::from_secs(180);
