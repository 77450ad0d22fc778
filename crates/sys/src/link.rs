//! Interfaces as rtnetlink(7) changes them: up, MTU, addresses, routes.
//!
//! Of the network namespace of the calling thread only. Needs `CAP_NET_ADMIN`; without it
//! everything fails with [`NetlinkError::Refused`] (`EPERM`).

use std::io::ErrorKind;
use std::net::IpAddr;

use rustix::net::{AddressFamily, SocketFlags, SocketType, netdevice, socket_with};

use crate::netlink::{Line, NetlinkError};

/// An address of an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Address {
    /// The address.
    pub address: IpAddr,
    /// Leading bits that are the network's.
    pub prefix: u8,
    /// The other end of a link between two points; it gets a route.
    pub peer: Option<IpAddr>,
}

/// The number of the interface that has this name.
///
/// # Errors
/// `ENODEV`: there is none.
pub fn index(name: &str) -> std::io::Result<u32> {
    let (family, flags) = (AddressFamily::INET, SocketFlags::CLOEXEC);
    let socket = socket_with(family, SocketType::DGRAM, flags, None)?;
    Ok(netdevice::name_to_index(socket, name)?)
}

/// Sets the longest packet of an interface, in octets.
///
/// # Errors
/// As [`NetlinkError`]; `EINVAL` for a value that its kind cannot have.
pub fn set_mtu(index: u32, mtu: u16) -> Result<(), NetlinkError> {
    let mut body = link_message(index, 0);
    attribute(&mut body, ATTRIBUTE_MTU, &u32::from(mtu).to_ne_bytes());
    Line::open(None)?.tell(KIND_NEW_LINK, 0, &body)
}

/// Sets it up.
///
/// # Errors
/// As [`NetlinkError`].
pub fn set_up(index: u32) -> Result<(), NetlinkError> {
    Line::open(None)?.tell(KIND_NEW_LINK, 0, &link_message(index, IFF_UP))
}

/// Lets it have no IPv6 address that nobody gave it; to be said before it is up.
///
/// # Errors
/// As [`NetlinkError`]; `EAFNOSUPPORT` where there is no IPv6.
pub fn quiet(index: u32) -> Result<(), NetlinkError> {
    let (mut mode, mut family, mut body) = (Vec::new(), Vec::new(), link_message(index, 0));
    attribute(&mut mode, ATTRIBUTE_ADDRESS_MODE, &[ADDRESS_MODE_NONE]);
    attribute(&mut family, FAMILY_V6.into(), &mode);
    attribute(&mut body, ATTRIBUTE_OF_FAMILIES, &family);
    Line::open(None)?.tell(KIND_NEW_LINK, 0, &body)
}

/// Gives it an address; one that it has is given again.
///
/// # Errors
/// As [`NetlinkError`].
pub fn add_address(index: u32, address: Address) -> Result<(), NetlinkError> {
    let body = address_message(index, address);
    Line::open(None)?.tell(KIND_NEW_ADDRESS, FLAG_CREATE | FLAG_REPLACE, &body)
}

/// Takes an address from it.
///
/// # Errors
/// As [`NetlinkError`]; `EADDRNOTAVAIL`: it has no such address.
pub fn remove_address(index: u32, address: Address) -> Result<(), NetlinkError> {
    Line::open(None)?.tell(KIND_DELETE_ADDRESS, 0, &address_message(index, address))
}

/// Sends what is for this network through it, before an equal route of another interface, which
/// stays. One that it has is given again. The route goes when the interface does.
///
/// # Errors
/// As [`NetlinkError`]; `ENETDOWN` while it is down.
pub fn add_route(index: u32, network: IpAddr, prefix: u8) -> Result<(), NetlinkError> {
    let body = route_message(index, network, prefix, None);
    match Line::open(None)?.tell(KIND_NEW_ROUTE, FLAG_CREATE, &body) {
        Err(NetlinkError::Refused(error)) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        told => told,
    }
}

/// Sends what is for this address alone through it, to a router if there is one; an equal route is
/// replaced.
///
/// # Errors
/// As [`NetlinkError`].
pub fn add_host_route(index: u32, to: IpAddr, gateway: Option<IpAddr>) -> Result<(), NetlinkError> {
    let body = route_message(index, to, width(to), gateway);
    Line::open(None)?.tell(KIND_NEW_ROUTE, FLAG_CREATE | FLAG_REPLACE, &body)
}

/// Takes back [`add_host_route`].
///
/// # Errors
/// As [`NetlinkError`]; `ESRCH`: there is none.
pub fn remove_host_route(
    index: u32,
    to: IpAddr,
    gateway: Option<IpAddr>,
) -> Result<(), NetlinkError> {
    let body = route_message(index, to, width(to), gateway);
    Line::open(None)?.tell(KIND_DELETE_ROUTE, 0, &body)
}

