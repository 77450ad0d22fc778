//! The tunnel worker as the web door sees it: a unix socket that takes connections over and
//! answers how much GRE it saw of an address.
//!
//! The web door recognises SSTP's request and nothing more: what is behind it is not looked at
//! here, and no octet of the tunnel worker's can reach a connection that was not handed to it. How
//! it fails: a worker that is not there, or whose queue is full, is a 503 at once; the door waits
//! for nobody.

use std::cell::RefCell;
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr};
use std::os::unix::net::UnixStream as StdStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use menshen_net::handover::{self, COUNTS_OCTETS_MAX, Kind};
use menshen_net::{Handover, clock};
use menshen_web_core::head::Method;
use menshen_web_core::target::split;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
use tokio::net::UnixStream;

use crate::ask::Ask;
use crate::auth::Tries;
use crate::door::Door;
use crate::fault::Fault;
use crate::job::Job;
use crate::plan::Plan;
use crate::reply::{Body, Reply};

/// Where the tunnel worker is reached, and who asked it what.
#[derive(Debug)]
pub(crate) struct Tunnel {
    socket: Arc<Path>,
    /// How long tunnels outlive a reload, seconds.
    pub(crate) drain_seconds_max: u32,
    asked: RefCell<Tries>,
    /// As many more holders as questions are under way.
    places: Arc<()>,
}

/// A question about GRE on its way to the tunnel worker.
#[derive(Debug)]
pub(crate) struct Question {
    socket: Arc<Path>,
    client: IpAddr,
    _place: Arc<()>,
}

impl Tunnel {
    pub(crate) fn new(socket: PathBuf, drain_seconds_max: u32) -> Self {
        Self {
            drain_seconds_max,
            socket: socket.into(),
            asked: RefCell::new(Tries::new(QUESTIONS_PER_MINUTE)),
            places: Arc::new(()),
        }
    }

    /// A connection to the tunnel worker; never waits.
    ///
    /// # Errors
    /// Nobody listens, or too many wait there already.
    pub(crate) async fn connect(&self) -> std::io::Result<UnixStream> {
        UnixStream::connect(&self.socket).await
    }

    fn ask(&self, client: IpAddr) -> Result<Question, Refusal> {
        let network = menshen_net::gate::network_of(client);
        let now = clock::unix_s();
        let mut asked = self.asked.borrow_mut();
        if let Some(seconds) = asked.blocked(network, now) {
            return Err(Refusal::TooMany { retry_after_s: seconds });
        }
        asked.add(network, now);
        if Arc::strong_count(&self.places) > QUESTIONS_MAX {
            return Err(Refusal::Busy);
        }
        let (socket, place) = (Arc::clone(&self.socket), Arc::clone(&self.places));
        Ok(Question { socket, client, _place: place })
    }
}

enum Refusal {
    TooMany { retry_after_s: u64 },
    Busy,
}

impl Door {
    /// The answer to a question for GRE counts; `None` when it is none or there is no tunnel door.
    /// To be asked before sites are: a client that looks for the reason why its GRE gets lost
    /// knows an address, perhaps no name.
    ///
    /// No token is asked for. Who asks has shown by a TCP connection that the address is its own,
    /// and hears only how many packets it sent and was sent itself: no contents, no names, and
    /// nothing of any other address. Clients behind one NAT see each other's counts.
    pub(crate) fn gre_counts(&self, ask: &Ask<'_>) -> Option<Plan> {
        let tunnel = self.tunnel.as_ref()?;
        if !ask.wire.secure || split(ask.target).0 != GRE_PATH {
            return None;
        }
        if !matches!(ask.method, Method::Get | Method::Head) {
            let reply = Reply::trouble(405, "the method is not allowed here", "", ask.wanted());
            return Some(reply.text("allow", "GET, HEAD").into());
        }
        Some(match tunnel.ask(ask.peer.to_canonical()) {
            Ok(question) => Plan::Job(Box::new(Job::GreCounts(question)), ask.wanted()),
            Err(Refusal::Busy) => Reply::fault(Fault::Busy, ask.wanted()).into(),
            Err(Refusal::TooMany { retry_after_s }) => {
                let text = "too many questions from this address";
                let reply = Reply::trouble(429, text, "Wait, then try again.", ask.wanted());
                reply.with("retry-after", retry_after_s.to_string().into_bytes()).into()
            }
        })
    }
}

impl Question {
    /// Puts it; blocks for [`ANSWER_MS`] at most.
    pub(crate) fn put(self) -> Result<Reply, Fault> {
        let line = self.hear().map_err(|_| Fault::NoTunnel)?;
        // What is sent on as JSON is JSON.
        serde_json::from_slice::<serde_json::Value>(&line).map_err(|_| Fault::NoTunnel)?;
        Ok(Reply::new(200)
            .text("cache-control", "no-store")
            .text("x-content-type-options", "nosniff")
            .body("application/json", Body::Owned(line)))
    }

    fn hear(&self) -> std::io::Result<Vec<u8>> {
        let until = Instant::now() + Duration::from_millis(ANSWER_MS);
        // A blocking connect would wait for room in a full queue.
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        connect(&socket, &SocketAddrUnix::new(&*self.socket)?)?;
        let mut stream = StdStream::from(socket);
        stream.set_nonblocking(false)?;
        stream.set_write_timeout(Some(Duration::from_millis(ANSWER_MS)))?;
        let client = SocketAddr::new(self.client, 0);
        stream.write_all(&handover::write(&Handover { client, kind: Kind::GreCounts }))?;
        let (mut line, mut piece) = (Vec::new(), [0; 4096]);
        loop {
            let left = until.saturating_duration_since(Instant::now());
            // Zero would mean to wait for ever.
            stream.set_read_timeout(Some(left.max(Duration::from_millis(1))))?;
            let got = stream.read(&mut piece)?;
            line.extend_from_slice(piece.get(..got).unwrap_or_default());
            if got == 0 || line.last() == Some(&b'\n') {
                return Ok(line);
            }
            if line.len() > COUNTS_OCTETS_MAX || left.is_zero() {
                return Err(std::io::ErrorKind::InvalidData.into());
            }
        }
    }
}

/// Whom the counts are asked of.
const GRE_PATH: &[u8] = b"/.menshen/tunnel/gre";
/// Of one network, to one web worker: a probe asks before and after it sends, a few times.
const QUESTIONS_PER_MINUTE: u32 = 30;
/// Questions under way at once, of one web worker: each holds a blocking thread.
const QUESTIONS_MAX: usize = 4;
const ANSWER_MS: u64 = 2000;

#[cfg(test)]
mod tests;
