//! Whether decrypted octets are a packet: MPPE has no integrity of its own, so this is all there is
//! to tell a forged packet or a wrong key by.
//!
//! It must never look further than the first octets. Nothing here can fail.

/// The octets of an inner packet that [`surely`] looks at: two of protocol, six of IP.
pub(super) const LOOK_OCTETS: usize = 8;

/// Whether octets may begin a packet: a network protocol that RFC 3078 section 4 lets be encrypted,
/// and for IP its version. One octet of protocol is taken for IP alone. One in 400 packets of
/// random octets passes.
pub(super) fn perhaps(inner: &[u8]) -> bool {
    match *inner {
        [0, IPV4, version, ..] | [IPV4, version, ..] => version >> 4 == 4,
        [0, IPV6, version, ..] | [IPV6, version, ..] => version >> 4 == 6,
        [0, other, ..] => other & 1 == 1 && (IPV4 + 1..=LAST).contains(&other) && other != IPV6,
        _ => false,
    }
}

/// Whether octets begin an IP packet of just this length, protocol included. One in 2^30 packets of
/// random octets passes.
pub(super) fn surely(inner: &[u8], octets: usize) -> bool {
    let (protocol, ip) = match inner {
        [0, IPV4 | IPV6, ip @ ..] => (2, ip),
        [IPV4 | IPV6, ip @ ..] => (1, ip),
        _ => return false,
    };
    let length = match *ip {
        [_, _, high, low, ..] if perhaps(inner) && ip.first().is_some_and(|v| v >> 4 == 4) => {
            usize::from(u16::from_be_bytes([high, low]))
        }
        [_, _, _, _, high, low, ..] if perhaps(inner) => {
            usize::from(u16::from_be_bytes([high, low])) + IPV6_HEAD_OCTETS
        }
        _ => return false,
    };
    octets == protocol + length
}

/// PPP's numbers of IPv4 and IPv6, and the last one that is encrypted.
const IPV4: u8 = 0x21;
const IPV6: u8 = 0x57;
const LAST: u8 = 0xFA;

const IPV6_HEAD_OCTETS: usize = 40;

#[cfg(test)]
mod tests;
