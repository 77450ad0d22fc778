//! Addresses to listen on and networks. Never looks a name up: text in, numbers out.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::text::Refusal;
use crate::model::Network;
use crate::problem::quoted;

#[cfg(test)]
mod tests;

/// The addresses an entry stands for: one, or both families for `:PORT`.
pub(super) fn listen(text: &str) -> Result<Vec<SocketAddr>, Refusal> {
    if let Some(port) = text.strip_prefix(':').and_then(port) {
        let both: [IpAddr; 2] = [Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()];
        return Ok(both.map(|ip| SocketAddr::new(ip, port)).to_vec());
    }
    let refuse =
        |hint: String| Err(Refusal::new(format!("{} is not an address", quoted(text)), hint));
    match text.parse::<SocketAddr>() {
        Ok(SocketAddr::V6(v6)) => match v6.ip().to_ipv4_mapped() {
            Some(v4) => refuse(format!("write \"{v4}:{}\"", v6.port())),
            None => Ok(vec![v6.into()]),
        },
        Ok(v4) => Ok(vec![v4]),
        Err(_) => refuse(listen_hint(text)),
    }
}

/// A network such as `10.0.0.0/8`, or one address; and how it should be written, where bits after
/// the prefix were set.
pub(crate) fn network(text: &str) -> Result<(Network, Option<String>), Refusal> {
    let refuse =
        |hint: String| Err(Refusal::new(format!("{} is not a network", quoted(text)), hint));
    let (address, prefix) = text.split_once('/').map_or((text, None), |(a, p)| (a, Some(p)));
    let Ok(address) = address.parse::<IpAddr>() else {
        return refuse("write such as \"10.0.0.0/8\", \"192.0.2.7\" or \"2001:db8::/32\"".into());
    };
    if let IpAddr::V6(v6) = address
        && let Some(v4) = v6.to_ipv4_mapped()
    {
        return refuse(format!("write it as IPv4, beginning with \"{v4}\""));
    }
    let bits: u8 = if address.is_ipv4() { 32 } else { 128 };
    let prefix = match prefix {
        None => bits,
        Some(digits) => match decimal(digits).and_then(|prefix| u8::try_from(prefix).ok()) {
            Some(prefix) if prefix <= bits => prefix,
            _ => return refuse(format!("the prefix length is a number from 0 to {bits}")),
        },
    };
    let base = masked(address, prefix);
    let better = (base != address).then(|| format!("{base}/{prefix}"));
    Ok((Network { address: base, prefix }, better))
}

fn masked(address: IpAddr, prefix: u8) -> IpAddr {
    let prefix = u32::from(prefix);
    match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32 - prefix).unwrap_or(0);
            Ipv4Addr::from_bits(v4.to_bits() & mask).into()
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128 - prefix).unwrap_or(0);
            Ipv6Addr::from_bits(v6.to_bits() & mask).into()
        }
    }
}

fn listen_hint(text: &str) -> String {
    if let Some(port) = port(text).or_else(|| text.strip_prefix("*:").and_then(port)) {
        return format!("write \":{port}\" for every address of both families");
    }
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    match bare.parse::<IpAddr>() {
        Ok(IpAddr::V4(v4)) => return format!("the port is missing: \"{v4}:8443\""),
        Ok(IpAddr::V6(v6)) if text.starts_with('[') => {
            return format!("the port is missing: \"[{v6}]:8443\"");
        }
        Ok(IpAddr::V6(_)) => {
            return "an IPv6 address is written in brackets before its port: \"[::1]:8443\"".into();
        }
        Err(_) => {}
    }
    match text.rsplit_once(':') {
        Some((_, "")) | None => {}
        Some((_, digits)) if decimal(digits).is_some_and(|port| port > u64::from(u16::MAX)) => {
            return "ports go up to 65535".into();
        }
        Some((name, digits)) if port(digits).is_some() => {
            let letter = |c: char| c.is_ascii_alphabetic();
            if name.eq_ignore_ascii_case("localhost") {
                return format!("write \"127.0.0.1:{digits}\" and \"[::1]:{digits}\"");
            }
            if name.contains(letter) && !name.contains(':') {
                return "host names are not looked up: write the address in numbers".into();
            }
        }
        Some(_) => {}
    }
    "write such as \":8443\", \"192.0.2.7:443\" or \"[2001:db8::7]:443\"".into()
}

fn port(digits: &str) -> Option<u16> {
    decimal(digits).and_then(|port| u16::try_from(port).ok())
}

/// Plain decimal digits; the standard parser would also take a sign.
fn decimal(digits: &str) -> Option<u64> {
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| digits.parse().ok()).flatten()
}
