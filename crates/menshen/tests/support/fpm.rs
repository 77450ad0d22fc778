//! A php-fpm of the test's own, and a small client that speaks FastCGI to it.

use std::io::{Read, Write};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use menshen_web_core::fastcgi::{
    Connection, Decoder, Event, ProtocolStatus, STDIN_END, STDIN_MAX, begin_request, push_param,
    stdin_header, write_params,
};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tempfile::TempDir;

use super::peers;

/// A pool of PHP workers in a folder of its own; ended when dropped.
pub(crate) struct Fpm {
    /// Holds `scripts/`, `tmp/` (PHP's upload folder), `fpm.sock` and `fpm.log`.
    pub(crate) folder: TempDir,
    master: Child,
}

impl Fpm {
    /// Starts a pool of this many workers, with more lines for its settings. As root the workers
    /// are those of nobody. `None` after saying so where php-fpm is not installed.
    pub(crate) fn start(workers: u32, settings: &str) -> Option<Self> {
        Self::start_with(NOBODY, workers, |_| settings.to_owned())
    }

    /// As [`Self::start`], with scripts that `open_basedir` keeps in their own folders and these.
    pub(crate) fn start_caged(workers: u32, also: &str, settings: &str) -> Option<Self> {
        Self::start_with(NOBODY, workers, |here| {
            let here = here.display();
            format!("php_admin_value[open_basedir] = {here}/scripts:{here}/tmp:{also}\n{settings}")
        })
    }

    /// As [`Self::start`], for another user than nobody; `None` also without the right to do so.
    pub(crate) fn start_as(user: u32, workers: u32, settings: &str) -> Option<Self> {
        let root = rustix::process::geteuid().is_root();
        root.then(|| Self::start_with(user, workers, |_| settings.to_owned()))?
    }

    fn start_with(id: u32, workers: u32, settings: impl FnOnce(&Path) -> String) -> Option<Self> {
        let program = program()?;
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        std::fs::set_permissions(root, PermissionsExt::from_mode(0o755)).unwrap();
        for name in ["scripts", "tmp"] {
            std::fs::create_dir(root.join(name)).unwrap();
        }
        let mut user = String::new();
        if rustix::process::geteuid().is_root() {
            chown(root.join("tmp"), Some(id), Some(id)).unwrap();
            user = format!("user = {id}\ngroup = {id}\nlisten.mode = 0666\n");
        }
        let settings = settings(root);
        let here = root.display();
        let text = format!(
            "[global]\nerror_log = {here}/fpm.log\ndaemonize = no\n[test]\n{user}\
             listen = {here}/fpm.sock\npm = static\npm.max_children = {workers}\n\
             catch_workers_output = yes\nphp_admin_value[upload_tmp_dir] = {here}/tmp\n{settings}\n"
        );
        std::fs::write(root.join("fpm.conf"), text).unwrap();
        let mut command = Command::new(program);
        command.args(["-F", "-y"]).arg(root.join("fpm.conf")).process_group(0);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let fpm = Self { master: command.spawn().unwrap(), folder };
        fpm.script("answers.php", "<?php echo 'yes';");
        let until = std::time::Instant::now() + WAIT;
        while !fpm.answers() {
            let log = || std::fs::read_to_string(fpm.folder.path().join("fpm.log"));
            assert!(std::time::Instant::now() < until, "php-fpm does not answer: {:?}", log());
            std::thread::sleep(Duration::from_millis(2));
        }
        Some(fpm)
    }

    /// Where it listens.
    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("fpm.sock")
    }

    /// Writes a script and says where it is.
    pub(crate) fn script(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join("scripts").join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// A connection that is kept; one worker is held by it.
    pub(crate) fn connect(&self) -> Client {
        Client::connect(&self.socket()).unwrap()
    }

    fn answers(&self) -> bool {
        let script = self.folder.path().join("scripts/answers.php");
        let Ok(mut client) = Client::connect(&self.socket()) else { return false };
        client.get(&script).body == b"yes"
    }
}

