//! A descriptor lines are written to, which never makes us wait.
//!
//! A terminal may be stopped (Ctrl-S) by somebody who forgot it: what it does not take is dropped
//! beyond [`TERMINAL_BYTES_MAX`] and counted. Pipes and files are read by programs that want all
//! of it: beyond [`BEHIND_BYTES`] the program has to wait. A reader that went away (`EPIPE`, `EIO`)
//! loses what follows.

use std::io::{self, IsTerminal};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, Mode, OFlags, fstat};
use rustix::io::Errno;

/// The descriptor and what it has not taken yet.
#[derive(Debug)]
pub(crate) struct Sink {
    fd: OwnedFd,
    kind: Kind,
    /// Device and inode, to know the same file again.
    identity: (u64, u64),
    waiting: Vec<u8>,
    /// Bytes at the front of `waiting` that are written.
    done: usize,
    dropped_bytes: u64,
    gone: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Opened anew without blocking; drops.
    Terminal,
    /// Opened anew without blocking.
    Pipe,
    /// Never blocks.
    File,
    /// Asked before each write, and given little.
    Other,
}

impl Sink {
    /// Standard output or standard error.
    pub(crate) fn standard(stream: &(impl AsFd + IsTerminal)) -> io::Result<Self> {
        let stat = fstat(stream)?;
        let wanted = match FileType::from_raw_mode(stat.st_mode) {
            _ if stream.is_terminal() => Kind::Terminal,
            FileType::Fifo => Kind::Pipe,
            FileType::RegularFile => Kind::File,
            _ => Kind::Other,
        };
        // Another open file of it: the flag must not reach those we share ours with.
        let anew = || {
            let path = format!("/proc/self/fd/{}", stream.as_fd().as_raw_fd());
            let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
            rustix::fs::open(path, flags, Mode::empty())
        };
        let (fd, kind) = match wanted {
            Kind::Terminal | Kind::Pipe => match anew() {
                Ok(fd) => (fd, wanted),
                Err(_) => (stream.as_fd().try_clone_to_owned()?, Kind::Other),
            },
            Kind::File | Kind::Other => (stream.as_fd().try_clone_to_owned()?, wanted),
        };
        let identity = (stat.st_dev, stat.st_ino);
        let waiting = Vec::new();
        Ok(Self { fd, kind, identity, waiting, done: 0, dropped_bytes: 0, gone: false })
    }

    pub(crate) fn is_same_file(&self, other: &Self) -> bool {
        self.identity == other.identity
    }

    pub(crate) fn is_terminal(&self) -> bool {
        self.fd.is_terminal()
    }

    pub(crate) fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    pub(crate) fn is_behind(&self) -> bool {
        self.kind != Kind::Terminal && self.waiting.len() - self.done > BEHIND_BYTES
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.gone
    }

    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// Takes bytes to write.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        if self.gone {
            return;
        }
        if self.kind == Kind::Terminal && self.waiting.len() + bytes.len() > TERMINAL_BYTES_MAX {
            self.dropped_bytes += bytes.len() as u64;
            return;
        }
        self.waiting.extend_from_slice(bytes);
    }

    /// Writes what can be written now; gives what there is to be told, once.
    pub(crate) fn flush(&mut self, name: &str) -> Option<String> {
        while self.done < self.waiting.len() {
            let rest = self.waiting.get(self.done..).unwrap_or_default();
            let result = match self.kind {
                Kind::Other => {
                    if !self.is_ready() {
                        break;
                    }
                    rustix::io::write(&self.fd, rest.get(..PIECE_BYTES).unwrap_or(rest))
                }
                Kind::Terminal | Kind::Pipe | Kind::File => rustix::io::write(&self.fd, rest),
            };
            match result {
                Ok(count) => self.done += count,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => break,
                Err(error @ (Errno::PIPE | Errno::IO)) => {
                    self.gone = true;
                    self.clear();
                    return Some(format!("{name} has no reader any more ({error})"));
                }
                Err(error) => {
                    let first = self.dropped_bytes == 0;
                    self.dropped_bytes += rest.len() as u64;
                    self.clear();
                    return first.then(|| format!("{name} cannot be written: {error}"));
                }
            }
        }
        if self.done == self.waiting.len() {
            self.clear();
            if self.kind == Kind::Terminal && self.dropped_bytes > 0 {
                let dropped = std::mem::take(&mut self.dropped_bytes);
                return Some(format!("{dropped} bytes were not shown: the terminal stood still"));
            }
        } else if self.done >= PIECE_BYTES {
            self.waiting.drain(..self.done);
            self.done = 0;
        }
        None
    }

    fn clear(&mut self) {
        self.waiting.clear();
        self.done = 0;
    }

    fn is_ready(&self) -> bool {
        let mut polled = [PollFd::new(&self.fd, PollFlags::OUT)];
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        poll(&mut polled, Some(&now)).is_ok_and(|count| count > 0)
    }
}

/// `PIPE_BUF` of Linux: so much a pipe that reports room takes without blocking.
const PIECE_BYTES: usize = 4096;
const BEHIND_BYTES: usize = 256 * 1024;
const TERMINAL_BYTES_MAX: usize = 1024 * 1024;

#[cfg(test)]
mod tests {
    //! Pipes nobody reads, and readers that go away.
    use super::*;

    #[test]
    fn a_full_pipe_waits_and_loses_nothing() {
        let (reader, writer) = io::pipe().unwrap();
        let mut sink = Sink { kind: Kind::Other, ..piped(&writer) };
        let bytes: Vec<u8> = (0..600_000_u32).map(|n| n.to_le_bytes()[0]).collect();
        sink.push(&bytes);
        assert!(sink.is_behind() && sink.flush("it").is_none() && sink.is_waiting());
        drop(writer);
        let reader = std::thread::spawn(move || {
            let (mut seen, mut reader) = (Vec::new(), reader);
            io::Read::read_to_end(&mut reader, &mut seen).unwrap();
            seen
        });
        while sink.is_waiting() {
            assert!(sink.flush("it").is_none());
        }
        drop(sink);
        assert_eq!(reader.join().unwrap(), bytes);
    }

    #[test]
    fn a_lost_reader_is_told_once() {
        let (reader, writer) = io::pipe().unwrap();
        let mut sink = piped(&writer);
        drop(reader);
        sink.push(b"x");
        assert!(sink.flush("it").is_some_and(|text| text.contains("no reader")));
        sink.push(b"x");
        assert!(sink.is_gone() && !sink.is_waiting() && sink.flush("it").is_none());
    }

    fn piped(writer: &io::PipeWriter) -> Sink {
        let fd = writer.try_clone().unwrap().into();
        let (waiting, identity) = (Vec::new(), (0, 0));
        Sink { fd, kind: Kind::Pipe, identity, waiting, done: 0, dropped_bytes: 0, gone: false }
    }
}
