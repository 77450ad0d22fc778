//! HTTP/1.1 over one connection for each request, with an eye on answers while a body is still
//! being sent: a door that refuses in the middle of a body must be heard, and so must the interim
//! answers that promise offsets.
//!
//! It must never wait longer than its patience while nothing moves.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::ops::Range;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::content::Content;

/// What is asked.
#[derive(Debug)]
pub struct Request<'c> {
    /// Such as `PATCH`.
    pub method: &'static str,
    /// Path and query.
    pub path: String,
    /// Lines without their ends.
    pub fields: Vec<String>,
    /// Bytes of a file.
    pub body: Option<(&'c Content, usize, Range<u64>)>,
}

/// Status and fields of an answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Head {
    /// Such as 204.
    pub status: u16,
    /// Names in lower case, with their values.
    pub fields: Vec<(String, String)>,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// Nobody listens.
    Refused,
    /// The connection ended before the answer did.
    Lost,
    /// Nothing moved for as long as patience lasts.
    Silent,
    /// The answer is no HTTP.
    Garbled,
}

/// Who hears an answer while it comes.
pub trait Hear {
    /// An interim answer.
    fn interim(&mut self, _: &Head) {}
    /// Bytes of the answer's body.
    fn bytes(&mut self, _: &[u8]) {}
}

/// Hears nothing.
#[derive(Debug, Clone, Copy)]
pub struct Deaf;

impl Hear for Deaf {}

impl Head {
    /// The value of a field.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// A field that is a number.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<u64> {
        self.field(name)?.parse().ok()
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.split("\r\n");
        let status = lines.next()?.strip_prefix("HTTP/1.")?.get(2..5)?.parse().ok()?;
        let field = |line: &str| {
            let (name, value) = line.split_once(':')?;
            Some((name.to_ascii_lowercase(), value.trim().to_owned()))
        };
        Some(Self { status, fields: lines.filter_map(field).collect() })
    }
}

/// Sends a request and hears its answer.
///
/// # Errors
/// By what went wrong. Whether the request was done is then unknown.
pub fn exchange(
    to: SocketAddr,
    request: &Request<'_>,
    patience: Duration,
    hear: &mut dyn Hear,
) -> Result<Head, Failure> {
    let stream = TcpStream::connect_timeout(&to, patience).map_err(|_| Failure::Refused)?;
    let ready = stream.set_nodelay(true).and_then(|()| stream.set_nonblocking(true));
    ready.map_err(|_| Failure::Lost)?;
    let mut line = Line { stream, patience, inbound: Vec::new() };
    let mut out = Out::new(to, request);
    let head = loop {
        if let Some(head) = line.head()? {
            if head.status >= 200 {
                break head;
            }
            hear.interim(&head);
            continue;
        }
        let flags = line.wait(!out.is_done())?;
        if flags.contains(PollFlags::OUT) && !out.is_done() {
            out.send(&mut line.stream);
        }
        if flags.intersects(PollFlags::IN | PollFlags::HUP | PollFlags::ERR) {
            line.read()?;
        }
    };
    let has_none = request.method == "HEAD" || matches!(head.status, 204 | 304);
    let length = if has_none { Some(0) } else { head.number("content-length") };
    line.body(length, hear)?;
    Ok(head)
}

/// A connection, and what was read ahead.
struct Line {
    stream: TcpStream,
    patience: Duration,
    inbound: Vec<u8>,
}

impl Line {
    fn wait(&self, wants_out: bool) -> Result<PollFlags, Failure> {
        let wanted = if wants_out { PollFlags::IN | PollFlags::OUT } else { PollFlags::IN };
        let mut fds = [PollFd::new(&self.stream, wanted)];
        let patience = Timespec {
            tv_sec: i64::try_from(self.patience.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: self.patience.subsec_nanos().into(),
        };
        match poll(&mut fds, Some(&patience)) {
            Ok(0) => Err(Failure::Silent),
            Ok(_) => Ok(fds[0].revents()),
            Err(rustix::io::Errno::INTR) => Ok(PollFlags::empty()),
            Err(_) => Err(Failure::Lost),
        }
    }

    fn read(&mut self) -> Result<(), Failure> {
        let mut block = [0; READ_BYTES];
        match self.stream.read(&mut block) {
            Ok(0) => Err(Failure::Lost),
            Ok(count) => {
                self.inbound.extend_from_slice(&block[..count]);
                Ok(())
            }
            Err(error) if is_not_now(&error) => Ok(()),
            Err(_) => Err(Failure::Lost),
        }
    }

    /// The next head, if all of it is there.
    fn head(&mut self) -> Result<Option<Head>, Failure> {
        let Some(end) = self.inbound.windows(4).position(|four| four == b"\r\n\r\n") else {
            let is_long = self.inbound.len() > HEAD_BYTES_MAX;
            return if is_long { Err(Failure::Garbled) } else { Ok(None) };
        };
        let head = std::str::from_utf8(&self.inbound[..end]).ok().and_then(Head::parse);
        self.inbound.drain(..end + 4);
        head.map(Some).ok_or(Failure::Garbled)
    }

    /// The body; without a length it ends with the connection.
    fn body(&mut self, length: Option<u64>, hear: &mut dyn Hear) -> Result<(), Failure> {
        let mut got = 0;
        loop {
            got += self.inbound.len() as u64;
            hear.bytes(&self.inbound);
            self.inbound.clear();
            if length.is_some_and(|length| got >= length) {
                return Ok(());
            }
            self.wait(false)?;
            match self.read() {
                Err(Failure::Lost) if length.is_none() => return Ok(()),
                other => other?,
            }
        }
    }
}

/// What is still to be sent.
struct Out<'r, 'c> {
    request: &'r Request<'c>,
    block: Vec<u8>,
    sent: usize,
    next: u64,
    end: u64,
    is_broken: bool,
}

impl<'r, 'c> Out<'r, 'c> {
    fn new(to: SocketAddr, request: &'r Request<'c>) -> Self {
        let range = request.body.as_ref().map_or(0..0, |(_, _, range)| range.clone());
        let mut text = format!("{} {} HTTP/1.1\r\nHost: {to}\r\n", request.method, request.path);
        for field in &request.fields {
            text += field;
            text += "\r\n";
        }
        if !matches!(request.method, "GET" | "HEAD") {
            text += &format!("Content-Length: {}\r\n", range.end - range.start);
        }
        let block = (text + "Connection: close\r\n\r\n").into_bytes();
        Self { request, block, sent: 0, next: range.start, end: range.end, is_broken: false }
    }

    fn is_done(&self) -> bool {
        self.is_broken || (self.sent == self.block.len() && self.next == self.end)
    }

    /// Sends a block. One that fails is the last: the answer may be there all the same.
    fn send(&mut self, stream: &mut TcpStream) {
        if self.sent == self.block.len()
            && let Some((content, index, _)) = &self.request.body
        {
            let step = (self.end - self.next).min(SEND_BYTES);
            self.block.resize(usize::try_from(step).unwrap_or(0), 0);
            content.fill(*index, self.next, &mut self.block);
            (self.next, self.sent) = (self.next + step, 0);
        }
        match stream.write(&self.block[self.sent..]) {
            Ok(count) => self.sent += count,
            Err(error) if is_not_now(&error) => {}
            Err(_) => self.is_broken = true,
        }
    }
}

fn is_not_now(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

const READ_BYTES: usize = 64 << 10;
const SEND_BYTES: u64 = 64 << 10;
const HEAD_BYTES_MAX: usize = 64 << 10;

#[cfg(test)]
mod tests;
