//! LCP's options (RFC 1661 section 6; ACCM of RFC 1662): what we ask for, what we take.
//!
//! ACCM means nothing over GRE and SSTP, yet pppd sends it and sends less octets to its pty when it
//! is told 0: taken and asked for. Callback, multilink, endpoint discriminators, quality reports
//! and all that is not known are rejected. It must never agree to be authenticated by a method that
//! the settings do not name.

use alloc::vec::Vec;

use super::event::{Agreed, Cause};
use super::frame::{Address, Framing, Number, Protocol};
use super::layer::{Opinion, Options};
use super::lots::Lots;
use super::packet::{Choice, push_option};
use super::settings::{MRU_DEFAULT, MRU_MIN, Role, Settings};
use crate::auth::Method;

/// LCP's options of one session.
#[derive(Debug)]
pub(crate) struct Link {
    role: Role,
    methods: Vec<Method>,
    mru_wish: u16,
    lots: Lots,
    ours: Ours,
    theirs: Theirs,
    /// Requests in a row that carried our own magic number.
    loops: u32,
    /// What the peer said about authentication last: a value of option 3.
    their_method: Vec<u8>,
    failed: bool,
}

/// What we ask for.
#[derive(Debug, Default)]
struct Ours {
    mru: Option<u16>,
    accm: Option<[u8; 4]>,
    /// A server's methods that were not refused yet.
    methods: Vec<Method>,
    magic: Option<u32>,
    short_number: Flag,
    no_address: Flag,
}

/// What the peer asked for and we took.
#[derive(Debug, Default)]
struct Theirs {
    mru: Option<u16>,
    method: Option<Method>,
    magic: Option<u32>,
    short_number: Flag,
    no_address: Flag,
}

/// An option without value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Flag {
    #[default]
    Absent,
    Asked,
}

impl Link {
    /// Before anything was said.
    pub(crate) fn new(settings: &Settings, lots: Lots) -> Self {
        let mut link = Self {
            role: settings.role,
            methods: settings.methods.clone(),
            mru_wish: settings.mru.clamp(MRU_MIN, MRU_DEFAULT),
            lots,
            ours: Ours::default(),
            theirs: Theirs::default(),
            loops: 0,
            their_method: Vec::new(),
            failed: false,
        };
        link.restart();
        link
    }

    /// What was agreed upon.
    pub(crate) fn agreed(&self) -> Agreed {
        let method = match self.role {
            Role::Client => self.theirs.method,
            Role::Server => self.ours.methods.first().copied(),
        };
        Agreed { peer_mru: self.theirs.mru.unwrap_or(MRU_DEFAULT), method }
    }

    /// How heads are written to this peer.
    pub(crate) fn framing(&self) -> Framing {
        Framing {
            address: match self.theirs.no_address {
                Flag::Asked => Address::Omitted,
                Flag::Absent => Address::Written,
            },
            number: match self.theirs.short_number {
                Flag::Asked => Number::Short,
                Flag::Absent => Number::Full,
            },
        }
    }

    /// The magic number that our packets carry; 0 if the peer would not have one.
    pub(crate) fn magic(&self) -> u32 {
        self.ours.magic.unwrap_or(0)
    }

    /// An Echo-Request carried our own magic number.
    pub(crate) const fn looped(&mut self) {
        self.loops += 1;
    }

    fn opinion_of_magic(&mut self, value: &[u8]) -> Opinion {
        let Ok(octets) = <[u8; 4]>::try_from(value) else { return Opinion::Reject };
        let magic = u32::from_be_bytes(octets);
        if magic != 0 && self.ours.magic != Some(magic) {
            self.loops = 0;
            self.theirs.magic = Some(magic);
            return Opinion::Take;
        }
        if magic != 0 {
            self.looped();
        }
        Opinion::Rather(self.lots.magic().to_be_bytes().to_vec())
    }

    fn opinion_of_method(&mut self, value: &[u8]) -> Opinion {
        self.their_method = kept(value);
        let (Role::Client, Some(preferred)) = (self.role, self.methods.first()) else {
            return Opinion::Reject;
        };
        match Method::from_option(value) {
            Some(method) if self.methods.contains(&method) => {
                self.theirs.method = Some(method);
                Opinion::Take
            }
            _ => Opinion::Rather(preferred.option().to_vec()),
        }
    }

    /// A server's method is not wanted; the peer may have named another.
    fn method_refused(&mut self, proposed: &[u8]) {
        if self.ours.methods.is_empty() {
            return;
        }
        self.their_method = kept(proposed);
        self.ours.methods.remove(0);
        let wanted = Method::from_option(proposed);
        let at = self.ours.methods.iter().position(|method| Some(*method) == wanted);
        if let Some(at) = at {
            self.ours.methods.swap(0, at);
        }
        self.failed |= self.ours.methods.is_empty();
    }
}

