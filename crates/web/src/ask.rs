//! One request as both protocols hand it to the door: borrowed, already checked for framing.

use std::net::{IpAddr, SocketAddr};

use menshen_web_core::fields::{Wanted, wanted};
use menshen_web_core::head::{Headers, Interest, Method};

/// A request's head.
#[derive(Clone, Copy)]
pub(crate) struct Ask<'a> {
    pub(crate) method: Method,
    /// The method as sent.
    pub(crate) method_name: &'a str,
    pub(crate) target: &'a [u8],
    pub(crate) host: &'a [u8],
    pub(crate) headers: &'a dyn Headers,
    pub(crate) interest: Interest,
    /// The client: the socket's peer, or who a trusted proxy says it is.
    pub(crate) peer: IpAddr,
    /// Length of the body when announced; `None` also for chunked ones.
    pub(crate) length: Option<u64>,
    pub(crate) wire: Wire<'a>,
}

/// The connection a request came by.
#[derive(Clone, Copy)]
pub(crate) struct Wire<'a> {
    /// Asks the socket for its own address; few requests need it.
    pub(crate) local: &'a dyn Fn() -> SocketAddr,
    /// The socket's peer; a trusted proxy's client is [`Ask::peer`].
    pub(crate) remote: SocketAddr,
    /// Whether the client came by TLS, here or at a trusted proxy.
    pub(crate) secure: bool,
    /// `HTTP/1.0`, `HTTP/1.1`, `HTTP/2.0`: as `SERVER_PROTOCOL` says it.
    pub(crate) protocol: &'static str,
}

impl Ask<'_> {
    /// Whether the method changes nothing.
    pub(crate) const fn reads_only(&self) -> bool {
        matches!(self.method, Method::Get | Method::Head | Method::Options)
    }

    /// What form of answer the client prefers.
    pub(crate) fn wanted(&self) -> Wanted {
        if !self.interest.has(Interest::ACCEPT) {
            return Wanted::Either;
        }
        let mut line = Vec::new();
        self.headers.for_each("accept", &mut |value| {
            if !line.is_empty() {
                line.push(b',');
            }
            line.extend_from_slice(value);
        });
        wanted(&line)
    }
}

impl std::fmt::Debug for Ask<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ask").field("method", &self.method).finish_non_exhaustive()
    }
}
