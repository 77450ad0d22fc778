//! A menshen with PHP sites, real php-fpm behind it, and requests to it over both protocols.

use std::fs::{self, Permissions};
use std::net::SocketAddr;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};

use rustix::process::Pid;

use super::live::{self, Live, command};
use super::peers;
use super::wire::{self, Answer, Wire, find};

/// A menshen whose sites lie in `public/` and run PHP.
pub(crate) struct Site {
    pub(crate) live: Live,
}

/// Which protocol a request goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Proto {
    /// HTTP/1.1, plain, by hand.
    H1,
    /// HTTP/2 over TLS, by curl.
    H2,
}

/// An answer read to the end of its connection.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
    /// Whether the body is as long as its framing said.
    pub(crate) whole: bool,
}

impl Site {
    /// Starts with one managed site over `public/`: `tables` come before it, `site` are further
    /// lines of it. `None` after saying so where php-fpm is missing.
    pub(crate) fn start(tables: &str, site: &str) -> Option<Self> {
        let site = format!("[[site]]\nroot = \"public\"\nphp = \"managed\"\n{site}");
        Self::start_sites(&format!("{tables}\n{site}"))
    }

    /// Starts with these tables after those of listeners.
    pub(crate) fn start_sites(tables: &str) -> Option<Self> {
        Self::start_in(Self::folder()?, tables)
    }

    /// A folder that PHP's user may enter, with `public/` where it may write.
    pub(crate) fn folder() -> Option<tempfile::TempDir> {
        super::fpm::program()?;
        let folder = live::folder("");
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        lay_open(&folder.path().join("public"));
        Some(folder)
    }

    /// Starts in a folder made by [`Site::folder`].
    pub(crate) fn start_in(folder: tempfile::TempDir, tables: &str) -> Option<Self> {
        write_settings(folder.path(), tables);
        let command = command(folder.path(), &["serve"]);
        Some(Self { live: Live::start_command(folder, command) })
    }

    /// Other tables, taken up by a reload.
    pub(crate) fn reload(&self, tables: &str) {
        write_settings(self.live.folder.path(), tables);
        let output = self.live.run(&["reload"]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said} {}", self.live.log());
    }

    /// Writes `public/NAME`.
    pub(crate) fn lay(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.live.path("public").join(name);
        fs::write(&path, content).unwrap();
        path
    }

    /// GET over plain HTTP/1.1.
    pub(crate) fn get(&self, target: &str) -> Told {
        self.ask(Proto::H1, "GET", target, &[], b"")
    }

    /// One request on a connection of its own, read to its end.
    pub(crate) fn ask(
        &self,
        proto: Proto,
        method: &str,
        target: &str,
        fields: &[&str],
        body: &[u8],
    ) -> Told {
        match proto {
            Proto::H1 => ask_at(self.live.plain, method, target, fields, body),
            Proto::H2 => self.curl(method, target, fields, body),
        }
    }

    /// Posts a form made by [`Form::end`].
    pub(crate) fn post(&self, proto: Proto, target: &str, form: &[u8]) -> Told {
        self.ask(proto, "POST", target, &[FORM_TYPE], form)
    }

    fn curl(&self, method: &str, target: &str, fields: &[&str], body: &[u8]) -> Told {
        let mut command = wire::curl_command(&self.live);
        command.args(["--http2", "-i", "-X", method]);
        if method == "HEAD" {
            command.arg("--head");
        }
        let upload = tempfile::NamedTempFile::new().unwrap();
        if !body.is_empty() || method == "POST" {
            fs::write(upload.path(), body).unwrap();
            command.arg("--data-binary").arg(format!("@{}", upload.path().display()));
        }
        command.args(["-H", "Expect:"]);
        fields.iter().for_each(|field| {
            command.args(["-H", field]);
        });
        let output = command.arg(wire::url(&self.live, target)).output().unwrap();
        if output.stdout.is_empty() {
            return Told { status: 0, head: String::new(), body: Vec::new(), whole: false };
        }
        let answer = Answer::parse(&output.stdout);
        let whole = output.status.success();
        Told { status: answer.status, head: answer.head, body: answer.body, whole }
    }

