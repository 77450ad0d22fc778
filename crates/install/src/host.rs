//! Which distribution this is, and which package manager it has.
//!
//! os-release(5) is read as text, never run as the shell script it resembles. A distribution that
//! is not known is taken by what it says it is like, and then by the manager that is there.

use std::path::{Path, PathBuf};

use crate::manager::Manager;

/// What is known of this host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// What its os-release says.
    pub release: Release,
    /// Its package manager, if one is there that is known.
    pub manager: Option<Manager>,
    /// Whether this process is root.
    pub root: bool,
}

/// Of os-release(5), what matters here; empty where it says nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Release {
    /// `debian`, `centos`; lower case.
    pub id: String,
    /// What it is like, the closest first.
    pub like: Vec<String>,
    /// `12`, `9.7`; rolling distributions have none.
    pub version: String,
    /// For people.
    pub pretty: String,
}

impl Host {
    /// Looks at this host.
    #[must_use]
    pub fn look() -> Self {
        let text = ["/etc/os-release", "/usr/lib/os-release"]
            .iter()
            .find_map(|file| crate::read::text(Path::new(file), RELEASE_BYTES_MAX).ok());
        let release = Release::parse(&text.unwrap_or_default());
        let manager = recognise(&release, |manager| find(manager.program()).is_some());
        Self { release, manager, root: rustix::process::geteuid().is_root() }
    }
}

impl Release {
    /// Reads the text; lines that are no assignment are left out.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut release = Self::default();
        for line in text.lines().take(LINES_MAX) {
            let Some((key, value)) = line.trim().split_once('=') else { continue };
            let value = unquoted(value);
            match key {
                "ID" => release.id = value.to_ascii_lowercase(),
                "ID_LIKE" => {
                    let words = value.split_ascii_whitespace().map(str::to_ascii_lowercase);
                    release.like = words.collect();
                }
                "VERSION_ID" => release.version = value,
                "PRETTY_NAME" => release.pretty = value,
                _ => {}
            }
        }
        if release.pretty.is_empty() {
            release.pretty = format!("{} {}", release.id, release.version).trim().to_owned();
        }
        release
    }
}

/// The package manager of `release`, of those that `exists` knows.
pub fn recognise(release: &Release, exists: impl Fn(Manager) -> bool) -> Option<Manager> {
    let names = std::iter::once(&release.id).chain(&release.like);
    let family = names.filter_map(|name| {
        FAMILIES.iter().find(|(known, _)| known.contains(&name.as_str())).map(|(_, own)| *own)
    });
    let by_family = family.flatten().copied().find(|manager| exists(*manager));
    by_family.or_else(|| Manager::ALL.into_iter().find(|manager| exists(*manager)))
}

/// Where a program is: in `PATH`, or in a folder for administrators' programs.
#[must_use]
pub fn find(program: &str) -> Option<PathBuf> {
    if program.contains('/') {
        return Some(PathBuf::from(program)).filter(|path| executable(path));
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).collect::<Vec<_>>();
    let more = ["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from);
    // An empty or relative entry of PATH means the folder one happens to be in.
    let mut folders = folders.into_iter().chain(more).filter(|folder| folder.is_absolute());
    folders.find_map(|folder| Some(folder.join(program)).filter(|path| executable(path)))
}

fn executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// A value without its quotes; in double quotes and bare, a backslash keeps what follows it.
fn unquoted(value: &str) -> String {
    let value = value.trim();
    if let Some(inner) = value.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
        return inner.to_owned();
    }
    let inner = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value);
    let mut out = String::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(c) = characters.next() {
        match c {
            '\\' => out.extend(characters.next()),
            c => out.push(c),
        }
    }
    out
}

/// Names of distributions, and their managers, the preferred first.
const FAMILIES: &[(&[&str], &[Manager])] = &[
    (&["debian", "ubuntu"], &[Manager::Apt]),
    (
        &["fedora", "rhel", "centos", "rocky", "almalinux", "ol", "amzn"],
        &[Manager::Dnf, Manager::Yum],
    ),
    (&["alpine"], &[Manager::Apk]),
    (&["suse", "opensuse", "opensuse-leap", "opensuse-tumbleweed", "sles"], &[Manager::Zypper]),
    (&["arch"], &[Manager::Pacman]),
];
const RELEASE_BYTES_MAX: u64 = 64 << 10;
const LINES_MAX: usize = 1000;

#[cfg(test)]
mod tests;
