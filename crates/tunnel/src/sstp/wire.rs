//! The octets of an SSTP connection on their way: read in large pieces, cut into packets in place;
//! written together, so that many packets share one record of TLS.
//!
//! It never waits and never holds more than [`ROOM_OCTETS`] and a piece in each direction; an idle
//! connection can give all of it back. It fails with what the stream says, and with [`Broken`] for
//! octets that are no SSTP.

use std::cell::RefCell;
use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use menshen_tunnel_core::sstp::packet::{self, Broken, HEADER_OCTETS};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A stream with what waits in either direction.
#[derive(Debug)]
pub(super) struct Wire<S> {
    stream: S,
    input: Vec<u8>,
    input_at: usize,
    out: Vec<u8>,
    out_at: usize,
    /// Whether the stream may hold octets that it was given and did not send.
    unflushed: bool,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// Nothing comes or is read any more; writing goes on.
    Deaf,
    /// Nothing can be written any more; reading goes on.
    Mute,
    /// Neither.
    Gone,
}

/// Where a packet's content stands in the input.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Cut {
    /// A PPP frame.
    Data(Range<usize>),
    /// A control packet, header and all.
    Control(Range<usize>),
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    /// A stream whose first octets of SSTP came with the HTTP head.
    pub(super) fn new(stream: S, early: Vec<u8>) -> Self {
        let (input_at, out_at) = (0, 0);
        let (out, unflushed, state) = (Vec::new(), false, State::Open);
        Self { stream, input: early, input_at, out, out_at, unflushed, state }
    }

    /// The next packet that came whole.
    pub(super) fn cut(&mut self) -> Result<Option<Cut>, Broken> {
        let octets = self.input.get(self.input_at..).unwrap_or_default();
        let Some(length) = packet::whole(octets)? else { return Ok(None) };
        let control = packet::is_control(octets);
        let start = self.input_at;
        self.input_at += length;
        let packet = start..self.input_at;
        Ok(Some(if control {
            Cut::Control(packet)
        } else {
            Cut::Data(packet.start + HEADER_OCTETS..packet.end)
        }))
    }

    /// Whether [`Self::cut`] has something to say.
    pub(super) fn is_cut_due(&self) -> bool {
        let octets = self.input.get(self.input_at..).unwrap_or_default();
        !matches!(packet::whole(octets), Ok(None))
    }

    /// Octets that were cut.
    pub(super) fn octets(&mut self, range: Range<usize>) -> &mut [u8] {
        self.input.get_mut(range).unwrap_or_default()
    }

    /// Reads once; how many octets came, 0 at the end. To be called when nothing can be cut.
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if matches!(self.state, State::Deaf | State::Gone) {
            return Poll::Pending;
        }
        SCRATCH.with_borrow_mut(|scratch| {
            let mut piece = ReadBuf::new(scratch);
            ready!(Pin::new(&mut self.stream).poll_read(cx, &mut piece))?;
            self.input.drain(..self.input_at);
            self.input_at = 0;
            self.input.extend_from_slice(piece.filled());
            Poll::Ready(Ok(piece.filled().len()))
        })
    }

    /// Writes what waits as far as the stream takes it. Ready when all of it has gone.
    pub(super) fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.is_mute() {
            self.out.clear();
            self.out_at = 0;
            return Poll::Ready(Ok(()));
        }
        while let Some(rest) = self.out.get(self.out_at..).filter(|rest| !rest.is_empty()) {
            let taken = ready!(Pin::new(&mut self.stream).poll_write(cx, rest))?;
            if taken == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.out_at += taken;
            self.unflushed = true;
        }
        self.out.clear();
        self.out_at = 0;
        if self.unflushed {
            ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    /// Writes what waits, then says that nothing more comes.
    pub(super) fn poll_finish(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_send(cx))?;
        if self.is_mute() {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    /// What is to be written is appended to this.
    pub(super) fn out(&mut self) -> &mut Vec<u8> {
        if self.out_at >= PIECE_OCTETS {
            self.out.drain(..self.out_at);
            self.out_at = 0;
        }
        &mut self.out
    }

    /// Octets that wait to be written.
    pub(super) fn waiting(&self) -> usize {
        self.out.len() - self.out_at
    }

    /// Octets of memory for what waits in either direction.
    #[cfg(test)]
    pub(super) fn held_octets(&self) -> usize {
        self.input.capacity() + self.out.capacity()
    }

    /// Nothing is read any more.
    pub(super) fn deafen(&mut self) {
        self.state = if self.is_mute() { State::Gone } else { State::Deaf };
        self.input.clear();
        self.input_at = 0;
    }

    /// Nothing is written any more; what waits is lost.
    pub(super) fn mute(&mut self) {
        let is_open = matches!(self.state, State::Open | State::Mute);
        self.state = if is_open { State::Mute } else { State::Gone };
        self.out.clear();
        self.out_at = 0;
    }

    /// The stream is not touched any more.
    pub(super) fn abandon(&mut self) {
        self.mute();
        self.deafen();
    }

    const fn is_mute(&self) -> bool {
        matches!(self.state, State::Mute | State::Gone)
    }

    /// Gives back the room of what has gone.
    pub(super) fn rest(&mut self) {
        if self.waiting() == 0 {
            (self.out, self.out_at) = (Vec::new(), 0);
        }
        self.input.drain(..self.input_at);
        self.input_at = 0;
        self.input.shrink_to_fit();
    }
}

thread_local! {
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; PIECE_OCTETS]);
}

/// Octets that may wait to be written before packets of the network are refused. More would only
/// delay what is in them.
pub(super) const ROOM_OCTETS: usize = 64 << 10;

/// The most octets read at once.
const PIECE_OCTETS: usize = 64 << 10;
