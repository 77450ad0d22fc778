//! Pressure stall information, `/proc/pressure/*` and `*.pressure` of cgroup v2
//! (`Documentation/accounting/psi.rst`): how long tasks waited for a resource, and triggers that
//! wake a poller when they waited too long.
//!
//! A kernel built or started without it is a plain answer here ([`Armed::Absent`], `None`), not an
//! error. Nothing is decided: stalls and windows come in as arguments.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

use rustix::event::PollFlags;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

/// Which tasks have to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line {
    /// At least one.
    Some,
    /// All that are not idle: nothing gets done.
    Full,
}

/// What a pressure file tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Readings {
    /// At least one task waited.
    pub some: Averages,
    /// All waited; `None`: the file has no such line (CPU before 5.13).
    pub full: Option<Averages>,
}

/// One line of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Averages {
    /// Share of the last 10 s, hundredths of a percent, 0..=10,000.
    pub avg10_centi: u32,
    /// Of the last 60 s.
    pub avg60_centi: u32,
    /// Of the last 300 s.
    pub avg300_centi: u32,
    /// All of it since the kernel started, microseconds.
    pub total_micros: u64,
}

/// An armed trigger; closing it disarms it.
#[derive(Debug)]
pub struct Trigger {
    fd: OwnedFd,
    window: Duration,
}

/// What became of a trigger.
#[derive(Debug)]
pub enum Armed {
    /// It is armed.
    Yes(Trigger),
    /// There is no pressure information here: another kernel, `psi=0`, or cgroup v1.
    Absent,
}

/// What a poll said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fired {
    /// Nothing.
    No,
    /// The stall was reached within the window; at most once per window.
    Pressure,
    /// The control group is gone; close the trigger.
    Gone,
}

impl Trigger {
    /// Arms a trigger on the pressure file `path`: it fires when tasks waited for `permille` of a
    /// window, 1..=1000. The `windows` are tried in order until the kernel takes one: below a
    /// multiple of 2 s it wants `CAP_SYS_RESOURCE` (6.4, commit d82caa273565; older kernels want
    /// the right for every trigger). It takes 500 ms to 10 s.
    ///
    /// # Errors
    /// `EINVAL`, `EPERM`: no window was taken; else what the kernel says.
    pub fn arm(path: &Path, line: Line, permille: u32, windows: &[Duration]) -> io::Result<Armed> {
        let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let fd = match rustix::fs::open(path, flags, Mode::empty()) {
            Ok(fd) => fd,
            Err(Errno::NOENT | Errno::OPNOTSUPP) => return Ok(Armed::Absent),
            Err(error) => return Err(error.into()),
        };
        let mut refusal = io::Error::from(Errno::INVAL);
        for &window in windows {
            match arm(fd.as_fd(), line, permille, window) {
                Ok(()) => return Ok(Armed::Yes(Self { fd, window })),
                Err(Errno::OPNOTSUPP) => return Ok(Armed::Absent),
                Err(error @ (Errno::INVAL | Errno::PERM)) => refusal = error.into(),
                Err(error) => return Err(error.into()),
            }
        }
        Err(refusal)
    }

    /// The window that was taken.
    #[must_use]
    pub const fn window(&self) -> Duration {
        self.window
    }

    /// What to wait for.
    #[must_use]
    pub const fn interest() -> PollFlags {
        PollFlags::PRI
    }

    /// What the answer of a poll means.
    #[must_use]
    pub const fn fired(answer: PollFlags) -> Fired {
        if answer.intersects(PollFlags::ERR.union(PollFlags::NVAL)) {
            Fired::Gone
        } else if answer.contains(PollFlags::PRI) {
            Fired::Pressure
        } else {
            Fired::No
        }
    }
}

impl AsFd for Trigger {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Reads a pressure file; `None`: there is no pressure information here.
///
/// # Errors
/// What the kernel says; `InvalidData`: another form.
pub fn read(path: &Path) -> io::Result<Option<Readings>> {
    let mut text = Vec::new();
    let absent = |error: &io::Error| {
        let code = error.raw_os_error();
        error.kind() == io::ErrorKind::NotFound || code == Some(Errno::OPNOTSUPP.raw_os_error())
    };
    let read = File::open(path).and_then(|file| file.take(BYTES_MAX).read_to_end(&mut text));
    match read {
        Ok(_) => {}
        Err(error) if absent(&error) => return Ok(None),
        Err(error) => return Err(error),
    }
    parse(&text).map(Some).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// Reads the text of a pressure file; `None` for any other bytes.
#[must_use]
pub fn parse(text: &[u8]) -> Option<Readings> {
    let text = std::str::from_utf8(text).ok()?;
    let mut some = None;
    let mut full = None;
    for line in text.lines() {
        let mut words = line.split_ascii_whitespace();
        let place = match words.next()? {
            "some" => &mut some,
            "full" => &mut full,
            _ => continue,
        };
        let mut averages = Averages::default();
        for word in words {
            let (key, value) = word.split_once('=')?;
            match key {
                "avg10" => averages.avg10_centi = centi(value)?,
                "avg60" => averages.avg60_centi = centi(value)?,
                "avg300" => averages.avg300_centi = centi(value)?,
                "total" => averages.total_micros = value.parse().ok()?,
                _ => {}
            }
        }
        *place = Some(averages);
    }
    Some(Readings { some: some?, full })
}

/// The kernel reads up to the 0 byte.
fn arm(fd: BorrowedFd<'_>, line: Line, permille: u32, window: Duration) -> Result<(), Errno> {
    let word = match line {
        Line::Some => "some",
        Line::Full => "full",
    };
    let window_micros = window.as_micros();
    let stall_micros = window_micros * u128::from(permille) / 1000;
    let text = format!("{word} {stall_micros} {window_micros}\0");
    rustix::io::write(fd, text.as_bytes()).map(|_| ())
}

/// `12.34` in hundredths.
fn centi(text: &str) -> Option<u32> {
    let (whole, part) = text.split_once('.')?;
    let part = (part.len() == 2).then(|| part.parse::<u32>().ok())??;
    whole.parse::<u32>().ok()?.checked_mul(100)?.checked_add(part)
}

/// The system's memory.
pub const MEMORY: &str = "/proc/pressure/memory";

/// Windows to try: quick ones with the right, then what everybody may have.
pub const WINDOWS: [Duration; 3] =
    [Duration::from_millis(500), Duration::from_secs(1), Duration::from_secs(2)];

const BYTES_MAX: u64 = 4096;

#[cfg(test)]
mod tests;
