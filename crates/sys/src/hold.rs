//! Signals kept back while a process becomes another program.
//!
//! `exec` forgets every handler: a signal that comes between it and the new program's handlers
//! would end the process. One that is held back stays pending through `exec`
//! (`sigprocmask(2)`, `execve(2)`) and arrives when it is let in.
//!
//! It says nothing of who becomes what, and is for a process with one thread only.

use std::ffi::c_int;
use std::io;

/// Holds these signals back, 1..=64, until [`let_in`], in this program or in the one it becomes.
///
/// # Errors
/// What the C library says; a number out of range is `InvalidInput`.
pub fn hold(signals: &[c_int]) -> io::Result<()> {
    change(SIG_BLOCK, signals)
}

/// Lets these signals in; those that came meanwhile arrive before this returns.
///
/// # Errors
/// As [`hold`].
pub fn let_in(signals: &[c_int]) -> io::Result<()> {
    change(SIG_UNBLOCK, signals)
}

fn change(how: c_int, signals: &[c_int]) -> io::Result<()> {
    let mut set = SignalSet { words: [0; 16] };
    for &signal in signals {
        let bit = u32::try_from(signal - 1).ok().filter(|bit| *bit < u64::BITS);
        let bit = bit.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        set.words[0] |= 1 << bit;
    }
    // SAFETY: the set is as long as the C library's and outlives the call; no old set is asked for.
    let done = unsafe { sigprocmask(how, &raw const set, std::ptr::null_mut()) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// `sigset_t` of glibc and musl on 64-bit systems: 1024 bits, signal 1 the lowest of the first
/// word.
#[repr(C)]
struct SignalSet {
    words: [u64; 16],
}

unsafe extern "C" {
    /// The C library's; `rustix` has it only in a part without promises.
    fn sigprocmask(how: c_int, set: *const SignalSet, old: *mut SignalSet) -> c_int;
}

const SIG_BLOCK: c_int = 0;
const SIG_UNBLOCK: c_int = 1;
#[cfg(not(target_pointer_width = "64"))]
compile_error!("`sigset_t` is laid out for 64-bit systems");

#[cfg(test)]
mod tests {
    //! A signal waits through an `exec`, and is not lost.
    use std::os::unix::process::CommandExt;
    use std::process::Command;

    use super::*;

    #[test]
    fn a_held_signal_waits_through_exec() {
        let status = |held: bool| {
            let mut shell = Command::new("sh");
            // The shell signals itself, and becomes another program.
            shell.args(["-c", "kill -USR1 $$; exec grep '^ShdPnd' /proc/self/status"]);
            if held {
                // SAFETY: one system call.
                unsafe { shell.pre_exec(|| hold(&[SIGUSR1])) };
            }
            shell.output().unwrap()
        };
        let ended = status(false).status;
        assert_eq!(std::os::unix::process::ExitStatusExt::signal(&ended), Some(SIGUSR1));
        let output = status(true);
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(text.trim_end(), "ShdPnd:\t0000000000000200", "pending: signal 10");
    }

    #[test]
    fn numbers_out_of_range_are_refused() {
        for wrong in [0, -1, 65, c_int::MIN + 1] {
            assert_eq!(hold(&[wrong]).unwrap_err().kind(), io::ErrorKind::InvalidInput, "{wrong}");
        }
    }

    const SIGUSR1: c_int = 10;
}
