//! Call ids of a server, one set for each client address.
//!
//! Packets of GRE come without a port, so two calls of one address need two numbers, whatever
//! control connections they belong to; calls of two addresses may have the same. 0 is given first:
//! a NAT without a PPTP helper passes what bears key 0 (it sees no keys but 0 on answers).

use alloc::collections::BTreeSet;

use core::net::IpAddr;

use super::CallId;

/// The numbers that are given out.
#[derive(Debug, Clone, Default)]
pub struct CallIds {
    taken: BTreeSet<(IpAddr, CallId)>,
}

impl CallIds {
    /// None given out.
    #[must_use]
    pub const fn new() -> Self {
        Self { taken: BTreeSet::new() }
    }

    /// A number for a call of this address: 0 when it is free, else one near `random`. `None` when
    /// the address has [`PER_ADDRESS_MAX`] calls or all have [`ALL_MAX`].
    pub fn take(&mut self, address: IpAddr, random: u16) -> Option<CallId> {
        let of_address = (address, CallId(0))..=(address, CallId(u16::MAX));
        let count = self.taken.range(of_address).take(PER_ADDRESS_MAX).count();
        if count >= PER_ADDRESS_MAX || self.taken.len() >= ALL_MAX {
            return None;
        }
        // Fewer are taken than are tried, so one is free.
        let tries = (0..=PER_ADDRESS_MAX).map(|step| {
            let step = u16::try_from(step).unwrap_or(u16::MAX);
            random.wrapping_add(step)
        });
        let free = [0].into_iter().chain(tries).map(CallId);
        let mut free = free.filter(|call| !self.taken.contains(&(address, *call)));
        let call = free.next()?;
        self.taken.insert((address, call));
        Some(call)
    }

    /// Takes a number back; whether it was given out.
    pub fn give_back(&mut self, address: IpAddr, call: CallId) -> bool {
        self.taken.remove(&(address, call))
    }

    /// How many are given out.
    #[must_use]
    pub fn len(&self) -> usize {
        self.taken.len()
    }

    /// Whether none is given out.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.taken.is_empty()
    }
}

/// Calls of one address: an office behind one NAT.
pub const PER_ADDRESS_MAX: usize = 1024;
/// Calls of all addresses.
pub const ALL_MAX: usize = 65_536;

#[cfg(test)]
mod tests;
