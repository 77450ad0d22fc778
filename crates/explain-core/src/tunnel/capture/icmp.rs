//! ICMP errors that quote GRE or a control connection (RFC 792, RFC 4443).
//!
//! A quote has at least 8 octets of the packet: GRE's call id is among them, and TCP's ports. Types
//! and codes of ICMPv6 are told in the numbers of IPv4.

use alloc::format;
use alloc::vec::Vec;
use core::net::IpAddr;

use menshen_tunnel_core::pptp::{IP_PROTOCOL as GRE, PORT, gre};

use super::Found;
use crate::capture::ip::TCP;
use crate::tunnel::Side;
use crate::tunnel::calls::{Call, Event, ICMP_MAX, Icmp, Layer};

/// An error, before it is known whose call it is about.
#[derive(Debug)]
pub(super) struct Error {
    icmp: Icmp,
    /// Who sent the quoted packet, and to whom.
    source: IpAddr,
    destination: IpAddr,
    /// Client's port of a quoted control connection.
    port: Option<u16>,
}

/// Reads an error that quotes something of PPTP.
pub(super) fn read(found: &Found<'_>) -> Option<Error> {
    let [kind, code, _, _, _, _, m1, m2, quote @ ..] = found.datagram.payload else { return None };
    let ((kind, code), mtu) = match found.datagram.protocol {
        1 => ((*kind, *code), u16::from_be_bytes([*m1, *m2])),
        58 => (of_ipv6(*kind, *code)?, u16::from_be_bytes([*m1, *m2])),
        _ => return None,
    };
    if !matches!(kind, 3 | 11 | 12) {
        return None;
    }
    let (source, destination, protocol, rest) = quoted(quote)?;
    let (gre, key, port, quotes) = match protocol {
        GRE => (true, Some(gre::quoted_call(rest)?.0), None, Side::Client),
        TCP => {
            let [s1, s2, d1, d2] = *rest.first_chunk()?;
            let (from, to) = (u16::from_be_bytes([s1, s2]), u16::from_be_bytes([d1, d2]));
            match (from, to) {
                (from, PORT) => (false, None, Some(from), Side::Client),
                (PORT, to) => (false, None, Some(to), Side::Server),
                _ => return None,
            }
        }
        _ => return None,
    };
    let icmp = Icmp {
        at_us: found.at_us,
        from: found.datagram.source,
        to: found.datagram.destination,
        kind,
        code,
        quotes,
        gre,
        key,
        mtu: (kind == 3 && code == 4 && mtu > 0).then_some(mtu),
        ttl: Some(found.ttl),
        count: 1,
    };
    Some(Error { icmp, source, destination, port })
}

/// Keeps an error, or counts it to one that is alike; whether there was room.
pub(super) fn keep(errors: &mut Vec<Error>, error: Error) -> bool {
    let alike = |known: &&mut Error| {
        let (a, b) = (&known.icmp, &error.icmp);
        (a.from, a.to, a.kind, a.code, a.gre, a.key) == (b.from, b.to, b.kind, b.code, b.gre, b.key)
            && known.source == error.source
            && b.at_us < a.at_us + SAME_WITHIN_US
    };
    if let Some(known) = errors.iter_mut().rev().take(LOOKED_BACK).find(alike) {
        known.icmp.count = known.icmp.count.saturating_add(1);
        return true;
    }
    let room = errors.len() < ERRORS_MAX;
    if room {
        errors.push(error);
    }
    room
}

/// Gives each error to the call it is about: the last one that had begun by then.
pub(super) fn attach(calls: &mut [Call], errors: Vec<Error>) {
    for error in errors {
        let Error { mut icmp, source, destination, port } = error;
        let of_call = |call: &Call| {
            let from_client = (call.client, call.server) == (source, destination);
            let from_server = (call.server, call.client) == (source, destination);
            let port_fits = match (port, &call.control) {
                (Some(port), Some(control)) => control.client_port == port,
                (Some(_), None) => false,
                (None, _) => true,
            };
            (from_client || from_server) && port_fits && call.began_us <= icmp.at_us
        };
        let keyed = |call: &Call| {
            let key = if call.client == source { call.server_id } else { call.client_id };
            of_call(call) && (icmp.key.is_none() || key == icmp.key)
        };
        let place = calls.iter().rposition(keyed).or_else(|| calls.iter().rposition(of_call));
        let Some(call) = place.and_then(|place| calls.get_mut(place)) else { continue };
        icmp.quotes = if call.client == source { Side::Client } else { Side::Server };
        if call.icmp.len() >= ICMP_MAX {
            continue;
        }
        let (at_us, from) = (icmp.at_us, icmp.quotes.other());
        let what = format!(
            "ICMP {} ({}) from {} on {} of the {}",
            icmp.words(),
            icmp.numbers(),
            icmp.from,
            if icmp.gre { "GRE" } else { "TCP" },
            icmp.quotes.word(),
        );
        call.icmp.push(icmp);
        call.note(Event { at_us, from, layer: Layer::Icmp, what });
    }
}

fn quoted(packet: &[u8]) -> Option<(IpAddr, IpAddr, u8, &[u8])> {
    match packet.first()? >> 4 {
        4 => {
            let header = usize::from(packet.first()? & 0x0f) * 4;
            let head = packet.first_chunk::<20>()?;
            let source: [u8; 4] = *head.get(12..)?.first_chunk()?;
            let destination: [u8; 4] = *head.get(16..)?.first_chunk()?;
            Some((source.into(), destination.into(), head[9], packet.get(header..)?))
        }
        6 => {
            let (head, rest) = packet.split_first_chunk::<40>()?;
            let source: [u8; 16] = *head.get(8..)?.first_chunk()?;
            let destination: [u8; 16] = *head.get(24..)?.first_chunk()?;
            Some((source.into(), destination.into(), head[6], rest))
        }
        _ => None,
    }
}

const fn of_ipv6(kind: u8, code: u8) -> Option<(u8, u8)> {
    Some(match (kind, code) {
        (1, 0) => (3, 0),
        (1, 1 | 5 | 6) => (3, 13),
        (1, 4) => (3, 3),
        (1, _) => (3, 1),
        (2, _) => (3, 4),
        (3, code) => (11, code),
        (4, 1) => (3, 2),
        (4, _) => (12, 0),
        _ => return None,
    })
}

/// Errors kept of all calls.
const ERRORS_MAX: usize = 4096;
/// How far back an error is looked for that is alike.
const LOOKED_BACK: usize = 32;
/// Errors further apart than this are told one by one.
const SAME_WITHIN_US: u64 = 60_000_000;
