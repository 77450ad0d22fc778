//! Files that hooks name, read with the guard's rights and handed to workers.
//!
//! It looks into none of them but for their first line. How it fails: a file that cannot be read
//! ends the start or the reload: events that are not signed would be refused, or believed.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use menshen_base::{Finding, Severity};
use menshen_config::{Config, HookSpec, Secret};

use crate::error::GuardError;

/// One per hook, in the order of the configuration.
///
/// # Errors
/// A file that cannot be read, or holds nothing.
pub(crate) fn read(
    config: &Config,
    findings: &mut Vec<Finding>,
) -> Result<Vec<HookSpec>, GuardError> {
    let read = |path: &Option<PathBuf>| path.as_deref().map(text).transpose();
    let mut all = Vec::with_capacity(config.uploads.hooks.len());
    for hook in &config.uploads.hooks {
        let secret = read(&hook.secret)?;
        if let Some(path) = &hook.secret {
            findings.extend(open_to_all(path));
        }
        let first = |text: String| text.lines().next().unwrap_or_default().trim().to_owned();
        let secret = secret.map(first);
        if let (Some(path), Some("")) = (&hook.secret, secret.as_deref()) {
            return Err(failed(path, io::Error::other("its first line is empty")));
        }
        let roots_pem = read(&hook.roots)?;
        all.push(HookSpec { secret: secret.map(Secret), roots_pem });
    }
    Ok(all)
}

/// Whether whoever is on this machine may use the file at `path`.
pub(crate) fn is_open_to_all(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|file| file.permissions().mode() & 0o007 != 0)
}

fn open_to_all(path: &Path) -> Option<Finding> {
    is_open_to_all(path).then(|| {
        let claim = "everyone on this machine may read or change the secret of a hook";
        Finding::new("hook-secret-open", Severity::Warning, path.display().to_string(), claim)
            .hint("chmod 600; the guard reads it with its own rights")
    })
}

/// A whole file that the configuration names.
pub(crate) fn text(path: &Path) -> Result<String, GuardError> {
    let mut text = String::new();
    let file = File::open(path).map_err(|error| failed(path, error))?;
    let read = file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text);
    read.map_err(|error| failed(path, error))?;
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(failed(path, io::Error::other("it is longer than 256 KiB")));
    }
    Ok(text)
}

fn failed(path: &Path, source: io::Error) -> GuardError {
    GuardError::LocalFile { action: "read", path: path.to_owned(), source }
}

const FILE_BYTES_MAX: u64 = 256 * 1024;

#[cfg(test)]
mod tests {
    //! What is read, and what is refused.
    use super::*;

    fn config(secret: &Path) -> Config {
        let text = format!(
            "[[uploads.hook]]\nurl = \"http://a.test/\"\nsecret = \"{}\"\n",
            secret.display()
        );
        menshen_config::parse(&text).config.unwrap()
    }

    #[test]
    fn the_first_line_is_the_secret() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret");
        std::fs::write(&path, "open sesame\nand more\n").unwrap();
        let mut findings = Vec::new();
        let read_now = |findings: &mut Vec<Finding>| read(&config(&path), findings);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        let specs = read_now(&mut findings).unwrap();
        assert_eq!(specs[0].secret, Some(Secret("open sesame".into())));
        assert_eq!(findings[0].code, "hook-secret-open");
        assert!(!format!("{specs:?}").contains("sesame"));
        findings.clear();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        read_now(&mut findings).unwrap();
        assert!(findings.is_empty());
        std::fs::write(&path, "\n").unwrap();
        assert!(read_now(&mut findings).is_err(), "nothing signs nothing");
        std::fs::remove_file(&path).unwrap();
        assert!(read_now(&mut findings).is_err());
    }
}
