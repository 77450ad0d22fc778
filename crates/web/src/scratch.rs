//! The worker's two shared buffers: one for bytes on their way, one for heads being written.
//!
//! They are lent only for the length of a synchronous call, never across a wait; a connection that
//! waits holds no buffer.

use std::cell::RefCell;

use menshen_sys::scratch::Scratch;

/// Lends the large buffer.
pub(crate) fn with_scratch<R>(use_it: impl FnOnce(&mut Scratch) -> R) -> R {
    SCRATCH.with_borrow_mut(use_it)
}

/// Lends an empty buffer for a head.
pub(crate) fn with_head<R>(use_it: impl FnOnce(&mut Vec<u8>) -> R) -> R {
    HEAD.with_borrow_mut(|head| {
        head.clear();
        use_it(head)
    })
}

/// Gives the large buffer's memory back; the next who borrows it gets a new one.
pub(crate) fn release_scratch() {
    SCRATCH.with_borrow_mut(|scratch| *scratch = Scratch::new(SCRATCH_BYTES));
    HEAD.with_borrow_mut(Vec::shrink_to_fit);
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::new(Scratch::new(SCRATCH_BYTES));
    static HEAD: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Room for data, bytes: the largest step over TLS.
pub(crate) const SCRATCH_BYTES: usize = 512 << 10;
