//! Chromium, driven through the page of the released program, and looking at its pictures of
//! handshakes and of out-of-memory nights.
//!
//! The server runs with its defaults, except that its ports are free ones; the token reaches the
//! browser the way it reaches a person: in the URL that the server prints.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::server::{Server, free_ports};
use crate::shell::{find, run as run_command};
use crate::{chromium, workspace};

/// Installs the driver, starts the server in an empty folder and runs the script against it.
pub(crate) fn run() -> Result<(), String> {
    let chromium = chromium::program()?;
    let node = find("node").ok_or("no node in PATH; install the package nodejs")?;
    let scripts = workspace::repository_root()?.join("tests/peers/browser");
    chromium::install_driver(&scripts)?;

    let target = workspace::target_folder()?;
    let menshen = target.join("release/menshen");
    let folder = Folder::new()?;
    let (mut server, log) = start(&menshen, &folder.0)?;
    let url = || fs::read_to_string(&log).ok().and_then(|text| token_url(&text));
    server.wait_until(&log, || url().is_some())?;
    let url = url().ok_or("the server printed no URL with a token")?;

    let mut script = Command::new(&node);
    script.current_dir(&scripts).arg("page.mjs").arg(url).env("CHROMIUM", &chromium);
    script.arg(target.join("browser-screenshots"));
    let result = run_command(&mut script);
    if !server.is_alive() {
        let said = fs::read_to_string(&log).unwrap_or_default();
        return Err(format!("the server ended meanwhile:\n{}", said.trim()));
    }
    result?;
    let mut files = draw(&menshen, &target.join("handshake-pictures"))?;
    files.extend(draw_nights(&menshen, &target.join("night-pictures"))?);
    let mut script = Command::new(node);
    script.current_dir(&scripts).arg("picture.mjs").env("CHROMIUM", chromium);
    run_command(script.arg(target.join("browser-screenshots")).args(files))
}

/// The recorded handshakes of the tests, drawn by the released program.
fn draw(menshen: &Path, folder: &Path) -> Result<Vec<PathBuf>, String> {
    let recorded = workspace::repository_root()?.join("crates/explain/tests/handshakes");
    fs::create_dir_all(folder)
        .map_err(|e| format!("could not create {}: {e}", folder.display()))?;
    let mut files = Vec::new();
    for name in ["hybrid", "client-certificate", "rsa", "refused"] {
        let [svg, html] = ["svg", "html"].map(|kind| folder.join(format!("{name}.{kind}")));
        let mut explain = Command::new(menshen);
        explain.args(["explain", "https", "--pcap"]).arg(recorded.join(format!("{name}.pcapng")));
        explain.arg("--svg").arg(&svg).arg("--html").arg(&html);
        // Exit code 1 says that something was wrong with the handshake, and it was.
        let status = explain.stdout(Stdio::null()).status();
        let status = status.map_err(|e| format!("could not run {}: {e}", menshen.display()))?;
        if !matches!(status.code(), Some(0 | 1)) {
            return Err(format!("explain https {name}: {status}"));
        }
        files.extend([svg, html]);
    }
    Ok(files)
}

/// The recorded out-of-memory nights of the tests, drawn by the released program.
fn draw_nights(menshen: &Path, folder: &Path) -> Result<Vec<PathBuf>, String> {
    let recorded = workspace::repository_root()?.join("crates/guard-core/tests/data");
    fs::create_dir_all(folder)
        .map_err(|e| format!("could not create {}: {e}", folder.display()))?;
    let mut files = Vec::new();
    for name in ["6.18-hostile-comm-shmem", "6.18-storm-ratelimited"] {
        let [svg, html] = ["svg", "html"].map(|kind| folder.join(format!("{name}.{kind}")));
        let mut explain = Command::new(menshen);
        explain.args(["explain", "oom"]).arg(recorded.join(format!("ours-{name}.kmsg")));
        explain.arg("--svg").arg(&svg).arg("--html").arg(&html);
        let status = explain.stdout(Stdio::null()).status();
        let status = status.map_err(|e| format!("could not run {}: {e}", menshen.display()))?;
        // Exit code 1: there were kills.
        if status.code() != Some(1) {
            return Err(format!("explain oom {name}: {status}"));
        }
        files.extend([svg, html]);
    }
    Ok(files)
}

fn start(menshen: &Path, folder: &Path) -> Result<(Server, PathBuf), String> {
    let ports = free_ports(1)?;
    let config = folder.join("menshen.toml");
    let text = format!(
        "[web]\nlisten = [\"127.0.0.1:{0}\", \"[::1]:{0}\"]\n\n[admin]\nlisten = \"off\"\n",
        ports[0]
    );
    fs::write(&config, text).map_err(|e| format!("could not write {}: {e}", config.display()))?;
    let log = folder.join("server.log");
    let mut command = Command::new(menshen);
    command.current_dir(folder).args(["serve", "--config", "menshen.toml"]);
    let server = Server::start("menshen", &mut command, &log)?;
    Ok((server, log))
}

/// The first URL with a token in the server's words.
fn token_url(said: &str) -> Option<String> {
    let words = said.split_whitespace();
    words.filter(|word| word.contains("#token=")).find_map(|word| {
        let start = word.find("https://")?;
        let url = &word[start..];
        let end = url.find(['"', '\'', '>', ')', ',']).unwrap_or(url.len());
        Some(url[..end].to_owned())
    })
}

/// An empty folder that goes away with this value.
#[derive(Debug)]
struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Self, String> {
        let path = std::env::temp_dir().join(format!("menshen-ci-{}", std::process::id()));
        fs::create_dir_all(&path)
            .map_err(|e| format!("could not create {}: {e}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

#[cfg(test)]
mod tests;
