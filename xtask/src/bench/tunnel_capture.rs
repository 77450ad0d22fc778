//! `menshen explain tunnel --pcap` through large captures, beside tshark reading the same.
//!
//! The captures are made here, by repetition of packets: ordinary web traffic with one PPTP call in
//! it, and a busy tunnel. tshark answers less: it prints the control messages and names no cause.
//! It is the nearest thing people have. Both read from the page cache; processor time counts.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::lab::Lab;
use super::oom::children_seconds;
use super::report::{Report, Row, median};
use super::{Only, Options};

/// Runs both through each capture, in turns.
pub(crate) fn measure(
    options: &Options,
    lab: &Lab,
    report: &mut Report,
) -> Result<Vec<Row>, String> {
    let rival = Command::new("tshark").arg("--version").output().is_ok();
    let mut rows = Vec::new();
    let mut text = String::from(
        "Megabytes (10^6) of capture for each second of processor time; smallest and largest in \
         brackets.\n\n| capture | program | median | |\n|---|---|---|---|\n",
    );
    let cases = CAPTURES.iter().filter(|capture| capture.name.contains(&options.filter));
    for capture in cases {
        let whole = if options.short { SHORT_BYTES } else { FULL_BYTES };
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for (program, rates) in [(OURS, &mut ours), (RIVAL, &mut theirs)] {
            let wanted = if program == OURS { Only::Menshen } else { Only::Nginx };
            if !options.wants(wanted) || program == RIVAL && !rival {
                continue;
            }
            // tshark keeps what it has seen in memory: a gigabyte of capture takes several.
            let bytes = if program == OURS { whole } else { whole.min(RIVAL_BYTES) };
            let path = capture.make(&lab.disk, bytes)?;
            let length = fs::metadata(&path).map_err(|e| e.to_string())?.len();
            for round in 0..options.rounds() {
                let seconds = run(lab, program, &path)?;
                let rate = length as f64 / 1e6 / seconds;
                let line = format!(
                    "{:?},{program:?},{round},{length},{seconds:.3},{rate:.1}",
                    capture.name
                );
                let head = "capture,program,round,bytes,cpu_s,MB_per_cpu_s";
                report.more("tunnel-captures.csv", head, &[line])?;
                rates.push(rate);
            }
            fs::remove_file(&path).map_err(|e| e.to_string())?;
        }
        for (program, rates) in [(OURS, &ours), (RIVAL, &theirs)] {
            if rates.is_empty() {
                continue;
            }
            let line = format!("| {} | {program} | {} | |", capture.name, shown(rates));
            println!("{line}");
            text += &format!("{line}\n");
        }
        rows.extend(rows_of(capture, &ours, &theirs));
    }
    if !rival {
        text += "\ntshark is not installed here.\n";
    }
    report.add_text(&text);
    Ok(rows)
}

fn rows_of(capture: &Capture, ours: &[f64], theirs: &[f64]) -> Vec<Row> {
    let middle = |rates: &[f64]| median(rates, |rate| *rate);
    let row = |against: String, ratio, goal| Row {
        case: format!("explain tunnel, {}", capture.name),
        ours: format!("{OURS}, {} MB/s", shown(ours)),
        against,
        ratio,
        rate_ratio: None,
        goal,
        errors: 0.0,
    };
    let mut rows = Vec::new();
    if !ours.is_empty() {
        let against = format!("goal {GOAL_RATE} MB/s");
        rows.push(row(against, middle(ours) / GOAL_RATE, Some(1.0)));
    }
    if !ours.is_empty() && !theirs.is_empty() {
        let against = format!("{RIVAL}, {} MB/s", shown(theirs));
        rows.push(row(against, middle(ours) / middle(theirs), None));
    }
    rows
}

fn shown(rates: &[f64]) -> String {
    let least = rates.iter().copied().fold(f64::INFINITY, f64::min);
    let most = rates.iter().copied().fold(0.0, f64::max);
    format!("{:.0} ({least:.0}–{most:.0})", median(rates, |rate| *rate))
}

