//! Which way the kernel sends packets to an address, as rtnetlink(7) tells.
//!
//! Of the network namespace of the calling thread. Reading takes any bytes. Nothing is changed, no
//! right is needed; it fails as [`NetlinkError`].

use std::net::IpAddr;

use rustix::net::{AddressFamily, SocketFlags, SocketType, netdevice, socket_with};

use crate::link::{attribute, family, octets};
use crate::netlink::{Line, NetlinkError, attributes, u16_at, u32_at};

/// The first step of a way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Way {
    /// Number of the interface.
    pub index: u32,
    /// The router behind it; none where the address is on the link itself.
    pub gateway: Option<IpAddr>,
}

/// The name of the interface that has this number.
///
/// # Errors
/// `ENXIO`: there is none.
pub fn name(index: u32) -> std::io::Result<String> {
    let (family, flags) = (AddressFamily::INET, SocketFlags::CLOEXEC);
    let socket = socket_with(family, SocketType::DGRAM, flags, None)?;
    Ok(netdevice::index_to_name(socket, index)?)
}

/// The way to an address now, by all rules there are. `None`: there is none.
///
/// # Errors
/// As [`NetlinkError`].
pub fn way(to: IpAddr) -> Result<Option<Way>, NetlinkError> {
    let address = octets(to);
    let mut body = vec![0; ROUTE_MESSAGE_BYTES];
    body[0] = family(to);
    body[1] = if to.is_ipv4() { 32 } else { 128 };
    attribute(&mut body, ATTRIBUTE_DESTINATION, &address);
    let mut found = None;
    let asked = Line::open(None)?.one(KIND_GET_ROUTE, &body, |kind, body| {
        if kind == KIND_NEW_ROUTE {
            found = Route::read(body).and_then(|route| route.way(None));
        }
        Ok(())
    });
    match asked {
        Err(NetlinkError::Refused(error)) if is_no_way(&error) => Ok(None),
        asked => asked.map(|()| found),
    }
}

/// The way to an address if the interface `without` were not there, by the main table alone.
/// `None`: there is none.
///
/// # Errors
/// As [`NetlinkError`].
pub fn way_without(to: IpAddr, without: u32) -> Result<Option<Way>, NetlinkError> {
    let mut body = vec![0; ROUTE_MESSAGE_BYTES];
    body[0] = family(to);
    let best = std::cell::RefCell::new(None::<(u8, u32, Way)>);
    let take = |kind, body: &[u8]| {
        let route = Route::read(body).filter(|route| kind == KIND_NEW_ROUTE && route.covers(to));
        let found =
            route.and_then(|route| Some((route.bits, route.metric, route.way(Some(without))?)));
        let mut best = best.borrow_mut();
        if let Some((bits, metric, way)) = found
            && best
                .is_none_or(|(has, metric_has, _)| bits > has || bits == has && metric < metric_has)
        {
            *best = Some((bits, metric, way));
        }
        Ok(())
    };
    Line::open(None)?.dump(KIND_GET_ROUTE, &body, take, || {
        best.borrow_mut().take();
    })?;
    Ok(best.into_inner().map(|(_, _, way)| way))
}

/// A route as the kernel tells it.
#[derive(Debug)]
struct Route<'a> {
    bits: u8,
    metric: u32,
    usable: bool,
    destination: &'a [u8],
    hops: Vec<(u32, Option<IpAddr>)>,
}

impl<'a> Route<'a> {
    fn read(body: &'a [u8]) -> Option<Self> {
        let &[_, bits, _, _, table, _, _, kind] = body.first_chunk()?;
        let flags = u32_at(body, 8)?;
        let mut table = u32::from(table);
        let (mut metric, mut destination, mut hops) = (0, &[][..], Vec::new());
        let (mut index, mut gateway) = (None, None);
        for (attribute, value) in attributes(body.get(ROUTE_MESSAGE_BYTES..)?) {
            match attribute {
                ATTRIBUTE_DESTINATION => destination = value,
                ATTRIBUTE_TABLE => table = u32_at(value, 0)?,
                ATTRIBUTE_METRIC => metric = u32_at(value, 0)?,
                ATTRIBUTE_OUTPUT => index = u32_at(value, 0),
                ATTRIBUTE_GATEWAY => gateway = address(value),
                ATTRIBUTE_HOPS => hops = next_hops(value),
                _ => {}
            }
        }
        hops.extend(index.map(|index| (index, gateway)));
        let usable = kind == TYPE_UNICAST && table == TABLE_MAIN && flags & FLAGS_DEAD == 0;
        Some(Self { bits, metric, usable, destination, hops })
    }

    /// Whether it is a way to this address.
    fn covers(&self, to: IpAddr) -> bool {
        let to = octets(to);
        let bits = usize::from(self.bits);
        let (whole, rest) = (bits / 8, bits % 8);
        let mask = !(0xFF_u8 >> rest);
        let same = self.destination.get(..whole) == to.get(..whole);
        let last = |octets: &[u8]| octets.get(whole).map_or(0, |octet| octet & mask);
        self.usable && (bits == 0 || same && (rest == 0 || last(self.destination) == last(&to)))
    }

    fn way(&self, without: Option<u32>) -> Option<Way> {
        let mut hops = self.hops.iter().filter(|(index, _)| Some(*index) != without);
        hops.next().map(|(index, gateway)| Way { index: *index, gateway: *gateway })
    }
}

