//! The exchange after the login and after `COM_CHANGE_USER`, until OK or ERR.
//!
//! The door relays it and reads only what it must act on: which plugin is asked for, and the steps
//! of `caching_sha2_password` (`sql/auth/sha2_password.cc` of MySQL). Answers and keys are never
//! shown.

use alloc::vec::Vec;

use super::lenenc::{Fields, push_nul};

/// A packet of the server during authentication.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum AuthPacket<'a> {
    /// Logged in; an [`OkPacket`](super::OkPacket).
    Ok,
    /// Refused; an [`ErrPacket`](super::ErrPacket).
    Err,
    /// Another plugin is asked for; the client answers.
    Switch {
        /// Its name.
        plugin: &'a [u8],
        /// Its data: for most the scramble and a NUL.
        data: &'a [u8],
    },
    /// The answer of before 4.1 is asked for (one byte 0xFE).
    OldSwitch,
    /// Data of the plugin (the byte 0x01 before it is taken off). For `caching_sha2_password` see
    /// [`Sha2::read`].
    More(&'a [u8]),
    /// Data of the plugin without 0x01 before it, as MariaDB's `dialog` sends.
    Plugin(&'a [u8]),
}

impl<'a> AuthPacket<'a> {
    /// Reads the payload of a packet of the server.
    #[must_use]
    pub fn parse(payload: &'a [u8]) -> Self {
        match payload {
            [0x00, ..] => Self::Ok,
            [0xff, ..] => Self::Err,
            [0xfe] => Self::OldSwitch,
            [0xfe, rest @ ..] => {
                let mut fields = Fields::new(rest);
                let plugin = fields.until_nul_or_end();
                Self::Switch { plugin, data: fields.rest() }
            }
            [0x01, rest @ ..] => Self::More(rest),
            other => Self::Plugin(other),
        }
    }

    /// Appends the payload.
    pub fn encode_switch(plugin: &[u8], data: &[u8], out: &mut Vec<u8>) {
        out.push(0xfe);
        push_nul(out, plugin);
        out.extend_from_slice(data);
    }

    /// Appends the payload.
    pub fn encode_more(data: &[u8], out: &mut Vec<u8>) {
        out.push(0x01);
        out.extend_from_slice(data);
    }
}

/// A step of `caching_sha2_password`, inside [`AuthPacket::More`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sha2<'a> {
    /// The answer was right; the OK follows without anything of the client.
    Fast,
    /// The server needs the password: in clear over TLS or a unix socket (with a closing NUL), else
    /// [`REQUEST_KEY`] and then encrypted with the key it sends.
    Full,
    /// The server's public key, PEM.
    Key(&'a [u8]),
}

impl<'a> Sha2<'a> {
    /// Reads the data of [`AuthPacket::More`].
    #[must_use]
    pub const fn read(data: &'a [u8]) -> Self {
        match data {
            [3] => Self::Fast,
            [4] => Self::Full,
            key => Self::Key(key),
        }
    }
}

/// The password with its closing NUL, XORed with the scramble over and over: what is encrypted with
/// the server's key (RSA, OAEP). Its inverse is itself. The scramble without its NUL; an empty one
/// changes nothing.
#[must_use]
pub fn obfuscated(password: &[u8], scramble: &[u8]) -> Vec<u8> {
    let mask = scramble.iter().chain(core::iter::repeat(&0)).take(scramble.len());
    let closed = password.iter().chain(&[0]);
    if scramble.is_empty() {
        return closed.copied().collect();
    }
    closed.zip(mask.cycle()).map(|(byte, mask)| byte ^ mask).collect()
}

/// What the client of `caching_sha2_password` sends to get the server's public key.
pub const REQUEST_KEY: &[u8] = &[2];

/// MySQL's and MariaDB's plugin of before 8.0: SHA-1 of the password, twice.
pub const NATIVE: &[u8] = b"mysql_native_password";
/// The default of MySQL 8.
pub const CACHING_SHA2: &[u8] = b"caching_sha2_password";
/// Its forerunner.
pub const SHA256: &[u8] = b"sha256_password";
/// MariaDB's ed25519.
pub const ED25519: &[u8] = b"client_ed25519";
/// MariaDB's name for logging in as the operating system's user of the socket's other end. Behind a
/// door that would be the door: refused. MySQL's is `auth_socket`.
pub const UNIX_SOCKET: &[u8] = b"unix_socket";
/// Asks for the password in clear.
pub const CLEAR: &[u8] = b"mysql_clear_password";

impl core::fmt::Debug for AuthPacket<'_> {
    /// Without data: scrambles and keys are not shown.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Ok => "Ok",
            Self::Err => "Err",
            Self::Switch { .. } => "Switch",
            Self::OldSwitch => "OldSwitch",
            Self::More(_) => "More",
            Self::Plugin(_) => "Plugin",
        })
    }
}

#[cfg(test)]
mod tests;
