//! One start of the program, and the streams its output comes from.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Instant;

use menshen_sys::{pty, session};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::Pid;

use crate::lines::Splitter;
use crate::output::Source;
use crate::plan::{Plan, Streams};

/// A started program.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) pid: Pid,
    pub(crate) started: Instant,
    pub(crate) feeds: Vec<Feed>,
    /// Bytes of output so far.
    pub(crate) output_bytes: u64,
    /// When the last of them came.
    pub(crate) spoke: Instant,
}

/// One stream of its output.
#[derive(Debug)]
pub(crate) struct Feed {
    fd: OwnedFd,
    pub(crate) source: Source,
    pub(crate) splitter: Splitter,
    is_terminal: bool,
    open: bool,
    /// When its last bytes came.
    pub(crate) spoke: Instant,
}

/// What is there to be read.
pub(crate) enum Taken {
    /// So many bytes.
    Bytes(usize),
    /// Nothing now.
    Nothing,
    /// Nothing any more.
    End,
}

/// What a start needs beside the plan.
pub(crate) struct Surroundings<'a> {
    pub(crate) stdin: OwnedFd,
    pub(crate) size: (u16, u16),
    pub(crate) groups: &'a [BorrowedFd<'a>],
    pub(crate) oom_score_adj: Option<i32>,
    pub(crate) set: &'a [(&'a str, &'a str)],
}

impl Program {
    /// Starts it.
    pub(crate) fn start(plan: &Plan, around: Surroundings<'_>) -> io::Result<Self> {
        let now = Instant::now();
        let feed = |fd, source, is_terminal| Feed {
            fd,
            source,
            splitter: Splitter::new(),
            is_terminal,
            open: true,
            spoke: now,
        };
        let (feeds, stdout, stderr) = match plan.streams {
            Streams::Terminal => {
                let pair = pty::open(around.size.0, around.size.1)?;
                let stdout = pair.program.try_clone()?;
                (vec![feed(pair.ours, Source::Output, true)], stdout, pair.program)
            }
            Streams::Pipes => {
                let (from_out, stdout) = pipe_with(PipeFlags::CLOEXEC)?;
                let (from_err, stderr) = pipe_with(PipeFlags::CLOEXEC)?;
                for from in [&from_out, &from_err] {
                    rustix::io::ioctl_fionbio(from, true)?;
                }
                let feeds = vec![
                    feed(from_out, Source::Output, false),
                    feed(from_err, Source::Error, false),
                ];
                (feeds, stdout, stderr)
            }
        };
        let pid = session::start(session::Session {
            program: &plan.program,
            arguments: &plan.arguments,
            stdin: around.stdin,
            stdout,
            stderr,
            set: around.set,
            groups: around.groups,
            oom_score_adj: around.oom_score_adj,
        })?;
        Ok(Self { pid, started: now, feeds, output_bytes: 0, spoke: now })
    }

    /// Gives its terminal, if it has one, another size.
    pub(crate) fn resize(&self, (columns, rows): (u16, u16)) {
        for feed in self.feeds.iter().filter(|feed| feed.is_terminal) {
            // A window that cannot be told is no reason for anything.
            let _ = pty::resize(&feed.fd, columns, rows);
        }
    }

    /// Its number as `/proc` has it.
    pub(crate) fn number(&self) -> u32 {
        self.pid.as_raw_nonzero().get().cast_unsigned()
    }
}

impl Feed {
    /// What to poll; `None` once all has been read.
    pub(crate) fn to_poll(&self) -> Option<BorrowedFd<'_>> {
        self.open.then(|| self.fd.as_fd())
    }

    /// Reads what is there.
    pub(crate) fn take(&mut self, bytes: &mut [u8]) -> Taken {
        if !self.open {
            return Taken::End;
        }
        match rustix::io::read(&self.fd, bytes) {
            Ok(0) => {}
            Ok(count) => return Taken::Bytes(count),
            Err(Errno::AGAIN | Errno::INTR) => return Taken::Nothing,
            // A terminal nobody holds any more says EIO.
            Err(_) => {}
        }
        self.open = false;
        Taken::End
    }
}
