//! A process that takes memory when it is told to: menshen in a hidden role, so that a host needs
//! no other program. It can do nothing else, and ends with whoever started it.
//!
//! It reads lines with a number of mebibytes and answers one line break for each that it has.

use std::fs::File;
use std::io::{self, BufRead, Read, Write};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::ExitCode;

use menshen_sys::lock::touch;
use menshen_sys::proc;
use menshen_sys::process::set_name;
use menshen_sys::spawn::{Foreign, Plan, spawn};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{
    Pid, Signal, WaitOptions, WaitStatus, kill_process, set_parent_process_death_signal, waitpid,
};

/// The role: takes memory line by line until its input ends.
#[must_use]
pub fn hog(name: &str) -> ExitCode {
    set_name(name);
    // Whoever started it with SIGTERM at its end may be gone already: then the input has ended.
    let _ = set_parent_process_death_signal(Some(Signal::KILL));
    let mut held: Vec<Vec<u8>> = Vec::new();
    let mut answers = io::stdout().lock();
    for line in io::stdin().lock().lines() {
        let wanted = line.ok().and_then(|line| line.trim().parse::<u32>().ok());
        for _ in 0..wanted.unwrap_or(0).min(MEBIBYTES_MAX) {
            let mut piece = vec![0; MEBIBYTE];
            touch(&mut piece);
            held.push(piece);
            if answers.write_all(b"\n").and_then(|()| answers.flush()).is_err() {
                return ExitCode::FAILURE;
            }
        }
    }
    drop(held);
    ExitCode::SUCCESS
}

/// A running hog; ended when dropped.
#[derive(Debug)]
pub(super) struct Hog {
    pub(super) pid: u32,
    process: Pid,
    orders: File,
    answers: File,
    /// Mebibytes it was told to take.
    pub(super) asked: u32,
    /// Mebibytes it has.
    pub(super) had: u32,
    ended: Option<WaitStatus>,
}

impl Hog {
    /// Starts one, and moves it into a group with `enter` before it takes anything; `tag` is the
    /// drill's own, so that its command line is found by no other rule.
    pub(super) fn start(
        name: &str,
        tag: &str,
        enter: impl FnOnce(u32) -> io::Result<()>,
    ) -> io::Result<Self> {
        let (stdin, orders) = pipe_with(PipeFlags::CLOEXEC)?;
        let (answers, output) = pipe_with(PipeFlags::CLOEXEC)?;
        let process = spawn(Plan {
            program: Path::new("/proc/self/exe"),
            argv0: "menshen: drill",
            arguments: &["drill-hog", name, tag],
            stdin,
            keep: &[],
            hide: &[],
            set: &[],
            foreign: Some(Foreign { output, user: None, oom_score_adj: None, descriptors: None }),
        })?;
        let pid = process.as_raw_nonzero().get().unsigned_abs();
        let flags = fcntl_getfl(&answers)?;
        fcntl_setfl(&answers, flags | OFlags::NONBLOCK)?;
        let (orders, answers): (OwnedFd, OwnedFd) = (orders, answers);
        let hog = Self {
            pid,
            process,
            orders: orders.into(),
            answers: answers.into(),
            asked: 0,
            had: 0,
            ended: None,
        };
        enter(pid)?;
        Ok(hog)
    }

    /// Tells it to take so many mebibytes more; nobody waits.
    pub(super) fn ask(&mut self, mebibytes: u32) {
        self.asked += mebibytes;
        // One that ended is seen by `is_alive`.
        let _ = self.orders.write_all(format!("{mebibytes}\n").as_bytes());
    }

    /// Reads its answers; gives how many mebibytes it has.
    pub(super) fn look(&mut self) -> u32 {
        let mut bytes = [0; 256];
        while let Ok(count @ 1..) = self.answers.read(&mut bytes) {
            self.had += u32::try_from(count).unwrap_or(0);
        }
        self.had
    }

    /// Whether it has all it was told to take.
    pub(super) fn is_full(&mut self) -> bool {
        self.look() >= self.asked
    }

    /// Whether it runs.
    pub(super) fn is_alive(&mut self) -> bool {
        if self.ended.is_none()
            && let Ok(Some((_, status))) = waitpid(Some(self.process), WaitOptions::NOHANG)
        {
            self.ended = Some(status);
        }
        self.ended.is_none()
    }

    /// The signal that ended it.
    pub(super) fn ended_by(&mut self) -> Option<i32> {
        if self.is_alive() { None } else { self.ended?.terminating_signal() }
    }

    /// What it has resident, bytes; 0 when it is gone.
    pub(super) fn resident(&self) -> u64 {
        proc::Status::read(self.pid).map_or(0, |status| status.rss_kib * 1024)
    }

    /// Ends it and waits for that.
    pub(super) fn end(&mut self) {
        while self.is_alive() {
            let _ = kill_process(self.process, Signal::KILL);
            std::thread::sleep(super::LOOK);
        }
    }
}

impl Drop for Hog {
    fn drop(&mut self) {
        self.end();
    }
}

const MEBIBYTE: usize = 1 << 20;
/// More than a drill may ever use.
const MEBIBYTES_MAX: u32 = 1024;
