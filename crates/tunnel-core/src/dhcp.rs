//! What a server tells a client who asks for more than PPP says: DHCPINFORM (RFC 2131 §3.4, §4.3.5)
//! answered with name servers (option 6), a domain (15) and routes (121 of RFC 3442, and 249, by
//! which older Windows knows the same).
//!
//! Whole IPv4 packets in and out. It must never give or take an address, or answer anything but an
//! inform of the client whose tunnel it is. Octets of the client decide which options come, nothing
//! else; an answer is at most [`ANSWER_OCTETS_MAX`] long.

use alloc::vec::Vec;
use core::net::Ipv4Addr;

/// What is told.
#[derive(Debug, Clone, Copy)]
pub struct Told<'a> {
    /// The server's address within the tunnel: who answers, and where routes lead.
    pub server: Ipv4Addr,
    /// Name servers; 16 at most are told.
    pub dns: &'a [Ipv4Addr],
    /// Networks to be routed through the tunnel, as addresses and leading bits; 64 at most are
    /// told.
    pub routes: &'a [(Ipv4Addr, u8)],
    /// The domain; at most 200 octets of it are told.
    pub domain: Option<&'a str>,
}

/// Whether a packet is for a DHCP server, by its protocol and port: most are not.
#[must_use]
pub fn is_asked(packet: &[u8]) -> bool {
    packet.get(9) == Some(&UDP)
        && packet.get(22..24) == Some(&SERVER_PORT.to_be_bytes())
        && packet.first() == Some(&0x45)
}

/// The answer to an inform of the client with this address: a whole packet. `None`: it is none.
#[must_use]
pub fn answer(packet: &[u8], client: Ipv4Addr, told: &Told<'_>) -> Option<Vec<u8>> {
    let question = Question::of(packet, client, told.server)?;
    let mut message = question.reply();
    option(&mut message, OPTION_KIND, &[ACK]);
    option(&mut message, OPTION_SERVER, &told.server.octets());
    if question.asks(OPTION_DNS) {
        let dns: Vec<u8> = told.dns.iter().take(DNS_MAX).flat_map(Ipv4Addr::octets).collect();
        option(&mut message, OPTION_DNS, &dns);
    }
    if question.asks(OPTION_DOMAIN) {
        let domain = told.domain.unwrap_or_default().as_bytes();
        option(&mut message, OPTION_DOMAIN, domain.get(..DOMAIN_MAX).unwrap_or(domain));
    }
    let routes = routes(told);
    for code in [OPTION_ROUTES, OPTION_ROUTES_WINDOWS] {
        // The second says the same again: it is left out when it does not fit.
        let octets = message.len() + HEADERS_OCTETS + routes.len() + 2 * 3 + 1;
        if question.asks(code) && octets <= ANSWER_OCTETS_MAX {
            option(&mut message, code, &routes);
        }
    }
    message.push(OPTION_END);
    Some(in_ipv4(&message, told.server, client))
}

/// What of an inform is needed.
struct Question<'a> {
    message: &'a [u8],
    /// Options asked for (55); `None`: it does not say.
    wanted: Option<&'a [u8]>,
}

impl<'a> Question<'a> {
    fn of(packet: &'a [u8], client: Ipv4Addr, server: Ipv4Addr) -> Option<Self> {
        let total = usize::from(u16::from_be_bytes(*packet.get(2..)?.first_chunk()?));
        let packet = packet.get(..total)?;
        let fragment = u16::from_be_bytes(*packet.get(6..)?.first_chunk()?) & !DONT_FRAGMENT;
        let to = Ipv4Addr::from(*packet.get(16..)?.first_chunk::<4>()?);
        let is_from_client = packet.get(12..16)? == client.octets();
        if !is_asked(packet) || fragment != 0 || !is_from_client {
            return None;
        }
        if to != server && !to.is_broadcast() {
            return None;
        }
        let udp = packet.get(20..)?;
        let length = usize::from(u16::from_be_bytes(*udp.get(4..)?.first_chunk()?));
        let message = udp.get(8..length)?;
        let options = message.get(OPTIONS_AT..)?;
        let is_request = message.first() == Some(&REQUEST);
        let is_dhcp = message.get(OPTIONS_AT - COOKIE.len()..OPTIONS_AT)? == COOKIE;
        // Whoever wants an address asks for another kind of message; here there are none.
        let is_inform = find(options, OPTION_KIND) == Some(&[INFORM][..]);
        let is_own = message.get(12..16)? == client.octets();
        (is_request && is_dhcp && is_inform && is_own)
            .then(|| Self { message, wanted: find(options, OPTION_WANTED) })
    }

    fn asks(&self, code: u8) -> bool {
        self.wanted.is_none_or(|wanted| wanted.contains(&code))
    }

    /// The fixed part of the answer, with the cookie.
    fn reply(&self) -> Vec<u8> {
        let mut reply = Vec::with_capacity(ANSWER_OCTETS_MAX);
        reply.extend_from_slice(self.message.get(..OPTIONS_AT).unwrap_or_default());
        if let Some(first) = reply.first_mut() {
            *first = REPLY;
        }
        // Kind, number and the client's names of itself stay; addresses but its own, the names of
        // servers and files do not.
        for (from, to) in [(8, 10), (16, 24), (44, OPTIONS_AT - COOKIE.len())] {
            reply.get_mut(from..to).unwrap_or_default().fill(0);
        }
        reply
    }
}