/// `struct rtnexthop` one after the other, each with attributes.
fn next_hops(mut bytes: &[u8]) -> Vec<(u32, Option<IpAddr>)> {
    let mut hops = Vec::new();
    while let Some(length) = u16_at(bytes, 0).map(usize::from) {
        let hop = bytes.get(..length).filter(|_| length >= HOP_BYTES);
        let Some((hop, index)) = hop.and_then(|hop| Some((hop, u32_at(hop, 4)?))) else { break };
        let inner = hop.get(HOP_BYTES..).unwrap_or_default();
        let gateway = attributes(inner).find(|(kind, _)| *kind == ATTRIBUTE_GATEWAY);
        hops.push((index, gateway.and_then(|(_, value)| address(value))));
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    hops
}

fn address(octets: &[u8]) -> Option<IpAddr> {
    let four = <[u8; 4]>::try_from(octets).ok().map(IpAddr::from);
    four.or_else(|| <[u8; 16]>::try_from(octets).ok().map(IpAddr::from))
}

fn is_no_way(error: &std::io::Error) -> bool {
    use rustix::io::Errno;
    let no_way = [Errno::NETUNREACH, Errno::HOSTUNREACH, Errno::ACCESS, Errno::INVAL, Errno::NODEV];
    error.raw_os_error().is_some_and(|code| no_way.contains(&Errno::from_raw_os_error(code)))
}

/// `struct rtmsg`, `struct rtnexthop`.
const ROUTE_MESSAGE_BYTES: usize = 12;
const HOP_BYTES: usize = 8;
/// `RTM_NEWROUTE`, `RTM_GETROUTE`.
const KIND_NEW_ROUTE: u16 = 24;
const KIND_GET_ROUTE: u16 = 26;
/// `RTA_DST`, `RTA_OIF`, `RTA_GATEWAY`, `RTA_PRIORITY`, `RTA_MULTIPATH`, `RTA_TABLE`.
const ATTRIBUTE_DESTINATION: u16 = 1;
const ATTRIBUTE_OUTPUT: u16 = 4;
const ATTRIBUTE_GATEWAY: u16 = 5;
const ATTRIBUTE_METRIC: u16 = 6;
const ATTRIBUTE_HOPS: u16 = 9;
const ATTRIBUTE_TABLE: u16 = 15;
/// `RT_TABLE_MAIN`, `RTN_UNICAST`.
const TABLE_MAIN: u32 = 254;
const TYPE_UNICAST: u8 = 1;
/// `RTNH_F_DEAD | RTNH_F_LINKDOWN`.
const FLAGS_DEAD: u32 = 1 | 16;

#[cfg(test)]
mod tests {
    //! Routes as the kernel writes them, and any bytes.
    use proptest::prelude::*;

    use super::*;

    fn route(bits: u8, destination: &[u8], output: u32, gateway: Option<[u8; 4]>) -> Vec<u8> {
        let mut body = vec![2, bits, 0, 0, 254, 3, 0, 1, 0, 0, 0, 0];
        attribute(&mut body, ATTRIBUTE_DESTINATION, destination);
        attribute(&mut body, ATTRIBUTE_OUTPUT, &output.to_ne_bytes());
        if let Some(gateway) = gateway {
            attribute(&mut body, ATTRIBUTE_GATEWAY, &gateway);
        }
        body
    }

    #[test]
    fn a_route_covers_its_network_and_no_other() {
        let body = route(9, &[10, 128, 0, 0], 3, Some([10, 0, 0, 1]));
        let route = Route::read(&body).unwrap();
        assert!(route.covers([10, 200, 1, 1].into()));
        assert!(!route.covers([10, 127, 1, 1].into()) && !route.covers([11, 200, 1, 1].into()));
        assert_eq!(route.way(None), Some(Way { index: 3, gateway: Some([10, 0, 0, 1].into()) }));
        assert_eq!(route.way(Some(3)), None);
        let mut other = body.clone();
        other[4] = 255;
        assert!(!Route::read(&other).unwrap().covers([10, 200, 1, 1].into()), "table local");
    }

    #[test]
    fn the_first_hop_of_several_that_is_not_left_out() {
        let mut body = vec![2, 0, 0, 0, 254, 3, 0, 1, 0, 0, 0, 0];
        let mut hops = vec![16, 0, 0, 0, 3, 0, 0, 0, 8, 0, 5, 0, 10, 0, 0, 1];
        hops.extend([8, 0, 0, 0, 4, 0, 0, 0]);
        attribute(&mut body, ATTRIBUTE_HOPS, &hops);
        let route = Route::read(&body).unwrap();
        assert_eq!(route.way(None), Some(Way { index: 3, gateway: Some([10, 0, 0, 1].into()) }));
        assert_eq!(route.way(Some(3)), Some(Way { index: 4, gateway: None }));
    }

    #[test]
    fn the_way_to_this_machine_is_its_loopback() {
        let to = [127, 0, 0, 1].into();
        let found = way(to).unwrap().unwrap();
        assert_eq!((name(found.index).unwrap(), found.gateway), ("lo".to_owned(), None));
        way_without(to, found.index).unwrap();
    }

    proptest! {
        #[test]
        fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..120), v6 in any::<bool>()) {
            let to = if v6 { [1; 16].into() } else { [1; 4].into() };
            if let Some(route) = Route::read(&bytes) {
                let _ = (route.covers(to), route.way(Some(1)));
            }
            let _ = next_hops(&bytes);
        }
    }
}
