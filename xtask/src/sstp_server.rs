//! The Python package sstp-server, with which the tests of tunnels compare.
//!
//! It is in no distribution, and 0.7 needs Python 3.12 or newer: it goes into an environment of its
//! own below the target folder. Fails when there is such a Python and the package cannot be had.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::shell::{find, run};
use crate::workspace;

/// What the tests want in `SSTPD`: the program, or nothing where there can be none.
pub(crate) fn program() -> Result<OsString, String> {
    if let Some(set) = std::env::var_os("SSTPD") {
        return Ok(set);
    }
    let folder = workspace::target_folder()?.join(PACKAGE);
    let program = folder.join("bin/sstpd");
    if program.is_file() {
        return Ok(program.into());
    }
    let Some(python) = pythons().into_iter().find(|python| is_new(python)) else {
        println!("SKIPPED: no Python 3.12 or newer: tests with sstp-server are left out");
        return Ok(OsString::new());
    };
    run(Command::new(python).args(["-m", "venv"]).arg(&folder))?;
    let mut pip = Command::new(folder.join("bin/pip"));
    run(pip.args(["install", "--quiet", "--disable-pip-version-check", PACKAGE]))?;
    Ok(program.into())
}

/// Where a Python may be: on the path, or among the versions that pyenv keeps.
fn pythons() -> Vec<PathBuf> {
    let names = ["python3", "python3.12", "python3.13", "python3.14"];
    let mut found: Vec<PathBuf> = names.into_iter().filter_map(find).collect();
    let home = std::env::var_os("HOME").map(|home| Path::new(&home).join(".pyenv"));
    let kept = std::env::var_os("PYENV_ROOT").map(PathBuf::from).or(home);
    let versions = kept.and_then(|kept| std::fs::read_dir(kept.join("versions")).ok());
    let versions = versions.into_iter().flatten().flatten();
    found.extend(versions.map(|version| version.path().join("bin/python3")));
    found
}

fn is_new(python: &Path) -> bool {
    let mut asked = Command::new(python);
    asked.args(["-c", "import sys; sys.exit(sys.version_info < (3, 12))"]);
    let asked = asked.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    asked.is_ok_and(|status| status.success())
}

const PACKAGE: &str = "sstp-server==0.7.2";
