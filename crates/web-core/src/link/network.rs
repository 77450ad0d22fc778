//! A network that a link is good from.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::str::FromStr;

/// An address with a prefix length; bits behind the prefix are zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    /// `None` when the prefix is longer than the address, when bits behind it are set, or for an
    /// IPv4 address written as IPv6.
    #[must_use]
    pub fn new(address: IpAddr, prefix: u8) -> Option<Self> {
        let network = Self { address, prefix };
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let canonical = address.to_canonical() == address;
        (canonical && prefix <= bits && network.masked(address) == Some(address)).then_some(network)
    }

    /// Its first address.
    #[must_use]
    pub const fn address(&self) -> IpAddr {
        self.address
    }

    /// Its prefix length, bits.
    #[must_use]
    pub const fn prefix(&self) -> u8 {
        self.prefix
    }

    /// Whether `address` lies in it; an IPv4 address written as IPv6 is an IPv4 address.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.masked(address.to_canonical()) == Some(self.address)
    }

    /// `address` with the bits behind the prefix cleared; `None` for the other family.
    fn masked(&self, address: IpAddr) -> Option<IpAddr> {
        let prefix = u32::from(self.prefix);
        match (self.address, address) {
            (IpAddr::V4(_), IpAddr::V4(one)) => {
                let mask = u32::MAX.checked_shl(32_u32.checked_sub(prefix)?).unwrap_or(0);
                Some(Ipv4Addr::from_bits(one.to_bits() & mask).into())
            }
            (IpAddr::V6(_), IpAddr::V6(one)) => {
                let mask = u128::MAX.checked_shl(128_u32.checked_sub(prefix)?).unwrap_or(0);
                Some(Ipv6Addr::from_bits(one.to_bits() & mask).into())
            }
            _ => None,
        }
    }
}

impl FromStr for Network {
    type Err = &'static str;

    /// `192.0.2.0/24`, or an address alone.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (address, prefix) = text.split_once('/').unwrap_or((text, ""));
        let address: IpAddr =
            address.parse().map_err(|_| "an address is like 192.0.2.7 or 2001:db8::/32")?;
        let whole = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            "" if !text.contains('/') => whole,
            digits => digits.parse().map_err(|_| "the prefix length is no number")?,
        };
        Self::new(address, prefix).ok_or("the prefix is too long, or bits are set behind it")
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}
