//! Certificates and keys found in files and folders: which key belongs to which certificate, which
//! chain is the whole one, and which of several certificates for the same names is to be served.
//!
//! The files are the operator's and as trusted as the configuration; still every amount is bounded.
//! Nothing here is an error: what cannot be used is a finding that names the file, and all else is
//! collected. Nothing that is reported contains key material.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

use menshen_base::{Finding, Severity};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

use crate::load::load_pair;

mod read;
mod walk;

pub use walk::LEVELS;

#[cfg(test)]
mod tests;

/// What was found.
#[derive(Debug, Default)]
pub struct Collected {
    /// Pairs that can be served, in the order of their files.
    pub pairs: Vec<FoundPair>,
    /// What could not be used, and what clients may complain about.
    pub findings: Vec<Finding>,
    /// Files and folders that were looked at; when none of them changes, neither does this.
    pub watched: Vec<PathBuf>,
}

/// A certificate chain with its key; `Debug` shows no key.
#[derive(Clone, PartialEq, Eq)]
pub struct FoundPair {
    /// PEM chain, leaf first.
    pub certificate_pem: String,
    /// PEM private key.
    pub key_pem: String,
    /// The file of the chain.
    pub file: PathBuf,
    /// Host names and addresses the leaf is made out to.
    pub names: Vec<String>,
    /// Unix seconds of its end.
    pub not_after_unix: i64,
    /// SHA-256 of the leaf, see [`crate::fingerprint`].
    pub fingerprint_sha256: String,
}

/// Looks through files and folders as of `now_unix`, Unix seconds. Links are followed. Of a folder
/// three levels below it are read, of all together 10,000 files of 1 MiB each.
#[must_use]
pub fn collect(places: &[PathBuf], now_unix: i64) -> Collected {
    let mut findings = Vec::new();
    let walked = walk::walk(places, &mut findings);
    let mut material = Material::default();
    for file in &walked.files {
        material.take(file, &mut findings);
    }
    let pairs = material.pairs(now_unix, &mut findings);
    for place in places {
        let empty = !material.holders.iter().any(|holder| holder.starts_with(place));
        if empty && !findings.iter().any(|finding| finding.subject == shown(place)) {
            findings.push(
                warning("certificate-place-empty", place, "neither certificate nor key is here")
                    .hint("Name files or folders with certificates and keys in PEM form."),
            );
        }
    }
    let holding = walked.files.iter().map(|file| &file.path);
    let watched = holding.filter(|path| material.holders.contains(*path)).cloned();
    let watched = walked.folders.into_iter().chain(watched).chain(places.iter().cloned());
    Collected { pairs, findings, watched: watched.collect::<BTreeSet<_>>().into_iter().collect() }
}

/// What is wrong with the rights of a private key's file, by its permission bits.
#[must_use]
pub fn open_key(file: &Path, mode: u32) -> Option<Finding> {
    let claim = "the private key can be read or changed by others on this machine";
    (mode & OTHERS != 0).then(|| {
        warning("certificate-key-open", file, claim)
            .evidence("mode", "file", format!("{mode:04o}"))
            .hint(format!("Run `chmod o-rwx,g-w {}`.", file.display()))
    })
}

impl fmt::Debug for FoundPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FoundPair")
            .field("file", &self.file)
            .field("names", &self.names)
            .field("not_after_unix", &self.not_after_unix)
            .field("fingerprint_sha256", &self.fingerprint_sha256)
            .finish_non_exhaustive()
    }
}

/// All certificates and keys, before they are matched.
#[derive(Default)]
struct Material {
    chains: Vec<Chain>,
    /// By the public key, as a SubjectPublicKeyInfo in DER.
    keys: BTreeMap<Vec<u8>, Key>,
    /// Files that hold a certificate or a key, usable or not.
    holders: BTreeSet<PathBuf>,
}

