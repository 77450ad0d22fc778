//! The folders of a site: its document root and its mounts, and the scripts in them.

use std::collections::HashMap;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::rc::Rc;

use menshen_config::model::{Links, Mount, Site};
use menshen_net::clock;
use menshen_sys::inherit;
use rustix::fs::Stat;

use crate::fault::Fault;
use crate::files::{Files, TRUST_MS};
use crate::root::{Kind, Root, kind_of};

/// A folder shown at a path of the site.
#[derive(Debug)]
pub(super) struct Place {
    /// Where it is shown; ends in `/`. `/` is the document root.
    pub(super) path: Vec<u8>,
    /// Whether only an application may name what is in it.
    pub(super) internal: bool,
    /// Tells it from the places of other sites.
    pub(super) number: usize,
    pub(super) root: Root,
    pub(super) files: Files,
    /// Where it lies, absolute, as PHP sees it, without a slash at its end.
    pub(super) php: Vec<u8>,
    /// The same with all symbolic links resolved, as `realpath()` would say it.
    pub(super) real: Vec<u8>,
}

/// Scripts that were found a moment ago, by name, with what goes with them.
#[derive(Debug, Default)]
pub(super) struct Scripts(HashMap<Vec<u8>, Known>);

#[derive(Debug)]
struct Known {
    checked_ms: u64,
    user_ini: Rc<[u8]>,
}

impl Place {
    /// The document root of `site`.
    pub(super) fn root(site: &Site, fd: i32, number: usize, files: &Files) -> io::Result<Self> {
        let place = Self::new(b"/".to_vec(), &site.root, site.links, fd, files)?;
        let php = match &site.php_root {
            Some(path) => without_slash(path.as_os_str().as_bytes()),
            None => place.php,
        };
        Ok(Self { php, number, ..place })
    }

    /// A mount.
    pub(super) fn mount(
        mount: &Mount,
        links: Links,
        fd: i32,
        number: usize,
        files: &Files,
    ) -> io::Result<Self> {
        let place = Self::new(mount.path.clone().into_bytes(), &mount.root, links, fd, files)?;
        Ok(Self { internal: mount.internal, number, ..place })
    }

    fn new(path: Vec<u8>, folder: &Path, links: Links, fd: i32, files: &Files) -> io::Result<Self> {
        let root = Root::with_links(inherit::adopt(fd)?, links)?;
        let real = without_slash(&root.real_path()?);
        let php = if folder.is_absolute() {
            without_slash(folder.as_os_str().as_bytes())
        } else {
            real.clone()
        };
        Ok(Self { path, internal: false, number: 0, root, files: files.beside(), php, real })
    }

    /// What `path` of the site is beneath this folder; starts with `/`.
    pub(super) fn rest<'p>(&self, path: &'p [u8]) -> &'p [u8] {
        // A mount's own path may come without its slash.
        path.get(self.path.len() - 1..).filter(|rest| !rest.is_empty()).unwrap_or(b"/")
    }

    /// What is at `rest`; nothing where the way there leads through a file.
    pub(super) fn look(&self, rest: &[u8]) -> Result<Option<Stat>, Fault> {
        match self.root.look(rest) {
            Err(Fault::NotDirectory) => Ok(None),
            found => found,
        }
    }

    /// The kind of thing at `rest`.
    pub(super) fn kind(&self, rest: &[u8]) -> Result<Option<Kind>, Fault> {
        Ok(self.look(rest)?.as_ref().and_then(kind_of))
    }

    pub(super) fn forget(&self) {
        self.files.forget();
    }

    pub(super) fn close_idle(&self) {
        self.files.close_idle();
    }

    /// Existing `.user.ini` files that PHP reads for a script at `rest`, joined by `:`: from the
    /// document root down to its folder, or of its folder alone where that is elsewhere.
    fn user_ini(&self, rest: &[u8]) -> Vec<u8> {
        let mut found = Vec::new();
        let slashes: Vec<usize> =
            rest.iter().enumerate().filter(|&(_, &b)| b == b'/').map(|(at, _)| at).collect();
        let from = if self.path == b"/" { 0 } else { slashes.len().saturating_sub(1) };
        for slash in &slashes[from..] {
            let mut name = rest[..=*slash].to_vec();
            name.extend_from_slice(USER_INI);
            if matches!(self.kind(&name), Ok(Some(Kind::File))) {
                if !found.is_empty() {
                    found.push(b':');
                }
                found.extend_from_slice(&self.php);
                found.extend_from_slice(&name);
            }
        }
        found
    }
}

impl Scripts {
    /// The `.user.ini` files of the script `name` in `place`; `None` when there is no such script.
    /// What was found is believed for a second.
    pub(super) fn find(&mut self, place: &Place, name: &[u8]) -> Result<Option<Rc<[u8]>>, Fault> {
        let now_ms = clock::coarse_ms();
        if let Some(known) = self.0.get(name)
            && now_ms.saturating_sub(known.checked_ms) < TRUST_MS
        {
            return Ok(Some(Rc::clone(&known.user_ini)));
        }
        let rest = place.rest(name);
        if place.kind(rest)? != Some(Kind::File) {
            self.0.remove(name);
            return Ok(None);
        }
        let user_ini: Rc<[u8]> = place.user_ini(rest).into();
        if self.0.len() >= SCRIPTS_MAX {
            self.0.clear();
        }
        let known = Known { checked_ms: now_ms, user_ini: Rc::clone(&user_ini) };
        self.0.insert(name.to_vec(), known);
        Ok(Some(user_ini))
    }
}

#[cfg(test)]
impl Scripts {
    /// As if a second had passed.
    pub(super) fn distrust(&mut self) {
        self.0.values_mut().for_each(|known| known.checked_ms -= TRUST_MS);
    }
}

/// A folder's path without slashes at its end; empty for `/`.
pub(super) fn without_slash(path: &[u8]) -> Vec<u8> {
    let end = path.iter().rposition(|&b| b != b'/').map_or(0, |at| at + 1);
    path[..end].to_vec()
}

const USER_INI: &[u8] = b".user.ini";

/// Scripts a site remembers; names of scripts are few, and each costs a path and a word or two.
const SCRIPTS_MAX: usize = 1024;