/// `struct rtmsg` with destination and output.
fn route_message(index: u32, network: IpAddr, prefix: u8, gateway: Option<IpAddr>) -> Vec<u8> {
    let scope = if gateway.is_some() { SCOPE_UNIVERSE } else { SCOPE_LINK };
    let mut body = vec![family(network), prefix, 0, 0];
    body.extend([TABLE_MAIN, PROTOCOL_STATIC, scope, TYPE_UNICAST]);
    body.extend([0; 4]);
    attribute(&mut body, ATTRIBUTE_DESTINATION, &octets(network));
    attribute(&mut body, ATTRIBUTE_OUTPUT, &index.to_ne_bytes());
    if let Some(gateway) = gateway {
        attribute(&mut body, ATTRIBUTE_GATEWAY, &octets(gateway));
    }
    body
}

const fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// `struct ifinfomsg`; the flags of `up` are set, no others changed.
fn link_message(index: u32, up: u32) -> Vec<u8> {
    let mut body = vec![0; 4];
    body.extend(index.to_ne_bytes());
    body.extend(up.to_ne_bytes());
    body.extend(up.to_ne_bytes());
    body
}

/// `struct ifaddrmsg` and the addresses.
fn address_message(index: u32, address: Address) -> Vec<u8> {
    let Address { address, prefix, peer } = address;
    let mut body = vec![family(address), prefix, 0, 0];
    body.extend(index.to_ne_bytes());
    attribute(&mut body, ATTRIBUTE_LOCAL, &octets(address));
    attribute(&mut body, ATTRIBUTE_ADDRESS, &octets(peer.unwrap_or(address)));
    body
}

/// `struct rtattr`, filled up to four octets.
pub(crate) fn attribute(body: &mut Vec<u8>, kind: u16, value: &[u8]) {
    let length = u16::try_from(ATTRIBUTE_HEADER_BYTES + value.len()).unwrap_or(u16::MAX);
    body.extend(length.to_ne_bytes());
    body.extend(kind.to_ne_bytes());
    body.extend(value);
    body.resize(body.len().next_multiple_of(4), 0);
}

pub(crate) const fn family(address: IpAddr) -> u8 {
    if address.is_ipv4() { FAMILY_V4 } else { FAMILY_V6 }
}

pub(crate) fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

const ATTRIBUTE_HEADER_BYTES: usize = 4;
/// `AF_INET`, `AF_INET6`.
const FAMILY_V4: u8 = 2;
const FAMILY_V6: u8 = 10;
/// `RTM_NEWLINK`, `RTM_NEWADDR`, `RTM_DELADDR`, `RTM_NEWROUTE`, `RTM_DELROUTE`.
const KIND_NEW_LINK: u16 = 16;
const KIND_NEW_ADDRESS: u16 = 20;
const KIND_DELETE_ADDRESS: u16 = 21;
const KIND_NEW_ROUTE: u16 = 24;
const KIND_DELETE_ROUTE: u16 = 25;
/// `NLM_F_CREATE`, `NLM_F_REPLACE`.
const FLAG_CREATE: u16 = 0x400;
const FLAG_REPLACE: u16 = 0x100;
const IFF_UP: u32 = 1;
/// `IFLA_MTU`, `IFLA_AF_SPEC`, `IFLA_INET6_ADDR_GEN_MODE`, `IN6_ADDR_GEN_MODE_NONE`.
const ATTRIBUTE_MTU: u16 = 4;
const ATTRIBUTE_OF_FAMILIES: u16 = 26;
const ATTRIBUTE_ADDRESS_MODE: u16 = 8;
const ADDRESS_MODE_NONE: u8 = 1;
/// `IFA_ADDRESS`, `IFA_LOCAL`.
const ATTRIBUTE_ADDRESS: u16 = 1;
const ATTRIBUTE_LOCAL: u16 = 2;
/// `RTA_DST`, `RTA_OIF`, `RTA_GATEWAY`.
const ATTRIBUTE_DESTINATION: u16 = 1;
const ATTRIBUTE_OUTPUT: u16 = 4;
const ATTRIBUTE_GATEWAY: u16 = 5;
/// `RT_TABLE_MAIN`, `RTPROT_STATIC`, `RT_SCOPE_UNIVERSE`, `RT_SCOPE_LINK`, `RTN_UNICAST`.
const TABLE_MAIN: u8 = 254;
const PROTOCOL_STATIC: u8 = 4;
const SCOPE_UNIVERSE: u8 = 0;
const SCOPE_LINK: u8 = 253;
const TYPE_UNICAST: u8 = 1;
