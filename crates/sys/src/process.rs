//! Rights of a process: a worker giving up all of them, and a guard that is never stopped by the
//! terminal it was started from.
//!
//! Nothing here decides who a worker becomes; the numbers come in as arguments.

use std::ffi::{CString, c_int};
use std::io::{self, Write};
use std::process::ExitCode;

use menshen_base::with_causes;
use rustix::fs::{Mode, OFlags};
use rustix::process::{
    DumpableBehavior, Gid, Signal, Uid, getegid, geteuid, getppid, getuid, set_dumpable_behavior,
    set_parent_process_death_signal,
};
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, capability_is_in_bounding_set,
    clear_ambient_capability_set, remove_capability_from_bounding_set, set_capabilities,
    set_keep_capabilities, set_no_new_privs, set_thread_groups, set_thread_res_gid,
    set_thread_res_uid,
};

/// What a worker is to become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rights {
    /// User and group; `None`: stay who it is, which is refused for root.
    pub user: Option<(u32, u32)>,
    /// `oom_score_adj` to go back to, -1000..=1000; `None`: leave it.
    pub oom_score_adj: Option<i32>,
}

/// What a worker keeps of the rights of root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// Nothing.
    Nothing,
    /// `CAP_NET_ADMIN` and `CAP_NET_RAW`: interfaces, addresses and routes; raw sockets.
    Network,
}

impl Kept {
    const fn set(self) -> CapabilitySet {
        match self {
            Self::Nothing => CapabilitySet::empty(),
            Self::Network => CapabilitySet::NET_ADMIN.union(CapabilitySet::NET_RAW),
        }
    }
}

/// Why a worker could not give up its rights; it must not go on then.
#[derive(Debug, thiserror::Error)]
pub enum RightsError {
    /// Root asked to serve as root.
    #[error("a worker does not run as root")]
    ConfigRoot,
    /// Another thread runs already, and would keep the rights.
    #[error("{0} threads run already; rights are given up by one thread alone")]
    LocalThreads(usize),
    /// A step failed.
    #[error("could not {step}")]
    Local {
        /// The step, such as `set the user`.
        step: &'static str,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// The user was changed and yet root could be had back.
    #[error("root could be had back after the user was changed")]
    LocalRootRegained,
}

/// Gives up every right, for good: [`become_worker_keeping`] with [`Kept::Nothing`].
///
/// # Errors
/// The first step that failed; the process is then half way and must end.
pub fn become_worker(rights: &Rights) -> Result<(), RightsError> {
    become_worker_keeping(rights, Kept::Nothing)
}

/// Whether this process has all of these capabilities, to use or to hand on.
///
/// # Errors
/// What the kernel says.
pub fn has(kept: Kept) -> io::Result<bool> {
    Ok(capabilities(None)?.permitted.contains(kept.set()))
}

/// Gives up every right a worker does not need, for good.
///
/// The order matters:
/// 1. `oom_score_adj`, while the files of `/proc/self` still belong to this user;
/// 2. the capability bounding set, while `CAP_SETPCAP` is there;
/// 3. groups, group, user: each needs the right the next one takes away, but for what is kept, of
///    which the kernel is told before;
/// 4. what capabilities remain (from file capabilities or an ambient set), but for what is kept:
///    to have and to use, never to pass on by `exec`;
/// 5. no new rights by `exec`, so a set-user-id file is of no use;
/// 6. not dumpable: no core file and no debugger of the same user sees the keys;
/// 7. the parent-death signal, which the kernel forgets when the user changes.
///
/// # Errors
/// The first step that failed; the process is then half way and must end.
pub fn become_worker_keeping(rights: &Rights, kept: Kept) -> Result<(), RightsError> {
    if rights.user.map_or_else(|| geteuid().is_root(), |(uid, _)| uid == 0) {
        return Err(RightsError::ConfigRoot);
    }
    let threads = step("count the threads", std::fs::read_dir("/proc/self/task"))?.count();
    if threads != 1 {
        return Err(RightsError::LocalThreads(threads));
    }
    let parent = getppid();
    if let Some(adj) = rights.oom_score_adj {
        step("write oom_score_adj", write_oom_score_adj(adj))?;
    }
    // Without CAP_SETPCAP this is refused; nothing is lost, since step 5 closes the same door.
    for capability in CapabilitySet::all().iter() {
        if capability_is_in_bounding_set(capability).unwrap_or(false)
            && remove_capability_from_bounding_set(capability).is_err()
        {
            break;
        }
    }
    if let Some((uid, gid)) = rights.user {
        let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
        if geteuid() != uid || getegid() != gid || getuid() != uid {
            step("clear the groups", set_thread_groups(&[]))?;
            step("set the group", set_thread_res_gid(gid, gid, gid))?;
            if kept != Kept::Nothing {
                // The change of user empties the permitted set otherwise.
                step("keep capabilities", set_keep_capabilities(true))?;
            }
            step("set the user", set_thread_res_uid(uid, uid, uid))?;
        }
    }
    // Kernels before 4.3 have no ambient set; nothing is there to clear then.
    let _ = clear_ambient_capability_set();
    let has = step("read the capabilities", capabilities(None))?.permitted.intersection(kept.set());
    let none = CapabilitySet::empty();
    let sets = CapabilitySets { effective: has, permitted: has, inheritable: none };
    step("drop the capabilities", set_capabilities(None, sets))?;
    if kept != Kept::Nothing {
        step("keep no more capabilities", set_keep_capabilities(false))?;
    }
    step("refuse new privileges", set_no_new_privs(true))?;
    step("become undumpable", set_dumpable_behavior(DumpableBehavior::NotDumpable))?;
    let root = Uid::from_raw(0);
    if set_thread_res_uid(root, root, root).is_ok() {
        return Err(RightsError::LocalRootRegained);
    }
    step("ask for the parent-death signal", set_parent_process_death_signal(Some(Signal::TERM)))?;
    if getppid() != parent {
        return Err(RightsError::Local {
            step: "keep the parent",
            source: io::Error::other("the guard ended meanwhile"),
        });
    }
    Ok(())
}

/// This process's `oom_score_adj`.
///
/// # Errors
/// When `/proc` is missing or holds no number.
pub fn read_oom_score_adj() -> io::Result<i32> {
    let text = std::fs::read_to_string(OOM_SCORE_ADJ)?;
    text.trim().parse().map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "not a number"))
}

