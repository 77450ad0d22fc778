//! Addresses of this machine, as rtnetlink(7) lists them (`RTM_GETADDR`).
//!
//! Of the network namespace of the calling thread only. Needs no right.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::netlink::{Line, NetlinkError, attributes, u32_at};

/// An address of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnAddress {
    /// The address.
    pub address: IpAddr,
    /// Index of the device that has it.
    pub device: u32,
    /// Whether it can be used: IPv6 addresses are tried out first, and may turn out to be another
    /// machine's.
    pub usable: bool,
}

/// All of them, loopback ones too.
///
/// # Errors
/// As [`NetlinkError`].
pub fn own_addresses() -> Result<Vec<OwnAddress>, NetlinkError> {
    let found = std::cell::RefCell::new(Vec::new());
    // struct ifaddrmsg, of any family.
    Line::open(None)?.dump(
        KIND_GET,
        &[0; MESSAGE_BYTES],
        |kind, body| {
            if kind == KIND_NEW {
                found.borrow_mut().extend(parse(body));
            }
            Ok(())
        },
        || found.borrow_mut().clear(),
    )?;
    Ok(found.into_inner())
}

/// Reads a `struct ifaddrmsg` and the attributes after it. `None`: it is none, or of a family
/// other than IPv4 and IPv6.
#[must_use]
pub fn parse(body: &[u8]) -> Option<OwnAddress> {
    let family = *body.first()?;
    let mut flags = u32::from(*body.get(2)?);
    let device = u32_at(body, 4)?;
    let (mut own, mut remote) = (None, None);
    for (kind, value) in attributes(body.get(MESSAGE_BYTES..)?) {
        match kind {
            ATTRIBUTE_ADDRESS => remote = address(family, value),
            // On links between two points the plain address is the other side's.
            ATTRIBUTE_LOCAL => own = address(family, value),
            ATTRIBUTE_FLAGS => flags = u32_at(value, 0)?,
            _ => {}
        }
    }
    let usable = flags & (FLAG_TENTATIVE | FLAG_DAD_FAILED) == 0;
    own.or(remote).map(|address| OwnAddress { address, device, usable })
}

fn address(family: u8, value: &[u8]) -> Option<IpAddr> {
    match family {
        2 => Some(Ipv4Addr::from(<[u8; 4]>::try_from(value).ok()?).into()),
        10 => Some(Ipv6Addr::from(<[u8; 16]>::try_from(value).ok()?).into()),
        _ => None,
    }
}

/// `RTM_NEWADDR` and `RTM_GETADDR`.
const KIND_NEW: u16 = 20;
const KIND_GET: u16 = 22;
/// `sizeof(struct ifaddrmsg)`.
const MESSAGE_BYTES: usize = 8;
const ATTRIBUTE_ADDRESS: u16 = 1;
const ATTRIBUTE_LOCAL: u16 = 2;
const ATTRIBUTE_FLAGS: u16 = 8;
const FLAG_DAD_FAILED: u32 = 0x08;
const FLAG_TENTATIVE: u32 = 0x40;

#[cfg(test)]
mod tests {
    //! This machine, and any bytes.
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn loopback_is_ours() {
        let own = own_addresses().unwrap();
        let loopback = own.iter().find(|own| own.address == Ipv4Addr::LOCALHOST);
        assert_eq!(loopback.map(|own| (own.device, own.usable)), Some((1, true)), "{own:?}");
    }

    proptest! {
        #[test]
        fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _ = parse(&bytes);
        }
    }
}
