//! The server behind the door: where it is, and a new connection to it.
//!
//! TLS on that connection begins within the login, after the server's greeting, since the protocol
//! has it so. It fails with what the kernel says, or when the server does not take the connection
//! within [`CONNECT_TIME`].

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use menshen_config::SqlAddress;
use tokio::net::{TcpStream, UnixStream};

use crate::link::{Link, Socket};
use crate::proxy_protocol::push_header;
use crate::tls::UpstreamSecurity;

/// The server behind the door.
#[derive(Debug, Clone)]
pub struct Upstream {
    /// Where it listens.
    pub address: SqlAddress,
    /// How it is asked for TLS, if it is.
    pub tls: Option<UpstreamSecurity>,
    /// Whether it is told whose connection it is.
    pub origin: Origin,
}

/// Whether the server is told the client's address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// It is not: every connection is the door's.
    Hidden,
    /// By the PROXY protocol.
    Told,
}

/// Where a client came from and to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Visitor {
    /// Its address; `None` on a unix socket.
    pub peer: Option<SocketAddr>,
    /// The door's address it came to; `None` on a unix socket.
    pub local: Option<SocketAddr>,
}

impl Visitor {
    /// The door itself, for connections of its own.
    pub const SELF: Self = Self { peer: None, local: None };
}

impl Upstream {
    /// A new connection on behalf of `visitor`; nothing of the login has happened on it.
    ///
    /// # Errors
    /// What the kernel says; `TimedOut`.
    pub async fn connect(&self, visitor: Visitor) -> io::Result<Link> {
        let connect = async {
            Ok(match &self.address {
                SqlAddress::Tcp(address) => Socket::from(TcpStream::connect(address).await?),
                SqlAddress::Unix(path) => Socket::from(UnixStream::connect(path).await?),
            })
        };
        let socket: io::Result<Socket> = tokio::time::timeout(CONNECT_TIME, connect)
            .await
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        let mut link = Link::new(socket?);
        if self.origin == Origin::Told {
            push_header(link.output(), visitor.peer, visitor.local);
            link.flush().await?;
        }
        Ok(link)
    }
}

impl Upstream {
    /// The client's address as far as the server is told of it: it decides which account a name
    /// means. Empty where every client comes from the door.
    #[must_use]
    pub fn host_of(&self, visitor: &Visitor) -> Vec<u8> {
        match (self.origin, visitor.peer) {
            (Origin::Told, Some(peer)) => peer.ip().to_string().into_bytes(),
            _ => Vec::new(),
        }
    }
}

/// A server on this machine or in its network answers at once or not at all.
const CONNECT_TIME: Duration = Duration::from_secs(5);
