//! Uploads in pieces: beside a plain `PUT` to the same door, beside @tus/server, and HTTP/2 beside
//! HTTP/1.1 over a long link.
//!
//! A whole upload is one request, so pieces, their acknowledgements and what is flushed for them
//! all count. It must never compare a server that flushes with one that does not without saying so
//! in the row.

use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::{fs, thread};

use super::lab::{Lab, Store};
use super::load::{CLIENT_CPU, EXACT_SECS_MAX, SERVER_CPU, Sample, pinned, run_client};
use super::report::{Report, Row, median};
use super::{Only, Options, menshen};
use crate::server::{Server, free_ports};
use crate::{chromium, shell, workspace};

/// Runs all cases that are wanted.
pub(crate) fn measure(
    options: &Options,
    lab: &Lab,
    report: &mut Report,
) -> Result<Vec<Row>, String> {
    let mut rows = Vec::new();
    if options.wants(Only::Menshen) {
        let durable = menshen::start(lab, Store::Durable, 1)?;
        let disk = menshen::start(lab, Store::Disk, 1)?;
        let rival = if options.wants(Only::Nginx) { Some(Rival::start(lab)?) } else { None };
        let servers = Servers { durable, disk, rival };
        for case in CASES.iter().filter(|case| case.name.contains(&options.filter)) {
            rows.extend(case.run(options, lab, &servers, report)?);
        }
        for link in LINKS.iter().filter(|link| link.name.contains(&options.filter)) {
            rows.push(link.run(options, lab, report)?);
        }
    }
    if rows.is_empty() {
        return Err(format!("no case contains {:?}", options.filter));
    }
    Ok(rows)
}

/// The configurations measured, by file name.
pub(crate) fn configurations(lab: &Lab) -> Vec<(String, String)> {
    let of = |name: &str, store| (name.to_owned(), menshen::configuration(lab, store, 1));
    vec![of("menshen.toml", Store::Disk), of("menshen-durable.toml", Store::Durable)]
}

struct Servers {
    durable: Server,
    disk: Server,
    rival: Option<Rival>,
}

/// @tus/server with its file store.
struct Rival {
    server: Server,
    port: u16,
    folder: PathBuf,
}

impl Rival {
    fn start(lab: &Lab) -> Result<Self, String> {
        let scripts = workspace::repository_root()?.join("bench/tus-server");
        chromium::install_driver(&scripts)?;
        let folder = lab.disk.join("up/tus");
        fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        let node = shell::find("node").ok_or("no node in PATH; install the package nodejs")?;
        let port = *free_ports(1)?.first().ok_or("no port")?;
        let mut command = pinned(SERVER_CPU, &node);
        command.arg(scripts.join("server.mjs")).arg(port.to_string()).arg(&folder);
        let log = lab.conf().join("tus-server.log");
        let mut server = Server::start("@tus/server", &mut command, &log)?;
        server.wait_for(port, &log)?;
        Ok(Self { server, port, folder })
    }

    /// Its uploads never replace each other.
    fn clear(&self) {
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            fs::remove_file(entry.path()).ok();
        }
    }
}

/// Who takes part in a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// This door, in a dialect.
    Ours(&'static str),
    /// `PUT` to the same door.
    Put,
    /// @tus/server.
    Rival,
}

/// 64 MiB, again and again.
struct Case {
    name: &'static str,
    store: Store,
    connections: &'static str,
    parts: &'static [Part],
}

impl Case {
    fn run(
        &self,
        options: &Options,
        lab: &Lab,
        servers: &Servers,
        report: &mut Report,
    ) -> Result<Vec<Row>, String> {
        let wanted = |part: &&Part| **part != Part::Rival || servers.rival.is_some();
        let parts: Vec<Part> = self.parts.iter().filter(wanted).copied().collect();
        let mut samples = vec![Vec::new(); parts.len()];
        for round in 0..options.rounds() {
            for (part, samples) in parts.iter().zip(&mut samples) {
                // None pays for what the one before left to be written.
                shell::run(Command::new("sync").arg("-f").arg(&lab.disk))?;
                let sample = self.one(options, lab, servers, *part);
                let sample = sample.map_err(|e| format!("{}, {}: {e}", self.name, part.label()))?;
                report.raw(self.name, part.label(), round, &sample)?;
                samples.push(sample);
            }
        }
        println!("\n{}", self.name);
        for (part, samples) in parts.iter().zip(&samples) {
            let (cpu, megabytes) =
                (median(samples, |s| s.cpu_us), median(samples, |s| s.megabytes));
            println!(
                "  {:<14} {:>9.1} ms CPU/upload {megabytes:>8.1} MB/s",
                part.label(),
                cpu / 1e3
            );
        }
        Ok(self.rows(&parts, &samples))
    }

