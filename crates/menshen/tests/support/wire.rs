//! Clients of the live HTTP tests: a raw socket where every byte counts, curl where a real client
//! does.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::unix::fs::chown;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, SystemTime};

use menshen_sys::SlotState;
use rustix::process::{Pid, Signal, kill_process};

use super::live::{Live, command, folder, wait_for};

/// An answer, taken apart.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Status line and fields, without the empty line.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

/// A connection whose bytes the test writes itself.
pub(crate) struct Wire {
    stream: TcpStream,
    held: Vec<u8>,
}

impl Answer {
    /// Takes apart what `curl -i` prints; interim answers are passed over.
    pub(crate) fn parse(mut bytes: &[u8]) -> Self {
        loop {
            let end = find(bytes, b"\r\n\r\n").unwrap_or_else(|| panic!("no head: {bytes:?}"));
            let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
            let status = head.split(' ').nth(1).unwrap().parse().unwrap();
            bytes = &bytes[end + 4..];
            if status >= 200 {
                return Self { status, head, body: bytes.to_vec() };
            }
        }
    }

    /// The only value of a field; `None` when it is absent.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let values = self.fields(name);
        assert!(values.len() <= 1, "{name} more than once: {}", self.head);
        values.first().copied()
    }

    /// The path of `Location`, whether it is a path or a whole address.
    pub(crate) fn location(&self) -> &str {
        let whole = self.field("location").unwrap();
        let behind =
            whole.split_once("://").and_then(|(_, rest)| rest.find('/').map(|at| &rest[at..]));
        behind.unwrap_or(whole)
    }

    /// All values of a field.
    pub(crate) fn fields(&self, name: &str) -> Vec<&str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        lines.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value).collect()
    }

    /// The entity tag, quotes included.
    pub(crate) fn tag(&self) -> String {
        self.field("etag").unwrap_or_else(|| panic!("no tag: {}", self.head)).to_owned()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Wire {
    pub(crate) fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(15))).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, held: Vec::new() }
    }

    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).unwrap();
    }

    /// Sends what the server may well refuse to read.
    pub(crate) fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.write_all(bytes.as_ref())
    }

    /// Sends a request and reads its answer; the connection stays open.
    pub(crate) fn ask(
        &mut self,
        method: &str,
        target: &str,
        fields: &[&str],
        body: &[u8],
    ) -> Answer {
        self.send(request(method, target, fields, body));
        self.answer(method)
    }

    /// Reads exactly one answer to a request of this method, interim or final.
    pub(crate) fn answer(&mut self, method: &str) -> Answer {
        let end = loop {
            if let Some(end) = find(&self.held, b"\r\n\r\n") {
                break end;
            }
            assert!(self.more() > 0, "the connection ended in a head: {:?}", self.held);
        };
        let head = String::from_utf8(self.held[..end].to_vec()).unwrap();
        self.held.drain(..end + 4);
        let status = head.strip_prefix("HTTP/1.1 ").unwrap_or_else(|| panic!("{head:?}"))[..3]
            .parse()
            .unwrap();
        let mut answer = Answer { status, head, body: Vec::new() };
        let length = match answer.field("content-length") {
            Some(text) => text.parse().unwrap(),
            None => {
                assert!(matches!(status, 100..200 | 204 | 304), "no length: {}", answer.head);
                0
            }
        };
        if method == "HEAD" || status == 304 {
            return answer;
        }
        while self.held.len() < length {
            assert!(self.more() > 0, "the connection ended in a body: {}", answer.head);
        }
        answer.body = self.held.drain(..length).collect();
        answer
    }

    /// Everything until the server closes.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        while self.more() > 0 {}
        std::mem::take(&mut self.held)
    }

    /// Checks that the server closes without another byte.
    pub(crate) fn ended(&mut self) {
        let rest = self.rest();
        assert!(rest.is_empty(), "after the end: {:?}", String::from_utf8_lossy(&rest));
    }

    /// Tells the server that nothing more comes.
    pub(crate) fn shut(&self) {
        self.stream.shutdown(Shutdown::Write).unwrap();
    }

    /// Bytes read in one step; 0 at the end or after a reset.
    fn more(&mut self) -> usize {
        let mut bytes = [0; 65_536];
        match self.stream.read(&mut bytes) {
            Ok(n) => {
                self.held.extend_from_slice(&bytes[..n]);
                n
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                panic!("no answer within 15 s; so far {:?}", String::from_utf8_lossy(&self.held))
            }
            Err(_) => 0,
        }
    }
}

