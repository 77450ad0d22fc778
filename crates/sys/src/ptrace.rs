//! Holding another process for a look (ptrace(2)), always with `PTRACE_SEIZE`: it changes nothing
//! in a process that goes on, and it tells which signal stopped one that does not.
//!
//! The thread that seizes is the tracer: every later call, and the waiting, must come from it, else
//! the kernel says `ESRCH`. When that thread ends, the kernel lets all its tracees go. No policy
//! here: what to do at a stop is the caller's.

use std::ffi::{c_int, c_long, c_uint, c_void};
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};

use rustix::process::{Pid, WaitOptions, WaitStatus};

/// At which events a seized process stops by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Events {
    /// When it ends, while its memory still is there.
    pub exit: bool,
    /// When it starts another program.
    pub exec: bool,
    /// When it makes a process, which is then seized as well, with the same events.
    pub fork: bool,
    /// Not an event: it is killed when the tracer ends.
    pub kill_with_tracer: bool,
}

/// What waiting told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// It ended with this code.
    Exited(i32),
    /// This signal ended it.
    Killed(i32),
    /// It stands still.
    Stopped(Stop),
}

/// Why a seized process stands still.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// A signal is about to reach it; pass it on with [`resume`].
    Signal(i32),
    /// Job control stopped all of it by this signal: `SIGSTOP`, `SIGTSTP`, `SIGTTIN` or `SIGTTOU`.
    /// Only [`listen`] keeps it stopped and yet lets `SIGCONT` wake it.
    Group(i32),
    /// [`interrupt`] held it, or it is new, or it was continued out of a stop.
    Held,
    /// It ends; [`event_message`] is its wait status.
    Exit,
    /// It has become another program; [`event_message`] is its former thread id.
    Exec,
    /// It made a process; [`event_message`] is the child's id.
    Fork,
    /// Another event of the kernel's, by its number.
    Other(i32),
}

/// Begins to trace `pid` (a process or a thread) without stopping it.
///
/// # Errors
/// `EPERM`: another user's, one with more rights, traced already, or Yama forbids it; `ESRCH`: it
/// is gone.
pub fn seize(pid: u32, events: Events) -> io::Result<()> {
    request(PTRACE_SEIZE, pid, 0, events.bits())
}

/// Starts a program in a session of its own that is seized before its first instruction.
///
/// It is held by `PTRACE_TRACEME` at its exec, let go into a stop, seized there and continued: what
/// waiting tells first is a [`Stop::Signal`] with `SIGCONT`, perhaps after a [`Stop::Held`]. A
/// program with more rights than ours (set-user-id) does not get them so.
///
/// # Errors
/// When it cannot be started, or may not be traced.
pub fn spawn(command: &mut Command, events: Events) -> io::Result<Child> {
    let prepare = || {
        rustix::process::setsid()?;
        // SAFETY: takes no arguments that it reads and writes nothing.
        let traced = unsafe { ptrace(PTRACE_TRACEME, 0, 0_usize, 0_usize) };
        if traced < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    };
    // SAFETY: the closure makes system calls only; it neither allocates nor takes a lock.
    unsafe { command.pre_exec(prepare) };
    let mut child = command.spawn()?;
    let pid = child.id();
    let seized = (|| {
        expect(pid, Told::Stopped(Stop::Signal(SIGTRAP)))?;
        detach(pid, SIGSTOP)?;
        // It is on its way into the stop; seized before that, it tells of the signal first.
        seize(pid, events)?;
        let first = wait(Some(pid), Patience::Blocking)?.map(|(_, told)| told);
        if first == Some(Told::Stopped(Stop::Signal(SIGSTOP))) {
            resume(pid, SIGSTOP)?;
            expect(pid, Told::Stopped(Stop::Group(SIGSTOP)))?;
        } else if first != Some(Told::Stopped(Stop::Group(SIGSTOP))) {
            return Err(io::Error::other("the child did not stop"));
        }
        rustix::process::kill_process(known(pid)?, rustix::process::Signal::CONT)?;
        resume(pid, 0)
    })();
    if let Err(error) = seized {
        // It stands still somewhere and is of no use.
        let _ = child.kill();
        let _ = child.wait();
        return Err(error);
    }
    Ok(child)
}