impl Options for Link {
    const PROTOCOL: Protocol = Protocol::LCP;

    fn restart(&mut self) {
        self.ours = Ours {
            mru: (self.mru_wish != MRU_DEFAULT).then_some(self.mru_wish),
            accm: Some([0; 4]),
            methods: match self.role {
                Role::Server => self.methods.clone(),
                Role::Client => Vec::new(),
            },
            magic: Some(self.lots.magic()),
            short_number: Flag::Asked,
            no_address: Flag::Asked,
        };
    }

    fn request(&self, out: &mut Vec<u8>) {
        if let Some(mru) = self.ours.mru {
            push_option(MRU, &[&mru.to_be_bytes()], out);
        }
        if let Some(accm) = self.ours.accm {
            push_option(ACCM, &[&accm], out);
        }
        if let Some(method) = self.ours.methods.first() {
            push_option(AUTHENTICATION, &[method.option()], out);
        }
        if let Some(magic) = self.ours.magic {
            push_option(MAGIC, &[&magic.to_be_bytes()], out);
        }
        if self.ours.short_number == Flag::Asked {
            push_option(PFC, &[], out);
        }
        if self.ours.no_address == Flag::Asked {
            push_option(ACFC, &[], out);
        }
    }

    fn begin(&mut self) {
        self.theirs = Theirs::default();
    }

    fn opinion(&mut self, choice: Choice<'_>) -> Opinion {
        match (choice.kind, choice.value) {
            (MRU, &[high, low]) => {
                let mru = u16::from_be_bytes([high, low]);
                if mru < MRU_MIN {
                    return Opinion::Rather(MRU_MIN.to_be_bytes().to_vec());
                }
                self.theirs.mru = Some(mru);
                Opinion::Take
            }
            (ACCM, &[_, _, _, _]) => Opinion::Take,
            (AUTHENTICATION, value) => self.opinion_of_method(value),
            (MAGIC, value) => self.opinion_of_magic(value),
            (PFC, &[]) => {
                self.theirs.short_number = Flag::Asked;
                Opinion::Take
            }
            (ACFC, &[]) => {
                self.theirs.no_address = Flag::Asked;
                Opinion::Take
            }
            _ => Opinion::Reject,
        }
    }

    fn missing(&mut self, _out: &mut Vec<u8>) {}

    fn proposed(&mut self, choice: Choice<'_>) {
        match (choice.kind, choice.value) {
            (MRU, &[high, low]) => {
                let mru = u16::from_be_bytes([high, low]);
                if (MRU_MIN..=self.mru_wish).contains(&mru) {
                    self.ours.mru = Some(mru);
                }
            }
            (ACCM, &[a, b, c, d]) if self.ours.accm.is_some() => {
                self.ours.accm = Some([a, b, c, d])
            }
            (AUTHENTICATION, value) => self.method_refused(value),
            (MAGIC, _) if self.ours.magic.is_some() => self.ours.magic = Some(self.lots.magic()),
            (PFC, _) => self.ours.short_number = Flag::Absent,
            (ACFC, _) => self.ours.no_address = Flag::Absent,
            _ => {}
        }
    }

    fn rejected(&mut self, choice: Choice<'_>) {
        match choice.kind {
            MRU => self.ours.mru = None,
            ACCM => self.ours.accm = None,
            // The peer will not prove itself by any method.
            AUTHENTICATION => {
                self.ours.methods.clear();
                self.failed = true;
            }
            MAGIC => self.ours.magic = None,
            PFC => self.ours.short_number = Flag::Absent,
            ACFC => self.ours.no_address = Flag::Absent,
            _ => {}
        }
    }

    fn failure(&self) -> Option<Cause> {
        // A method that was refused by what we said ourselves was refused by nobody.
        if self.loops >= LOOPS_MAX || (self.failed && self.loops > 0) {
            return Some(Cause::Loopback);
        }
        self.failed.then(|| Cause::NoCommonMethod { theirs: self.their_method.clone() })
    }
}

fn kept(value: &[u8]) -> Vec<u8> {
    value.get(..METHOD_OCTETS_MAX).unwrap_or(value).to_vec()
}

/// Our own magic number so often in a row is no chance: one in 2^96.
const LOOPS_MAX: u32 = 3;

/// Octets kept of a method that is not known.
const METHOD_OCTETS_MAX: usize = 16;

// Types of options.
const MRU: u8 = 1;
const ACCM: u8 = 2;
const AUTHENTICATION: u8 = 3;
const MAGIC: u8 = 5;
const PFC: u8 = 7;
const ACFC: u8 = 8;

#[cfg(test)]
mod tests;
