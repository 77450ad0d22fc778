//! Where a token may come from: a cookie, `Bearer`, or the password of `Basic`
//! (RFC 6265 §5.4, RFC 6750 §2.1, RFC 7617).
//!
//! This module only finds the bytes; whether they open anything is compared elsewhere, in constant
//! time.

use alloc::vec::Vec;

use super::base64;

/// The value of the first cookie called `name` in one `Cookie` line, without surrounding quotes.
#[must_use]
pub fn cookie<'a>(header: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    header.split(|&byte| byte == b';').find_map(|pair| {
        let pair = pair.trim_ascii();
        let equals = pair.iter().position(|&byte| byte == b'=')?;
        if pair[..equals].trim_ascii() != name {
            return None;
        }
        let value = pair[equals + 1..].trim_ascii();
        let unquoted = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\""));
        Some(unquoted.unwrap_or(value))
    })
}

/// The token of `Authorization: Bearer TOKEN`.
#[must_use]
pub fn bearer(authorization: &[u8]) -> Option<&[u8]> {
    let token = credentials(authorization, b"bearer")?;
    let end = token.iter().rposition(|&byte| byte != b'=').map_or(0, |last| last + 1);
    let valid = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(byte);
    (end > 0 && token[..end].iter().all(valid)).then_some(token)
}

/// The password of `Authorization: Basic …`. The user name is not looked at, so that
/// `curl -u :TOKEN` and `wget --password=TOKEN` both work.
#[must_use]
pub fn basic_password(authorization: &[u8]) -> Option<Vec<u8>> {
    let mut pair = base64::decode(credentials(authorization, b"basic")?)?;
    let colon = pair.iter().position(|&byte| byte == b':')?;
    if pair.iter().any(u8::is_ascii_control) {
        return None;
    }
    Some(pair.split_off(colon + 1))
}

/// What follows the scheme, which is compared without regard to case (RFC 9110 §11.4).
fn credentials<'a>(authorization: &'a [u8], scheme: &[u8]) -> Option<&'a [u8]> {
    let (found, rest) = authorization.trim_ascii().split_at_checked(scheme.len())?;
    if !found.eq_ignore_ascii_case(scheme) || !rest.starts_with(b" ") {
        return None;
    }
    Some(rest.trim_ascii_start())
}

#[cfg(test)]
mod tests;
