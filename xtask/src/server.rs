//! A server under test: started in the foreground, measured with all its descendants, stopped.
//!
//! Ends only what it started, by process id: first politely, then surely.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// A running server; stopped when dropped.
#[derive(Debug)]
pub(crate) struct Server {
    name: String,
    child: Child,
}

impl Server {
    /// Starts `command`; its output goes to `log`.
    pub(crate) fn start(name: &str, command: &mut Command, log: &Path) -> Result<Self, String> {
        let open = || File::create(log).and_then(|file| Ok((file.try_clone()?, file)));
        let (out, err) = open().map_err(|e| format!("could not write {}: {e}", log.display()))?;
        let child = command
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            .spawn()
            .map_err(|e| format!("could not start {name}: {e}"))?;
        Ok(Self { name: name.to_owned(), child })
    }

    /// Waits until `port` of the loopback address takes connections.
    pub(crate) fn wait_for(&mut self, port: u16, log: &Path) -> Result<(), String> {
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        self.wait_until(log, || TcpStream::connect(address).is_ok())
    }

    /// Waits until `ready` is true; an error ends with what the server has said.
    pub(crate) fn wait_until(
        &mut self,
        log: &Path,
        ready: impl Fn() -> bool,
    ) -> Result<(), String> {
        let start = Instant::now();
        while !ready() {
            let ended = self.child.try_wait().map_err(|e| e.to_string())?;
            if ended.is_some() || start.elapsed() > START_TIMEOUT {
                let said = fs::read_to_string(log).unwrap_or_default();
                let how = ended.map_or_else(|| "is not ready".to_owned(), |s| format!("{s}"));
                return Err(format!("{}: {how}\n{}", self.name, said.trim()));
            }
            thread::sleep(POLL);
        }
        Ok(())
    }

    /// Run time so far of all threads of all its processes, in nanoseconds. A process that ends
    /// between two readings takes its time with it.
    pub(crate) fn cpu_ns(&self) -> u64 {
        let mut total = 0;
        for process in self.processes() {
            for task in entries(&format!("/proc/{process}/task")) {
                let stat = fs::read_to_string(format!("/proc/{process}/task/{task}/schedstat"));
                let stat = stat.unwrap_or_default();
                let ran = stat.split_whitespace().next().and_then(|word| word.parse::<u64>().ok());
                total += ran.unwrap_or(0);
            }
        }
        total
    }

    /// Private memory of all its processes, in KiB.
    pub(crate) fn private_kib(&self) -> u64 {
        let rollups = self.processes().into_iter().map(|process| {
            fs::read_to_string(format!("/proc/{process}/smaps_rollup")).unwrap_or_default()
        });
        rollups.map(|text| sum_of(&text, &["Private_Clean", "Private_Dirty"])).sum()
    }

    /// Resident memory of all its processes in KiB, pages that several of them share counted once
    /// (`Pss`).
    pub(crate) fn shared_out_kib(&self) -> u64 {
        shared_out_kib_of(self.child.id())
    }

    /// Bytes its processes have caused to be written to a disk so far: whole pages of files dirtied
    /// in the page cache (`write_bytes` of proc(5)). Files in memory and sockets do not count.
    pub(crate) fn written_bytes(&self) -> u64 {
        let counts = self
            .processes()
            .into_iter()
            .map(|process| fs::read_to_string(format!("/proc/{process}/io")).unwrap_or_default());
        counts.map(|text| sum_of(&text, &["write_bytes"])).sum()
    }

    /// Ends one process of it at once, as a crash would: the first whose name begins with `name`.
    pub(crate) fn kill(&self, name: &str) -> Result<(), String> {
        let is_it = |process: &u32| {
            let comm = fs::read_to_string(format!("/proc/{process}/comm")).unwrap_or_default();
            comm.starts_with(name)
        };
        let found = self.processes().into_iter().find(is_it);
        let found = found.ok_or_else(|| format!("{} has no process {name}", self.name))?;
        let status = Command::new("kill").args(["-KILL", &found.to_string()]).status();
        status.map(drop).map_err(|e| format!("could not run kill: {e}"))
    }

    /// The id of its first process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal, such as `KILL`, to all its processes at once.
    pub(crate) fn signal(&self, signal: &str) -> Result<(), String> {
        let processes = self.processes().into_iter().map(|process| process.to_string());
        let mut command = Command::new("kill");
        command.arg(format!("-{signal}")).args(processes).stderr(Stdio::null());
        // One that has just ended by itself is not missed.
        command.status().map(drop).map_err(|e| format!("could not run kill: {e}"))
    }

    /// Whether the first process still runs.
    pub(crate) fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// The process and all its descendants.
    fn processes(&self) -> Vec<u32> {
        tree(self.child.id())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let id = self.child.id().to_string();
        // A server that has ended already makes `kill` fail; then there is nothing to do.
        Command::new("kill").args(["-TERM", &id]).stderr(Stdio::null()).status().ok();
        let start = Instant::now();
        while start.elapsed() < STOP_TIMEOUT {
            if !self.is_alive() {
                return;
            }
            thread::sleep(POLL);
        }
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Resident memory of a process and all its descendants in KiB, shared pages shared out (`Pss`).
pub(crate) fn shared_out_kib_of(process: u32) -> u64 {
    let rollups = tree(process).into_iter().map(|process| {
        fs::read_to_string(format!("/proc/{process}/smaps_rollup")).unwrap_or_default()
    });
    rollups.map(|text| sum_of(&text, &["Pss"])).sum()
}

/// A process and all its descendants.
fn tree(process: u32) -> Vec<u32> {
    let (mut found, mut open) = (Vec::new(), vec![process]);
    while let Some(process) = open.pop() {
        found.push(process);
        for task in entries(&format!("/proc/{process}/task")) {
            let children = format!("/proc/{process}/task/{task}/children");
            let children = fs::read_to_string(children).unwrap_or_default();
            open.extend(children.split_whitespace().filter_map(|word| word.parse::<u32>().ok()));
        }
    }
    found
}

/// Ports of the loopback address that nobody listens on, all different.
pub(crate) fn free_ports(count: usize) -> Result<Vec<u16>, String> {
    // All are held at once, so that none is given twice.
    let listeners: Result<Vec<_>, _> =
        (0..count).map(|_| TcpListener::bind(("127.0.0.1", 0))).collect();
    let listeners = listeners.map_err(|e| format!("could not find free ports: {e}"))?;
    let ports: Result<Vec<_>, _> =
        listeners.iter().map(|listener| listener.local_addr().map(|at| at.port())).collect();
    ports.map_err(|e| format!("could not find free ports: {e}"))
}

/// The sum of the named lines of a file such as `smaps_rollup`.
fn sum_of(text: &str, names: &[&str]) -> u64 {
    text.lines()
        .filter_map(|line| line.split_once(':'))
        .filter(|(name, _)| names.contains(name))
        .filter_map(|(_, rest)| rest.split_whitespace().next()?.parse::<u64>().ok())
        .sum()
}

fn entries(folder: &str) -> Vec<String> {
    let names = fs::read_dir(folder).map(|list| {
        list.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
    });
    names.unwrap_or_default()
}

const POLL: Duration = Duration::from_millis(10);
const START_TIMEOUT: Duration = Duration::from_secs(20);
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests;
