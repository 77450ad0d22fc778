//! How far local time is from UTC, from the C library's rules (tzset(3), localtime_r(3)).
//!
//! Fails never: without rules the C library uses UTC.

use std::ffi::{c_char, c_int, c_long};
use std::mem::MaybeUninit;

/// Seconds local time is ahead of UTC at `unix_seconds`; negative west of Greenwich.
#[must_use]
pub fn offset_seconds(unix_seconds: i64) -> i32 {
    let mut parts = MaybeUninit::<Parts>::zeroed();
    // SAFETY: both pointers are valid for the call; the function writes a whole `struct tm` or
    // gives a null pointer.
    let filled = unsafe { localtime_r(&raw const unix_seconds, parts.as_mut_ptr()) };
    if filled.is_null() {
        return 0;
    }
    // SAFETY: zeroed is a valid value of it, and the call has filled it.
    let parts = unsafe { parts.assume_init() };
    i32::try_from(parts.ahead).unwrap_or(0)
}

/// `struct tm` as glibc and musl lay it out: nine numbers, then `tm_gmtoff` and `tm_zone`.
#[repr(C)]
struct Parts {
    numbers: [c_int; 9],
    ahead: c_long,
    zone: *const c_char,
}

unsafe extern "C" {
    /// localtime_r(3); `time_t` has 64 bits on all platforms we build for.
    fn localtime_r(time: *const i64, result: *mut Parts) -> *mut Parts;
}

#[cfg(test)]
mod tests {
    //! What the C library says for this process is what date(1) says.
    use super::*;

    #[test]
    fn the_offset_is_that_of_date() {
        for seconds in [0, 1_795_350_136, 1_783_000_000] {
            let mut date = std::process::Command::new("date");
            date.args(["-d", &format!("@{seconds}"), "+%z"]);
            let text = String::from_utf8(date.output().unwrap().stdout).unwrap();
            let number: i32 = text.trim().parse().unwrap();
            let agreed = (number / 100 * 60 + number % 100) * 60;
            assert_eq!(offset_seconds(seconds), agreed, "{seconds}: {text}");
        }
    }
}
