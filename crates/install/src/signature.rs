//! A detached OpenPGP signature, checked by the host's own `gpgv` against a named keyring.
//!
//! `gpgv` trusts the keys of the keyring and no others, asks nobody, and changes nothing.

use std::fs::File;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::recipe::Signed;
use crate::unpack::{UnpackError, copy_tar};

/// Why a signature does not hold.
#[derive(Debug, thiserror::Error)]
pub enum SignatureError {
    /// The host has no gpgv.
    #[error("a signature was named, and the program gpgv is not here")]
    NoProgram,
    /// It is not by a key of the keyring, or not of this.
    #[error("the signature is not good: {0}")]
    Bad(String),
    /// The tar to be checked cannot be read.
    #[error(transparent)]
    Tar(#[from] UnpackError),
    /// gpgv could not be asked.
    #[error("could not run gpgv")]
    Io(#[from] io::Error),
}

/// Checks `archive` against `signature` by the keys in `keyring`.
pub(crate) fn check(
    archive: &File,
    signature: &Path,
    keyring: &Path,
    of: Signed,
) -> Result<(), SignatureError> {
    let program = crate::host::find("gpgv").ok_or(SignatureError::NoProgram)?;
    let absolute = std::path::absolute(keyring)?;
    let mut command = Command::new(program);
    command.arg("--keyring").arg(absolute).arg(signature).arg("-");
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).env("LC_ALL", "C");
    let mut child = command.spawn()?;
    let fed = match (child.stdin.take(), of) {
        (Some(mut to), Signed::Tar) => copy_tar(archive, &mut to).map_err(SignatureError::Tar),
        (Some(mut to), Signed::Archive) => {
            let mut from = archive.try_clone()?;
            io::Seek::rewind(&mut from)?;
            io::copy(&mut from, &mut to).map(drop).map_err(SignatureError::Io)
        }
        (None, _) => Ok(()),
    };
    let done = child.wait_with_output()?;
    if done.status.success() {
        // Good for all that was fed, so all of it has to have been.
        return fed;
    }
    let said = String::from_utf8_lossy(&done.stderr);
    let line = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("gpgv failed");
    Err(SignatureError::Bad(line.chars().take(200).collect()))
}
