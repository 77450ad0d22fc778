//! Starting a worker: fork and exec with exactly the descriptors it was given.
//!
//! Between fork and exec only system calls run, no allocation and no lock: another thread might
//! have held one. What is started, and with what, is the caller's.

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::io::{FdFlags, fcntl_setfd};
use rustix::process::{Pid, Signal, getpid, getppid, set_parent_process_death_signal};

/// What to start.
#[derive(Debug)]
pub struct Plan<'a> {
    /// The program file.
    pub program: &'a Path,
    /// What `ps` shows as its name.
    pub argv0: &'a str,
    /// Its arguments.
    pub arguments: &'a [&'a str],
    /// Becomes its standard input.
    pub stdin: OwnedFd,
    /// Stay open in the child under the numbers they have here; all else is closed.
    pub keep: &'a [BorrowedFd<'a>],
    /// Environment variables the child does not get.
    pub hide: &'a [&'a str],
    /// Environment variables the child gets unless they are set already.
    pub set: &'a [(&'a str, &'a str)],
}

/// Starts the program in a process group of its own, so that `Ctrl-C` and a closing terminal reach
/// only the guard; it gets `SIGTERM` when its parent ends. The caller waits for it.
///
/// # Errors
/// When the process cannot be made (`EAGAIN`: too many processes) or the program not executed.
pub fn spawn(plan: Plan<'_>) -> io::Result<Pid> {
    let keep: Vec<RawFd> = plan.keep.iter().map(|fd| fd.as_fd().as_raw_fd()).collect();
    let parent = getpid();
    let mut command = Command::new(plan.program);
    command.arg0(OsStr::new(plan.argv0)).args(plan.arguments);
    command.stdin(Stdio::from(plan.stdin)).process_group(0);
    for name in plan.hide {
        command.env_remove(name);
    }
    for (name, value) in plan.set {
        if std::env::var_os(name).is_none() {
            command.env(name, value);
        }
    }
    let prepare = move || {
        for &number in &keep {
            // SAFETY: the numbers were open in the parent when it forked and so are here; the
            // borrow ends with this call.
            let fd = unsafe { BorrowedFd::borrow_raw(number) };
            fcntl_setfd(fd, FdFlags::empty())?;
        }
        set_parent_process_death_signal(Some(Signal::TERM))?;
        // The parent may have ended before the line above; no signal would come then.
        if getppid() != Some(parent) {
            return Err(io::Error::from(rustix::io::Errno::SRCH));
        }
        Ok(())
    };
    // SAFETY: the closure makes system calls only; it neither allocates nor takes a lock.
    unsafe { command.pre_exec(prepare) };
    let child = command.spawn()?;
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    pid.ok_or_else(|| io::Error::other("the child has no process id"))
}

/// Marks every descriptor above 2 close-on-exec, whoever opened it, so that what this process
/// inherited by accident does not reach its children.
///
/// # Errors
/// When `/proc/self/fd` cannot be read.
pub fn seal_descriptors() -> io::Result<()> {
    let mut numbers = Vec::new();
    for entry in std::fs::read_dir("/proc/self/fd")? {
        numbers.extend(entry?.file_name().to_str().and_then(|name| name.parse::<RawFd>().ok()));
    }
    for number in numbers.into_iter().filter(|number| *number > 2) {
        // SAFETY: used only for F_SETFD, which fails cleanly on a number closed meanwhile (the
        // folder listing's own).
        let fd = unsafe { BorrowedFd::borrow_raw(number) };
        let _ = fcntl_setfd(fd, FdFlags::CLOEXEC);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
