//! Certificates: what class they are of, which names they cover, and what is wrong with them.
//!
//! Nobody is asked and no store of trust is looked into: this is what the certificates say
//! themselves. `menshen explain cert` knows more.

use std::ffi::c_char;

use menshen_explain_core::certificate::{self, Certificate, Inputs, Report, ct_logs, report};

use crate::error::{Code, Error, Outcome, finish};
use crate::pointers::{bytes, clear, optional_text};
use crate::text::give;

/// How far the authority says it has checked who is behind the name.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// No class can be told: a private authority, or signed by itself.
    None = 0,
    /// Control of the domain name only.
    Dv = 1,
    /// The organisation too.
    Ov = 2,
    /// An individual person too.
    Iv = 3,
    /// Extended validation of the organisation.
    Ev = 4,
}

/// The class of the first certificate in `file`, which is PEM (what is not a certificate in it is
/// passed over) or DER.
///
/// # Safety
/// `file` points to `length` bytes; `class` is valid for a write; `error` is NULL or valid for a
/// write.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn menshen_certificate_class(
    file: *const u8,
    length: usize,
    class: *mut Class,
    error: *mut *mut Error,
) -> Code {
    let body = || {
        if class.is_null() {
            return Err(Error::usage("class is NULL"));
        }
        // SAFETY: as the caller promises.
        let file = unsafe { bytes(file, length, "file")? };
        // When it is makes no difference to the class.
        let told = told(file, None, 0)?;
        // SAFETY: not NULL, and as the caller promises.
        unsafe {
            class.write(match told.class.class {
                certificate::Class::None => Class::None,
                certificate::Class::Dv => Class::Dv,
                certificate::Class::Ov => Class::Ov,
                certificate::Class::Iv => Class::Iv,
                certificate::Class::Ev => Class::Ev,
            });
        }
        Ok(())
    };
    // SAFETY: as the caller promises.
    unsafe { finish(error, body) }
}

/// Everything that can be told from the certificates in `file` (the server's first, its issuers
/// after it), as JSON like the part `certificate` of `menshen explain cert --json`. `name` is the
/// name or address that was asked for, or NULL; `now` is Unix seconds. `json` is to be freed with
/// `menshen_text_free`.
///
/// # Safety
/// `file` points to `length` bytes; `name` is NULL or ends with a NUL; `json` is valid for a write;
/// `error` is NULL or valid for a write.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn menshen_certificate_explain(
    file: *const u8,
    length: usize,
    name: *const c_char,
    now: i64,
    json: *mut *mut c_char,
    error: *mut *mut Error,
) -> Code {
    let body = || {
        // SAFETY: as the caller promises.
        let (file, name) = unsafe {
            clear(json, "json")?;
            (bytes(file, length, "file")?, optional_text(name, "name")?)
        };
        let told = told(file, name, now)?;
        // Strings and numbers only: nothing in it can fail to become JSON.
        let text = serde_json::to_string(&told).unwrap_or_default();
        // SAFETY: `clear` found a place.
        unsafe { give(json, &text) };
        Ok(())
    };
    // SAFETY: as the caller promises.
    unsafe { finish(error, body) }
}

fn told(file: &[u8], asked: Option<&str>, now: i64) -> Outcome<Report> {
    if file.len() > FILE_BYTES_MAX {
        return Err(Error::new(Code::TooLarge, "a file of certificates has 1 MiB at most"));
    }
    let mut sent = Vec::new();
    for der in ders(file)? {
        let read = Certificate::from_der(&der);
        sent.push(read.map_err(|error| Error::new(Code::Malformed, error.to_string()))?);
    }
    let logs = ct_logs();
    let inputs = Inputs {
        sent: &sent,
        asked,
        now,
        pool: &[],
        anchors: &[],
        trust: &[],
        publicly_trusted: None,
        logs: &logs,
    };
    report(&inputs).ok_or_else(none)
}

/// The certificates of a file, unread.
fn ders(file: &[u8]) -> Outcome<Vec<Vec<u8>>> {
    // DER begins with a SEQUENCE whose length takes more than one byte.
    if let [0x30, 0x81..=0x84, ..] = file {
        return Ok(vec![file.to_vec()]);
    }
    let blocks = pem::parse_many(file)
        .map_err(|error| Error::new(Code::Malformed, format!("no PEM: {error}")))?;
    let certificates = blocks.into_iter().filter(|block| block.tag() == "CERTIFICATE");
    let ders: Vec<_> = certificates.map(pem::Pem::into_contents).collect();
    if ders.len() > CERTIFICATES_MAX {
        return Err(Error::new(Code::TooLarge, "there are more than 64 certificates in it"));
    }
    if ders.is_empty() { Err(none()) } else { Ok(ders) }
}

fn none() -> Error {
    Error::new(Code::Malformed, "there is no certificate in it")
}

const FILE_BYTES_MAX: usize = 1 << 20;
const CERTIFICATES_MAX: usize = 64;
