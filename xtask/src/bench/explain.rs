//! One explanation of a certificate, as a whole command, beside the scanners people use.
//!
//! They do not do the same: scanners try every protocol version and cipher suite a server may have,
//! `menshen explain cert` says what the certificate is and whether it holds. The table says so.
//! Only a server of its own on loopback is looked at.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

use super::lab::{Lab, Listener};
use super::nginx;
use super::report::{Report, Row, median};
use super::{Only, Options};
use crate::shell;

/// Runs each program against the same server, in turns.
pub(crate) fn measure(
    options: &Options,
    lab: &Lab,
    report: &mut Report,
) -> Result<Vec<Row>, String> {
    let _nginx = nginx::start(lab, 1)?;
    let port = lab.nginx_port(Listener::Tls);
    let wanted = |tool: &&Tool| {
        let named = tool.name.contains(&options.filter) || tool.is_ours();
        options.wants(tool.only()) && named && !(options.short && tool.is_slow)
    };
    let mut programs = Vec::new();
    for tool in TOOLS.iter().filter(wanted) {
        match tool.program(lab) {
            Some(program) => programs.push((tool, program, Vec::new())),
            None => report.add_text(&format!("{} is not installed: no row.", tool.name)),
        }
    }
    for round in 0..options.rounds() {
        for (tool, program, times) in &mut programs {
            let seconds = tool.run(program, port)?;
            report.raw_start(CASE, tool.name, round, (seconds * 1000.0, seconds * 1000.0))?;
            times.push(seconds);
        }
    }
    let mut text = String::from(
        "One whole command against nginx on loopback, seconds; smallest and largest in brackets.\n\
         \n| program | median | | what it tests |\n|---|---|---|---|\n",
    );
    for (tool, _, times) in &programs {
        let line = format!("| {} | {} | {} |", tool.name, shown(times), tool.tests);
        println!("{line}");
        text += &format!("{line}\n");
    }
    report.add_text(&text);
    Ok(rows(&programs))
}

/// A program that looks at a server.
#[derive(Debug)]
struct Tool {
    name: &'static str,
    /// Program and fixed arguments; `HOST` and `PORT` are filled in.
    command: &'static [&'static str],
    /// Whether a short run leaves it out.
    is_slow: bool,
    /// What it tests, for the table.
    tests: &'static str,
}

type Measured<'a> = (&'a Tool, PathBuf, Vec<f64>);

impl Tool {
    fn is_ours(&self) -> bool {
        self.name == OURS
    }

    fn only(&self) -> Only {
        if self.is_ours() { Only::Menshen } else { Only::Nginx }
    }

    fn program(&self, lab: &Lab) -> Option<PathBuf> {
        let name = *self.command.first()?;
        if self.is_ours() { Some(lab.menshen.clone()) } else { shell::find(name) }
    }

    /// Seconds of one run.
    fn run(&self, program: &PathBuf, port: u16) -> Result<f64, String> {
        let arguments = self.command.iter().skip(1);
        let arguments = arguments.map(|text| text.replace("PORT", &port.to_string()));
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let begun = Instant::now();
        let status = command.status().map_err(|e| format!("could not run {}: {e}", self.name))?;
        let seconds = begun.elapsed().as_secs_f64();
        // The certificate is that of a development CA: every program has something to say, and
        // most say it by their exit code too. Ours has a code for it.
        if self.is_ours() && !matches!(status.code(), Some(0 | 1)) {
            return Err(format!("{} ended with {status}", self.name));
        }
        Ok(seconds)
    }
}

fn rows(programs: &[Measured<'_>]) -> Vec<Row> {
    let Some((_, _, ours)) = programs.iter().find(|(tool, ..)| tool.is_ours()) else {
        return Vec::new();
    };
    let middle = |times: &[f64]| median(times, |seconds| *seconds);
    let row = |against: String, ratio, goal| Row {
        case: CASE.to_owned(),
        ours: format!("{OURS}, {} s", shown(ours)),
        against,
        ratio,
        rate_ratio: None,
        goal,
        errors: 0.0,
    };
    let goal = format!("goal {GOAL_SECONDS} s");
    let mut rows = vec![row(goal, GOAL_SECONDS / middle(ours), Some(1.0))];
    for (tool, _, theirs) in programs.iter().filter(|(tool, ..)| !tool.is_ours()) {
        let against = format!("{}, {} s", tool.name, shown(theirs));
        rows.push(row(against, middle(theirs) / middle(ours), None));
    }
    rows
}

fn shown(times: &[f64]) -> String {
    let least = times.iter().copied().fold(f64::INFINITY, f64::min);
    let most = times.iter().copied().fold(0.0, f64::max);
    format!("{:.3} ({least:.3}–{most:.3})", median(times, |seconds| *seconds))
}

const CASE: &str = "explain a certificate";
const OURS: &str = "menshen explain cert";
const GOAL_SECONDS: f64 = 0.5;

const TOOLS: &[Tool] = &[
    Tool {
        name: OURS,
        command: &["menshen", "explain", "cert", "127.0.0.1:PORT", "--name", "localhost"],
        is_slow: false,
        tests: "one connection: class, names, chain, trust, lifetime, key, revocation, \
                transparency, what browsers show; no other protocol versions or suites, no \
                vulnerabilities",
    },
    Tool {
        name: "sslscan",
        command: &["sslscan", "--no-colour", "127.0.0.1:PORT"],
        is_slow: false,
        tests: "every protocol version, cipher suite and group, Heartbleed, compression; few facts \
                of the certificate",
    },
    Tool {
        name: "sslyze",
        command: &["sslyze", "127.0.0.1:PORT"],
        is_slow: true,
        tests: "every version, suite and curve, several vulnerabilities, resumption; chain against \
                five trust stores",
    },
    Tool {
        name: "testssl.sh",
        command: &["testssl", "--quiet", "--warnings", "batch", "127.0.0.1:PORT"],
        is_slow: true,
        tests: "every version and suite, client simulation, some twenty vulnerabilities, HTTP \
                headers, a grade; certificate",
    },
];
