//! Messages out of a TCP stream, whatever pieces it comes in.
//!
//! Holds at most one message. Once a stream is [`Malformed`] it stays so: where the next message
//! would begin is not known any more (RFC 2637 §2.16 has no way back either).

use super::wire::length;
use super::{Decoded, MESSAGE_BYTES_MAX, Malformed, decode};

/// Takes messages out of a stream.
#[derive(Debug, Clone)]
pub struct Decoder {
    held: [u8; MESSAGE_BYTES_MAX],
    filled: usize,
    failed: Option<Malformed>,
}

impl Decoder {
    /// At the beginning of a stream.
    #[must_use]
    pub const fn new() -> Self {
        Self { held: [0; MESSAGE_BYTES_MAX], filled: 0, failed: None }
    }

    /// The next message; `None` when `input` is used up before it is whole. What was read is taken
    /// off `input`.
    ///
    /// # Errors
    /// When the stream holds no messages here; then always.
    pub fn take(&mut self, input: &mut &[u8]) -> Result<Option<Decoded>, Malformed> {
        if let Some(failed) = self.failed {
            return Err(failed);
        }
        let taken = self.read(input);
        if let Err(malformed) = taken {
            self.failed = Some(malformed);
        }
        taken
    }

    /// Octets of a message that is not whole yet.
    #[must_use]
    pub fn partial(&self) -> &[u8] {
        self.held.get(..self.filled).unwrap_or_default()
    }

    fn read(&mut self, input: &mut &[u8]) -> Result<Option<Decoded>, Malformed> {
        // The cookie is judged as soon as it is there: what is not PPTP need not be long.
        loop {
            let need = match self.filled {
                0..COOKIE_END => COOKIE_END,
                _ => length(self.partial())?,
            };
            if self.filled >= COOKIE_END && self.filled >= need {
                let decoded = decode(self.partial());
                self.filled = 0;
                return decoded.map(Some);
            }
            let (now, later) = input.split_at((need - self.filled).min(input.len()));
            if now.is_empty() {
                return Ok(None);
            }
            if let Some(place) = self.held.get_mut(self.filled..self.filled + now.len()) {
                place.copy_from_slice(now);
            }
            self.filled += now.len();
            *input = later;
        }
    }
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

/// Where length and cookie are both there.
const COOKIE_END: usize = 8;
