//! The login: from an accepted connection to a session, relayed so that the server itself decides
//! who gets in.
//!
//! The server's scramble goes to the client and the client's answer to the server; the door learns
//! no password but where `caching_sha2_password` forces it to pass one on (see `sha2`). What it
//! changes are capabilities: none is offered to the client that the door cannot relay, and the
//! server link always tracks the session. The order is that of the server,
//! `send_server_handshake_packet` and `parse_client_handshake_packet` in `sql/sql_acl.cc`.
//!
//! How it fails ([`Ended`]): either side is gone, the server or the door refuses. The client has
//! been told by then, as far as it listens.

mod exchange;
mod impostor;
mod sha2;

use std::io;
use std::sync::Arc;

use menshen_sql_core::wire::greeting::{Greeting, GreetingError, Tls};
use menshen_sql_core::wire::login::{self, First, Login};
use menshen_sql_core::wire::{Capabilities, ErrPacket, OkPacket, Status, packet};
use rustls::ServerConfig;

use crate::link::Link;
use crate::upstream::{Upstream, Visitor};
pub use exchange::{Exchange, change_user};
pub use impostor::Impostors;
pub(crate) use impostor::is_abort;
pub use sha2::OwnKey;

/// What all logins need.
#[derive(Debug)]
pub struct Entrance {
    /// The server.
    pub upstream: Upstream,
    /// TLS for clients, if the door has a certificate.
    pub tls: Option<Arc<ServerConfig>>,
    /// The door's own key for `caching_sha2_password`.
    pub key: OwnKey,
    /// Who must not be taken for the door's own user.
    pub impostors: Impostors,
}

/// A session that has begun. The client does not know yet: [`Entered::welcome`] tells it.
#[derive(Debug)]
pub struct Entered {
    /// What the client and the door have agreed on.
    pub client: Capabilities,
    /// What the door and the server have agreed on.
    pub server: Capabilities,
    /// The greeting as the server sent it: version, thread id, character set.
    pub greeting: Greeting,
    /// The account's name as the client sent it.
    pub user: Vec<u8>,
    /// The database asked for; empty: none.
    pub database: Vec<u8>,
    /// The client's character set: a collation id.
    pub charset: u16,
    /// What the server asked last, and by which plugin: for `COM_CHANGE_USER`.
    pub exchange: Exchange,
    /// The payload of an ERR packet that is for the client's first command: the server has ended
    /// the session with it.
    pub aborted: Option<Vec<u8>>,
    /// The payload of the server's OK packet.
    pub ok: Vec<u8>,
    sequence: u8,
}

/// Why there is no session.
#[derive(Debug)]
pub enum Ended {
    /// The client is gone, or speaks something else.
    Client(io::Error),
    /// The server is gone, or speaks something else.
    Server(io::Error),
    /// The server was not reached.
    Unreached(io::Error),
    /// The server said no.
    Refused,
    /// The door said no, for this reason.
    Denied(Denial),
}

/// Why the door itself says no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denial {
    /// The account is authenticated by the user of the socket's other end, which is the door.
    SocketPlugin,
    /// The password was encrypted for a key that only the server has, but must be sent in clear.
    ForeignKey,
    /// The client wants compression, which was not offered.
    Compression,
    /// The client and the door did not understand each other.
    Handshake,
    /// The server does not offer TLS, but the door must use it.
    ServerWithoutTls,
    /// The server's certificate is not to be trusted, or TLS failed otherwise.
    ServerTls,
}

/// Relays a login from the first byte. The server's link is returned with the session.
///
/// # Errors
/// See [`Ended`]; the client has been told.
pub async fn login(
    entrance: &Entrance,
    visitor: Visitor,
    client: &mut Link,
) -> Result<(Link, Entered), Ended> {
    let mut server = match entrance.upstream.connect(visitor).await {
        Ok(server) => server,
        Err(error) => {
            tell(client, 0, &ErrPacket { code: 2003, state: b"", message: UNREACHED }).await;
            return Err(Ended::Unreached(error));
        }
    };
    let greeting = match greet(&mut server, client, entrance).await {
        Ok(greeting) => greeting,
        Err(ended) => {
            if let Ended::Server(_) = ended {
                tell(client, 0, &ErrPacket { code: 2003, state: b"", message: SPEECHLESS }).await;
            }
            return Err(ended);
        }
    };
    let (login, sequence) = match hear(client, entrance).await {
        Ok(heard) => heard,
        Err(ended) => return Err(deny(client, 2, ended).await),
    };
    // Some clients (PHP's mysqlnd) compress because they want to, whatever they were offered.
    if (login.capabilities & COMPRESSED) != Capabilities::default() {
        let ended = Ended::Denied(Denial::Compression);
        return Err(deny(client, sequence.wrapping_add(1), ended).await);
    }
    let offered = greeting.offered(tls_of(entrance));
    let agreed = agreed(login.capabilities, offered);
    let introduced = introduce(&mut server, entrance, &greeting, &login, agreed).await;
    let (with_server, server_sequence) = match introduced {
        Ok(introduced) => introduced,
        Err(ended) => return Err(deny(client, sequence.wrapping_add(1), ended).await),
    };
    let mut exchange = Exchange::after_login(&greeting, &login, sequence, server_sequence);
    let ok = exchange.run(entrance, client, &mut server).await?;
    let sequence = exchange.next_to_client();
    let checked = entrance.impostors.check(&mut server, &login.user, with_server).await;
    let aborted = match checked {
        Ok(aborted) => aborted,
        Err(ended) => return Err(deny(client, sequence, ended).await),
    };
    let entered = Entered {
        client: agreed,
        server: with_server,
        user: login.user,
        database: login.database.unwrap_or_default(),
        charset: login.charset,
        greeting,
        exchange,
        aborted,
        ok,
        sequence,
    };
    Ok((server, entered))
}