/// Certificates that follow each other in one file, the first of them perhaps a leaf.
struct Chain {
    certificates: Vec<CertificateDer<'static>>,
    file: PathBuf,
    public_key: Vec<u8>,
    facts: Facts,
}

/// What is read of a leaf.
struct Facts {
    authority: bool,
    names: Vec<String>,
    /// Of the kind of key, as text.
    kind: String,
    not_before_unix: i64,
    not_after_unix: i64,
}

struct Key {
    key: PrivateKeyDer<'static>,
    file: PathBuf,
    mode: u32,
}

/// A certificate with the key that belongs to it.
type Match<'a> = (&'a Chain, &'a Key);

impl Material {
    /// Takes what one file holds.
    fn take(&mut self, file: &walk::FoundFile, findings: &mut Vec<Finding>) {
        let held = read::sections(file, findings);
        if held.is_empty() {
            return;
        }
        self.holders.insert(file.path.clone());
        let mut chain: Vec<CertificateDer<'static>> = Vec::new();
        for certificate in held.certificates {
            // A leaf begins a chain, wherever in a file it stands.
            let leaf = facts(&certificate).is_some_and(|(_, facts)| !facts.authority);
            if leaf && !chain.is_empty() {
                self.chain(std::mem::take(&mut chain), &file.path, findings);
            }
            chain.push(certificate);
        }
        if !chain.is_empty() {
            self.chain(chain, &file.path, findings);
        }
        for key in held.keys {
            let signer = default_provider().key_provider.load_private_key(key.clone_key());
            match signer.as_ref().ok().and_then(|signer| signer.public_key()) {
                Some(public) => {
                    let key = Key { key, file: file.path.clone(), mode: file.mode };
                    self.keys.entry(public.as_ref().to_vec()).or_insert(key);
                }
                None => findings.push(
                    warning("certificate-key-unusable", &file.path, "a key here cannot be used")
                        .hint("Use RSA of 2048 bits or more, ECDSA with P-256, P-384 or P-521."),
                ),
            }
        }
    }

    fn chain(
        &mut self,
        certificates: Vec<CertificateDer<'static>>,
        file: &Path,
        findings: &mut Vec<Finding>,
    ) {
        let first = certificates.first().and_then(facts);
        let Some((public_key, facts)) = first else {
            let claim = "a certificate here cannot be understood";
            findings.push(
                warning("certificate-file-damaged", file, claim)
                    .hint("Copy the file again; a block may be cut off."),
            );
            return;
        };
        self.chains.push(Chain { certificates, file: file.to_owned(), public_key, facts });
    }

    /// One pair per names and kind of key.
    fn pairs(&self, now_unix: i64, findings: &mut Vec<Finding>) -> Vec<FoundPair> {
        let mut served: Vec<Match<'_>> = Vec::new();
        for chain in self.whole_chains() {
            match self.keys.get(&chain.public_key) {
                // An authority with its key is somebody's own; it is not meant to be served.
                Some(_) if chain.facts.authority && chain.facts.names.is_empty() => {}
                Some(key) => served.push((chain, key)),
                None if chain.facts.authority => {}
                None => findings.push(
                    warning("certificate-without-key", &chain.file, without_key(chain))
                        .hint("Put its private key beside it, without a passphrase."),
                ),
            }
        }
        let mut groups: BTreeMap<(Vec<String>, &str), Vec<Match<'_>>> = BTreeMap::new();
        for (chain, key) in served {
            let mut names = chain.facts.names.clone();
            names.sort();
            groups.entry((names, &chain.facts.kind)).or_default().push((chain, key));
        }
        let mut pairs = Vec::new();
        for group in groups.into_values() {
            pairs.extend(best(&group, now_unix, findings));
        }
        pairs.sort_by(|one, other| one.file.cmp(&other.file));
        pairs
    }

