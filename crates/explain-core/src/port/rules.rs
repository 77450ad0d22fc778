//! Packet filters: what becomes of the first packet of a new connection (nft(8), iptables(8)).
//!
//! A rule is taken apart into what can be judged here: port, protocol, family, device, addresses,
//! the state of the connection. Whatever else it asks for makes its answer uncertain, never wrong:
//! a block behind an uncertain rule is told as likely. Rules are foreign text. Walking ends after
//! so many steps, whatever jumps there are.

use alloc::string::String;
use alloc::vec::Vec;
use core::net::IpAddr;

use serde::Serialize;

use super::Transport;

pub mod iptables;
pub mod nft;
mod walk;

pub use walk::{Block, Certainty, blocks};

/// All tables that were read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ruleset {
    /// In the order they were read.
    pub tables: Vec<Table>,
}

/// A table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Which program's it is.
    pub program: &'static str,
    /// Families of packets that come to it.
    pub families: Families,
    /// Its name.
    pub name: String,
    /// Its chains.
    pub chains: Vec<Chain>,
}

/// Families of packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Families {
    /// IPv4.
    pub v4: bool,
    /// IPv6.
    pub v6: bool,
}

/// A chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// Its name.
    pub name: String,
    /// Where packets come to it from; `None`: only from other chains.
    pub base: Option<Base>,
    /// Its rules, in order.
    pub rules: Vec<Rule>,
}

/// Where packets come to a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Base {
    /// The hook.
    pub hook: Hook,
    /// Chains of a hook are asked in this order, lower first.
    pub priority: i32,
    /// What becomes of packets that no rule decides about.
    pub drops: bool,
}

/// Places on the way of a packet to a socket of this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hook {
    /// Where it leaves a program of this machine.
    Output,
    /// Where it arrives.
    Prerouting,
    /// Where it is for this machine.
    Input,
}

/// A rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// As its program prints it.
    pub text: String,
    /// What a packet must be, all of it.
    pub matches: Vec<Match>,
    /// What becomes of it then.
    pub verdict: Verdict,
}

/// What a rule does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Goes on.
    Continue,
    /// Lets it pass this chain and those that led to it.
    Accept,
    /// Drops it: the other side hears nothing.
    Drop,
    /// Refuses it, in this way.
    Reject(String),
    /// Goes back to the chain that led here.
    Return,
    /// Asks another chain and comes back.
    Jump(String),
    /// Asks another chain and does not come back.
    Goto(String),
    /// Something that cannot be told here, such as a queue to a program.
    Unknown,
}

/// One thing a packet must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Match {
    /// Its port is in one of the ranges, both ends included, or in none.
    Ports(Sign, Vec<(u16, u16)>),
    /// It is of one of these protocols, by number.
    Protocols(Sign, Vec<u8>),
    /// It is of IPv4, else of IPv6.
    Family(IpFamily),
    /// It arrives at one of these devices; a final `*` stands for anything.
    Arrives(Sign, Vec<String>),
    /// It leaves by one of these devices.
    Leaves(Sign, Vec<String>),
    /// It comes from one of these networks.
    From(Sign, Vec<Network>),
    /// It is for one of these networks.
    To(Sign, Vec<Network>),
    /// Whether it holds for the first packet of a connection.
    New(bool),
    /// It cannot be judged.
    Unknown,
}

/// A family of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IpFamily {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// Whether a list is one of what must be, or must not be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// It must be in the list.
    Is,
    /// It must not.
    IsNot,
}

/// Addresses from the first to the last, both included, of one family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    /// The first.
    pub first: IpAddr,
    /// The last.
    pub last: IpAddr,
}

/// The first packet of a connection, or a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet {
    /// Its protocol.
    pub transport: Transport,
    /// Where it goes.
    pub to: IpAddr,
    /// And to which port.
    pub port: u16,
    /// Where it comes from.
    pub sender: Sender,
}

/// Where a packet comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sender {
    /// This machine: it goes over the loopback device, from the address it is sent to.
    ThisMachine,
    /// Another one: it arrives at some other device, from some address.
    Another,
}

impl Network {
    /// A single address.
    #[must_use]
    pub const fn single(address: IpAddr) -> Self {
        Self { first: address, last: address }
    }

    /// Those with the same first `bits` as `address`.
    #[must_use]
    pub fn prefix(address: IpAddr, bits: u8) -> Option<Self> {
        Some(match address {
            IpAddr::V4(address) if bits <= 32 => {
                let mask = u32::MAX.checked_shr(bits.into()).unwrap_or(0);
                let number = address.to_bits();
                Self {
                    first: IpAddr::V4((number & !mask).into()),
                    last: IpAddr::V4((number | mask).into()),
                }
            }
            IpAddr::V6(address) if bits <= 128 => {
                let mask = u128::MAX.checked_shr(bits.into()).unwrap_or(0);
                let number = address.to_bits();
                Self {
                    first: IpAddr::V6((number & !mask).into()),
                    last: IpAddr::V6((number | mask).into()),
                }
            }
            _ => return None,
        })
    }

    /// `10.0.0.0/8`, `10.0.0.0/255.0.0.0`, `::1`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let Some((address, length)) = text.split_once('/') else {
            return text.parse().ok().map(Self::single);
        };
        let address: IpAddr = address.parse().ok()?;
        if let Ok(bits) = length.parse() {
            return Self::prefix(address, bits);
        }
        let mask: core::net::Ipv4Addr = length.parse().ok()?;
        let bits = mask.to_bits().leading_ones();
        (mask.to_bits().count_ones() == bits)
            .then(|| Self::prefix(address, u8::try_from(bits).ok()?))
            .flatten()
    }

    /// Whether it is one of them.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let same = address.is_ipv4() == self.first.is_ipv4();
        same && self.first <= address && address <= self.last
    }
}

impl Ruleset {
    /// Rules in all.
    #[must_use]
    pub fn len(&self) -> usize {
        let chains = self.tables.iter().flat_map(|table| &table.chains);
        chains.map(|chain| chain.rules.len()).sum()
    }

    /// Whether there is no rule.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests;
