//! IPCP's options (RFC 1332), with name servers (RFC 1877).
//!
//! Compression of headers is rejected: nobody gains by it here. It must never agree to an address
//! of the peer other than the one that was given to it.

use alloc::vec::Vec;
use core::net::Ipv4Addr;

use super::event::{Cause, Ipv4Link};
use super::frame::Protocol;
use super::layer::{Opinion, Options};
use super::packet::{Choice, push_option};
use super::settings::{AddressPlan, NameServers};

/// IPCP's options of one session.
#[derive(Debug)]
pub(crate) struct Addresses {
    plan: AddressPlan,
    servers: NameServers,
    /// What we ask for our end, while the peer takes the option.
    local: Option<Ipv4Addr>,
    /// What we ask for as name servers.
    dns: [Option<Ipv4Addr>; 2],
    peer: Option<Ipv4Addr>,
    failed: bool,
}

impl Addresses {
    /// Before anything was said.
    pub(crate) fn new(plan: AddressPlan, servers: NameServers) -> Self {
        let mut addresses =
            Self { plan, servers, local: None, dns: [None; 2], peer: None, failed: false };
        addresses.restart();
        addresses
    }

    /// What was agreed upon.
    pub(crate) fn link(&self) -> Ipv4Link {
        let (local, peer) = match self.plan {
            AddressPlan::Ask { wish } => (wish, Ipv4Addr::UNSPECIFIED),
            AddressPlan::Give { local, peer } => (local, peer),
        };
        Ipv4Link {
            local: self.local.unwrap_or(local),
            peer: self.peer.unwrap_or(peer),
            dns: self.dns.map(|dns| dns.filter(|address| !address.is_unspecified())),
        }
    }

    fn opinion_of_address(&mut self, address: Ipv4Addr) -> Opinion {
        match self.plan {
            AddressPlan::Give { peer, .. } if address != peer => {
                return Opinion::Rather(peer.octets().to_vec());
            }
            // A peer that has no address and wants one of us, who have none to give.
            AddressPlan::Ask { .. } if address.is_unspecified() => return Opinion::Reject,
            AddressPlan::Give { .. } | AddressPlan::Ask { .. } => {}
        }
        self.peer = Some(address);
        Opinion::Take
    }

    fn opinion_of_server(&self, server: Option<Ipv4Addr>, asked: Ipv4Addr) -> Opinion {
        match (self.plan, server) {
            (AddressPlan::Give { .. }, Some(server)) if server == asked => Opinion::Take,
            (AddressPlan::Give { .. }, Some(server)) => Opinion::Rather(server.octets().to_vec()),
            (AddressPlan::Give { .. }, None) | (AddressPlan::Ask { .. }, _) => Opinion::Reject,
        }
    }

    /// A place among the name servers that we give away, by the type of its option.
    fn server(&self, kind: u8) -> Option<Option<Ipv4Addr>> {
        let [first, second] = self.servers.dns;
        let [third, fourth] = self.servers.wins;
        match kind {
            DNS_1 => Some(first),
            DNS_2 => Some(second),
            WINS_1 => Some(third),
            WINS_2 => Some(fourth),
            _ => None,
        }
    }
}

impl Options for Addresses {
    const PROTOCOL: Protocol = Protocol::IPCP;

    fn restart(&mut self) {
        (self.local, self.dns) = match self.plan {
            AddressPlan::Ask { wish } => (Some(wish), [Some(Ipv4Addr::UNSPECIFIED); 2]),
            AddressPlan::Give { local, .. } => (Some(local), [None; 2]),
        };
    }

    fn request(&self, out: &mut Vec<u8>) {
        let [first, second] = self.dns;
        for (kind, address) in [(ADDRESS, self.local), (DNS_1, first), (DNS_2, second)] {
            if let Some(address) = address {
                push_option(kind, &[&address.octets()], out);
            }
        }
    }

    fn begin(&mut self) {
        self.peer = None;
    }

    fn opinion(&mut self, choice: Choice<'_>) -> Opinion {
        let Ok(octets) = <[u8; 4]>::try_from(choice.value) else { return Opinion::Reject };
        let address = Ipv4Addr::from(octets);
        match (choice.kind, self.server(choice.kind)) {
            (ADDRESS, _) => self.opinion_of_address(address),
            (_, Some(server)) => self.opinion_of_server(server, address),
            _ => Opinion::Reject,
        }
    }

    fn missing(&mut self, out: &mut Vec<u8>) {
        let silent = out.is_empty() && self.peer.is_none();
        if let (AddressPlan::Give { peer, .. }, true) = (self.plan, silent) {
            push_option(ADDRESS, &[&peer.octets()], out);
        }
    }

    fn proposed(&mut self, choice: Choice<'_>) {
        let (AddressPlan::Ask { .. }, Ok(octets)) = (self.plan, <[u8; 4]>::try_from(choice.value))
        else {
            return;
        };
        let address = Some(Ipv4Addr::from(octets));
        let [first, second] = &mut self.dns;
        let place = match choice.kind {
            ADDRESS => &mut self.local,
            DNS_1 => first,
            DNS_2 => second,
            _ => return,
        };
        // What was rejected stays away.
        if place.is_some() {
            *place = address;
        }
    }

    fn rejected(&mut self, choice: Choice<'_>) {
        let [first, second] = &mut self.dns;
        match (choice.kind, self.plan) {
            (ADDRESS, AddressPlan::Ask { wish }) => {
                self.local = None;
                self.failed |= wish.is_unspecified();
            }
            (ADDRESS, AddressPlan::Give { .. }) => self.local = None,
            (DNS_1, _) => *first = None,
            (DNS_2, _) => *second = None,
            _ => {}
        }
    }

    fn failure(&self) -> Option<Cause> {
        self.failed.then_some(Cause::NoAddress)
    }
}

// Types of options.
const ADDRESS: u8 = 3;
const DNS_1: u8 = 129;
const WINS_1: u8 = 130;
const DNS_2: u8 = 131;
const WINS_2: u8 = 132;

#[cfg(test)]
mod tests;
