//! libmenshen: what other programs want from the door, by a C ABI.
//!
//! Signed links made and checked, events of hooks verified and read, certificates classified,
//! out-of-memory logs and captures explained. The declarations are in `include/menshen.h`, made
//! from this crate; why it is shaped so: `docs/decisions/0054-a-c-abi.md`.
//!
//! It must never: keep state beside what it hands out; open a file, a socket or ask the time; write
//! to standard output or standard error; let a panic cross into another language; show a key in a
//! message. How it fails: with a [`Code`] and, where the caller wants one, an [`Error`] with words.

mod certificate;
mod claims;
mod error;
mod event;
mod keys;
mod link;
mod pointers;
mod story;
mod text;

use std::ffi::c_char;

pub use certificate::*;
pub use claims::*;
pub use error::*;
pub use event::*;
pub use keys::*;
pub use link::*;
pub use story::*;
pub use text::*;

/// The version of this interface: the major number in the upper 16 bits, the minor one below. A
/// program that was built with the same major number and the same or a smaller minor one works.
pub const MENSHEN_ABI_VERSION: u32 = 1;

/// `MENSHEN_ABI_VERSION` of the library that is loaded.
#[unsafe(no_mangle)]
pub extern "C" fn menshen_abi_version() -> u32 {
    MENSHEN_ABI_VERSION
}

/// The version of menshen the library is of, such as "1.2.3". Never NULL, never freed.
#[unsafe(no_mangle)]
pub extern "C" fn menshen_version() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

#[cfg(test)]
mod tests;
