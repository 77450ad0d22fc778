//! Clients of resumable uploads as people use them, against the released program: over a line that
//! is cut again and again, and in Chromium with the server killed half-way.
//!
//! The scripts start the program themselves. Node packages come from npm by their lock file, those
//! of Python go into an environment of their own below the target folder.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::shell::{find, run as run_command};
use crate::{chromium, workspace};

/// Installs the clients and runs the scripts.
pub(crate) fn run() -> Result<(), String> {
    let chromium = chromium::program()?;
    let node = find("node").ok_or("no node in PATH; install the package nodejs")?;
    let scripts = workspace::repository_root()?.join("tests/peers/uploads");
    chromium::install_driver(&scripts)?;
    let target = workspace::target_folder()?;
    let python = python(&scripts, &target.join("upload-clients"))?;
    let menshen = target.join("release/menshen");

    let script = |name: &str| {
        let mut script = Command::new(&node);
        script.current_dir(&scripts).arg(name);
        script
    };
    run_command(script("minify.mjs").arg("--check"))?;
    run_command(script("clients.mjs").arg(&menshen).arg(python))?;
    let mut browser = script("browser.mjs");
    browser.arg(menshen).arg(target.join("upload-screenshots")).env("CHROMIUM", chromium);
    run_command(&mut browser)
}

/// A Python with the packages of `requirements.txt`.
fn python(scripts: &Path, folder: &Path) -> Result<PathBuf, String> {
    let python = folder.join("bin/python");
    if !python.is_file() {
        let system = find("python3").ok_or("no python3 in PATH; install the package python3")?;
        run_command(Command::new(system).args(["-m", "venv"]).arg(folder))?;
    }
    let mut pip = Command::new(folder.join("bin/pip"));
    pip.args(["install", "--quiet", "--disable-pip-version-check", "--requirement"]);
    run_command(pip.arg(scripts.join("requirements.txt")))?;
    Ok(python)
}
