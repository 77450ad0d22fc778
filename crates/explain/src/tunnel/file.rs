//! The calls of a capture file. It is read once, in large pieces, whatever its length; what is kept
//! of it is bounded by the finder.

use std::io::{self, Read};

use menshen_base::{Finding, Severity};
use menshen_explain_core::capture::{CaptureError, Item, Reader};
use menshen_explain_core::tunnel::Report;
use menshen_explain_core::tunnel::capture::Finder;

use super::{Told, TunnelError};
use crate::certificate::shown;

/// How far reading is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Bytes read so far.
    pub bytes: u64,
}

/// Reads a capture, pcap or pcapng, and draws the conclusions. `name`: what it is called.
/// `progress` is called now and then.
///
/// A capture that breaks off or is damaged is told as far as it goes.
///
/// # Errors
/// When nothing of it can be read, or it is no capture.
pub fn from_capture(
    name: &str,
    mut from: impl Read,
    progress: &mut dyn FnMut(Progress),
) -> Result<Told, TunnelError> {
    let (mut reader, mut finder) = (Reader::new(), Finder::new());
    let mut buffer = vec![0; READ_BYTES];
    let mut bytes = 0;
    let damage = loop {
        let count = match from.read(&mut buffer) {
            Ok(0) => break None,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) if bytes == 0 => return Err(TunnelError::Read(error)),
            Err(error) => break Some(error.to_string()),
        };
        let taken = reader.push(buffer.get(..count).unwrap_or_default(), |item| {
            if let Item::Packet(packet) = item {
                finder.take(&packet);
            }
        });
        match taken {
            Ok(()) => {}
            Err(error @ CaptureError::NotACapture) => return Err(error.into()),
            Err(error) => break Some(error.to_string()),
        }
        bytes += count as u64;
        progress(Progress { bytes });
    };
    if reader.offset() == 0 {
        return Err(CaptureError::NotACapture.into());
    }
    let (mut findings, name) = (Vec::new(), shown(name));
    if let Some(why) = damage {
        let claim = "the capture is damaged; what comes after is not read";
        let found = Finding::new("capture-damaged", Severity::Warning, name, claim);
        findings.push(found.evidence("reading", "capture", why));
    } else if !reader.is_complete() {
        let claim = "the capture ends within a packet: it was cut off, or is still being written";
        findings.push(Finding::new("capture-cut-off", Severity::Note, name, claim));
    }
    let report = Report::new(finder.finish());
    Ok(Told { report, findings, verdict: None, live: None })
}

/// Read at once: smaller pieces cost time, larger ones gain none.
const READ_BYTES: usize = 1 << 20;
