//! Chromium without a window, driven over its debugging pipe: messages of JSON, each ended by a
//! zero byte, on the descriptors 3 and 4. A shell sets them up from two named pipes.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

/// A running browser; ended when dropped.
pub(crate) struct Chromium {
    child: Child,
    commands: File,
    seen: Arc<Mutex<Vec<Value>>>,
    next: u64,
    session: Option<String>,
    /// What it calls itself.
    pub(crate) version: String,
    _profile: TempDir,
}

impl Chromium {
    /// Starts `program` with every host at `secure` for port 443 and at `plain` for port 80.
    pub(crate) fn start(program: &Path, secure: u16, plain: u16) -> Self {
        let profile = tempfile::tempdir().unwrap();
        let [to, from] = ["to", "from"].map(|name| {
            let pipe = profile.path().join(name);
            assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
            pipe
        });
        let mut command = Command::new("sh");
        command.args(["-c", "to=$1 from=$2; shift 2; exec \"$@\" 3<\"$to\" 4>\"$from\"", "sh"]);
        command.args([&to, &from]).arg(program).args(FLAGS);
        command.arg(format!("--user-data-dir={}", profile.path().join("profile").display()));
        command.arg(format!(
            "--host-resolver-rules=MAP *:443 127.0.0.1:{secure},MAP *:80 127.0.0.1:{plain}"
        ));
        let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = quiet.spawn().unwrap();
        // The shell opens them in this order, and each open waits for the other side.
        let commands = OpenOptions::new().write(true).open(&to).unwrap();
        let events = BufReader::new(File::open(&from).unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&seen);
        std::thread::spawn(move || {
            for message in events.split(0).map_while(Result::ok) {
                if let Ok(message) = serde_json::from_slice(&message) {
                    sink.lock().unwrap().push(message);
                }
            }
        });
        let mut browser = Self {
            child,
            commands,
            seen,
            next: 0,
            session: None,
            version: String::new(),
            _profile: profile,
        };
        browser.version = browser.call("Browser.getVersion", &json!({}))["product"].to_string();
        browser
    }

    /// Opens a page in a tab of its own; what the browser told until `quiet` has not changed for a
    /// second and a half.
    pub(crate) fn visit(&mut self, url: &str, mut quiet: impl FnMut() -> usize) -> Vec<Value> {
        self.session = None;
        let target = self.call("Target.createTarget", &json!({ "url": "about:blank" }));
        let target = json!({ "targetId": target["targetId"], "flatten": true });
        let session = self.call("Target.attachToTarget", &target);
        self.session = session["sessionId"].as_str().map(str::to_owned);
        for domain in ["Network", "Audits", "Page"] {
            self.call(&format!("{domain}.enable"), &json!({}));
        }
        self.seen.lock().unwrap().clear();
        self.call("Page.navigate", &json!({ "url": url }));
        let mut state = (0, 0);
        let (mut since, until) = (Instant::now(), Instant::now() + Duration::from_secs(30));
        while since.elapsed() < Duration::from_millis(1500) && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(50));
            let now = (quiet(), self.seen.lock().unwrap().len());
            if now != state {
                (state, since) = (now, Instant::now());
            }
        }
        self.seen.lock().unwrap().clone()
    }

    fn call(&mut self, method: &str, parameters: &Value) -> Value {
        self.next += 1;
        let mut message = json!({ "id": self.next, "method": method, "params": parameters });
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        self.commands.write_all(format!("{message}\0").as_bytes()).unwrap();
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            let seen = self.seen.lock().unwrap();
            if let Some(answer) = seen.iter().find(|one| one["id"] == self.next) {
                assert!(answer["error"].is_null(), "{method}: {answer}");
                return answer["result"].clone();
            }
            drop(seen);
            assert!(Instant::now() < until, "Chromium did not answer {method}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        let _ = self.commands.write_all(b"{\"id\":0,\"method\":\"Browser.close\"}\0");
        for _ in 0..100 {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const FLAGS: [&str; 10] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--ignore-certificate-errors",
    "--remote-debugging-pipe",
];
