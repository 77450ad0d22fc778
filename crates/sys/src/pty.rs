//! A pseudo-terminal for the output of a program (pty(7), ioctl_tty(2)): what writes to it believes
//! that somebody looks, so C libraries and interpreters hand over each line at once.
//!
//! It is never made the controlling terminal of anybody here. Bytes pass unchanged in both
//! directions; a read of the program's side finds the end of input at once, so nobody waits there
//! for words that cannot come. Fails where devpts is not mounted or has no more (`ENOENT`,
//! `ENOSPC`, `EIO`).

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{Mode, OFlags, fcntl_getfl, fcntl_setfl};
use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, SpecialCodeIndex, Winsize, tcgetattr, tcsetattr};

/// Both ends.
#[derive(Debug)]
pub struct Pty {
    /// Ours: non-blocking; reads give `EIO` once nobody holds the other end any more.
    pub ours: OwnedFd,
    /// The program's.
    pub program: OwnedFd,
}

/// Opens a pair of this size in characters.
///
/// # Errors
/// What the kernel says; see the top of this file.
pub fn open(columns: u16, rows: u16) -> io::Result<Pty> {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
    grantpt(&ours)?;
    unlockpt(&ours)?;
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let program = match ioctl_tiocgptpeer(&ours, flags) {
        Ok(program) => program,
        // Kernels before 4.13 find it by its name only.
        Err(_) => {
            let name = ptsname(&ours, Vec::new())?;
            let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
            rustix::fs::open(name, flags, Mode::empty())?
        }
    };
    let mut settings = tcgetattr(&program)?;
    // No echo, no signals from input, no carriage returns before line ends.
    settings.make_raw();
    // Reads of the program's side give 0 bytes, which is the end of input, instead of waiting.
    settings.special_codes[SpecialCodeIndex::VMIN] = 0;
    settings.special_codes[SpecialCodeIndex::VTIME] = 0;
    tcsetattr(&program, OptionalActions::Now, &settings)?;
    resize(&ours, columns, rows)?;
    let flags = fcntl_getfl(&ours)?;
    fcntl_setfl(&ours, flags | OFlags::NONBLOCK)?;
    Ok(Pty { ours, program })
}

/// Gives the pair another size in characters.
///
/// # Errors
/// When it is no terminal.
pub fn resize(ours: impl AsFd, columns: u16, rows: u16) -> io::Result<()> {
    let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    Ok(rustix::termios::tcsetwinsize(ours, size)?)
}

#[cfg(test)]
mod tests;
