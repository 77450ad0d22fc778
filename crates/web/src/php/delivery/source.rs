//! The bytes of a body for PHP, read from beginning to end.
//!
//! It gives exactly as many bytes as it promised, or an error: a file that became shorter must
//! never end a body early.

use std::collections::VecDeque;
use std::io;
use std::ops::Range;
use std::os::fd::OwnedFd;

use rustix::io::Errno;

pub(super) use crate::php::intake::Bytes;
use crate::php::spool::Named;

/// A body, as pieces of memory and of files.
#[derive(Debug)]
pub(crate) struct Source {
    /// Written for this body.
    text: Vec<u8>,
    /// How much of `text` is accounted for in `pieces`.
    counted: usize,
    /// What arrived and was not written to files of its own.
    pile: Bytes,
    pieces: VecDeque<Piece>,
    /// The file of the first piece, once begun.
    open: Option<OwnedFd>,
    remaining: u64,
}

#[derive(Debug)]
enum Piece {
    Text(Range<usize>),
    Pile(Range<u64>),
    /// A whole file, removed when it was read.
    File {
        file: Named,
        at: u64,
    },
}

impl Source {
    /// The first `length` bytes of a pile; more may be pushed.
    pub(super) fn of(pile: Bytes, length: u64) -> Self {
        let (text, open, pieces) = (Vec::new(), None, VecDeque::new());
        let mut source = Self { text, counted: 0, pile, pieces, open, remaining: 0 };
        source.push(length, Piece::Pile(0..length));
        source
    }

    /// Reads on into `out`; 0 only at the end or when `out` is empty.
    ///
    /// # Errors
    /// A file cannot be read or is shorter than it was.
    pub(crate) fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < out.len() {
            let rest = &mut out[filled..];
            let read = match self.pieces.front_mut() {
                None => break,
                Some(Piece::Text(range)) => {
                    let read = copy(&self.text[range.clone()], rest);
                    range.start += read;
                    read
                }
                Some(Piece::Pile(range)) => {
                    let read = match &self.pile {
                        Bytes::Memory(all) => copy(slice(all, range), rest),
                        Bytes::File(file) => read_at(file, range.clone(), rest)?,
                    };
                    range.start += read as u64;
                    read
                }
                Some(Piece::File { file, at }) => {
                    let open = match self.open.take() {
                        Some(open) => open,
                        None => file.reader()?,
                    };
                    let read = read_at(&open, *at..file.size(), rest)?;
                    self.open = Some(open);
                    *at += read as u64;
                    read
                }
            };
            filled += read;
            self.remaining -= read as u64;
            self.pop_done();
        }
        Ok(filled)
    }

    /// Bytes to come.
    pub(crate) const fn remaining(&self) -> u64 {
        self.remaining
    }

    /// Where text is to be appended; [`Self::text_grew`] afterwards.
    pub(super) const fn text(&mut self) -> &mut Vec<u8> {
        &mut self.text
    }

    /// Takes what was appended to the text into the body.
    pub(super) fn text_grew(&mut self) {
        let grown = self.counted..self.text.len();
        self.counted = grown.end;
        let bytes = grown.len() as u64;
        if let Some(Piece::Text(last)) = self.pieces.back_mut() {
            last.end = grown.end;
            self.remaining += bytes;
            return;
        }
        self.push(bytes, Piece::Text(grown));
    }

    /// Appends text.
    pub(super) fn push_text(&mut self, text: &[u8]) {
        self.text.extend_from_slice(text);
        self.text_grew();
    }

    /// Appends a range of the pile; what is in memory becomes text, so that it is one piece.
    pub(super) fn push_piled(&mut self, range: Range<u64>) {
        if let Bytes::Memory(all) = &self.pile {
            self.text.extend_from_slice(slice(all, &range));
            self.text_grew();
        } else {
            self.push(range.end - range.start, Piece::Pile(range));
        }
    }

    /// Appends a whole file.
    pub(super) fn push_file(&mut self, file: Named) {
        self.push(file.size(), Piece::File { file, at: 0 });
    }

    fn push(&mut self, bytes: u64, piece: Piece) {
        if bytes > 0 {
            self.pieces.push_back(piece);
            self.remaining += bytes;
        }
    }

    fn pop_done(&mut self) {
        let done = self.pieces.front().is_some_and(|piece| match piece {
            Piece::Text(range) => range.is_empty(),
            Piece::Pile(range) => range.is_empty(),
            Piece::File { file, at } => *at >= file.size(),
        });
        if done {
            self.open = None;
            self.pieces.pop_front();
        }
    }
}

fn copy(from: &[u8], out: &mut [u8]) -> usize {
    let bytes = from.len().min(out.len());
    out[..bytes].copy_from_slice(&from[..bytes]);
    bytes
}

/// A range that was made from the same bytes.
fn slice<'a>(all: &'a [u8], range: &Range<u64>) -> &'a [u8] {
    let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
    all.get(place(range.start)..place(range.end)).unwrap_or_default()
}

fn read_at(file: &OwnedFd, range: Range<u64>, out: &mut [u8]) -> io::Result<usize> {
    let wanted = usize::try_from(range.end - range.start).unwrap_or(usize::MAX).min(out.len());
    loop {
        match rustix::io::pread(file, &mut out[..wanted], range.start) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => return Ok(read),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