fn expect(pid: u32, expected: Told) -> io::Result<()> {
    match wait(Some(pid), Patience::Blocking)? {
        Some((_, told)) if told == expected => Ok(()),
        _ => Err(io::Error::other("the child did not stop as it was told to")),
    }
}

/// Makes a seized process stop; waiting then tells [`Stop::Held`], or whatever came first.
///
/// # Errors
/// `ESRCH`: it is gone or not seized by this thread.
pub fn interrupt(pid: u32) -> io::Result<()> {
    request(PTRACE_INTERRUPT, pid, 0, 0)
}

/// Lets a held process go on, with `signal` delivered; 0: none.
///
/// # Errors
/// `ESRCH`: it is gone or not held.
pub fn resume(pid: u32, signal: i32) -> io::Result<()> {
    request(PTRACE_CONT, pid, 0, signal_word(signal))
}

/// Leaves a process that job control has stopped as it is, until `SIGCONT`.
///
/// # Errors
/// `EIO`: it is in no such stop; `ESRCH`: it is gone or not held.
pub fn listen(pid: u32) -> io::Result<()> {
    request(PTRACE_LISTEN, pid, 0, 0)
}

/// Lets a held process go for good, with `signal` delivered; 0: none. One that job control has
/// stopped stays stopped.
///
/// # Errors
/// `ESRCH`: it is gone or not held.
pub fn detach(pid: u32, signal: i32) -> io::Result<()> {
    request(PTRACE_DETACH, pid, 0, signal_word(signal))
}

/// The number that belongs to the event it stands at.
///
/// # Errors
/// `ESRCH`: it is gone or not held.
pub fn event_message(pid: u32) -> io::Result<u64> {
    let mut message: u64 = 0;
    request(PTRACE_GETEVENTMSG, pid, 0, (&raw mut message).expose_provenance())?;
    Ok(message)
}

/// Where a held process is in its program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Number of the system call it is in; negative: in none.
    pub call: i64,
    /// Instruction pointer.
    pub instruction: u64,
    /// Stack pointer.
    pub stack: u64,
}

/// Where a held process is. Only for 64-bit processes on x86-64.
///
/// # Errors
/// `Unsupported` for other machines and programs; `ESRCH`: it is gone or not held.
pub fn place(pid: u32) -> io::Result<Place> {
    if !cfg!(target_arch = "x86_64") {
        return Err(io::ErrorKind::Unsupported.into());
    }
    let mut registers = [0_u64; X86_64_REGISTERS];
    let mut vector = Vector { base: registers.as_mut_ptr().cast(), bytes: size_of_val(&registers) };
    request(PTRACE_GETREGSET, pid, NT_PRSTATUS, (&raw mut vector).expose_provenance())?;
    // A 32-bit program has a shorter set.
    if vector.bytes != size_of_val(&registers) {
        return Err(io::ErrorKind::Unsupported.into());
    }
    let call = registers[ORIG_RAX].cast_signed();
    Ok(Place { call, instruction: registers[RIP], stack: registers[RSP] })
}

/// How long [`wait`] waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// Until something happens.
    Blocking,
    /// Not at all.
    Now,
}

/// Waits for a child or tracee of this thread, or of all of them when `pid` is `None`; gives which
/// one and what happened. `None`: nothing yet.
///
/// # Errors
/// `ECHILD`: there is none.
pub fn wait(pid: Option<u32>, patience: Patience) -> io::Result<Option<(u32, Told)>> {
    let flags = WALL | WNOTHREAD | if patience == Patience::Now { WNOHANG } else { 0 };
    let pid = pid.map(known).transpose()?;
    loop {
        let options = WaitOptions::from_bits_retain(flags);
        // Without a pid, waitpid(2) of rustix means our process group only.
        let waited = match pid {
            Some(pid) => rustix::process::waitpid(Some(pid), options),
            None => rustix::process::wait(options),
        };
        match waited {
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
            Ok(None) => return Ok(None),
            Ok(Some((pid, status))) => {
                return Ok(Some((pid.as_raw_nonzero().get().cast_unsigned(), told(status))));
            }
        }
    }
}