impl Entered {
    /// The session's first status word.
    #[must_use]
    pub fn status(&self) -> Status {
        OkPacket::parse(&self.ok, self.server).map_or(self.greeting.status, |ok| ok.status)
    }

    /// Puts the OK that ends the login before whatever the client is sent next, without what only
    /// the door asked the server to track. [`Link::flush`] sends it.
    pub fn welcome(&self, client: &mut Link) {
        let mut payload = Vec::with_capacity(self.ok.len());
        match OkPacket::parse(&self.ok, self.server) {
            Ok(ok) => ok.rewrite(self.client, |_| true, &mut payload),
            Err(_) => payload.extend_from_slice(&self.ok),
        }
        let mut sequence = self.sequence;
        packet::push(client.output(), &mut sequence, &payload);
    }
}

/// Reads the server's greeting and sends the client its own.
async fn greet(
    server: &mut Link,
    client: &mut Link,
    entrance: &Entrance,
) -> Result<Greeting, Ended> {
    let payload = receive(server).await.map_err(Ended::Server)?.payload;
    let greeting = match Greeting::parse(&payload) {
        Ok(greeting) if greeting.capabilities.has(NEEDED) => greeting,
        Err(GreetingError::Refused) => {
            send(client, 0, &payload).await.map_err(Ended::Client)?;
            return Err(Ended::Refused);
        }
        _ => return Err(Ended::Server(io::ErrorKind::InvalidData.into())),
    };
    let offered = greeting.offered(tls_of(entrance));
    let mut masked = Vec::with_capacity(payload.len());
    greeting.clone().with(offered).encode(&mut masked);
    send(client, 0, &masked).await.map_err(Ended::Client)?;
    Ok(greeting)
}

/// Reads the client's login, inside TLS if it asks for that. With it, its sequence number.
async fn hear(client: &mut Link, entrance: &Entrance) -> Result<(Login, u8), Ended> {
    let denied = |_| Ended::Denied(Denial::Handshake);
    let heard = receive(client).await.map_err(Ended::Client)?;
    let wanted = match login::parse(&heard.payload).map_err(denied)? {
        First::Login(login) => return Ok((login, heard.sequence)),
        First::Tls(wanted) => wanted,
    };
    let config = entrance.tls.clone().ok_or(Ended::Denied(Denial::Handshake))?;
    client.accept_tls(config).await.map_err(Ended::Client)?;
    let heard = receive(client).await.map_err(Ended::Client)?;
    match login::parse(&heard.payload).map_err(denied)? {
        First::Login(login) if login.capabilities.low() == wanted.capabilities.low() => {
            Ok((login, heard.sequence))
        }
        _ => Err(Ended::Denied(Denial::Handshake)),
    }
}

/// Sends the server the login, inside TLS if that is configured. What was agreed with it is
/// returned, and the login's sequence number.
async fn introduce(
    server: &mut Link,
    entrance: &Entrance,
    greeting: &Greeting,
    login: &Login,
    agreed: Capabilities,
) -> Result<(Capabilities, u8), Ended> {
    let mut sequence = 1;
    let tracked = greeting.capabilities & Capabilities::SESSION_TRACK;
    let mut with_server = agreed.without(Capabilities::SSL) | tracked;
    let mut login = login.clone();
    if let Some(security) = &entrance.upstream.tls {
        if !greeting.capabilities.has(Capabilities::SSL) {
            return Err(Ended::Denied(Denial::ServerWithoutTls));
        }
        with_server = with_server | Capabilities::SSL;
        login.capabilities = with_server;
        let mut request = Vec::with_capacity(36);
        login.tls_request().encode(&mut request);
        send(server, sequence, &request).await.map_err(Ended::Server)?;
        sequence += 1;
        let (config, name) = (Arc::clone(&security.config), security.name.clone());
        let secured = server.connect_tls(config, name).await;
        secured.map_err(|_| Ended::Denied(Denial::ServerTls))?;
    }
    login.capabilities = with_server;
    let mut payload = Vec::with_capacity(256);
    login.encode(&mut payload);
    send(server, sequence, &payload).await.map_err(Ended::Server)?;
    Ok((with_server, sequence))
}

