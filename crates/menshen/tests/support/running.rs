//! `menshen run` as a child of a test: what it prints as it prints it, and programs to run.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// A running command; killed when dropped.
pub(crate) struct Running {
    child: Child,
    text: Arc<Mutex<String>>,
}

/// `menshen run` with the files of runs in `folder`, and standard input from nowhere.
pub(crate) fn menshen(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_menshen"));
    command.arg("run").arg("--runs").arg(folder.join("runs")).args(arguments);
    command.current_dir(folder).stdin(Stdio::null());
    for name in ["JOURNAL_STREAM", "PYTHONUNBUFFERED", "XDG_RUNTIME_DIR"] {
        command.env_remove(name);
    }
    command
}

impl Running {
    /// Starts it; both of its streams are read.
    pub(crate) fn start(mut command: Command) -> Self {
        let (mut reader, writer) = std::io::pipe().unwrap();
        command.stdout(writer.try_clone().unwrap()).stderr(writer);
        let child = command.spawn().unwrap();
        drop(command);
        let text = Arc::new(Mutex::new(String::new()));
        let shared = Arc::clone(&text);
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = reader.read(&mut bytes) {
                shared.lock().unwrap().push_str(&String::from_utf8_lossy(&bytes[..count]));
            }
        });
        Self { child, text }
    }

    pub(crate) fn text(&self) -> String {
        self.text.lock().unwrap().clone()
    }

    /// Waits until it has printed `part`.
    pub(crate) fn wait_for(&self, part: &str) {
        let until = Instant::now() + WAIT_MAX;
        while !self.text().contains(part) {
            assert!(Instant::now() < until, "no {part:?} in: {}", self.text());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for its end; gives its status and all it has printed.
    pub(crate) fn end(mut self) -> (ExitStatus, String) {
        let until = Instant::now() + WAIT_MAX;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < until, "did not end: {}", self.text());
            std::thread::sleep(Duration::from_millis(5));
        };
        // The pipe is read to its end once nobody holds it.
        while Arc::strong_count(&self.text) > 1 && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(2));
        }
        (status, self.text())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs it to its end.
pub(crate) fn run(folder: &Path, arguments: &[&str]) -> (i32, String) {
    let (status, text) = Running::start(menshen(folder, arguments)).end();
    (status.code().unwrap_or(-1), text)
}

/// Says loudly that something is not tested.
#[expect(clippy::print_stderr, reason = "a test that is skipped must say so")]
pub(crate) fn skipped(why: &str) {
    assert!(std::env::var_os("MENSHEN_REQUIRE_PEERS").is_none(), "{why}");
    eprintln!("SKIPPED: {why}");
}

/// Whether these programs are installed; says loudly which is not.
pub(crate) fn installed(names: &[&str]) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let missing = names.iter().find(|n| !folders.iter().any(|folder| folder.join(n).is_file()));
    if let Some(name) = missing {
        skipped(&format!("{name} is not installed"));
    }
    missing.is_none()
}

/// A C program, compiled with these options; `None` after saying so: there is no compiler.
pub(crate) fn c_program(folder: &Path, source: &str, options: &[&str]) -> Option<PathBuf> {
    if !installed(&["gcc"]) {
        return None;
    }
    let (file, program) = (folder.join("program.c"), folder.join("program"));
    std::fs::write(&file, source).unwrap();
    let built = Command::new("gcc").args(options).arg("-o").arg(&program).arg(&file).output();
    let built = built.unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    Some(program)
}

/// Far more than anything here takes on a busy machine.
const WAIT_MAX: Duration = Duration::from_secs(60);
