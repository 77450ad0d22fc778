//! Who may go on with an upload.
//!
//! On the file service that is whoever may write there: the holder of the owner token or of a
//! session made from it. On a site it is a browser, known by a cookie of the door's own; without
//! one, whoever knows the address. What a record keeps is a digest, never the cookie.

use std::net::IpAddr;

use aws_lc_rs::{digest, rand};
use menshen_web_core::fields::cookie;
use menshen_web_core::head::Interest;

use crate::ask::Ask;
use crate::php::digests::hex;

/// A digest of whoever owns an upload.
pub(crate) type Owner = [u8; 32];

/// The owner of what the holder of the token makes on the file service.
pub(super) fn of_token() -> Owner {
    digest_of(&[b"menshen token"])
}

/// The owner of what comes by a signed link: all who have it, and nobody by that alone.
pub(super) fn of_link(link: &[u8]) -> Owner {
    digest_of(&[b"menshen link", link])
}

/// Who that is, in a word that gives nothing away.
pub(crate) fn word(owner: Option<&Owner>) -> String {
    match owner {
        None => "anyone".into(),
        Some(owner) if *owner == of_token() => "token".into(),
        Some(owner) => {
            let shown = digest_of(&[b"menshen owner's word", owner]);
            format!("browser-{}", hex(shown.get(..WORD_BYTES).unwrap_or_default()))
        }
    }
}

/// The owner by the cookie of a site; `None` without one.
pub(crate) fn of_cookie(ask: &Ask<'_>) -> Option<Owner> {
    if !ask.interest.has(Interest::COOKIE) {
        return None;
    }
    let mut owner = None;
    ask.headers.for_each("cookie", &mut |line| {
        if let Some(value) = cookie(line, COOKIE.as_bytes())
            && value.len() == 2 * COOKIE_BYTES
        {
            owner = Some(digest_of(&[b"menshen cookie", ask.host, value]));
        }
    });
    owner
}

/// `Set-Cookie` for a browser that has none; `None` for other clients, and where the way is open
/// to listeners.
pub(super) fn new_cookie(ask: &Ask<'_>) -> Option<Vec<u8>> {
    let browser = ask.interest.has(Interest::SEC_FETCH_SITE.with(Interest::ORIGIN));
    if !browser || !ask.wire.secure || of_cookie(ask).is_some() {
        return None;
    }
    let mut bytes = [0; COOKIE_BYTES];
    rand::fill(&mut bytes).ok()?;
    Some(format!("{COOKIE}={}; {COOKIE_RULES}", hex(&bytes)).into_bytes())
}

/// Where a stranger comes from, for limits: an address, or a network of IPv6 as one customer gets
/// it. 0: from this machine, which is a proxy or a test.
pub(super) fn source_of(peer: IpAddr) -> u64 {
    match peer.to_canonical() {
        peer if peer.is_loopback() => 0,
        // No network of IPv6 begins so.
        IpAddr::V4(address) => 0xffff << 48 | u64::from(address.to_bits()),
        IpAddr::V6(address) => {
            let network = address.segments().into_iter().take(4);
            network.fold(0, |bits, part| bits << 16 | u64::from(part))
        }
    }
}

fn digest_of(parts: &[&[u8]]) -> Owner {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    let mut owner = [0; 32];
    owner.copy_from_slice(context.finish().as_ref());
    owner
}

/// The prefix keeps other hosts of the domain from setting one they know.
const COOKIE: &str = "__Host-menshen-uploads";
const COOKIE_RULES: &str = "Path=/; Max-Age=2592000; Secure; HttpOnly; SameSite=Lax";
const COOKIE_BYTES: usize = 16;
const WORD_BYTES: usize = 8;

#[cfg(test)]
mod tests;
