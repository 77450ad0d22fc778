//! Connections that the web door hands over: SSTP from its HTTP head on, and questions for counts
//! of GRE.
//!
//! Each begins with a preface (`menshen_net::handover`), which says who the client is and which
//! certificate that very connection was shown: neither is worked out again here. Whoever is too
//! slow, or says what is none of it, is closed and counted.

use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use menshen_net::handover::{self, COUNTS_OCTETS_MAX, Early, Handover, Kind};
use menshen_tunnel_core::sstp::{Certificate, Hashes, Timers};
use serde::Serialize;
use tokio::io::AsyncWriteExt;
use tokio::net::{UnixListener, UnixStream};
use tokio::time::timeout;

use super::door::{Door, Task};
use super::facts::{Bearer, CallCount};
use super::session;
use crate::sstp;

/// Takes connections, for ever.
pub(super) async fn accept(door: Rc<Door>, listener: UnixListener) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) if door.has_room_for_task() && !*door.stopping.borrow() => {
                tokio::task::spawn_local(take(door.clone(), stream, door.task()));
            }
            Ok(_) => door.count(|counters| counters.half_open_limited += 1),
            // Out of descriptors, as a rule: others may end meanwhile.
            Err(_) => tokio::time::sleep(ACCEPT_AGAIN).await,
        }
    }
}

async fn take(door: Rc<Door>, mut stream: UnixStream, task: Task) {
    let patience = door.settings.times.half_open;
    let Ok(Ok(Handover { client, kind })) = timeout(patience, handover::receive(&mut stream)).await
    else {
        return door.count(|counters| counters.handovers_bad += 1);
    };
    let client = client.ip().to_canonical();
    match kind {
        // Boxed: the question's task stays small, and so does a session's before it is one.
        Kind::Sstp(early) => Box::pin(serve(door, stream, (client, early), task)).await,
        Kind::GreCounts => {
            let line = counts_line(&door, client);
            // Who has gone need not know.
            let _ = timeout(patience, stream.write_all(&line)).await;
        }
    }
}

async fn serve(door: Rc<Door>, stream: UnixStream, (client, early): (IpAddr, Early), task: Task) {
    door.count(|counters| counters.handovers += 1);
    let patience = door.settings.times.half_open;
    if door.is_full() {
        door.count(|counters| counters.sessions_limited += 1);
        return decline(stream, patience).await;
    }
    let Some(half_open) = door.half_open(client) else { return decline(stream, patience).await };
    let Early { sha1, sha256, octets } = early;
    // One time for all of it, whatever steps there are.
    let patience = half_open.by.since(door.clock.now());
    let accepted = match timeout(patience, sstp::serve(stream, octets, patience)).await {
        Ok(Ok(accepted)) => accepted,
        Ok(Err(sstp::ServeError::Timeout)) | Err(_) => {
            return door.count(|counters| counters.half_open_timeouts += 1);
        }
        Ok(Err(_)) => return door.count(|counters| counters.handovers_bad += 1),
    };
    let times = &door.settings.times;
    let timers = Timers { negotiation: times.half_open, hello: times.hello, ..Timers::default() };
    let shown = Certificate { sha1, sha256 };
    let carrier = accepted.start(door.clock.now(), shown, Hashes::ALL, timers);
    let seat = door.seat(client, Bearer::Sstp, half_open);
    session::run(door, seat, carrier, task).await;
}

/// Tells a client that there is no room: in HTTP, as SSTP has not begun.
async fn decline(mut stream: UnixStream, patience: Duration) {
    // Who has gone need not know.
    let _ = timeout(patience, stream.write_all(NO_ROOM)).await;
}

/// The answer to a question for counts: one line.
fn counts_line(door: &Door, client: IpAddr) -> Vec<u8> {
    #[derive(Serialize)]
    struct Answer {
        calls: Vec<CallCount>,
    }
    let mut calls = match client {
        IpAddr::V4(client) => door.hub.counts(client),
        IpAddr::V6(_) => Vec::new(),
    };
    calls.truncate(COUNTS_MAX);
    let mut line = serde_json::to_vec(&Answer { calls }).unwrap_or_default();
    line.push(b'\n');
    line
}

/// What is answered when there is no room (RFC 9110 §15.6.4).
const NO_ROOM: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 30\r\n\
    Content-Length: 0\r\nConnection: close\r\n\r\n";
/// Calls in an answer; a client address has a few, as a rule.
const COUNTS_MAX: usize = 256;
/// Octets of a call in an answer, at most: five numbers and their names.
const COUNT_OCTETS_MAX: usize = 160;
const _: () = assert!(COUNTS_MAX * COUNT_OCTETS_MAX + 32 <= COUNTS_OCTETS_MAX);
/// How long accepting rests when it fails.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);
