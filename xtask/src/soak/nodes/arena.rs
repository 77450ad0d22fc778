//! The store, the doors and the clients as processes. Each is ended by its own id, never by name.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use super::memory::Watch;
use super::{BUFFERS_MAX, PART_BYTES, Plan, WORKERS};
use crate::bench::Lab;
use crate::server::{Server, free_ports};

/// The object store, which does what it is told.
#[derive(Debug)]
pub(super) struct Store {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    bucket: String,
    region: String,
    key: String,
    secret: String,
    endpoints: Vec<String>,
}

impl Store {
    pub(super) fn start(program: &Path, plan: &Plan, folder: &Path) -> Result<Self, String> {
        fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        let mut command = Command::new(program);
        command.arg(plan.engine.word()).env("TMPDIR", folder);
        if let Some(garage) = &plan.garage {
            command.env("MENSHEN_GARAGE", garage);
        }
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = child.map_err(|e| format!("could not start the store: {e}"))?;
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().ok_or("the store has no output")?);
        let mut store = Self {
            child,
            input,
            output,
            bucket: String::new(),
            region: String::new(),
            key: String::new(),
            secret: String::new(),
            endpoints: Vec::new(),
        };
        let line = store.line()?;
        let mut words = line.split_whitespace().map(str::to_owned);
        let mut word = || words.next().unwrap_or_default();
        if word() != "ready" {
            return Err(format!("the store said {line:?}"));
        }
        (store.bucket, store.region, store.key, store.secret) = (word(), word(), word(), word());
        store.endpoints = words.collect();
        if store.endpoints.is_empty() {
            return Err(format!("the store said {line:?}"));
        }
        Ok(store)
    }

    /// Has a command done.
    pub(super) fn tell(&mut self, command: &str) -> Result<(), String> {
        let input = self.input.as_mut().ok_or("the store has no input")?;
        writeln!(input, "{command}").map_err(|e| format!("the store does not listen: {e}"))?;
        match self.line()?.as_str() {
            "done" => Ok(()),
            other => Err(format!("the store said {other:?} to {command:?}")),
        }
    }

    fn line(&mut self) -> Result<String, String> {
        let mut line = String::new();
        self.output.read_line(&mut line).map_err(|e| format!("the store is silent: {e}"))?;
        Ok(line.trim_end().to_owned())
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // It ends with its input, and takes its own children along.
        drop(self.input.take());
        self.child.wait().ok();
    }
}

/// Three doors.
#[derive(Debug)]
pub(super) struct Doors<'l> {
    lab: &'l Lab,
    folder: PathBuf,
    ports: Vec<u16>,
    servers: Vec<Option<Server>>,
    lives: usize,
    pub(super) watch: Watch,
}

impl<'l> Doors<'l> {
    pub(super) fn start(lab: &'l Lab, folder: &Path, store: &Store) -> Result<Self, String> {
        let ports = free_ports(DOORS)?;
        let servers = (0..DOORS).map(|_| None).collect();
        let watch = Watch::start(DOORS);
        let mut doors = Self { lab, folder: folder.to_owned(), ports, servers, lives: 0, watch };
        for door in 0..DOORS {
            doors.configure(door, store)?;
            doors.revive(door)?;
        }
        Ok(doors)
    }

    fn configure(&self, door: usize, store: &Store) -> Result<(), String> {
        let folder = self.folder.join(format!("door-{door}"));
        let credentials = folder.join("key");
        let text = format!(
            "workers = {WORKERS}\n\n[web]\nlisten = []\nplain_listen = [\"127.0.0.1:{port}\"]\n\
             plain = \"serve\"\naccess_log = \"off\"\n\n[admin]\nlisten = \"off\"\n\n[limits]\n\
             connections_max = 2000\nconnections_per_address_max = 2000\n\n[uploads]\n\
             unfinished_hours = 100\nanswered_hours = 100\n\n[s3]\n\
             endpoint = \"{endpoint}\"\nbucket = \"{bucket}\"\nprefix = \"{PREFIX}\"\n\
             region = \"{region}\"\ncredentials = \"{credentials}\"\npart_bytes = {PART_BYTES}\n\
             buffers_max = {BUFFERS_MAX}\nretry_seconds = 1\n",
            port = self.ports[door],
            endpoint = store.endpoints[door % store.endpoints.len()],
            bucket = store.bucket,
            region = store.region,
            credentials = credentials.display(),
        );
        let state = folder.join(".menshen");
        let write = || {
            fs::create_dir_all(&state)?;
            fs::set_permissions(&state, fs::Permissions::from_mode(0o700))?;
            for (file, text) in [
                (state.join("owner-token"), TOKEN.to_owned()),
                (credentials.clone(), format!("{}\n{}\n", store.key, store.secret)),
            ] {
                fs::write(&file, text)?;
                fs::set_permissions(&file, fs::Permissions::from_mode(0o600))?;
            }
            fs::write(folder.join("menshen.toml"), text)
        };
        write().map_err(|e: std::io::Error| format!("{}: {e}", folder.display()))
    }

