//! `--site NAME`: the certificate files this menshen may serve for a name, and its own door.
//!
//! The files are read with the rights it was started with, and of each only the certificates are
//! kept: a private key beside them is gone before anything foreign is talked to.

use std::fs;
use std::path::{Path, PathBuf};

use menshen_config::Config;
use menshen_explain::certificate::{About, Held, SiteFiles, read_bounded};
use menshen_explain::connect::{Dial, Host, Target, Timeouts};
use menshen_guard::{Source, load};
use menshen_tls::collect::LEVELS;

use super::{FILE_BYTES_MAX, Failure, name, reachable, target, usage};
use crate::cli::CertArguments;
use crate::explain::move_state;
use crate::{EXIT_CONFIG, out};

/// The question about a site.
pub(super) fn about(site: &str, arguments: &CertArguments) -> Result<About, Failure> {
    let site = match target(site, 443)? {
        Target { host: Host::Address(address), .. } => address.to_string(),
        _ => name(site)?,
    };
    let source = Source { file: arguments.place.config.clone(), ..Source::default() };
    let settings = load(&source, out::stderr_colour())
        .map_err(|error| Failure { text: error.render(), code: EXIT_CONFIG })?;
    let mut config = settings.config;
    move_state(&mut config, arguments.place.state.clone());
    let held = files(&config);
    let dial = door(&config, &site, arguments)?;
    Ok(About::Site { files: SiteFiles { name: site, held }, dial })
}

/// The first HTTPS address, or where `--connect` says.
fn door(config: &Config, site: &str, arguments: &CertArguments) -> Result<Dial, Failure> {
    let listen = config.web.listen.first().copied();
    let listen =
        listen.ok_or_else(|| usage("the web door has no HTTPS address", "set web.listen"))?;
    let there = reachable(listen);
    let instead = match arguments.connect.as_deref() {
        Some(text) => target(text, there.port())?,
        None => target(&there.to_string(), there.port())?,
    };
    let mut target = target(site, there.port())?;
    target.port = there.port();
    Ok(Dial { target, instead: Some(instead), timeouts: Timeouts::default() })
}

/// Given ones, those found, those installed, the keeper's, the development CA's.
fn files(config: &Config) -> Vec<Held> {
    let mut paths: Vec<PathBuf> = config.tls.certificate.iter().cloned().collect();
    let installed = config.state.join(menshen_tls::order::INSTALLED);
    for from in config.tls.from.iter().chain(installed.is_dir().then_some(&installed)) {
        if from.is_dir() { within(from, LEVELS, &mut paths) } else { paths.push(from.clone()) }
    }
    within(&config.state.join("certificates"), 0, &mut paths);
    paths.push(config.state.join("dev-cert.pem"));
    let held = paths.iter().filter_map(|path| {
        let bytes = read_bounded(fs::File::open(path).ok()?, FILE_BYTES_MAX).ok()?;
        let bytes = certificates_only(&bytes);
        (!bytes.is_empty()).then(|| Held { place: path.display().to_string(), bytes })
    });
    held.collect()
}

/// Adds the files of a folder and of `depth` levels below it, by name.
fn within(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let mut paths: Vec<_> = entries.take(FILES_MAX).flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        if files.len() >= FILES_MAX {
            return;
        }
        if path.is_file() {
            files.push(path);
        } else if depth > 0 && path.is_dir() {
            within(&path, depth - 1, files);
        }
    }
}

/// The lines of PEM certificates; a DER file has no key in it and stays whole.
fn certificates_only(bytes: &[u8]) -> Vec<u8> {
    if bytes.first() == Some(&0x30) {
        return bytes.to_vec();
    }
    let mut kept = Vec::new();
    let mut inside = false;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        inside |= line.starts_with(b"-----BEGIN CERTIFICATE-----");
        if inside {
            kept.extend_from_slice(line);
        }
        inside &= !line.starts_with(b"-----END CERTIFICATE-----");
    }
    kept
}

/// Most files that are looked into.
const FILES_MAX: usize = 1000;

#[cfg(test)]
mod tests {
    //! Keys are not kept.
    use super::*;

    #[test]
    fn folders_are_read_as_deep_as_the_door_reads_them() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("a/b/c/d");
        fs::create_dir_all(&deep).unwrap();
        for place in deep.ancestors().take(5) {
            fs::write(place.join("one.pem"), "-----BEGIN CERTIFICATE-----\n").unwrap();
        }
        let mut config = Config { state: folder.path().join("state"), ..Config::default() };
        config.tls.from = vec![folder.path().to_owned()];
        assert_eq!(files(&config).len(), 4);
        assert_eq!(menshen_tls::collect(&config.tls.from, 0).watched.len(), 4 + 4);
    }

    #[test]
    fn only_certificates_are_kept() {
        let block = |label: &str| format!("-----BEGIN {label}-----\nAA\n-----END {label}-----\n");
        let (certificate, key) = (block("CERTIFICATE"), block("PRIVATE KEY"));
        let file = format!("text\n{certificate}{key}{certificate}");
        assert_eq!(
            certificates_only(file.as_bytes()),
            [certificate.as_str(); 2].concat().as_bytes()
        );
        assert!(certificates_only(key.as_bytes()).is_empty());
    }
}
