//! One php-fpm with four workers behind every server of `bench offload`, and what it tells.
//!
//! Worker time is taken from its access log: the microseconds of each request from accepting its
//! connection to the end, exact and separate for each script, where sampling the status at 50 Hz
//! would see a request of 1 ms once in twenty times. The status, asked on a socket of its own so
//! that no worker is spent on it, shows how many are busy. It must never be set up differently for
//! different servers, except for the prepend script that menshen's `swap` needs.

use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use super::lab::Lab;
use super::load::{SERVER_CPU, pinned};
use super::nginx::fpm_program;
use crate::server::Server;

/// A running php-fpm; stopped when dropped.
#[derive(Debug)]
pub(crate) struct Pool {
    /// Its processes.
    pub(crate) server: Server,
    status: PathBuf,
    log: PathBuf,
}

/// What one script has cost so far.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Spent {
    /// Requests that have ended.
    pub(crate) requests: f64,
    /// Seconds in which they occupied a worker.
    pub(crate) worker_secs: f64,
}

impl Pool {
    /// Starts it on the server's processor, with empty folders.
    pub(crate) fn start(lab: &Lab, prepend: Option<&Path>) -> Result<Self, String> {
        let folder = Folders::new(lab);
        folder.make().map_err(|e| format!("could not prepare {}: {e}", folder.base.display()))?;
        let file = lab.conf().join("php-fpm-offload.conf");
        let text = configuration(lab, prepend);
        fs::write(&file, text).map_err(|e| format!("could not write {}: {e}", file.display()))?;
        let (log, status, socket) = (folder.log(), folder.status(), folder.socket());
        for old in [&log, &status, &socket] {
            fs::remove_file(old).ok();
        }
        let mut command = pinned(SERVER_CPU, &fpm_program()?);
        command.arg("--nodaemonize").arg("--fpm-config").arg(&file);
        let out = lab.conf().join("php-fpm-offload.log");
        let mut server = Server::start("php-fpm", &mut command, &out)?;
        server.wait_until(&out, || busy_workers(&status).is_ok() && socket.exists())?;
        Ok(Self { server, status, log })
    }

    /// Workers that are busy now.
    pub(crate) fn busy(&self) -> io::Result<f64> {
        busy_workers(&self.status)
    }

    /// What requests for `script` have cost since the start.
    pub(crate) fn spent(&self, script: &str) -> Spent {
        spent(&fs::read_to_string(&self.log).unwrap_or_default(), script)
    }
}

/// Where the application, its files and everybody's temporary files are: all on the disk, so that
/// whatever is written is counted.
#[derive(Debug, Clone)]
pub(crate) struct Folders {
    base: PathBuf,
    written: PathBuf,
    ram: PathBuf,
}

impl Folders {
    /// What is served stays from run to run; what is written goes away with the lab.
    pub(crate) fn new(lab: &Lab) -> Self {
        let written = lab.disk.join("up/offload");
        Self { base: lab.disk.join("offload"), written, ram: lab.ram.clone() }
    }

    /// The document root.
    pub(crate) fn site(&self) -> PathBuf {
        self.base.join("site")
    }

    /// The folder that holds `private`, which is what `X-Accel-Redirect` names.
    pub(crate) fn outside(&self) -> PathBuf {
        self.base.clone()
    }

    /// The files that are downloaded.
    pub(crate) fn private(&self) -> PathBuf {
        self.base.join("private")
    }

    /// Where the application moves uploads.
    pub(crate) fn target(&self) -> PathBuf {
        self.written.join("target")
    }

    /// Temporary files of a server.
    pub(crate) fn spool(&self, server: &str) -> PathBuf {
        self.written.join("spool").join(server)
    }

    /// PHP's upload folder.
    pub(crate) fn php_tmp(&self) -> PathBuf {
        self.written.join("php-tmp")
    }

    /// Where the pool listens.
    pub(crate) fn socket(&self) -> PathBuf {
        self.ram.join("offload.sock")
    }

    /// Where the pool's status is asked.
    pub(crate) fn status(&self) -> PathBuf {
        self.ram.join("offload-status.sock")
    }

    fn log(&self) -> PathBuf {
        self.ram.join("offload-access.log")
    }

    /// Makes them and the application; what was uploaded before is removed.
    fn make(&self) -> io::Result<()> {
        for folder in [self.target(), self.php_tmp(), self.written.join("spool")] {
            if folder.exists() {
                fs::remove_dir_all(&folder)?;
            }
            fs::create_dir_all(&folder)?;
            // The workers of each server and of PHP write here, and none of them is root.
            fs::set_permissions(&folder, fs::Permissions::from_mode(0o777))?;
        }
        fs::create_dir_all(self.site())?;
        fs::create_dir_all(self.private())?;
        let target = self.target().display().to_string();
        let private = self.private().display().to_string();
        for (name, text) in SCRIPTS {
            let text = text.replace("TARGET", &target).replace("PRIVATE", &private);
            fs::write(self.site().join(name), text)?;
        }
        for (name, bytes) in FILES {
            super::lab::make_file(&self.private().join(name), bytes)?;
        }
        Ok(())
    }
}

