//! The TLS connections of a capture file, and the story of one of them.
//!
//! The file is read once, in pieces of a fixed size, whatever its length. Its bytes are foreign:
//! who calls this has given up the rights of root before.

use std::fs::File;
use std::io::Read;

use menshen_base::{Finding, Severity};
use menshen_explain_core::capture::connections::{Connection, Counts, Finder};
use menshen_explain_core::capture::{CaptureError, Item, Reader};
use menshen_explain_core::handshake::{Origin, Outcome, Recording, Secrets, Story, tell};

use super::{HandshakeError, Listed, Report, verdicts};

/// Which connection of a capture.
#[derive(Debug, Clone, Default)]
pub struct Choose {
    /// By its number, from 1.
    pub stream: Option<usize>,
    /// The first one with this SNI.
    pub host: Option<String>,
}

/// Reads a capture and tells of one connection in it: of the one chosen, else of the first that
/// failed, else of the first.
///
/// # Errors
/// When the files cannot be read, are no captures, or hold no such connection.
pub fn from_capture(
    capture: File,
    key_log: Option<File>,
    choose: &Choose,
) -> Result<Report, HandshakeError> {
    let mut keys = Vec::new();
    if let Some(file) = key_log {
        file.take(KEY_LOG_BYTES_MAX).read_to_end(&mut keys).map_err(HandshakeError::Read)?;
        keys.push(b'\n');
    }
    let Taken { connections, counts, damage } = read(capture, &mut keys)?;
    let secrets = Secrets::parse(&keys);
    let mut stories = Vec::new();
    let mut list = Vec::new();
    for (index, connection) in connections.iter().take(LISTED_MAX).enumerate() {
        let story = story(connection, &secrets);
        list.push(listed(index + 1, connection, &story));
        stories.push(story);
    }
    let index = pick(&stories, choose).ok_or(match choose {
        Choose { stream: None, host: None } => HandshakeError::NothingThere {
            packets: counts.packets,
            unknown_links: counts.unknown_links,
        },
        _ => HandshakeError::NoSuch { found: stories.len() },
    })?;
    let story = stories.swap_remove(index);
    let (mut findings, mut checks) = (Vec::new(), Vec::new());
    if let Some(connection) = connections.get(index) {
        let seconds = connection.began_unix_ns / 1_000_000_000;
        checks = verdicts::chain_checks(&story, story.sni.as_deref(), seconds, None);
        findings.extend(of_recording(&story, connection));
    }
    findings.extend(damage.map(|error| {
        let claim = "the capture is damaged; what comes after is not read";
        Finding::new("capture-damaged", Severity::Warning, &story.subject, claim).evidence(
            "block",
            "capture",
            error.to_string(),
        )
    }));
    let mut report = Report::of(story, checks);
    report.findings.splice(0..0, findings);
    report.number = Some(index + 1);
    report.left_out = counts.left_out + u64::try_from(connections.len() - list.len()).unwrap_or(0);
    report.list = list;
    Ok(report)
}

struct Taken {
    connections: Vec<Connection>,
    counts: Counts,
    damage: Option<CaptureError>,
}

/// Key logs inside the file are added to `keys`.
fn read(mut file: File, keys: &mut Vec<u8>) -> Result<Taken, HandshakeError> {
    let (mut reader, mut finder) = (Reader::new(), Finder::new());
    let mut buffer = vec![0; READ_BYTES];
    let key_bytes_max = usize::try_from(KEY_LOG_BYTES_MAX).unwrap_or(usize::MAX);
    let damage = loop {
        let count = file.read(&mut buffer).map_err(HandshakeError::Read)?;
        let bytes = buffer.get(..count).unwrap_or_default();
        if bytes.is_empty() {
            break None;
        }
        let taken = reader.push(bytes, |item| match item {
            Item::Packet(packet) => finder.take(&packet),
            Item::KeyLog(text) => {
                if keys.len() + text.len() < key_bytes_max {
                    keys.extend_from_slice(text);
                    keys.push(b'\n');
                }
            }
        });
        match taken {
            Ok(()) => {}
            Err(error @ CaptureError::NotACapture) => return Err(error.into()),
            Err(error) => break Some(error),
        }
    };
    if reader.offset() == 0 {
        return Err(CaptureError::NotACapture.into());
    }
    let counts = finder.counts();
    Ok(Taken { connections: finder.finish(), counts, damage })
}

fn story(connection: &Connection, secrets: &Secrets) -> Story {
    let recording = Recording {
        subject: connection.server.to_string(),
        origin: Origin::Capture,
        connect_us: connection.connect_us,
        pieces: &connection.pieces,
        closed: connection.closed,
    };
    tell(&recording, secrets)
}

fn pick(stories: &[Story], choose: &Choose) -> Option<usize> {
    if let Some(number) = choose.stream {
        return number.checked_sub(1).filter(|index| *index < stories.len());
    }
    let fits = |story: &Story| match &choose.host {
        None => true,
        Some(host) => story.sni.as_ref().is_some_and(|sni| sni.eq_ignore_ascii_case(host)),
    };
    let failed = |story: &Story| {
        fits(story) && !matches!(story.outcome, Outcome::Done | Outcome::Unfinished)
    };
    stories.iter().position(failed).or_else(|| stories.iter().position(fits))
}

fn listed(number: usize, connection: &Connection, story: &Story) -> Listed {
    let client = connection.client.to_string();
    Listed::of(number, connection.began_unix_ns / 1_000_000, client, story)
}

/// What the recording itself lacks.
fn of_recording(story: &Story, connection: &Connection) -> Option<Finding> {
    let hole = connection.client_oddities.hole || connection.server_oddities.hole;
    let (claim, hint) = if connection.is_cut {
        (
            "packets of this connection were cut when they were captured",
            "Capture whole packets: tcpdump -s 0.",
        )
    } else if hole {
        (
            "packets of this connection are missing; its story ends at the hole",
            "Capture again with a larger buffer (tcpdump -B) or nearer to one of the two.",
        )
    } else {
        return None;
    };
    Some(Finding::new("capture-incomplete", Severity::Warning, &story.subject, claim).hint(hint))
}

/// Read at once.
const READ_BYTES: usize = 1 << 20;
/// Largest key log, in bytes.
const KEY_LOG_BYTES_MAX: u64 = 64 << 20;
/// Connections that are listed and told; of further ones only the number is said.
const LISTED_MAX: usize = 1000;
