//! The MySQL and MariaDB client/server protocol as bytes: packets, capabilities, greeting, login,
//! authentication, commands, OK/ERR/EOF, responses, prepared statements.
//!
//! How the relay uses it, for one command:
//! 1. [`packet::message`] finds one command in what the client sent, [`Command::parse`] reads it.
//! 2. The bytes go to the server; [`Response::new`] with [`Reply::of`] that command watches what
//!    comes back. [`Response::feed`] is handed bytes as they came from the socket and says how many
//!    of them are passed on as they are, and where a packet with a status stands ([`Next`]). Such a
//!    packet is held back until what it means has been done, then sent, perhaps rewritten by
//!    [`OkPacket::rewrite`].
//! 3. A result that is kept is the passed bytes and the last packet; [`StatusWords`] says which
//!    bytes of it are set anew for each client that is answered with it.
//!
//! Nothing here reads a socket or trusts a length: what is cut short or contradicts itself is a
//! [`Malformed`], memory is bounded by the bytes that have arrived. The layouts are those of the
//! MariaDB documentation ("Client/Server Protocol") and of the MySQL source documentation
//! (dev.mysql.com/doc/dev/mysql-server, "Client/Server Protocol"); where they differ from what the
//! server does, the server's source (`sql/protocol.cc`, `sql/sql_acl.cc`) is followed.

use core::fmt;

pub mod auth;
pub mod build;
pub mod capability;
#[cfg(test)]
mod captured;
pub mod column;
pub mod command;
pub mod greeting;
pub mod lenenc;
pub mod login;
pub mod ok;
pub mod packet;
pub mod prepared;
pub mod response;
pub mod status;

pub use capability::Capabilities;
pub use command::Command;
pub use ok::{Change, ErrPacket, OkPacket};
pub use prepared::Prepared;
pub use response::{Next, Reply, Response, Seen, StatusWords};
pub use status::Status;

/// A packet that is shorter than its fields, longer than them, or contradicts itself. The text
/// names the field; it holds nothing of the packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed(pub &'static str);

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "malformed packet: {}", self.0)
    }
}

impl core::error::Error for Malformed {}
