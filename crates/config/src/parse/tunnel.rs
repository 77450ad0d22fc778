//! Values of `[tunnel]`: the network of addresses, name servers, networks, addresses to listen on.
//! IPv4 throughout: PPTP has no other, and IPCP hands out no other. Pure functions.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::address;
use super::text::Refusal;
use crate::model::Network;
use crate::problem::quoted;

#[cfg(test)]
mod tests;

/// The network that clients get their addresses from.
pub(crate) fn addresses(text: &str) -> Result<Network, Refusal> {
    let (network, better) = address::network(text)?;
    let refuse = |hint: String| {
        Err(Refusal::new(format!("{} is no network for tunnels", quoted(text)), hint))
    };
    if network.address.is_ipv6() {
        return refuse("clients get IPv4 addresses: such as \"10.77.0.0/24\"".into());
    }
    if let Some(better) = better {
        return refuse(format!("bits are set after its prefix: write {}", quoted(&better)));
    }
    match network.prefix {
        31.. => {
            refuse("it is too small: of a \"/30\" one address is ours and one a client's".into())
        }
        ..16 => refuse("it is too large: at most a \"/16\", which has 65533 clients".into()),
        _ => Ok(network),
    }
}

/// Adds a name server.
pub(crate) fn dns(into: &mut Vec<Ipv4Addr>, text: &str) -> Result<(), Refusal> {
    let refuse =
        |hint: &str| Err(Refusal::new(format!("{} is no name server", quoted(text)), hint));
    match text.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) if address.is_unspecified() || address.is_broadcast() => refuse(""),
        Ok(IpAddr::V4(_)) if into.len() >= DNS_MAX => {
            Err(Refusal::new("a client can be told two name servers", "remove the others"))
        }
        Ok(IpAddr::V4(address)) => {
            into.push(address);
            Ok(())
        }
        Ok(IpAddr::V6(_)) => refuse("clients are told IPv4 addresses (RFC 1877)"),
        Err(_) => refuse("write its address, such as \"10.77.0.1\""),
    }
}

/// Adds a network that clients reach through the tunnel.
pub(crate) fn route(into: &mut Vec<Network>, text: &str) -> Result<(), Refusal> {
    let (network, better) = address::network(text)?;
    if network.address.is_ipv6() {
        let hint = "clients are told IPv4 routes (RFC 3442)";
        return Err(Refusal::new(format!("{} is an IPv6 network", quoted(text)), hint));
    }
    if let Some(better) = better {
        let message = format!("{} has bits set after its prefix", quoted(text));
        return Err(Refusal::new(message, format!("write {}", quoted(&better))));
    }
    into.push(network);
    Ok(())
}

/// Adds an address for control connections of PPTP; `:PORT` is every IPv4 address.
pub(crate) fn listen(into: &mut Vec<SocketAddr>, text: &str) -> Result<(), Refusal> {
    let mut read = address::listen(text)?;
    let both = read.len() > 1;
    read.retain(SocketAddr::is_ipv4);
    if read.is_empty() && !both {
        let hint = "GRE of PPTP runs over IPv4: such as \"0.0.0.0:1723\"";
        return Err(Refusal::new(format!("{} is an IPv6 address", quoted(text)), hint));
    }
    for address in read {
        // Port 0 is another port each time.
        if address.port() != 0 && into.contains(&address) {
            let message = format!("{} is written twice", quoted(&address.to_string()));
            return Err(Refusal::new(message, ""));
        }
        into.push(address);
    }
    Ok(())
}

/// RFC 1877 has a primary and a secondary one.
const DNS_MAX: usize = 2;