    fn one(
        &self,
        options: &Options,
        lab: &Lab,
        servers: &Servers,
        part: Part,
    ) -> Result<Sample, String> {
        let own = if self.store == Store::Durable { &servers.durable } else { &servers.disk };
        let (mode, path, port, server) = match (part, &servers.rival) {
            (Part::Ours(mode), _) => (mode, CREATION, lab.plain_port(self.store), own),
            (Part::Put, _) => ("put", "/put/", lab.plain_port(self.store), own),
            (Part::Rival, Some(rival)) => ("tus", "/files", rival.port, &rival.server),
            (Part::Rival, None) => return Err("@tus/server was not started".to_owned()),
        };
        let count = if options.short { SHORT_UPLOADS } else { UPLOADS };
        let arguments = [
            format!("secs={EXACT_SECS_MAX}"),
            format!("mode={mode}"),
            format!("path={path}"),
            format!("port={port}"),
            format!("n={count}"),
            format!("c={}", self.connections),
            SIZE.to_owned(),
        ];
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let sample = run_client(lab, &arguments, || server.cpu_ns());
        if let Some(rival) = &servers.rival {
            rival.clear();
        }
        sample
    }

    fn rows(&self, parts: &[Part], samples: &[Vec<Sample>]) -> Vec<Row> {
        let with = || parts.iter().copied().zip(samples);
        let mut rows = Vec::new();
        for (own, ours) in with().filter(|(part, _)| matches!(part, Part::Ours(_))) {
            for (rival, theirs) in with().filter(|(part, _)| !matches!(part, Part::Ours(_))) {
                let rate = median(ours, |s| s.rate) / median(theirs, |s| s.rate);
                let cpu = median(theirs, |s| s.cpu_us) / median(ours, |s| s.cpu_us);
                let (ratio, other, goal) = match rival {
                    Part::Rival => (cpu, rate, RIVAL_GOAL),
                    _ => (rate, cpu, PUT_GOAL),
                };
                rows.push(Row {
                    case: self.name.to_owned(),
                    ours: format!("menshen, {}", own.label()),
                    against: rival.label().to_owned(),
                    ratio,
                    rate_ratio: Some(other),
                    goal: Some(goal),
                    errors: ours.iter().chain(theirs).map(|sample| sample.errors).sum(),
                });
            }
        }
        rows
    }
}

impl Part {
    const fn label(self) -> &'static str {
        match self {
            Self::Ours(dialect) => dialect,
            Self::Put => "PUT",
            Self::Rival => "@tus/server",
        }
    }
}

/// `PUT` of one file by curl, with both versions of HTTP, over a long link.
struct Link {
    name: &'static str,
    /// Bytes a second, each way.
    rate: u64,
}

impl Link {
    fn run(&self, options: &Options, lab: &Lab, report: &mut Report) -> Result<Row, String> {
        let port = *free_ports(1)?.first().ok_or("no port")?;
        let relay = Relay::start(lab, port, self.rate)?;
        let file = lab.files().join("64m");
        super::lab::make_file(&file, 64 << 20).map_err(|e| format!("{}: {e}", file.display()))?;
        let versions = ["--http1.1", "--http2"];
        let mut rates = [Vec::new(), Vec::new()];
        for round in 0..options.rounds() {
            for (version, rates) in versions.iter().zip(&mut rates) {
                let rate = upload(&file, port, version)?;
                let sample =
                    Sample { megabytes: rate / 1e6, ..Sample::of_rate(rate / 67_108_864.0) };
                report.raw(self.name, version, round, &sample)?;
                rates.push(rate);
            }
        }
        drop(relay);
        let [old, new] = rates.map(|rates| median(&rates, |rate| *rate));
        println!("\n{}\n  HTTP/1.1 {:.1} MB/s, HTTP/2 {:.1} MB/s", self.name, old / 1e6, new / 1e6);
        Ok(Row {
            case: self.name.to_owned(),
            ours: "HTTP/2".to_owned(),
            against: "HTTP/1.1".to_owned(),
            ratio: new / old,
            rate_ratio: None,
            goal: Some(H2_GOAL),
            errors: 0.0,
        })
    }
}

