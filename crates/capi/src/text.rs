//! Texts that the library hands out.

use std::ffi::{CString, c_char};

use crate::pointers::text_of;

/// Frees a text that a call of this library made; nothing for NULL. Its `free` and no other:
/// another allocator may have made it.
///
/// # Safety
/// `text` is NULL or a text of this library that was not freed; it is not used after that.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn menshen_text_free(text: *mut c_char) {
    if !text.is_null() {
        // SAFETY: made by `CString::into_raw` in `give`, and as the caller promises.
        drop(unsafe { CString::from_raw(text) });
    }
}

/// Puts a text into the caller's place.
///
/// # Safety
/// `place` is valid for a write.
pub(crate) unsafe fn give(place: *mut *mut c_char, text: &str) {
    // SAFETY: as the caller promises.
    unsafe { place.write(text_of(text).into_raw()) };
}
