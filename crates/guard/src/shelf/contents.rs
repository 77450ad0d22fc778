//! What belongs on the shelf by one configuration, read from the operator's files, the keeper's
//! store and the development CA.

use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;

use menshen_base::Severity;
use menshen_tls::order::INSTALLED;
use menshen_tls::{collect, collect::open_key, dev_ca, load_pair};

use super::*;
use crate::error::reason;
use crate::folders;

/// Certificates with what is open about them.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    /// The preferred ones first.
    pub(crate) pairs: Vec<Held>,
    pub(crate) findings: Vec<Finding>,
    /// Names of `tls.acme` without a certificate yet.
    pub(crate) missing: Vec<String>,
    pub(crate) development: Option<Development>,
    /// Files whose change means reading again.
    pub(super) watched: Vec<PathBuf>,
}

/// A pair on the shelf.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    pub(crate) pair: ShelfPair,
    /// What it is made out to; of the keeper's the name that was asked for.
    pub(crate) names: Vec<String>,
    /// The file of the chain; none of what the state folder holds.
    pub(crate) file: Option<PathBuf>,
    /// Its end, Unix seconds; unknown of the keeper's, which are not looked into.
    pub(crate) not_after_unix: Option<i64>,
    pub(crate) fingerprint_sha256: Option<String>,
}

/// About the certificate of the development CA.
#[derive(Debug, Clone)]
pub(crate) struct Development {
    /// The authority's file.
    pub(crate) ca: PathBuf,
    pub(crate) names: Vec<String>,
    /// Whether the authority is a new one.
    pub(crate) issued: Outcome,
}

impl Contents {
    /// Reads everything. `before` is what was there, from which a pair is kept whose file is
    /// broken now.
    ///
    /// # Errors
    /// There is nothing to serve, and no development certificate can be made.
    pub(crate) fn read(
        config: &Config,
        store: &Store,
        before: Option<&Self>,
        now_unix: i64,
    ) -> Result<Self, GuardError> {
        let mut contents = operators(config, before, now_unix);
        for name in &config.tls.acme {
            let Some(pair) = store.pair(name) else {
                contents.missing.push(name.clone());
                continue;
            };
            contents.pairs.push(Held {
                pair: ShelfPair {
                    certificate_pem: pair.certificate_pem,
                    key_pem: pair.key_pem,
                    origin: PairOrigin::Acme,
                },
                names: vec![name.clone()],
                file: None,
                not_after_unix: None,
                fingerprint_sha256: None,
            });
        }
        if needs_development(config, &contents) {
            contents.develop(config, now_unix)?;
        }
        Ok(contents)
    }

    /// Names of all, those of the preferred ones first.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.pairs.iter().flat_map(|held| &held.names).map(String::as_str)
    }

    fn develop(&mut self, config: &Config, now_unix: i64) -> Result<(), GuardError> {
        let names = development_names(config);
        let made = match dev_ca::ensure(&config.state, &names, now_unix) {
            Ok(made) => made,
            Err(error) if self.pairs.is_empty() => return Err(error.into()),
            Err(error) => {
                let claim = error.detail().map_or_else(String::new, |detail| format!(": {detail}"));
                let claim = format!("there is no development certificate: {error}{claim}");
                self.findings.push(
                    Finding::new("development-ca-unusable", Severity::Warning, "tls", claim)
                        .hint(error.hint().unwrap_or_default()),
                );
                return Ok(());
            }
        };
        let mut names = names;
        for loopback in ["127.0.0.1", "::1"] {
            if names.iter().all(|name| name != loopback) {
                names.push(loopback.to_owned());
            }
        }
        self.pairs.push(Held {
            pair: ShelfPair {
                certificate_pem: made.chain_pem,
                key_pem: made.key_pem,
                origin: PairOrigin::Development,
            },
            names: names.clone(),
            file: None,
            not_after_unix: Some(made.not_after_unix),
            fingerprint_sha256: Some(made.leaf_fingerprint_sha256),
        });
        self.development = Some(Development { ca: made.ca_path, names, issued: made.ca });
        Ok(())
    }
}

/// What is wrong with the certificates that `config` names; makes and changes nothing.
pub(crate) fn survey(config: &Config) -> Vec<Finding> {
    operators(config, None, unix_now()).findings
}

/// Whether some name may be without a certificate: the keeper's cannot be judged here, as they are
/// not looked into.
fn needs_development(config: &Config, contents: &Contents) -> bool {
    contents.pairs.is_empty() || !config.tls.acme.is_empty()
}

