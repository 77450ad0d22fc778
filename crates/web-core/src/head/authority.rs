//! Syntax of `Host` and of authorities (RFC 3986 §3.2, RFC 9110 §7.2), narrower than the RFC: no
//! user information, no percent escapes, no sub-delimiters. Never resolves or compares names.

use core::net::Ipv6Addr;

/// Whether `host` is a name, an IPv4 address or a bracketed IPv6 address, with an optional port.
///
/// An empty name or label is refused. Letters, digits, `-`, `.` and `_` make a name.
#[must_use]
pub fn host_is_valid(host: &[u8]) -> bool {
    let (name, port) = cut(host);
    let name_is_valid =
        match name {
            [b'[', address @ .., b']'] => {
                core::str::from_utf8(address).is_ok_and(|text| text.parse::<Ipv6Addr>().is_ok())
            }
            [] => false,
            name => name.len() <= NAME_BYTES_MAX
                && name.iter().all(
                    |b| matches!(b, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_'),
                )
                && !has_empty_label(name),
        };
    name_is_valid && port.is_none_or(|digits| digits.is_empty() || number(digits).is_some())
}

/// Name (IPv6 with its brackets) and port of a valid `host`; an empty or invalid port is `None`.
#[must_use]
pub fn host_parts(host: &[u8]) -> (&[u8], Option<u16>) {
    let (name, port) = cut(host);
    (name, port.and_then(number))
}

/// Whether a dot has no label before it; the one at the very end may stand for the DNS root.
fn has_empty_label(name: &[u8]) -> bool {
    name.starts_with(b".") || name.windows(2).any(|two| two == b"..")
}

/// Name and the text after the colon that starts the port.
fn cut(host: &[u8]) -> (&[u8], Option<&[u8]>) {
    // In an IPv6 literal only a colon directly after the bracket starts a port.
    let name_len = match host {
        [b'[', ..] => host.iter().position(|&b| b == b']').map_or(host.len(), |at| at + 1),
        _ => host.iter().position(|&b| b == b':').unwrap_or(host.len()),
    };
    match host.split_at_checked(name_len) {
        Some((name, [b':', port @ ..])) => (name, Some(port)),
        Some((name, [])) => (name, None),
        // Something other than a port follows the bracket: let the name check refuse it whole.
        _ => (&[], None),
    }
}

/// `1*5DIGIT` that is a port, 0 excluded.
fn number(digits: &[u8]) -> Option<u16> {
    if digits.len() > 5 {
        return None;
    }
    let value = super::content_length(digits)?;
    u16::try_from(value).ok().filter(|&port| port != 0)
}

/// DNS names have at most 253 characters; 255 leaves room for a trailing dot.
const NAME_BYTES_MAX: usize = 255;

#[cfg(test)]
mod tests;
