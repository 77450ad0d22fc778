//! Claims as bytes: `version key deed (tag length value)*`, tags ascending, lengths two bytes,
//! numbers big-endian without leading zeros. What reads like it but is longer than it need be is
//! caught by writing it anew, in [`super::Sealed::unverified`].

use alloc::borrow::ToOwned;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Claims, Deed, KeyId, LinkId, NETWORKS_MAX, Network};

/// The payload of a link.
pub(super) fn write(claims: &Claims, key: KeyId) -> Vec<u8> {
    let mut out = Vec::with_capacity(64 + claims.path.len());
    out.push(VERSION);
    out.extend_from_slice(&key.0);
    out.push(match claims.deed {
        Deed::Get => GET,
        Deed::Put => PUT,
        Deed::Drop => DROP,
    });
    put(&mut out, PATH, claims.path.as_bytes());
    put_number(&mut out, EXPIRES, Some(claims.expires));
    put_number(&mut out, NOT_BEFORE, claims.not_before);
    put_number(&mut out, COUNT, claims.count.map(u64::from));
    put_number(&mut out, BYTES, claims.bytes);
    put_number(&mut out, RATE, claims.rate);
    if !claims.networks.is_empty() {
        let mut value = Vec::new();
        claims.networks.iter().for_each(|network| put_network(&mut value, network));
        put(&mut out, NETWORKS, &value);
    }
    if let Some(id) = &claims.id {
        put(&mut out, ID, &id.0);
    }
    out
}

/// What a payload claims; `None` when it is none of this version.
pub(super) fn read(payload: &[u8]) -> Option<Claims> {
    let [VERSION, _, _, _, _, deed, claims @ ..] = payload else { return None };
    let mut rest = claims;
    let deed = match *deed {
        GET => Deed::Get,
        PUT => Deed::Put,
        DROP => Deed::Drop,
        _ => return None,
    };
    let (mut path, mut expires) = (None, None);
    let (mut not_before, mut count, mut bytes, mut rate, mut id) = (None, None, None, None, None);
    let mut networks = Vec::new();
    let mut last = 0;
    while let [tag, high, low, after @ ..] = rest {
        if *tag <= last {
            return None;
        }
        last = *tag;
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let (value, after) = after.split_at_checked(length)?;
        rest = after;
        match *tag {
            PATH => path = Some(core::str::from_utf8(value).ok()?.to_owned()),
            EXPIRES => expires = Some(number(value)?),
            NOT_BEFORE => not_before = Some(number(value)?),
            COUNT => count = Some(u32::try_from(number(value)?).ok()?),
            BYTES => bytes = Some(number(value)?),
            RATE => rate = Some(number(value)?),
            NETWORKS => networks = read_networks(value)?,
            ID => id = Some(LinkId(value.try_into().ok()?)),
            // Somebody meant to forbid something by it.
            _ => return None,
        }
    }
    if !rest.is_empty() {
        return None;
    }
    let (path, expires) = (path?, expires?);
    Some(Claims { deed, path, not_before, expires, count, bytes, rate, networks, id })
}

fn put(out: &mut Vec<u8>, tag: u8, value: &[u8]) {
    // A path has at most 4,096 bytes, everything else less; what is longer is cut, and then not
    // read as what it was.
    let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
    out.push(tag);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(value.get(..usize::from(length)).unwrap_or_default());
}

fn put_number(out: &mut Vec<u8>, tag: u8, number: Option<u64>) {
    let Some(number) = number else { return };
    let bytes = number.to_be_bytes();
    let zeros = usize::try_from(number.leading_zeros() / 8).unwrap_or(0);
    put(out, tag, bytes.get(zeros..).unwrap_or_default());
}

fn number(value: &[u8]) -> Option<u64> {
    if value.len() > 8 {
        return None;
    }
    Some(value.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

fn put_network(out: &mut Vec<u8>, network: &Network) {
    let mut add = |family: u8, octets: &[u8]| {
        out.extend_from_slice(&[family, network.prefix()]);
        out.extend_from_slice(octets);
    };
    match network.address() {
        IpAddr::V4(address) => add(4, &address.octets()),
        IpAddr::V6(address) => add(6, &address.octets()),
    }
}

fn read_networks(mut value: &[u8]) -> Option<Vec<Network>> {
    let mut networks = Vec::new();
    while let [family, prefix, rest @ ..] = value {
        let (address, rest): (IpAddr, _) = match *family {
            4 => {
                let (octets, rest) = rest.split_first_chunk::<4>()?;
                (Ipv4Addr::from(*octets).into(), rest)
            }
            6 => {
                let (octets, rest) = rest.split_first_chunk::<16>()?;
                (Ipv6Addr::from(*octets).into(), rest)
            }
            _ => return None,
        };
        if networks.len() >= NETWORKS_MAX {
            return None;
        }
        networks.push(Network::new(address, *prefix)?);
        value = rest;
    }
    value.is_empty().then_some(networks)
}

pub(super) const VERSION: u8 = 1;
const GET: u8 = 1;
const PUT: u8 = 2;
const DROP: u8 = 3;
const PATH: u8 = 1;
const EXPIRES: u8 = 2;
const NOT_BEFORE: u8 = 3;
const COUNT: u8 = 4;
const BYTES: u8 = 5;
const RATE: u8 = 6;
const NETWORKS: u8 = 7;
const ID: u8 = 8;
