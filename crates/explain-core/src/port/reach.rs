//! Which sockets get a connection to an address, as the kernel looks them up
//! (`net/ipv4/inet_hashtables.c`, `net/ipv6/inet6_hashtables.c`): an exact address beats any, and
//! for IPv4 an IPv4 socket beats an IPv6 one that takes both.

use alloc::vec::Vec;
use core::net::{IpAddr, Ipv6Addr};

use super::{Facts, Listener, Target};

/// The listeners among which the kernel chooses for this target.
#[must_use]
pub fn listeners<'a>(facts: &'a Facts, target: &Target) -> Vec<&'a Listener> {
    let rank = facts.listeners.iter().filter_map(|one| Some((rank(one, target)?, one)));
    let ranked: Vec<_> = rank.collect();
    let best = ranked.iter().map(|(rank, _)| *rank).max();
    ranked.into_iter().filter(|(rank, _)| Some(*rank) == best).map(|(_, one)| one).collect()
}

/// How well a listener fits a target; `None`: it does not.
fn rank(listener: &Listener, target: &Target) -> Option<u8> {
    // What arrives over loopback has the loopback device, number 1, as its own.
    let over = if target.ours { LOOPBACK_DEVICE } else { target.device };
    let device = match listener.device {
        0 => 0,
        // The kernel hands what a machine sends to itself to the loopback device, except between
        // link-local addresses, whose device is part of them.
        device if device == over || (is_link_local(target.address) && device == target.device) => 1,
        _ => return None,
    };
    let address = match (listener.address, target.address) {
        (own, asked) if own == asked => 4,
        (IpAddr::V4(own), IpAddr::V4(_)) if own.is_unspecified() => 3,
        (IpAddr::V6(own), IpAddr::V6(_)) if own.is_unspecified() => 3,
        (IpAddr::V6(own), IpAddr::V4(asked)) => match () {
            () if own == asked.to_ipv6_mapped() => 4,
            () if own == Ipv6Addr::UNSPECIFIED && listener.only_v6 != Some(true) => 2,
            () => return None,
        },
        _ => return None,
    };
    Some(address * 2 + device)
}

/// Whether the address is one of fe80::/10.
#[must_use]
pub const fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V6(address) => address.is_unicast_link_local(),
        IpAddr::V4(_) => false,
    }
}

const LOOPBACK_DEVICE: u32 = 1;

#[cfg(test)]
mod tests;
