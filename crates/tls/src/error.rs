//! What can go wrong here, sorted by whose fault it is: `Config…` the operator's input, `Local…`
//! this machine.
//!
//! Messages name the role or path of a file and never its contents: key material stays out.

use std::fmt;
use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// Which of the two files of a certificate is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileRole {
    /// The PEM chain.
    Certificate,
    /// The PEM private key.
    Key,
}

/// An error of this crate. `Display` is the primary message; see [`TlsError::detail`] and
/// [`TlsError::hint`] for the rest.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A configured name cannot stand in a certificate.
    #[error("\"{name}\" cannot be a name of the development certificate")]
    ConfigName {
        /// The name as configured, shortened if it is very long.
        name: String,
        /// Why not.
        reason: &'static str,
    },
    /// More names than a certificate should carry.
    #[error("too many names for the development certificate: {count}, at most {max} are possible")]
    ConfigNamesTooMany {
        /// How many were configured.
        count: usize,
        /// How many are possible.
        max: usize,
    },
    /// A PEM file is not what it should be.
    #[error("the {role} is not usable")]
    ConfigPem {
        /// Which file.
        role: FileRole,
        /// What is wrong with it.
        reason: &'static str,
        /// What to do about it; may be empty.
        hint: &'static str,
    },
    /// An order of that name is there, and its key may be worth a certificate.
    #[error("{} is there already", path.display())]
    ConfigOrderExists {
        /// The file in the way.
        path: PathBuf,
    },
    /// Certificate and key belong to different pairs.
    #[error("the private key does not match the certificate")]
    ConfigKeyMismatch {
        /// Place from 1 of the certificate in the chain that the key does match, if any.
        matches_certificate: Option<usize>,
    },
    /// There is nothing to serve.
    #[error("there is no certificate to serve")]
    ConfigNoCertificate,
    /// A certificate authority of somebody else lies where ours belongs.
    #[error("{} was not made by menshen and is left alone", path.display())]
    ConfigForeignAuthority {
        /// Where it lies.
        path: PathBuf,
    },
    /// A secret can be read by others on this machine.
    #[error("{} can be read or written by others (mode {mode:04o})", path.display())]
    LocalSecretOpen {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The owner token cannot be used.
    #[error("the owner token in {} is not usable", path.display())]
    LocalToken {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The keys of signed links cannot be used, or not changed like that.
    #[error("the keys of signed links in {} are not usable", path.display())]
    LocalLinkKeys {
        /// The file.
        path: PathBuf,
        /// The line, from 1; 0: it is about the file as a whole.
        line: usize,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A file or folder of the state folder failed.
    #[error("cannot {action} {}", path.display())]
    LocalFile {
        /// What was tried, as a verb.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// The clock of this machine cannot be right.
    #[error("the clock of this machine shows a time no certificate can hold")]
    LocalClock,
    /// The kernel gave no random bytes.
    #[error("no random bytes from the operating system")]
    LocalRandom,
    /// Making a key or a certificate failed.
    #[error("cannot make a certificate")]
    LocalIssue {
        /// Why it failed.
        source: rcgen::Error,
    },
    /// The TLS library refused the configuration.
    #[error("cannot set up TLS")]
    LocalTls {
        /// Why it failed.
        source: rustls::Error,
    },
}

impl TlsError {
    /// The facts behind the message, if there are more.
    #[must_use]
    pub fn detail(&self) -> Option<String> {
        match self {
            Self::ConfigName { reason, .. }
            | Self::ConfigPem { reason, .. }
            | Self::LocalToken { reason, .. } => Some((*reason).to_owned()),
            Self::LocalLinkKeys { line: 0, reason, .. } => Some((*reason).to_owned()),
            Self::LocalLinkKeys { line, reason, .. } => Some(format!("line {line}: {reason}")),
            Self::ConfigKeyMismatch { matches_certificate: Some(place) } => Some(format!(
                "the key belongs to certificate {place} of the chain, not to the first"
            )),
            Self::LocalFile { source, .. } => Some(source.to_string()),
            Self::LocalIssue { source } => Some(source.to_string()),
            Self::LocalTls { source } => Some(source.to_string()),
            _ => None,
        }
    }

    /// What to do about it, in whole sentences, if that is known.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::ConfigName { .. } => Some(
                "Give host names such as \"localhost\" or \"*.dev.example\", or IP addresses."
                    .to_owned(),
            ),
            Self::ConfigNamesTooMany { .. } => {
                Some("Use a wildcard such as \"*.dev.example\" for many names.".to_owned())
            }
            Self::ConfigPem { hint, .. } if !hint.is_empty() => Some((*hint).to_owned()),
            Self::ConfigKeyMismatch { matches_certificate: Some(_) } => {
                Some("Put the server's own certificate first in the certificate file.".to_owned())
            }
            Self::ConfigKeyMismatch { matches_certificate: None } => {
                Some("Give the key the certificate was requested with.".to_owned())
            }
            Self::ConfigForeignAuthority { .. } => {
                Some("Move it and its key away, or point `state` at another folder.".to_owned())
            }
            Self::ConfigOrderExists { .. } => Some(
                "Install the certificate that was ordered, or move key and request away.".into(),
            ),
            Self::LocalSecretOpen { path, .. } => Some(format!(
                "Run `chmod 600 {}`; if others may have read it, delete it and a new one is made.",
                path.display()
            )),
            Self::LocalToken { path, .. } => {
                Some(format!("Delete {} and a new token is made.", path.display()))
            }
            Self::LocalLinkKeys { .. } => Some(
                "`menshen link key list` shows the keys; without the file a new one is made, and \
                 every link made before ends."
                    .to_owned(),
            ),
            Self::LocalClock => Some("Set the clock.".to_owned()),
            _ => None,
        }
    }
}

impl fmt::Display for FileRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Certificate => "certificate file",
            Self::Key => "key file",
        })
    }
}

impl From<rcgen::Error> for TlsError {
    fn from(source: rcgen::Error) -> Self {
        Self::LocalIssue { source }
    }
}

impl From<rustls::Error> for TlsError {
    fn from(source: rustls::Error) -> Self {
        Self::LocalTls { source }
    }
}
