//! How a watch begins, as a child of the guard or alone: protected, locked, everything open.
//!
//! What is not permitted or not there is said once and done without; only a watch that is alone and
//! has no recorder, or none of its eyes, gives up.

use std::io::Read;
use std::path::Path;
use std::process::ExitCode;

use menshen_base::with_causes;
use menshen_config::WatchSpec;
use menshen_guard_core::memory::GUARD_SCORE;
use menshen_guard_core::recorder::FileHead;
use menshen_sys::kmsg::{KernelLog, Start};
use menshen_sys::lock::{keep_heap, lock_memory};
use menshen_sys::process::{
    ignore_terminal_stops, read_oom_score_adj, set_name, stdin_from_null, write_oom_score_adj,
};
use menshen_sys::spawn::seal_descriptors;
use rustix::rand::{GetRandomFlags, getrandom};

use crate::file::{RecorderError, RecorderFile};
use crate::log::Log;
use crate::watch::{Parts, Watch};

/// Who started the watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alone {
    /// The guard of `menshen serve`: without a recorder the ladder is still wanted.
    No,
    /// A person or a service manager.
    Yes,
}

/// Runs as the child of a guard: the specification comes on standard input.
#[must_use]
pub fn run_child(log: Log) -> ExitCode {
    let mut text = Vec::new();
    let spec = std::io::stdin()
        .lock()
        .read_to_end(&mut text)
        .map_err(serde_json::Error::io)
        .and_then(|_| serde_json::from_slice::<WatchSpec>(&text));
    match spec {
        Ok(spec) => run(&spec, Alone::No, log),
        Err(error) => {
            log(&format!("this is no specification of a watch: {error}"));
            log("hint: it is started by `menshen serve`; alone it is `menshen guard`");
            ExitCode::from(EXIT_CONFIG)
        }
    }
}

/// Runs until `SIGTERM` or `SIGINT`; the exit code is 0 then.
#[must_use]
pub fn run(spec: &WatchSpec, alone: Alone, log: Log) -> ExitCode {
    match begin(spec, alone, log) {
        Ok(watch) => {
            watch.run();
            ExitCode::SUCCESS
        }
        Err(fault) => {
            log(&fault.text);
            ExitCode::from(fault.code)
        }
    }
}

struct Fault {
    text: String,
    code: u8,
}

fn begin(spec: &WatchSpec, alone: Alone, log: Log) -> Result<Watch, Fault> {
    let permanent = |what: &str, error: &dyn std::fmt::Display| Fault {
        text: format!("could not {what}: {error}"),
        code: EXIT_PERMANENT,
    };
    ignore_terminal_stops();
    set_name("menshen:watch");
    stdin_from_null().map_err(|error| permanent("open /dev/null", &error))?;
    if alone == Alone::Yes {
        seal_descriptors().map_err(|error| permanent("read /proc/self/fd", &error))?;
    }
    // The guard tells the same about itself when it starts.
    let protected = protect();
    if let (Err(error), Alone::Yes) = (protected, alone) {
        log(&format!("the watch is not protected from the kernel's choice: {error}"));
        log("hint: OOMScoreAdjust=-900 and OOMPolicy=continue in the unit give the right");
    }
    let guard = &spec.guard;
    let recorder = match open_recorder(&guard.recorder, guard.recorder_bytes) {
        Ok(file) => Some(file),
        Err(error) => {
            let text = describe(&error);
            if alone == Alone::Yes {
                return Err(Fault { text, code: exit_code(&error) });
            }
            log(&format!("{text}; going on without a recorder"));
            None
        }
    };
    let kernel = match KernelLog::open(Start::Oldest) {
        Ok(kernel) => Some(kernel),
        Err(error) => {
            log(&format!("the kernel's log cannot be read, its words will be missing: {error}"));
            log("hint: run it as root, or with CAP_SYSLOG");
            None
        }
    };
    // After the old recorder was read, which takes as much memory as it has bytes; before there are
    // threads, which are to share the one heap that is kept.
    keep_heap();
    let parts = Parts { recorder, kernel, spec: spec.clone(), log };
    let watch = Watch::new(parts).map_err(|error| permanent("start the watch", &error))?;
    // Last, when all is there that is to stay.
    if let Err(error) = lock_memory() {
        log(&format!("memory is not locked (it may be swapped out): {error}"));
    }
    Ok(watch)
}

/// The kernel is to kill the watch last, as it does the guard.
fn protect() -> std::io::Result<()> {
    match read_oom_score_adj() {
        Ok(now) if now <= GUARD_SCORE => Ok(()),
        _ => write_oom_score_adj(GUARD_SCORE),
    }
}

fn open_recorder(path: &Path, bytes: u64) -> Result<RecorderFile, RecorderError> {
    let failed = |action, path: &Path, source| RecorderError::LocalFile {
        action,
        path: path.to_owned(),
        source,
    };
    if let Some(folder) = path.parent() {
        use std::os::unix::fs::DirBuilderExt;
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.map_err(|source| failed("create the folder", folder, source))?;
    }
    let boot = Path::new("/proc/sys/kernel/random/boot_id");
    let boot_id = read_boot_id(boot).map_err(|source| failed("read", boot, source))?;
    let mut salt = [0; 8];
    let got = getrandom(&mut salt[..], GetRandomFlags::empty());
    got.map_err(|error| failed("get random bytes for", path, error.into()))?;
    let head = FileHead {
        salt: u64::from_le_bytes(salt),
        boot_id,
        started_micros: crate::recorder::wall_micros(),
        host: rustix::system::uname().nodename().to_bytes().to_vec(),
    };
    RecorderFile::open(path, bytes, head)
}

/// 32 hexadecimal digits with dashes.
fn read_boot_id(path: &Path) -> std::io::Result<[u8; 16]> {
    let text = std::fs::read_to_string(path)?;
    let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
    let number = u128::from_str_radix(&digits, 16);
    number.map(u128::to_be_bytes).map_err(|_| std::io::ErrorKind::InvalidData.into())
}

fn describe(error: &RecorderError) -> String {
    let hint = match error {
        RecorderError::ConfigNotARecording { .. } => {
            "; hint: name another file in guard.recorder, or remove this one"
        }
        RecorderError::LocalInUse { .. } => {
            "; hint: one watch is enough: `menshen serve` has its own"
        }
        RecorderError::LocalFile { .. } => "",
    };
    with_causes(error) + hint
}

const fn exit_code(error: &RecorderError) -> u8 {
    match error {
        RecorderError::ConfigNotARecording { .. } => EXIT_CONFIG,
        RecorderError::LocalInUse { .. } => EXIT_RETRY,
        RecorderError::LocalFile { .. } => EXIT_PERMANENT,
    }
}

const EXIT_CONFIG: u8 = 2;
const EXIT_PERMANENT: u8 = 100;
const EXIT_RETRY: u8 = 111;
