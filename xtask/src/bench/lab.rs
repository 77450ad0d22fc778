//! The folders, files, ports and certificate of one benchmark.
//!
//! Test files stay from run to run; everything written by a server goes away with the lab. It must
//! never write outside its two folders.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::server::free_ports;
use crate::shell;

/// Where everything of a benchmark is.
#[derive(Debug)]
pub(crate) struct Lab {
    /// Folder on a disk.
    pub(crate) disk: PathBuf,
    /// Folder in memory.
    pub(crate) ram: PathBuf,
    /// The load client.
    pub(crate) loadgen: PathBuf,
    /// This project's program.
    pub(crate) menshen: PathBuf,
    /// Whether started by root, so that servers must be told which user to be.
    pub(crate) is_root: bool,
    ports: Vec<u16>,
}

/// What a menshen under test serves, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Store {
    /// The test files.
    Files,
    /// Uploads to memory, not flushed.
    Ram,
    /// Uploads to the disk, not flushed.
    Disk,
    /// Uploads to the disk, flushed before they are acknowledged.
    Durable,
    /// PHP pages beside the test files.
    Php,
}

/// The listeners of nginx under test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Listener {
    /// Plain, as most people run it; with the upload and form locations.
    Plain,
    /// Plain with `open_file_cache`.
    PlainFileCache,
    /// Plain with `tcp_nopush off`.
    PlainNoPush,
    /// TLS with default buffers; with the upload locations.
    Tls,
    /// TLS with `open_file_cache`.
    TlsFileCache,
    /// TLS with `open_file_cache`, large buffers and no sendfile.
    TlsLargeBuffers,
}

impl Lab {
    /// Makes what is missing below `target`, cargo's folder for built things.
    pub(crate) fn new(target: &Path) -> Result<Self, String> {
        Self::of_profile(target, "release")
    }

    /// The same with programs built with another of cargo's profiles.
    pub(crate) fn of_profile(target: &Path, profile: &str) -> Result<Self, String> {
        let built = target.join(if profile == "dev" { "debug" } else { profile });
        let ram = PathBuf::from(format!("/dev/shm/menshen-bench-{}", std::process::id()));
        let lab = Self {
            disk: target.join("bench"),
            ram,
            loadgen: built.join("loadgen"),
            menshen: built.join("menshen"),
            is_root: fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0),
            ports: free_ports(LISTENERS + 2 * STORES)?,
        };
        lab.make().map_err(|e| format!("could not prepare {}: {e}", lab.disk.display()))?;
        lab.make_certificate()?;
        Ok(lab)
    }

    /// A program of `bench/`, built beside menshen.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.menshen.with_file_name(name)
    }

    /// The test files; read by all servers.
    pub(crate) fn files(&self) -> PathBuf {
        self.disk.join("files")
    }

    /// The folder a menshen serves.
    pub(crate) fn root(&self, store: Store) -> PathBuf {
        match store {
            Store::Files | Store::Php => self.files(),
            Store::Ram => self.ram.join("menshen"),
            Store::Disk => self.disk.join("up/menshen"),
            Store::Durable => self.disk.join("up/menshen-durable"),
        }
    }

    /// Where nginx puts uploads: in memory, and on disk.
    pub(crate) fn nginx_folders(&self) -> [PathBuf; 2] {
        [self.ram.join("nginx"), self.disk.join("up/nginx")]
    }

    /// Plain port of a menshen.
    pub(crate) fn plain_port(&self, store: Store) -> u16 {
        self.ports[LISTENERS + 2 * (store as usize)]
    }

    /// TLS port of a menshen.
    pub(crate) fn tls_port(&self, store: Store) -> u16 {
        self.ports[LISTENERS + 2 * (store as usize) + 1]
    }

    /// Port of an nginx listener.
    pub(crate) fn nginx_port(&self, listener: Listener) -> u16 {
        self.ports[listener as usize]
    }

    /// Folder for configurations, logs and process files.
    pub(crate) fn conf(&self) -> PathBuf {
        self.disk.join("conf")
    }

    /// The certificate all servers use; its key has the extension `key`.
    pub(crate) fn certificate(&self) -> PathBuf {
        self.disk.join("conf/cert.pem")
    }

    fn make(&self) -> io::Result<()> {
        fs::create_dir_all(self.conf())?;
        fs::create_dir_all(self.files())?;
        let [nginx_ram, nginx_disk] = self.nginx_folders();
        let menshen = [Store::Ram, Store::Disk, Store::Durable].map(|store| self.root(store));
        for folder in [nginx_ram, nginx_disk].into_iter().chain(menshen) {
            // Workers are not root and write here.
            for folder in [folder.clone(), folder.join("put"), folder.join("form")] {
                fs::create_dir_all(&folder)?;
                fs::set_permissions(&folder, fs::Permissions::from_mode(0o777))?;
            }
        }
        for (name, size) in FILES {
            make_file(&self.files().join(name), size)?;
        }
        Ok(())
    }

    fn make_certificate(&self) -> Result<(), String> {
        let certificate = self.certificate();
        let key = certificate.with_extension("key");
        // Made anew each time: an old one may have expired.
        let mut command = Command::new("openssl");
        command.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]);
        command.args(["-nodes", "-days", "30", "-subj", "/CN=localhost"]);
        command.args(["-addext", "subjectAltName=DNS:localhost", "-keyout"]);
        command.arg(key).arg("-out").arg(certificate);
        shell::output(&mut command).map(drop)
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.ram).ok();
        fs::remove_dir_all(self.disk.join("up")).ok();
    }
}

/// Random bytes of this length; an existing file is read once, so that it is in the page cache.
pub(crate) fn make_file(path: &Path, size: u64) -> io::Result<()> {
    if fs::metadata(path).is_ok_and(|found| found.len() == size) {
        return io::copy(&mut File::open(path)?, &mut io::sink()).map(drop);
    }
    let mut random = File::open("/dev/urandom")?;
    let mut file = File::create(path)?;
    let mut block = vec![0; BLOCK_BYTES];
    let mut left = size;
    while left > 0 {
        let step = usize::try_from(left).unwrap_or(BLOCK_BYTES).min(BLOCK_BYTES);
        random.read_exact(&mut block[..step])?;
        file.write_all(&block[..step])?;
        left -= step as u64;
    }
    file.sync_all()
}

const LISTENERS: usize = 6;
const STORES: usize = 5;
const BLOCK_BYTES: usize = 1 << 20;
const FILES: [(&str, u64); 4] =
    [("1k", 1 << 10), ("64k", 64 << 10), ("1m", 1 << 20), ("1g", 1 << 30)];
