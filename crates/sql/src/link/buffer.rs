//! What a link has read and nobody has consumed: a piece of a buffer borrowed from the thread.
//!
//! An empty one holds no memory. Buffers of the usual size are kept by the thread, a bounded
//! number; larger ones, for a packet somebody wants whole, are freed. It cannot fail but for
//! memory.

use std::cell::RefCell;

use super::READ_BYTES;

/// Bytes read and not consumed.
#[derive(Debug, Default)]
pub(super) struct Buffer {
    room: Vec<u8>,
    start: usize,
    end: usize,
}

impl Buffer {
    /// The bytes.
    pub(super) fn bytes(&self) -> &[u8] {
        self.room.get(self.start..self.end).unwrap_or_default()
    }

    /// Drops the first `count` bytes, or all.
    pub(super) fn consume(&mut self, count: usize) {
        self.start = self.start.saturating_add(count).min(self.end);
        self.release_if_empty();
    }

    /// Room behind the bytes, at least `least` of it.
    pub(super) fn tail(&mut self, least: usize) -> &mut [u8] {
        if self.room.is_empty() {
            self.room = borrow();
        }
        // Moving pays only when it frees as much as it moves.
        if self.room.len() - self.end < least && self.start >= self.end - self.start {
            self.room.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        if self.room.len() - self.end < least {
            self.room.resize((self.room.len() * 2).max(self.end + least), 0);
        }
        &mut self.room[self.end..]
    }

    /// `count` bytes have been written to [`Self::tail`].
    pub(super) fn filled(&mut self, count: usize) {
        self.end = (self.end + count).min(self.room.len());
    }

    /// Whether memory is held.
    #[cfg(test)]
    pub(super) const fn holds_room(&self) -> bool {
        !self.room.is_empty()
    }

    /// Gives the buffer back if nothing is in it.
    pub(super) fn release_if_empty(&mut self) {
        if self.start == self.end && !self.room.is_empty() {
            (self.start, self.end) = (0, 0);
            give_back(std::mem::take(&mut self.room));
        }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if !self.room.is_empty() {
            give_back(std::mem::take(&mut self.room));
        }
    }
}

fn borrow() -> Vec<u8> {
    let kept = STORE.try_with(|store| store.borrow_mut().pop()).ok().flatten();
    kept.unwrap_or_else(|| vec![0; READ_BYTES])
}

fn give_back(room: Vec<u8>) {
    if room.len() != READ_BYTES || room.capacity() > READ_BYTES * 2 {
        return;
    }
    // At the end of a thread its store may be gone before its links.
    let _ = STORE.try_with(|store| {
        let mut store = store.borrow_mut();
        if store.len() < KEPT_MAX {
            store.push(room);
        }
    });
}

thread_local! {
    static STORE: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// Buffers a thread keeps: 2 MiB.
const KEPT_MAX: usize = 32;