/// The value of the first option of this code.
fn find(options: &[u8], wanted: u8) -> Option<&[u8]> {
    let mut rest = options;
    loop {
        match *rest.first()? {
            OPTION_END => return None,
            OPTION_PAD => rest = rest.get(1..)?,
            code => {
                let length = usize::from(*rest.get(1)?);
                let value = rest.get(2..2 + length)?;
                if code == wanted {
                    return Some(value);
                }
                rest = rest.get(2 + length..)?;
            }
        }
    }
}

/// Appends an option, in pieces of 255 octets (RFC 3396); nothing for an empty one.
fn option(message: &mut Vec<u8>, code: u8, value: &[u8]) {
    for piece in value.chunks(usize::from(u8::MAX)) {
        message.push(code);
        message.push(u8::try_from(piece.len()).unwrap_or(u8::MAX));
        message.extend_from_slice(piece);
    }
}

/// Routes as RFC 3442 writes them: leading bits, the octets that have them, the way.
fn routes(told: &Told<'_>) -> Vec<u8> {
    let mut value = Vec::new();
    for (network, bits) in told.routes.iter().take(ROUTES_MAX) {
        let bits = (*bits).min(32);
        let network = network.to_bits() & u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
        value.push(bits);
        let octets = network.to_be_bytes();
        value.extend_from_slice(octets.get(..usize::from(bits.div_ceil(8))).unwrap_or_default());
        value.extend(told.server.octets());
    }
    value
}

/// A message in UDP in IPv4.
fn in_ipv4(message: &[u8], from: Ipv4Addr, to: Ipv4Addr) -> Vec<u8> {
    let length = |headers: usize| u16::try_from(message.len() + headers).unwrap_or(u16::MAX);
    let mut packet = Vec::with_capacity(HEADERS_OCTETS + message.len());
    packet.extend([0x45, 0]);
    packet.extend(length(HEADERS_OCTETS).to_be_bytes());
    packet.extend([0, 0, 0, 0, 64, UDP, 0, 0]);
    packet.extend(from.octets());
    packet.extend(to.octets());
    let sum = !sum(&packet, 0);
    if let Some(place) = packet.get_mut(10..12) {
        place.copy_from_slice(&sum.to_be_bytes());
    }
    let udp = packet.len();
    packet.extend(SERVER_PORT.to_be_bytes());
    packet.extend(CLIENT_PORT.to_be_bytes());
    packet.extend(length(8).to_be_bytes());
    packet.extend([0, 0]);
    packet.extend_from_slice(message);
    // The pseudo header of RFC 768: addresses, protocol, length.
    let pseudo = self::sum(packet.get(12..20).unwrap_or_default(), 0);
    let pseudo = u32::from(pseudo) + u32::from(UDP) + u32::from(length(8));
    let sum = !self::sum(packet.get(udp..).unwrap_or_default(), pseudo);
    if let Some(place) = packet.get_mut(udp + 6..udp + 8) {
        place.copy_from_slice(&if sum == 0 { u16::MAX } else { sum }.to_be_bytes());
    }
    packet
}

/// The sum of RFC 1071, not complemented.
fn sum(octets: &[u8], begin: u32) -> u16 {
    let words = octets.chunks(2).map(|pair| {
        u32::from(u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or_default()]))
    });
    let mut sum = words.fold(begin, u32::wrapping_add);
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    u16::try_from(sum).unwrap_or(u16::MAX)
}

/// Octets of the longest answer, headers of IPv4 and UDP in: every tunnel bears it.
pub const ANSWER_OCTETS_MAX: usize = 1280;
/// Headers of IPv4 and UDP.
const HEADERS_OCTETS: usize = 28;
const UDP: u8 = 17;
const SERVER_PORT: u16 = 67;
const CLIENT_PORT: u16 = 68;
const DONT_FRAGMENT: u16 = 0x4000;
/// Octets in front of the options: the fixed part and the cookie.
const OPTIONS_AT: usize = 240;
const COOKIE: [u8; 4] = [99, 130, 83, 99];
const REQUEST: u8 = 1;
const REPLY: u8 = 2;
const INFORM: u8 = 8;
const ACK: u8 = 5;
const OPTION_PAD: u8 = 0;
const OPTION_DNS: u8 = 6;
const OPTION_DOMAIN: u8 = 15;
const OPTION_KIND: u8 = 53;
const OPTION_SERVER: u8 = 54;
const OPTION_WANTED: u8 = 55;
const OPTION_ROUTES: u8 = 121;
const OPTION_ROUTES_WINDOWS: u8 = 249;
const OPTION_END: u8 = 255;
const DNS_MAX: usize = 16;
const ROUTES_MAX: usize = 64;
const DOMAIN_MAX: usize = 200;

#[cfg(test)]
mod tests;
