//! Numbers that processes take from one another's reach: locks of single octets of a file
//! (fcntl(2), "Advisory record locking"), each the process's own.
//!
//! A lock goes with its process, however that ends; so does every lock of a process on a file when
//! it closes *any* descriptor of that file, whence [`Leases`] is made once and kept. Several
//! processes may have inherited one descriptor: the locks are theirs, not the descriptor's. Within
//! one process nothing is refused: who has a number there is for the caller to know.

use std::ffi::c_int;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

/// A file whose octets are taken.
#[derive(Debug)]
pub struct Leases {
    file: OwnedFd,
}

impl Leases {
    /// Over an open file, read-write; its length does not matter.
    #[must_use]
    pub const fn new(file: OwnedFd) -> Self {
        Self { file }
    }

    /// Takes a number below 2^63; whether no other process has it.
    ///
    /// # Errors
    /// `EBADF`: the file is not open for writing; `ENOLCK`: too many locks.
    pub fn take(&self, number: u64) -> io::Result<bool> {
        match self.set(number, F_WRLCK) {
            Err(error) if matches!(error.raw_os_error(), Some(EAGAIN | EACCES)) => Ok(false),
            done => done.map(|()| true),
        }
    }

    /// Gives it back.
    pub fn give_back(&self, number: u64) {
        // One that is not held changes nothing.
        let _ = self.set(number, F_UNLCK);
    }

    fn set(&self, number: u64, kind: i16) -> io::Result<()> {
        let start = i64::try_from(number).map_err(|_| io::ErrorKind::InvalidInput)?;
        let lock = Flock { kind, whence: SEEK_SET, start, length: 1, pid: 0 };
        // SAFETY: F_SETLK reads a `struct flock`, of whose layout `Flock` is, and the descriptor
        // is open.
        let done = unsafe { fcntl(self.file.as_raw_fd(), F_SETLK, &raw const lock) };
        if done == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }
}

/// `struct flock` of the C library where offsets have 64 bits, as on every 64-bit Linux.
#[repr(C)]
struct Flock {
    kind: i16,
    whence: i16,
    start: i64,
    length: i64,
    pid: c_int,
}

unsafe extern "C" {
    /// The C library's `fcntl(2)`; `rustix` locks whole files only.
    fn fcntl(fd: c_int, command: c_int, ...) -> c_int;
}

const F_SETLK: c_int = 6;
const F_WRLCK: i16 = 1;
const F_UNLCK: i16 = 2;
const SEEK_SET: i16 = 0;
const EAGAIN: i32 = 11;
const EACCES: i32 = 13;
#[cfg(not(target_pointer_width = "64"))]
compile_error!("`struct flock` is laid out for 64-bit systems");

#[cfg(test)]
mod tests {
    //! Numbers of another process, until it ends.
    use std::io::{Read, Write};
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn what_another_process_has_is_refused_until_it_ends() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("leases");
        let file = std::fs::File::options().read(true).write(true).create_new(true).open(&path);
        let leases = Leases::new(file.unwrap().into());
        assert!(leases.take(5).unwrap() && leases.take(5).unwrap(), "it is ours already");

        let script = "import fcntl, sys\n\
                      f = open(sys.argv[1], 'r+b')\n\
                      fcntl.lockf(f, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, 7)\n\
                      try:\n    fcntl.lockf(f, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, 5)\n\
                      except OSError:\n    print('refused', flush=True)\n\
                      sys.stdin.read()\n";
        let mut command = Command::new("python3");
        command.arg("-c").arg(script).arg(&path).stdin(Stdio::piped()).stdout(Stdio::piped());
        let Ok(mut other) = command.spawn() else {
            eprintln!("SKIPPED: there is no python3 to take a number");
            return;
        };
        let mut said = [0; 8];
        other.stdout.as_mut().unwrap().read_exact(&mut said).unwrap();
        assert_eq!(&said, b"refused\n", "5 is ours");
        assert!(!leases.take(7).unwrap(), "7 is its");
        assert!(leases.take(8).unwrap());
        other.stdin.take().unwrap().flush().unwrap();
        other.wait().unwrap();
        assert!(leases.take(7).unwrap(), "it has ended");
        leases.give_back(7);
    }
}
