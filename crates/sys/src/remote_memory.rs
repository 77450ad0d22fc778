//! Reading the memory of another process while it runs (process_vm_readv(2)).
//!
//! What is read is foreign and may change while it is read; it is never written. The right to it
//! is that of ptrace: `EPERM` for processes of others, for those with more rights, and under Yama.

use std::ffi::{c_int, c_ulong, c_void};
use std::io;

/// Fills `buffer` from `address` in process `pid`.
///
/// # Errors
/// `EPERM`: not ours to read; `ESRCH`: it is gone; `EFAULT`: not all of it is mapped.
pub fn read(pid: u32, address: u64, buffer: &mut [u8]) -> io::Result<()> {
    let mut filled = 0;
    while filled < buffer.len() {
        let rest = buffer.get_mut(filled..).unwrap_or_default();
        let from = address.checked_add(filled as u64).ok_or_else(fault)?;
        match part(pid, from, rest)? {
            0 => return Err(fault()),
            read => filled += read,
        }
    }
    Ok(())
}

/// One call; gives how much came, which ends where the mapped memory does.
fn part(pid: u32, address: u64, buffer: &mut [u8]) -> io::Result<usize> {
    let pid = c_int::try_from(pid).map_err(|_| io::Error::from(rustix::io::Errno::SRCH))?;
    let base = usize::try_from(address).map_err(|_| fault())?;
    let local = Vector { base: buffer.as_mut_ptr().cast(), bytes: buffer.len() };
    let remote = Vector { base: std::ptr::without_provenance_mut(base), bytes: buffer.len() };
    // SAFETY: one local vector, which is the whole of a mutable slice; the remote one is an address
    // in another process, which the kernel checks.
    let read = unsafe { process_vm_readv(pid, &raw const local, 1, &raw const remote, 1, 0) };
    usize::try_from(read).map_err(|_| io::Error::last_os_error())
}

fn fault() -> io::Error {
    rustix::io::Errno::FAULT.into()
}

/// `struct iovec`.
#[repr(C)]
struct Vector {
    base: *mut c_void,
    bytes: usize,
}

unsafe extern "C" {
    fn process_vm_readv(
        pid: c_int,
        local: *const Vector,
        locals: c_ulong,
        remote: *const Vector,
        remotes: c_ulong,
        flags: c_ulong,
    ) -> isize;
}

#[cfg(test)]
mod tests;
