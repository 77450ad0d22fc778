//! Keys of signed links: a file of several, each with a name and the time it was made.
//!
//! Its text is read and written by [`menshen_web_core::link::keys`]. The newest signs, all verify;
//! taking a line away ends every link of that key. The file is 0600 and refused when others can
//! reach it; it is written whole or not at all, under the lock of its folder, so two commands at
//! once lose no key. Key material never gets into `Debug` or an error.

use std::fmt;
use std::path::{Path, PathBuf};

use aws_lc_rs::{hmac, rand};
use menshen_web_core::link::KeyId;
use menshen_web_core::link::keys::{self, KEYS_MAX, KeyLine};

use crate::error::TlsError;
use crate::state_folder::{Privacy, StateFolder};

/// All keys, the oldest first; never empty.
#[derive(Debug, Clone)]
pub struct LinkKeys {
    keys: Vec<LinkKey>,
}

/// One key; `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct LinkKey {
    /// Its name in links.
    pub id: [u8; 4],
    /// When it was made, Unix seconds.
    pub created_unix: u64,
    secret: [u8; 32],
}

/// What is done to the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// A new key, which signs from now on; nothing is removed.
    Add,
    /// A new key; keys that have not signed for so many seconds are removed.
    Rotate {
        /// Longest time that any link is made for.
        idle_seconds: u64,
    },
    /// A new key; all others are removed.
    Replace,
    /// The key of this name is removed; when it was the last, a new one is made.
    Remove([u8; 4]),
}

/// What came of a change.
#[derive(Debug, Clone)]
pub struct Changed {
    /// What is in the file now.
    pub keys: LinkKeys,
    /// What was made.
    pub added: Option<LinkKey>,
    /// What was removed.
    pub removed: Vec<LinkKey>,
}

impl LinkKeys {
    /// The keys in `path`; a file with a first key is made where there is none.
    ///
    /// # Errors
    /// A file that others can read or that is not one of keys, or a failing file system.
    pub fn ensure(path: &Path, now_unix: u64) -> Result<Self, TlsError> {
        let file = KeyFile::open(path)?;
        if let Some(keys) = file.read()? {
            return Ok(keys);
        }
        let keys = Self { keys: vec![LinkKey::new(now_unix, &[])?] };
        file.write(&keys)?;
        Ok(keys)
    }

    /// The keys in `path`; `None` where there is no such file. Nothing is made.
    ///
    /// # Errors
    /// As [`LinkKeys::ensure`].
    pub fn read(path: &Path) -> Result<Option<Self>, TlsError> {
        match std::fs::symlink_metadata(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            _ => KeyFile::open(path)?.read(),
        }
    }

    /// Changes the file, made where there is none.
    ///
    /// # Errors
    /// As [`LinkKeys::ensure`]; and when no key has the name to be removed, or there are too many.
    pub fn change(path: &Path, change: Change, now_unix: u64) -> Result<Changed, TlsError> {
        let file = KeyFile::open(path)?;
        let mut keys = file.read()?.map_or_else(Vec::new, |keys| keys.keys);
        let before = keys.clone();
        let mut added = None;
        if let Change::Remove(id) = change {
            keys.retain(|key| key.id != id);
            if keys.len() == before.len() {
                return Err(file.broken(0, "no key has that name"));
            }
        }
        if !matches!(change, Change::Remove(_)) || keys.is_empty() {
            let key = LinkKey::new(now_unix, &before)?;
            added = Some(key.clone());
            keys.push(key);
        }
        let last = keys.len() - 1;
        match change {
            Change::Add | Change::Remove(_) => {}
            Change::Replace => drop(keys.drain(..last)),
            Change::Rotate { idle_seconds } => {
                // A key signs until the next one is made.
                let ends: Vec<u64> = keys.iter().skip(1).map(|next| next.created_unix).collect();
                let idle = |place: usize| {
                    let end = ends.get(place).copied().unwrap_or(u64::MAX);
                    now_unix.saturating_sub(end) >= idle_seconds
                };
                let mut place = 0..;
                keys.retain(|_| !idle(place.next().unwrap_or(usize::MAX)));
            }
        }
        if keys.len() > KEYS_MAX {
            return Err(file.broken(0, "it holds 64 keys already: remove some"));
        }
        let keys = Self { keys };
        file.write(&keys)?;
        let gone = |key: &LinkKey| !keys.keys.contains(key);
        let removed = before.into_iter().filter(gone).collect();
        Ok(Changed { keys, added, removed })
    }