/// Sets this process's `oom_score_adj`, -1000..=1000.
///
/// # Errors
/// Below the lowest value once set with `CAP_SYS_RESOURCE`, without that right: `EACCES`.
pub fn write_oom_score_adj(value: i32) -> io::Result<()> {
    std::fs::write(OOM_SCORE_ADJ, value.to_string())
}

/// Shows `name` as the process name in `ps` and `top`, cut to 15 bytes.
pub fn set_name(name: &str) {
    if let Ok(name) = CString::new(name) {
        // Only a label: a kernel that refuses it changes nothing else.
        let _ = rustix::thread::set_name(&name);
    }
}

/// Says on standard error why a role could not begin; the status says that another try can help.
#[must_use]
pub fn could_not_begin(role: &str, error: &dyn std::error::Error) -> ExitCode {
    let text = format!("menshen: {role} {}\n", with_causes(error));
    // Standard error may be gone; there is nobody else to tell.
    let _ = io::stderr().write_all(text.as_bytes());
    ExitCode::from(EXIT_RETRY)
}

/// Ignores `SIGTTOU` and `SIGTTIN`, so that a background process is not stopped for writing to or
/// reading from its terminal (`stty tostop`).
///
/// A handler would not do: the interrupted write would be restarted and raise the signal again.
pub fn ignore_terminal_stops() {
    for number in [SIGTTIN, SIGTTOU] {
        // SAFETY: SIG_IGN installs no code; both numbers are valid signals, so this cannot fail.
        unsafe { signal(number, SIG_IGN) };
    }
}

/// Makes standard input `/dev/null`, so that nothing below ever waits on a terminal.
///
/// # Errors
/// When `/dev/null` cannot be opened.
pub fn stdin_from_null() -> io::Result<()> {
    let null = rustix::fs::open("/dev/null", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    Ok(rustix::stdio::dup2_stdin(&null)?)
}

fn step<T, E: Into<io::Error>>(step: &'static str, result: Result<T, E>) -> Result<T, RightsError> {
    result.map_err(|error| RightsError::Local { step, source: error.into() })
}

unsafe extern "C" {
    /// The C library's `signal(2)`; `rustix` has it only in a part without promises.
    fn signal(number: c_int, handler: usize) -> usize;
}

/// It failed; another try can help.
const EXIT_RETRY: u8 = 111;
const OOM_SCORE_ADJ: &str = "/proc/self/oom_score_adj";
const SIGTTIN: c_int = 21;
const SIGTTOU: c_int = 22;
const SIG_IGN: usize = 1;

#[cfg(test)]
mod tests;
