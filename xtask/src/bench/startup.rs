//! From the start of the process to the first byte of an HTTPS answer.
//!
//! The load client waits before the server is started, and its clock runs a little longer than the
//! server does. Every start is a process of its own; a start that fails ends the benchmark.

use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Stdio};

use serde_json::Value;

use super::lab::{Lab, Listener, Store};
use super::load::{CLIENT_CPU, SERVER_CPU, pinned};
use super::report::{Report, Row, median};
use super::{Only, Options};
use crate::server::Server;
use crate::shell;

/// Starts every server again and again, in turns.
pub(crate) fn measure(
    options: &Options,
    lab: &Lab,
    report: &mut Report,
) -> Result<Vec<Row>, String> {
    let wanted = |kind: &&Kind| {
        options.wants(kind.only()) && (kind.is_rival() || kind.name().contains(&options.filter))
    };
    let kinds: Vec<Kind> = KINDS.iter().filter(wanted).copied().collect();
    if kinds.iter().all(|kind| kind.is_rival()) && !options.filter.is_empty() {
        return Err(format!("no case contains {:?}", options.filter));
    }
    // The kept folder, and the certificate nginx gets: made by a start that does not count.
    Kind::Kept.prepare(lab)?;
    Kind::Kept.start(lab)?;
    let mut times = vec![Vec::new(); kinds.len()];
    for round in 0..options.rounds() {
        for (kind, times) in kinds.iter().zip(&mut times) {
            kind.prepare(lab)?;
            let time = kind.start(lab).map_err(|e| format!("{}: {e}", kind.name()))?;
            report.raw_start(kind.name(), kind.server(), round, (time.connect, time.first))?;
            times.push(time);
        }
    }
    let measured: Vec<(Kind, Vec<Times>)> = kinds.into_iter().zip(times).collect();
    for (kind, times) in &measured {
        println!("{}: {}", kind.name(), shown(kind.server(), times));
    }
    Ok(rows(&measured))
}

/// The configurations measured, by file name.
pub(crate) fn configurations(options: &Options, lab: &Lab) -> Vec<(String, String)> {
    let kinds = [(Kind::Nginx, "nginx-startup.conf"), (Kind::Kept, "menshen-startup.toml")];
    let wanted = kinds.into_iter().filter(|(kind, _)| options.wants(kind.only()));
    wanted.map(|(kind, name)| (name.to_owned(), kind.configuration(lab))).collect()
}

/// What is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// menshen where nothing is yet.
    Fresh,
    /// menshen where it has run before.
    Kept,
    /// The rival.
    Nginx,
}

/// Milliseconds of one start.
#[derive(Debug, Clone, Copy)]
struct Times {
    connect: f64,
    first: f64,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Fresh => "start, fresh folder",
            Self::Kept => "start, existing folder",
            Self::Nginx => "start of nginx",
        }
    }

    const fn server(self) -> &'static str {
        if self.is_rival() { "nginx" } else { "menshen" }
    }

    const fn is_rival(self) -> bool {
        matches!(self, Self::Nginx)
    }

    const fn only(self) -> Only {
        if self.is_rival() { Only::Nginx } else { Only::Menshen }
    }

    fn folder(self, lab: &Lab) -> PathBuf {
        let name = match self {
            Self::Fresh => "fresh",
            Self::Kept => "kept",
            Self::Nginx => "nginx",
        };
        lab.disk.join("up/startup").join(name)
    }

    const fn file(self) -> &'static str {
        if self.is_rival() { "nginx.conf" } else { "menshen.toml" }
    }

    const fn path(self) -> &'static str {
        if self.is_rival() { "/1k" } else { "/.menshen/page/icon.svg" }
    }

    fn port(self, lab: &Lab) -> u16 {
        if self.is_rival() { lab.nginx_port(Listener::Tls) } else { lab.tls_port(Store::Files) }
    }

    /// Makes its folder as it is to be found.
    fn prepare(self, lab: &Lab) -> Result<(), String> {
        let folder = self.folder(lab);
        let make = || {
            if self == Self::Fresh && folder.exists() {
                fs::remove_dir_all(&folder)?;
            }
            fs::create_dir_all(&folder)?;
            fs::write(folder.join(self.file()), self.configuration(lab))
        };
        make().map_err(|e: io::Error| format!("could not prepare {}: {e}", folder.display()))
    }

    fn configuration(self, lab: &Lab) -> String {
        let port = self.port(lab);
        if !self.is_rival() {
            let admin = lab.plain_port(Store::Files);
            return format!(
                "[web]\nlisten = [\"127.0.0.1:{port}\"]\n\n\
                 [admin]\nlisten = \"127.0.0.1:{admin}\"\n"
            );
        }
        let state = Self::Kept.folder(lab).join(".menshen");
        let folder = self.folder(lab);
        format!(
            "{user}daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log crit;
events {{ }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  ssl_certificate {state}/dev-cert.pem; ssl_certificate_key {state}/dev-key.pem;
  ssl_protocols TLSv1.2 TLSv1.3;
  server {{ listen 127.0.0.1:{port} ssl; root {files}; }}
}}
",
            user = if lab.is_root { "user root;\n" } else { "" },
            folder = folder.display(),
            state = state.display(),
            files = lab.files().display(),
        )
    }

    /// One start, measured; the server is stopped again.
    fn start(self, lab: &Lab) -> Result<Times, String> {
        let folder = self.folder(lab);
        let mut command = match self {
            Self::Nginx => {
                let nginx = shell::find("nginx").ok_or("no nginx in PATH; install nginx")?;
                let mut command = pinned(SERVER_CPU, &nginx);
                command.arg("-p").arg(&folder).arg("-c").arg(folder.join(self.file()));
                command
            }
            Self::Fresh | Self::Kept => {
                let mut command = pinned(SERVER_CPU, &lab.menshen);
                command.args(["serve", "--config", self.file()]);
                command
            }
        };
        let mut client = Client::start(lab, self.port(lab), self.path())?;
        let log = lab.conf().join("startup.log");
        client.begin()?;
        let _server = Server::start(self.server(), command.current_dir(&folder), &log)?;
        let times = client.times();
        times.map_err(|e| format!("{e}\n{}", fs::read_to_string(&log).unwrap_or_default().trim()))
    }
}

