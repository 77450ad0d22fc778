//! The keys of our own connections, in memory, to open our own recording.
//!
//! No payload ever passes over these connections, so the secrets open nothing but the handshake,
//! the tickets and the goodbye. They leave this process only in a file that was asked for
//! (`--pcapng`).

use std::fmt::{self, Write as _};
use std::sync::{Mutex, PoisonError};

use menshen_explain_core::handshake::Secrets;
use rustls::KeyLog;

/// Takes the secrets of one connection after the other.
#[derive(Default)]
pub(super) struct Keys {
    lines: Mutex<Vec<Line>>,
}

/// Label, client random, secret.
type Line = (String, Vec<u8>, Vec<u8>);

impl Keys {
    /// All secrets so far, to open recordings.
    pub(super) fn secrets(&self) -> Secrets {
        let mut secrets = Secrets::none();
        for (label, random, secret) in &*self.lines.lock().unwrap_or_else(PoisonError::into_inner) {
            secrets.add(label, random, secret);
        }
        secrets
    }

    /// How many there are so far.
    pub(super) fn count(&self) -> usize {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// All but the first `skip` as lines of a key log (RFC 9850).
    pub(super) fn text(&self, skip: usize) -> String {
        let mut text = String::new();
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        for (label, random, secret) in lines.iter().skip(skip) {
            text.push_str(label);
            for bytes in [random, secret] {
                text.push(' ');
                for byte in bytes {
                    // A String takes everything.
                    let _ = write!(text, "{byte:02x}");
                }
            }
            text.push('\n');
        }
        text
    }
}

impl KeyLog for Keys {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if self.will_log(label) && lines.len() < LINES_MAX {
            lines.push((label.to_owned(), client_random.to_vec(), secret.to_vec()));
        }
    }

    fn will_log(&self, label: &str) -> bool {
        LABELS.contains(&label)
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys(…)")
    }
}

/// No exporter, no early data: nothing in the picture needs them.
const LABELS: &[&str] = &[
    "CLIENT_RANDOM",
    "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
    "SERVER_HANDSHAKE_TRAFFIC_SECRET",
    "CLIENT_TRAFFIC_SECRET_0",
    "SERVER_TRAFFIC_SECRET_0",
];
/// Two connections have ten.
const LINES_MAX: usize = 64;
