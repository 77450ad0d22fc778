//! What a link says, as C writes it and as JSON.

use std::ffi::c_char;

use menshen_web_core::link::{self, Deed, KeyId, NETWORKS_MAX, Network};
use serde::Serialize;

use crate::error::{Error, Outcome};
use crate::pointers::{bytes, optional_text, reference, text};

/// What may be done by a link.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Download a file, or see a folder and download what is in it.
    Get = 1,
    /// Store one file under one name.
    Put = 2,
    /// Store new files in one folder, without seeing what is there.
    Drop = 3,
}

/// What a link shall say. Fill it with zeros, set `size`, then what is wanted.
#[repr(C)]
#[derive(Debug)]
pub struct Claims {
    /// `sizeof(menshen_claims)` where the program was built; later versions may have more fields. A
    /// field that this library does not know must be zero, or no link is made.
    pub size: usize,
    /// `MENSHEN_METHOD_GET`, `…_PUT` or `…_DROP`.
    pub method: u32,
    /// How often, 0: as often as wanted.
    pub count: u32,
    /// The path as the listing shows it, not percent-encoded, from "/" on; a folder ends with "/".
    pub path: *const c_char,
    /// From where, such as "192.0.2.0/24, 2001:db8::/32"; NULL: from anywhere.
    pub networks: *const c_char,
    /// Unix seconds before which it is not good yet; 0: at once.
    pub not_before: u64,
    /// Unix seconds from which on it is not good any more; not 0.
    pub expires: u64,
    /// How many bytes of content in all; 0: no limit.
    pub bytes: u64,
    /// Bytes per second of one answer; 0: no limit.
    pub rate: u64,
}

/// As JSON; the names are those of `menshen link --json`.
#[derive(Serialize)]
struct Said<'a> {
    method: &'static str,
    path: &'a str,
    key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_before_unix: Option<u64>,
    expires_unix: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rate_bytes_per_second: Option<u64>,
    addresses: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
}

pub(crate) fn json(claims: &link::Claims, key: KeyId) -> String {
    let said = Said {
        method: claims.deed.word(),
        path: &claims.path,
        key: key.to_string(),
        not_before_unix: claims.not_before,
        expires_unix: claims.expires,
        count: claims.count,
        bytes: claims.bytes,
        rate_bytes_per_second: claims.rate,
        addresses: claims.networks.iter().map(ToString::to_string).collect(),
        id: claims.id.map(|id| id.to_string()),
    };
    // Strings and numbers only: nothing in it can fail to become JSON.
    serde_json::to_string(&said).unwrap_or_default()
}

pub(crate) fn deed(method: u32) -> Outcome<Deed> {
    match method {
        1 => Ok(Deed::Get),
        2 => Ok(Deed::Put),
        3 => Ok(Deed::Drop),
        _ => Err(Error::usage("the method is none")),
    }
}

/// The claims at `pointer`, without the id of a counted one.
///
/// # Safety
/// `pointer` is NULL or points to as many bytes as its `size` says; its texts are NULL or end with
/// a NUL.
pub(crate) unsafe fn read(pointer: *const Claims) -> Outcome<link::Claims> {
    // SAFETY: as the caller promises; `size` is looked at through a pointer of its own, since the
    // rest may not be there.
    let size = unsafe { *reference(pointer.cast::<usize>(), "claims")? };
    if size < size_of::<Claims>() {
        return Err(Error::usage("the size in claims is not that of menshen_claims"));
    }
    if size > SIZE_MAX {
        return Err(Error::usage("the size in claims is larger than any menshen_claims"));
    }
    // SAFETY: as the caller promises, so many bytes are there; all of them have a value, since
    // claims are filled with zeros first.
    let later = unsafe {
        bytes(
            pointer.cast::<u8>().wrapping_add(size_of::<Claims>()),
            size - size_of::<Claims>(),
            "claims",
        )?
    };
    // As Linux does with what is longer than it knows (`copy_struct_from_user`): what is not zero
    // may be a limit, and a link without it would allow more than was wanted.
    if later.iter().any(|byte| *byte != 0) {
        return Err(Error::usage("the claims have a field that this library is too old for"));
    }
    // SAFETY: so many bytes are there.
    let given = unsafe { reference(pointer, "claims")? };
    // SAFETY: as the caller promises.
    let (path, networks) =
        unsafe { (text(given.path, "the path")?, optional_text(given.networks, "the networks")?) };
    let some = |number: u64| (number != 0).then_some(number);
    Ok(link::Claims {
        deed: deed(given.method)?,
        path: path.to_owned(),
        not_before: some(given.not_before),
        expires: given.expires,
        count: (given.count != 0).then_some(given.count),
        bytes: some(given.bytes),
        rate: some(given.rate),
        networks: self::networks(networks.unwrap_or_default())?,
        id: None,
    })
}

fn networks(list: &str) -> Outcome<Vec<Network>> {
    let words = list.split([',', ' ']).filter(|word| !word.is_empty());
    let read = words.take(NETWORKS_MAX + 1).map(|word| {
        let unfit = |_| Error::usage(&format!("no network: {}", word.escape_debug()));
        word.parse::<Network>().map_err(unfit)
    });
    read.collect()
}

/// What a `size` may be at most: 4 KiB, a page, as for the system calls of Linux.
const SIZE_MAX: usize = 4096;
