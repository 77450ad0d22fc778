//! Keys that sign links, from the text of the file that `menshen link key` keeps.

use std::ffi::c_char;

use aws_lc_rs::hmac;
use menshen_web_core::link::KeyId;
use menshen_web_core::link::keys::{self, KeyLine};

use crate::error::{Code, Error, Outcome, finish};
use crate::pointers::{bytes, clear};

/// Keys of signed links. Nothing changes them once they are made: any number of threads may use
/// one at a time.
#[derive(Debug)]
pub struct Keys(Vec<KeyLine>);

impl Keys {
    /// The one that signs.
    pub(crate) fn newest(&self) -> Outcome<&KeyLine> {
        self.0.last().ok_or_else(|| Error::new(Code::Internal, "there is no key"))
    }

    pub(crate) fn find(&self, id: KeyId) -> Option<&KeyLine> {
        self.0.iter().find(|key| key.id == id)
    }
}

/// HMAC-SHA-256 with a key of links.
pub(crate) fn sign(key: &KeyLine, message: &[u8]) -> [u8; 32] {
    let mut mac = [0; 32];
    let key = hmac::Key::new(hmac::HMAC_SHA256, &key.secret);
    mac.copy_from_slice(hmac::sign(&key, message).as_ref());
    mac
}

/// Reads keys from the text of a file of keys (`links.keys` of the configuration). The library
/// opens no file: who reads it should see to it that others cannot.
///
/// # Safety
/// `file_text` points to `length` bytes; `keys` is valid for a write; `error` is NULL or valid for
/// a write.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn menshen_keys_read(
    file_text: *const c_char,
    length: usize,
    keys: *mut *mut Keys,
    error: *mut *mut Error,
) -> Code {
    let body = || {
        // SAFETY: as the caller promises.
        let text = unsafe {
            clear(keys, "keys")?;
            bytes(file_text.cast(), length, "file_text")?
        };
        if length > FILE_BYTES_MAX {
            return Err(Error::new(Code::TooLarge, "a file of keys has 64 KiB at most"));
        }
        let text = str::from_utf8(text)
            .map_err(|_| Error::new(Code::Malformed, "the file of keys is not text"))?;
        let read = keys::read(text).map_err(|error| {
            let keys::KeysError { line, reason } = error;
            Error::new(Code::Malformed, format!("line {line} of the file of keys: {reason}"))
        })?;
        // SAFETY: `clear` found a place.
        unsafe { keys.write(Box::into_raw(Box::new(Keys(read)))) };
        Ok(())
    };
    // SAFETY: as the caller promises.
    unsafe { finish(error, body) }
}

/// Frees keys; nothing for NULL.
///
/// # Safety
/// `keys` is NULL or keys of this library that were not freed; they are not used after that.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn menshen_keys_free(keys: *mut Keys) {
    if !keys.is_null() {
        // SAFETY: made by `Box::into_raw` in `menshen_keys_read`, and as the caller promises.
        drop(unsafe { Box::from_raw(keys) });
    }
}

const FILE_BYTES_MAX: usize = 64 << 10;
