//! Pointers of the caller to what Rust can use, and back. Everything that can be checked is: NULL,
//! UTF-8, lengths.

use std::ffi::{CStr, CString, c_char};
use std::slice;

use crate::error::{Error, Outcome};

/// The text at `pointer`, up to its NUL.
///
/// # Safety
/// `pointer` is NULL or points to a text with a NUL, which nobody changes while `'a` lasts.
pub(crate) unsafe fn text<'a>(pointer: *const c_char, what: &str) -> Outcome<&'a str> {
    // SAFETY: as the caller promises.
    let text = unsafe { optional_text(pointer, what) }?;
    text.ok_or_else(|| Error::usage(&format!("{what} is NULL")))
}

/// The text at `pointer`; None for NULL.
///
/// # Safety
/// As [`text`].
pub(crate) unsafe fn optional_text<'a>(
    pointer: *const c_char,
    what: &str,
) -> Outcome<Option<&'a str>> {
    if pointer.is_null() {
        return Ok(None);
    }
    // SAFETY: not NULL, and as the caller promises.
    let text = unsafe { CStr::from_ptr(pointer) }.to_str();
    text.map(Some).map_err(|_| Error::usage(&format!("{what} is not UTF-8")))
}

/// The `length` bytes at `pointer`, which may be NULL for no bytes.
///
/// # Safety
/// `pointer` points to so many bytes, which nobody changes while `'a` lasts.
pub(crate) unsafe fn bytes<'a>(pointer: *const u8, length: usize, what: &str) -> Outcome<&'a [u8]> {
    if length == 0 {
        return Ok(&[]);
    }
    if pointer.is_null() {
        return Err(Error::usage(&format!("{what} is NULL")));
    }
    if length > isize::MAX.unsigned_abs() {
        return Err(Error::usage(&format!("the length of {what} is impossible")));
    }
    // SAFETY: not NULL, no longer than an object can be, and as the caller promises.
    Ok(unsafe { slice::from_raw_parts(pointer, length) })
}

/// What `pointer` points to.
///
/// # Safety
/// `pointer` is NULL or valid for reads while `'a` lasts.
pub(crate) unsafe fn reference<'a, T>(pointer: *const T, what: &str) -> Outcome<&'a T> {
    // SAFETY: as the caller promises.
    unsafe { pointer.as_ref() }.ok_or_else(|| Error::usage(&format!("{what} is NULL")))
}

/// Empties the place a result is wanted in; it must be one.
///
/// # Safety
/// `place` is NULL or valid for a write.
pub(crate) unsafe fn clear<T>(place: *mut *mut T, what: &str) -> Outcome<()> {
    if place.is_null() {
        return Err(Error::usage(&format!("{what} is NULL")));
    }
    // SAFETY: not NULL, and as the caller promises.
    unsafe { place.write(std::ptr::null_mut()) };
    Ok(())
}

/// A text for C. A NUL in it would end it early, so it is written `\0`.
pub(crate) fn text_of(text: &str) -> CString {
    let clean = if text.contains('\0') { text.replace('\0', "\\0") } else { text.to_owned() };
    CString::new(clean).unwrap_or_default()
}
