//! The development CA: HTTPS on the first start, without asking anybody.
//!
//! A P-256 authority with critical name constraints (RFC 5280 §4.2.1.10): whoever trusts it trusts
//! it for the configured names and the loopback addresses only, even if its key is stolen. Its
//! certificates are short-lived and replaced at two thirds of their life.
//! It must never be widened silently: new names outside the constraints make a new authority, and
//! the caller is told so, because people have to trust that one anew. It never replaces an
//! authority that menshen did not make.

mod authority;
mod leaf;

use std::fmt;
use std::path::{Path, PathBuf};

use crate::error::TlsError;
use crate::fingerprint::fingerprint;
use crate::names;
use crate::state_folder::{Privacy, StateFolder};
use authority::Authority;
use leaf::Leaf;

/// A certificate of the development CA, with what to tell the operator about it.
pub struct DevCertificate {
    /// PEM chain, leaf first, without the authority itself.
    pub chain_pem: String,
    /// PEM private key (PKCS #8).
    pub key_pem: String,
    /// SHA-256 of the leaf, see [`fingerprint`].
    pub leaf_fingerprint_sha256: String,
    /// Unix seconds of the leaf's end.
    pub not_after_unix: i64,
    /// Unix seconds from which on [`ensure`] makes a new leaf.
    pub renew_at_unix: i64,
    /// The file to import where the certificate shall be trusted.
    pub ca_path: PathBuf,
    /// SHA-256 of the authority, see [`fingerprint`].
    pub ca_fingerprint_sha256: String,
    /// What happened to the authority; [`Outcome::Issued`] means it has to be trusted anew.
    pub ca: Outcome,
    /// What happened to the leaf.
    pub leaf: Outcome,
}

/// What [`ensure`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The one on disk is in use.
    Kept,
    /// A new one was made and written.
    Issued(Reason),
}

/// Why a new one was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// There was none.
    FirstUse,
    /// The configured names are others now.
    NamesChanged,
    /// It is near its end, or past it.
    NearEnd,
    /// The files could not be understood or do not belong together.
    Damaged,
    /// It came from an authority that is no longer in use.
    AuthorityChanged,
    /// The operator wanted it.
    Asked,
}

/// Makes sure that the folder `state` holds a development CA and a certificate for `names`, and
/// gives the certificate. `now_unix` are Unix seconds. Writes only what has to be new.
///
/// # Errors
/// A name that cannot stand in a certificate, a key file others can read, an authority not made by
/// menshen, a failing file system.
pub fn ensure(state: &Path, names: &[String], now_unix: i64) -> Result<DevCertificate, TlsError> {
    make(state, names, now_unix, Kept::AsLongAsUsable)
}

/// As [`ensure`], but the authority is made anew in any case.
///
/// # Errors
/// As [`ensure`].
pub fn renew(state: &Path, names: &[String], now_unix: i64) -> Result<DevCertificate, TlsError> {
    make(state, names, now_unix, Kept::Never)
}

/// Whether an authority that is there is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kept {
    AsLongAsUsable,
    Never,
}

fn make(
    state: &Path,
    names: &[String],
    now_unix: i64,
    kept: Kept,
) -> Result<DevCertificate, TlsError> {
    let names = names::parse(names)?;
    let now_unix = now_unix.max(0);
    let folder = StateFolder::open(state)?;

    // Keys first: a crash in between leaves a pair that does not match and is replaced.
    let mut fresh_files: Vec<(&str, Privacy, String)> = Vec::new();
    // Read in any case: one that menshen did not make is never replaced.
    let found = Authority::read(&folder, &names, now_unix)?;
    let found = if kept == Kept::Never { found.and(Err(Reason::Asked)) } else { found };
    let (authority, ca) = match found {
        Ok(authority) => (authority, Outcome::Kept),
        Err(reason) => {
            let authority = Authority::issue(&names, now_unix)?;
            fresh_files.push((CA_KEY, Privacy::Secret, authority.key_pem()));
            let certificate = authority.certificate_pem().to_owned();
            fresh_files.push((CA_CERTIFICATE, Privacy::Open, certificate));
            (authority, Outcome::Issued(reason))
        }
    };

    let names = names::with_loopback(&names);
    let (current, leaf) = match Leaf::read(&folder, &authority, &names, now_unix)? {
        Ok(current) => (current, Outcome::Kept),
        Err(reason) => {
            let fresh = Leaf::issue(&authority, &names, now_unix)?;
            fresh_files.push((LEAF_KEY, Privacy::Secret, fresh.key_pem.clone()));
            fresh_files.push((LEAF_CERTIFICATE, Privacy::Open, fresh.chain_pem.clone()));
            let changed = ca != Outcome::Kept && reason != Reason::FirstUse;
            let reason = if changed { Reason::AuthorityChanged } else { reason };
            (fresh, Outcome::Issued(reason))
        }
    };
    if !fresh_files.is_empty() {
        folder.write(&fresh_files)?;
    }

    Ok(DevCertificate {
        leaf_fingerprint_sha256: fingerprint(&current.der),
        not_after_unix: current.not_after_unix,
        renew_at_unix: leaf::renew_at(current.not_before_unix, current.not_after_unix),
        chain_pem: current.chain_pem,
        key_pem: current.key_pem,
        ca_path: folder.path(CA_CERTIFICATE),
        ca_fingerprint_sha256: fingerprint(authority.der()),
        ca,
        leaf,
    })
}

impl Reason {
    /// The reason in words, to follow "because".
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::FirstUse => "there was none",
            Self::NamesChanged => "the configured names changed",
            Self::NearEnd => "the old one was near its end",
            Self::Damaged => "the old files were damaged",
            Self::AuthorityChanged => "the authority is a new one",
            Self::Asked => "that was asked for",
        }
    }
}

impl fmt::Debug for DevCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DevCertificate")
            .field("leaf_fingerprint_sha256", &self.leaf_fingerprint_sha256)
            .field("not_after_unix", &self.not_after_unix)
            .field("ca_path", &self.ca_path)
            .field("ca_fingerprint_sha256", &self.ca_fingerprint_sha256)
            .field("ca", &self.ca)
            .field("leaf", &self.leaf)
            .finish_non_exhaustive()
    }
}

const CA_CERTIFICATE: &str = "ca.pem";
const CA_KEY: &str = "ca-key.pem";
const LEAF_CERTIFICATE: &str = "dev-cert.pem";
const LEAF_KEY: &str = "dev-key.pem";

#[cfg(test)]
mod tests;