/// A request; a length is added where a body may be and no field speaks of one.
pub(crate) fn request(method: &str, target: &str, fields: &[&str], body: &[u8]) -> Vec<u8> {
    let mut text = format!("{method} {target} HTTP/1.1\r\nHost: localhost\r\n");
    for field in fields {
        text.push_str(field);
        text.push_str("\r\n");
    }
    let framed = |field: &&str| {
        let field = field.to_ascii_lowercase();
        field.starts_with("content-length:") || field.starts_with("transfer-encoding:")
    };
    let bodily = !body.is_empty() || matches!(method, "PUT" | "POST");
    if bodily && !fields.iter().any(framed) {
        text.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    text.push_str("\r\n");
    [text.as_bytes(), body].concat()
}

/// One request on a connection of its own; nothing may follow its answer.
pub(crate) fn ask(
    address: SocketAddr,
    method: &str,
    target: &str,
    fields: &[&str],
    body: &[u8],
) -> Answer {
    let mut wire = Wire::open(address);
    let fields: Vec<&str> = fields.iter().copied().chain(["Connection: close"]).collect();
    let answer = wire.ask(method, target, &fields, body);
    wire.ended();
    answer
}

/// GET without fields.
pub(crate) fn get(address: SocketAddr, target: &str) -> Answer {
    ask(address, "GET", target, &[], b"")
}

/// PUT without fields.
pub(crate) fn put(address: SocketAddr, target: &str, body: &[u8]) -> Answer {
    ask(address, "PUT", target, &[], body)
}

/// A body as chunks of `size` bytes, the last chunk included.
pub(crate) fn chunked(body: &[u8], size: usize) -> Vec<u8> {
    let mut out = Vec::new();
    for chunk in body.chunks(size) {
        out.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        out.extend_from_slice(chunk);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"0\r\n\r\n");
    out
}

/// Starts with these settings alone.
pub(crate) fn start_with(settings: &str) -> Live {
    let folder = folder("");
    std::fs::write(folder.path().join("menshen.toml"), settings).unwrap();
    let command = command(folder.path(), &["serve"]);
    Live::start_command(folder, command)
}

/// Settings with these lines in `[web]`, a plain listener in this mode, and these after all.
pub(crate) fn settings(mode: &str, web: &str, rest: &str) -> String {
    format!(
        "workers = 1\n[web]\nlisten = [\"127.0.0.1:0\"]\nplain_listen = [\"127.0.0.1:0\"]\n\
         plain = \"{mode}\"\n{web}\n[[web.public]]\npath = \"/\"\naccess = \"write\"\n{rest}\n\
         [admin]\nlisten = \"127.0.0.1:0\"\n"
    )
}

/// Where a path of the served folder lies.
pub(crate) fn stored(live: &Live, path: &str) -> PathBuf {
    live.path("files").join(path)
}

/// Lays a file into the served folder, old enough for strong validators.
pub(crate) fn lay(live: &Live, path: &str, bytes: &[u8]) {
    let at = stored(live, path);
    std::fs::write(&at, bytes).unwrap();
    let past = SystemTime::now() - Duration::from_secs(3600);
    let file = std::fs::File::options().write(true).open(&at).unwrap();
    file.set_modified(past).unwrap();
}

/// Makes a folder the workers may write to.
pub(crate) fn lay_folder(live: &Live, path: &str) {
    let at = stored(live, path);
    std::fs::create_dir(&at).unwrap();
    if rustix::process::geteuid().is_root() {
        chown(&at, Some(65_534), Some(65_534)).unwrap();
    }
}

/// Names in the spool: uploads that are not finished.
pub(crate) fn spooled(live: &Live) -> Vec<String> {
    let entries = std::fs::read_dir(stored(live, ".menshen-spool")).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// Waits until the spool holds so many files.
pub(crate) fn wait_spooled(live: &Live, count: usize) {
    wait_for(&format!("{count} files in the spool"), || spooled(live).len() == count);
}

/// Ends a worker at once, as the kernel may, and waits until there is another in its place.
pub(crate) fn kill_worker(live: &Live) {
    let slot = live.workers(SlotState::Ready)[0];
    let (index, pid) = (slot.index(), slot.pid());
    kill_process(Pid::from_raw(i32::try_from(pid).unwrap()).unwrap(), Signal::KILL).unwrap();
    wait_for("another worker", || {
        let slots = live.workers(SlotState::Ready);
        slots.iter().any(|slot| slot.index() == index && slot.pid() != pid)
    });
}

/// The first access-log line with this in it; lines are written about once a second.
pub(crate) fn log_line(live: &Live, part: &str) -> String {
    let mut found = None;
    wait_for(&format!("a log line with {part:?}"), || {
        let text = std::fs::read_to_string(live.path(".menshen/access.log")).unwrap();
        found = text.lines().find(|line| line.contains(part)).map(str::to_owned);
        found.is_some()
    });
    found.unwrap()
}

/// The HTTPS address of a path; `path` starts with a slash and is escaped.
pub(crate) fn url(live: &Live, path: &str) -> String {
    format!("https://localhost:{}{path}", live.https.unwrap().port())
}

/// curl, trusting only the development authority.
pub(crate) fn curl_command(live: &Live) -> Command {
    let port = live.https.unwrap().port();
    let mut command = Command::new("curl");
    command
        .args(["--disable", "--silent", "--show-error", "--max-time", "30", "--path-as-is"])
        .arg("--cacert")
        .arg(live.path(".menshen/ca.pem"))
        .args(["--resolve", &format!("localhost:{port}:127.0.0.1")])
        .current_dir(live.folder.path())
        .stdin(Stdio::null());
    command
}

/// Runs curl.
pub(crate) fn curl(live: &Live, arguments: &[&str]) -> Output {
    curl_command(live).args(arguments).output().unwrap()
}

/// The answer curl gets over HTTPS; `arguments` name the protocol version.
pub(crate) fn curl_ask(live: &Live, path: &str, arguments: &[&str]) -> Answer {
    let output = curl_command(live).arg("-i").args(arguments).arg(url(live, path)).output();
    let output = output.unwrap();
    assert!(
        output.status.success(),
        "curl {arguments:?} {path}: {} {}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    Answer::parse(&output.stdout)
}

/// Where `part` begins.
pub(crate) fn find(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes.windows(part.len()).position(|window| window == part)
}

/// Bytes that differ from place to place.
pub(crate) fn pattern(length: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_u32;
    let mut out = Vec::with_capacity(length + 4);
    while out.len() < length {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        out.extend_from_slice(&state.to_le_bytes());
    }
    out.truncate(length);
    out
}

/// One worker; the usual settings follow.
pub(crate) const ONE: &str = "workers = 1";
/// Two workers that share the ports.
pub(crate) const TWO: &str = "workers = 2";
