//! Programs of others the tests compare with: found, or missed loudly; ended when dropped.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};

use super::live::wait_for;

/// A program of others that runs until dropped.
pub(crate) struct Peer(Child);

/// Where `name` is; `None` after saying so. With `MENSHEN_REQUIRE_PEERS` its absence is a failure.
#[expect(clippy::print_stderr, reason = "a test that is skipped must say so")]
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    let found = folders.map(|folder| folder.join(name)).find(|file| file.is_file());
    if found.is_none() {
        assert!(std::env::var_os("MENSHEN_REQUIRE_PEERS").is_none(), "{name} is not installed");
        eprintln!("SKIPPED: {name} is not installed");
    }
    found
}

/// What `program -v` prints, both streams.
pub(crate) fn version(program: &PathBuf) -> String {
    let output = Command::new(program).arg("-v").output().unwrap();
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

impl Peer {
    /// Starts a server and waits until it accepts on `address`.
    pub(crate) fn serve(command: &mut Command, address: SocketAddr) -> Self {
        let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let peer = Self(command.spawn().unwrap());
        wait_for("a peer that serves", || TcpStream::connect(address).is_ok());
        peer
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A loopback address nobody listens on, and that the kernel gives to nobody who asks for any port:
/// it stays free until the peer it is for has started.
pub(crate) fn free_address() -> SocketAddr {
    static STEP: AtomicU16 = AtomicU16::new(0);
    // Test programs run one after the other have process ids one after the other.
    let own = u16::try_from(std::process::id() % u32::from(PORTS)).unwrap().wrapping_mul(101);
    loop {
        let step = STEP.fetch_add(1, Ordering::Relaxed);
        let port = PORT_MIN + own.wrapping_add(step) % PORTS;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}

/// Below the ports Linux gives out by itself, which begin at 32768.
const PORT_MIN: u16 = 20_000;
const PORTS: u16 = 12_000;
