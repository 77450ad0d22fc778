//! Which addresses are probed: what `localhost` means, those of this machine's devices, those a
//! socket is bound to, and those the user names.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use menshen_explain_core::port::reach::is_link_local;
use menshen_explain_core::port::{Facts, Origin, Target};
use menshen_sys::addresses::{OwnAddress, own_addresses};

/// Chooses them; each address is one target.
pub(super) fn choose(facts: &Facts) -> Vec<Target> {
    let own: Vec<OwnAddress> =
        own_addresses().unwrap_or_default().into_iter().filter(|own| own.usable).collect();
    let mut targets: Vec<Target> = Vec::new();
    let mut add = |address: IpAddr, origin: Origin, device: u32| {
        let of = own.iter().find(|own| own.address == address);
        let ours = of.is_some() || is_loopback_v4(address);
        if targets.iter().any(|target| target.address == address) {
            return;
        }
        // A socket may be bound to an address that is not ours (ip(7), IP_FREEBIND): nobody asked
        // for a connection to another machine.
        if origin == Origin::Bound && !ours {
            return;
        }
        let mut target = Target::new(address, origin);
        target.ours = ours;
        target.device = if device == 0 { of.map_or(0, |own| own.device) } else { device };
        targets.push(target);
    };
    for address in &facts.asked {
        add(*address, Origin::Asked, 0);
    }
    add(Ipv4Addr::LOCALHOST.into(), Origin::Loopback, 0);
    if own.iter().any(|own| own.address == Ipv6Addr::LOCALHOST) {
        add(Ipv6Addr::LOCALHOST.into(), Origin::Loopback, 0);
    }
    for listener in facts.listeners.iter().filter(|listener| !listener.is_wildcard()) {
        add(listener.address, Origin::Bound, listener.device);
    }
    let plain = own.iter().filter(|own| !own.address.is_loopback() && !is_link_local(own.address));
    for own in plain.take(OWN_MAX) {
        add(own.address, Origin::Own, own.device);
    }
    targets.truncate(TARGETS_MAX);
    targets
}

const fn is_loopback_v4(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_loopback(),
        IpAddr::V6(_) => false,
    }
}

const OWN_MAX: usize = 8;
const TARGETS_MAX: usize = 32;
