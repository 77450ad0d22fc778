//! Accounts that are whoever the kernel says is at the other end of the server's socket: behind a
//! door that would be the door's own user, whoever its client is.
//!
//! `unix_socket` (MariaDB) and `auth_socket` (MySQL) exchange nothing with the client, so the login
//! looks like any other. Therefore, on a unix socket, the server is asked on the new connection
//! how its account is authenticated (`SHOW CREATE USER`, which everyone may ask of himself), before
//! the client hears of its login. An account that the plugin could have let in because of the
//! door's own name is refused. What was found is good for [`KNOWN_MS`] per name.
//!
//! How it fails: a server that cannot answer (MariaDB before 10.2) is believed but for the account
//! of the door's own name.

use std::collections::HashMap;
use std::io;
use std::sync::{Mutex, PoisonError};

use menshen_net::clock::coarse_ms;
use menshen_sql_core::wire::Capabilities;
use menshen_sql_core::wire::ok::ErrPacket;

use super::{Denial, Ended, receive, send};
use crate::link::{Link, Socket};
use crate::upstream::Origin;

/// Who must not be taken for the door's own user.
#[derive(Debug)]
pub struct Impostors {
    /// The name of the door's own user; `None`: not known, so any might be it.
    own: Option<Vec<u8>>,
    origin: Origin,
    known: Mutex<HashMap<Vec<u8>, u64>>,
}

impl Impostors {
    /// For a door that runs as the system user `own`. With an origin that is told, one name may
    /// stand for several accounts, so that every login is looked at.
    #[must_use]
    pub fn new(own: Option<Vec<u8>>, origin: Origin) -> Self {
        Self { own, origin, known: Mutex::default() }
    }

    /// Looks at the session that has just begun on `server` for the account `user`. Returns the
    /// server's error where it ends the session with its answer to the first command.
    pub(super) async fn check(
        &self,
        server: &mut Link,
        user: &[u8],
        capabilities: Capabilities,
    ) -> Result<Option<Vec<u8>>, Ended> {
        if !matches!(server.socket(), Socket::Unix(_)) || self.is_known(user) {
            return Ok(None);
        }
        let refused = match ask(server, capabilities).await.map_err(Ended::Server)? {
            Asked::Account(account) => self.could_be_the_door(user, &account),
            Asked::Unsaid => self.own.as_deref() == Some(user),
            Asked::Aborted(error) => return Ok(Some(error)),
        };
        if refused {
            return Err(Ended::Denied(Denial::SocketPlugin));
        }
        self.remember(user);
        Ok(None)
    }

    /// Whether a plugin could have let in `user` for the door's own name; `account` is its `CREATE
    /// USER`, in which the plugin may be told another name (MySQL's `AS`).
    fn could_be_the_door(&self, user: &[u8], account: &[u8]) -> bool {
        let holds = |what: &[u8]| account.windows(what.len()).any(|part| part == what);
        if !holds(b"unix_socket") && !holds(b"auth_socket") {
            return false;
        }
        self.own.as_deref().is_none_or(|own| own == user || holds(&[b"'", own, b"'"].concat()))
    }

    fn is_known(&self, user: &[u8]) -> bool {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(user).is_some_and(|until| *until > coarse_ms())
    }

    fn remember(&self, user: &[u8]) {
        if self.origin == Origin::Told {
            return;
        }
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= KNOWN_MAX {
            known.clear();
        }
        known.insert(user.to_vec(), coarse_ms() + KNOWN_MS);
    }
}

/// What a server says of an account.
#[derive(Debug)]
enum Asked {
    /// Its `CREATE USER`.
    Account(Vec<u8>),
    /// Nothing.
    Unsaid,
    /// That the session is over: see [`is_abort`].
    Aborted(Vec<u8>),
}

/// Whether a payload is a server's answer to the first command of a session whose `init_connect`
/// has failed: `ER_NEW_ABORTING_CONNECTION`, and the end of the session.
pub(crate) fn is_abort(payload: &[u8]) -> bool {
    payload.first() == Some(&0xff)
        && ErrPacket::parse(payload).is_ok_and(|error| error.code == ABORTING)
}

async fn ask(server: &mut Link, capabilities: Capabilities) -> io::Result<Asked> {
    send(server, 0, b"\x03SHOW CREATE USER CURRENT_USER()").await?;
    let mut ends = if capabilities.has(Capabilities::DEPRECATE_EOF) { 1 } else { 2 };
    let mut reply = Vec::new();
    while ends > 0 {
        let payload = receive(server).await?.payload;
        match payload.first() {
            _ if is_abort(&payload) => return Ok(Asked::Aborted(payload)),
            Some(0xff) => return Ok(Asked::Unsaid),
            Some(0xfe) => ends -= 1,
            _ => reply.extend_from_slice(&payload),
        }
    }
    Ok(Asked::Account(reply))
}

/// `ER_NEW_ABORTING_CONNECTION`.
const ABORTING: u16 = 1184;
/// Time for which an account that was found in order is not looked at again.
pub(super) const KNOWN_MS: u64 = 10_000;
/// More names than this are forgotten.
const KNOWN_MAX: usize = 4096;

#[cfg(test)]
mod tests;
