//! The working folder of one run: databases, copies of applications, servers' files.
//!
//! It lies in the system's folder for temporary files and goes away with this value. Nothing of a
//! run may lie elsewhere, except screenshots.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::account::Account;
use crate::shell;

/// The folder, and who owns what is in it.
#[derive(Debug)]
pub(crate) struct Lab {
    /// The folder.
    pub(crate) folder: PathBuf,
    /// Who servers run as.
    pub(crate) account: Account,
    keep: bool,
}

/// Where one application lies.
#[derive(Debug)]
pub(crate) struct Place {
    /// Its copy, which is also its document root.
    pub(crate) root: PathBuf,
    /// Its data that no client may fetch by path.
    pub(crate) data: PathBuf,
    /// Files of its server.
    pub(crate) server: PathBuf,
    /// Files of the driver: what is uploaded and what came down.
    pub(crate) work: PathBuf,
}

impl Lab {
    /// A new folder with a certificate for every host below `localhost`.
    pub(crate) fn new(keep: bool) -> Result<Self, String> {
        let account = Account::find()?;
        let folder = std::env::temp_dir().join(format!("menshen-apps-{}", std::process::id()));
        create(&folder)?;
        // Other accounts have to reach what is theirs in it.
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755))
            .map_err(|e| format!("could not open {}: {e}", folder.display()))?;
        let lab = Self { folder, account, keep };
        lab.make_certificate()?;
        Ok(lab)
    }

    /// An empty place for an application, owned by the account.
    pub(crate) fn place(&self, name: &str) -> Result<Place, String> {
        let folder = self.folder.join(name);
        let place = Place {
            root: folder.join("site"),
            data: folder.join("data"),
            server: folder.join("server"),
            work: folder.join("work"),
        };
        for folder in [&place.root, &place.data, &place.server, &place.work] {
            create(folder)?;
        }
        self.account.give(&folder)?;
        Ok(place)
    }

    /// The certificate; its key lies beside it as `.key`.
    pub(crate) fn certificate(&self) -> PathBuf {
        self.folder.join("site.crt")
    }

    fn make_certificate(&self) -> Result<(), String> {
        let openssl = shell::find("openssl").ok_or("no openssl in PATH")?;
        let certificate = self.certificate();
        let key = certificate.with_extension("key");
        let mut command = Command::new(openssl);
        command.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]);
        command.args(["-nodes", "-days", "2", "-subj", "/CN=localhost"]);
        // Without this, openssl makes an authority, which is no server.
        command.args(["-addext", "basicConstraints=critical,CA:FALSE", "-addext"]);
        let names = super::application::APPLICATIONS.iter();
        let names: Vec<_> = names.map(|known| format!("DNS:{}.localhost", known.name)).collect();
        command.arg(format!("subjectAltName={}", names.join(",")));
        command.arg("-keyout").arg(&key).arg("-out").arg(&certificate);
        shell::spoken(&mut command)?;
        self.account.give(&certificate)?;
        self.account.give(&key)
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if self.keep {
            eprintln!("kept: {}", self.folder.display());
        } else {
            fs::remove_dir_all(&self.folder).ok();
        }
    }
}

impl Place {
    /// Removes it, so that the next application has the room.
    pub(crate) fn remove(&self) {
        for folder in [&self.root, &self.data, &self.server, &self.work] {
            fs::remove_dir_all(folder).ok();
        }
    }
}

fn create(folder: &Path) -> Result<(), String> {
    fs::create_dir_all(folder).map_err(|e| format!("could not create {}: {e}", folder.display()))
}