/// Reads the status word, whose upper half names ptrace's event.
fn told(status: WaitStatus) -> Told {
    if let Some(code) = status.exit_status() {
        return Told::Exited(code);
    }
    if let Some(signal) = status.terminating_signal() {
        return Told::Killed(signal);
    }
    let word = status.as_raw();
    let (event, signal) = (word >> 16, (word >> 8) & 0xff);
    Told::Stopped(match event {
        0 => Stop::Signal(signal),
        EVENT_FORK | EVENT_VFORK | EVENT_CLONE => Stop::Fork,
        EVENT_EXEC => Stop::Exec,
        EVENT_EXIT => Stop::Exit,
        EVENT_STOP if STOPPING.contains(&signal) => Stop::Group(signal),
        EVENT_STOP => Stop::Held,
        other => Stop::Other(other),
    })
}

impl Events {
    fn bits(self) -> usize {
        let bit = |wanted: bool, event: i32| if wanted { 1_usize << event } else { 0 };
        bit(self.exit, EVENT_EXIT)
            | bit(self.exec, EVENT_EXEC)
            | bit(self.fork, EVENT_FORK)
            | bit(self.fork, EVENT_VFORK)
            | if self.kill_with_tracer { OPTION_EXITKILL } else { 0 }
    }
}

fn known(pid: u32) -> io::Result<Pid> {
    i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or_else(|| rustix::io::Errno::SRCH.into())
}

fn signal_word(signal: i32) -> usize {
    usize::try_from(signal).unwrap_or(0)
}

fn request(request: c_uint, pid: u32, address: usize, data: usize) -> io::Result<()> {
    let pid = known(pid)?.as_raw_nonzero().get();
    let (address, data): (*mut c_void, *mut c_void) = (
        std::ptr::without_provenance_mut(address),
        // A number for most requests; for those that write, the exposed address of a local.
        std::ptr::with_exposed_provenance_mut(data),
    );
    // SAFETY: of the requests used here only GETEVENTMSG and GETREGSET write into this process:
    // into a word, and through a vector into an array of the length it names; both are borrowed
    // by the callers above for as long as the call lasts.
    let result = unsafe { ptrace(request, pid, address, data) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// `struct iovec`.
#[repr(C)]
struct Vector {
    base: *mut c_void,
    bytes: usize,
}

unsafe extern "C" {
    /// The C library's `ptrace(2)`; its first argument is an enumeration in glibc and an int in
    /// musl; all requests used here are the same in both.
    fn ptrace(request: c_uint, pid: c_int, ...) -> c_long;
}

/// `SIGSTOP`, `SIGTSTP`, `SIGTTIN`, `SIGTTOU`: what stops a process until `SIGCONT`.
pub const STOPPING: [i32; 4] = [19, 20, 21, 22];

const SIGTRAP: i32 = 5;
const SIGSTOP: i32 = 19;
// linux/ptrace.h
const PTRACE_TRACEME: c_uint = 0;
const PTRACE_CONT: c_uint = 7;
const PTRACE_DETACH: c_uint = 17;
const PTRACE_GETEVENTMSG: c_uint = 0x4201;
const PTRACE_GETREGSET: c_uint = 0x4204;
const PTRACE_SEIZE: c_uint = 0x4206;
const PTRACE_INTERRUPT: c_uint = 0x4207;
const PTRACE_LISTEN: c_uint = 0x4208;
const EVENT_FORK: i32 = 1;
const EVENT_VFORK: i32 = 2;
const EVENT_CLONE: i32 = 3;
const EVENT_EXEC: i32 = 4;
const EVENT_EXIT: i32 = 6;
const EVENT_STOP: i32 = 128;
const OPTION_EXITKILL: usize = 1 << 20;
const NT_PRSTATUS: usize = 1;
// linux/wait.h
const WNOHANG: u32 = 1;
const WNOTHREAD: u32 = 0x2000_0000;
const WALL: u32 = 0x4000_0000;
// struct user_regs_struct, x86-64
const X86_64_REGISTERS: usize = 27;
const ORIG_RAX: usize = 15;
const RIP: usize = 16;
const RSP: usize = 19;

#[cfg(test)]
mod tests;
