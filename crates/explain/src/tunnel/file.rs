//! The calls of a capture file. It is read once, in large pieces, whatever its length; what is kept
//! of it is bounded by the finder.

use std::io::{self, Read};

use menshen_explain_core::tunnel::Stream;

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
    let mut stream = Stream::default();
    let mut buffer = vec![0; READ_BYTES];
    let mut bytes = 0;
    while !stream.is_damaged() {
        let count = match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) if bytes == 0 => return Err(TunnelError::Read(error)),
            Err(error) => {
                stream.broke(error.to_string());
                break;
            }
        };
        stream.push(buffer.get(..count).unwrap_or_default())?;
        bytes += count as u64;
        progress(Progress { bytes });
    }
    let (report, findings) = stream.finish(&shown(name))?;
    Ok(Told { report, findings, verdict: None, live: None })
}

/// Read at once: smaller pieces cost time, larger ones gain none.
const READ_BYTES: usize = 1 << 20;
