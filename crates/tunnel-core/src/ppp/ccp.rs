//! CCP's one option that we take: MPPE (RFC 3078 section 2; RFC 1962).
//!
//! An option in a request says what its sender can decrypt. It must never agree to compression, to
//! two strengths at once, or to a strength or mode that the settings do not allow.

use alloc::vec::Vec;

use super::event::{Cause, MppeMissing};
use super::frame::Protocol;
use super::layer::{Opinion, Options};
use super::packet::{Choice, push_option};
use super::settings::{Ciphers, Mppe, Stateful};
use crate::mppe::{self, Bits, Mode, Strength};

/// CCP's options of one session.
#[derive(Debug)]
pub(crate) struct Cipher {
    mppe: Mppe,
    /// What we ask for; nothing once the peer would not have it.
    ours: Option<Bits>,
    /// What the peer asked for and we took.
    theirs: Option<(Strength, Mode)>,
    missing: Option<MppeMissing>,
}

impl Cipher {
    /// Before anything was said.
    pub(crate) fn new(mppe: Mppe) -> Self {
        let mut cipher = Self { mppe, ours: None, theirs: None, missing: None };
        cipher.restart();
        cipher
    }

    /// What the peer encrypts with, once the layer is open.
    pub(crate) fn receives(&self) -> Option<(Strength, Mode)> {
        self.ours.and_then(Bits::exact)
    }

    /// What we encrypt with, once the layer is open.
    pub(crate) const fn sends(&self) -> Option<(Strength, Mode)> {
        self.theirs
    }

    /// The strongest of these that the settings allow.
    fn strongest(&self, bits: Bits) -> Option<Strength> {
        let allowed = self.mppe.ciphers()?.strengths;
        bits.strengths().find(|strength| allowed.has(strength.bits()))
    }

    fn allows(&self, mode: Mode) -> bool {
        let stateful = self.mppe.ciphers().map(|ciphers| ciphers.stateful);
        mode == Mode::Stateless || stateful == Some(Stateful::Allowed)
    }

    fn refused(&mut self, why: MppeMissing) {
        self.ours = None;
        self.missing = Some(why);
    }
}

impl Options for Cipher {
    const PROTOCOL: Protocol = Protocol::CCP;

    fn restart(&mut self) {
        let wish = |ciphers: Ciphers| {
            let none = Bits::STATELESS;
            ciphers.strengths.strengths().fold(none, |bits, strength| bits.with(strength.bits()))
        };
        self.ours = self.mppe.ciphers().map(wish).filter(|bits| *bits != Bits::STATELESS);
        self.missing = None;
    }

    fn request(&self, out: &mut Vec<u8>) {
        if let Some(Bits(bits)) = self.ours {
            push_option(mppe::OPTION, &[&bits.to_be_bytes()], out);
        }
    }

    fn begin(&mut self) {
        self.theirs = None;
    }

    fn opinion(&mut self, choice: Choice<'_>) -> Opinion {
        let (mppe::OPTION, Ok(octets)) = (choice.kind, <[u8; 4]>::try_from(choice.value)) else {
            return Opinion::Reject;
        };
        let asked = Bits(u32::from_be_bytes(octets));
        if let Some((strength, mode)) = asked.exact()
            && self.strongest(asked).is_some()
            && self.allows(mode)
        {
            self.theirs = Some((strength, mode));
            return Opinion::Take;
        }
        // Without a common strength the best of ours is named, so that the peer can say what it
        // does not have.
        let all = Strength::ALL.into_iter().fold(Bits(0), |bits, one| bits.with(one.bits()));
        let Some(strength) = self.strongest(asked).or_else(|| self.strongest(all)) else {
            return Opinion::Reject;
        };
        let mode = if self.allows(asked.mode()) { asked.mode() } else { Mode::Stateless };
        let Bits(bits) = Bits::new(strength, mode);
        Opinion::Rather(bits.to_be_bytes().to_vec())
    }

    fn missing(&mut self, out: &mut Vec<u8>) {
        let asked = self.theirs.is_some() || !out.is_empty();
        if let (true, false, Some(Bits(bits))) = (self.mppe.is_required(), asked, self.ours) {
            push_option(mppe::OPTION, &[&bits.to_be_bytes()], out);
        }
    }

    fn proposed(&mut self, choice: Choice<'_>) {
        let (mppe::OPTION, Ok(octets)) = (choice.kind, <[u8; 4]>::try_from(choice.value)) else {
            return;
        };
        let proposed = Bits(u32::from_be_bytes(octets));
        let mode = proposed.mode();
        match self.strongest(proposed) {
            Some(strength) if self.allows(mode) && self.ours.is_some() => {
                self.ours = Some(Bits::new(strength, mode));
            }
            _ => self.refused(MppeMissing::NoCommonStrength),
        }
    }

    fn rejected(&mut self, choice: Choice<'_>) {
        if choice.kind == mppe::OPTION {
            self.refused(MppeMissing::PeerRefuses);
        }
    }

    fn failure(&self) -> Option<Cause> {
        self.missing.map(Cause::MppeMissing)
    }
}

#[cfg(test)]
mod tests;
