//! What went wrong: a code for programs, words for people.

use std::ffi::{CString, c_char};
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::pointers::text_of;

/// How a call ended.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// It did what it says.
    Ok = 0,
    /// The answer is no: the link does not allow it, the signature does not fit.
    No = 1,
    /// The caller's fault: NULL where none may be, text that is not UTF-8, a number out of range.
    Usage = 2,
    /// What was given to be read is not of the form it should have.
    Malformed = 3,
    /// It is longer than the library takes.
    TooLarge = 4,
    /// The operating system gave no random bytes.
    Random = 5,
    /// A defect of the library. Nothing is left half done, and it can be used on.
    Internal = 6,
}

/// An error. Made by a call that was given a place for it; freed with `menshen_error_free`.
#[derive(Debug)]
pub struct Error {
    code: Code,
    message: CString,
}

/// What a call inside of this crate comes to.
pub(crate) type Outcome<T> = Result<T, Error>;

impl Error {
    pub(crate) fn new(code: Code, message: impl AsRef<str>) -> Self {
        Self { code, message: text_of(message.as_ref()) }
    }

    pub(crate) fn usage(message: &str) -> Self {
        Self::new(Code::Usage, message)
    }
}

/// The code of an error; `MENSHEN_CODE_OK` for NULL.
///
/// # Safety
/// `error` is NULL or an error of this library that was not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn menshen_error_code(error: *const Error) -> Code {
    // SAFETY: as the caller promises.
    unsafe { error.as_ref() }.map_or(Code::Ok, |error| error.code)
}

/// One sentence for people, lower case, without period, in UTF-8; "" for NULL. It lives as long as
/// the error.
///
/// # Safety
/// `error` is NULL or an error of this library that was not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn menshen_error_message(error: *const Error) -> *const c_char {
    // SAFETY: as the caller promises.
    unsafe { error.as_ref() }.map_or(c"".as_ptr(), |error| error.message.as_ptr())
}

/// Frees an error; nothing for NULL.
///
/// # Safety
/// `error` is NULL or an error of this library that was not freed; it is not used after that.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn menshen_error_free(error: *mut Error) {
    if !error.is_null() {
        // SAFETY: made by `Box::into_raw` in `finish`, and as the caller promises.
        drop(unsafe { Box::from_raw(error) });
    }
}

/// Runs the body of a call: no panic leaves it, and what went wrong is put where the caller wants
/// it. `place` is NULL or points to a pointer, which is written whatever happens.
///
/// # Safety
/// `place` is NULL or valid for a write.
pub(crate) unsafe fn finish(place: *mut *mut Error, body: impl FnOnce() -> Outcome<()>) -> Code {
    be_silent();
    // What a panic could leave half done belongs to the body alone, and is dropped with it: a body
    // that changes what the caller keeps takes it out first (see `story`).
    let outcome = catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|_| {
        Err(Error::new(Code::Internal, "a defect of libmenshen; please report it"))
    });
    let (code, error) = match outcome {
        Ok(()) => (Code::Ok, std::ptr::null_mut()),
        Err(error) => (error.code, Box::into_raw(Box::new(error))),
    };
    if place.is_null() {
        // SAFETY: made one line above, and nobody else has it.
        unsafe { menshen_error_free(error) };
    } else {
        // SAFETY: not NULL, and as the caller promises.
        unsafe { place.write(error) };
    }
    code
}

/// Rust's own words about a panic would go to standard error, which is the program's. The hook is
/// that of this library's copy of the standard library; a Rust program keeps its own.
fn be_silent() {
    #[cfg(not(test))]
    {
        static ONCE: std::sync::Once = std::sync::Once::new();
        ONCE.call_once(|| std::panic::set_hook(Box::new(|_| {})));
    }
}