/// The load client, which waits for the server that is about to be started.
struct Client {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Client {
    fn start(lab: &Lab, port: u16, path: &str) -> Result<Self, String> {
        let mut command = pinned(CLIENT_CPU, &lab.loadgen);
        command.args(["mode=first", "tls=1", "cipher=AES_256"]);
        command.arg(format!("port={port}")).arg(format!("path={path}"));
        let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = spawned.map_err(|e| format!("could not start the load client: {e}"))?;
        let output = child.stdout.take().ok_or("the load client has no output")?;
        Ok(Self { child, output: BufReader::new(output) })
    }

    /// Lets its clock run.
    fn begin(&mut self) -> Result<(), String> {
        let mut input = self.child.stdin.take().ok_or("the load client has no input")?;
        input.write_all(b"begin\n").map_err(|e| format!("the load client is gone: {e}"))?;
        let said = self.line()?;
        if said == "begin" { Ok(()) } else { Err(format!("the load client said {said:?}")) }
    }

    fn times(&mut self) -> Result<Times, String> {
        let line = self.line()?;
        let value: Value = serde_json::from_str(&line)
            .map_err(|e| format!("the load client said {line:?}: {e}"))?;
        let number = |key: &str| value[key].as_f64().ok_or_else(|| format!("no {key} in {line:?}"));
        Ok(Times { connect: number("connect_ms")?, first: number("first_byte_ms")? })
    }

    fn line(&mut self) -> Result<String, String> {
        let mut line = String::new();
        self.output.read_line(&mut line).map_err(|e| e.to_string())?;
        Ok(line.trim().to_owned())
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Every start of menshen against the goal, then against nginx.
fn rows(measured: &[(Kind, Vec<Times>)]) -> Vec<Row> {
    let first = |times: &[Times]| median(times, |time| time.first);
    let ours = || measured.iter().filter(|(kind, times)| !kind.is_rival() && !times.is_empty());
    let row = |kind: Kind, times: &[Times], against: String, bound: f64, goal| Row {
        case: kind.name().to_owned(),
        ours: shown(kind.server(), times),
        against,
        ratio: bound / first(times),
        rate_ratio: None,
        goal,
        errors: 0.0,
    };
    let mut rows: Vec<Row> = ours()
        .map(|(kind, times)| row(*kind, times, format!("goal {GOAL_MS} ms"), GOAL_MS, Some(1.0)))
        .collect();
    if let Some((rival, theirs)) = measured.iter().find(|(kind, _)| kind.is_rival()) {
        let against = shown(rival.server(), theirs);
        rows.extend(
            ours().map(|(kind, times)| row(*kind, times, against.clone(), first(theirs), None)),
        );
    }
    rows
}

fn shown(server: &str, times: &[Times]) -> String {
    let three = |value: fn(&Times) -> f64| {
        let least = times.iter().map(value).fold(f64::INFINITY, f64::min);
        let most = times.iter().map(value).fold(0.0, f64::max);
        format!("{least:.1} / {:.1} / {most:.1}", median(times, value))
    };
    let (connect, first) = (three(|time| time.connect), three(|time| time.first));
    format!("{server}: connect {connect} ms, first byte {first} ms")
}

/// Start-up to the first byte served takes at most this.
const GOAL_MS: f64 = 100.0;
const KINDS: [Kind; 3] = [Kind::Fresh, Kind::Kept, Kind::Nginx];

#[cfg(test)]
mod tests;
