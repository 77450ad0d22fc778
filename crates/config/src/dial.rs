//! Tunnels that are dialled from here: their addresses as people write them, the options that go
//! with them, and `tunnels.toml`, the file that gives such a tunnel a name.
//!
//! Pure: no file is read, no name looked up. A password has no place in any of these texts; where
//! one is found it is refused and never repeated in a message. Everything that cannot be is a
//! [`Refused`] or, in the file, a [`crate::Problem`] with its place.

use std::fmt;
use std::path::PathBuf;

pub use address::{Address, Scheme};
pub use profile::{Profile, Profiles, profiles};
pub use values::{Mppe, Proof, Resolver, Routes, domain, fingerprint, interface};

mod address;
mod profile;
mod values;

#[cfg(test)]
mod tests;

/// Why a text cannot be what it should.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Lower case, no final period.
    pub message: String,
    /// What to write instead; may be empty.
    pub hint: String,
}

impl Refused {
    fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into(), hint: hint.into() }
    }
}

impl From<crate::parse::Refusal> for Refused {
    fn from(refusal: crate::parse::Refusal) -> Self {
        Self { message: refusal.message, hint: refusal.hint }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if self.hint.is_empty() { Ok(()) } else { write!(f, "; {}", self.hint) }
    }
}

impl std::error::Error for Refused {}

/// What can be said of a tunnel beside its address. What is left out has a default, which the
/// command has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// File whose first line is the password.
    pub password_file: Option<PathBuf>,
    /// File with the roots in PEM that an SSTP server's certificate is checked against.
    pub ca: Option<PathBuf>,
    /// SHA-256 of the one certificate that is taken, whatever its name and dates.
    pub fingerprint: Option<[u8; 32]>,
    /// Encryption of PPTP.
    pub mppe: Option<Mppe>,
    /// The proofs that may be given, the preferred one first.
    pub proofs: Option<Vec<Proof>>,
    /// What goes through the tunnel.
    pub routes: Option<Routes>,
    /// What becomes of the name servers that the server names.
    pub resolver: Option<Resolver>,
    /// Domains that these name servers are for.
    pub domains: Vec<String>,
    /// Name of the interface; `%d` in it stands for a number that is free.
    pub interface: Option<String>,
}

impl Options {
    /// These, and where nothing is said those.
    #[must_use]
    pub fn or(self, those: Self) -> Self {
        let (pinned, rooted) = (self.fingerprint.is_some(), self.ca.is_some());
        Self {
            password_file: self.password_file.or(those.password_file),
            // One of both says what is trusted: the other one's is not mixed in.
            ca: self.ca.or_else(|| those.ca.filter(|_| !pinned)),
            fingerprint: self.fingerprint.or_else(|| those.fingerprint.filter(|_| !rooted)),
            mppe: self.mppe.or(those.mppe),
            proofs: self.proofs.or(those.proofs),
            routes: self.routes.or(those.routes),
            resolver: self.resolver.or(those.resolver),
            domains: if self.domains.is_empty() { those.domains } else { self.domains },
            interface: self.interface.or(those.interface),
        }
    }
}
