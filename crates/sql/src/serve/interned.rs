//! Texts by number: fingerprints and accounts. Exact: two texts never share a number.
//!
//! Asked only when a session's state changes, never on a hit. Bounded: when it is full, new texts
//! get no number, and their sessions are not cached; numbers are never given anew, since keys of
//! the cache hold them.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Texts and their numbers.
#[derive(Debug)]
pub struct Interned {
    numbers: Mutex<HashMap<Box<[u8]>, u32>>,
    max: usize,
}

impl Interned {
    /// Holds at most `max` texts.
    #[must_use]
    pub fn new(max: usize) -> Self {
        Self { numbers: Mutex::default(), max: max.min(NUMBERS_MAX) }
    }

    /// The number of a text; `None` when there is no room for another, or it is too long.
    #[must_use]
    pub fn intern(&self, text: &[u8]) -> Option<u32> {
        if text.len() > TEXT_BYTES_MAX {
            return None;
        }
        let mut numbers = self.numbers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(number) = numbers.get(text) {
            return Some(*number);
        }
        let number = u32::try_from(numbers.len()).ok()?;
        if numbers.len() >= self.max {
            return None;
        }
        numbers.insert(text.into(), number);
        Some(number)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.numbers.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Numbers fit into 28 bits, see `Session::set_fingerprint`.
const NUMBERS_MAX: usize = 1 << 28;
/// Longest text, bytes.
const TEXT_BYTES_MAX: usize = 64 << 10;

#[cfg(test)]
mod tests;