/// Processor seconds of one run; each must find the call.
fn run(lab: &Lab, program: &str, path: &Path) -> Result<f64, String> {
    let mut command = if program == OURS {
        let mut command = Command::new(&lab.menshen);
        command.args(["explain", "tunnel", "--json", "--pcap"]).arg(path);
        command
    } else {
        let mut command = Command::new("tshark");
        command.args(["-n", "-Y", "pptp", "-T", "fields", "-e", "pptp.control_message_type"]);
        command.arg("-r").arg(path);
        command
    };
    let before = children_seconds()?;
    let done = command
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .map_err(|e| format!("could not run {program}: {e}"))?;
    let seconds = children_seconds()? - before;
    let text = String::from_utf8_lossy(&done.stdout);
    let found = if program == OURS {
        let value: Value = serde_json::from_str(&text).map_err(|e| format!("{program}: {e}"))?;
        value["calls"].as_array().map_or(0, Vec::len) == 1
    } else {
        text.split_whitespace().count() >= 4
    };
    if found { Ok(seconds) } else { Err(format!("{program} did not find the call")) }
}

/// A capture that is made for the run.
#[derive(Debug)]
struct Capture {
    name: &'static str,
    /// Octets of the packets that are repeated, and whether they are GRE of the call.
    packet: (usize, Kind),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// TCP of port 443: to be passed over.
    Web,
    /// GRE of the call, with data.
    Gre,
}

impl Capture {
    fn make(&self, folder: &Path, bytes: usize) -> Result<PathBuf, String> {
        let path = folder.join("tunnel.pcap");
        let failed = |e: std::io::Error| format!("could not write {}: {e}", path.display());
        let mut out = BufWriter::with_capacity(1 << 20, File::create(&path).map_err(failed)?);
        let head: [u32; 6] = [0xa1b2_c3d4, 2 | 4 << 16, 0, 0, 65_535, 1];
        for word in head {
            out.write_all(&word.to_le_bytes()).map_err(failed)?;
        }
        let (mut written, mut micros) = (24, 0_u64);
        let mut put = |frame: &[u8], micros: u64| -> std::io::Result<usize> {
            let length = u32::try_from(frame.len()).unwrap_or(0);
            let (seconds, rest) = (micros / 1_000_000, micros % 1_000_000);
            let seconds = 1_700_000_000 + u32::try_from(seconds).unwrap_or(0);
            for word in [seconds, u32::try_from(rest).unwrap_or(0), length, length] {
                out.write_all(&word.to_le_bytes())?;
            }
            out.write_all(frame)?;
            Ok(16 + frame.len())
        };
        for frame in call() {
            micros += 1000;
            written += put(&frame, micros).map_err(failed)?;
        }
        let (octets, kind) = self.packet;
        let mut number = 1_u32;
        while written < bytes {
            let frame = match kind {
                Kind::Web => {
                    let port = 20_000 + u16::try_from(number % 20_000).unwrap_or(0);
                    tcp((WEB, 443), (CLIENT, port), number, 0x10, &vec![0x55; octets - 54])
                }
                Kind::Gre => gre(number, octets),
            };
            number += 1;
            micros += 20;
            written += put(&frame, micros).map_err(failed)?;
        }
        out.flush().map_err(failed)?;
        Ok(path)
    }
}

