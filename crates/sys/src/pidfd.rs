//! Descriptors of other processes: fetched (pidfd_getfd(2), since Linux 5.6) and asked for the
//! options of the socket behind them (socket(7), tcp(7), ipv6(7)).
//!
//! Fetching needs the right to trace the process (ptrace(2), `PTRACE_MODE_ATTACH_REALCREDS`). The
//! copy is only looked at: this module never changes an option, reads or accepts.

use std::ffi::{c_int, c_void};
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};

/// A copy of a descriptor of a process.
///
/// # Errors
/// `ESRCH`: the process is gone; `EBADF`: it has no such descriptor; `EPERM`: not ours to look at;
/// `ENOSYS`: before Linux 5.6.
pub fn fetch(pid: u32, descriptor: u32) -> io::Result<OwnedFd> {
    let gone = || io::Error::from_raw_os_error(ESRCH);
    let number = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or_else(gone)?;
    let descriptor =
        c_int::try_from(descriptor).map_err(|_| io::Error::from_raw_os_error(EBADF))?;
    let process = pidfd_open(number, PidfdFlags::empty())?;
    Ok(pidfd_getfd(process, descriptor, PidfdGetfdFlags::empty())?)
}

/// Options of a socket; `None`: it has no such option, or the kernel does not know it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SocketOptions {
    /// `SO_REUSEPORT`: others of the same owner may bind the same address.
    pub reuse_port: Option<bool>,
    /// `SO_INCOMING_CPU`: the processor it prefers connections of; -1: none.
    pub incoming_cpu: Option<i32>,
    /// `TCP_DEFER_ACCEPT`: seconds a connection without data is kept back; 0: none is.
    pub defer_accept_seconds: Option<u32>,
    /// `IPV6_V6ONLY`: it leaves IPv4 alone.
    pub only_v6: Option<bool>,
    /// `SO_COOKIE`: names the socket, as the kernel's lists do.
    pub cookie: Option<u64>,
    /// `SO_BINDTODEVICE`: the device's name, empty for none. Foreign bytes.
    pub device: Option<Vec<u8>>,
    /// `SO_GET_FILTER`: instructions of a filter for what arrives; 0: none. A program that spreads
    /// connections over a group is not shown by any kernel.
    pub filter_instructions: Option<u32>,
}

impl SocketOptions {
    /// Reads what there is.
    #[must_use]
    pub fn read(socket: impl AsFd) -> Self {
        let int = |level, name| -> Option<i32> {
            let mut bytes = [0; 4];
            (option(&socket, level, name, &mut bytes).ok()? == 4).then(|| i32::from_ne_bytes(bytes))
        };
        let cookie = || {
            let mut bytes = [0; 8];
            (option(&socket, SOL_SOCKET, SO_COOKIE, &mut bytes).ok()? == 8)
                .then(|| u64::from_ne_bytes(bytes))
        };
        let device = || {
            let mut name = [0; DEVICE_NAME_BYTES];
            let length = option(&socket, SOL_SOCKET, SO_BINDTODEVICE, &mut name).ok()?;
            let name = name.get(..length)?;
            Some(name.split(|byte| *byte == 0).next().unwrap_or_default().to_vec())
        };
        Self {
            reuse_port: int(SOL_SOCKET, SO_REUSEPORT).map(|flag| flag != 0),
            incoming_cpu: int(SOL_SOCKET, SO_INCOMING_CPU),
            defer_accept_seconds: int(IPPROTO_TCP, TCP_DEFER_ACCEPT)
                .and_then(|seconds| u32::try_from(seconds).ok()),
            only_v6: int(IPPROTO_IPV6, IPV6_V6ONLY).map(|flag| flag != 0),
            cookie: cookie(),
            device: device(),
            // With no room given, the kernel only counts.
            filter_instructions: option(&socket, SOL_SOCKET, SO_GET_FILTER, &mut [])
                .ok()
                .and_then(|count| u32::try_from(count).ok()),
        }
    }
}

/// getsockopt(2); the length the kernel gave.
fn option(socket: &impl AsFd, level: c_int, name: c_int, into: &mut [u8]) -> io::Result<usize> {
    let mut length = u32::try_from(into.len()).unwrap_or(0);
    let fd = socket.as_fd().as_raw_fd();
    let value = into.as_mut_ptr().cast::<c_void>();
    // SAFETY: `value` has room for `length` bytes, and the kernel writes no more; both live until
    // the call returns.
    let done = unsafe { getsockopt(fd, level, name, value, &raw mut length) };
    if done == 0 {
        Ok(usize::try_from(length).unwrap_or(0))
    } else {
        Err(io::Error::last_os_error())
    }
}

unsafe extern "C" {
    /// The C library's `getsockopt(2)`: the safe crates know not all of these options.
    fn getsockopt(
        fd: c_int,
        level: c_int,
        name: c_int,
        value: *mut c_void,
        length: *mut u32,
    ) -> c_int;
}

const ESRCH: i32 = 3;
const EBADF: i32 = 9;
// As on x86, Arm, RISC-V, POWER and s390; MIPS, SPARC and PA-RISC number them otherwise.
const SOL_SOCKET: c_int = 1;
const SO_REUSEPORT: c_int = 15;
const SO_BINDTODEVICE: c_int = 25;
/// The same number as `SO_ATTACH_FILTER`; counts instructions, not bytes. Without room it only
/// counts and writes nothing (socket(7)).
const SO_GET_FILTER: c_int = 26;
const SO_INCOMING_CPU: c_int = 49;
const SO_COOKIE: c_int = 57;
const IPPROTO_TCP: c_int = 6;
const TCP_DEFER_ACCEPT: c_int = 9;
const IPPROTO_IPV6: c_int = 41;
const IPV6_V6ONLY: c_int = 26;
/// `IFNAMSIZ`.
const DEVICE_NAME_BYTES: usize = 16;
