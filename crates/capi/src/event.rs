//! What the door tells other programs of files that came and went: the body of a hook, believed
//! only with its signature.

use std::ffi::{CString, c_char};
use std::ptr::null;

use aws_lc_rs::hmac;
use serde::Deserialize;

use crate::error::{Code, Error, Outcome, finish};
use crate::pointers::{bytes, clear, text, text_of};

/// An event. Nothing changes it once it is made: any number of threads may read it at a time. Its
/// texts live as long as it does.
#[derive(Debug)]
pub struct Event {
    told: Told<CString>,
}

/// The fields of an event; those of later versions are passed over.
#[derive(Debug, Deserialize)]
struct Told<T> {
    id: T,
    event: T,
    time: u64,
    path: T,
    size: Option<u64>,
    sha256: Option<T>,
    upload: Option<T>,
    owner: Option<T>,
    site: Option<T>,
}

/// Verifies and reads the body of a hook. `secret` is the first line of the hook's file `secret`,
/// `signature` the value of the field `X-Hub-Signature-256`. A wrong signature is
/// `MENSHEN_CODE_NO`, and nothing of the body is looked at.
///
/// # Safety
/// `secret` points to `secret_length` bytes, `body` to `body_length`; `signature` ends with a NUL;
/// `event` is valid for a write; `error` is NULL or valid for a write.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn menshen_event_read(
    secret: *const u8,
    secret_length: usize,
    body: *const u8,
    body_length: usize,
    signature: *const c_char,
    event: *mut *mut Event,
    error: *mut *mut Error,
) -> Code {
    let work = || {
        // SAFETY: as the caller promises.
        let (secret, body, signature) = unsafe {
            clear(event, "event")?;
            let secret = bytes(secret, secret_length, "secret")?;
            (secret, bytes(body, body_length, "body")?, text(signature, "signature")?)
        };
        let told = read(secret.trim_ascii(), body, signature)?;
        // SAFETY: `clear` found a place.
        unsafe { event.write(Box::into_raw(Box::new(Event { told }))) };
        Ok(())
    };
    // SAFETY: as the caller promises.
    unsafe { finish(error, work) }
}

fn read(secret: &[u8], body: &[u8], signature: &str) -> Outcome<Told<CString>> {
    if secret.is_empty() {
        return Err(Error::usage("the secret is empty"));
    }
    if body.len() > BODY_BYTES_MAX {
        return Err(Error::new(Code::TooLarge, "the body of a hook has 64 KiB at most"));
    }
    let no = || Error::new(Code::No, "the signature does not fit the body");
    let mac = signature.trim().strip_prefix("sha256=").and_then(unhex).ok_or_else(no)?;
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    hmac::verify(&key, body, &mac).map_err(|_| no())?;
    let malformed =
        |error: serde_json::Error| Error::new(Code::Malformed, format!("no event: {error}"));
    let told: Told<String> = serde_json::from_slice(body).map_err(malformed)?;
    let text = |text: Option<String>| text.map(|text| text_of(&text));
    Ok(Told {
        id: text_of(&told.id),
        event: text_of(&told.event),
        time: told.time,
        path: text_of(&told.path),
        size: told.size,
        sha256: text(told.sha256),
        upload: text(told.upload),
        owner: text(told.owner),
        site: text(told.site),
    })
}

/// 32 bytes from 64 hexadecimal digits.
fn unhex(text: &str) -> Option<[u8; 32]> {
    let mut out = [0; 32];
    let pairs = text.as_bytes().chunks(2);
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (place, pair) in out.iter_mut().zip(pairs) {
        *place = u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(out)
}

/// A text of an event; NULL where it says nothing.
///
/// # Safety
/// `event` is NULL or an event of this library that was not freed.
unsafe fn field(
    event: *const Event,
    pick: impl FnOnce(&Told<CString>) -> Option<&CString>,
) -> *const c_char {
    // SAFETY: as the caller promises.
    let event = unsafe { event.as_ref() };
    event.and_then(|event| pick(&event.told)).map_or(null(), |text| text.as_ptr())
}

/// Its id, 32 hexadecimal digits: a repeated delivery has the same one.
///
/// # Safety
/// `event` is NULL or an event of this library that was not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn menshen_event_id(event: *const Event) -> *const c_char {
    // SAFETY: as the caller promises.
    unsafe { field(event, |told| Some(&told.id)) }
}

/// What happened: "created", "finished" or "deleted".
///
/// # Safety
/// `event` is NULL or an event of this library that was not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn menshen_event_kind(event: *const Event) -> *const c_char {
    // SAFETY: as the caller promises.
    unsafe { field(event, |told| Some(&told.event)) }
}

/// The path of the file, or of the script of a site.
///
/// # Safety
/// `event` is NULL or an event of this library that was not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn menshen_event_path(event: *const Event) -> *const c_char {
    // SAFETY: as the caller promises.
    unsafe { field(event, |told| Some(&told.path)) }
}

/// The SHA-256 of the file in hexadecimal digits; NULL where it was not made.
///
/// # Safety
/// `event` is NULL or an event of this library that was not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn menshen_event_sha256(event: *const Event) -> *const c_char {
    // SAFETY: as the caller promises.
    unsafe { field(event, |told| told.sha256.as_ref()) }
}

/// The id of the upload; NULL when it was none that can be resumed.
///
/// # Safety
/// `event` is NULL or an event of this library that was not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn menshen_event_upload(event: *const Event) -> *const c_char {
    // SAFETY: as the caller promises.
    unsafe { field(event, |told| told.upload.as_ref()) }
}

/// Whose the upload is: "token", "anyone" or "browser-…"; NULL where nobody is told.
///
/// # Safety
/// `event` is NULL or an event of this library that was not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn menshen_event_owner(event: *const Event) -> *const c_char {
    // SAFETY: as the caller promises.
    unsafe { field(event, |told| told.owner.as_ref()) }
}

/// The host of the site; NULL for the file service.
///
/// # Safety
/// `event` is NULL or an event of this library that was not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn menshen_event_site(event: *const Event) -> *const c_char {
    // SAFETY: as the caller promises.
    unsafe { field(event, |told| told.site.as_ref()) }
}

/// When it happened, Unix time in milliseconds; 0 for NULL.
///
/// # Safety
/// `event` is NULL or an event of this library that was not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn menshen_event_time_ms(event: *const Event) -> u64 {
    // SAFETY: as the caller promises.
    unsafe { event.as_ref() }.map_or(0, |event| event.told.time)
}

/// Bytes of the file into `size`; false, and nothing is written, where they are not known.
///
/// # Safety
/// `event` is NULL or an event of this library that was not freed; `size` is NULL or valid for a
/// write.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn menshen_event_size(event: *const Event, size: *mut u64) -> bool {
    // SAFETY: as the caller promises.
    let known = unsafe { event.as_ref() }.and_then(|event| event.told.size);
    match known {
        Some(known) if !size.is_null() => {
            // SAFETY: not NULL, and as the caller promises.
            unsafe { size.write(known) };
            true
        }
        _ => false,
    }
}

/// Frees an event; nothing for NULL.
///
/// # Safety
/// `event` is NULL or an event of this library that was not freed; it is not used after that.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn menshen_event_free(event: *mut Event) {
    if !event.is_null() {
        // SAFETY: made by `Box::into_raw` in `menshen_event_read`, and as the caller promises.
        drop(unsafe { Box::from_raw(event) });
    }
}

const BODY_BYTES_MAX: usize = 64 << 10;