/// TCP's handshake, greeting and call.
fn call() -> Vec<Vec<u8>> {
    let (client, server) = ((CLIENT, 40_000), (SERVER, 1723));
    let text = |name: &str| {
        let mut octets = name.as_bytes().to_vec();
        octets.resize(64, 0);
        octets
    };
    let message = |kind: u16, body: &[u8]| {
        let length = u16::try_from(body.len() + 12).unwrap_or(0);
        let mut octets = length.to_be_bytes().to_vec();
        octets.extend([0, 1, 0x1a, 0x2b, 0x3c, 0x4d]);
        octets.extend(kind.to_be_bytes());
        octets.extend([0, 0]);
        octets.extend(body);
        octets
    };
    let start = |result: u8| {
        let mut body = vec![1, 0, result, 0, 0, 0, 0, 3, 0, 0, 0, 3, 0, 0, 0, 1];
        body.extend([text("host"), text("vendor")].concat());
        body
    };
    let mut ask = vec![0, 7, 0, 1, 0, 0, 1, 0x2c, 5, 0xf5, 0xe1, 0, 0, 0, 0, 3, 0, 0, 0, 3, 0, 64];
    ask.resize(156, 0);
    let grant = [0, 9, 0, 7, 1, 0, 0, 0, 0, 0, 0xfa, 0, 0, 64, 0, 0, 0, 0, 0, 0];
    let (asks, grants) = (message(7, &ask), message(8, &grant));
    vec![
        tcp(client, server, 0, 0x02, &[]),
        tcp(server, client, 0, 0x12, &[]),
        tcp(client, server, 1, 0x10, &[]),
        tcp(client, server, 1, 0x18, &message(1, &start(0))),
        tcp(server, client, 1, 0x18, &message(2, &start(1))),
        tcp(client, server, 157, 0x18, &asks),
        tcp(server, client, 157, 0x18, &grants),
    ]
}

/// A packet of the call with so many octets, in both directions by turns.
fn gre(number: u32, octets: usize) -> Vec<u8> {
    let (from, to, call) =
        if number.is_multiple_of(2) { (CLIENT, SERVER, 9_u16) } else { (SERVER, CLIENT, 7) };
    let payload = octets - 14 - 20 - 12;
    let mut gre = vec![0x30, 0x01, 0x88, 0x0b];
    gre.extend(u16::try_from(payload).unwrap_or(0).to_be_bytes());
    gre.extend(call.to_be_bytes());
    gre.extend((number / 2).to_be_bytes());
    gre.extend([0xff, 0x03, 0x00, 0xfd]);
    gre.resize(12 + payload, 0x77);
    ip(from, to, 47, &gre)
}

fn tcp(from: (u32, u16), to: (u32, u16), number: u32, flags: u8, payload: &[u8]) -> Vec<u8> {
    let mut octets = from.1.to_be_bytes().to_vec();
    octets.extend(to.1.to_be_bytes());
    octets.extend((1000 + number).to_be_bytes());
    octets.extend([0, 0, 0, 1, 0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    octets.extend(payload);
    ip(from.0, to.0, 6, &octets)
}

fn ip(from: u32, to: u32, protocol: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0];
    frame.extend(u16::try_from(payload.len() + 20).unwrap_or(0).to_be_bytes());
    frame.extend([0, 1, 0, 0, 64, protocol, 0, 0]);
    frame.extend(from.to_be_bytes());
    frame.extend(to.to_be_bytes());
    frame.extend(payload);
    frame
}

const OURS: &str = "menshen explain tunnel";
const RIVAL: &str = "tshark";
/// A gigabyte a second.
const GOAL_RATE: f64 = 1000.0;
const FULL_BYTES: usize = 2 << 30;
const SHORT_BYTES: usize = 32 << 20;
const RIVAL_BYTES: usize = 128 << 20;
const CLIENT: u32 = 0xc0a8_4d02;
const SERVER: u32 = 0x0a4d_0002;
const WEB: u32 = 0xc633_6401;

const CAPTURES: &[Capture] = &[
    Capture { name: "web traffic, full packets", packet: (1514, Kind::Web) },
    Capture { name: "web traffic, packets of 200 octets", packet: (200, Kind::Web) },
    Capture { name: "a busy tunnel, full packets", packet: (1454, Kind::Gre) },
    Capture { name: "a busy tunnel, packets of 200 octets", packet: (200, Kind::Gre) },
];
