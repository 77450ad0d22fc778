//! Secrets of connections, from lines of a key log (RFC 9850, `SSLKEYLOGFILE`).
//!
//! Any bytes: lines that are no key log lines are passed over. Never shown: `Debug` prints numbers
//! only, and there is no way to serialise.

use alloc::vec::Vec;
use core::fmt;

/// Secrets by label and client random.
#[derive(Clone, Default)]
pub struct Secrets {
    entries: Vec<Entry>,
    /// Lines that were passed over, comments and empty ones not counted.
    ignored: usize,
}

#[derive(Clone)]
struct Entry {
    label: Label,
    client_random: [u8; 32],
    secret: Vec<u8>,
}

/// Which secret it is: the labels of RFC 9850 §2 that help to open records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Label {
    /// `CLIENT_RANDOM`: the master secret of TLS 1.2 and older.
    Master,
    ClientEarly,
    ClientHandshake,
    ServerHandshake,
    ClientApplication,
    ServerApplication,
}

impl Secrets {
    /// No secrets.
    #[must_use]
    pub const fn none() -> Self {
        Self { entries: Vec::new(), ignored: 0 }
    }

    /// Reads the lines of a key log; at most [`SECRETS_MAX`] are kept, the first ones.
    #[must_use]
    pub fn parse(text: &[u8]) -> Self {
        let mut secrets = Self::none();
        for line in text.split(|byte| *byte == b'\n') {
            secrets.add_line(line);
        }
        secrets
    }

    /// Adds one secret as a KeyLog hook gives it: label, client random, secret. Labels that open
    /// nothing (such as `EXPORTER_SECRET`) are passed over.
    pub fn add(&mut self, label: &str, client_random: &[u8], secret: &[u8]) {
        let known = LABELS.iter().find(|(name, _)| *name == label).map(|(_, label)| *label);
        let random = <[u8; 32]>::try_from(client_random).ok();
        let (Some(label), Some(client_random)) = (known, random) else {
            self.ignored += usize::from(!UNUSED.contains(&label));
            return;
        };
        if self.entries.len() < SECRETS_MAX && (1..=SECRET_BYTES_MAX).contains(&secret.len()) {
            self.entries.push(Entry { label, client_random, secret: secret.to_vec() });
        } else {
            self.ignored += 1;
        }
    }

    /// How many secrets are held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether none is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Lines and secrets that were passed over, comments and empty lines not counted.
    #[must_use]
    pub const fn ignored(&self) -> usize {
        self.ignored
    }

    /// Whether there is any secret of the connection with this client random.
    #[must_use]
    pub fn knows(&self, client_random: &[u8]) -> bool {
        self.entries.iter().any(|entry| entry.client_random == client_random)
    }

    /// One secret of a connection; the last one when it was given more than once.
    pub(super) fn get(&self, label: Label, client_random: &[u8]) -> Option<&[u8]> {
        let fits = |entry: &&Entry| entry.label == label && entry.client_random == client_random;
        self.entries.iter().rev().find(fits).map(|entry| entry.secret.as_slice())
    }

    fn add_line(&mut self, line: &[u8]) {
        let line = line.trim_ascii();
        if line.is_empty() || line.starts_with(b"#") {
            return;
        }
        let mut words = line.split(|byte| *byte == b' ');
        let label = words.next().and_then(|word| core::str::from_utf8(word).ok());
        let random = words.next().and_then(unhex);
        let secret = words.next().and_then(unhex);
        match (label, random, secret, words.next()) {
            (Some(label), Some(random), Some(secret), None) => self.add(label, &random, &secret),
            _ => self.ignored += 1,
        }
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secrets({} held, {} ignored)", self.entries.len(), self.ignored)
    }
}

/// Hexadecimal digits of either case; None for anything else, or more than a secret can have.
fn unhex(text: &[u8]) -> Option<Vec<u8>> {
    if text.is_empty() || text.len() > 2 * SECRET_BYTES_MAX || !text.len().is_multiple_of(2) {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    text.chunks(2)
        .map(|pair| match pair {
            [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
            _ => None,
        })
        .collect()
}

/// Secrets kept of one key log: 5 for each of 10,000 connections.
pub const SECRETS_MAX: usize = 50_000;
/// Bytes of one secret; the longest real ones have 48.
const SECRET_BYTES_MAX: usize = 64;

const LABELS: &[(&str, Label)] = &[
    ("CLIENT_RANDOM", Label::Master),
    ("CLIENT_EARLY_TRAFFIC_SECRET", Label::ClientEarly),
    ("CLIENT_HANDSHAKE_TRAFFIC_SECRET", Label::ClientHandshake),
    ("SERVER_HANDSHAKE_TRAFFIC_SECRET", Label::ServerHandshake),
    ("CLIENT_TRAFFIC_SECRET_0", Label::ClientApplication),
    ("SERVER_TRAFFIC_SECRET_0", Label::ServerApplication),
];

/// Labels of RFC 9850 that open no record.
const UNUSED: &[&str] = &["EARLY_EXPORTER_SECRET", "EXPORTER_SECRET", "ECH_SECRET", "ECH_CONFIG"];

#[cfg(test)]
mod tests;