    /// The key that signs: the newest.
    #[must_use]
    pub fn newest(&self) -> Option<&LinkKey> {
        self.keys.last()
    }

    /// The key of that name.
    #[must_use]
    pub fn find(&self, id: [u8; 4]) -> Option<&LinkKey> {
        self.keys.iter().find(|key| key.id == id)
    }

    /// All, the oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &LinkKey> {
        self.keys.iter()
    }
}

impl LinkKey {
    /// The key of a specification.
    #[must_use]
    pub const fn from_secret(id: [u8; 4], secret: [u8; 32]) -> Self {
        Self { id, created_unix: 0, secret }
    }

    /// HMAC-SHA-256 of a message.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> [u8; 32] {
        let mut mac = [0; 32];
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.secret);
        mac.copy_from_slice(hmac::sign(&key, message).as_ref());
        mac
    }

    /// The key itself, to be handed to a worker.
    #[must_use]
    pub const fn expose(&self) -> &[u8; 32] {
        &self.secret
    }

    fn line(&self) -> KeyLine {
        KeyLine { id: KeyId(self.id), created_unix: self.created_unix, secret: self.secret }
    }

    /// A random one that has another name than `others`.
    fn new(now_unix: u64, others: &[Self]) -> Result<Self, TlsError> {
        // A clock that was set back must not make the new key an old one.
        let newest = others.iter().map(|key| key.created_unix).max().unwrap_or(0);
        let created_unix = now_unix.max(newest);
        loop {
            let (mut id, mut secret) = ([0; 4], [0; 32]);
            rand::fill(&mut id).map_err(|_| TlsError::LocalRandom)?;
            rand::fill(&mut secret).map_err(|_| TlsError::LocalRandom)?;
            if others.iter().all(|key| key.id != id) {
                return Ok(Self { id, created_unix, secret });
            }
        }
    }
}

impl From<KeyLine> for LinkKey {
    fn from(line: KeyLine) -> Self {
        Self { id: line.id.0, created_unix: line.created_unix, secret: line.secret }
    }
}

impl fmt::Debug for LinkKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LinkKey({:08x})", u32::from_be_bytes(self.id))
    }
}

/// Random bytes that tell one link from another.
///
/// # Errors
/// When the operating system has none.
pub fn random_link_id() -> Result<[u8; 12], TlsError> {
    let mut id = [0; 12];
    rand::fill(&mut id).map_err(|_| TlsError::LocalRandom)?;
    Ok(id)
}

/// The file, held by this process alone.
struct KeyFile {
    folder: StateFolder,
    name: String,
    path: PathBuf,
}

impl KeyFile {
    fn open(path: &Path) -> Result<Self, TlsError> {
        let name = path.file_name().and_then(|name| name.to_str()).map(str::to_owned);
        let (Some(parent), Some(name)) = (path.parent(), name) else {
            let reason = "its path names no file";
            return Err(TlsError::LocalLinkKeys { path: path.to_owned(), line: 0, reason });
        };
        Ok(Self { folder: StateFolder::open(parent)?, name, path: path.to_owned() })
    }

    fn read(&self) -> Result<Option<LinkKeys>, TlsError> {
        let Some(bytes) = self.folder.read(&self.name, Privacy::Secret)? else { return Ok(None) };
        let text = str::from_utf8(&bytes).map_err(|_| self.broken(0, "it is not text"))?;
        let keys = keys::read(text).map_err(|error| self.broken(error.line, error.reason))?;
        Ok(Some(LinkKeys { keys: keys.into_iter().map(LinkKey::from).collect() }))
    }

    fn write(&self, keys: &LinkKeys) -> Result<(), TlsError> {
        let lines: Vec<KeyLine> = keys.keys.iter().map(LinkKey::line).collect();
        let text = keys::write(&lines);
        self.folder.write(&[(&self.name, Privacy::Secret, text)])
    }

    fn broken(&self, line: usize, reason: &'static str) -> TlsError {
        TlsError::LocalLinkKeys { path: self.path.clone(), line, reason }
    }
}

#[cfg(test)]
mod tests;
