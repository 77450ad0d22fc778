//! One request as both protocols hand it to the door: borrowed, already checked for framing.

use std::net::IpAddr;

use menshen_web_core::fields::{Wanted, wanted};
use menshen_web_core::head::{Headers, Interest, Method};

/// A request's head.
#[derive(Clone, Copy)]
pub(crate) struct Ask<'a> {
    pub(crate) method: Method,
    pub(crate) target: &'a [u8],
    pub(crate) host: &'a [u8],
    pub(crate) headers: &'a dyn Headers,
    pub(crate) interest: Interest,
    /// The client: the socket's peer, or who a trusted proxy says it is.
    pub(crate) peer: IpAddr,
    /// Length of the body when announced; `None` also for chunked ones.
    pub(crate) length: Option<u64>,
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
