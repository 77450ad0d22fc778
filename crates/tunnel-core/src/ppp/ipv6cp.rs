//! IPV6CP's option (RFC 5072): interface identifiers. Compression is rejected.
//!
//! It must never agree to an identifier of 0, nor to the same one at both ends.

use alloc::vec::Vec;

use super::event::{Cause, Ipv6Link};
use super::frame::Protocol;
use super::layer::{Opinion, Options};
use super::lots::Lots;
use super::packet::{Choice, push_option};
use super::settings::Interface;

/// IPV6CP's options of one session.
#[derive(Debug)]
pub(crate) struct Interfaces {
    plan: Interface,
    lots: Lots,
    /// What we ask for, while the peer takes the option.
    local: Option<[u8; 8]>,
    peer: Option<[u8; 8]>,
    /// How often the peer was told which identifier it should have.
    told: u32,
}

impl Interfaces {
    /// Before anything was said.
    pub(crate) fn new(plan: Interface, lots: Lots) -> Self {
        let mut interfaces = Self { plan, lots, local: None, peer: None, told: 0 };
        interfaces.restart();
        interfaces
    }

    /// What was agreed upon.
    pub(crate) fn link(&self) -> Ipv6Link {
        Ipv6Link {
            local: self.local.or(self.plan.local).unwrap_or_default(),
            peer: self.peer.or(self.plan.peer).unwrap_or_default(),
        }
    }

    /// One that is neither 0 nor another's, and says that it is not globally unique (RFC 5072
    /// section 4.1: the "u" bit is 0).
    fn random(&mut self) -> [u8; 8] {
        loop {
            let [first, rest @ ..] = self.lots.octets::<8>();
            let [b, c, d, e, f, g, h] = rest;
            let identifier = [first & !UNIVERSAL, b, c, d, e, f, g, h];
            let taken = self.local == Some(identifier) || self.peer == Some(identifier);
            if !taken && identifier != NONE {
                return identifier;
            }
        }
    }
}

impl Options for Interfaces {
    const PROTOCOL: Protocol = Protocol::IPV6CP;

    fn restart(&mut self) {
        self.told = 0;
        self.local = self.plan.local.filter(|local| *local != NONE);
        if self.local.is_none() {
            self.local = Some(self.random());
        }
    }

    fn request(&self, out: &mut Vec<u8>) {
        if let Some(local) = self.local {
            push_option(IDENTIFIER, &[&local], out);
        }
    }

    fn begin(&mut self) {
        self.peer = None;
    }

    fn opinion(&mut self, choice: Choice<'_>) -> Opinion {
        let (IDENTIFIER, Ok(identifier)) = (choice.kind, <[u8; 8]>::try_from(choice.value)) else {
            return Opinion::Reject;
        };
        let impossible = identifier == NONE || self.local == Some(identifier);
        let planned = self.plan.peer.filter(|peer| *peer != NONE && self.local != Some(*peer));
        match planned {
            Some(peer) if peer != identifier && (impossible || self.told < TOLD_MAX) => {
                self.told += 1;
                Opinion::Rather(peer.to_vec())
            }
            _ if impossible => Opinion::Rather(self.random().to_vec()),
            _ => {
                self.peer = Some(identifier);
                Opinion::Take
            }
        }
    }

    fn missing(&mut self, _out: &mut Vec<u8>) {}

    fn proposed(&mut self, choice: Choice<'_>) {
        let (IDENTIFIER, Ok(identifier)) = (choice.kind, <[u8; 8]>::try_from(choice.value)) else {
            return;
        };
        if self.local.is_some() {
            let usable = identifier != NONE && self.peer != Some(identifier);
            self.local = Some(if usable { identifier } else { self.random() });
        }
    }

    fn rejected(&mut self, choice: Choice<'_>) {
        if choice.kind == IDENTIFIER {
            self.local = None;
        }
    }

    fn failure(&self) -> Option<Cause> {
        None
    }
}

/// A peer that keeps to its own identifier after being told so often may have it.
const TOLD_MAX: u32 = 2;

/// The identifier that asks for one.
const NONE: [u8; 8] = [0; 8];

/// The bit of the first octet that claims to be unique in the world.
const UNIVERSAL: u8 = 0x02;

/// The option's type.
const IDENTIFIER: u8 = 1;

#[cfg(test)]
mod tests;
