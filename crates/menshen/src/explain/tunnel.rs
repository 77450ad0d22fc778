//! `menshen explain tunnel`: options to a question, what was found shown.
//!
//! Captures are opened here, while the rights for them are there; then root becomes nobody, and
//! only then foreign bytes are looked at.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use menshen_config::Colour;
use menshen_explain::certificate::Paint;
use menshen_explain::rights::become_nobody;
use menshen_explain::tunnel::{Told, TunnelError, from_capture, text};

use super::ticker::Ticker;
use crate::{EXIT_CONFIG, EXIT_NO, EXIT_PERMANENT, out};

/// Why a PPTP tunnel does not come up: which step fails, on what evidence, and what to do
///
/// Reads a capture (pcap, pcapng; multi-gigabyte is fine) and tells of each PPTP call in it: control
/// connection, GRE each way, PPP, the ICMP errors about them, and the one cause they show. Where a
/// capture of one end cannot tell two causes apart, it says so.
///
/// Exit code 0: the tunnel is well; 1: it is not, or no call is there; 2: usage, or no capture.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    menshen explain tunnel --pcap vpn.pcap\n  \
    tcpdump -s 0 -w - 'ip proto 47 or tcp port 1723 or icmp' | menshen explain tunnel --pcap -")]
pub(crate) struct TunnelArguments {
    /// Tell of the calls in this capture, pcap or pcapng; `-` reads standard input
    #[arg(long, value_name = "FILE", required = true)]
    pcap: Option<PathBuf>,
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
    let told = capture(arguments.pcap.as_deref().unwrap_or_else(|| Path::new("-")))?;
    let code = if told.is_good() { 0 } else { EXIT_NO };
    let shown = if arguments.json { told.json() } else { out::folded(&text(&told, paint())) };
    Ok((shown, code))
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