/// What holds between client and door: what was offered and wanted. That there are no MariaDB
/// capabilities, and what the client means for itself, is its own to say.
fn agreed(wanted: Capabilities, offered: Capabilities) -> Capabilities {
    let own = Capabilities::MYSQL | Capabilities::SSL_VERIFY | Capabilities::REMEMBER_OPTIONS;
    wanted & (offered | own)
}

const fn tls_of(entrance: &Entrance) -> Tls {
    if entrance.tls.is_some() { Tls::Offered } else { Tls::Absent }
}

/// A packet of a login.
struct Received {
    sequence: u8,
    payload: Vec<u8>,
}

async fn receive(link: &mut Link) -> io::Result<Received> {
    let packet = link.packet(LOGIN_BYTES_MAX).await?.ok_or(io::ErrorKind::UnexpectedEof)?;
    if packet.length > LOGIN_BYTES_MAX {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let payload = link.payload(packet).to_vec();
    link.consume(packet.wire_bytes());
    Ok(Received { sequence: packet.sequence, payload })
}

async fn send(link: &mut Link, sequence: u8, payload: &[u8]) -> io::Result<()> {
    let mut sequence = sequence;
    packet::push(link.output(), &mut sequence, payload);
    link.flush().await
}

/// Tells the client why; whether it still listens does not matter.
async fn tell(client: &mut Link, sequence: u8, error: &ErrPacket<'_>) {
    let mut payload = Vec::new();
    error.encode(&mut payload);
    let _ = send(client, sequence, &payload).await;
}

/// Tells the client why the door ends the login, if it was the door or the server is gone.
async fn deny(client: &mut Link, sequence: u8, ended: Ended) -> Ended {
    let error = match &ended {
        Ended::Denied(denial) => denial.error(),
        Ended::Server(_) => ErrPacket { code: 2013, state: b"HY000", message: LOST },
        Ended::Client(_) | Ended::Unreached(_) | Ended::Refused => return ended,
    };
    tell(client, sequence, &error).await;
    ended
}

impl Denial {
    /// As the client is told.
    #[must_use]
    pub const fn error(self) -> ErrPacket<'static> {
        let (code, state, message): (u16, &[u8], &[u8]) = match self {
            Self::SocketPlugin => (
                1045,
                b"28000",
                b"menshen: this account is authenticated by the system user at the other end of \
                  the server's socket, and that would be the door itself; give the account a \
                  password, or connect to the server directly",
            ),
            Self::ForeignKey => (
                1045,
                b"28000",
                b"menshen: the password was encrypted with the server's public key, but the door \
                  must send it inside TLS; let the client ask for the key instead of using a file, \
                  or connect with TLS",
            ),
            Self::Compression => (
                1157,
                b"08S01",
                b"menshen: the door offers no compression; switch it off in the client",
            ),
            Self::Handshake => (1043, b"08S01", b"Bad handshake"),
            Self::ServerWithoutTls => (
                2026,
                b"HY000",
                b"menshen: the server behind the door offers no TLS, but upstream_tls asks for it",
            ),
            Self::ServerTls => (
                2026,
                b"HY000",
                b"menshen: TLS with the server behind the door failed; is its certificate trusted \
                  by upstream_ca, and is it for upstream_name?",
            ),
        };
        ErrPacket { code, state, message }
    }
}

/// Without these there is nothing to relay: they are in every server since 5.5.
const NEEDED: Capabilities =
    Capabilities(Capabilities::PROTOCOL_41.0 | Capabilities::SECURE_CONNECTION.0);
const COMPRESSED: Capabilities = Capabilities(Capabilities::COMPRESS.0 | Capabilities::ZSTD.0);
/// Longest packet of a login: attributes alone may take 64 KiB.
const LOGIN_BYTES_MAX: usize = 128 << 10;
const UNREACHED: &[u8] = b"menshen: the server behind the door cannot be reached";
const SPEECHLESS: &[u8] = b"menshen: the server behind the door does not greet";
const LOST: &[u8] = b"menshen: the server behind the door ended the connection during the login";

#[cfg(test)]
mod tests;
