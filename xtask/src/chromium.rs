//! Chromium and the library that drives it.
//!
//! The driver comes from npm without a browser of its own; the browser is the installed one.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::shell::{find, run};

/// The installed browser.
pub(crate) fn program() -> Result<PathBuf, String> {
    let found = NAMES.iter().find_map(|name| find(name));
    found.ok_or_else(|| "no chromium in PATH; install the package chromium".to_owned())
}

/// Installs what `package.json` in this folder asks for.
pub(crate) fn install_driver(scripts: &Path) -> Result<(), String> {
    let npm = find("npm").ok_or("no npm in PATH; install the package npm")?;
    let mut command = Command::new(npm);
    command.current_dir(scripts).env("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1");
    if scripts.join("package-lock.json").exists() {
        command.arg("ci");
    } else {
        command.args(["install", "--no-package-lock"]);
    }
    run(command.args(["--no-audit", "--no-fund"]))
}

const NAMES: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];
