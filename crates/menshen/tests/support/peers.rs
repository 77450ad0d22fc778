//! Programs of others the tests compare with: found, or missed loudly; ended when dropped.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::live::wait_for;

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

/// A loopback address nobody listens on now.
pub(crate) fn free_address() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap()
}
