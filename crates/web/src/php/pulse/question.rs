//! One question to a pool's status page (`pm.status_path`), over a connection of its own.
//!
//! It ends by [`ANSWER_MAX`] whatever the other side does, and holds at most [`ANSWER_BYTES_MAX`].

use std::io::{self, ErrorKind};
use std::time::Duration;

use menshen_config::model::PhpAddress;
use menshen_web_core::cgi::{CgiLimits, CgiParsed, parse_head};
use menshen_web_core::fastcgi::{
    Connection, Decoder, Event, STDIN_END, begin_request, push_param, write_params,
};
use serde::Deserialize;
use tokio::net::{TcpStream, UnixStream};

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
        // A full backlog of a Unix socket says so at once.
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
    let link = match address {
        PhpAddress::Unix(path) => Link::Unix(UnixStream::connect(path).await?),
        PhpAddress::Tcp(address) => Link::Tcp(TcpStream::connect(address).await?),
    };
    link.send(&request(path)).await?;
    let (mut decoder, mut out) = (Decoder::new(), Vec::new());
    let mut buffer = [0; 4096];
    while !decoder.is_done() {
        let received = link.receive(&mut buffer).await?;
        let mut input = &buffer[..received];
        if input.is_empty() {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        loop {
            let step = decoder.feed(input).map_err(|_| io::Error::from(ErrorKind::InvalidData))?;
            if let Some(Event::Stdout(range)) = &step.event {
                out.extend_from_slice(&input[range.clone()]);
            }
            input = &input[step.consumed..];
            if step.event.is_none() || decoder.is_done() {
                break;
            }
        }
        if out.len() > ANSWER_BYTES_MAX {
            return Err(ErrorKind::InvalidData.into());
        }
    }
    Ok(out)
}

fn request(path: &str) -> Vec<u8> {
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
    let mut out = Vec::new();
    begin_request(Connection::Close, &mut out);
    write_params(&pairs, &mut out);
    out.extend_from_slice(&STDIN_END);
    out
}

enum Link {
    Unix(UnixStream),
    Tcp(TcpStream),
}

impl Link {
    async fn send(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let sent = match self {
                Self::Unix(socket) => {
                    socket.writable().await?;
                    socket.try_write(bytes)
                }
                Self::Tcp(socket) => {
                    socket.writable().await?;
                    socket.try_write(bytes)
                }
            };
            bytes = &bytes[or_nothing(sent)?..];
        }
        Ok(())
    }

    /// At least one byte, or 0 at the end.
    async fn receive(&self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let received = match self {
                Self::Unix(socket) => {
                    socket.readable().await?;
                    socket.try_read(buffer)
                }
                Self::Tcp(socket) => {
                    socket.readable().await?;
                    socket.try_read(buffer)
                }
            };
            match received {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                other => return other,
            }
        }
    }
}

fn or_nothing(result: io::Result<usize>) -> io::Result<usize> {
    match result {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(0),
        other => other,
    }
}

/// How long an answer may take.
const ANSWER_MAX: Duration = Duration::from_secs(1);
/// The most of an answer that is kept; a process takes some hundred bytes of it.
const ANSWER_BYTES_MAX: usize = 512 * 1024;
/// What a process is that waits for a request.
const IDLE: &str = "Idle";

#[cfg(test)]
mod tests;
