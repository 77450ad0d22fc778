//! Small Debian systems to try packages and installations in, and Debian's own source archives.
//!
//! Mirrors are those of this machine's own apt settings; none is named here. What is made lies
//! below the target folder and is used again.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::shell::{find, output, run};
use crate::workspace;

/// A fresh copy of a minimal system of this machine's release, in `folder`.
pub(crate) fn root(folder: &Path) -> Result<(), String> {
    let kept = workspace::target_folder()?.join("debian-root");
    if !kept.is_dir() {
        let program = find("debootstrap").ok_or("no debootstrap: apt-get install debootstrap")?;
        let suite = codename()?;
        let mirror = mirror(&suite)?;
        let new = kept.with_extension("new");
        remove(&new)?;
        output(Command::new(program).args(["--variant=minbase", &suite]).arg(&new).arg(mirror))?;
        fs::rename(&new, &kept).map_err(|e| format!("could not keep {}: {e}", new.display()))?;
    }
    remove(folder)?;
    run(Command::new("cp").arg("-a").arg(&kept).arg(folder))?;
    // As on this machine, so that the same names are found.
    let _ = fs::copy("/etc/resolv.conf", folder.join("etc/resolv.conf"));
    let _ = fs::copy("/etc/hosts", folder.join("etc/hosts"));
    Ok(())
}

/// The upstream archive of a Debian source package, and its SHA-256 as Debian signed it.
pub(crate) fn source(package: &str) -> Result<(PathBuf, String), String> {
    let folder = workspace::target_folder()?.join("debian-source").join(package);
    let lists = folder.join("lists/partial");
    fs::create_dir_all(&lists).map_err(|e| format!("could not make {}: {e}", lists.display()))?;
    let sources = folder.join("sources.list");
    fs::write(&sources, source_lines()?).map_err(|e| e.to_string())?;
    let options = [
        format!("Dir::Etc::SourceList={}", sources.display()),
        "Dir::Etc::SourceParts=/dev/null".to_owned(),
        format!("Dir::State::Lists={}", folder.join("lists").display()),
        "APT::Sandbox::User=root".to_owned(),
    ];
    let apt = |words: &[&str]| {
        let mut command = Command::new("apt-get");
        command.current_dir(&folder);
        for option in &options {
            command.args(["-o", option]);
        }
        command.args(words);
        command
    };
    run(&mut apt(&["--quiet", "update"]))?;
    let plan = output(&mut apt(&["source", "--download-only", "--print-uris", package]))?;
    let (file, sum) = plan
        .lines()
        .find_map(|line| {
            let mut words = line.split_ascii_whitespace().skip(1);
            let name = words.next().filter(|name| name.contains(".orig.tar."))?;
            let sum = words.find_map(|word| word.strip_prefix("SHA256:"))?;
            (!name.ends_with(".asc")).then(|| (folder.join(name), sum.to_owned()))
        })
        .ok_or_else(|| format!("{package} has no archive of its own"))?;
    run(&mut apt(&["--quiet", "source", "--download-only", package]))?;
    Ok((file, sum))
}

/// The release of this machine.
fn codename() -> Result<String, String> {
    let text = fs::read_to_string("/etc/os-release").map_err(|e| e.to_string())?;
    let name = text.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="));
    name.map(str::to_owned).ok_or_else(|| "/etc/os-release names no release".to_owned())
}

/// Where apt gets the packages of a release from; not those of its security updates alone.
fn mirror(codename: &str) -> Result<String, String> {
    let sites = index_targets("Packages", "$(CODENAME)")?;
    let site = sites.into_iter().find(|(_, of)| of == codename);
    site.map(|(site, _)| site).ok_or_else(|| format!("apt has no source of {codename}"))
}

/// `deb-src` lines for all this machine has `deb` lines of.
fn source_lines() -> Result<String, String> {
    let mut lines: Vec<String> = index_targets("Packages", "$(RELEASE)")?
        .into_iter()
        .map(|(site, suite)| format!("deb-src {site} {suite} main\n"))
        .collect();
    lines.dedup();
    Ok(lines.concat())
}

/// Address and suite (`$(RELEASE)` or `$(CODENAME)`) of every list of main.
fn index_targets(kind: &str, suite: &str) -> Result<Vec<(String, String)>, String> {
    let form = format!("$(REPO_URI) {suite} $(COMPONENT)");
    let kind = format!("Created-By: {kind}");
    let said = output(Command::new("apt-get").args(["indextargets", "--format", &form, &kind]))?;
    let mut found: Vec<(String, String)> = Vec::new();
    for line in said.lines() {
        let mut words = line.split(' ');
        let (Some(site), Some(suite), Some("main")) = (words.next(), words.next(), words.next())
        else {
            continue;
        };
        let pair = (site.to_owned(), suite.to_owned());
        if !found.contains(&pair) {
            found.push(pair);
        }
    }
    if found.is_empty() { Err("apt has no lists: apt-get update".into()) } else { Ok(found) }
}

/// Removes a folder that may not be there.
pub(crate) fn remove(folder: &Path) -> Result<(), String> {
    match fs::remove_dir_all(folder) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            Err(format!("could not remove {}: {e}", folder.display()))
        }
        _ => Ok(()),
    }
}