/// The operator's own: the pair that is given, then those that are found.
fn operators(config: &Config, before: Option<&Contents>, now_unix: i64) -> Contents {
    let mut contents = Contents::default();
    if let (Some(file), Some(key)) = (&config.tls.certificate, &config.tls.key) {
        contents.watched.extend([file.clone(), key.clone()]);
        let held = match given(file, key, now_unix, &mut contents.findings) {
            Ok(held) => Some(held),
            Err(finding) => {
                let known = |held: &&Held| {
                    held.pair.origin == PairOrigin::Given && held.file.as_ref() == Some(file)
                };
                let kept = before.and_then(|before| before.pairs.iter().find(known)).cloned();
                contents.findings.push(match kept {
                    Some(_) => finding.evidence("served", "memory", "the one read before"),
                    None => finding,
                });
                kept
            }
        };
        contents.pairs.extend(held);
    }
    // Watched also while it is not there: `menshen cert install` may make it at any time.
    contents.watched.push(config.state.join(INSTALLED));
    let places = places(config);
    if places.is_empty() {
        return contents;
    }
    let found = collect(&places, now_unix);
    contents.findings.extend(found.findings);
    contents.watched.extend(found.watched);
    let found: Vec<Held> = found.pairs.into_iter().map(Held::from).collect();
    let lost = before.map_or(&[][..], |before| &before.pairs).iter().filter(|old| {
        let lies_here =
            |file: &PathBuf| places.iter().any(|place| file.starts_with(place)) && file.exists();
        let replaced = |new: &Held| new.file == old.file || new.names == old.names;
        old.pair.origin == PairOrigin::Found
            && old.file.as_ref().is_some_and(lies_here)
            && !found.iter().any(replaced)
    });
    let lost: Vec<Held> = lost.cloned().collect();
    contents.pairs.extend(found);
    contents.pairs.extend(lost);
    contents
}

/// Files and folders with pairs: those that are configured, and what was installed.
fn places(config: &Config) -> Vec<PathBuf> {
    let installed = config.state.join(INSTALLED);
    let is_pem = |entry: &std::fs::DirEntry| entry.path().extension() == Some("pem".as_ref());
    let holds = std::fs::read_dir(&installed).is_ok_and(|dir| dir.flatten().any(|e| is_pem(&e)));
    config.tls.from.iter().cloned().chain(holds.then_some(installed)).collect()
}

/// The pair of `tls.certificate`, or what is wrong with it.
fn given(
    file: &Path,
    key: &Path,
    now_unix: i64,
    findings: &mut Vec<Finding>,
) -> Result<Held, Finding> {
    let (certificate_pem, _) = read(file).map_err(|error| unreadable(file, &error))?;
    let (key_pem, mode) = read(key).map_err(|error| unreadable(key, &error))?;
    let loaded = load_pair(certificate_pem.as_bytes(), key_pem.as_bytes(), now_unix);
    let loaded = loaded.map_err(|error| {
        let detail = error.detail().map(|detail| format!(": {detail}")).unwrap_or_default();
        broken(file, format!("{error}{detail}")).hint(error.hint().unwrap_or_default())
    })?;
    findings.extend(open_key(key, mode));
    findings.extend(loaded.findings);
    Ok(Held {
        pair: ShelfPair { certificate_pem, key_pem, origin: PairOrigin::Given },
        names: loaded.names,
        file: Some(file.to_owned()),
        not_after_unix: Some(loaded.not_after_unix),
        fingerprint_sha256: Some(loaded.fingerprint_sha256),
    })
}

impl From<menshen_tls::FoundPair> for Held {
    fn from(found: menshen_tls::FoundPair) -> Self {
        Self {
            pair: ShelfPair {
                certificate_pem: found.certificate_pem,
                key_pem: found.key_pem,
                origin: PairOrigin::Found,
            },
            names: found.names,
            file: Some(found.file),
            not_after_unix: Some(found.not_after_unix),
            fingerprint_sha256: Some(found.fingerprint_sha256),
        }
    }
}

fn read(path: &Path) -> io::Result<(String, u32)> {
    let file = folders::open_file(path)?;
    let mode = file.metadata()?.permissions().mode() & 0o7777;
    let mut text = Vec::new();
    file.take(FILE_BYTES_MAX).read_to_end(&mut text)?;
    // Comments around the blocks may be in any encoding; the blocks are ASCII.
    Ok((String::from_utf8_lossy(&text).into_owned(), mode))
}

fn unreadable(path: &Path, error: &io::Error) -> Finding {
    broken(path, format!("it cannot be read: {}", reason(error)))
        .hint("Correct the path or its rights; it is read again as soon as it changes.")
}

fn broken(path: &Path, claim: String) -> Finding {
    Finding::new("certificate-unusable", Severity::Error, path.display().to_string(), claim)
}

/// What the development certificate is made out to: also names the keeper has no certificate for.
fn development_names(config: &Config) -> Vec<String> {
    let mut names = config.tls.names.clone();
    for name in &config.tls.acme {
        // Browsers ignore a wildcard before one label, and no certificate can hold it.
        let good = name.strip_prefix("*.").is_none_or(|rest| rest.contains('.'));
        let address = name.parse::<std::net::IpAddr>().is_ok();
        if good && !address && !name.contains('_') && names.len() < NAMES_MAX {
            names.push(name.clone());
        }
    }
    names.dedup();
    names
}

/// As many as a development certificate carries.
const NAMES_MAX: usize = 100;
/// One byte more than a PEM file may have, so that it shows.
const FILE_BYTES_MAX: u64 = (1 << 20) + 1;
