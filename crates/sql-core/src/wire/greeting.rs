//! The greeting: the server's first packet (protocol 10), and what the door makes of it.
//!
//! The server's scramble, version and thread id are handed on, so that the client's answer to the
//! scramble is good for the server; only the capabilities change ([`Greeting::offered`]). A server
//! that refuses the connection sends an ERR packet in its place.

use alloc::vec::Vec;
use core::fmt;

use super::lenenc::{Fields, push_nul};
use super::{Capabilities, Malformed, Status};

/// A greeting.
#[derive(Clone, PartialEq, Eq)]
pub struct Greeting {
    /// The version of the server, as it says it (MariaDB puts `5.5.5-` before its own).
    pub version: Vec<u8>,
    /// The id of the connection.
    pub thread_id: u32,
    /// What the server can.
    pub capabilities: Capabilities,
    /// The server's default character set: the low byte of a collation id.
    pub charset: u8,
    /// The first status word.
    pub status: Status,
    /// The scramble, 8 or more (usually 20) bytes, without its closing NUL.
    pub scramble: Vec<u8>,
    /// The plugin the scramble is for; empty where there are no plugins.
    pub plugin: Vec<u8>,
}

/// Why there is no [`Greeting`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GreetingError {
    /// An ERR packet: the server takes no connection now. It is handed on to the client; read it
    /// with [`ErrPacket::parse_early`](super::ErrPacket::parse_early).
    Refused,
    /// Another protocol version than 10.
    Version(u8),
    /// Not a greeting.
    Malformed(Malformed),
}

impl From<Malformed> for GreetingError {
    fn from(error: Malformed) -> Self {
        Self::Malformed(error)
    }
}

impl Greeting {
    /// Reads the payload of the server's first packet.
    ///
    /// # Errors
    /// It is not a greeting of protocol 10.
    pub fn parse(payload: &[u8]) -> Result<Self, GreetingError> {
        let mut fields = Fields::new(payload);
        match fields.u8()? {
            10 => {}
            0xff => return Err(GreetingError::Refused),
            other => return Err(GreetingError::Version(other)),
        }
        let version = fields.until_nul()?.to_vec();
        let thread_id = fields.u32()?;
        let mut scramble = fields.bytes(8)?.to_vec();
        fields.u8()?;
        let low = fields.u16()?;
        let charset = fields.u8()?;
        let status = Status(fields.u16()?);
        let low = u32::from(low) | u32::from(fields.u16()?) << 16;
        let scramble_len = usize::from(fields.u8()?);
        fields.bytes(6)?;
        let capabilities = Capabilities::from_halves(low, fields.u32()?);
        if capabilities.has(Capabilities::SECURE_CONNECTION) {
            let rest = fields.bytes(scramble_len.saturating_sub(8).max(13))?;
            scramble.extend_from_slice(rest.strip_suffix(&[0]).unwrap_or(rest));
        }
        let mut plugin = Vec::new();
        if capabilities.has(Capabilities::PLUGIN_AUTH) {
            // Servers before 5.5.10 and 5.6.2 forgot the NUL (MySQL bug 59453).
            plugin.extend_from_slice(fields.until_nul_or_end());
        }
        Ok(Self { version, thread_id, capabilities, charset, status, scramble, plugin })
    }

    /// The capabilities the door offers to its client: those of the server that it can relay, and
    /// TLS as it has a certificate itself.
    #[must_use]
    pub fn offered(&self, tls: Tls) -> Capabilities {
        let relayed = self.capabilities & Capabilities::RELAYED;
        match tls {
            Tls::Offered => relayed | Capabilities::SSL,
            Tls::Absent => relayed,
        }
    }

    /// The same greeting with other capabilities.
    #[must_use]
    pub fn with(mut self, capabilities: Capabilities) -> Self {
        self.capabilities = capabilities;
        self
    }

    /// Appends the payload. A scramble of fewer than 8 bytes is filled up with NULs.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let [low_a, low_b, low_c, low_d] = self.capabilities.low().to_le_bytes();
        let (head, tail) = self.scramble.split_at(self.scramble.len().min(8));
        out.push(10);
        push_nul(out, &self.version);
        out.extend_from_slice(&self.thread_id.to_le_bytes());
        out.extend_from_slice(head);
        out.resize(out.len() + 8 - head.len(), 0);
        out.extend_from_slice(&[0, low_a, low_b, self.charset]);
        out.extend_from_slice(&self.status.0.to_le_bytes());
        out.extend_from_slice(&[low_c, low_d]);
        let plugins = self.capabilities.has(Capabilities::PLUGIN_AUTH);
        let scramble_len = u8::try_from(tail.len().max(12) + 9).unwrap_or(u8::MAX);
        out.push(if plugins || tail.len() > 12 { scramble_len } else { 0 });
        out.extend_from_slice(&[0; 6]);
        out.extend_from_slice(&self.capabilities.high().to_le_bytes());
        if self.capabilities.has(Capabilities::SECURE_CONNECTION) {
            let room = usize::from(scramble_len).saturating_sub(8);
            let tail = tail.get(..room.saturating_sub(1)).unwrap_or(tail);
            out.extend_from_slice(tail);
            out.resize(out.len() + room - tail.len(), 0);
        }
        if plugins {
            push_nul(out, &self.plugin);
        }
    }

    /// Whether the server is a MariaDB, by its version: `10.11.19-MariaDB`,
    /// `5.5.5-10.6.1-MariaDB…`.
    #[must_use]
    pub fn is_mariadb(&self) -> bool {
        memchr::memmem::find(&self.version, b"MariaDB").is_some()
    }
}

/// Whether the door has a certificate for its clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tls {
    /// It has one.
    Offered,
    /// It has none.
    Absent,
}

impl fmt::Debug for Greeting {
    /// Without the scramble: with an answer to it, it can be guessed against.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Greeting")
            .field("thread_id", &self.thread_id)
            .field("capabilities", &self.capabilities)
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