    /// Per leaf the longest chain; the first file of equals.
    fn whole_chains(&self) -> Vec<&Chain> {
        let mut longest: BTreeMap<&[u8], &Chain> = BTreeMap::new();
        for chain in &self.chains {
            let Some(leaf) = chain.certificates.first() else { continue };
            let known = longest.entry(leaf.as_ref()).or_insert(chain);
            if chain.certificates.len() > known.certificates.len() {
                *known = chain;
            }
        }
        let mut chains: Vec<&Chain> = longest.into_values().collect();
        chains.sort_by(|one, other| one.file.cmp(&other.file));
        chains
    }
}

/// Of several certificates for the same names the one that ends last, if it has begun.
fn best(group: &[Match<'_>], now_unix: i64, findings: &mut Vec<Finding>) -> Option<FoundPair> {
    let rank = |chain: &Chain| {
        let facts = &chain.facts;
        (facts.not_before_unix <= now_unix, facts.not_after_unix, facts.not_before_unix)
    };
    // Of equals the first.
    let (chain, key) = group.iter().rev().max_by_key(|(chain, _)| rank(chain)).copied()?;
    let pem = |der: &CertificateDer<'_>| read::armoured("CERTIFICATE", der);
    let certificate_pem: String = chain.certificates.iter().map(pem).collect();
    let label = match &key.key {
        PrivateKeyDer::Pkcs1(_) => "RSA PRIVATE KEY",
        PrivateKeyDer::Sec1(_) => "EC PRIVATE KEY",
        _ => "PRIVATE KEY",
    };
    let key_pem = read::armoured(label, key.key.secret_der());
    let loaded = match load_pair(certificate_pem.as_bytes(), key_pem.as_bytes(), now_unix) {
        Ok(loaded) => loaded,
        Err(error) => {
            let claim = error.detail().unwrap_or_else(|| error.to_string());
            let finding = warning("certificate-unusable", &chain.file, claim);
            findings.push(finding.hint(error.hint().unwrap_or_default()));
            return None;
        }
    };
    findings.extend(open_key(&key.file, key.mode));
    let others: Vec<&Path> =
        group.iter().map(|(other, _)| other.file.as_path()).filter(|f| *f != chain.file).collect();
    if let Some(first) = others.first() {
        let count = others.len();
        let plural = if count == 1 { "" } else { "s" };
        let claim = format!("{count} other certificate{plural} for the same names left aside");
        findings.push(
            Finding::new("certificate-duplicate", Severity::Note, shown(&chain.file), claim)
                .evidence("the first of them", "file", shown(first))
                .hint("The one that ends last is served; remove what is old."),
        );
    }
    findings.extend(loaded.findings);
    Some(FoundPair {
        certificate_pem,
        key_pem,
        file: chain.file.clone(),
        names: loaded.names,
        not_after_unix: loaded.not_after_unix,
        fingerprint_sha256: loaded.fingerprint_sha256,
    })
}

/// The public key and the facts of a certificate; `None` when it cannot be understood.
fn facts(certificate: &CertificateDer<'_>) -> Option<(Vec<u8>, Facts)> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    let facts = Facts {
        authority: parsed.is_ca(),
        names: crate::load::names_of(&parsed),
        kind: parsed.public_key().algorithm.algorithm.to_id_string(),
        not_before_unix: parsed.validity().not_before.timestamp(),
        not_after_unix: parsed.validity().not_after.timestamp(),
    };
    Some((parsed.public_key().raw.to_vec(), facts))
}

fn without_key(chain: &Chain) -> String {
    let names: Vec<&str> = chain.facts.names.iter().take(3).map(String::as_str).collect();
    match names.as_slice() {
        [] => "no key found for the certificate here".to_owned(),
        names => format!("no key found for the certificate of {}", names.join(", ")),
    }
}

fn warning(code: &'static str, path: &Path, claim: impl Into<String>) -> Finding {
    Finding::new(code, Severity::Warning, shown(path), claim)
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// What others may not do with a key; a group that reads it, such as `ssl-cert`, was made for that.
const OTHERS: u32 = 0o027;
