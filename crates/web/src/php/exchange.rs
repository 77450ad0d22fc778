//! One request to PHP and its answer, over one connection, both ways at once.
//!
//! FastCGI needs full duplex: a script may answer before it has read its input, and both sides
//! would wait for each other for ever if the whole request had to go out first. So every step
//! sends what the socket takes and reads what it has.
//!
//! How it fails: the connection ends before `END_REQUEST` (PHP died, was killed, or was told to
//! go); the bytes are no FastCGI; the server says it is overloaded; nothing comes for
//! `php_silence_seconds_max`. Each is a [`Trouble`] with its own words.
//!
//! Nothing PHP may have run is ever sent again. One thing is: php-fpm closes a kept connection
//! behind an answer when its process is to end (`pm.max_requests`, a reload), whatever it promised,
//! and the next request may be in it by then. So on such a connection only parameters are sent,
//! which PHP reads to the last byte before it runs anything; how the connection ended then says
//! whether it ran something ([`Line::closed_unread`]). The record that ends an
//! empty body would spoil that: PHP never reads it, so it is kept back, and nobody misses it.

use std::io;
use std::task::{Context, Poll};

use menshen_web_core::fastcgi::{
    Connection, Decoder, Event, ProtocolStatus, STDIN_END, STDIN_MAX, begin_request, push_param,
    stdin_header, write_params,
};

use super::backlog::Backlog;
use super::delivery::Source;
use super::line::Line;
use crate::scratch::with_scratch;

/// A request under way.
#[derive(Debug)]
pub(crate) struct Exchange {
    /// `None` once the answer is whole or broken.
    line: Option<Line>,
    /// Whether the connection stays usable after the answer.
    kept: Connection,
    decoder: Decoder,
    /// What is being sent, and how much of it is gone.
    outgoing: Vec<u8>,
    gone: usize,
    source: Option<Source>,
    /// Whether a byte came or went since the last look.
    heard: bool,
    /// The connection served another request, and PHP has said nothing to this one. `outgoing` is
    /// kept for that long, and its last record kept back.
    second_hand: bool,
    /// The connection ended with bytes of ours unread.
    unread: bool,
    pub(crate) answer: Backlog,
    pub(crate) stderr: Stderr,
    pub(crate) state: State,
}

/// How far the answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// More may come.
    Open,
    /// PHP said it was all.
    Whole,
    /// It will never be whole.
    Broken(Trouble),
}

/// Why an answer broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Trouble {
    #[error("PHP closed the connection before its answer was whole")]
    Closed,
    #[error("PHP ended its answer without a head")]
    Headless,
    #[error("PHP did not speak FastCGI")]
    Protocol,
    #[error("PHP refused the request as too much")]
    Overloaded,
    #[error("the body could not be read back")]
    Spool,
}

/// What PHP wrote to its error stream, up to a limit.
#[derive(Debug, Default)]
pub(crate) struct Stderr {
    pub(crate) text: Vec<u8>,
    pub(crate) most: usize,
    pub(crate) cut: bool,
}

impl Exchange {
    /// Begins: `pairs` are the parameters but for the body's, `source` the body of `length` bytes.
    pub(crate) fn new(
        line: Line,
        kept: Connection,
        pairs: &[u8],
        source: Option<Source>,
        stderr_most: usize,
    ) -> Self {
        let mut outgoing = Vec::with_capacity(pairs.len() + 64);
        begin_request(kept, &mut outgoing);
        write_params(pairs, &mut outgoing);
        let second_hand = line.is_used();
        debug_assert!(!second_hand || source.is_none(), "a body that is lost cannot be sent again");
        if source.is_none() && !second_hand {
            outgoing.extend_from_slice(&STDIN_END);
        }
        let gone = line.send_now(&outgoing);
        Self {
            line: Some(line),
            kept,
            decoder: Decoder::default(),
            outgoing,
            gone,
            source,
            heard: false,
            second_hand,
            unread: false,
            answer: Backlog::default(),
            stderr: Stderr { most: stderr_most, ..Stderr::default() },
            state: State::Open,
        }
    }

    /// Sends what goes and reads once. Ready when something was read or the answer ended; pending
    /// when PHP has nothing more now.
    pub(crate) fn poll_step(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.state != State::Open {
            return Poll::Ready(());
        }
        self.send(cx);
        let Self { line: Some(line), kept, decoder, answer, stderr, second_hand, unread, .. } =
            self
        else {
            return Poll::Ready(());
        };
        let read = with_scratch(|scratch| {
            let room = &mut scratch.data()[..RECV_BYTES];
            line.poll_recv(cx, room).map(|got| match got {
                Ok(0) => State::Broken(Trouble::Closed),
                Err(error) => {
                    *unread |= error.kind() == io::ErrorKind::ConnectionReset;
                    State::Broken(Trouble::Closed)
                }
                Ok(n) => {
                    *second_hand = false;
                    let (state, rest) = digest(decoder, &room[..n], answer, stderr);
                    // Whatever follows the end would be taken for the next request's answer.
                    if !rest.is_empty() {
                        *kept = Connection::Close;
                    }
                    state
                }
            })
        });
        let Poll::Ready(state) = read else { return Poll::Pending };
        self.heard = true;
        self.state = state;
        Poll::Ready(())
    }

    /// Whether PHP was heard, or took something, since the last call.
    pub(crate) fn take_heard(&mut self) -> bool {
        std::mem::take(&mut self.heard)
    }