impl Drop for Fpm {
    fn drop(&mut self) {
        let Some(pid) = i32::try_from(self.master.id()).ok().and_then(Pid::from_raw) else {
            return;
        };
        // The master ends its workers; without it they would go on.
        let _ = kill_process(pid, Signal::TERM);
        for _ in 0..1000 {
            if self.master.try_wait().is_ok_and(|status| status.is_some()) {
                return;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        let _ = kill_process_group(pid, Signal::KILL);
        let _ = self.master.wait();
    }
}

/// One connection, for one request after the other.
pub(crate) struct Client(UnixStream);

/// What PHP answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The head as it came, without the empty line.
    pub(crate) head: Vec<u8>,
    pub(crate) body: Vec<u8>,
    /// What went to the log.
    pub(crate) stderr: Vec<u8>,
    pub(crate) protocol: ProtocolStatus,
}

impl Client {
    /// Connects to a pool's socket; answers are waited for at most ten seconds.
    pub(crate) fn connect(socket: &Path) -> std::io::Result<Self> {
        let stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(WAIT))?;
        stream.set_write_timeout(Some(WAIT))?;
        Ok(Self(stream))
    }

    /// Runs a script without a body.
    pub(crate) fn get(&mut self, script: &Path) -> Answer {
        self.ask(&[("REQUEST_METHOD", b"GET"), ("SCRIPT_FILENAME", bytes(script))], b"")
    }

    /// Posts a body to a script.
    pub(crate) fn post(&mut self, script: &Path, content_type: &[u8], body: &[u8]) -> Answer {
        let length = body.len().to_string();
        let parameters = [
            ("REQUEST_METHOD", b"POST".as_slice()),
            ("SCRIPT_FILENAME", bytes(script)),
            ("CONTENT_TYPE", content_type),
            ("CONTENT_LENGTH", length.as_bytes()),
        ];
        self.ask(&parameters, body)
    }

    /// Sends one request and reads its answer.
    pub(crate) fn ask(&mut self, parameters: &[(&str, &[u8])], body: &[u8]) -> Answer {
        let (mut pairs, mut request) = (Vec::new(), Vec::new());
        for (name, value) in parameters {
            push_param(name.as_bytes(), value, &mut pairs);
        }
        begin_request(Connection::Keep, &mut request);
        write_params(&pairs, &mut request);
        for piece in body.chunks(STDIN_MAX) {
            request.extend_from_slice(&stdin_header(u16::try_from(piece.len()).unwrap()));
            request.extend_from_slice(piece);
        }
        request.extend_from_slice(&STDIN_END);
        // A script may answer before it has read everything: neither side may wait for the other.
        let mut writer = self.0.try_clone().unwrap();
        if request.len() <= SENT_AT_ONCE_BYTES {
            writer.write_all(&request).unwrap();
            return self.answer();
        }
        std::thread::scope(|scope| {
            let sent = scope.spawn(move || writer.write_all(&request));
            let answer = self.answer();
            sent.join().unwrap().unwrap();
            answer
        })
    }

    fn answer(&mut self) -> Answer {
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        let (mut decoder, mut buffer) = (Decoder::new(), vec![0; 65_536]);
        loop {
            let read = self.0.read(&mut buffer).unwrap();
            assert!(read > 0, "php-fpm closed the connection: {:?}", text(&stderr));
            let mut rest = &buffer[..read];
            while !rest.is_empty() {
                let step = decoder.feed(rest).unwrap();
                match step.event {
                    Some(Event::Stdout(range)) => stdout.extend_from_slice(&rest[range]),
                    Some(Event::Stderr(range)) => stderr.extend_from_slice(&rest[range]),
                    Some(Event::End { protocol, .. }) => {
                        assert_eq!(step.consumed, rest.len(), "bytes after the end of the answer");
                        let empty = stdout.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
                        let body = stdout.split_off(empty + 4);
                        stdout.truncate(empty);
                        return Answer { head: stdout, body, stderr, protocol };
                    }
                    None => {}
                }
                rest = &rest[step.consumed..];
            }
        }
    }
}

/// php-fpm, whose name ends in its version where Debian packages it.
pub(crate) fn program() -> Option<PathBuf> {
    let names = ["php-fpm8.2", "php-fpm8.3", "php-fpm8.4", "php-fpm8.5"];
    let installed = |name: &&str| Path::new("/usr/sbin").join(name).is_file();
    peers::find(names.into_iter().find(installed).unwrap_or("php-fpm"))
}

/// Bytes as readable text, for messages.
pub(crate) fn text(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

fn bytes(path: &Path) -> &[u8] {
    path.as_os_str().as_encoded_bytes()
}

const WAIT: Duration = Duration::from_secs(10);
/// What fits into the socket's buffer whatever the other side does.
const SENT_AT_ONCE_BYTES: usize = 60_000;
const NOBODY: u32 = 65_534;
