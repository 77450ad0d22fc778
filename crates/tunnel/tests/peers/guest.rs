//! A guest kernel (user-mode-linux) with real peers in it, on a bridge of a namespace; octets
//! carried through a tunnel to or from it.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::space::{Program, Space, file};

/// A namespace with a bridge that holds 10.77.0.1; `None` after saying what is missing.
pub(crate) fn bridged(programs: &[&str]) -> Option<Space> {
    let needed = ["linux.uml", "modprobe", "pppd", "ss", "ping", "bash"];
    let space = Space::new(&[&needed, programs].concat())?;
    space.run("ip link add br0 type bridge");
    space.run("ip addr add 10.77.0.1/24 dev br0");
    space.run("ip link set br0 up");
    Some(space)
}

/// A guest that runs. Its console goes to a file.
#[derive(Debug)]
pub(crate) struct Guest {
    _program: Program,
    console: PathBuf,
}

impl Guest {
    /// Boots one on the bridge of `space`, at 10.77.0.`host`; roles and values are those of
    /// `guest-init.sh`. What it writes goes below `folder`.
    pub(crate) fn boot(
        space: &Space,
        folder: &Path,
        (role, host): (&str, u8),
        values: &[String],
    ) -> Self {
        let console = folder.join(format!("console.{host}"));
        let log = std::fs::File::create(&console).unwrap();
        let own = folder.join(format!("guest.{host}"));
        std::fs::create_dir(&own).unwrap();
        let mut command = space.command(&format!("bash {} {}", file("guest.sh"), own.display()));
        command.arg(role).arg(format!("10.77.0.{host}/24")).args(values);
        let program = command.stdout(log).stderr(Stdio::null()).spawn().unwrap();
        Self { _program: Program(program), console }
    }

    /// What its console shows by now.
    pub(crate) fn console(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.console).unwrap()).into_owned()
    }

    /// Waits for a text on its console; a failure shows all of it.
    pub(crate) fn wait(&self, text: &str) {
        let until = Instant::now() + Duration::from_secs(240) + carrying();
        loop {
            let console = self.console();
            if console.contains(text) {
                return;
            }
            // A guest whose processes somebody stopped for a while panics.
            let died = console.contains("LAB FAIL") || console.contains("Kernel panic");
            let lost = died || Instant::now() > until;
            assert!(!lost, "{text} did not come: {console}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// Runs a shell command in the guest at this address of its outer line; what it printed.
pub(crate) fn order(space: &Space, address: &str, command: &str) -> String {
    let mut order = space.command(&format!("python3 {} do {address}", file("content.py")));
    let output = order.arg(command).output().unwrap();
    assert!(output.status.success(), "{command}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Carries octets both ways through a tunnel to what serves at this address of it, and compares
/// them by hash. What was measured is printed.
pub(crate) fn transfer(space: &Space, what: &str, address: &str) {
    let (down, up) = sizes();
    let words = format!("python3 {} fetch {address} {down} {up}", file("content.py"));
    show(what, &space.run(&words));
}

/// A line of a guest's script that does the same from there.
pub(crate) fn transfer_from_guest(address: &str) -> String {
    let (down, up) = sizes();
    format!("/usr/bin/python3 {} fetch {address} {down} {up} || say FAIL", file("content.py"))
}

/// What serves octets in a namespace, for as long as it lives.
pub(crate) fn contents(space: &Space) -> Program {
    let mut command = space.command(&format!("python3 {} serve", file("content.py")));
    let program = Program(command.stdout(Stdio::null()).spawn().unwrap());
    crate::space::wait_for("what serves", || space.run("ss -ltn").contains(":999 "));
    program
}

/// Prints what was measured, where somebody looks.
#[expect(clippy::print_stdout, reason = "the long form is run for these lines")]
pub(crate) fn show(what: &str, line: &str) {
    println!("{what}: {}", line.trim_end());
}

/// Octets down to who dials, and up from there: a few megabytes, or what the environment says.
fn sizes() -> (u64, u64) {
    let down = set("MENSHEN_TUNNEL_MEGABYTES").unwrap_or(MEGABYTES);
    let up = set("MENSHEN_TUNNEL_MEGABYTES_UP").unwrap_or(down / 4);
    (down * 1_000_000, up * 1_000_000)
}

fn set(name: &str) -> Option<u64> {
    Some(std::env::var(name).ok()?.parse().expect("a number"))
}

/// How long they may take, at [`SLOWEST`].
fn carrying() -> Duration {
    let (down, up) = sizes();
    Duration::from_secs((down + up) / SLOWEST)
}

/// Enough for some thousand packets, and done within seconds.
const MEGABYTES: u64 = 8;
/// Octets a second: a quarter of what the slowest peer moves on a machine with nothing else to do.
const SLOWEST: u64 = 300_000;