    /// After the connection ended: whether it was a kept one that PHP closed without having read
    /// the request, so that it is certain that nothing ran.
    pub(crate) fn was_unread(&self) -> bool {
        let Some(line) = self.line.as_ref().filter(|_| self.second_hand) else { return false };
        self.unread || self.gone == 0 || line.closed_unread()
    }

    /// Sends a request that was not read over another connection, a new one.
    pub(crate) fn begin_again(&mut self, line: Line) {
        self.outgoing.extend_from_slice(&STDIN_END);
        self.gone = line.send_now(&self.outgoing);
        self.line = Some(line);
        (self.second_hand, self.unread) = (false, false);
        self.state = State::Open;
    }

    /// After the whole answer: the connection, if it can serve another request. Before: it is
    /// closed, and a script that still runs will notice at its next output.
    pub(crate) fn release(&mut self) -> Option<Line> {
        let mut line = self.line.take()?;
        let sent = self.source.is_none() && self.gone == self.outgoing.len();
        line.mark_used();
        (self.state == State::Whole && self.kept == Connection::Keep && sent).then_some(line)
    }

    /// Sends until the socket is full, or for a while. A peer that takes no more may still answer.
    fn send(&mut self, cx: &mut Context<'_>) {
        for _ in 0..SENDS_MAX {
            if self.gone == self.outgoing.len() && !self.refill() {
                return;
            }
            let Some(line) = &mut self.line else { return };
            match line.poll_send(cx, &self.outgoing[self.gone..]) {
                Poll::Pending => return,
                Poll::Ready(Ok(n)) => {
                    self.gone += n;
                    self.heard = true;
                }
                // What was sent is kept, should it be sent again.
                Poll::Ready(Err(_)) if self.second_hand => return,
                Poll::Ready(Err(_)) => {
                    (self.outgoing, self.gone, self.source) = (Vec::new(), 0, None);
                    self.kept = Connection::Close;
                    return;
                }
            }
        }
        // PHP takes as fast as the spool is read: others have their turn first.
        cx.waker().wake_by_ref();
    }

    /// The next stretch of the body as one record; false when all is sent.
    fn refill(&mut self) -> bool {
        let Some(source) = &mut self.source else {
            if self.gone > 0 && !self.second_hand {
                (self.outgoing, self.gone) = (Vec::new(), 0);
            }
            return false;
        };
        self.gone = 0;
        self.outgoing.resize(8 + STDIN_BYTES, 0);
        let read = source.read(&mut self.outgoing[8..]).unwrap_or(0);
        let left = source.remaining();
        if read == 0 && left > 0 {
            // The spool failed: without its announced length PHP would wait for ever.
            (self.outgoing, self.source, self.line) = (Vec::new(), None, None);
            self.state = State::Broken(Trouble::Spool);
            return false;
        }
        let length = u16::try_from(read).unwrap_or(0);
        self.outgoing[..8].copy_from_slice(&stdin_header(length));
        self.outgoing.truncate(8 + read);
        if left == 0 {
            if read == 0 {
                self.outgoing.clear();
            }
            self.outgoing.extend_from_slice(&STDIN_END);
            self.source = None;
        }
        true
    }
}

/// Appends the body's own parameters to `pairs`.
pub(crate) fn push_body_params(content_type: &[u8], length: u64, pairs: &mut Vec<u8>) {
    push_param(b"CONTENT_TYPE", content_type, pairs);
    push_param(b"CONTENT_LENGTH", length.to_string().as_bytes(), pairs);
}

/// Sorts received bytes; returns how far the answer is then, and what follows its end.
fn digest<'a>(
    decoder: &mut Decoder,
    mut input: &'a [u8],
    answer: &mut Backlog,
    stderr: &mut Stderr,
) -> (State, &'a [u8]) {
    let broken = |trouble| (State::Broken(trouble), &[][..]);
    loop {
        let Ok(step) = decoder.feed(input) else { return broken(Trouble::Protocol) };
        let (now, rest) = input.split_at(step.consumed);
        match step.event {
            None => return (State::Open, rest),
            Some(Event::Stdout(range)) => answer.push(&now[range]),
            Some(Event::Stderr(range)) => stderr.push(&now[range]),
            Some(Event::End { protocol: ProtocolStatus::RequestComplete, .. }) => {
                return (State::Whole, rest);
            }
            Some(Event::End { protocol: ProtocolStatus::Overloaded, .. }) => {
                return broken(Trouble::Overloaded);
            }
            Some(Event::End { .. }) => return broken(Trouble::Protocol),
        }
        input = rest;
    }
}

impl Stderr {
    fn push(&mut self, bytes: &[u8]) {
        let room = self.most.saturating_sub(self.text.len());
        self.text.extend_from_slice(&bytes[..bytes.len().min(room)]);
        self.cut |= bytes.len() > room;
    }
}

/// Read from PHP at once, bytes.
const RECV_BYTES: usize = 64 << 10;
/// Pieces sent in one turn.
const SENDS_MAX: usize = 16;
/// Of the body sent in one record, bytes; whole pages of the spool file.
const STDIN_BYTES: usize = 60 << 10;

const _: () = assert!(STDIN_BYTES <= STDIN_MAX && STDIN_BYTES.is_multiple_of(4096));

#[cfg(test)]
mod tests;
