//! Starting a program in a session that has no leader and no terminal (credentials(7), setsid(2)),
//! as a child of this process.
//!
//! Two forks: the first child makes the session and ends at once, the second is the program. As it
//! leads no session, no terminal it opens can become its controlling one, so no terminal can ever
//! stop it. The orphan comes back to this process, which is a child subreaper
//! (PR_SET_CHILD_SUBREAPER) from then on, and so do the orphans the program leaves.
//!
//! Between fork and exec only system calls run. How it fails: no such program (`NotFound`), not to
//! be executed (`PermissionDenied`), no more processes (`EAGAIN`).

use std::ffi::{OsStr, OsString, c_int};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use rustix::fs::{Mode, OFlags};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{
    Pid, Signal, WaitOptions, getpid, getppid, set_child_subreaper,
    set_parent_process_death_signal, setpgid, setsid, waitpid,
};

/// What to start.
#[derive(Debug)]
pub struct Session<'a> {
    /// The program; without a slash it is looked for in `PATH`.
    pub program: &'a OsStr,
    /// Its arguments.
    pub arguments: &'a [OsString],
    /// Its standard input.
    pub stdin: OwnedFd,
    /// Its standard output.
    pub stdout: OwnedFd,
    /// Its standard error.
    pub stderr: OwnedFd,
    /// Environment variables it gets beside ours.
    pub set: &'a [(&'a str, &'a str)],
    /// Files `cgroup.procs`, open for writing, of the groups it joins before it runs.
    pub groups: &'a [BorrowedFd<'a>],
    /// `oom_score_adj` it sets for itself, -1000..=1000; `None`: it keeps ours.
    pub oom_score_adj: Option<i32>,
}

/// Starts it: the leader of a process group of its own, killed when this process ends. The caller
/// waits for it, and for any orphan.
///
/// # Errors
/// See the top of this file. Nothing is left behind then.
pub fn start(session: Session<'_>) -> io::Result<Pid> {
    set_child_subreaper(Some(getpid()))?;
    let (told, tells) = pipe_with(PipeFlags::CLOEXEC)?;
    let mut command = Command::new(session.program);
    command.args(session.arguments).envs(session.set.iter().copied());
    command.stdin(Stdio::from(session.stdin));
    command.stdout(Stdio::from(session.stdout)).stderr(Stdio::from(session.stderr));
    let groups: Vec<RawFd> = session.groups.iter().map(|fd| fd.as_fd().as_raw_fd()).collect();
    let score = session.oom_score_adj.map(|value| value.to_string().into_bytes());
    let (supervisor, number) = (getpid(), tells.as_raw_fd());
    let prepare = move || {
        setsid()?;
        for &group in &groups {
            // SAFETY: open in the parent when it forked and so here; the borrow ends with the call.
            rustix::io::write(unsafe { BorrowedFd::borrow_raw(group) }, b"0")?;
        }
        leave_the_leader(supervisor)?;
        setpgid(None, None)?;
        // SAFETY: as above; it closes with exec.
        let tells = unsafe { BorrowedFd::borrow_raw(number) };
        rustix::io::write(tells, &getpid().as_raw_nonzero().get().to_ne_bytes())?;
        if let Some(text) = &score {
            let flags = OFlags::WRONLY | OFlags::CLOEXEC;
            let file = rustix::fs::open(c"/proc/self/oom_score_adj", flags, Mode::empty())?;
            rustix::io::write(&file, text)?;
        }
        for signal in OURS_TO_IGNORE {
            // SAFETY: SIG_DFL installs no code; the numbers are valid signals.
            unsafe { self::signal(signal, SIG_DFL) };
        }
        Ok(())
    };
    // SAFETY: the closure makes system calls only; it neither allocates nor takes a lock. fork(2)
    // within it is the C library's, whose locks its first fork has put in order.
    unsafe { command.pre_exec(prepare) };
    let spawned = command.spawn();
    drop((command, tells));
    let mut pid = [0; 4];
    let pid = match File::from(told).read_exact(&mut pid) {
        Ok(()) => Pid::from_raw(i32::from_ne_bytes(pid)),
        Err(_) => None,
    };
    match (spawned, pid) {
        (Ok(mut leader), Some(pid)) => {
            leader.wait()?;
            Ok(pid)
        }
        (Ok(mut leader), None) => {
            leader.wait()?;
            Err(io::Error::other("the program has no process id"))
        }
        (Err(error), pid) => {
            if let Some(pid) = pid {
                // It ended after it told why; the standard library has waited for the leader only.
                let _ = waitpid(Some(pid), WaitOptions::empty());
            }
            Err(error)
        }
    }
}

/// Ends the leader of the new session and goes on as its child, once that has come to `supervisor`.
fn leave_the_leader(supervisor: Pid) -> io::Result<()> {
    let leader = getpid();
    // SAFETY: the child goes on with system calls only, up to exec or the end.
    match unsafe { fork() } {
        0 => {}
        forked if forked > 0 => {
            // SAFETY: ends this process without running anything of it.
            unsafe { _exit(0) }
        }
        _ => return Err(io::Error::last_os_error()),
    }
    loop {
        match getppid() {
            Some(parent) if parent == supervisor => break,
            Some(parent) if parent == leader => rustix::thread::sched_yield(),
            _ => return Err(rustix::io::Errno::SRCH.into()),
        }
    }
    // Only now: the end of the leader, a parent too, would have sent it already.
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // The supervisor may have ended before the line above; no signal would come then.
    if getppid() == Some(supervisor) { Ok(()) } else { Err(rustix::io::Errno::SRCH.into()) }
}

unsafe extern "C" {
    /// The C library's `signal(2)`; `rustix` has it only in a part without promises.
    fn signal(number: c_int, handler: usize) -> usize;
    /// fork(2).
    fn fork() -> c_int;
    /// _exit(2).
    fn _exit(status: c_int) -> !;
}

/// `SIGTSTP`, `SIGTTIN` and `SIGTTOU`, which a supervisor ignores and a program should find as
/// usual.
const OURS_TO_IGNORE: [c_int; 3] = [20, 21, 22];
const SIG_DFL: usize = 0;
