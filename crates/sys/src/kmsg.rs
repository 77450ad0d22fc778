//! The kernel's ring of log records, `/dev/kmsg` (`Documentation/ABI/testing/dev-kmsg`,
//! `kernel/printk/printk.c`): one record per read, any number of readers, nothing taken away from
//! the others.
//!
//! What a record says is foreign text (it holds process names); nothing of it is interpreted here
//! but the numbers in front. Reading never blocks. It fails by a right: with `dmesg_restrict` the
//! file wants `CAP_SYSLOG`.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{Mode, OFlags, SeekFrom, seek};
use rustix::io::Errno;

/// An open reader with its own place in the ring.
#[derive(Debug)]
pub struct KernelLog {
    fd: OwnedFd,
    buffer: Box<[u8]>,
}

/// Where reading begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// At the oldest record that is kept.
    Oldest,
    /// With what comes from now on.
    Now,
}

/// What one read gave.
#[derive(Debug, PartialEq, Eq)]
pub enum Next<'a> {
    /// One record as the kernel wrote it, `PRIORITY,SEQUENCE,MICROSECONDS,FLAGS;TEXT` and a line
    /// break, then lines of its dictionary, each after a blank. Control characters of the text are
    /// `\xNN`.
    Record(&'a [u8]),
    /// Records were overwritten before they were read (`EPIPE`); the next read gives the oldest one
    /// kept. How many are lost, their sequence numbers tell.
    Overrun,
    /// One record was longer than any kernel writes and was skipped (`EINVAL`).
    TooLong,
    /// Nothing new; poll for reading.
    Nothing,
}

/// The numbers in front of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Facility times 8 plus level; below 8: the kernel's own words. A program that writes to
    /// `/dev/kmsg` cannot claim that facility.
    pub priority: u32,
    /// Counts up by 1; a jump means lost records.
    pub sequence: u64,
    /// Microseconds since the kernel started (its own clock, which stops while suspended).
    pub micros: u64,
}

impl KernelLog {
    /// Opens the ring for reading without blocking.
    ///
    /// # Errors
    /// `EPERM`/`EACCES`: no right (`CAP_SYSLOG`); `NotFound`: no such file, as in some containers.
    pub fn open(start: Start) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let fd = rustix::fs::open("/dev/kmsg", flags, Mode::empty())?;
        match start {
            Start::Oldest => seek(&fd, SeekFrom::Start(0))?,
            Start::Now => seek(&fd, SeekFrom::End(0))?,
        };
        Ok(Self { fd, buffer: vec![0; RECORD_BYTES_MAX].into_boxed_slice() })
    }

    /// Reads the next record; no allocation.
    ///
    /// # Errors
    /// What the kernel says, except what [`Next`] has a name for. A signal is no error.
    pub fn next_record(&mut self) -> io::Result<Next<'_>> {
        loop {
            return match rustix::io::read(&self.fd, &mut self.buffer[..]) {
                Ok(0) | Err(Errno::AGAIN) => Ok(Next::Nothing),
                Ok(bytes) => Ok(Next::Record(self.buffer.get(..bytes).unwrap_or_default())),
                Err(Errno::PIPE) => Ok(Next::Overrun),
                Err(Errno::INVAL) => Ok(Next::TooLong),
                Err(Errno::INTR) => continue,
                Err(error) => Err(error.into()),
            };
        }
    }
}

impl AsFd for KernelLog {
    /// Readable when there is a record; `POLLERR` with it: records were overwritten.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// The numbers in front of a record; `None` for any other bytes.
#[must_use]
pub fn head(record: &[u8]) -> Option<Head> {
    let end = record.iter().position(|byte| *byte == b';')?;
    let mut fields = record.get(..end)?.split(|byte| *byte == b',');
    Some(Head {
        priority: number(fields.next()?)?,
        sequence: number(fields.next()?)?,
        micros: number(fields.next()?)?,
    })
}

/// The text of a record: its first line without the numbers; empty for any other bytes.
#[must_use]
pub fn text(record: &[u8]) -> &[u8] {
    let start = record.iter().position(|byte| *byte == b';').map_or(record.len(), |at| at + 1);
    let rest = record.get(start..).unwrap_or_default();
    let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
    rest.get(..end).unwrap_or_default()
}

fn number<T: std::str::FromStr>(digits: &[u8]) -> Option<T> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// More than the kernel's own bound of an extended record (`PRINTK_MESSAGE_MAX`, before 6.4
/// `CONSOLE_EXT_LOG_MAX`: 8192, of which it leaves room for a prefix).
pub const RECORD_BYTES_MAX: usize = 8192;

#[cfg(test)]
mod tests;
