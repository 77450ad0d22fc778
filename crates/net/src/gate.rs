//! The gate: how many connections a worker holds, in all and for each client address.
//!
//! A refusal costs the client its connection and us one accept and one close; nothing is sent.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::rc::Rc;

/// Counts connections of one worker.
#[derive(Debug)]
pub struct Gate {
    open: Cell<u32>,
    open_max: u32,
    per_address_max: u32,
    addresses: RefCell<HashMap<IpAddr, u32>>,
}

/// Why a connection was not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GateRefusal {
    /// The worker holds as many as it may.
    Full,
    /// This address holds as many as it may.
    Address,
}

/// One connection's place; dropping it gives the place back.
#[derive(Debug)]
pub struct Pass {
    gate: Rc<Gate>,
    /// `None` for proxies, whose connections are many clients'.
    address: Option<IpAddr>,
}

impl Gate {
    /// A gate for `open_max` connections, `per_address_max` of one address.
    #[must_use]
    pub fn new(open_max: u32, per_address_max: u32) -> Rc<Self> {
        Rc::new(Self {
            open: Cell::new(0),
            open_max,
            per_address_max,
            addresses: RefCell::new(HashMap::new()),
        })
    }

    /// Connections held now.
    #[must_use]
    pub fn open(&self) -> u32 {
        self.open.get()
    }

    /// Lets a connection in.
    ///
    /// # Errors
    /// Which of the two limits it hit.
    pub fn enter(self: &Rc<Self>, address: IpAddr) -> Result<Pass, GateRefusal> {
        if self.open.get() >= self.open_max {
            return Err(GateRefusal::Full);
        }
        let address = network_of(address);
        let mut addresses = self.addresses.borrow_mut();
        let count = addresses.entry(address).or_insert(0);
        if *count >= self.per_address_max {
            return Err(GateRefusal::Address);
        }
        *count += 1;
        self.open.set(self.open.get() + 1);
        Ok(Pass { gate: Rc::clone(self), address: Some(address) })
    }

    /// Lets a connection of a trusted proxy in: behind it are many clients, so only the limit of
    /// all connections counts.
    ///
    /// # Errors
    /// [`GateRefusal::Full`].
    pub fn enter_proxy(self: &Rc<Self>) -> Result<Pass, GateRefusal> {
        if self.open.get() >= self.open_max {
            return Err(GateRefusal::Full);
        }
        self.open.set(self.open.get() + 1);
        Ok(Pass { gate: Rc::clone(self), address: None })
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.gate.open.set(self.gate.open.get().saturating_sub(1));
        let Some(address) = self.address else { return };
        let mut addresses = self.gate.addresses.borrow_mut();
        if let Some(count) = addresses.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                addresses.remove(&address);
            }
        }
    }
}

/// What counts as one client: an IPv4 address, or an IPv6 /64, since one host owns a whole /64.
#[must_use]
pub fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 => v4,
    }
}

#[cfg(test)]
mod tests;