    /// What lies in the spool of the pools: nothing, once all is done.
    pub(crate) fn spooled(&self) -> Vec<String> {
        names(&self.live.path(".menshen/php/spool"))
    }

    /// What lies in PHP's own folder for uploads.
    pub(crate) fn temporary(&self) -> Vec<String> {
        names(&self.live.path(".menshen/php/tmp"))
    }

    /// Waits until nothing rests anywhere.
    pub(crate) fn wait_clean(&self, why: &str) {
        live::wait_for(&format!("spool and upload folder to be empty: {why}"), || {
            self.spooled().is_empty() && self.temporary().is_empty()
        });
    }

    /// Waits for a line on standard error that has all these parts.
    pub(crate) fn wait_said(&self, parts: &[&str]) {
        live::wait_for(&format!("a line with {parts:?} in {}", self.live.log()), || {
            self.live.log().lines().any(|line| parts.iter().all(|part| line.contains(part)))
        });
    }

    /// The managed php-fpm; two for a while after a reload that changed it.
    pub(crate) fn masters(&self) -> Vec<Pid> {
        children_of(self.live.pid()).into_iter().filter(|pid| is_fpm(*pid)).collect()
    }

    /// The processes of the managed pool that run scripts, and the one that answers for its status.
    pub(crate) fn children(&self) -> Vec<Pid> {
        self.masters().into_iter().flat_map(children_of).collect()
    }

    /// Bytes that those processes handed to `write` and its like so far.
    pub(crate) fn written(&self) -> u64 {
        let of = |pid: Pid| {
            let io = fs::read_to_string(format!("/proc/{}/io", pid.as_raw_nonzero())).unwrap();
            let line = io.lines().find_map(|line| line.strip_prefix("wchar: ")).unwrap();
            line.parse::<u64>().unwrap()
        };
        self.children().into_iter().map(of).sum()
    }
}

impl Told {
    /// The only value of a field.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Status and body, for comparisons.
    pub(crate) fn said(&self) -> (u16, String) {
        (self.status, self.text())
    }
}

/// A form, part by part; its boundary is that of [`FORM_TYPE`].
#[derive(Debug, Clone, Default)]
pub(crate) struct Form(Vec<u8>);

impl Form {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// An ordinary field.
    pub(crate) fn field(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        let head = format!("--xXx\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n");
        self.part(&head, value.as_ref());
        self
    }

    /// A file.
    pub(crate) fn file(mut self, field: &str, name: &str, content: impl AsRef<[u8]>) -> Self {
        let head = format!(
            "--xXx\r\nContent-Disposition: form-data; name=\"{field}\"; filename=\"{name}\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n"
        );
        self.part(&head, content.as_ref());
        self
    }

    /// The form's bytes.
    pub(crate) fn end(mut self) -> Vec<u8> {
        self.0.extend_from_slice(b"--xXx--\r\n");
        self.0
    }

    fn part(&mut self, head: &str, content: &[u8]) {
        self.0.extend_from_slice(head.as_bytes());
        self.0.extend_from_slice(content);
        self.0.extend_from_slice(b"\r\n");
    }
}

/// One request over HTTP/1.1 on a connection of its own, read to its end.
pub(crate) fn ask_at(
    address: SocketAddr,
    method: &str,
    target: &str,
    fields: &[&str],
    body: &[u8],
) -> Told {
    let mut wire = Wire::open(address);
    let fields: Vec<&str> = fields.iter().copied().chain(["Connection: close"]).collect();
    // A request that is refused early need not be read.
    let _ = wire.try_send(wire::request(method, target, &fields, body));
    told(method, &wire.rest())
}

/// Takes apart all that came on a connection.
pub(crate) fn told(method: &str, bytes: &[u8]) -> Told {
    if find(bytes, b"\r\n\r\n").is_none() {
        return Told { status: 0, head: String::new(), body: bytes.to_vec(), whole: false };
    }
    let answer = Answer::parse(bytes);
    let (mut body, mut whole) = (answer.body.clone(), true);
    if method == "HEAD" {
        whole = body.is_empty();
    } else if answer.field("transfer-encoding").is_some() {
        (body, whole) = dechunked(&answer.body);
    } else if let Some(length) = answer.field("content-length").filter(|_| answer.status != 304) {
        whole = body.len() == length.parse::<usize>().unwrap();
    }
    Told { status: answer.status, head: answer.head, body, whole }
}

