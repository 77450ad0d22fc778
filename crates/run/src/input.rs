//! What the program reads as its standard input.
//!
//! Nothing, as a rule. Where somebody may have expected more (ours is no `/dev/null`), "nothing" is
//! an empty file in memory whose access time tells that it was read, so that it can be said. Our
//! own input is handed over as it is; only from a terminal its lines are passed on through a pipe,
//! while we are in the foreground, so that a program in the background takes no input from a shell.

use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{MemfdFlags, Mode, OFlags, Timespec, Timestamps, fstat, futimens, memfd_create};
use rustix::pipe::{PipeFlags, pipe_with};

use crate::plan;

/// Where the program's input comes from.
#[derive(Debug)]
pub(crate) enum Input {
    /// `/dev/null`.
    Null,
    /// An empty file that knows whether it was read.
    Watched(File),
    /// What our own standard input is.
    Handed,
    /// Lines of our terminal.
    Relayed(Relay),
}

/// Lines on their way from the terminal.
#[derive(Debug, Default)]
pub(crate) struct Relay {
    to: Option<File>,
    waiting: Vec<u8>,
    ended: bool,
}

impl Input {
    pub(crate) fn choose(wanted: plan::Input) -> io::Result<Self> {
        let ours = io::stdin();
        Ok(match wanted {
            plan::Input::Passed if ours.is_terminal() => Self::Relayed(Relay::default()),
            plan::Input::Passed => Self::Handed,
            plan::Input::Empty if is_null(&ours) => Self::Null,
            plan::Input::Empty => Self::Watched(watched()?),
        })
    }

    /// The program's end, for one start.
    pub(crate) fn give(&mut self) -> io::Result<OwnedFd> {
        match self {
            Self::Null => Ok(open("/dev/null")?.into()),
            Self::Watched(file) => {
                use std::os::fd::AsRawFd;
                Ok(open(&format!("/proc/self/fd/{}", file.as_raw_fd()))?.into())
            }
            Self::Handed => io::stdin().as_fd().try_clone_to_owned(),
            Self::Relayed(relay) => {
                let (from, to) = pipe_with(PipeFlags::CLOEXEC)?;
                rustix::io::ioctl_fionbio(&to, true)?;
                relay.to = (!relay.ended).then(|| to.into());
                Ok(from)
            }
        }
    }

    /// Whether the program has read its empty input since the last call.
    pub(crate) fn was_read(&self) -> bool {
        let Self::Watched(file) = self else { return false };
        let read = fstat(file).is_ok_and(|stat| stat.st_atime != 0);
        if read {
            let _ = futimens(file, &never_read());
        }
        read
    }

    /// It was said that the input is empty; nobody is to be told again.
    pub(crate) fn said(&mut self) {
        *self = Self::Null;
    }

    /// The terminal to poll for lines; `None`: nothing can be taken now.
    pub(crate) fn to_poll(&self) -> Option<BorrowedFd<'static>> {
        let Self::Relayed(relay) = self else { return None };
        let wanted = relay.to.is_some() && relay.waiting.len() < RELAY_BYTES_MAX;
        (wanted && is_foreground()).then(rustix::stdio::stdin)
    }

    /// Takes what the terminal has; call it when the terminal is readable.
    pub(crate) fn take(&mut self) {
        let Self::Relayed(relay) = self else { return };
        let mut bytes = [0; 4096];
        match rustix::io::read(rustix::stdio::stdin(), &mut bytes) {
            Ok(0) => relay.ended = true,
            Ok(count) => relay.waiting.extend_from_slice(&bytes[..count]),
            // In the background a terminal says EIO where we ignore its signal.
            Err(_) => {}
        }
    }

    /// Passes on what was taken. A program that does not read is not waited for.
    pub(crate) fn pass_on(&mut self) {
        let Self::Relayed(relay) = self else { return };
        if let Some(to) = &mut relay.to {
            match to.write(&relay.waiting) {
                Ok(count) => {
                    relay.waiting.drain(..count);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(_) => relay.waiting.clear(),
            }
        }
        if relay.ended && relay.waiting.is_empty() {
            relay.to = None;
        }
    }

    /// Whether something waits for the program to read.
    pub(crate) fn is_waiting(&self) -> bool {
        matches!(self, Self::Relayed(relay) if !relay.waiting.is_empty() && relay.to.is_some())
    }
}

/// An empty file nobody can write, never read so far.
fn watched() -> io::Result<File> {
    let fd = memfd_create("no input", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
    futimens(&fd, &never_read())?;
    use rustix::fs::SealFlags;
    rustix::fs::fcntl_add_seals(&fd, SealFlags::GROW | SealFlags::WRITE | SealFlags::SEAL)?;
    let mut file = File::from(fd);
    debug_assert!(file.read(&mut [0; 1]).is_ok_and(|count| count == 0));
    futimens(&file, &never_read())?;
    Ok(file)
}

const fn never_read() -> Timestamps {
    let zero = Timespec { tv_sec: 0, tv_nsec: 0 };
    Timestamps { last_access: zero, last_modification: zero }
}

fn open(path: &str) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOCTTY;
    Ok(rustix::fs::open(path, flags, Mode::empty())?.into())
}

/// Whether it is `/dev/null`, or closed.
fn is_null(stream: &impl AsFd) -> bool {
    let null = rustix::fs::stat("/dev/null").map(|stat| stat.st_rdev);
    match (fstat(stream), null) {
        (Ok(stat), Ok(null)) => {
            rustix::fs::FileType::from_raw_mode(stat.st_mode).is_char_device()
                && stat.st_rdev == null
        }
        _ => true,
    }
}

/// Whether our terminal's foreground is ours.
fn is_foreground() -> bool {
    rustix::termios::tcgetpgrp(rustix::stdio::stdin())
        .is_ok_and(|group| group == rustix::process::getpgrp())
}

const RELAY_BYTES_MAX: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    //! The empty input that knows whether it was read.
    use super::*;

    #[test]
    fn a_read_of_the_empty_input_is_seen_once() {
        let mut input = Input::Watched(watched().unwrap());
        assert!(!input.was_read());
        let mut given = File::from(input.give().unwrap());
        assert!(!input.was_read(), "given is not read");
        assert!(given.write(b"x").is_err(), "nobody writes there");
        assert_eq!(given.read(&mut [0; 8]).unwrap(), 0);
        assert!(input.was_read() && !input.was_read());
    }
}
