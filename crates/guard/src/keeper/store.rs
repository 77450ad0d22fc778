//! What the keeper gave, in the state folder: certificates with their keys, accounts, notes.
//!
//! Everything here is opaque: nothing is parsed, whoever wrote it may have been subverted. A
//! certificate is on the disk, whole and durable, before anybody serves it; one that could not be
//! written is kept here and tried again. Notes are worth less and are only written whole.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use menshen_config::keeper::Secret;

/// The keeper's part of a state folder.
#[derive(Debug)]
pub(crate) struct Store {
    state: PathBuf,
    /// Certificates that could not be written, by name.
    unsaved: BTreeMap<String, Unsaved>,
}

/// Chain and key of a certificate, PEM; `Debug` shows neither.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct StoredPair {
    pub(crate) certificate_pem: String,
    pub(crate) key_pem: String,
}

#[derive(Debug)]
struct Unsaved(StoredPair);

impl Store {
    pub(crate) fn new(state: &Path) -> Self {
        Self { state: state.to_owned(), unsaved: BTreeMap::new() }
    }

    /// The certificate kept for a name.
    pub(crate) fn pair(&self, name: &str) -> Option<StoredPair> {
        let text = read(&self.certificate_path(name))?;
        // Written below: the key is the last block.
        let key_at = text.rfind(BLOCK).filter(|at| *at > 0)?;
        let (certificate_pem, key_pem) = text.split_at(key_at);
        Some(StoredPair { certificate_pem: certificate_pem.into(), key_pem: key_pem.into() })
    }

    /// What the keeper noted of a name.
    pub(crate) fn note(&self, name: &str) -> Option<String> {
        read(&self.note_path(name))
    }

    /// Credentials at the authority with this URL.
    pub(crate) fn account(&self, url: &str) -> Option<Secret> {
        read(&self.account_path(url)).map(Secret)
    }

    /// Writes a certificate durably. One that fails is tried again by [`Self::save_again`].
    ///
    /// # Errors
    /// What the file system says.
    pub(crate) fn put_pair(&mut self, name: &str, pair: StoredPair) -> io::Result<()> {
        let written = self.write_pair(name, &pair);
        if written.is_err() {
            self.unsaved.insert(name.to_owned(), Unsaved(pair));
        } else {
            self.unsaved.remove(name);
        }
        written
    }

    /// Tries once more what could not be written; gives whether something was.
    pub(crate) fn save_again(&mut self) -> bool {
        let before = self.unsaved.len();
        for (name, Unsaved(pair)) in std::mem::take(&mut self.unsaved) {
            if self.write_pair(&name, &pair).is_err() {
                self.unsaved.insert(name, Unsaved(pair));
            }
        }
        self.unsaved.len() < before
    }

    /// Whether something waits to be written.
    pub(crate) fn has_unsaved(&self) -> bool {
        !self.unsaved.is_empty()
    }

    /// Writes a note; a crash may lose it.
    ///
    /// # Errors
    /// What the file system says.
    pub(crate) fn put_note(&self, name: &str, json: &[u8]) -> io::Result<()> {
        write(&self.note_path(name), json, Durability::Whole)
    }

    /// Writes credentials durably.
    ///
    /// # Errors
    /// What the file system says.
    pub(crate) fn put_account(&self, url: &str, credentials: &[u8]) -> io::Result<()> {
        write(&self.account_path(url), credentials, Durability::Flushed)
    }

    /// Removes the notes of all other names: status shows what is kept. Their certificates stay,
    /// since the configuration may name them again.
    pub(crate) fn forget_others(&self, names: &[String]) {
        let Ok(entries) = fs::read_dir(self.state.join(CERTIFICATES)) else { return };
        let kept: Vec<PathBuf> = names.iter().map(|name| self.note_path(name)).collect();
        for path in entries.flatten().map(|entry| entry.path()) {
            if path.extension().is_some_and(|kind| kind == "json") && !kept.contains(&path) {
                // One that stays shows a name too many.
                let _ = fs::remove_file(path);
            }
        }
    }

    fn write_pair(&self, name: &str, pair: &StoredPair) -> io::Result<()> {
        let mut text = pair.certificate_pem.trim_end().to_owned();
        text.push('\n');
        text.push_str(&pair.key_pem);
        write(&self.certificate_path(name), text.as_bytes(), Durability::Flushed)
    }

    fn certificate_path(&self, name: &str) -> PathBuf {
        self.state.join(CERTIFICATES).join(format!("{}.pem", file_name(name)))
    }

    fn note_path(&self, name: &str) -> PathBuf {
        self.state.join(CERTIFICATES).join(format!("{}.json", file_name(name)))
    }

