//! Finding php-fpm and what it is: its version and the settings files it reads. Only programs of
//! the operator's are started, with the rights of the workers.

use serde::{Deserialize, Serialize};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::account::Account;
use crate::error::GuardError;

/// A php-fpm that can be started. Equal ones run the same code with the same `php.ini`. What
/// another program did not tell of it is empty, so it is another one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Program {
    pub(crate) path: PathBuf,
    /// Such as `8.2.36`.
    pub(crate) version: String,
    /// The program and each settings file, with the time of its last change.
    changed: Vec<(PathBuf, i64, i64)>,
}

impl Program {
    /// The program at `given`, or the newest one installed.
    pub(crate) fn find(
        given: Option<&Path>,
        account: Option<&Account>,
    ) -> Result<Self, GuardError> {
        Self::ask(installed(given)?, account)
    }

    /// Whether `pm.status_listen` is known to it.
    pub(crate) fn has_status_listen(&self) -> bool {
        self.version
            .split('.')
            .next()
            .and_then(|major| major.parse().ok())
            .is_some_and(|m: u32| m >= 8)
    }

    /// Runs it once to hear what it is.
    fn ask(path: PathBuf, account: Option<&Account>) -> Result<Self, GuardError> {
        let output = run(&path, &["-i"], account).map_err(|source| GuardError::LocalFile {
            action: "start",
            path: path.clone(),
            source,
        })?;
        let text = String::from_utf8_lossy(&output.stdout);
        let Some(version) = field(&text, "PHP Version => ") else {
            let said = String::from_utf8_lossy(&output.stderr);
            let said = said.lines().next().unwrap_or("it said nothing");
            return Err(GuardError::ConfigPhpMissing {
                detail: format!("{} -i does not answer like php-fpm: {said}", path.display()),
                hint: "`php.program` names the php-fpm to start".to_owned(),
            });
        };
        let version = version.chars().take(32).filter(|c| !c.is_control()).collect();
        let changed = std::iter::once(path.clone()).chain(settings_files(&text)).map(with_time);
        Ok(Self { version, changed: changed.collect(), path })
    }
}

/// The program at `given`, or the newest one installed; it is not started.
pub(crate) fn installed(given: Option<&Path>) -> Result<PathBuf, GuardError> {
    match given {
        Some(path) if is_program(path) => Ok(path.to_owned()),
        Some(path) => Err(GuardError::ConfigPhpMissing {
            detail: format!("{} is no program", path.display()),
            hint: "`php.program` names the php-fpm to start; leave it out to take the newest that \
                   is installed"
                .to_owned(),
        }),
        None => newest(&folders()).ok_or_else(|| GuardError::ConfigPhpMissing {
            detail: "there is none in PATH, /usr/sbin and /usr/local/sbin".to_owned(),
            hint: how_to_install(&fs::read_to_string("/etc/os-release").unwrap_or_default()),
        }),
    }
}

/// Runs `program` to its end with the rights a pool has, and takes what it says.
pub(super) fn run(
    program: &Path,
    arguments: &[&str],
    account: Option<&Account>,
) -> std::io::Result<std::process::Output> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null());
    if let Some(account) = account {
        command.uid(account.uid).gid(account.gid);
    }
    command.output()
}

/// What package holds php-fpm here, from `os-release(5)`.
fn how_to_install(os_release: &str) -> String {
    let value = |key: &str| {
        let line = os_release.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        line.unwrap_or_default().trim_matches(['"', '\'']).to_owned()
    };
    let kinds = format!("{} {}", value("ID"), value("ID_LIKE"));
    let command = kinds.split_whitespace().find_map(|kind| match kind {
        "debian" | "ubuntu" => Some("apt install php-fpm"),
        "fedora" | "rhel" | "centos" => Some("dnf install php-fpm"),
        "alpine" => Some("apk add php83-fpm"),
        "arch" => Some("pacman -S php-fpm"),
        "suse" | "opensuse" | "sles" => Some("zypper install php8-fpm"),
        "gentoo" => Some("USE=fpm emerge dev-lang/php"),
        _ => None,
    });
    match command {
        Some(command) => format!(
            "`{command}` installs it; menshen starts a pool of its own, the service that comes \
             with the package is not needed"
        ),
        None => "install the package with php-fpm, or name the program in `php.program`".to_owned(),
    }
}

/// The newest `php-fpm…` in these folders; of equal age the first found.
fn newest(folders: &[PathBuf]) -> Option<PathBuf> {
    let mut best: Option<((u32, u32), PathBuf)> = None;
    for folder in folders {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let Some(version) = name.to_str().and_then(version_of) else { continue };
            if best.as_ref().is_none_or(|(known, _)| version > *known) && is_program(&entry.path())
            {
                best = Some((version, entry.path()));
            }
        }
    }
    best.map(|(_, path)| path)
}

/// The version in a name: `php-fpm` (whatever it is: the administrator's choice, before all),
/// `php-fpm8.2` (Debian), `php-fpm83` (Alpine); `None`: another program.
fn version_of(name: &str) -> Option<(u32, u32)> {
    let rest = name.strip_prefix("php-fpm")?;
    if rest.is_empty() {
        return Some((u32::MAX, 0));
    }
    let (major, minor) = match rest.split_once('.') {
        Some(parts) => parts,
        None => rest.split_at_checked(1)?,
    };
    let digits = |text: &str| text.len() <= 3 && text.bytes().all(|byte| byte.is_ascii_digit());
    (digits(major) && digits(minor))
        .then(|| Some((major.parse().ok()?, minor.parse().ok()?)))
        .flatten()
}

fn folders() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Services often lack the sbin folders in their PATH.
    let usual = ["/usr/sbin", "/usr/local/sbin", "/usr/bin", "/usr/local/bin"];
    std::env::split_paths(&path).chain(usual.iter().map(PathBuf::from)).collect()
}

fn is_program(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

fn field<'a>(text: &'a str, label: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(label)).map(str::trim)
}

/// `Loaded Configuration File` and the list below `Additional .ini files parsed`, whose folder
/// counts too: a file may come or go.
fn settings_files(text: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        ["Loaded Configuration File => ", "Scan this dir for additional .ini files => "]
            .iter()
            .filter_map(|label| field(text, label))
            .filter(|value| value.starts_with('/'))
            .map(PathBuf::from)
            .collect();
    let mut lines = text.lines().skip_while(|line| !line.starts_with(ADDITIONAL));
    let first = lines.next().and_then(|line| line.strip_prefix(ADDITIONAL));
    for line in first.into_iter().chain(lines) {
        let Some(file) = line.trim().strip_suffix(',').or_else(|| Some(line.trim())) else { break };
        if !file.starts_with('/') {
            break;
        }
        files.push(PathBuf::from(file));
    }
    files
}

fn with_time(path: PathBuf) -> (PathBuf, i64, i64) {
    let times = fs::metadata(&path).map_or((0, 0), |meta| (meta.mtime(), meta.mtime_nsec()));
    (path, times.0, times.1)
}

const ADDITIONAL: &str = "Additional .ini files parsed => ";

#[cfg(test)]
mod tests;