/// The content of chunks, and whether the last one came.
fn dechunked(mut bytes: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    while let Some(end) = find(bytes, b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&bytes[..end]).unwrap(), 16).unwrap();
        if size == 0 {
            return (body, bytes == b"0\r\n\r\n");
        }
        let rest = &bytes[end + 2..];
        body.extend_from_slice(&rest[..size.min(rest.len())]);
        if rest.len() < size + 2 {
            break;
        }
        bytes = &rest[size + 2..];
    }
    (body, false)
}

/// A folder everybody may write to, as folders of applications often are.
pub(crate) fn lay_open(path: &Path) {
    fs::create_dir_all(path).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o777)).unwrap();
}

/// Gives a file or folder to the user that workers and PHP run as.
pub(crate) fn give(path: &Path) {
    if rustix::process::geteuid().is_root() {
        chown(path, Some(65_534), Some(65_534)).unwrap();
    }
}

/// nginx before the same php-fpm and the same scripts; ended when dropped.
pub(crate) struct Nginx {
    pub(crate) address: SocketAddr,
    _folder: tempfile::TempDir,
    _peer: peers::Peer,
}

impl Nginx {
    /// `None` after saying so where it is missing.
    pub(crate) fn start(site: &Site) -> Option<Self> {
        let program = peers::find("nginx")?;
        let folder = tempfile::tempdir().unwrap();
        let address = peers::free_address();
        let user = if rustix::process::geteuid().is_root() { "user root;" } else { "" };
        let (root, here) = (site.live.path("public"), folder.path().display());
        let socket = site.live.path(".menshen/php/run/fpm-1.sock");
        let text = format!(
            "{user} daemon off; master_process off; pid {here}/pid; error_log {here}/error.log;\n\
             events {{}}\nhttp {{\naccess_log off; client_max_body_size 0;\n\
             client_body_temp_path {here}/a; fastcgi_temp_path {here}/b;\n\
             proxy_temp_path {here}/c;\n\
             uwsgi_temp_path {here}/d; scgi_temp_path {here}/e;\n\
             server {{ listen {address}; root {};\nlocation / {{\n\
             include /etc/nginx/fastcgi_params;\n\
             fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;\n\
             fastcgi_pass unix:{}; }} }} }}\n",
            root.display(),
            socket.display(),
        );
        fs::write(folder.path().join("nginx.conf"), text).unwrap();
        let mut command = std::process::Command::new(program);
        command.args(["-e", "stderr", "-p"]).arg(folder.path());
        command.arg("-c").arg(folder.path().join("nginx.conf"));
        let peer = peers::Peer::serve(&mut command, address);
        Some(Self { address, _folder: folder, _peer: peer })
    }
}

pub(crate) fn children_of(parent: Pid) -> Vec<Pid> {
    let parent = parent.as_raw_nonzero();
    let children = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children"));
    let children = children.unwrap_or_default();
    children.split_whitespace().filter_map(|pid| Pid::from_raw(pid.parse().ok()?)).collect()
}

fn is_fpm(pid: Pid) -> bool {
    let name = fs::read_to_string(format!("/proc/{}/comm", pid.as_raw_nonzero()));
    name.is_ok_and(|name| name.starts_with("php-fpm"))
}

pub(crate) fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect()
}

fn write_settings(folder: &Path, tables: &str) {
    let user = if rustix::process::geteuid().is_root() { "user = \"nobody\"\n" } else { "" };
    let text = format!(
        "workers = 1\n{user}[web]\nlisten = [\"127.0.0.1:0\"]\nplain_listen = [\"127.0.0.1:0\"]\n\
         plain = \"serve\"\naccess_log = \"access.log\"\n[admin]\nlisten = \"off\"\n{tables}\n"
    );
    fs::write(folder.join("menshen.toml"), text).unwrap();
}

/// Both protocols.
pub(crate) const BOTH: [Proto; 2] = [Proto::H1, Proto::H2];
/// Of a [`Form`].
pub(crate) const FORM_TYPE: &str = "Content-Type: multipart/form-data; boundary=xXx";