    fn account_path(&self, url: &str) -> PathBuf {
        let digest = menshen_tls::fingerprint(url.as_bytes()).replace(':', "").to_lowercase();
        let short: String = digest.chars().take(16).collect();
        self.state.join("acme").join(format!("{short}.json"))
    }
}

impl std::fmt::Debug for StoredPair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StoredPair(…)")
    }
}

/// The name of a name's files: `_` for `*`, and what begins with `_` itself stands behind `=`,
/// which no name has. Names are checked host names: nothing in them leads elsewhere.
fn file_name(name: &str) -> String {
    let kept = if name.starts_with('_') { "=" } else { "" };
    format!("{kept}{}", name.replace('*', "_"))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Durability {
    /// Old or new after a crash of menshen.
    Whole,
    /// Also after a crash of the machine; new once this returned.
    Flushed,
}

/// Replaces a file, mode 0600, in a folder of mode 0700.
fn write(path: &Path, bytes: &[u8], durability: Durability) -> io::Result<()> {
    let folder = path.parent().unwrap_or(path);
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let new = path.with_added_extension("new");
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
    file.write_all(bytes)?;
    if durability == Durability::Flushed {
        file.sync_all()?;
    }
    fs::rename(&new, path)?;
    if durability == Durability::Flushed {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

/// The text of a file; what is missing, too long or no text counts as not there.
fn read(path: &Path) -> Option<String> {
    if !fs::symlink_metadata(path).ok()?.is_file() {
        return None;
    }
    let mut text = String::new();
    let file = File::open(path).ok()?;
    file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text).ok()?;
    (text.len() as u64 <= FILE_BYTES_MAX).then_some(text)
}

const CERTIFICATES: &str = "certificates";
const BLOCK: &str = "-----BEGIN ";
/// More than any message of the keeper holds.
const FILE_BYTES_MAX: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    //! What is written, where, with which rights, and what is read back.
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn pair(mark: &str) -> StoredPair {
        let block = |kind: &str| format!("-----BEGIN {kind}-----\n{mark}\n-----END {kind}-----\n");
        let chain = format!("{}{}", block("CERTIFICATE"), block("CERTIFICATE"));
        StoredPair { certificate_pem: chain, key_pem: block("PRIVATE KEY") }
    }

    #[test]
    fn what_was_put_is_there_and_only_for_its_owner() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::new(folder.path());
        assert_eq!(store.pair("a.test"), None);
        for mark in ["one", "two"] {
            store.put_pair("*.a.test", pair(mark)).unwrap();
            assert_eq!(store.pair("*.a.test"), Some(pair(mark)));
        }
        store.put_note("*.a.test", b"{}").unwrap();
        store.put_account("https://a/", b"secret").unwrap();
        assert_eq!(store.note("*.a.test").as_deref(), Some("{}"));
        assert_eq!(store.account("https://a/"), Some(Secret("secret".into())));
        assert_eq!(store.account("https://b/"), None);
        let mut names = Vec::new();
        for folder in [folder.path().join("certificates"), folder.path().join("acme")] {
            assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
            for entry in fs::read_dir(folder).unwrap() {
                let entry = entry.unwrap();
                assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600);
                names.push(entry.file_name().into_string().unwrap());
            }
        }
        store.forget_others(&["*.a.test".to_owned()]);
        assert!(store.note("*.a.test").is_some());
        store.forget_others(&["a.test".to_owned()]);
        assert!(store.note("*.a.test").is_none() && store.pair("*.a.test").is_some());
        names.sort();
        // The first 16 digits of `printf https://a/ | sha256sum`.
        assert_eq!(names, ["_.a.test.json", "_.a.test.pem", "ab9864044fc27419.json"]);
    }

    #[test]
    fn no_two_names_share_a_file() {
        let names = ["*.a.test", "_.a.test", "__.a.test", "_x.a.test", "a.test"];
        let mut files: Vec<_> = names.iter().map(|name| file_name(name)).collect();
        assert_eq!(files[0], "_.a.test");
        files.sort();
        files.dedup();
        assert_eq!(files.len(), names.len());
    }

    #[test]
    fn one_that_could_not_be_written_is_tried_again() {
        let folder = tempfile::tempdir().unwrap();
        let blocked = folder.path().join("certificates");
        fs::write(&blocked, "in the way").unwrap();
        let mut store = Store::new(folder.path());
        assert!(store.put_pair("a.test", pair("one")).is_err());
        assert!(store.has_unsaved() && !store.save_again());
        fs::remove_file(&blocked).unwrap();
        assert!(store.save_again() && !store.has_unsaved());
        assert_eq!(store.pair("a.test"), Some(pair("one")));
    }
}
