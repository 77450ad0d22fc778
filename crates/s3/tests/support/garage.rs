//! A Garage cluster of three nodes on loopback addresses of its own, if there is a `garage`: the
//! path in `MENSHEN_GARAGE`, or one in `PATH`. Ended, and its folder removed, when dropped.
#![allow(clippy::unwrap_used, reason = "a test may fail")]
#![allow(dead_code, reason = "each test uses its own part of it")]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub(crate) struct Garage {
    program: PathBuf,
    folder: tempfile::TempDir,
    network: String,
    nodes: Vec<Option<Child>>,
}

/// Where the program is; `None` after saying so. No package has it, and building it takes longer
/// than all of CI may: its absence is never a failure.
#[allow(clippy::print_stderr, reason = "a test that is skipped must say so")]
pub(crate) fn find() -> Option<PathBuf> {
    let named = std::env::var_os("MENSHEN_GARAGE").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut found = std::env::split_paths(&path).map(|folder| folder.join("garage"));
    let found = named.or_else(|| found.find(|file| file.is_file()));
    if found.is_none() {
        eprintln!("SKIPPED: garage is not installed (cargo install garage --version 2.5.0)");
    }
    found
}

impl Garage {
    /// Starts three nodes, each with a copy of everything, and makes bucket and key.
    pub(crate) fn start(program: PathBuf) -> Self {
        let folder = tempfile::Builder::new().prefix("s3-garage.").tempdir().unwrap();
        // Networks of processes that run at the same time differ.
        let process = std::process::id();
        let network = format!("127.{}.{}", 64 + process / 250 % 60, 1 + process % 250);
        let mut garage = Self { program, folder, network, nodes: Vec::new() };
        let secret = format!("{:064x}", u128::from(process) << 40 | 0x5eed);
        for node in 1..=NODES {
            garage.configure(node, &secret, "");
            garage.nodes.push(None);
            garage.revive(node);
        }
        let id = |node| garage.ask(node, &["node", "id", "-q"]).trim().to_owned();
        let ids: Vec<_> = (1..=NODES).map(id).collect();
        let peers: String = ids.iter().map(|id| format!("\"{id}\",")).collect();
        for (node, id) in (1..).zip(&ids) {
            garage.configure(node, &secret, &peers);
            if node > 1 {
                garage.ask(1, &["node", "connect", id]);
            }
        }
        garage.lay_out(&peers);
        garage
    }

    fn lay_out(&self, peers: &str) {
        let ids: Vec<&str> =
            peers.split('"').filter(|text| text.contains('@')).map(|id| &id[..16]).collect();
        wait("three nodes", || {
            let seen = self.said(1, &["status"]);
            ids.iter().all(|id| seen.contains(id))
        });
        let mut assign = vec!["layout", "assign", "-z", "z", "-c", "8GB"];
        assign.extend(&ids);
        self.ask(1, &assign);
        self.ask(1, &["layout", "apply", "--version", "1"]);
        wait("the layout", || {
            self.said(1, &["key", "import", "--yes", KEY, SECRET, "-n", "test"]).contains(KEY)
        });
        self.ask(1, &["bucket", "create", BUCKET]);
        let allow = ["bucket", "allow", "--read", "--write", "--owner", BUCKET, "--key", KEY];
        self.ask(1, &allow);
        for node in 1..=NODES {
            wait("the bucket", || self.said(node, &["bucket", "info", BUCKET]).contains(KEY));
        }
    }

    /// The S3 endpoint of a node, 1 to 3.
    pub(crate) fn endpoint(&self, node: usize) -> String {
        format!("http://{}.{node}:3900", self.network)
    }

    /// Ends a node without warning.
    pub(crate) fn kill(&mut self, node: usize) {
        if let Some(mut child) = self.nodes[node - 1].take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Starts a node, and waits until it listens.
    pub(crate) fn revive(&mut self, node: usize) {
        let mut command = Command::new(&self.program);
        command.arg("-c").arg(self.file(node)).arg("server").env("RUST_LOG", "error");
        let log = std::fs::File::create(self.folder.path().join(format!("{node}.log"))).unwrap();
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        self.nodes[node - 1] = Some(command.spawn().unwrap());
        let address = format!("{}.{node}:3900", self.network);
        wait("a node that listens", || std::net::TcpStream::connect(&address).is_ok());
    }

    fn configure(&self, node: usize, secret: &str, peers: &str) {
        let (network, folder) = (&self.network, self.folder.path().display());
        let text = format!(
            "metadata_dir = \"{folder}/{node}/meta\"\ndata_dir = \"{folder}/{node}/data\"\n\
             db_engine = \"sqlite\"\nreplication_factor = 3\nrpc_secret = \"{secret}\"\n\
             rpc_bind_addr = \"{network}.{node}:3901\"\nrpc_public_addr = \
             \"{network}.{node}:3901\"\nbootstrap_peers = [{peers}]\n[s3_api]\n\
             s3_region = \"garage\"\napi_bind_addr = \"{network}.{node}:3900\"\n"
        );
        std::fs::write(self.file(node), text).unwrap();
        for kind in ["meta", "data"] {
            let folder = self.folder.path().join(format!("{node}/{kind}"));
            std::fs::create_dir_all(folder).unwrap();
        }
    }

    fn file(&self, node: usize) -> PathBuf {
        Path::new(self.folder.path()).join(format!("{node}.toml"))
    }

    fn ask(&self, node: usize, arguments: &[&str]) -> String {
        let output = self.command(node, arguments).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "garage {arguments:?}: {error}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn said(&self, node: usize, arguments: &[&str]) -> String {
        let output = self.command(node, arguments).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn command(&self, node: usize, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("-c").arg(self.file(node)).args(arguments).env("RUST_LOG", "error");
        command.stdin(Stdio::null());
        command
    }
}

impl Drop for Garage {
    fn drop(&mut self) {
        for node in 1..=self.nodes.len() {
            self.kill(node);
        }
    }
}

fn wait(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(60), "no {what}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

const NODES: usize = 3;
pub(crate) const BUCKET: &str = "bucket";
pub(crate) const KEY: &str = "GK0123456789abcdef01234567";
pub(crate) const SECRET: &str = "5ec2e75ec2e75ec2e75ec2e75ec2e75ec2e75ec2e75ec2e75ec2e75ec2e75ec2";
