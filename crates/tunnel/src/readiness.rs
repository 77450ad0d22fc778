//! Descriptors whose readiness the runtime watches.

use std::io;
use std::os::fd::AsRawFd;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Lets the runtime of this thread watch a descriptor.
///
/// # Errors
/// What epoll says.
pub(crate) fn watched<T: Owned>(owner: T) -> io::Result<AsyncFd<T>> {
    #[expect(deprecated, reason = "what it warns of cannot be: every `Owned` keeps its descriptor")]
    AsyncFd::new(owner)
}

/// The same without looking for room to write: then readiness for writing comes with an error
/// alone, as when an interface vanishes (`EPOLLERR` by itself).
///
/// # Errors
/// What epoll says.
pub(crate) fn watched_for_reading<T: Owned>(owner: T) -> io::Result<AsyncFd<T>> {
    #[expect(deprecated, reason = "what it warns of cannot be: every `Owned` keeps its descriptor")]
    AsyncFd::with_interest(owner, Interest::READABLE)
}

/// What owns its descriptor, always the same one.
pub(crate) trait Owned: AsRawFd {}

impl Owned for std::os::fd::OwnedFd {}
impl Owned for socket2::Socket {}