    /// Starts a door that does not run.
    pub(super) fn revive(&mut self, door: usize) -> Result<(), String> {
        self.lives += 1;
        let log = self.folder.join(format!("door-{door}-life-{}.log", self.lives));
        let mut command = Command::new(&self.lab.menshen);
        command.current_dir(self.folder.join(format!("door-{door}")));
        command.args(["serve", "--config", "menshen.toml"]);
        let mut server = Server::start("menshen", &mut command, &log)?;
        server.wait_for(self.ports[door], &log)?;
        self.watch.is_now(door, server.id());
        self.servers[door] = Some(server);
        Ok(())
    }

    /// Ends all processes of a door at once, as a machine that loses power.
    pub(super) fn kill(&mut self, door: usize) -> Result<(), String> {
        self.watch.is_now(door, 0);
        match self.servers[door].take() {
            Some(server) => server.signal("KILL"),
            None => Ok(()),
        }
    }

    /// Ends one worker of a door.
    pub(super) fn kill_worker(&self, door: usize) -> Result<(), String> {
        self.servers[door].as_ref().map_or(Ok(()), |server| server.kill("menshen:web"))
    }

    /// Stops all processes of a door, or lets them go on (`STOP`, `CONT`).
    pub(super) fn signal(&self, door: usize, signal: &str) -> Result<(), String> {
        self.servers[door].as_ref().map_or(Ok(()), |server| server.signal(signal))
    }
}

/// The clients and the checker.
#[derive(Debug)]
pub(super) struct Clients {
    child: Child,
    lines: Receiver<Value>,
    /// Uploads that were acknowledged so far.
    pub(super) done: usize,
}

/// What the clients said.
#[derive(Debug)]
pub(super) enum Said {
    /// Nothing so long.
    Nothing,
    /// All uploads are through.
    Through,
    /// The result.
    Told(Value),
}

impl Clients {
    pub(super) fn start(
        program: &Path,
        plan: &Plan,
        doors: &Doors<'_>,
        store: &Store,
    ) -> Result<Self, String> {
        let places: Vec<String> =
            doors.ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
        let mut command = Command::new(program);
        command.arg(format!("doors={}", places.join(",")));
        command.arg(format!("endpoints={}", store.endpoints.join(",")));
        for (key, value) in
            [("bucket", &store.bucket), ("region", &store.region), ("key", &store.key)]
        {
            command.arg(format!("{key}={value}"));
        }
        command.arg(format!("prefix={PREFIX}")).arg(format!("bound={}", plan.outage + BOUND_S));
        command.arg(format!("uploads={}", plan.uploads)).arg(format!("size={}", plan.size));
        command.arg(format!("piece={}", plan.piece)).arg(format!("clients={}", plan.clients));
        command.arg(format!("seed={}", plan.seed)).arg(format!("rest={}", plan.rest));
        command.env("NODES_TOKEN", TOKEN).env("NODES_SECRET", &store.secret);
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = child.map_err(|e| format!("could not start the clients: {e}"))?;
        let output = child.stdout.take().ok_or("the clients have no output")?;
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let value = serde_json::from_str(&line).unwrap_or(Value::Null);
                if sender.send(value).is_err() {
                    return;
                }
            }
        });
        Ok(Self { child, lines, done: 0 })
    }

    /// What they say within `time`.
    pub(super) fn hear(&mut self, time: Duration) -> Result<Said, String> {
        let end = std::time::Instant::now() + time;
        loop {
            let left = end.saturating_duration_since(std::time::Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(value) if value["done"].is_number() => self.done += 1,
                Ok(value) if value["through"].is_number() => return Ok(Said::Through),
                Ok(value) => return Ok(Said::Told(value)),
                Err(RecvTimeoutError::Timeout) => return Ok(Said::Nothing),
                Err(RecvTimeoutError::Disconnected) => {
                    let status = self.child.wait().map_err(|e| e.to_string())?;
                    return Err(format!("the clients ended with {status}"));
                }
            }
        }
    }

    /// Doors and store are well now: everything may be compared.
    pub(super) fn go_on(&mut self) -> Result<(), String> {
        let mut input = self.child.stdin.take().ok_or("the clients have no input")?;
        writeln!(input, "compare").map_err(|e| format!("the clients do not listen: {e}"))
    }
}

impl Drop for Clients {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

pub(super) const DOORS: usize = 3;
const PREFIX: &str = "shared";
/// Of all doors; nobody else can reach them.
const TOKEN: &str = "three-doors-one-bucket-three-doors-one-bucket";
/// Seconds an upload may go without getting on, besides the outage.
const BOUND_S: u64 = 120;
