//! Taking over descriptors that a parent left open for us.

use std::os::fd::{FromRawFd, OwnedFd, RawFd};

use rustix::io::{FdFlags, fcntl_getfd, fcntl_setfd};

/// Takes ownership of the inherited descriptor `number` and marks it close-on-exec.
///
/// # Errors
/// When no such descriptor is open.
///
/// Call it once per number, early in `main`: a second call would own the same descriptor twice.
pub fn adopt(number: RawFd) -> std::io::Result<OwnedFd> {
    if number < 0 {
        return Err(std::io::Error::from(rustix::io::Errno::BADF));
    }
    // SAFETY: the borrow is used only for F_GETFD, which fails cleanly on a closed number.
    let borrowed = unsafe { std::os::fd::BorrowedFd::borrow_raw(number) };
    fcntl_getfd(borrowed)?;
    // SAFETY: the number is open (checked above) and, by this function's contract, nothing else in
    // this process owns it: it was handed over by the parent under exactly this number.
    let owned = unsafe { OwnedFd::from_raw_fd(number) };
    fcntl_setfd(&owned, FdFlags::CLOEXEC)?;
    Ok(owned)
}

/// A second descriptor of what `number` is, which stays open itself.
///
/// # Errors
/// When no such descriptor is open.
pub fn copy(number: RawFd) -> std::io::Result<OwnedFd> {
    if number < 0 {
        return Err(std::io::Error::from(rustix::io::Errno::BADF));
    }
    // SAFETY: the borrow is used only for F_DUPFD_CLOEXEC, which fails cleanly on a closed number.
    let borrowed = unsafe { std::os::fd::BorrowedFd::borrow_raw(number) };
    Ok(rustix::io::fcntl_dupfd_cloexec(borrowed, 0)?)
}

/// Marks what `number` is to stay open across `exec`; whoever owns it keeps it.
///
/// # Errors
/// When no such descriptor is open.
pub fn keep_number_across_exec(number: RawFd) -> std::io::Result<()> {
    if number < 0 {
        return Err(std::io::Error::from(rustix::io::Errno::BADF));
    }
    // SAFETY: the borrow is used only for F_SETFD, which fails cleanly on a closed number.
    let borrowed = unsafe { std::os::fd::BorrowedFd::borrow_raw(number) };
    keep_across_exec(borrowed)
}

/// Marks a descriptor to stay open across `exec`, for a child that adopts it by number.
///
/// # Errors
/// Only when the descriptor is not open.
pub fn keep_across_exec(fd: impl std::os::fd::AsFd) -> std::io::Result<()> {
    Ok(fcntl_setfd(fd, FdFlags::empty())?)
}
