//! `menshen explain tunnel`: options to a question, what was found shown.
//!
//! Captures are opened here, while the rights for them are there; then root becomes nobody, and
//! only then foreign bytes are looked at.

use std::fs::File;
use std::io::{IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use menshen_config::Colour;
use menshen_explain::certificate::Paint;
use menshen_explain::connect::Target;
use menshen_explain::rights::become_nobody;
use menshen_explain::tunnel::live::{Ask, LiveError, Sockets, look};
use menshen_explain::tunnel::{Told, TunnelError, from_capture, svg, text};

use super::place::{one_to_stdout, place, put, write};
use super::ticker::Ticker;
use crate::{EXIT_CONFIG, EXIT_NO, EXIT_PERMANENT, EXIT_RETRY, out};

/// Why a PPTP tunnel does not come up: which step fails, on what evidence, and what to do
///
/// Tries it: the name, the route, TCP port 1723, the greeting, a call, GRE out and back, LCP, how
/// long packets may be, and whether SSTP answers on port 443. It stops before authentication: no
/// user and no password is needed. With call id 0 first and then another one, which tells a NAT
/// without PPTP helper. It takes up to 12 seconds. Needs root or CAP_NET_RAW for GRE; root becomes
/// `nobody` before anything is sent. Where a menshen is the server it is asked over HTTPS what
/// arrived there, which tells in which direction GRE is lost.
///
/// Or reads a capture (pcap, pcapng; multi-gigabyte is fine) and tells of each PPTP call in it.
/// Where one end alone cannot tell two causes apart, it says so.
///
/// Exit code 0: the way is well; 1: it is not, or no call is in the capture; 2: usage, or no
/// capture; 111: the name has no address.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("from").required(true).args(["host", "pcap"]))]
#[command(after_help = "Examples:\n  \
    sudo menshen explain tunnel vpn.example.com\n  \
    menshen explain tunnel --pcap vpn.pcap --svg vpn.svg\n  \
    tcpdump -s 0 -w - 'ip proto 47 or tcp port 1723 or icmp' | menshen explain tunnel --pcap -")]
pub(crate) struct TunnelArguments {
    /// The PPTP server, by name or address
    #[arg(value_name = "HOST")]
    host: Option<String>,
    /// Port of HTTPS and SSTP at HOST
    #[arg(long, value_name = "PORT", requires = "host", default_value_t = 443)]
    https_port: u16,
    /// Write what passed to and from HOST into FILE, as a capture
    #[arg(long, value_name = "FILE", requires = "host")]
    save: Option<PathBuf>,
    /// Tell of the calls in this capture, pcap or pcapng; `-` reads standard input
    #[arg(long, value_name = "FILE")]
    pcap: Option<PathBuf>,
    /// Draw the way up and where it stops into FILE as SVG, or to standard output with `-`
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Print JSON instead of text
    #[arg(long)]
    json: bool,
}

/// `menshen explain tunnel`.
pub(crate) fn run(arguments: &TunnelArguments) -> ExitCode {
    match answer(arguments) {
        Ok((text, code)) => out::print(&text, code),
        Err((text, code)) => {
            out::complain(&text);
            ExitCode::from(code)
        }
    }
}

type Complaint = (String, u8);

fn answer(arguments: &TunnelArguments) -> Result<(String, u8), Complaint> {
    one_to_stdout(arguments.svg.as_deref(), None, arguments.json)?;
    let svg_place = place(arguments.svg.as_deref())?;
    let told = match (&arguments.pcap, &arguments.host) {
        (None, Some(host)) => live(arguments, host)?,
        (path, _) => capture(path.as_deref().unwrap_or_else(|| Path::new("-")))?,
    };
    let code = if told.is_good() { 0 } else { EXIT_NO };
    if let Some(picture) = put(svg_place.as_ref(), || svg(&told))? {
        return Ok((picture, code));
    }
    let shown = if arguments.json { told.json() } else { out::folded(&text(&told, paint())) };
    Ok((shown, code))
}

fn live(arguments: &TunnelArguments, host: &str) -> Result<Told, Complaint> {
    let target = Target::parse(host, PPTP_PORT)
        .map_err(|error| (format!("menshen: {error}\n  hint: {}", error.hint()), EXIT_CONFIG))?;
    let save = place(arguments.save.as_deref())?;
    let sockets = Sockets::open();
    drop_root()?;
    let ask = Ask { target, https_port: arguments.https_port };
    let terminal = std::io::stderr().is_terminal();
    let begin = Instant::now();
    let look = look(&ask, sockets, &mut |step| {
        if terminal {
            let seconds = begin.elapsed().as_secs_f32();
            // Nobody is left to be told.
            let _ = write!(std::io::stderr(), "\r\x1b[Kmenshen: {seconds:4.1} s  {step}");
        }
    });
    if terminal {
        let _ = write!(std::io::stderr(), "\r\x1b[K");
    }
    let look = look.map_err(|error| {
        let detail = match &error {
            LiveError::Unresolved { detail, .. } => detail.clone(),
            LiveError::Local { source, .. } => source.to_string(),
        };
        (format!("menshen: {error}\n  detail: {detail}"), EXIT_RETRY)
    })?;
    if let Some(save) = &save {
        write(save, &look.capture)?;
    }
    Ok(look.told)
}

fn capture(path: &Path) -> Result<Told, Complaint> {
    let (from, bytes_all): (Box<dyn Read>, _) = if path == Path::new("-") {
        (Box::new(std::io::stdin().lock()), None)
    } else {
        let file = File::open(path).map_err(|error| unreadable(path, &error))?;
        let meta = file.metadata().map_err(|error| unreadable(path, &error))?;
        let bytes = meta.is_file().then_some(meta.len());
        (Box::new(file), bytes)
    };
    drop_root()?;
    let mut ticker = Ticker::new();
    let name = path.display().to_string();
    let told = from_capture(&name, from, &mut |progress| ticker.tick(progress.bytes, bytes_all));
    ticker.clear();
    told.map_err(|error| match error {
        TunnelError::Read(error) => unreadable(path, &error),
        TunnelError::Capture(error) => {
            let name = shown(&name);
            let text = format!(
                "menshen: {name} is no capture\n  detail: {error}\n  hint: `tcpdump -w FILE` \
                 writes one; a compressed one is unpacked first: gzip -dc FILE | menshen explain \
                 tunnel --pcap -"
            );
            (text, EXIT_CONFIG)
        }
    })
}

/// Root parses nothing foreign.
fn drop_root() -> Result<(), Complaint> {
    become_nobody().map_err(|error| {
        let text = format!("menshen: could not give up the rights of root\n  detail: {error}");
        (text, EXIT_PERMANENT)
    })
}

fn unreadable(path: &Path, error: &std::io::Error) -> Complaint {
    let name = shown(&path.display().to_string());
    (format!("menshen: could not read {name}\n  detail: {error}"), EXIT_CONFIG)
}

fn paint() -> Paint {
    match out::stdout_colour() {
        Colour::Plain => Paint::Plain,
        Colour::Ansi => Paint::Ansi,
    }
}

/// Fit for a terminal.
fn shown(text: &str) -> String {
    text.chars()
        .flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] })
        .collect()
}

/// Only as a part of HOST that may be written and is not looked at.
const PPTP_PORT: u16 = 1723;