/// Bytes a second of one upload.
fn upload(file: &std::path::Path, port: u16, version: &str) -> Result<f64, String> {
    let curl = shell::find("curl").ok_or("no curl in PATH")?;
    let mut command = pinned(CLIENT_CPU, &curl);
    command.args(["--silent", "--show-error", "--fail", "--insecure", version, "--upload-file"]);
    command.arg(file).args([
        "--output",
        "/dev/null",
        "--write-out",
        "%{http_version} %{speed_upload}",
    ]);
    command.arg(format!("https://localhost:{port}/put/link"));
    let text = shell::output(&mut command)?;
    let (spoken, rate) = text.trim().split_once(' ').ok_or("curl said nothing")?;
    let wanted = if version == "--http2" { "2" } else { "1.1" };
    if spoken != wanted {
        return Err(format!("curl spoke HTTP/{spoken}"));
    }
    rate.parse().map_err(|e| format!("curl said {text:?}: {e}"))
}

/// The relay that is the link; ended when dropped.
struct Relay {
    child: Child,
    /// The relay ends with it.
    _input: Option<ChildStdin>,
}

impl Relay {
    fn start(lab: &Lab, port: u16, rate: u64) -> Result<Self, String> {
        let mut command = Command::new(&lab.loadgen);
        command.args(["mode=link", "delay=25"]).arg(format!("listen={port}"));
        command.arg(format!("port={}", lab.tls_port(Store::Disk))).arg(format!("rate={rate}"));
        let child = command.stdin(Stdio::piped()).spawn();
        let mut child = child.map_err(|e| format!("could not start the link: {e}"))?;
        let input = child.stdin.take();
        let relay = Self { child, _input: input };
        for _ in 0..START_TRIES {
            if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Ok(relay);
            }
            thread::sleep(std::time::Duration::from_millis(10));
        }
        Err("the link did not start".to_owned())
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

const TUS: Part = Part::Ours("tus");
const RUFH: Part = Part::Ours("rufh");
const CASES: [Case; 4] = [
    Case {
        name: "64 MiB, flushed, c=1",
        store: Store::Durable,
        connections: "1",
        parts: &[TUS, RUFH, Part::Put],
    },
    Case {
        name: "64 MiB, flushed, c=4",
        store: Store::Durable,
        connections: "4",
        parts: &[TUS, RUFH, Part::Put],
    },
    Case {
        name: "64 MiB, c=1",
        store: Store::Disk,
        connections: "1",
        parts: &[TUS, Part::Put, Part::Rival],
    },
    Case {
        name: "64 MiB, flushed, @tus/server not",
        store: Store::Durable,
        connections: "1",
        parts: &[TUS, Part::Rival],
    },
];
const LINKS: [Link; 2] = [
    Link { name: "PUT 64 MiB, 50 ms, 500 Mbit/s", rate: 62_500_000 },
    Link { name: "PUT 64 MiB, 50 ms, 1000 Mbit/s", rate: 125_000_000 },
];
/// Of a plain `PUT`'s rate.
const PUT_GOAL: f64 = 0.9;
/// Times what @tus/server moves in the same processor time.
const RIVAL_GOAL: f64 = 3.0;
/// Of HTTP/1.1's rate.
const H2_GOAL: f64 = 0.9;
const CREATION: &str = "/.menshen/uploads/";
const SIZE: &str = "size=67108864";
/// Uploads of one run.
const UPLOADS: u32 = 8;
const SHORT_UPLOADS: u32 = 1;
const START_TRIES: u32 = 300;