/// `php-fpm.conf` of the pool.
pub(crate) fn configuration(lab: &Lab, prepend: Option<&Path>) -> String {
    let folder = Folders::new(lab);
    let conf = lab.conf();
    let user = if lab.is_root { "user = www-data\ngroup = www-data\n" } else { "" };
    let prepend = prepend.map_or_else(String::new, |file| {
        format!("php_value[auto_prepend_file] = {}\n", file.display())
    });
    format!(
        "[global]
pid = {conf}/php-fpm-offload.pid
error_log = {conf}/php-fpm-offload-error.log
[www]
{user}listen = {socket}
listen.mode = 0666
listen.backlog = 4096
pm = static
pm.max_children = {WORKERS}
pm.max_requests = 0
pm.status_path = /status
pm.status_listen = {status}
access.log = {log}
access.format = \"%{{micro}}d %s %f\"
php_admin_value[opcache.enable] = 1
php_admin_value[upload_max_filesize] = 2G
php_admin_value[post_max_size] = 2G
php_admin_value[memory_limit] = 256M
php_admin_value[upload_tmp_dir] = {tmp}
{prepend}",
        conf = conf.display(),
        socket = folder.socket().display(),
        status = folder.status().display(),
        log = folder.log().display(),
        tmp = folder.php_tmp().display(),
    )
}

/// Sums up the lines `MICROSECONDS STATUS FILE` of one script.
fn spent(log: &str, script: &str) -> Spent {
    let mut spent = Spent::default();
    for line in log.lines() {
        let mut words = line.splitn(3, ' ');
        let micro = words.next().and_then(|word| word.parse::<f64>().ok());
        let file = words.nth(1).map(Path::new).and_then(Path::file_name);
        if let (Some(micro), true) = (micro, file.is_some_and(|name| name == script)) {
            spent.requests += 1.0;
            spent.worker_secs += micro / 1e6;
        }
    }
    spent
}

/// Asks a pool's status (FastCGI 1.0, one request on one connection).
fn busy_workers(socket: &Path) -> io::Result<f64> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(STATUS_TIMEOUT))?;
    let mut request = record(BEGIN, &[0, RESPONDER, 0, 0, 0, 0, 0, 0]);
    let mut params = Vec::new();
    for (name, value) in [
        ("REQUEST_METHOD", "GET"),
        ("SCRIPT_NAME", "/status"),
        ("SCRIPT_FILENAME", "/status"),
        ("QUERY_STRING", "json&full"),
    ] {
        // One byte each: these are shorter than 128.
        params.extend([name, value].map(|text| u8::try_from(text.len()).unwrap_or(0)));
        params.extend(name.bytes().chain(value.bytes()));
    }
    request.extend(record(PARAMS, &params));
    request.extend(record(PARAMS, &[]));
    request.extend(record(STDIN, &[]));
    stream.write_all(&request)?;
    let mut wire = Vec::new();
    stream.read_to_end(&mut wire)?;
    let answer = stdout_of(&wire);
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    busy_of(body)
}

/// Counted process by process: php-fpm's own sum, `active processes`, grows by one with every
/// request on a kept connection until its master counts anew, once a second (PHP 8.2: ten requests
/// on one connection show 11 active of 4).
fn busy_of(status: &str) -> io::Result<f64> {
    let value: Value = serde_json::from_str(status).map_err(io::Error::other)?;
    let processes = value["processes"].as_array();
    let processes = processes.ok_or_else(|| io::Error::other("no processes in the status"))?;
    let busy = processes.iter().filter(|process| process["state"] != "Idle").count();
    Ok(busy as f64)
}

fn record(kind: u8, content: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(content.len()).unwrap_or(u16::MAX).to_be_bytes();
    [&[1, kind, 0, 1, high, low, 0, 0], content].concat()
}

fn stdout_of(mut wire: &[u8]) -> String {
    let mut text = Vec::new();
    while let Some(([_, kind, _, _, high, low, padding, _], rest)) = wire.split_first_chunk() {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        if *kind == STDOUT {
            text.extend_from_slice(rest.get(..length).unwrap_or(rest));
        }
        wire = rest.get(length + usize::from(*padding)..).unwrap_or_default();
    }
    String::from_utf8_lossy(&text).into_owned()
}

/// Workers of the pool.
pub(crate) const WORKERS: u32 = 4;
/// What is downloaded, by name; uploads have the same sizes.
pub(crate) const FILES: [(&str, u64); 4] =
    [("64k", 64 << 10), ("1m", 1 << 20), ("16m", 16 << 20), ("256m", 256 << 20)];

const STATUS_TIMEOUT: Duration = Duration::from_secs(2);
const BEGIN: u8 = 1;
const PARAMS: u8 = 4;
const STDIN: u8 = 5;
const STDOUT: u8 = 6;
const RESPONDER: u8 = 1;
/// The application. The upload script takes what PHP offers: a file, or in `fields` its path.
const SCRIPTS: [(&str, &str); 4] = [
    ("page.php", "<?php echo 'A small page of ', date('c'), \"\\n\";\n"),
    (
        "up.php",
        "<?php
$target = 'TARGET/' . bin2hex(random_bytes(12));
$file = $_FILES['f'] ?? null;
if ($file && $file['error'] === UPLOAD_ERR_OK) {
    $moved = move_uploaded_file($file['tmp_name'], $target);
} else {
    $moved = isset($_POST['f_path']) && rename($_POST['f_path'], $target);
}
if (!$moved) {
    http_response_code(500);
}
echo $moved ? filesize($target) : json_encode([$_FILES, $_POST]);
",
    ),
    (
        "down.php",
        "<?php
while (ob_get_level()) {
    ob_end_clean();
}
$file = 'PRIVATE/' . basename($_GET['f']);
header('Content-Type: application/octet-stream');
header('Content-Length: ' . filesize($file));
readfile($file);
",
    ),
    (
        "accel.php",
        "<?php
header('Content-Type: application/octet-stream');
header('X-Accel-Redirect: /private/' . basename($_GET['f']));
",
    ),
];

#[cfg(test)]
mod tests;
