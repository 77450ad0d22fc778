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

use rustix::fs::{Mode, OFlags};
use rustix::io::{FdFlags, fcntl_setfd};
use rustix::process::{
    Gid, Pid, Resource, Rlimit, Signal, Uid, getpid, getppid, getrlimit,
    set_parent_process_death_signal, setrlimit,
};
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};

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
    /// What a program needs that is not menshen; `None`: it is, and arranges this itself.
    pub foreign: Option<Foreign>,
}

/// What is arranged for a program that does not give up its rights by itself.
#[derive(Debug)]
pub struct Foreign {
    /// Becomes its standard output and its standard error.
    pub output: OwnedFd,
    /// User and group to become, without further groups; `None`: stay who the parent is.
    pub user: Option<(u32, u32)>,
    /// `oom_score_adj` to go back to, -1000..=1000; `None`: leave it.
    pub oom_score_adj: Option<i32>,
    /// Soft limit of open files; `None`: the parent's.
    pub descriptors: Option<u64>,
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
    let descent = plan.foreign.as_ref().map(Descent::of).transpose()?;
    if let Some(foreign) = plan.foreign {
        command.stdout(Stdio::from(foreign.output.try_clone()?));
        command.stderr(Stdio::from(foreign.output));
    }
    let prepare = move || {
        for &number in &keep {
            // SAFETY: the numbers were open in the parent when it forked and so are here; the
            // borrow ends with this call.
            let fd = unsafe { BorrowedFd::borrow_raw(number) };
            fcntl_setfd(fd, FdFlags::empty())?;
        }
        if let Some(descent) = &descent {
            descent.go()?;
        }
        // After the change of user, which makes the kernel forget it.
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

/// The steps of [`Foreign`] between fork and exec: system calls on what was prepared before.
struct Descent {
    user: Option<(u32, u32)>,
    oom_score_adj: Option<Vec<u8>>,
    descriptors: Option<u64>,
}

impl Descent {
    fn of(foreign: &Foreign) -> io::Result<Self> {
        if foreign.user.is_some_and(|(uid, _)| uid == 0) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "root is no user to become"));
        }
        Ok(Self {
            user: foreign.user,
            oom_score_adj: foreign.oom_score_adj.map(|value| value.to_string().into_bytes()),
            descriptors: foreign.descriptors,
        })
    }

    /// The score first, while the file belongs to this user; then what needs each the right that
    /// the next one takes away.
    fn go(&self) -> io::Result<()> {
        if let Some(text) = &self.oom_score_adj {
            let file =
                rustix::fs::open(c"/proc/self/oom_score_adj", OFlags::WRONLY, Mode::empty())?;
            rustix::io::write(&file, text)?;
        }
        if let Some(soft) = self.descriptors {
            let limit = getrlimit(Resource::Nofile);
            setrlimit(Resource::Nofile, Rlimit { current: Some(soft), ..limit })?;
        }
        if let Some((uid, gid)) = self.user {
            let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
            set_thread_groups(&[])?;
            set_thread_res_gid(gid, gid, gid)?;
            set_thread_res_uid(uid, uid, uid)?;
        }
        Ok(())
    }
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
