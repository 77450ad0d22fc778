//! SSTP's request on a connection of the web door ([MS-SSTP] section 3.2.4.1), and what becomes of
//! the connection then.
//!
//! Its length of 2^64 - 1 fits no rule of HTTP, so it is recognised before any is applied; limits
//! of heads and the deadline for them hold as for every request. Whatever is not exactly that
//! request is HTTP's, and answered as if nobody knew the method. Only over TLS, since the tunnel is
//! bound to the certificate that was shown; with any name or none; and only as the first request of
//! a connection: a client opens one for its tunnel alone, while one that has carried requests
//! before may be a proxy's, with those of other people behind.
//!
//! How it fails: without a tunnel worker, or when it says nothing, the client gets a 503.

use std::net::SocketAddr;
use std::rc::Rc;

use menshen_base::{Counter, EndReason};
use menshen_net::handover::{self, EARLY_OCTETS_MAX, Early, Kind};
use menshen_net::{Handover, clock};
use menshen_sys::TransferKind;
use menshen_tls::ShownHashes;
use menshen_tunnel_core::sstp::http::{Recognised, Request, recognise, request};
use menshen_web_core::fields::Wanted;
use menshen_web_core::head::{Framing, Parsed, Version, parse_request};
use tokio::net::UnixStream;

use super::{Session, Step, Ways, millis};
use crate::fault::Fault;
use crate::log::{Line, PhpNote, Times};
use crate::relay::{End, Figures, Relay};
use crate::reply::Reply;

/// A connection that is SSTP's.
#[derive(Debug)]
pub(super) struct Claim {
    /// Who wants a tunnel.
    client: SocketAddr,
    /// All octets so far, the head first.
    octets: Vec<u8>,
}

/// What became of a claim.
struct Outcome {
    status: u16,
    figures: Figures,
    end: EndReason,
}

impl Session {
    /// This connection was shown this certificate, and may ask for a tunnel.
    pub(crate) fn shown(mut self, hashes: Option<ShownHashes>) -> Self {
        self.shown = hashes.map(Box::new);
        self
    }

    /// Looks whether `bytes`, all there are so far, begin SSTP's request. `None`: they are HTTP's.
    pub(super) fn sstp(&mut self, bytes: &[u8]) -> Option<Step> {
        if self.shown.is_none() || self.door.tunnel.is_none() {
            return None;
        }
        if recognise(bytes) != Recognised::Yes {
            return None;
        }
        let parsed = parse_request(bytes, &self.door.head_limits());
        match (request(bytes), parsed) {
            // Longer than heads may be, or no head at all already: HTTP says so.
            (Request::Refused(_), _) | (Request::NotYet, Err(_)) => None,
            (_, Err(error)) if matches!(error.status(), 414 | 431) => None,
            (Request::NotYet, _) => {
                self.held = bytes.to_vec();
                Some(Step::More)
            }
            (Request::Whole { .. }, parsed) => {
                let mut client = self.peer;
                // Behind a trusted proxy it is who the proxy says; where its port is unknown.
                if let Ok(Parsed::Complete { head, .. }) = parsed
                    && self.door.trusts(client.ip())
                {
                    client = SocketAddr::new(self.door.client(client.ip(), &head), 0);
                }
                client.set_ip(client.ip().to_canonical());
                Some(Step::Sstp(Box::new(Claim { client, octets: bytes.to_vec() })))
            }
        }
    }

    /// Hands the connection to the tunnel worker and relays until it ends.
    pub(super) async fn hand_over(&mut self, claim: Box<Claim>) {
        let door = Rc::clone(&self.door);
        let (Some(tunnel), Some(shown)) = (&door.tunnel, self.shown.take()) else { return };
        let (started_us, head_us) = (clock::micros(), self.head_us);
        let client = claim.client;
        door.slot.add(Counter::SstpTotal, 1);
        let outcome = match tunnel.connect().await {
            Ok(other) => self.relay_tunnel(*claim, &shown, other).await,
            Err(_) => self.unavailable(End::Upstream.reason()).await,
        };
        let now = clock::micros();
        let head = if head_us == 0 { -1 } else { millis(started_us.saturating_sub(head_us)) };
        let send = millis(now.saturating_sub(started_us));
        door.log.add(&Line {
            client: client.ip(),
            protocol: "h1",
            request: LABEL,
            status: outcome.status,
            bytes_in: outcome.figures.up,
            bytes_out: outcome.figures.down,
            times: Times { handshake: self.handshake_ms, head, send, ..Times::NONE },
            php: PhpNote::default(),
            end: outcome.end,
        });
    }

    async fn relay_tunnel(
        &mut self,
        claim: Claim,
        shown: &ShownHashes,
        other: UnixStream,
    ) -> Outcome {
        let door = Rc::clone(&self.door);
        let name = format!("sstp {}", claim.client);
        let transfer = door.transfer(TransferKind::Tunnel, None, name.as_bytes());
        let came = claim.octets.len() as u64;
        transfer.moved_as(Counter::BytesIn, came);
        door.slot.add(Counter::SstpOpen, 1);
        let stuck_seconds = door.limits.stall_seconds_max.saturating_mul(STALLS);
        let first = preface(claim, shown);
        let mut relay = Relay::new(&mut self.stream, other, &self.watched, &transfer, first);
        let end = relay.run(stuck_seconds, &door.cut).await;
        let (status, mut figures) = (relay.status(), relay.figures());
        drop(relay);
        door.slot.sub(Counter::SstpOpen, 1);
        figures.up += came;
        if figures.down == 0 && matches!(end, End::Upstream | End::Limit) {
            let outcome = self.unavailable(end.reason()).await;
            return Outcome { figures, ..outcome };
        }
        door.count_status(status);
        // Where the client's octets may still come, they must not turn our farewell into a reset.
        self.linger(matches!(end, End::Done | End::Upstream)).await;
        Outcome { status, figures, end: end.reason() }
    }

    /// The answer when the tunnel worker takes nobody.
    async fn unavailable(&mut self, end: EndReason) -> Outcome {
        let reply = Reply::fault(Fault::NoTunnel, Wanted::Either);
        let status = reply.status;
        let mut ways = Ways {
            framing: Framing::None,
            keep_alive: false,
            version: Version::Http11,
            expect_continue: false,
            head_only: false,
            body_left: false,
        };
        self.answer(reply, &mut ways).await;
        self.door.count_status(status);
        self.linger(true).await;
        Outcome { status, figures: Figures::default(), end }
    }
}

/// The preface for the tunnel worker, and early octets that have no room in it.
fn preface(claim: Claim, shown: &ShownHashes) -> Vec<u8> {
    let Claim { client, mut octets } = claim;
    let mut behind = octets.split_off(octets.len().min(EARLY_OCTETS_MAX));
    let ShownHashes { sha1, sha256 } = *shown;
    let kind = Kind::Sstp(Early { sha1, sha256, octets });
    let mut first = handover::write(&Handover { client, kind });
    first.append(&mut behind);
    first
}

/// A client that takes nothing is given this many times `stall_seconds_max`: the tunnel's own
/// timers should speak first.
const STALLS: u32 = 2;

/// What the log says was asked for: method and path without what clients add.
const LABEL: &[u8] = b"SSTP_DUPLEX_POST /sra_{BA195980-CD49-458b-9E23-C84EE0ADCD75}/";

#[cfg(test)]
mod figures;
#[cfg(test)]
mod tests;
