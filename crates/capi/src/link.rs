//! Signed links: made, judged, read.
//!
//! A link that has a count or a budget of bytes is judged by everything but these: only the door
//! knows how much of it is used.

use std::ffi::c_char;
use std::net::IpAddr;

use aws_lc_rs::rand;
use menshen_web_core::link::{self, ClaimError, LinkId, Sealed, TEXT_BYTES_MAX, Use, find};
use menshen_web_core::target::{decode_path, encode_path};

use crate::claims::{self, Claims};
use crate::error::{Code, Error, Outcome, finish};
use crate::keys::{Keys, sign};
use crate::pointers::{clear, reference, text};
use crate::text::give;

/// Makes a link below `base` (scheme, host and port, such as "https://files.example.com"), signed
/// with the newest of `keys`. `url` is given its address, to be freed with `menshen_text_free`.
///
/// # Safety
/// `keys` are of this library; `claims` and the texts in it are as [`Claims`] says; `base` ends
/// with a NUL; `url` is valid for a write; `error` is NULL or valid for a write.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn menshen_link_make(
    keys: *const Keys,
    claims: *const Claims,
    base: *const c_char,
    url: *mut *mut c_char,
    error: *mut *mut Error,
) -> Code {
    let body = || {
        // SAFETY: as the caller promises.
        let (keys, mut claims, base) = unsafe {
            clear(url, "url")?;
            (reference(keys, "keys")?, claims::read(claims)?, text(base, "base")?)
        };
        if claims.is_counted() {
            claims.id = Some(LinkId(random()?));
        }
        let key = keys.newest()?;
        let link = claims.seal(key.id, |bytes| sign(key, bytes)).map_err(unfit)?;
        // SAFETY: `clear` found a place.
        unsafe { give(url, &claims.url(base.trim_end_matches('/'), &link)) };
        Ok(())
    };
    // SAFETY: as the caller promises.
    unsafe { finish(error, body) }
}

/// Whether a link allows something: `MENSHEN_CODE_OK` or, with the reason in `error`,
/// `MENSHEN_CODE_NO`. `link` is an address or the link in it, `method` what somebody wants to do,
/// `path` on what (not percent-encoded), `address` from where ("192.0.2.1", "2001:db8::1"), `now`
/// when (Unix seconds).
///
/// # Safety
/// `keys` are of this library; `link`, `path` and `address` end with a NUL; `error` is NULL or
/// valid for a write.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn menshen_link_check(
    keys: *const Keys,
    link: *const c_char,
    method: u32,
    path: *const c_char,
    address: *const c_char,
    now: u64,
    error: *mut *mut Error,
) -> Code {
    let body = || {
        // SAFETY: as the caller promises.
        let (keys, link, path, address) = unsafe {
            let link = text(link, "link")?;
            (reference(keys, "keys")?, link, text(path, "path")?, text(address, "address")?)
        };
        let deed = claims::deed(method)?;
        let address: IpAddr = address.parse().map_err(|_| Error::usage("the address is none"))?;
        let mut raw = Vec::with_capacity(path.len());
        encode_path(path.as_bytes(), &mut raw);
        let path = decode_path(&raw).map_err(|_| Error::usage("no request can name the path"))?;
        let (_, claims) = verified(keys, link)?;
        let allowed = claims.allows(&Use { deed, path: &path, address, now });
        allowed.map_err(|denied| Error::new(Code::No, denied.words()))
    };
    // SAFETY: as the caller promises.
    unsafe { finish(error, body) }
}

/// What a link says, as JSON with the fields of `menshen link --json`, if one of `keys` signed it;
/// whether it is good now is not looked at. `json` is to be freed with `menshen_text_free`.
///
/// # Safety
/// `keys` are of this library; `link` ends with a NUL; `json` is valid for a write; `error` is NULL
/// or valid for a write.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn menshen_link_read(
    keys: *const Keys,
    link: *const c_char,
    json: *mut *mut c_char,
    error: *mut *mut Error,
) -> Code {
    let body = || {
        // SAFETY: as the caller promises.
        let (keys, link) = unsafe {
            clear(json, "json")?;
            (reference(keys, "keys")?, text(link, "link")?)
        };
        let (sealed, claims) = verified(keys, link)?;
        // SAFETY: `clear` found a place.
        unsafe { give(json, &claims::json(&claims, sealed.key())) };
        Ok(())
    };
    // SAFETY: as the caller promises.
    unsafe { finish(error, body) }
}

fn verified(keys: &Keys, link: &str) -> Outcome<(Sealed, link::Claims)> {
    // An address is a path of 4 KiB and the link at most.
    if link.len() > TEXT_BYTES_MAX * 3 {
        return Err(Error::new(Code::TooLarge, "no link is as long as that"));
    }
    let no = |error: link::LinkError| Error::new(Code::No, error.words());
    let sealed = Sealed::read(find(link.trim()).0.as_bytes()).map_err(no)?;
    let key = keys.find(sealed.key());
    let key = key.ok_or_else(|| Error::new(Code::No, "no key of that name is there"))?;
    let claims = sealed.verify(|bytes| sign(key, bytes)).map_err(no)?;
    Ok((sealed, claims))
}

fn random() -> Outcome<[u8; 12]> {
    let mut bytes = [0; 12];
    rand::fill(&mut bytes)
        .map_err(|_| Error::new(Code::Random, "the operating system gave no random bytes"))?;
    Ok(bytes)
}

fn unfit(error: ClaimError) -> Error {
    Error::usage(match error {
        ClaimError::Path => "no request can name this path",
        ClaimError::PutFolder => "a link to store a file names the file",
        ClaimError::DropFile => "a drop-box is a folder, with \"/\" at its end",
        ClaimError::Times => "it would end before it begins",
        ClaimError::Zero => "a limit of nothing makes no link",
        ClaimError::Networks => "a link names 16 networks at most",
        ClaimError::Id => "a counted link needs an identifier",
    })
}
