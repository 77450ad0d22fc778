//! The Password Authentication Protocol's packets (RFC 1334 section 2).
//!
//! The password crosses the link in clear: only inside SSTP's TLS is that bearable. It must never
//! be shown. A packet that does not fit is `None`.

use alloc::vec::Vec;

use super::packet::{Packet, count, counted};

/// A packet of PAP.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Pap<'a> {
    /// Authenticate-Request: who, and the password.
    Request {
        /// The user's name, unescaped.
        user: &'a [u8],
        /// The password: secret.
        password: &'a [u8],
    },
    /// Authenticate-Ack with its text.
    Ack(&'a [u8]),
    /// Authenticate-Nak with its text.
    Nak(&'a [u8]),
}

impl<'a> Pap<'a> {
    /// The identifier and what the packet says.
    #[must_use]
    pub fn parse(octets: &'a [u8]) -> Option<(u8, Self)> {
        let packet = Packet::parse(octets)?;
        // Some peers leave the text of an answer away together with its length.
        let text = || counted(packet.data).map_or(&[][..], |(text, _)| text);
        let content = match packet.code {
            REQUEST => {
                let (user, rest) = counted(packet.data)?;
                let (password, _) = counted(rest)?;
                Self::Request { user, password }
            }
            ACK => Self::Ack(text()),
            NAK => Self::Nak(text()),
            _ => return None,
        };
        Some((packet.id, content))
    }

    /// Appends the packet. Fields longer than 255 octets are cut.
    pub fn write(&self, id: u8, out: &mut Vec<u8>) {
        match self {
            Self::Request { user, password } => {
                let ((users, user), (passwords, password)) = (count(user), count(password));
                Packet::write(REQUEST, id, &[&[users], user, &[passwords], password], out);
            }
            Self::Ack(text) | Self::Nak(text) => {
                let code = if matches!(self, Self::Ack(_)) { ACK } else { NAK };
                let (length, text) = count(text);
                Packet::write(code, id, &[&[length], text], out);
            }
        }
    }
}

impl core::fmt::Debug for Pap<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Request { .. } => "Request(..)",
            Self::Ack(_) => "Ack(..)",
            Self::Nak(_) => "Nak(..)",
        })
    }
}

const REQUEST: u8 = 1;
const ACK: u8 = 2;
const NAK: u8 = 3;
