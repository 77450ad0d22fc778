//! One question to a pool's status page (`pm.status_path`), over a connection of its own.
//!
//! It ends by [`ANSWER_MAX`] whatever the other side does, and holds at most [`ANSWER_BYTES_MAX`].

use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::time::Duration;

use menshen_config::model::PhpAddress;
use menshen_web_core::cgi::{CgiLimits, CgiParsed, parse_head};
use menshen_web_core::fastcgi::{Connection, push_param};
use serde::Deserialize;

use crate::php::exchange::{Exchange, State};
use crate::php::line::Line;

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Silence {
    /// The pool takes no more, or did not come to it in time.
    TooLong,
    /// It is not there, or what it says is no status.
    Failed,
}

/// How many processes of the pool are busy, the answering one included.
pub(super) async fn ask(address: &PhpAddress, path: &str) -> Result<u32, Silence> {
    let answer = tokio::time::timeout(ANSWER_MAX, exchange(address, path)).await;
    match answer {
        Err(_elapsed) => Err(Silence::TooLong),
        // The backlog of a Unix socket stayed full.
        Ok(Err(error)) if error.kind() == ErrorKind::WouldBlock => Err(Silence::TooLong),
        Ok(Err(_)) => Err(Silence::Failed),
        Ok(Ok(answer)) => active(&answer).ok_or(Silence::Failed),
    }
}

/// The fields of the status that are of use. Not its sum `active processes`: that grows with each
/// further request on a kept connection until the master counts anew (seen with PHP 8.2: 11 of 4).
#[derive(Deserialize)]
struct Status {
    processes: Vec<Process>,
}

#[derive(Deserialize)]
struct Process {
    state: String,
}

fn active(answer: &[u8]) -> Option<u32> {
    let limits = CgiLimits { head_bytes_max: 8192, fields_max: 64 };
    let CgiParsed::Complete { head, len } = parse_head(answer, &mut 0, limits).ok()? else {
        return None;
    };
    if head.status != 200 {
        return None;
    }
    let status: Status = serde_json::from_slice(answer.get(len..)?).ok()?;
    let busy = status.processes.iter().filter(|process| process.state != IDLE).count();
    u32::try_from(busy).ok()
}

/// The standard output of the answer.
async fn exchange(address: &PhpAddress, path: &str) -> io::Result<Vec<u8>> {
    let line = Line::open(address, CONNECT_MAX).await?;
    let mut exchange = Exchange::new(line, Connection::Close, &pairs(path), None, 0);
    while exchange.state == State::Open && exchange.answer.len() <= ANSWER_BYTES_MAX {
        poll_fn(|cx| exchange.poll_step(cx)).await;
    }
    match exchange.state {
        State::Whole => Ok(exchange.answer.memory().to_vec()),
        State::Open | State::Broken(_) => Err(ErrorKind::InvalidData.into()),
    }
}

fn pairs(path: &str) -> Vec<u8> {
    let mut pairs = Vec::new();
    let params = [
        ("REQUEST_METHOD", "GET"),
        ("SCRIPT_NAME", path),
        ("SCRIPT_FILENAME", path),
        ("REQUEST_URI", path),
        ("QUERY_STRING", "json&full"),
        ("SERVER_PROTOCOL", "HTTP/1.1"),
    ];
    for (name, value) in params {
        push_param(name.as_bytes(), value.as_bytes(), &mut pairs);
    }
    pairs
}

/// How long an answer may take.
const ANSWER_MAX: Duration = Duration::from_secs(1);
/// The most of an answer that is kept; a process takes some hundred bytes of it.
const ANSWER_BYTES_MAX: u64 = 512 * 1024;
/// How long a pool may be away, or its queue full; less than an answer may take.
const CONNECT_MAX: Duration = Duration::from_millis(100);
/// What a process is that waits for a request.
const IDLE: &str = "Idle";

#[cfg(test)]
mod tests;
